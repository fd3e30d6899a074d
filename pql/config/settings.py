"""How a project is wired: connections, channels, schedules. Secrets stand here as values and are never shown."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pql.domain.definitions import Definitions
from pql.domain.durations import Duration
from pql.domain.source_health import Expectation


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlFile:
    """A SELECT of the team's: `path` is relative to the project (`sql/events.sql`), `text` as written (Jinja)."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollupSettings:
    """Where the daily partial results are kept.

    Args:
        home: `local`: an embedded DuckDB file of ours; `source`: a schema of ours beside the usage tables.
        path: The local file, relative to the project's folder.
        schema: The schema in the source.
        late: Events that arrive later than this after they occurred are reported and not counted.
        backfill: For so long a run fills in the past of new definitions; the next run goes on.
    """

    home: Literal["local", "source"] = "local"
    path: str = "var/rollup.duckdb"
    schema: str = "pql_rollup"
    late: Duration = Duration.of_days(7)
    backfill: Duration = Duration(600)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """How far each look of the watch goes back behind the last one.

    Args:
        overlap: By `ingested_at` where events tell it, else by `occurred_at`.
        late: Rows that happened longer ago than this are left to the main job, whenever they arrived.
    """

    overlap: Duration = Duration(600)
    late: Duration = Duration.of_days(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSettings:
    """Where the usage lies and how it is read.

    Args:
        url: A SQLAlchemy URL; relative DuckDB and SQLite paths are resolved against the project's folder.
        files: Views over files by name, for DuckDB and Spark: `events: data/events/*.parquet`, `accounts: a.csv`.
            CSV columns are all read as text, so that ids keep their zeros and `NA` stays a country.
        naive_time_zone: The zone of timestamps that bear none.
        relations: The project's `sql/<relation>.sql` by relation.
        statements: The project's `sql/measures/*.sql` by path.
        variables: What the SQL's Jinja sees beside `start` and `end`.
        rollup: None: every evaluation reads the events themselves.
        expect: What is expected of relations, by name: how fresh they are, and how like their past.
        watch: How the watch reads what has just arrived.
    """

    url: str = field(repr=False)
    files: Mapping[str, str] = field(default_factory=dict)
    naive_time_zone: str = "UTC"
    relations: Mapping[str, SqlFile] = field(default_factory=dict)
    statements: Mapping[str, SqlFile] = field(default_factory=dict)
    variables: Mapping[str, object] = field(default_factory=dict)
    rollup: RollupSettings | None = None
    expect: Mapping[str, Expectation] = field(default_factory=dict)
    watch: WatchSettings = WatchSettings()
    folder: Path = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class StateSettings:
    """Where we remember: a SQLAlchemy URL of SQLite or PostgreSQL."""

    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """Whether anything is sent.

    Args:
        mode: off: everything is decided and shown, nothing sent; redirect: all goes to one address a channel.
        redirect: The address for each channel in mode redirect.
        operator: Whom to tell when the program itself has trouble: an address for each channel.
        workers: How many messages of one channel are sent at once; None: 4 on PostgreSQL, 1 on SQLite.
    """

    mode: Literal["off", "redirect", "on"] = "off"
    redirect: Mapping[str, str] = field(default_factory=dict)
    operator: Mapping[str, str] = field(default_factory=dict)
    workers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSettings:
    """The Slack channel; `base_url` points it at another server in tests."""

    token: str = field(repr=False)
    base_url: str = "https://slack.com/api/"
    timeout: Duration = Duration(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSettings:
    """The email channel. `security`: `starttls` (port 587), `tls` (465) or `none` (tests and local relays)."""

    host: str
    port: int
    security: Literal["starttls", "tls", "none"]
    sender: str
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    timeout: Duration = Duration(20)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """The webhook channel. Its path and query may hold a secret, so the URL is not shown.

    Args:
        secrets: `whsec_` and base64; each message is signed with all, so that they can be changed one after another.
        allow_http: Whether `url` may be http.
        allow_private: Names and networks (`10.1.0.0/16`) that need not be on the public internet.
    """

    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    allow_http: bool = False
    allow_private: tuple[str, ...] = ()
    ca_file: str = ""
    timeout: Duration = Duration(10)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """The file channel: messages are written below `folder`, as JSON, text and HTML."""

    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Notifiers:
    """The channels that are set up, and their templates: `templates["slack"]["qualification.json.j2"]` is its text."""

    slack: SlackSettings | None = None
    email: EmailSettings | None = None
    webhook: WebhookSettings | None = None
    file: FileSettings | None = None
    templates: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Where `pql serve` shows its figures (`/metrics`) and that it lives (`/healthz`); an empty host: nowhere."""

    host: str = "127.0.0.1"
    port: int = 9464


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedules:
    """When `pql serve` does what: an interval, or a cron expression in the project's zone."""

    run: str = "15 minutes"
    watch: str = "1 minute"
    deliver: str = "2 seconds"
    digest: str = "5 minutes"
    remind: str = "5 minutes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A checked project folder.

    Args:
        links: Templates of URLs by label, rendered with `lead`: `Open in CRM: https://crm.example.com/{{ lead.id }}`.
    """

    folder: Path
    name: str
    definitions: Definitions
    usage: UsageSettings
    state: StateSettings
    delivery: DeliverySettings
    notifiers: Notifiers
    schedules: Schedules
    links: Mapping[str, str] = field(default_factory=dict)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
