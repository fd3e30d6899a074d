"""The job of every minute: what has just happened, decided on and remembered in one transaction.

It reads what arrived since its last look, and never evaluates a lead: where a lead stands is what the last run of the
main job remembered. What was held back until now is told by the same.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain

from pql.domain.definitions import Definitions
from pql.domain.evaluation import Evaluation
from pql.domain.messages import Subject
from pql.errors import PqlError
from pql.jobs.asked_again import over_by_now
from pql.jobs.candidates import Case, cases_of, episode_cases, gate_frame, most_urgent_first
from pql.jobs.compose import Briefing
from pql.jobs.detect import JOB as MAIN_JOB
from pql.jobs.detect import Tools
from pql.jobs.guard import unreliable, watchable
from pql.jobs.known_people import known_champions
from pql.jobs.looking import MARK, Mark, Seen, look
from pql.jobs.remembered import last_run, remembered_evaluation
from pql.jobs.results import occurrence_record
from pql.jobs.rule_change import unsettled_moments
from pql.jobs.tell import Told, spoken
from pql.jobs.telling import Messages, Telling, messages_of, told_of
from pql.jobs.waiting import not_waiting, waiting_cases
from pql.store import Store
from pql.store.records import Committed, HeldRecord, OccurrenceRecord, OutboxRecord, Run, RunResults
from pql.warehouse.watching import Watching

JOB = "watch"
# What waited and is no moment is told by what the last run measured, if it is no older: a run a day.
MEASURED = timedelta(hours=36)
KEPT_FOR = timedelta(days=60)  # timers that have ended; rows that old set none again


@dataclass(frozen=True, kw_only=True)
class WatchReport:
    """What a look found and did, for people.

    Args:
        as_of: Its instant.
        dry_run: Nothing was remembered.
        idle: Why nothing was looked at; "" where something was.
        arrived: How many rows had arrived.
        found: How many occurrences there are of each moment.
        unknown: How many were of leads that no run of the main job has seen; that job decides on them.
        unsettled: How many were of moments that are defined anew since the last run; that job decides on them, too.
        waited: How many qualifications, check-ins and drops in use had waited until now.
        timers: How many timers were set, moved or ended.
        told: How many decisions of each reason were taken, by the reason's name.
        notifications: The messages.
        committed: What was written; None where nothing but the mark was.
    """

    as_of: datetime
    dry_run: bool = False
    idle: str = ""
    arrived: int = 0
    found: Mapping[str, int] = field(default_factory=dict)
    unknown: int = 0
    unsettled: int = 0
    waited: int = 0
    timers: int = 0
    told: Mapping[str, int] = field(default_factory=dict)
    notifications: tuple[OutboxRecord, ...] = ()
    committed: Committed | None = None


@dataclass
class Known:
    """The rows that the last look of this process has looked at and remembered; nothing depends on it but the time."""

    mark: Mark | None = None
    hashes: frozenset[int] = frozenset()

    def at(self, mark: Mark) -> frozenset[int]:
        """Those that need not be looked at again; none where somebody else looked since."""
        return self.hashes if mark == self.mark else frozenset()


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a look found, and what was decided of it.

    Args:
        cases: What was found, and what was held back until now.
        unknown: How many occurrences were left to the main job, since it has not seen their leads.
        unsettled: The same, since their moment was defined anew.
    """

    seen: Seen
    evaluation: Evaluation
    cases: Sequence[Case]
    telling: Telling
    messages: Messages
    unknown: int
    unsettled: int = 0

    @property
    def occurrences(self) -> list[OccurrenceRecord]:
        """All that is remembered of what happened, told or not."""
        facts = gate_frame(self.evaluation, self.evaluation.leads.index)
        found = [case for case in self.cases if case.moment is not None]
        quiet = [case for moment, found in self.seen.known for case in cases_of(moment, found, facts)]
        return [occurrence_record(case) for case in [*found, *quiet]]


