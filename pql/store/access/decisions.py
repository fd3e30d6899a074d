"""Moments and decisions, and who is muted, next or away."""

from collections.abc import Collection, Mapping
from datetime import datetime

import pandas as pd

from pql.domain.calendar import to_micros
from pql.domain.mutes import Mute
from pql.domain.rules import Absence
from pql.domain.turns import Turn
from pql.store import (
    absences,
    held,
    mutes,
    outbox,
    reading,
    timers,
    turns,
)
from pql.store.access.base import Access
from pql.store.records import (
    Attempt,
    HeldRecord,
    HeldStatus,
    Notification,
    StoredDecision,
    ThreadRoot,
)
from pql.store.values import micros


class DecisionAccess(Access):
    """Moments, decisions, mutes, turns and absences."""

    # --- moments and decisions ----------------------------------------------------------------------------------------

    def known_occurrences(self, keys: Collection[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        """Those of (moment, lead_id, key) that are stored already."""
        with self._database.reads() as connection:
            return reading.known_occurrences(connection, keys)

    def occurrences(self, moments: Collection[str], lead_ids: Collection[str], since: datetime) -> pd.DataFrame:
        """The stored occurrences of these moments and leads since an instant.

        Returns:
            Columns moment, lead_id, key, at (microseconds), user_id and feature ("" where there is none).
        """
        with self._database.reads() as connection:
            return reading.occurrences_since(connection, moments, lead_ids, since)

    def timers(self, moments: Collection[str], lead_ids: Collection[str]) -> pd.DataFrame:
        """All timers of these moments and leads: `moment`, `TIMER_COLUMNS` and `status`."""
        with self._database.reads() as connection:
            return timers.of_leads(connection, moments, lead_ids)

    def waiting_timers(self, moments: Collection[str], *, due_before: datetime | None = None) -> pd.DataFrame:
        """The waiting timers of these moments, in the same columns, the first to be due first."""
        with self._database.reads() as connection:
            return timers.waiting(connection, moments, micros(due_before))

    def forget_timers(self, *, ended_before: datetime) -> int:
        """Drop timers that ended before an instant; how many."""
        with self._database.writes() as connection:
            return timers.forget(connection, to_micros(ended_before))

    def told_keys(self, step_keys: Collection[str]) -> set[str]:
        """Those of the step keys that were told (decision `sent`)."""
        with self._database.reads() as connection:
            return reading.told_keys(connection, step_keys)

    def last_told(self, lead_ids: Collection[str] | None = None) -> pd.DataFrame:
        """When each lead was last told about; all leads if None.

        Returns:
            Columns lead_id, subject, topic, at (microseconds); one row for each subject and topic.
        """
        with self._database.reads() as connection:
            return reading.last_told(connection, lead_ids)

    def sent_today(
        self,
        recipient: str,
        day_start: datetime,
        *,
        subjects: Collection[str] | None = None,
        topics: Collection[str] | None = None,
    ) -> int:
        """How many different steps were told to a recipient since the start of the day, whatever the channels."""
        with self._database.reads() as connection:
            return reading.sent_since(connection, recipient, day_start, subjects, topics)

    def holders(self, lead_ids: Collection[str] | None = None) -> dict[str, str]:
        """For each lead the rep who holds its live episode, else who was last told about the lead."""
        with self._database.reads() as connection:
            return reading.holders(connection, lead_ids)

    def decisions(
        self, lead_id: str | None = None, *, outcome: str | None = None, since: datetime | None = None, limit: int = 200
    ) -> list[StoredDecision]:
        """Decisions by the instant they were last taken, the newest first."""
        with self._database.reads() as connection:
            return reading.read_decisions(connection, lead_id, outcome, since, limit)

    def notifications(
        self,
        *,
        lead_id: str | None = None,
        recipient: str | None = None,
        status: str | None = None,
        since: datetime | None = None,
        limit: int = 200,
    ) -> list[Notification]:
        """Outbox rows, the newest first."""
        same = {"lead_id": lead_id, "recipient": recipient, "status": status}
        with self._database.reads() as connection:
            return reading.notifications(connection, same=same, since=since, limit=limit)

    def attempts(self, delivery_id: str) -> list[Attempt]:
        """Every try to deliver a message, the oldest first."""
        with self._database.reads() as connection:
            return reading.attempts(connection, delivery_id)

    def held(
        self, *, due_before: datetime | None = None, recipient: str | None = None, status: HeldStatus | None = "waiting"
    ) -> list[HeldRecord]:
        """Candidates that wait outside the outbox (any status if None), the first due first."""
        with self._database.reads() as connection:
            return held.read(connection, due_before=due_before, recipient=recipient, status=status)

    def threads(self, lead_ids: Collection[str], *, since: datetime) -> list[ThreadRoot]:
        """The newest message that opened a thread, for each lead, recipient, channel and address."""
        with self._database.reads() as connection:
            return outbox.threads(connection, lead_ids, since)

    # --- mutes --------------------------------------------------------------------------------------------------------

    def mute(self, mute: Mute) -> Mute:
        """Keep a mute; returns it with its number."""
        with self._database.writes() as connection:
            return mutes.add(connection, mute)

    def mutes(self, at: datetime) -> list[Mute]:
        """The mutes that hold at an instant, the first to end first."""
        with self._database.reads() as connection:
            return mutes.active(connection, at)

    def unmute(self, number: int, at: datetime) -> Mute | None:
        """Take a mute back; what it held is decided anew at once. None: none with that number holds."""
        with self._database.writes() as connection:
            return mutes.end(connection, number, at)

    # --- turns and absences -------------------------------------------------------------------------------------------

    def turns(self) -> Mapping[tuple[str, str], Turn]:
        """How many turns each rep has had, by pool and address."""
        with self._database.reads() as connection:
            return turns.read(connection)

    def add_absence(self, absence: Absence, *, by: str, at: datetime) -> None:
        """Keep that somebody is away."""
        with self._database.writes() as connection:
            absences.add(connection, absence, by, at)

    def absences(self, at: datetime) -> list[Absence]:
        """Those that were said by command and have not ended at an instant; some may lie ahead."""
        with self._database.reads() as connection:
            return absences.read(connection, at)

    def end_absences(self, email: str, at: datetime) -> list[Absence]:
        """Somebody is back: their absences end now, those ahead are taken back; returns them."""
        with self._database.writes() as connection:
            return absences.end(connection, email, at)
