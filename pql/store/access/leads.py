"""Leads, their episodes and outcomes, customers, and what was known of them when."""

from collections.abc import Collection
from datetime import datetime

import pandas as pd

from pql.domain.durations import Duration
from pql.store import (
    episodes,
    leads,
    outcomes,
    settings,
    steps,
    validity,
)
from pql.store.access.base import Access
from pql.store.records import (
    Episode,
    Found,
    LeadRecord,
    Outcome,
    OutcomeKind,
    OutcomeResult,
    Paused,
    ScoreRecord,
)
from pql.store.values import clean, micros

COOLDOWN = Duration.of_days(30)


class LeadAccess(Access):
    """Leads, their episodes, and customers."""

    # --- leads --------------------------------------------------------------------------------------------------------

    def lead(self, lead_id: str) -> LeadRecord | None:
        """A lead as the last run left it; None if no run ever saw it."""
        with self._database.reads() as connection:
            return leads.read(connection, lead_id)

    def lead_records(self, lead_ids: Collection[str]) -> list[LeadRecord]:
        """Those of these leads that the last run saw, as it left them, sorted."""
        with self._database.reads() as connection:
            return leads.read_many(connection, lead_ids)

    def leads_table(
        self,
        *,
        tiers: Collection[str] | None = None,
        stages: Collection[str] | None = None,
        grades: Collection[str] | None = None,
        owner_email: str | None = None,
        eligible: bool | None = None,
        live: bool | None = None,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """The leads that meet all filters, the highest behaviour first.

        Returns:
            Index `lead_id`; name, domain, stage, plan, owner_email, success_owner_email, eligible, ineligible_why,
            fit, coverage, fit_grade, behaviour, band, grade, tier, updated_at (microseconds), and of the live episode
            `status` ("" without one), `opened_at`, `claimed_by`.
        """
        wanted = {"tier": tiers, "stage": stages, "grade": grades}
        with self._database.reads() as connection:
            return leads.table(
                connection, wanted=wanted, owner_email=owner_email, eligible=eligible, live=live, limit=limit
            )

    def score_history(self, lead_id: str) -> list[ScoreRecord]:
        """The steps of a lead's history, the oldest first."""
        with self._database.reads() as connection:
            return steps.history(connection, lead_id)

    def find_leads(self, text: str, *, limit: int = 10) -> list[Found]:
        """Leads by id, name or domain: exact ones if any, else those that contain the text, else near ones."""
        with self._database.reads() as connection:
            return leads.find(connection, text, limit)

    # --- episodes and outcomes ----------------------------------------------------------------------------------------

    def episodes(self, lead_id: str) -> list[Episode]:
        """All episodes of a lead, the newest first."""
        with self._database.reads() as connection:
            return episodes.read(connection, lead_id)

    def open_episodes(self, lead_ids: Collection[str] | None = None) -> pd.DataFrame:
        """The live episodes; of these leads or of all.

        Returns:
            Index `lead_id`; episode_id, opened_at, status, tier, grade, behaviour, fit, claimed_by, claimed_at,
            snoozed_until, told_at.
        """
        with self._database.reads() as connection:
            return episodes.open_table(connection, lead_ids)

    def hysteresis(self, lead_ids: Collection[str] | None = None) -> pd.DataFrame:
        """What `pql.domain.qualification.advance` reads, for every lead that has any of it; of these leads or of all.

        Returns:
            Index `lead_id`, sorted; `open` (bool), `opened_at`, `above_since`, `below_since`, `cooldown_until`
            (microseconds, NaN), `claimed` (bool: claimed or accepted).
        """
        with self._database.reads() as connection:
            return episodes.hysteresis(connection, lead_ids)

    def record_outcome(
        self,
        lead_id: str,
        kind: OutcomeKind,
        by: str,
        at: datetime,
        reason: str | None = None,
        until: datetime | None = None,
        *,
        cooldown: Duration = COOLDOWN,
    ) -> OutcomeResult:
        """Record what a rep says of a lead's live episode; reject, won and lost close it and start the cooldown.

        The same by the same rep again changes nothing (`changed` is False).

        `until` is for snooze: when the lead comes back. `cooldown` (`qualification.cooldown`) is how long no new
        episode opens after one was closed.

        Raises:
            OutcomeRefused: There is no live episode, another rep holds it, or the snooze has no end.
        """
        said = outcomes.Said(kind=kind, by=by.strip().lower(), at=at, reason=clean(reason), until=until)
        with self._database.writes() as connection:
            return outcomes.record(connection, lead_id, said, cooldown)

    def outcomes(self, lead_id: str | None = None, *, since: datetime | None = None) -> list[Outcome]:
        """Outcomes, the newest first."""
        with self._database.reads() as connection:
            return outcomes.read(connection, lead_id, since)

    # --- customers ----------------------------------------------------------------------------------------------------

    def customers(self) -> pd.DataFrame:
        """Converted leads, the newest first.

        Returns:
            Index `lead_id`; name, domain, stage, owner_email, success_owner_email, plan, converted_at, lead_time
            (microseconds), use_before, use_now, use_at, behaviour, gone.
        """
        with self._database.reads() as connection:
            return episodes.customers(connection)

    def check_ins(self, *, due_before: datetime | None = None, decided: bool | None = None) -> pd.DataFrame:
        """Check-ins: columns lead_id, name, due_at, decided_at (microseconds), by due date."""
        with self._database.reads() as connection:
            return episodes.read_check_ins(connection, due_before=micros(due_before), decided=decided)

    # --- validity and settings ----------------------------------------------------------------------------------------

    def validity_at(
        self, entity: str, at: datetime, *, names: Collection[str] | None = None, ids: Collection[str] | None = None
    ) -> pd.DataFrame:
        """What was known of entities at an instant: index `entity_id`, one column a name (NaN/None unknown).

        `attrs["since"]` holds the first instant from which anything of the entity is known (microseconds), or None.
        """
        with self._database.reads() as connection:
            return validity.at(connection, entity, at, names, ids)

    def setting(self, key: str) -> object | None:
        """A setting's value (JSON-able); None if never set."""
        with self._database.reads() as connection:
            return settings.get(connection, key)

    def set_setting(self, key: str, value: object, at: datetime) -> None:
        """Keep a setting."""
        with self._database.writes() as connection:
            settings.put(connection, key, value, at)

    def paused(self) -> Paused | None:
        """Who paused sending and since when; None while it is not paused."""
        with self._database.reads() as connection:
            return settings.paused(connection)

    def pause(self, by: str, at: datetime) -> Paused:
        """Stop sending at once; tells who had paused it before, if so."""
        with self._database.writes() as connection:
            return settings.pause(connection, by, at)

    def resume(self, at: datetime) -> None:
        """Send again."""
        with self._database.writes() as connection:
            settings.put(connection, settings.PAUSED, None, at)
