"""Statements that SQLite and PostgreSQL write alike, but SQLAlchemy keeps in two places."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.dialects import postgresql, sqlite

from pql.store.values import chunks

MANY = 500  # rows that SQLite is given in one statement
PARAMETERS = 32_000  # and no more cells
ROWS = 5_000  # a statement's rows at a time: bounds the memory, costs nothing
PIECE = 50_000  # rows read at a time


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert(connection: sa.Connection, table: sa.Table, rows: Collection[Mapping[str, Any]]) -> None:
    """Add rows that must be new."""
    for chunk in chunks(rows, ROWS):
        connection.execute(sa.insert(table), chunk)


def insert_new(
    connection: sa.Connection, table: sa.Table, rows: Collection[Mapping[str, Any]], *, key: Sequence[str] = ()
) -> int:
    """Add the rows whose keys (any unique ones, or those named) are not there yet; how many."""
    # A row count is not known of many rows at once on PostgreSQL; what is returned can be counted.
    added = (
        _insert(connection, table)
        .on_conflict_do_nothing(index_elements=list(key) or None)
        .returning(*table.primary_key.columns)
    )
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


def of_leads(query: sa.Select[Any], column: sa.Column[Any], ids: Collection[str] | None) -> Iterable[sa.Select[Any]]:
    """A query's parts, each of some of the leads; None: all, in one part."""
    if ids is None:
        return [query]
    return (query.where(column.in_(chunk)) for chunk in chunks(sorted(set(ids)), 2_000))


def rows_of_leads(
    connection: sa.Connection, query: sa.Select[Any], column: sa.Column[Any], ids: Collection[str] | None
) -> list[sa.Row[*tuple[Any, ...]]]:
    """The rows of a query of some of the leads; None: of all."""
    return [row for part in of_leads(query, column, ids) for row in connection.execute(part)]


def bare(connection: sa.Connection, query: sa.Select[Any]) -> list[tuple[Any, ...]]:
    """A query's rows as the driver gives them: whole numbers for true and false, where the database has no others."""
    with connection.execute(query) as result:
        # To make a row object of SQLAlchemy's for each lead costs more than to read it.
        source: Any = result.cursor
        return list(source.fetchall())


def upsert_from(connection: sa.Connection, table: sa.Table, source: sa.Select[Any]) -> None:
    """Add the rows of a query, whose columns bear the names of the table's, or write over those with the same key."""
    names = [column.name for column in source.selected_columns]
    key = [column.name for column in table.primary_key.columns]
    statement = _insert(connection, table).from_select(names, source)
    changes = {name: statement.excluded[name] for name in names if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes))


def fetched(connection: sa.Connection, query: sa.Select[Any], types: Sequence[Any]) -> pd.DataFrame:
    """A query's rows as a frame, one type a column; piece by piece, so that a million rows are never all objects."""
    names = [column.name for column in query.selected_columns]
    with connection.execute(query) as result:
        # The driver's own tuples: to make a row object of SQLAlchemy's for each lead costs more than to read it.
        source: Any = result.cursor
        pieces = [_piece(rows, names, types) for rows in iter(lambda: source.fetchmany(PIECE), [])]
    return pd.concat(pieces, ignore_index=True) if pieces else _piece([], names, types)


def _piece(rows: Sequence[Iterable[Any]], names: Sequence[str], types: Sequence[Any]) -> pd.DataFrame:
    cells = zip(*rows, strict=True) if rows else ((),) * len(names)
    columns = zip(names, cells, types, strict=True)
    return pd.DataFrame({name: np.array(cell, dtype=kind) for name, cell, kind in columns}, copy=False)


def upserted_one(
    connection: sa.Connection, table: sa.Table, row: Mapping[str, Any], replaced: Mapping[str, Any]
) -> postgresql.Insert | sqlite.Insert:
    """The statement that adds one row, or changes the one with the same primary key as `replaced` says."""
    key = [column.name for column in table.primary_key.columns]
    return _insert(connection, table).values(**row).on_conflict_do_update(index_elements=key, set_=dict(replaced))


