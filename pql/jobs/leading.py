"""Which of several processes leads: it alone runs what must run once; the others stand by."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from threading import Event, Lock, Thread

from pql.domain.durations import Duration
from pql.errors import RunConflict, StateError
from pql.store import Store
from pql.store.records import Fence, Lease

log = logging.getLogger(__name__)

NAME = "leader"
LEASE = Duration(20)
BEAT = 5.0  # seconds; a leader that dies is replaced after at most LEASE + BEAT


class Leadership:
    """Tries to lead, and keeps the lead as long as it can.

    Args:
        store: Where the lease stands.
        holder: The name of this process; no other living one has it.
        clock: The time that all processes share.
        monotonic: Seconds that never step.
        lease: How long a leader leads without a sign of life.
        gone: Whether the process of that name is known to be dead.
    """

    def __init__(
        self,
        store: Store,
        *,
        holder: str,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        lease: Duration = LEASE,
        beat: float = BEAT,
        gone: Callable[[str], bool] = lambda _holder: False,
    ) -> None:
        self._store = store
        self._holder = holder
        self._clock = clock
        self._monotonic = monotonic
        self._lease = lease
        self._beat = beat
        self._gone = gone
        self._lock = Lock()
        self._held: Lease | None = None
        self._until = 0.0
        self._seen: tuple[Lease, float] | None = None
        self.on_gain: Callable[[], None] = lambda: None
        self.on_loss: Callable[[], None] = lambda: None

    def fence(self) -> Fence | None:
        """The number to work under; None while this process does not lead, or cannot know whether it still does."""
        held = self._held
        if held is None or self._monotonic() >= self._until:
            return None
        return Fence(name=held.name, number=held.fence)

    def required(self) -> Fence:
        """As `fence`, where nothing may be begun without.

        Raises:
            RunConflict: This process does not lead.
        """
        fence = self.fence()
        if fence is None:
            raise RunConflict("this process does not lead: the leader runs this; see docs/operations.md")
        return fence

    def try_once(self) -> bool:
        """Renew the lead or try to take it; whether this process leads now.

        Raises:
            StateError: The state database cannot be asked.
        """
        with self._lock:
            return self._renew(self._held) if self._held is not None else self._take()

    def _renew(self, held: Lease) -> bool:
        begun = self._monotonic()
        kept = self._store.renew_lease(held, self._clock(), self._lease)
        if kept is None:
            self._held = None
            log.warning("Another process leads now", extra={"action": "lead_lost", "fence": held.fence})
            self.on_loss()
            return False
        self._held, self._until = kept, begun + self._lease.seconds
        return True

    def _take(self) -> bool:
        begun = self._monotonic()
        taken = self._store.take_lease(NAME, self._holder, self._clock(), self._lease, unchanged=self._dead())
        if taken is None:
            return False
        self._held, self._until, self._seen = taken, begun + self._lease.seconds, None
        log.info("This process leads", extra={"action": "lead_taken", "fence": taken.fence, "holder": self._holder})
        self.on_gain()
        return True

    def _dead(self) -> Lease | None:
        """The lease of a leader that is known to be dead: it was watched for longer than it lasts, unchanged."""
        found, now = self._store.read_lease(NAME), self._monotonic()
        if found is None or self._gone(found.holder):
            return found
        if self._seen is None or self._seen[0] != found:
            self._seen = (found, now)
        return found if now - self._seen[1] > self._lease.seconds else None

    def give_up(self) -> None:
        """Let another process lead at once."""
        with self._lock:
            held, self._held = self._held, None
            if held is not None:
                self._store.release_lease(held, self._clock())
                log.info("Gave up the lead", extra={"action": "lead_given_up", "fence": held.fence})

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Try to lead from a thread while the block runs, and give the lead up at its end."""
        done = Event()
        beating = Thread(target=self._keep_trying, args=(done,), name="pql-leader", daemon=True)
        beating.start()
        try:
            yield
        finally:
            done.set()
            beating.join()
            try:
                self.give_up()
            except StateError as exc:
                log.warning("Could not give up the lead: %s", exc, extra={"action": "lead_kept"})

    def _keep_trying(self, done: Event) -> None:
        while not done.wait(self._beat):
            try:
                self.try_once()
            except StateError as exc:
                log.warning("Could not ask who leads: %s", exc, extra={"action": "lead_unknown"})
