"""Where the rollup lives: a DuckDB file of ours, or a schema of ours beside the events. The statements are the same."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from pql.config.settings import RollupSettings
from pql.errors import RollupUnavailable, SourceMismatch
from pql.warehouse.engines import ENGINES, Engine
from pql.warehouse.engines.duckdb import OPTIONS, DuckDB
from pql.warehouse.rollup.tables import Tables
from pql.warehouse.source import Source

LOG_MB = 32  # the local rollup's log, before it is folded into the file


class Home(ABC):
    """The database that holds the rollup.

    Args:
        source: The usage tables.
        settings: Where the rollup lives.
    """

    engine: Engine

    def __init__(self, source: Source, settings: RollupSettings) -> None:
        self.source = source
        self.tables = Tables(settings.schema)

    @abstractmethod
    def open(self) -> None:
        """Open it, and make the schema and its fixed tables if they are not there.

        Raises:
            RollupUnavailable: It is in use, or must not be written.
        """

    @abstractmethod
    def close(self) -> None:
        """Give it back, so that others can have it."""

    @abstractmethod
    def connection(self) -> sa.Connection:
        """The open connection."""

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """All or nothing; one writer at a time, whoever else writes waits."""
        connection = self.connection()
        connection.rollback()
        try:
            self.engine.allow_writing(connection)
            meta = self.tables.meta
            connection.execute(sa.update(meta).where(meta.c.name == "lock").values(value=meta.c.value))
            yield connection
            connection.commit()
        except sa.exc.DBAPIError as exc:
            connection.rollback()
            raise self._unavailable(exc) from None
        except BaseException:
            connection.rollback()
            raise

    @abstractmethod
    def insert(self, table: sa.Table, names: Sequence[str], select: sa.Select[Any], what: str) -> None:
        """Add rows that the source computes; within a transaction.

        Args:
            table: One of the rollup's.
            names: Its columns, in the order of the SELECT.
            select: A SELECT in the source.
            what: Which relation is read, for errors.
        """

    def fetch(self, select: sa.Executable) -> pd.DataFrame:
        """All rows of a SELECT in the rollup."""
        frame: pd.DataFrame = self.fetch_arrow(select).to_pandas()
        return frame

    def fetch_arrow(self, select: sa.Executable) -> pa.Table:
        """The same as Arrow."""
        try:
            self.source.tell(select, self.place, self.connection(), self.engine)
            return self.engine.fetch_arrow(self.connection(), select, {})
        except sa.exc.DBAPIError as exc:
            raise self._unavailable(exc) from None

    @abstractmethod
    def staged(
        self, name: str, columns: Sequence[sa.Column[Any]], select: sa.Select[Any], what: str
    ) -> AbstractContextManager[sa.FromClause]:
        """Rows that the source computes once, for several statements in the home; gone afterwards.

        Args:
            name: Of the table; one of the same name is replaced.
            columns: Texts and whole numbers, in the order of the SELECT.
            select: A SELECT in the source.
            what: Which relation is read, for errors.
        """

    @contextmanager
    def staged_in_source(
        self, name: str, columns: Sequence[sa.Column[Any]], select: sa.Select[Any], what: str
    ) -> Iterator[sa.FromClause]:
        """The same, for statements in the source: a temporary table, or where there can be none the SELECT itself."""
        table = self.source.fill(name, columns, select, what)
        try:
            yield select.subquery(name) if table is None else table
        finally:
            self.source.drop(name)

    @abstractmethod
    def put(self, name: str, rows: pa.Table) -> sa.FromClause:
        """A temporary table with these rows: text and whole numbers (64 bits, or null)."""

    @abstractmethod
    def mapped(self, name: str, select: sa.Select[Any], what: str) -> sa.FromClause:
        """A SELECT in the source, as something to join with."""

    def index(self, connection: sa.Connection, table: sa.Table) -> None:
        """Help a database that stores rows to find a day's; columns stored in order of days need no help."""
        if self.engine.indexes_days:
            name = f"{table.name}_day"
            connection.execute(sa.schema.CreateIndex(sa.Index(name, table.c.day), if_not_exists=True))

    def _make_tables(self) -> None:
        connection = self.connection()
        connection.rollback()
        if self._has_tables(connection):
            return
        self.engine.allow_writing(connection)
        if not sa.inspect(connection).has_schema(self.tables.schema):
            connection.execute(sa.schema.CreateSchema(self.tables.schema, if_not_exists=True))
        for table in self.tables.fixed():
            connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
            if "day" in table.c and table.name != "days":
                self.index(connection, table)
        meta = self.tables.meta
        if connection.execute(sa.select(meta.c.name).where(meta.c.name == "lock")).first() is None:
            connection.execute(sa.insert(meta).values(name="lock", value=""))
        connection.execute(sa.delete(meta).where(meta.c.name == "tables"))
        connection.execute(sa.insert(meta).values(name="tables", value=self.tables.names))
        connection.commit()

    def _has_tables(self, connection: sa.Connection) -> bool:
        """Whether all fixed tables are there, as they were when a job last made them."""
        meta = self.tables.meta
        try:
            made = connection.execute(sa.select(meta.c.value).where(meta.c.name == "tables")).scalar()
        except sa.exc.DBAPIError:
            made = None  # there is no such schema yet, or it cannot be read: to make it will tell
        connection.rollback()
        return bool(made == self.tables.names)

    def _unavailable(self, exc: sa.exc.DBAPIError) -> RollupUnavailable:
        said = next((line.strip() for line in str(exc.orig).splitlines() if line.strip()), type(exc.orig).__name__)
        password = sa.make_url(self.source.usage.url).password
        return RollupUnavailable(
            f"{self.place} cannot be used: {said.replace(str(password), '***') if password else said}; "
            "see usage.rollup in config/pql.yml"
        )

    @property
    @abstractmethod
    def place(self) -> str:
        """Where it is, for messages."""


