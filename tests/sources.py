"""Usage tables on each engine, made from rows, and a project that reads them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pql.config.settings import (
    DeliverySettings,
    Notifiers,
    Project,
    Schedules,
    SqlFile,
    StateSettings,
    UsageSettings,
)
from pql.domain.partials import Level
from tests.unit.domain.samples import definitions

Row = Mapping[str, Any]
ENGINES = ("duckdb", "sqlite", "postgresql")  # these run everywhere

TYPES: Mapping[str, str] = {
    "occurred_at": "instant",
    "created_at": "instant",
    "started_at": "instant",
    "ended_at": "instant",
    "trial_ends_at": "instant",
    "answered_at": "instant",
    "ingested_at": "instant",
    "quantity": "double precision",
    "employees": "double precision",
    "allowed": "double precision",
    "used": "double precision",
    "mrr": "double precision",
}
_INSTANTS = {
    "duckdb": "timestamptz",
    "postgresql": "timestamptz",
    "sqlite": "text",
    "clickhousedb": "DateTime64(6, 'UTC')",
}


def make_tables(
    url: str, tables: Mapping[str, Sequence[Row]], columns: Mapping[str, Sequence[str]], types: Mapping[str, str]
) -> None:
    """Create and fill tables; those that are there are replaced.

    Args:
        url: Of the database, writable.
        tables: The rows of each.
        columns: The columns of each.
        types: A column's SQL type, where it is not that of `TYPES`; else text.
    """
    engine = _engine(url)
    with engine.begin() as connection:
        for name, rows in tables.items():
            names = columns[name]
            kinds = [
                _type(engine.name, {**TYPES, **types}.get(f"{name}.{c}", {**TYPES, **types}.get(c))) for c in names
            ]
            declared = ", ".join(f'"{column}" {kind}' for column, kind in zip(names, kinds, strict=True))
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
            connection.exec_driver_sql(f"CREATE TABLE {name} ({declared})")
            if rows:
                _insert(connection, name, names, [[stored(engine.name, row.get(c)) for c in names] for row in rows])
    engine.dispose()


def _engine(url: str) -> sa.Engine:
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "clickhouse":
        return sa.create_engine(url, poolclass=NullPool)
    from clickhouse_connect import dbapi  # noqa: PLC0415 (comes with an extra)

    def connect() -> Any:
        connection = dbapi.connect(interface="chdb", path=str(parsed.database))
        connection.command("SET default_table_engine = 'Log', data_type_default_nullable = 1")
        return connection

    return sa.create_engine("clickhousedb://", creator=connect, poolclass=NullPool)


def _insert(connection: sa.Connection, name: str, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    if connection.dialect.name == "clickhousedb":
        # Its INSERT by SQL drops the microseconds.
        raw: Any = connection.connection.dbapi_connection
        raw.client.insert(name, rows, column_names=names)
        return
    if connection.dialect.name == "duckdb":
        # Its executemany takes a millisecond a row.
        row_text = f"({', '.join('?' * len(names))})"
        for start in range(0, len(rows), 200):
            part = rows[start : start + 200]
            written = f"INSERT INTO {name} VALUES {', '.join([row_text] * len(part))}"
            connection.exec_driver_sql(written, tuple(value for row in part for value in row))
        return
    table = sa.table(name, *(sa.column(column) for column in names))
    connection.execute(table.insert(), [dict(zip(names, row, strict=True)) for row in rows])


def _type(engine: str, kind: str | None) -> str:
    return _INSTANTS[engine] if kind == "instant" else kind or "text"


def stored(engine: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return json.dumps(value)
    if engine == "sqlite" and isinstance(value, datetime):
        return value.isoformat(sep=" ")
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


def project_over(
    url: str,
    relations: Mapping[str, str],
    *,
    folder: Path,
    lead: Level = Level.ACCOUNT,
    time_zone: str = "UTC",
    statements: Mapping[str, str] | None = None,
    **usage: Any,
) -> Project:
    """A project that reads these relations.

    Args:
        relations: The SQL of each.
        usage: More of `UsageSettings`.
    """
    return Project(
        folder=folder,
        name="Test",
        definitions=replace(definitions(), lead=lead, time_zone=time_zone),
        usage=UsageSettings(
            url=url,
            folder=folder,
            relations={name: SqlFile(path=f"sql/{name}.sql", text=text) for name, text in relations.items()},
            statements={path: SqlFile(path=path, text=text) for path, text in (statements or {}).items()},
            **usage,
        ),
        state=StateSettings(url="sqlite://"),
        delivery=DeliverySettings(),
        notifiers=Notifiers(),
        schedules=Schedules(),
    )


def writable(url: str, folder: Path) -> str:
    """The URL as the tests write to it: relative files lie in the folder."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "postgresql":
        return url
    return parsed.set(database=str(folder / str(parsed.database))).render_as_string(hide_password=False)


def count_rows(path: Path, table: str) -> int:
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    assert found is not None
    return int(found[0])
