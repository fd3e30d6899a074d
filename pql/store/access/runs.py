"""Who leads, and the runs of jobs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Thread

from pql.domain.durations import Duration
from pql.errors import StateError
from pql.store import (
    commit,
    leases,
    runs,
)
from pql.store.access.base import Access
from pql.store.records import (
    Committed,
    Fence,
    Lease,
    Run,
    RunRecord,
    RunResults,
)

RUN_LEASE = Duration(120)  # a run that gave no sign of life for so long has died


class RunAccess(Access):
    """Leading, runs, and what a run gives."""

    # --- leading ------------------------------------------------------------------------------------------------------

    def take_lease(
        self, name: str, holder: str, now: datetime, for_: Duration, *, unchanged: Lease | None = None
    ) -> Lease | None:
        """Take what only one process may have, until `now` + `for_`.

        It is free once its holder gave it up or let its end pass, and for who bears the holder's very name.

        Args:
            name: Of the lease.
            holder: A name that no other living process has.
            now: By the clock that all use who ask for it (`time`).
            for_: How long it lasts unless it is renewed.
            unchanged: A lease that did not change for longer than it lasts, by a clock that cannot step: its holder
                is dead, whatever the clock says of its end.

        Returns:
            The lease, with a fence one higher than the last holder's; None while another holds it.
        """
        with self._database.writes() as connection:
            return leases.take(connection, name, holder, now, for_, unchanged)

    def renew_lease(self, lease: Lease, now: datetime, for_: Duration) -> Lease | None:
        """Hold it until `now` + `for_`; None if another has it by now."""
        with self._database.writes() as connection:
            return leases.renew(connection, lease, now, for_)

    def release_lease(self, lease: Lease, now: datetime) -> bool:
        """Give it up at once; False if another has it by now."""
        with self._database.writes() as connection:
            return leases.release(connection, lease, now)

    def read_lease(self, name: str) -> Lease | None:
        """The lease as it stands, also one that has ended; None if nobody ever had it."""
        with self._database.reads() as connection:
            return leases.read(connection, name)

    def fence_runs(self, fence: Callable[[], Fence | None]) -> None:
        """Each run that is begun from now on bears the fence of that moment; its commit needs it still to hold."""
        self._fence = fence

    # --- runs ---------------------------------------------------------------------------------------------------------

    def last_as_of(self, job: str) -> datetime | None:
        """The `as_of` of the last committed run of a job; None before the first."""
        with self._database.reads() as connection:
            return runs.last_as_of(connection, job)

    def begin_run(self, job: str, as_of: datetime, now: datetime, *, lease: Duration = RUN_LEASE) -> Run:
        """Take the lock of a job until `now` + `lease`.

        A lock whose holder gave no sign of life in time is taken over, and its run is marked as failed.

        Returns:
            The run; `already_committed` if the last committed run of the job has this very `as_of` (no lock then).

        Raises:
            RunConflict: Another run of this job holds the lock (says which, since when), or `as_of` is before the
                last committed one.
        """
        with self._database.writes() as connection:
            return runs.begin(connection, job, as_of, now, lease, self._fence())

    def heartbeat(self, run: Run, now: datetime, *, lease: Duration = RUN_LEASE) -> bool:
        """Keep the lock until `now` + `lease`; False if another run has it."""
        with self._database.writes() as connection:
            return runs.heartbeat(connection, run, now, lease)

    @contextmanager
    def alive(self, run: Run, clock: Callable[[], datetime], *, lease: Duration = RUN_LEASE) -> Iterator[None]:
        """Send heartbeats from a thread, every quarter of the lease, while the block runs."""
        done = Event()

        def beat() -> None:
            while not done.wait(runs.beat(lease)):
                # What hinders one sign of life may be over at the next; the commit asks for the lock anyway.
                with suppress(StateError):
                    self.heartbeat(run, clock(), lease=lease)

        beating = Thread(target=beat, name="pql-heartbeat", daemon=True)
        beating.start()
        try:
            yield
        finally:
            done.set()
            beating.join()

    def commit_run(self, run: Run, results: RunResults, now: datetime) -> Committed:
        """Write all that a run found in one transaction, mark it as done and give up its lock.

        Raises:
            RunConflict: Another run took the lock over meanwhile, or another process leads.
            StateError: Nothing was written; the run still holds its lock, for `fail_run`.
        """
        with self._database.writes() as connection:
            return commit.write(connection, run, results, now, RUN_LEASE)

    def commit_quietly(self, run: Run, results: RunResults, now: datetime) -> None:
        """Write the timers and settings of a run that found nothing to tell, and forget that it was.

        A job of every minute would else leave half a million rows a year.

        Raises:
            RunConflict: Another run took the lock over meanwhile.
        """
        with self._database.writes() as connection:
            commit.write_quietly(connection, run, results, now, RUN_LEASE)

    def fail_run(self, run: Run, error: str, now: datetime) -> None:
        """Mark a run as failed and give up its lock; nothing happens if another took it over."""
        with self._database.writes() as connection:
            runs.fail(connection, run, error, now)

    def stop_run(self, run: Run, words: str, now: datetime) -> None:
        """Mark a run as stopped before it evaluated anything, with the reason, and give up its lock.

        It is no committed run: the next one goes on from the one before. Nothing happens if another took it over.
        """
        with self._database.writes() as connection:
            runs.fail(connection, run, words, now, status="stopped")

    def run(self, run_id: str) -> RunRecord | None:
        """A run by its id."""
        with self._database.reads() as connection:
            return next(iter(runs.read(connection, run_id=run_id)), None)

    def runs(self, *, job: str | None = None, status: str | None = None, limit: int = 20) -> list[RunRecord]:
        """The latest runs, the newest first."""
        with self._database.reads() as connection:
            return runs.read(connection, job=job, status=status, limit=limit)

    def definition_sources(self, content_hash: str) -> tuple[tuple[str, str], ...]:
        """The files (path, text) of the definitions with that hash; empty if unknown."""
        with self._database.reads() as connection:
            return runs.sources_of(connection, content_hash)
