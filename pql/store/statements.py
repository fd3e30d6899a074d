"""Statements that SQLite and PostgreSQL write alike, but SQLAlchemy keeps in two places."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from pql.store.values import chunks

ROWS = 5_000  # a statement's rows at a time: bounds the memory, costs nothing


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert(connection: sa.Connection, table: sa.Table, rows: Collection[Mapping[str, Any]]) -> None:
    """Add rows that must be new."""
    for chunk in chunks(rows, ROWS):
        connection.execute(sa.insert(table), chunk)


def insert_new(connection: sa.Connection, table: sa.Table, rows: Collection[Mapping[str, Any]]) -> int:
    """Add the rows whose keys are not there yet; how many."""
    # A row count is not known of many rows at once on PostgreSQL; what is returned can be counted.
    added = _insert(connection, table).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return sum(len(connection.execute(added, chunk).all()) for chunk in chunks(rows, ROWS))


def upsert(
    connection: sa.Connection,
    table: sa.Table,
    rows: Collection[Mapping[str, Any]],
    *,
    key: Sequence[str],
    replaced: Mapping[str, sa.ColumnElement[Any]] | None = None,
) -> None:
    """Add rows, or write over those with the same key.

    `replaced` says what columns become in a row that is there (see `new`); None: all columns but the key.
    """
    statement = _insert(connection, table)
    changes: Mapping[str, Any] = replaced or {
        column.name: statement.excluded[column.name] for column in table.columns if column.name not in key
    }
    upserted = statement.on_conflict_do_update(index_elements=list(key), set_=dict(changes))
    for chunk in chunks(rows, ROWS):
        connection.execute(upserted, chunk)


def new(connection: sa.Connection, table: sa.Table, column: str) -> sa.ColumnElement[Any]:
    """The value of a column in the row that an upsert brings, for `replaced`."""
    return _insert(connection, table).excluded[column]
