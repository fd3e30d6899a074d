"""The one door to what the program remembers; each method is one transaction."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.domain.durations import Duration
from pql.domain.mutes import Mute
from pql.domain.rules import Absence
from pql.domain.turns import Turn
from pql.errors import StateError
from pql.store import (
    absences,
    commit,
    episodes,
    erasure,
    fallback,
    figures,
    held,
    leads,
    leases,
    mutes,
    notices,
    outbox,
    outcomes,
    paces,
    reading,
    runs,
    settings,
    source_checks,
    timers,
    turns,
    validity,
)
from pql.store.digests import DigestReads
from pql.store.engine import Database
from pql.store.figures import Figures
from pql.store.records import (
    Attempt,
    Committed,
    Episode,
    Erased,
    Fence,
    Found,
    HeldRecord,
    HeldStatus,
    LeadRecord,
    Lease,
    Leased,
    Notice,
    Notification,
    OutboxRecord,
    Outcome,
    OutcomeKind,
    OutcomeResult,
    Paused,
    Run,
    RunRecord,
    RunResults,
    ScoreRecord,
    Sent,
    SourceCheck,
    StoredDecision,
    ThreadRoot,
)
from pql.store.values import clean, micros
from pql.store.weeks import WeekReads

RUN_LEASE = Duration(120)  # a run that gave no sign of life for so long has died
COOLDOWN = Duration.of_days(30)


def _unfenced() -> Fence | None:
    return None


class Store:
    """What the program remembers, in SQLite or PostgreSQL.

    Safe to use from many threads and processes. Every method raises StateError, with what to do, where the database
    cannot be reached, read or written; nothing of a method that raises is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fence: Callable[[], Fence | None] = _unfenced

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

    # --- leading ------------------------------------------------------------------------------------------------

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

    # --- runs ---------------------------------------------------------------------------------------------------

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

    # --- leads --------------------------------------------------------------------------------------------------

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
            return leads.history(connection, lead_id)

    def find_leads(self, text: str, *, limit: int = 10) -> list[Found]:
        """Leads by id, name or domain: exact ones if any, else those that contain the text, else near ones."""
        with self._database.reads() as connection:
            return leads.find(connection, text, limit)

    # --- episodes and outcomes ----------------------------------------------------------------------------------

    def episodes(self, lead_id: str) -> list[Episode]:
        """All episodes of a lead, the newest first."""
        with self._database.reads() as connection:
            return episodes.read(connection, lead_id)

    def open_episodes(self) -> pd.DataFrame:
        """The live episodes.

        Returns:
            Index `lead_id`; episode_id, opened_at, status, tier, grade, behaviour, fit, claimed_by, claimed_at,
            snoozed_until, told_at.
        """
        with self._database.reads() as connection:
            return episodes.open_table(connection)

    def hysteresis(self) -> pd.DataFrame:
        """What `pql.domain.qualification.advance` reads, for every lead that has any of it.

        Returns:
            Index `lead_id`, sorted; `open` (bool), `opened_at`, `above_since`, `below_since`, `cooldown_until`
            (microseconds, NaN), `claimed` (bool: claimed or accepted).
        """
        with self._database.reads() as connection:
            return episodes.hysteresis(connection)

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

    # --- moments and decisions ----------------------------------------------------------------------------------

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

    # --- mutes --------------------------------------------------------------------------------------------------

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

    # --- turns and absences -------------------------------------------------------------------------------------

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

    # --- customers ----------------------------------------------------------------------------------------------

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

    # --- validity and settings ----------------------------------------------------------------------------------

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

    # --- sources ----------------------------------------------------------------------------------------------------

    def source_checks(self, relations: Collection[str], *, since: datetime, until: datetime) -> list[SourceCheck]:
        """The looks at relations of [since, until), the newest first."""
        with self._database.reads() as connection:
            return source_checks.read(connection, relations, since, until)

    def keep_source_checks(self, checks: Sequence[SourceCheck]) -> None:
        """Keep looks at relations: the newest of each day, and each that found something else."""
        with self._database.writes() as connection:
            source_checks.keep(connection, checks)

    # --- outbox -------------------------------------------------------------------------------------------------

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

    # --- notices ------------------------------------------------------------------------------------------------

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

    # --- people -------------------------------------------------------------------------------------------------

    def erase_person(self, email: str, *, also: Collection[str] = ()) -> Erased:
        """Blank a person in all texts that we keep: the email, and further texts (name, user id).

        What it covers: docs/state.md.

        Raises:
            StateError: A text has less than 3 letters, so that it would blank others.
        """
        with self._database.writes() as connection:
            return erasure.erase(connection, email, also)
