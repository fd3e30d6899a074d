"""Connections and transactions, and what goes wrong with them in words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc, pool

from pql.config.settings import StateSettings
from pql.errors import StateError
from pql.store.values import dumps

BUSY_TIMEOUT_MS = 15_000
# A write waits so long for another one's locks; a commit of a million leads takes less.
LOCK_TIMEOUT_MS = 60_000
CACHE_KB = 65_536
_WRITES = "pql_writes"

_CURES = {
    "SQLITE_READONLY": "it or its folder is read-only: make both writable for the user who runs pql",
    "SQLITE_CANTOPEN": "it cannot be opened: make sure that its folder exists and is writable",
    "SQLITE_FULL": "the disk is full: free some space and run again; nothing was changed",
    "SQLITE_BUSY": "another process is writing to it: wait until it is done and try again",
    "SQLITE_LOCKED": "another process is writing to it: wait until it is done and try again",
    "SQLITE_IOERR": "the disk does not read or write: check the disk; nothing was changed",
    "SQLITE_CORRUPT": "the file is damaged: restore it from a backup",
    "SQLITE_NOTADB": "the file is no SQLite database: set state.url to another file",
    "SQLITE_PERM": "access is denied: make it readable and writable for the user who runs pql",
    "SQLITE_AUTH": "access is denied: make it readable and writable for the user who runs pql",
    # PostgreSQL: https://www.postgresql.org/docs/current/errcodes-appendix.html, by code or by its first two letters
    "25006": "it is read-only: point state.url at the primary server",
    "28": "the login is refused: check the user and the password of state.url",
    "3D000": "the database does not exist: create it, then run `pql migrate`",
    "3F000": "the schema does not exist: create it, then run `pql migrate`",
    "40": "another process got in the way: run again; nothing was changed",
    "42501": "the user may not do that: give it the rights to read and write these tables",
    "42P01": "its tables are missing: run `pql migrate`",
    "42703": "its tables have another shape: run `pql migrate`",
    "53100": "its disk is full: free some space and run again; nothing was changed",
    "53": "it is out of resources: try again later",
    "55P03": "another process holds a lock: wait until it is done and try again",
    "57": "the server shut down or ended the connection: try again; nothing was changed",
    "58": "its server has trouble with its disk: check the server",
}


class Database:
    """An engine whose transactions either read or write.

    Args:
        engine: As `connect` makes it.
        shown: The URL without its password, for messages.
    """

    def __init__(self, engine: sa.Engine, shown: str) -> None:
        self.engine = engine
        self.shown = shown

    @contextmanager
    def reads(self) -> Iterator[sa.Connection]:
        """One transaction that sees one state of things."""
        with self._translated(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writes(self) -> Iterator[sa.Connection]:
        """One transaction that is kept whole or not at all. SQLite lets one at a time in."""
        with (
            self._translated(),
            self.engine.connect().execution_options(**{_WRITES: True}) as connection,
            connection.begin(),
        ):
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except exc.SQLAlchemyError as error:
            raise StateError(f"The state database {self.shown}: {explain(error)}") from error


def connect(settings: StateSettings, folder: Path) -> Database:
    """The database of a URL; no connection is made yet.

    Args:
        settings: `state` of the project's configuration.
        folder: What relative SQLite paths start from.

    Raises:
        StateError: The URL is none, or of another kind of database.
    """
    try:
        url = sa.make_url(settings.url.replace("postgres://", "postgresql://", 1))
    except exc.ArgumentError:
        raise StateError(
            "state.url is no database URL; write sqlite:///var/state.db or postgresql://user@host/name"
        ) from None
    match url.get_backend_name():
        case "sqlite":
            return _sqlite(url, folder)
        case "postgresql":
            return _postgresql(url)
        case other:
            raise StateError(f"state.url is of '{other}'; the state can stand in sqlite or postgresql")


def _sqlite(url: sa.URL, folder: Path) -> Database:
    in_memory = url.database in {None, "", ":memory:"}
    if not in_memory and not str(url.database).startswith("file:"):
        url = url.set(database=str(folder / str(url.database)))
    timeout = {} if "timeout" in url.query else {"timeout": BUSY_TIMEOUT_MS / 1000}
    options: dict[str, Any] = {"connect_args": timeout}
    if in_memory:
        # All threads share the one connection that holds the data, one after the other.
        options |= {"poolclass": pool.QueuePool, "pool_size": 1, "max_overflow": 0}
        options["connect_args"] |= {"check_same_thread": False}
    engine = _engine(url, options)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, "in memory" if in_memory else str(url.database))


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver would begin transactions by itself, but too late and never for reading.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA foreign_keys = ON")
        _use_wal(cursor)
        # What is marked as sent stays so when the power fails.
        cursor.execute("PRAGMA synchronous = FULL")
        # Of a million leads, each update touches another page: SQLite's own 2 MB write them many times over.
        cursor.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    finally:
        cursor.close()


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Let readers read while one writes."""
    while cursor.execute("PRAGMA journal_mode").fetchone()[0] == "delete":
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            # Of two that open a new file at once SQLite turns one away, and does not let it wait; this does.
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    # A transaction that begins by reading and then writes fails at once if another wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: sa.URL) -> Database:
    url = url.set(drivername="postgresql+psycopg")
    timeouts = f"-c lock_timeout={LOCK_TIMEOUT_MS}"
    given = url.query.get("options")
    arguments = {"options": f"{given} {timeouts}" if given else timeouts, "application_name": "pql"}
    engine = _engine(url, {"connect_args": arguments, "pool_pre_ping": True})
    return Database(engine, url.render_as_string(hide_password=True))


def _engine(url: sa.URL, options: dict[str, Any]) -> sa.Engine:
    # Parameters hold people's data, so they never stand in an error's text.
    return sa.create_engine(url, hide_parameters=True, json_serializer=dumps, **options)


def explain(error: exc.SQLAlchemyError) -> str:
    """What went wrong and what to do, without the statement's values."""
    origin = getattr(error, "orig", None)
    code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None) or ""
    said = " ".join(str(origin or error).split("\n")[0].split())
    if isinstance(error, exc.TimeoutError):
        return "all connections are in use: try again later"
    if "no such table" in said or "no such column" in said:
        return f"its tables are missing or old: run `pql migrate` ({said})"
    for known, cure in _CURES.items():
        # SQLite's extended codes begin with the plain ones: SQLITE_READONLY_DIRECTORY.
        if code.startswith(known):
            return f"{cure} ({said})"
    if getattr(error, "connection_invalidated", False) or not code:
        return f"the connection failed: check that it runs and that state.url is right, then try again ({said})"
    return said