class LocalHome(Home):
    """An embedded DuckDB file, open only during a job: DuckDB locks other programs out while it is."""

    def __init__(self, source: Source, settings: RollupSettings) -> None:
        super().__init__(source, settings)
        self.path = source.usage.folder / settings.path
        url = f"duckdb:///{self.path}"
        self.engine = DuckDB(replace(source.usage, url=url, files={}, rollup=None))
        self._connection: sa.Connection | None = None

    @property
    def place(self) -> str:
        return f"the rollup in '{self.path.name}'"

    def open(self) -> None:
        if self._connection is not None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(
            URL.create("duckdb", database=str(self.path)),
            connect_args={"config": OPTIONS},
            poolclass=NullPool,
        )
        try:
            self._connection = engine.connect()
            # What a job wrote stays in the log until that is worth folding in: to do so at each end of a job takes a
            # third of a second, and the next one reads a few megabytes of it in a tenth of that.
            self._connection.exec_driver_sql("PRAGMA disable_checkpoint_on_shutdown")
            self._connection.exec_driver_sql(f"SET checkpoint_threshold = '{LOG_MB}MB'")
            self._make_tables()
        except sa.exc.DBAPIError as exc:
            self.close()
            if "lock" in str(exc.orig).lower():
                raise RollupUnavailable(
                    f"{self.place} is in use by another job; it is open only while a job runs: try again then"
                ) from None
            raise self._unavailable(exc) from None

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def connection(self) -> sa.Connection:
        if self._connection is None:
            raise RollupUnavailable(f"{self.place} is not open")
        return self._connection

    def insert(self, table: sa.Table, names: Sequence[str], select: sa.Select[Any], what: str) -> None:
        rows = self.source.fetch_arrow(select, what)
        incoming = self._register("pql_incoming", rows, [sa.column(name) for name in rows.column_names])
        try:
            self.connection().execute(table.insert().from_select(list(names), sa.select(*incoming.c)))
        finally:
            self._raw.unregister("pql_incoming")

    @contextmanager
    def staged(
        self, name: str, columns: Sequence[sa.Column[Any]], select: sa.Select[Any], what: str
    ) -> Iterator[sa.FromClause]:
        types = {column.name: pa.string() if isinstance(column.type, sa.Text) else pa.int64() for column in columns}
        # A column without any value has no type of its own.
        rows = self.source.fetch_arrow(select, what).rename_columns(list(types)).cast(pa.schema(types))
        # In a transaction of its own: what is undone takes what was registered in it along.
        self.connection().rollback()
        try:
            yield self._register(name, rows, columns_of(rows))
        finally:
            self._raw.unregister(name)

    def put(self, name: str, rows: pa.Table) -> sa.FromClause:
        return self._register(name, rows, columns_of(rows))

    def mapped(self, name: str, select: sa.Select[Any], what: str) -> sa.FromClause:
        rows = self.source.fetch_arrow(select, what)
        return self._register(name, rows, [sa.column(column, sa.Text) for column in rows.column_names])

    def _register(self, name: str, rows: pa.Table, columns: Sequence[sa.ColumnClause[Any]]) -> sa.TableClause:
        self._raw.register(name, rows)
        return sa.table(name, *columns)

    @property
    def _raw(self) -> Any:
        return self.connection().connection.dbapi_connection


