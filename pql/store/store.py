"""The one door to what the program remembers; each method is one transaction."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

import pandas as pd

from pql.domain.durations import Duration
from pql.store import bookkeeping, commit, erasure, episodes, leads, outbox, reading, runs
from pql.store.engine import Database
from pql.store.records import (
    Attempt,
    Committed,
    Episode,
    Erased,
    Found,
    LeadRecord,
    Leased,
    Notification,
    Outcome,
    OutcomeKind,
    OutcomeResult,
    Paused,
    Run,
    RunRecord,
    RunResults,
    ScoreRecord,
    StoredDecision,
)

RUN_LEASE = Duration(120)  # a run that gave no sign of life for so long has died
COOLDOWN = Duration.of_days(30)


class Store:
    """What the program remembers, in SQLite or PostgreSQL.

    Safe to use from many threads and processes. Every method raises StateError, with what to do, where the database
    cannot be reached, read or written; nothing of a method that raises is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def close(self) -> None:
        """Give up all connections."""
        self._database.close()

    # --- runs ---------------------------------------------------------------------------------------------------

    def last_as_of(self, job: str) -> datetime | None:
        """The `as_of` of the last committed run of a job; None before the first."""

    def begin_run(self, job: str, as_of: datetime, now: datetime, *, lease: Duration = RUN_LEASE) -> Run:
        """Take the lock of a job until `now` + `lease`.

        A lock whose holder gave no sign of life in time is taken over, and its run is marked as failed.

        Returns:
            The run; `already_committed` if the last committed run of the job has this very `as_of` (no lock then).

        Raises:
            RunConflict: Another run of this job holds the lock (says which, since when), or `as_of` is before the
                last committed one.
        """

    def heartbeat(self, run: Run, now: datetime, *, lease: Duration = RUN_LEASE) -> bool:
        """Keep the lock until `now` + `lease`; False if another run has it."""

    @contextmanager
    def alive(self, run: Run, clock: Callable[[], datetime], *, lease: Duration = RUN_LEASE) -> Iterator[None]:
        """Send heartbeats from a thread, every quarter of the lease, while the block runs."""

    def commit_run(self, run: Run, results: RunResults, now: datetime) -> Committed:
        """Write all that a run found in one transaction, mark it as done and give up its lock.

        Raises:
            RunConflict: Another run took the lock over meanwhile.
            StateError: Nothing was written; the run still holds its lock, for `fail_run`.
        """

    def fail_run(self, run: Run, error: str, now: datetime) -> None:
        """Mark a run as failed and give up its lock; nothing happens if another took it over."""

    def run(self, run_id: str) -> RunRecord | None:
        """A run by its id."""

    def runs(self, *, job: str | None = None, limit: int = 20) -> list[RunRecord]:
        """The latest runs, the newest first."""

    def definition_sources(self, content_hash: str) -> tuple[tuple[str, str], ...]:
        """The files (path, text) of the definitions with that hash; empty if unknown."""

    # --- leads --------------------------------------------------------------------------------------------------

    def lead(self, lead_id: str) -> LeadRecord | None:
        """A lead as the last run left it; None if no run ever saw it."""

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

    def score_history(self, lead_id: str) -> list[ScoreRecord]:
        """The steps of a lead's history, the oldest first."""

    def find_leads(self, text: str, *, limit: int = 10) -> list[Found]:
        """Leads by id, name or domain: exact ones if any, else those that contain the text, else near ones."""

    # --- episodes and outcomes ----------------------------------------------------------------------------------

    def episodes(self, lead_id: str) -> list[Episode]:
        """All episodes of a lead, the newest first."""

    def open_episodes(self) -> pd.DataFrame:
        """The live episodes: index `lead_id`; episode_id, opened_at, status, tier, grade, behaviour, fit,
        claimed_by, claimed_at, snoozed_until, told_at."""

    def hysteresis(self) -> pd.DataFrame:
        """What `pql.domain.qualification.advance` reads, for every lead that has any of it.

        Returns:
            Index `lead_id`, sorted; `open` (bool), `opened_at`, `above_since`, `below_since`, `cooldown_until`
            (microseconds, NaN), `claimed` (bool: claimed or accepted).
        """

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

        Args:
            until: For snooze: when the lead comes back; after `at`.
            cooldown: How long no new episode opens after a closing one (`qualification.cooldown`).

        Raises:
            OutcomeRefused: There is no live episode, another rep holds it, or the snooze has no end.
        """

    def outcomes(self, lead_id: str | None = None, *, since: datetime | None = None) -> list[Outcome]:
        """Outcomes, the newest first."""

    # --- moments and decisions ----------------------------------------------------------------------------------

    def known_occurrences(self, keys: Collection[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        """Those of (moment, lead_id, key) that are stored already."""

    def told_keys(self, step_keys: Collection[str]) -> set[str]:
        """Those of the step keys that were told (decision `sent`)."""

    def last_told(self, lead_ids: Collection[str] | None = None) -> pd.DataFrame:
        """When each lead was last told about: columns lead_id, subject, topic, at (microseconds); one row for each
        subject and topic. All leads if None."""

    def sent_today(self, recipient: str, day_start: datetime, *, subjects: Collection[str] | None = None) -> int:
        """How many different steps were told to a recipient since the start of the day, whatever the channels."""

    def assigned(self) -> dict[str, int]:
        """How many different leads were told to each recipient, ever."""

    def holders(self, lead_ids: Collection[str] | None = None) -> dict[str, str]:
        """For each lead the rep who holds its live episode, else who was last told about the lead."""

    def decisions(
        self, lead_id: str | None = None, *, outcome: str | None = None, since: datetime | None = None, limit: int = 200
    ) -> list[StoredDecision]:
        """Decisions by the instant they were last taken, the newest first."""

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

    def attempts(self, delivery_id: str) -> list[Attempt]:
        """Every try to deliver a message, the oldest first."""

    # --- customers ----------------------------------------------------------------------------------------------

    def customers(self) -> pd.DataFrame:
        """Converted leads: index `lead_id`; name, domain, plan, stage, converted_at, owner_email,
        success_owner_email, lead_time (microseconds), use_before, use_now, use_at, behaviour, gone; the newest
        first."""

    def check_ins(self, *, due_before: datetime | None = None, decided: bool | None = None) -> pd.DataFrame:
        """Check-ins: columns lead_id, name, due_at, decided_at (microseconds), by due date."""

    # --- validity and settings ----------------------------------------------------------------------------------

    def validity_at(
        self, entity: str, at: datetime, *, names: Collection[str] | None = None, ids: Collection[str] | None = None
    ) -> pd.DataFrame:
        """What was known of entities at an instant: index `entity_id`, one column a name (NaN/None unknown).

        `attrs["since"]` holds the first instant from which anything of the entity is known (microseconds), or None.
        """

    def setting(self, key: str) -> object | None:
        """A setting's value (JSON-able); None if never set."""

    def set_setting(self, key: str, value: object, at: datetime) -> None:
        """Keep a setting."""

    def paused(self) -> Paused | None:
        """Who paused sending and since when; None while it is not paused."""

    def pause(self, by: str, at: datetime) -> Paused:
        """Stop sending at once; tells who had paused it before, if so."""

    def resume(self, at: datetime) -> None:
        """Send again."""

    # --- outbox -------------------------------------------------------------------------------------------------

    def lease(
        self, now: datetime, limit: int, for_: Duration, *, channels: Collection[str] | None = None
    ) -> list[Leased]:
        """Take due messages to send until `now` + `for_`, the oldest first; none while paused.

        Of the same lead, recipient and channel only the oldest waiting message is given, so their order is kept.
        A row whose lease ended without a mark is given again, as ambiguous: its worker may have sent it.
        """

    def mark_sent(self, leased: Leased, at: datetime, reference: str, *, seconds: float | None = None) -> bool:
        """The channel took the message. False if the lease was taken over (another worker decides; it is recorded)."""

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

    def mark_failed(self, leased: Leased, at: datetime, error: str, *, seconds: float | None = None) -> bool:
        """No retry can help. False if the lease was taken over."""

    def release(self, leased: Sequence[Leased]) -> int:
        """Give back messages that were not tried; how many were still ours."""

    def expire(self, now: datetime) -> int:
        """Give up waiting messages that are no longer valid and that nobody is sending; how many."""

    def outbox_counts(self) -> Mapping[str, int]:
        """How many rows stand in each status; `ambiguous` are those that may have been sent twice or wait so."""

    # --- people -------------------------------------------------------------------------------------------------

    def erase_person(self, email: str, *, also: Collection[str] = ()) -> Erased:
        """Blank a person in all texts that we keep: the email, and further texts (name, user id) of at least 3
        letters. What it covers: docs/state.md."""
