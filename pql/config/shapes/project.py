"""config/pql.yml: connections, schedules, delivery."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from pql.config.settings import (
    DeliverySettings,
    MetricsSettings,
    RollupSettings,
    Schedules,
    StateSettings,
    WatchSettings,
)
from pql.config.shapes.base import Name, Ratio, Schedule, Shape, Text, Zone, positive, wrong
from pql.domain.durations import Duration
from pql.domain.partials import Level
from pql.domain.source_health import Expectation

STATE_ENGINES = ("sqlite", "postgresql")


def _url(text: str) -> str:
    # Never repeated: an address may hold a password.
    scheme, separator, _ = text.partition("://")
    if not separator or not scheme.replace("+", "").replace("_", "").isalnum():
        raise wrong("C072", "the address is no database URL", "like duckdb:///data/usage.duckdb or postgresql://...")
    return text


def _state_url(text: str) -> str:
    engine = _url(text).partition(":")[0].partition("+")[0]
    if engine not in STATE_ENGINES:
        message = f"'{engine}' cannot hold the state"
        raise wrong("C072", message, "sqlite:///var/state.db or postgresql+psycopg://...")
    return text


class RollupIn(Shape):
    """Where daily partial results are kept, so that a run costs what is new."""

    home: Literal["local", "source"] = Field(
        description="local: an embedded DuckDB file of ours; source: a schema of ours beside the usage tables."
    )
    path: Text = Field(default="var/rollup.duckdb", description="The local file, relative to the project's folder.")
    table_schema: Name = Field(default="pql_rollup", alias="schema", description="The schema in the source.")
    late: Duration = Field(
        default=Duration.of_days(7),
        description="Events that arrive later than this after they occurred are reported and not counted.",
    )
    backfill: Duration = Field(
        default=Duration(600), description="For so long a run fills in the past of new definitions; the next goes on."
    )

    def build(self) -> RollupSettings:
        """The domain's value."""
        return RollupSettings(
            home=self.home, path=self.path, schema=self.table_schema, late=self.late, backfill=self.backfill
        )


class ExpectIn(Shape):
    """What is expected of a relation; a run stops, and tells the operator, when it is not so."""

    every: Annotated[Duration, positive("every")] | None = Field(
        default=None,
        description="The newest row is at most so old; rows may arrive so late. By default any age is well.",
    )
    by: Name | None = Field(
        default=None,
        description="The column that tells when a row came; by default ingested_at, occurred_at, created_at, "
        "started_at or answered_at, whichever the relation has.",
    )
    fewer: Ratio = Field(default=0.5, description="Less than this share of the usual number of rows is too few.")
    more: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        default=2.0, description="More than this many times the usual number of rows is too many."
    )
    nulls: Ratio = Field(
        default=0.2, description="By so much may the share of empty values in a column lie above the usual one."
    )

    def build(self) -> Expectation:
        """The domain's value."""
        return Expectation(every=self.every, by=self.by or "", fewer=self.fewer, more=self.more, nulls=self.nulls)


class ExpectedIn(Shape):
    """What is expected of each relation; one that is not named is not looked at, but for what would lose leads."""

    events: ExpectIn | None = Field(default=None, description="What is expected of events.")
    accounts: ExpectIn | None = Field(default=None, description="What is expected of accounts.")
    users: ExpectIn | None = Field(default=None, description="What is expected of users.")
    subscriptions: ExpectIn | None = Field(default=None, description="What is expected of subscriptions.")
    touches: ExpectIn | None = Field(default=None, description="What is expected of touches.")
    allowances: ExpectIn | None = Field(default=None, description="What is expected of allowances.")
    answers: ExpectIn | None = Field(default=None, description="What is expected of answers.")
    deals: ExpectIn | None = Field(default=None, description="What is expected of deals.")

    def build(self) -> dict[str, Expectation]:
        """The domain's values by relation."""
        return {name: expected.build() for name, expected in self if isinstance(expected, ExpectIn)}


class WatchIn(Shape):
    """How far each look for moments goes back behind the last one."""

    overlap: Annotated[Duration, positive("the overlap")] = Field(
        default=Duration(600),
        description="So far is read again: by `ingested_at`, and without that column by `occurred_at`; set it as "
        "long as rows may take to land.",
    )
    late: Annotated[Duration, positive("the age")] = Field(
        default=Duration.of_days(1),
        description="Rows that happened longer ago than this are left to the main job, whenever they arrived.",
    )

    def build(self) -> WatchSettings:
        """The domain's value."""
        return WatchSettings(overlap=self.overlap, late=max(self.late, self.overlap))