class SourceHome(Home):
    """A schema of ours in the usage database, written through the source's own connection."""

    def __init__(self, source: Source, settings: RollupSettings) -> None:
        super().__init__(source, settings)
        self.engine = source.engine

    @property
    def place(self) -> str:
        return f"the schema '{self.tables.schema}' in the usage database"

    def open(self) -> None:
        try:
            self._make_tables()
        except sa.exc.DBAPIError:
            self.connection().rollback()
            # Another job may have made them at the same time.
            try:
                self._make_tables()
            except sa.exc.DBAPIError as exc:
                self.connection().rollback()
                raise self._unavailable(exc) from None

    def close(self) -> None:
        """The source's connection belongs to the source."""

    def connection(self) -> sa.Connection:
        return self.source.connection()

    def insert(self, table: sa.Table, names: Sequence[str], select: sa.Select[Any], what: str) -> None:
        with self.source.asking(what) as connection:
            self.source.tell(select, what, connection)
            connection.execute(table.insert().from_select(list(names), select))

    def staged(
        self, name: str, columns: Sequence[sa.Column[Any]], select: sa.Select[Any], what: str
    ) -> AbstractContextManager[sa.FromClause]:
        return self.staged_in_source(name, columns, select, what)

    def put(self, name: str, rows: pa.Table) -> sa.FromClause:
        declared = [sa.Column(str(column.name), column.type) for column in columns_of(rows)]
        table = sa.Table(name, sa.MetaData(), *declared, prefixes=["TEMPORARY"])
        connection = self.connection()
        connection.commit()
        try:
            self.engine.allow_temporary(connection)
            connection.execute(sa.schema.DropTable(table, if_exists=True))
            table.create(connection)
            if rows.num_rows:
                connection.execute(table.insert(), rows.to_pylist())
            connection.commit()
        except sa.exc.DBAPIError as exc:
            connection.rollback()
            raise self._unavailable(exc) from None
        return table

    def mapped(self, name: str, select: sa.Select[Any], what: str) -> sa.FromClause:  # noqa: ARG002 (read in place)
        return select.subquery(name)


def columns_of(rows: pa.Table) -> list[sa.ColumnClause[Any]]:
    """The columns of Arrow's table as SQL's."""
    texts = (pa.types.is_string, pa.types.is_large_string)
    return [
        sa.column(field.name, sa.Text if any(is_text(field.type) for is_text in texts) else sa.BigInteger)
        for field in rows.schema
    ]


HOMES: Mapping[str, type[Home]] = {"local": LocalHome, "source": SourceHome}


def home_of(source: Source, settings: RollupSettings) -> Home:
    """The rollup's home, not yet open.

    Raises:
        SourceMismatch: It should live in a source that cannot keep it.
    """
    if settings.home == "source" and not source.engine.keeps_rollup:
        keepers = ", ".join(name for name, engine in ENGINES.items() if engine.keeps_rollup)
        raise SourceMismatch(
            f"usage.rollup.home in config/pql.yml is 'source', and a {source.engine.name} database cannot keep the "
            f"rollup ({keepers} can); write 'local'"
        )
    return HOMES[settings.home](source, settings)
