"""Brings the tables into the shape that the program expects, step by step.

A step's name says whether it runs before (`pre`) or after (`post`) the new program: `0001_pre_create_tables.py`.
"""

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError

from pql.config.settings import StateSettings
from pql.errors import MigrationPending, StateError
from pql.store.engine import Database, connect
from pql.store.tables import metadata

_SCRIPTS = Path(__file__).parent / "migrations"
_LOCK = 0x70716C  # "pql": any number, the same for all processes


def migrate(settings: StateSettings, folder: Path) -> tuple[str, ...]:
    """Bring the state database to the newest shape; makes the file and its folder if there is none.

    All steps are one transaction: it arrives whole or stays as it was. Two processes at once wait for each other.

    Returns:
        The names of the steps that were taken; empty where nothing was to do.

    Raises:
        MigrationPending: The database is newer than the program.
        StateError: It cannot be reached or written.
    """
    database = connect(settings, folder)
    try:
        _make_folder(database)
        with database.writes() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            return _upgrade(connection)
    finally:
        database.close()


def _make_folder(database: Database) -> None:
    if (file := _file(database)) is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"The state database {file}: its folder cannot be made ({error.strerror})") from error


def _file(database: Database) -> Path | None:
    path = database.engine.url.database
    if database.engine.dialect.name != "sqlite" or not path or path.startswith(("file:", ":")):
        return None
    return Path(path)


def _upgrade(connection: sa.Connection) -> tuple[str, ...]:
    steps = pending(connection)
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if steps:
        command.upgrade(config, "head")
    return steps


@cache
def _scripts() -> ScriptDirectory:
    """The steps; to read them takes longer than to open a database."""
    return ScriptDirectory(str(_SCRIPTS))


def pending(connection: sa.Connection) -> tuple[str, ...]:
    """The names of the steps that the database lacks, in order.

    Raises:
        MigrationPending: The database has steps that this program does not know.
    """
    current = MigrationContext.configure(connection).get_current_heads()
    try:
        steps = list(_scripts().iterate_revisions("heads", current or "base"))
    except RevisionError:
        raise MigrationPending(
            f"the state database is at step {', '.join(current)}, which this program does not know: "
            "it is older than the database; install the newer version of pql"
        ) from None
    return tuple(Path(step.path).stem for step in reversed(steps))


def is_new(settings: StateSettings, folder: Path) -> bool:
    """Whether nothing was ever remembered there: no file, or a database without any table of ours.

    Raises:
        StateError: It cannot be reached.
    """
    database = connect(settings, folder)
    try:
        file = database.engine.url.database
        if database.engine.dialect.name == "sqlite" and file and not Path(file).exists():
            return True
        with database.reads() as connection:
            return not sa.inspect(connection).get_table_names()
    finally:
        database.close()


def require_current(database: Database) -> None:
    """Refuse a database of another shape.

    Raises:
        MigrationPending: Says which steps are missing, or that the program is too old.
    """
    if (file := _file(database)) is not None and not file.exists():
        raise MigrationPending(f"there is no state database {database.shown} yet: run `pql migrate`")
    with database.reads() as connection:
        steps = pending(connection)
    if steps:
        raise MigrationPending(
            f"the state database {database.shown} lacks {len(steps)} step(s), up to {steps[-1]}: run `pql migrate`"
        )


def create(database: Database) -> None:
    """Make all tables at once, for a database in memory that nobody migrates."""
    with database.writes() as connection:
        metadata.create_all(connection)
