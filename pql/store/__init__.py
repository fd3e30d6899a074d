"""What the program remembers: SQLite by default, or PostgreSQL. See docs/state.md."""

from pathlib import Path

from pql.config.settings import StateSettings
from pql.store.engine import connect
from pql.store.migrate import create, is_new, migrate, require_current
from pql.store.packing import hashes_of
from pql.store.store import Store

__all__ = ["Store", "hashes_of", "is_new", "migrate", "open_store"]


def open_store(settings: StateSettings, folder: Path) -> Store:
    """Open the state database.

    Args:
        settings: A SQLAlchemy URL: `sqlite:///var/state.db` (relative to `folder`), `postgresql://user@host/name`, or
            `sqlite://`: in memory, with all tables, gone when it is closed (for tests).
        folder: The project's.

    Raises:
        MigrationPending: Its tables are missing or of another version: run `pql migrate`.
        StateError: It cannot be reached; the message says what to do.
    """
    database = connect(settings, folder)
    try:
        if database.engine.url.get_backend_name() == "sqlite" and not database.engine.url.database:
            create(database)
        else:
            require_current(database)
    except BaseException:
        database.close()
        raise
    return Store(database)
