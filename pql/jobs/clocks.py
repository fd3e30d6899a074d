"""A clock for what several processes agree on: the state database's own, which does not step with this machine's."""

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from pql.errors import StateError
from pql.store import Store

ASKED_EVERY = 30.0  # seconds; between two questions a clock drifts by less than the answer takes


class SharedClock:
    """The database's time, carried on by a clock that only goes forward; with SQLite this machine's, likewise.

    While the database does not answer, the time of its last answer is carried on.

    Args:
        store: Whose time it is.
        clock: This machine's.
        monotonic: Seconds that never step.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], monotonic: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._lock = Lock()
        self._told: tuple[datetime, float] | None = None

    def __call__(self) -> datetime:
        """The time."""
        with self._lock:
            if self._told is None or self._monotonic() - self._told[1] >= ASKED_EVERY:
                self._told = self._asked()
            told, at = self._told
            return told + timedelta(seconds=self._monotonic() - at)

    def _asked(self) -> tuple[datetime, float]:
        at = self._monotonic()
        try:
            return self._store.time(self._clock), at
        except StateError:
            if self._told is None:
                return self._clock(), at
            told, before = self._told
            return told + timedelta(seconds=at - before), at
