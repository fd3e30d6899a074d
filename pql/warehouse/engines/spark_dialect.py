"""A driver and a dialect of SQLAlchemy for Spark, as far as we write its SQL.

There is none that needs nothing but pyspark.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import GenericTypeCompiler, IdentifierPreparer, SQLCompiler

_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}


class SparkError(Exception):
    """What Spark says; PEP 249 calls it Error."""


class _Driver:
    """As much of PEP 249 as SQLAlchemy asks a driver for."""

    paramstyle = "named"
    apilevel = "2.0"
    threadsafety = 1
    Error = SparkError


class SparkConnection:
    """A session of its own on the cluster; closing it gives the cluster's executors back."""

    def __init__(self, master: str, database: str | None, settings: Mapping[str, str]) -> None:
        from pyspark.sql import SparkSession  # noqa: PLC0415 (comes with an extra, and starts slowly)

        # It prints each error with the whole stack; we say what is needed.
        logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)
        builder: Any = SparkSession.builder
        builder = builder.appName("pql").master(master)
        for name, value in {**_SETTINGS, **settings}.items():
            builder = builder.config(name, value)
        with errors():
            self._context: Any = builder.getOrCreate()
            self.session: Any = self._context.newSession()
            if database:
                self.session.catalog.setCurrentDatabase(database)
        self.cached: dict[str, Any] = {}

    def cursor(self) -> "_Cursor":
        return _Cursor(self)

    def commit(self) -> None:
        """Spark has no transactions."""

    def rollback(self) -> None:
        """Spark has no transactions."""

    def close(self) -> None:
        self._context.stop()


class _Cursor:
    """Runs a statement and holds its rows."""

    def __init__(self, connection: SparkConnection) -> None:
        self.connection = connection
        self.description: Sequence[tuple[Any, ...]] | None = None
        self.rowcount = -1
        self.arraysize = 1
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, statement: str, parameters: Mapping[str, object] | None = None) -> None:
        with errors():
            frame = self.connection.session.sql(statement, args=dict(parameters) if parameters else None)
            self._rows = [tuple(row) for row in frame.collect()]
        self.description = [(name, None, None, None, None, None, None) for name in frame.columns]

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows, []
        return rows

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows[:size], self._rows[size:]
        return rows

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def close(self) -> None:
        self._rows = []


class errors:  # noqa: N801 (a context manager)
    """Spark's errors as ours."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        from py4j.protocol import Py4JError  # noqa: PLC0415 (comes with an extra)
        from pyspark.errors import PySparkException  # noqa: PLC0415

        if isinstance(error, PySparkException | Py4JError):
            raise SparkError(str(error)) from None


class _Types(GenericTypeCompiler):
    def visit_text(self, type_: Any, **kw: Any) -> str:  # noqa: ARG002 (SQLAlchemy's signature)
        return "STRING"

    def visit_double(self, type_: Any, **kw: Any) -> str:  # noqa: ARG002
        return "DOUBLE"

    def visit_integer(self, type_: Any, **kw: Any) -> str:  # noqa: ARG002
        return "INT"


class _Statements(SQLCompiler):
    def visit_try_cast(self, cast: Any, **kw: Any) -> str:
        return f"TRY_CAST({self.process(cast.clause, **kw)} AS {self.process(cast.typeclause, **kw)})"


class _Quoting(IdentifierPreparer):
    def __init__(self, dialect: Any) -> None:
        super().__init__(dialect, initial_quote="`")


class SparkDialect(DefaultDialect):
    """Spark's SQL, as far as we write it."""

    name = "spark"
    driver = "pyspark"
    default_paramstyle = "named"
    type_compiler_cls = _Types
    statement_compiler = _Statements
    preparer: Any = _Quoting
    supports_native_boolean = True
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        return _Driver

    def initialize(self, connection: Any) -> None:
        """There is nothing to find out."""
