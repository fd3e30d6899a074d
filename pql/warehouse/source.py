"""The usage database, asked politely: one connection, opened when first needed, that only reads."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from pql.config.settings import UsageSettings
from pql.errors import SourceMismatch, SourceUnreachable, WarehouseError
from pql.warehouse.engines import Described, Engine, engine_for

# PostgreSQL's classes of errors that are about the server and not about the statement.
_SERVER_TROUBLE = ("08", "53", "57", "58")
_FILE_TROUBLE = ("unable to open", "database is locked", "disk i/o error", "image is malformed", "not a database")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A statement that was sent.

    Args:
        what: Which file it reads, or words.
        sql: As it was sent, with its values in place where they can be.
        bytes_to_scan: What it was going to read, where the database tells; None where it does not.
    """

    what: str
    sql: str
    bytes_to_scan: int | None


class Source:
    """Statements in, frames out. Driver errors become SourceUnreachable or SourceMismatch, without secrets."""

    def __init__(self, usage: UsageSettings, watch: Callable[[Asked], None] | None = None) -> None:
        self.usage = usage
        self._watch = watch
        self.engine: Engine = engine_for(usage)
        self._sa: sa.Engine | None = None
        self._connection: sa.Connection | None = None
        self._temporary: dict[str, sa.Table] = {}
        self._refused = not self.engine.allows_temporary

    def connection(self) -> sa.Connection:
        """The open connection.

        Raises:
            SourceUnreachable: There is none to be had.
        """
        if self._connection is None:
            try:
                self._sa = self._sa or self.engine.create()
                self._connection = self._sa.connect()
                self.engine.prepare(self._connection)
            except sa.exc.DBAPIError as exc:
                self._drop_connection()
                raise SourceUnreachable(
                    f"{self._place} cannot be opened: {self._says(exc)}; see usage in config/pql.yml"
                ) from None
        return self._connection

    def fetch(
        self, statement: sa.Executable, what: str, parameters: Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """All rows of a SELECT.

        Args:
            statement: A SELECT.
            what: What is read, for errors: `sql/events.sql`.
            parameters: Values for its parameters.
        """
        with self.asking(what) as connection:
            self.tell(statement, what, connection)
            return self.engine.fetch(connection, statement, dict(parameters or {}))

    def tell(
        self, statement: sa.Executable, what: str, connection: sa.Connection, engine: Engine | None = None
    ) -> None:
        """Tell who watches what is about to be asked; `engine`: of another database than the source."""
        if self._watch is None or not isinstance(statement, sa.sql.ClauseElement):
            return
        bytes_to_scan = (engine or self.engine).bytes_to_scan(connection, statement)
        self._watch(Asked(what=what, sql=_written(statement, connection), bytes_to_scan=bytes_to_scan))

    def fetch_arrow(self, statement: sa.Executable, what: str) -> pa.Table:
        """All rows of a SELECT, as Arrow."""
        with self.asking(what) as connection:
            self.tell(statement, what, connection)
            return self.engine.fetch_arrow(connection, statement, {})

    def describe(self, sql: str, path: str) -> Mapping[str, Described]:
        """The columns of a team's SELECT and what they hold, without reading a row."""
        with self.asking(path, lines_before=1) as connection:
            return self.engine.describe(connection, sql)

    def fill(self, name: str, columns: Sequence[sa.Column[Any]], select: sa.Select[Any], what: str) -> sa.Table | None:
        """A temporary table with the rows of a SELECT; None where the database allows none.

        Args:
            name: Of the table; one of the same name is replaced.
            columns: In the order of the SELECT.
            select: The rows.
            what: For errors.
        """
        table = self._create(name, columns)
        if table is not None:
            with self.asking(what) as connection:
                self.tell(select, what, connection)
                self.engine.fill_temporary(connection, table, select)
                connection.commit()
        return table

    def _create(self, name: str, columns: Sequence[sa.Column[Any]]) -> sa.Table | None:
        connection = self.connection()
        if self._refused:
            return None
        self.drop(name)
        try:
            connection.commit()
            self.engine.allow_temporary(connection)
            table = self.engine.create_temporary(connection, name, columns)
            connection.commit()
        except sa.exc.DBAPIError as exc:
            if not self.engine.refuses_temporary(exc):
                raise self._translated(exc, name, 0) from None
            connection.rollback()
            self._refused = True
            return None
        self._temporary[name] = table
        return table

    def drop(self, name: str) -> None:
        """Drop a temporary table, if it is there."""
        table = self._temporary.pop(name, None)
        if table is None or self._connection is None:
            return
        with self.asking(name) as connection:
            connection.commit()
            self.engine.allow_temporary(connection)
            self.engine.drop_temporary(connection, table)
            connection.commit()

    @contextmanager
    def asking(self, what: str, *, lines_before: int = 0) -> Iterator[sa.Connection]:
        """The connection, for statements about `what`; errors are translated, and the transaction ended.

        Args:
            what: The file that the SQL comes from, or words.
            lines_before: How many lines of ours stand before the team's SQL.
        """
        connection = self.connection()
        try:
            yield connection
        except sa.exc.DBAPIError as exc:
            raise self._translated(exc, what, lines_before) from None

    def close(self) -> None:
        """Give the connection, and with it all temporary tables, back."""
        self._temporary.clear()
        self._drop_connection()
        if self._sa is not None:
            self._sa.dispose()

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        self._temporary.clear()
        if connection is not None:
            # A lost connection cannot be closed politely.
            try:
                connection.close()
            except sa.exc.DBAPIError:
                connection.invalidate()

    def _translated(self, exc: sa.exc.DBAPIError, what: str, lines_before: int) -> WarehouseError:
        says, line = self._says(exc), self.engine.error_line(exc)
        if self._is_trouble(exc):
            self._drop_connection()
            return SourceUnreachable(f"{self._place} was lost while {what} was read: {says}; try again")
        if self._connection is not None:
            self._connection.rollback()
        place = what if line is None or not lines_before else f"{what}:{max(line - lines_before, 1)}"
        return SourceMismatch(f"{place}: the source rejects the SQL: {says}")

    def _is_trouble(self, exc: sa.exc.DBAPIError) -> bool:
        """Whether the database itself is in trouble, and not our statement."""
        if exc.connection_invalidated:
            return True
        state = getattr(exc.orig, "sqlstate", "")
        if state is None or str(state).startswith(_SERVER_TROUBLE):
            return isinstance(exc, sa.exc.OperationalError)
        return any(words in str(exc.orig).lower() for words in _FILE_TROUBLE)

    @property
    def _place(self) -> str:
        url = sa.make_url(self.usage.url)
        where = "" if url.host is None else f" on {url.host}"
        return f"the usage database '{url.database or ':memory:'}' ({self.engine.name}{where})"

    def _says(self, exc: sa.exc.DBAPIError) -> str:
        """The driver's own first words, without the statement and without the password."""
        lines = [line.strip() for line in str(exc.orig).splitlines() if line.strip()]
        said = lines[0] if lines else type(exc.orig).__name__
        password = sa.make_url(self.usage.url).password
        return said.replace(str(password), "***") if password else said


def _written(statement: sa.ClauseElement, connection: sa.Connection) -> str:
    """A statement as text, with its values if each can be written."""
    try:
        return str(statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
    except (sa.exc.CompileError, NotImplementedError):
        return str(statement.compile(dialect=connection.dialect))
