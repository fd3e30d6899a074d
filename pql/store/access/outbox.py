"""Messages on their way, and what the operator is told."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from pql.domain.calendar import to_micros
from pql.domain.durations import Duration
from pql.store import (
    fallback,
    figures,
    notices,
    outbox,
    paces,
)
from pql.store.access.base import Access
from pql.store.figures import Figures
from pql.store.records import (
    Leased,
    Notice,
    OutboxRecord,
    Sent,
)


class OutboxAccess(Access):
    """The outbox, and notices."""

    # --- outbox -------------------------------------------------------------------------------------------------------

    def lease(
        self,
        now: datetime,
        limit: int,
        for_: Duration,
        *,
        channels: Collection[str] | None = None,
        but: Collection[str] = (),
        paced: Collection[str] = (),
        held: Collection[str] = (),
    ) -> list[Leased]:
        """Take due messages to send until `now` + `for_`, the longest due first; none while paused.

        Of the same lead, recipient and channel only the oldest waiting message is given, so their order is kept.
        A row whose lease ended without a mark is given again, as ambiguous: its worker may have sent it.

        Args:
            now: By the clock that all workers share (`time`).
            limit: At most so many.
            for_: How long they are this worker's.
            channels: Only on these; None: on all.
            but: Not on these.
            paced: On these at most one message a place.
            held: Tokens of leases that live, whatever the clock says of their end: those of this very process.
        """
        with self._database.writes() as connection:
            return outbox.lease(connection, now, limit, for_, channels, but=but, paced=paced, held=held)

    def reserve_turn(self, channel: str, address: str, now: datetime, gap: timedelta) -> datetime:
        """When the next message may go to an address, `gap` after the one before; the turn is taken by this.

        Not before a pause is over that the channel asked for meanwhile.
        """
        with self._database.writes() as connection:
            return paces.reserve(connection, channel, address, now, gap)

    def hold_channel(self, channel: str, until: datetime) -> None:
        """Nothing is leased for the channel before `until`, by any process."""
        with self._database.writes() as connection:
            paces.hold(connection, channel, until)

    def next_turn(
        self, now: datetime, *, channels: Collection[str] | None = None, but: Collection[str] = ()
    ) -> datetime | None:
        """When a place is free again for which a due message waits; None if none waits for that."""
        with self._database.reads() as connection:
            return paces.next_free(connection, now, channels, but)

    def mark_all_sent(self, marks: Sequence[Sent]) -> list[bool]:
        """As `mark_sent`, for many in one transaction."""
        with self._database.writes() as connection:
            return outbox.all_sent(connection, marks)

    def mark_sent(
        self, leased: Leased, at: datetime, reference: str, *, seconds: float | None = None, reconciled: bool = False
    ) -> bool:
        """The channel took the message. False if the lease was taken over: another worker decides; it is noted.

        `reconciled`: it was found in the channel and not sent again (`Receipt.reconciled`), so no doubt is left.
        """
        with self._database.writes() as connection:
            return outbox.sent(connection, leased, at, reference, seconds, reconciled=reconciled)

    def mark_retry(
        self,
        leased: Leased,
        at: datetime,
        next_due: datetime,
        error: str,
        *,
        ambiguous: bool = False,
        seconds: float | None = None,
    ) -> bool:
        """It failed and is tried again from `next_due` on. False if the lease was taken over."""
        with self._database.writes() as connection:
            return outbox.retry(connection, leased, at, error, seconds, next_due=next_due, ambiguous=ambiguous)

    def mark_failed(self, leased: Leased, at: datetime, error: str, *, seconds: float | None = None) -> bool:
        """No retry can help. False if the lease was taken over."""
        with self._database.writes() as connection:
            return outbox.failed(connection, leased, at, error, seconds)

    def fall_back(
        self, leased: Leased, at: datetime, error: str, *, instead: Sequence[OutboxRecord], seconds: float | None = None
    ) -> OutboxRecord | None:
        """No retry can help: mark the message as failed, and write the one that goes in its place.

        That is the first of `instead` that this step has not been tried with. Where the step is on its way there
        already, or was sent, nothing more is needed; so no message has two fallbacks, and no fallback comes back.
        What goes to the same person by the same channel at another address is the message itself, addressed anew.

        Returns:
            The message in its place; None for none, also where the lease was taken over.
        """
        with self._database.writes() as connection:
            return fallback.fall_back(connection, leased, at, error, seconds, instead)

    def release(self, leased: Sequence[Leased], *, due: datetime | None = None) -> int:
        """Give back messages that were not tried, not to be leased before `due`; how many were still ours."""
        with self._database.writes() as connection:
            return outbox.release(connection, leased, due)

    def expire(self, now: datetime) -> int:
        """Give up waiting messages that are no longer valid and that nobody is sending; how many."""
        with self._database.writes() as connection:
            return outbox.expire(connection, now)

    def outbox_counts(self) -> Mapping[str, int]:
        """How many rows stand in each status; `ambiguous` are those that may have been sent twice or wait so."""
        with self._database.reads() as connection:
            return outbox.counts(connection)

    def figures(self, now: datetime) -> Figures:
        """All that is counted for those who watch the program."""
        with self._database.reads() as connection:
            return figures.read(connection, to_micros(now))

    # --- notices ------------------------------------------------------------------------------------------------------

    def notice(self, key: str, words: str, cure: str, now: datetime) -> bool:
        """Something hinders the program. True: it did not before, and the operator will be told (`tell_notice`).

        Args:
            key: What and where, the same while it lasts: `source:events:stale`.
            words: What is wrong, one sentence without secrets.
            cure: What to do.
            now: When it was seen.
        """
        with self._database.writes() as connection:
            return notices.raise_(connection, key, words, cure, now)

    def notice_over(self, key: str, now: datetime) -> bool:
        """It hinders no more. True: it did, and the operator will be told if told of it before."""
        with self._database.writes() as connection:
            return notices.end(connection, key, now)

    def notices(self) -> list[Notice]:
        """What hinders the program now, the oldest first."""
        with self._database.reads() as connection:
            return notices.read(connection, lasting=True)

    def untold_notices(self) -> list[Notice]:
        """What the operator must yet be told: what began, and what is over (`ended_at`)."""
        with self._database.reads() as connection:
            return notices.read(connection, lasting=False)

    def tell_notice(self, notice: Notice, messages: Sequence[OutboxRecord], now: datetime) -> bool:
        """Note that the operator is told, and write the messages. False: another process did, or it changed."""
        with self._database.writes() as connection:
            return notices.tell(connection, notice, messages, now)