def watch(tools: Tools, *, as_of: datetime, dry_run: bool = False, known: Known | None = None) -> WatchReport:
    """Look once at what has just happened.

    Args:
        tools: The project, the usage tables and what is remembered.
        as_of: The instant.
        dry_run: Decide, and remember nothing.
        known: What this process looked at before, so that the overlap costs nothing.

    Raises:
        RunConflict: Another look is under way.
        WarehouseError: The usage cannot be read. The state is as it was.
        StateError: The state cannot be written. The state is as it was.
    """
    run_at = tools.store.last_as_of(MAIN_JOB)
    if run_at is None:
        return WatchReport(as_of=as_of, idle="there was no run yet: `pql run` records what is so already")
    if why := _stopped(tools.store):
        # What is quiet there is the source, not the customers; the mark stays, so that nothing is missed.
        return WatchReport(as_of=as_of, idle=f"the last run stopped: {why}")
    mark = _mark(tools, run_at)
    if idle := _idle(mark, as_of):
        return idle
    if dry_run:
        return _report(_judged(tools, mark, run_at, as_of, Known()), as_of, dry_run=True)
    run = tools.store.begin_run(JOB, as_of, tools.clock())
    if run.already_committed:
        return WatchReport(as_of=as_of, idle="it was looked at as of this instant before")
    try:
        with tools.store.alive(run, tools.clock):
            return _look_once(tools, run, run_at, known or Known())
    except BaseException as exc:
        words = str(exc) if isinstance(exc, PqlError) else f"{type(exc).__name__}: {exc}"
        tools.store.fail_run(run, words, tools.clock())
        raise


def _look_once(tools: Tools, run: Run, run_at: datetime, known: Known) -> WatchReport:
    # Under the lock: what another look has seen meanwhile is known.
    mark = _mark(tools, run_at)
    if idle := _idle(mark, run.as_of):
        tools.store.commit_quietly(run, RunResults(definitions_hash=""), tools.clock())
        return idle
    judged = _judged(tools, mark, run_at, run.as_of, known)
    results = _results(tools, judged)
    committed = None
    if results.occurrences or results.decisions or results.settled:
        committed = tools.store.commit_run(run, results, tools.clock())
    else:
        tools.store.commit_quietly(run, results, tools.clock())
    known.mark, known.hashes = judged.seen.mark, judged.seen.hashes
    if run.as_of.date() != mark.looked_at.date():
        tools.store.forget_timers(ended_before=run.as_of - KEPT_FOR)
    return _report(judged, run.as_of, committed=committed)


def _mark(tools: Tools, run_at: datetime) -> Mark:
    """How far was looked; before the first look, as far as the main job did."""
    return Mark.read(tools.store.setting(MARK)) or Mark(looked_at=run_at, arrived_at=run_at)


def _stopped(store: Store) -> str:
    """Why the last run of the main job stopped at its sources; "" if it did not."""
    ended = [run for run in store.runs(job=MAIN_JOB, limit=5) if run.status != "running"]
    return ended[0].error if ended and ended[0].status == "stopped" else ""


def _idle(mark: Mark, as_of: datetime) -> WatchReport | None:
    if as_of > mark.looked_at:
        return None
    return WatchReport(as_of=as_of, idle=f"all before {mark.looked_at:%Y-%m-%d %H:%M:%S} UTC was looked at before")


def _judged(tools: Tools, mark: Mark, run_at: datetime, as_of: datetime, known: Known) -> Judged:
    project, store = tools.project, tools.store
    definitions, blind = project.definitions, unreliable(store)
    watching = tools.warehouse.watching(as_of=as_of, orphans=mark.orphans)
    seen = look(
        watching,
        store,
        watchable(definitions, blind).moments,
        project.usage.watch,
        mark=mark,
        run_at=run_at,
        as_of=as_of,
        known=known.at(mark),
    )
    seen, unsettled = _settled(seen, unsettled_moments(store, definitions, MAIN_JOB))
    held = _ours(store, definitions, run_at, as_of)
    due = [record for record in held if record.due_at <= as_of]
    touched = {str(lead_id) for _, found in chain(seen.found, seen.known) for lead_id in found["lead_id"]}
    touched |= {record.lead_id for record in due}
    evaluation = remembered_evaluation(store, definitions, touched, as_of=as_of)
    facts = gate_frame(evaluation, touched)
    fresh = most_urgent_first(case for moment, found in seen.found for case in cases_of(moment, found, facts))
    over = over_by_now(store, watching, definitions, due, as_of=as_of, blind=blind)
    untold = _untold(store, due, evaluation)
    waited = waiting_cases(due, definitions, evaluation, untold=untold, as_of=as_of, over=over)
    cases = not_waiting([*untold, *fresh, *waited], held, as_of=as_of)
    telling, messages = Telling.nothing(), Messages()
    if cases:
        telling = told_of(store, project, evaluation, cases, baseline=False, waiting=held)
        briefing = _briefing(tools, watching, evaluation, telling.sent, held, run_at)
        messages = messages_of(store, briefing, tools.channels, telling.sent)
    return Judged(
        seen=seen,
        evaluation=evaluation,
        cases=cases,
        telling=telling,
        messages=messages,
        unknown=sum(len(found) for _, found in seen.found) - len(fresh),
        unsettled=unsettled,
    )