class UsageIn(Shape):
    """Where the usage lies and how it is read."""

    url: Annotated[str, AfterValidator(_url)] = Field(
        description="A SQLAlchemy URL; relative DuckDB and SQLite paths start at the project's folder."
    )
    files: dict[Name, Text] = Field(
        default={},
        description="Views over Parquet or CSV files by name (DuckDB, Spark): `events: data/events/*.parquet`.",
    )
    naive_time_zone: Zone = Field(default="UTC", description="The zone of timestamps that bear none.")
    variables: dict[Name, Any] = Field(default={}, description="What the SQL's Jinja sees beside `start` and `end`.")
    rollup: RollupIn | None = Field(
        default=None, description="Where daily partial results are kept; without it each run reads all events anew."
    )
    expect: ExpectedIn = Field(
        default=ExpectedIn(), description="How fresh and how large each relation is expected to be."
    )
    watch: WatchIn = Field(default=WatchIn(), description="How far each look for moments goes back behind the last.")


class StateIn(Shape):
    """Where we remember."""

    url: Annotated[str, AfterValidator(_state_url)] = Field(description="A SQLAlchemy URL of SQLite or PostgreSQL.")

    def build(self) -> StateSettings:
        """The domain's value."""
        return StateSettings(url=self.url)


class AddressesIn(Shape):
    """An address for each channel."""

    slack: str | None = Field(default=None, description="A Slack channel, or an address of a Slack user.")
    email: str | None = Field(default=None, description="An email address.")
    webhook: str | None = Field(default=None, description="An https address.")
    file: str | None = Field(default=None, description="A name; the file channel writes it down.")

    def build(self) -> dict[str, str]:
        """The addresses that are given."""
        return {name: str(address) for name, address in self if address}


class DeliveryIn(Shape):
    """Whether anything is sent."""

    mode: Literal["off", "redirect", "on"] = Field(
        default="off",
        description="off: all is decided and shown, nothing sent; redirect: all goes to the addresses below.",
    )
    redirect: AddressesIn = Field(default=AddressesIn(), description="Where everything goes in the mode redirect.")
    operator: AddressesIn = Field(
        default=AddressesIn(), description="Whom to tell when the program itself has trouble."
    )
    workers: Annotated[int, Field(ge=1, le=32)] | None = Field(
        default=None,
        description="How many messages of one channel are sent at once. By default 4 on PostgreSQL, 1 on SQLite.",
    )

    def build(self) -> DeliverySettings:
        """The domain's value."""
        return DeliverySettings(
            mode=self.mode, redirect=self.redirect.build(), operator=self.operator.build(), workers=self.workers
        )


class SchedulesIn(Shape):
    """When `pql serve` does what: an interval, or a cron expression in the project's time zone."""

    run: Schedule = Field(default="15 minutes", description="Measure, score, decide.")
    watch: Schedule = Field(default="1 minute", description="Look for moments in what has just arrived.")
    deliver: Schedule = Field(default="2 seconds", description="Send what waits in the outbox.")
    digest: Schedule = Field(
        default="5 minutes", description="Look for digests that are due; each is still written once."
    )
    remind: Schedule = Field(default="5 minutes", description="Look for leads that nobody took.")

    def build(self) -> Schedules:
        """The domain's value."""
        return Schedules(run=self.run, watch=self.watch, deliver=self.deliver, digest=self.digest, remind=self.remind)


def _listen(text: str) -> str:
    host, _, port = text.rpartition(":")
    if text != "off" and not (host and port.isascii() and port.isdigit() and 0 <= int(port) < 65_536):
        raise ValueError(f"'{text}' is no host and port; write one like 127.0.0.1:9464, or off")
    return text


class MetricsIn(Shape):
    """What `pql serve` shows of itself to Prometheus and to probes."""

    listen: Annotated[str, AfterValidator(_listen)] = Field(
        default="127.0.0.1:9464",
        description="Host and port of `/metrics` and `/healthz`, or `off`. They need no login: keep them inside.",
    )

    def build(self) -> MetricsSettings:
        """The domain's value."""
        if self.listen == "off":
            return MetricsSettings(host="", port=0)
        host, _, port = self.listen.rpartition(":")
        return MetricsSettings(host=host.strip("[]"), port=int(port))


class ProjectFile(Shape):
    """The project: its name and zone, its databases, when it runs and whether it sends."""

    project: Text = Field(description="The company's name, shown in messages.")
    time_zone: Zone = Field(description="The zone whose calendar days count.")
    lead: Level = Field(default=Level.ACCOUNT, description="What a lead is: `account`, `user` or `company`.")
    usage: UsageIn = Field(description="Where the usage lies.")
    state: StateIn = Field(description="Where we remember.")
    delivery: DeliveryIn = Field(default=DeliveryIn(), description="Whether anything is sent.")
    schedules: SchedulesIn = Field(default=SchedulesIn(), description="When `pql serve` does what.")
    metrics: MetricsIn = Field(default=MetricsIn(), description="What `pql serve` shows of itself.")
    links: dict[Text, Text] = Field(
        default={}, description="Jinja templates of URLs by label, shown under each message; they see `lead`."
    )
