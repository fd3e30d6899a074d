"""The one door to what the program remembers; each method is one transaction."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from pql.store import (
    erasure,
    source_checks,
)
from pql.store.access.decisions import DecisionAccess
from pql.store.access.leads import COOLDOWN, LeadAccess
from pql.store.access.outbox import OutboxAccess
from pql.store.access.runs import RUN_LEASE, RunAccess
from pql.store.digests import DigestReads
from pql.store.records import (
    Erased,
    SourceCheck,
)
from pql.store.weeks import WeekReads

__all__ = ["COOLDOWN", "RUN_LEASE", "Store"]


class Store(RunAccess, LeadAccess, DecisionAccess, OutboxAccess):
    """What the program remembers, in SQLite or PostgreSQL.

    Safe to use from many threads and processes. Every method raises StateError, with what to do, where the database
    cannot be reached, read or written; nothing of a method that raises is kept.
    """

    @property
    def digests(self) -> DigestReads:
        """What digests, reminders and the weekly summary read."""
        return DigestReads(self._database)

    @property
    def weeks(self) -> WeekReads:
        """What the weekly summary reads beside them."""
        return WeekReads(self._database)

    def close(self) -> None:
        """Give up all connections."""
        self._database.close()

    @property
    def shared(self) -> bool:
        """Whether processes on several machines may use it: PostgreSQL, and not a SQLite file."""
        return self._database.engine.dialect.name == "postgresql"

    def time(self, otherwise: Callable[[], datetime]) -> datetime:
        """What time it is for all who share the state: PostgreSQL's own clock; with SQLite what `otherwise` says."""
        if not self.shared:
            return otherwise()
        with self._database.reads() as connection:
            told = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
            return connection.execute(sa.select(told)).scalar_one().astimezone(UTC)

    # --- sources ------------------------------------------------------------------------------------------------------

    def source_checks(self, relations: Collection[str], *, since: datetime, until: datetime) -> list[SourceCheck]:
        """The looks at relations of [since, until), the newest first."""
        with self._database.reads() as connection:
            return source_checks.read(connection, relations, since, until)

    def keep_source_checks(self, checks: Sequence[SourceCheck]) -> None:
        """Keep looks at relations: the newest of each day, and each that found something else."""
        with self._database.writes() as connection:
            source_checks.keep(connection, checks)

    # --- people -------------------------------------------------------------------------------------------------------

    def erase_person(self, email: str, *, also: Collection[str] = ()) -> Erased:
        """Blank a person in all texts that we keep: the email, and further texts (name, user id).

        What it covers: docs/state.md.

        Raises:
            StateError: A text has less than 3 letters, so that it would blank others.
        """
        with self._database.writes() as connection:
            return erasure.erase(connection, email, also)