def analyze(connection: sa.Connection, table: sa.Table) -> None:
    """Let PostgreSQL's planner know of what was added, within the transaction; SQLite plans by the indexes alone."""
    if connection.dialect.name == "postgresql":
        name = connection.dialect.identifier_preparer.format_table(table)
        connection.execute(sa.text("ANALYZE " + name))


def write_rows(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[str],
    rows: Sequence[tuple[Any, ...]],
    *,
    key: Sequence[str],
    also: Mapping[str, sa.ColumnElement[Any]] | None = None,
) -> None:
    """Add many rows, or write over those with the same key, as fast as the driver can; see decision 086.

    Args:
        connection: Within its transaction.
        table: Where to.
        columns: What the cells of a row are; the others keep what they have, or get their default.
        rows: The cells.
        key: The columns of the primary key.
        also: What further columns become in a row that is there; see `new`.
    """
    if not rows:
        return
    statement = _insert(connection, table)
    further = dict(also or {})
    if connection.dialect.name != "postgresql":
        changes = further | {name: statement.excluded[name] for name in columns if name not in key}
        upserted = statement.on_conflict_do_update(index_elements=list(key), set_=changes)
        compiled = upserted.compile(dialect=connection.dialect, column_keys=list(columns))
        order = [columns.index(name) for name in compiled.positiontup or ()]
        ordered = rows if order == list(range(len(order))) else list(map(itemgetter(*order), rows))
        for text, part in _many_at_once(str(compiled), ordered, len(order)):
            connection.exec_driver_sql(text, part)
        return
    staged = _staged(connection, table, columns)
    _copy(connection, staged, rows)
    source = statement.from_select(list(columns), sa.select(*(staged.c[name] for name in columns)))
    changes = further | {name: source.excluded[name] for name in columns if name not in key}
    connection.execute(source.on_conflict_do_update(index_elements=list(key), set_=changes))


def _many_at_once(statement: str, rows: Sequence[tuple[Any, ...]], width: int) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The statement for hundreds of rows each time, with their cells.

    Between two steps of SQLite's each thread may run, and the one that writes waits for its turn again: row by row it
    waits for what makes the next rows.
    """
    before, _, after = statement.partition("VALUES ")
    one, _, after = after.partition(")")
    at_once = max(1, min(MANY, PARAMETERS // width))
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        yield f"{before}VALUES {', '.join([one + ')'] * len(part))}{after}", tuple(chain.from_iterable(part))


def _staged(connection: sa.Connection, table: sa.Table, columns: Sequence[str]) -> sa.Table:
    """An empty table for this session alone, that ends with the transaction."""
    own = [sa.Column(name, table.c[name].type) for name in columns]
    staged = sa.Table(f"new_{table.name}", sa.MetaData(), *own, prefixes=["TEMPORARY"], postgresql_on_commit="DROP")
    if connection.scalar(sa.select(sa.func.to_regclass(f"pg_temp.{staged.name}"))) is None:
        staged.create(connection)
    else:
        # Deleted rows would be read again with each part: within the transaction nothing clears them away.
        connection.execute(sa.text("TRUNCATE " + connection.dialect.identifier_preparer.format_table(staged)))
    return staged


_POSTGRES_TYPES = {sa.Text: "text", sa.BigInteger: "int8", sa.Integer: "int4", sa.Float: "float8"} | {
    sa.Boolean: "bool",
    sa.LargeBinary: "bytea",
}


def _copy(connection: sa.Connection, table: sa.Table, rows: Iterable[tuple[Any, ...]]) -> None:
    names = [column.name for column in table.columns]
    into = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)")
    statement = into.format(sql.Identifier(table.name), sql.SQL(", ").join(map(sql.Identifier, names)))
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([_POSTGRES_TYPES[type(column.type)] for column in table.columns])
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise sa.exc.DBAPIError.instance(
            statement.as_string(), None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from error


def new(connection: sa.Connection, table: sa.Table, column: str) -> sa.ColumnElement[Any]:
    """The value of a column in the row that an upsert brings, for `replaced`."""
    return _insert(connection, table).excluded[column]
