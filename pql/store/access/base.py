"""What all methods of the store stand on."""

from collections.abc import Callable

from pql.store.engine import Database
from pql.store.records import Fence


def _unfenced() -> Fence | None:
    return None


class Access:
    """A database, and who may write to it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fence: Callable[[], Fence | None] = _unfenced
