"""Worlds of made-up usage: as skewed and clustered as in life, or spread evenly, which is the hard case.

The rows are made by DuckDB itself from hashes of a seed, so equal parameters give equal rows with one version of it.
A world has a history that has landed, and days that have not: each measured increment lands one.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import duckdb

from pql.domain.calendar import Calendar, to_micros

CALENDAR = Calendar(ZoneInfo("Europe/Berlin"))
# The first midnight after the history; the clock was set forward eleven days before.
LANDED_UNTIL = CALENDAR.day_of(datetime(2026, 4, 9, 12, tzinfo=UTC))
# By popularity, the most popular first.
EVENTS = (
    *("query_run", "chart_viewed", "logged_in", "dashboard_opened", "api_called", "export_run", "chart_built"),
    *("report_opened", "report_shared", "comment_written", "filter_set", "file_uploaded", "alert_set", "search_done"),
    *("template_used", "member_invited", "pricing_viewed", "paywall_viewed", "integration_connected", "member_removed"),
)
SESSION_EVENTS = 9.0  # the mean length of a session
LOST_TO_BIRTHS = 0.847  # the share of a skewed world's sessions whose account is there already
WEEKDAYS = (1.25, 1.3, 1.3, 1.25, 1.15, 0.4, 0.35)  # Monday to Sunday
QUERIES = Path(__file__).parent / "sql"

COLUMNS: Mapping[str, str] = {
    "account_id": "VARCHAR",
    "user_id": "VARCHAR",
    "occurred_at": "TIMESTAMPTZ",
    "event": "VARCHAR",
    "feature": "VARCHAR",
    "quantity": "DOUBLE",
    "ingested_at": "TIMESTAMPTZ",
}


@dataclass(frozen=True, kw_only=True)
class World:
    """The parameters of a world.

    Args:
        kind: "skewed" or "even".
        events: About so many in the history.
        accounts: So many; in a skewed world a third of them begin within the history.
        users: So many; at least 3 an account.
        days: The days of the history.
        landings: Further days, each of the same volume.
        late: The share of sessions that arrives one to three days late (skewed only).
        seed: Equal seeds give equal rows.
    """

    kind: Literal["skewed", "even"] = "skewed"
    events: int
    accounts: int
    users: int
    days: int
    landings: int = 0
    late: float = 0.005
    seed: int = 7

    @property
    def first_day(self) -> int:
        """The number of the first day of the history."""
        return LANDED_UNTIL - self.days

    def end_of(self, landed: int) -> datetime:
        """The midnight that ends the newest day, when so many of the landings have landed."""
        return CALENDAR.start_of(LANDED_UNTIL + landed)

    def words(self) -> str:
        """The parameters, for the table."""
        late = f", {self.late:.1%} of the sessions up to 3 days late" if self.kind == "skewed" else ""
        return (
            f"{self.kind}: {self.events:,} events, {self.accounts:,} accounts, {self.users:,} users, "
            f"{self.days} days{late}, seed {self.seed}"
        )

    def as_json(self) -> dict[str, Any]:
        """For another process: `World(**json)`."""
        return asdict(self)


def build_duckdb(world: World, file: Path) -> int:
    """Write the world as a database: `events`, `landing` (with its day), `accounts`, `users`; returns the events."""
    with connected(file) as connection:
        make_members(world, connection)
        declared = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        connection.execute(f"CREATE TABLE events ({declared})")
        connection.execute(f"CREATE TABLE landing ({declared}, landing INTEGER)")
        # In one transaction, so that the rows are written once and not to the log before.
        connection.begin()
        for day in range(world.first_day, LANDED_UNTIL):
            insert(connection, "INSERT INTO events", world, day)
        connection.commit()
        for landing in range(world.landings):
            text = f"INSERT INTO landing SELECT *, {landing} FROM"
            insert(connection, text, world, LANDED_UNTIL + landing)
        return count(connection, "SELECT count(*) FROM events")


def build_parquet(world: World, folder: Path) -> int:
    """Write the world's events as Parquet, `events/day=<UTC day>/*.parquet`, and the members as a database beside."""
    shutil.rmtree(folder / "events", ignore_errors=True)
    with connected(folder / "members.duckdb") as connection:
        make_members(world, connection)
        for day in range(world.first_day, LANDED_UNTIL):
            query, parameters = arrivals(world, day)
            connection.execute(f"CREATE OR REPLACE TEMPORARY TABLE arrived AS {query}", parameters)
            connection.execute(
                "COPY (SELECT *, CAST(occurred_at AT TIME ZONE 'UTC' AS DATE) AS day FROM arrived) "
                f"TO '{folder / 'events'}' (FORMAT parquet, PARTITION_BY (day), OVERWRITE_OR_IGNORE, "
                f"FILENAME_PATTERN 'arrived_{day}_{{i}}')"
            )
        for name in ("accounts", "users"):
            connection.execute(f"COPY {name} TO '{folder / name}.parquet' (FORMAT parquet)")
        return count(connection, f"SELECT count(*) FROM read_parquet('{folder}/events/*/*.parquet')")