def _settled(seen: Seen, changed: Collection[str]) -> tuple[Seen, int]:
    """What was found of moments that the last run knew as they are now, and how many occurrences there are of others.

    The next run finds those again, and tells what the moment as it was would have told too.
    """
    ours = [(moment, found) for moment, found in seen.found if moment.name not in changed or moment.pattern.by_watch]
    left = sum(len(found) for _, found in seen.found) - sum(len(found) for _, found in ours)
    return replace(seen, found=ours), left


def _ours(store: Store, definitions: Definitions, run_at: datetime, as_of: datetime) -> list[HeldRecord]:
    """What of all that is held the watch may tell: moments, and the rest by what a run of late measured."""
    held = store.held()
    run = last_run(store)
    same = run is not None and run.definitions_hash == definitions.content_hash
    if same and as_of - run_at <= MEASURED:
        return held
    return [record for record in held if record.subject == Subject.MOMENT]


def _untold(store: Store, due: Sequence[HeldRecord], evaluation: Evaluation) -> list[Case]:
    """The qualifications that waited and are live still."""
    keys = {record.step_key for record in due if record.subject == Subject.QUALIFICATION}
    live = episode_cases(store.open_episodes(), {}, evaluation) if keys else []
    return [case for case in live if case.candidate.key in keys]


def _briefing(
    tools: Tools,
    watching: Watching,
    evaluation: Evaluation,
    sent: Sequence[Told],
    held: Sequence[HeldRecord],
    run_at: datetime,
) -> Briefing:
    """What the messages need; champions as the main job ranked them, since to rank them all use would be measured."""
    users = {one.case.occurrence.get("user_id") for one in sent}
    leads = sorted({one.case.candidate.lead_id for one in sent})
    return Briefing(
        project=tools.project,
        evaluation=evaluation,
        champions=known_champions(tools.store, watching, tools.project.definitions.scoring.champions, leads, held),
        latest=watching.latest(spoken(tools.project.definitions, evaluation, leads), leads, run_at),
        users=watching.people([user for user in users if isinstance(user, str)]),
        measured_at=run_at,
    )


def _results(tools: Tools, judged: Judged) -> RunResults:
    definitions, as_of = tools.project.definitions, judged.evaluation.as_of
    return RunResults(
        definitions_hash=definitions.content_hash,
        sources=definitions.sources,
        occurrences=judged.occurrences,
        decisions=judged.messages.decisions(judged.telling.told, as_of=as_of),
        outbox=[record for records in judged.messages.records.values() for record in records],
        held=judged.telling.held,
        settled=judged.telling.settled,
        turns=judged.telling.turns,
        timers=judged.seen.timers,
        settings={MARK: judged.seen.mark.as_json()},
        counts={"arrived": judged.seen.count, "moments": len(judged.occurrences), "timers": len(judged.seen.timers)},
    )


def _report(
    judged: Judged, as_of: datetime, *, dry_run: bool = False, committed: Committed | None = None
) -> WatchReport:
    moments = [case for case in judged.cases if case.candidate.subject is Subject.MOMENT]
    return WatchReport(
        as_of=as_of,
        dry_run=dry_run,
        arrived=judged.seen.count,
        found=Counter(case.topic for case in moments),
        unknown=judged.unknown,
        unsettled=judged.unsettled,
        waited=len(judged.cases) - len(moments),
        timers=len(judged.seen.timers),
        told=Counter(told.why.name for told in judged.telling.told),
        notifications=tuple(chain.from_iterable(judged.messages.records.values())),
        committed=committed,
    )