def land(file: Path, landing: int) -> int:
    """Let one more day of a DuckDB world land; returns how many events it has."""
    with connected(file, calendar=False) as connection:
        names = ", ".join(COLUMNS)
        return count(
            connection,
            f"INSERT INTO events SELECT {names} FROM landing WHERE landing = {landing} ORDER BY ingested_at",
        )


def insert(connection: duckdb.DuckDBPyConnection, into: str, world: World, day: int) -> None:
    """Put a day's arrivals into a table."""
    query, parameters = arrivals(world, day)
    connection.execute(f"{into} ({query})", parameters)


def arrivals(world: World, day: int) -> tuple[str, dict[str, object]]:
    """The SELECT of what arrives on a day, and its parameters."""
    parameters: dict[str, object] = {
        "seed": world.seed,
        "day": day,
        "start": to_micros(CALENDAR.start_of(day)),
        "end": to_micros(CALENDAR.start_of(day + 1)),
        "accounts": world.accounts,
        "users": world.users,
        "events": list(EVENTS),
    }
    if world.kind == "skewed":
        parameters |= {"late": world.late, "first_day": world.first_day, "days": world.days}
    return (QUERIES / f"world_{world.kind}.sql").read_text(encoding="utf-8"), parameters


def make_members(world: World, connection: duckdb.DuckDBPyConnection) -> None:
    """The accounts, their users, and the calendar of how much happens on which day."""
    rows = [(day, to_micros(CALENDAR.start_of(day)), number) for day, number in drawn_a_day(world).items()]
    connection.execute("CREATE TEMPORARY TABLE calendar (day INTEGER, start_at BIGINT, sessions BIGINT)")
    connection.executemany("INSERT INTO calendar VALUES (?, ?, ?)", rows)
    begin = {"days": world.days, "zero": CALENDAR.start_of(world.first_day), "skewed": world.kind == "skewed"}
    accounts = (QUERIES / "world_accounts.sql").read_text(encoding="utf-8")
    connection.execute(f"CREATE TABLE accounts AS {accounts}", begin | {"seed": world.seed, "accounts": world.accounts})
    users = (QUERIES / f"world_users_{world.kind}.sql").read_text(encoding="utf-8")
    size = {"seed": world.seed, "accounts": world.accounts, "users": world.users}
    connection.execute(f"CREATE TABLE users AS {users}", size)


def drawn_a_day(world: World) -> Mapping[int, int]:
    """How many sessions (even: events) are drawn for each day."""
    days = range(world.first_day, LANDED_UNTIL + world.landings)
    mean = world.events / world.days
    if world.kind == "even":
        return dict.fromkeys(days, round(mean))
    # Day 0 was a Thursday.
    return {day: round(mean * WEEKDAYS[(day + 3) % 7] / SESSION_EVENTS / LOST_TO_BIRTHS) for day in days}


class connected:  # noqa: N801 - a context manager, used like a function
    """A writable database, in UTC."""

    def __init__(self, file: Path, *, calendar: bool = True) -> None:
        if calendar:
            file.unlink(missing_ok=True)
        self._connection = duckdb.connect(str(file))
        self._connection.execute("SET TimeZone = 'UTC'")

    def __enter__(self) -> duckdb.DuckDBPyConnection:
        return self._connection

    def __exit__(self, *_exc: object) -> None:
        self._connection.close()


def count(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    """The one number that a query gives."""
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def batches(connection: duckdb.DuckDBPyConnection, query: str, size: int) -> Iterator[Sequence[tuple[Any, ...]]]:
    """The rows of a query, so many at a time."""
    result = connection.execute(query)
    while rows := result.fetchmany(size):
        yield rows
