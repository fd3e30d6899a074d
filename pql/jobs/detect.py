"""The main job: read the usage, evaluate every lead, decide who is told, and remember all of it in one transaction."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import pandas as pd

from pql.config.settings import Project
from pql.domain.definitions import Definitions
from pql.domain.evaluation import Evaluation
from pql.domain.messages import Subject
from pql.domain.overview import Evaluated, Overview, overview_of
from pql.domain.qualification import Transitions, advance
from pql.domain.signals import Signal
from pql.errors import PqlError
from pql.jobs.asked_again import over_by_now
from pql.jobs.candidates import Case, episode_cases, moment_cases, occurrence_key, undecided
from pql.jobs.compose import BASELINE_SHOWN, Briefing, baseline_alert
from pql.jobs.customers import Followed, closed_by_conversion, follow, qualifiable
from pql.jobs.guard import UNGUARDED, Guarded, blinded, note_unreadable, steady, watchable, without
from pql.jobs.guard import look as look_at_sources
from pql.jobs.guard import remember as remember_sources
from pql.jobs.guard import tell as tell_of_sources
from pql.jobs.known_people import with_people
from pql.jobs.reading import Progress, Reading, read, silent
from pql.jobs.results import counts_of, kept, results_of, shown
from pql.jobs.rule_change import ByChange, RuleChange, by_change, change_since
from pql.jobs.rule_change_alert import change_alert, fallback_route
from pql.jobs.staff import Listed, listed_reps, remember_reps, with_reps
from pql.jobs.tell import brief, outbox_records
from pql.jobs.telling import Messages, Telling, messages_of, told_of
from pql.jobs.thought import Thought
from pql.jobs.trace import trace
from pql.jobs.waiting import not_waiting, waiting_cases
from pql.notify import Channel
from pql.store import Store, hashes_of
from pql.store.records import Committed, EpisodeClosed, HeldRecord, LeadHashes, OutboxRecord
from pql.warehouse import Warehouse

JOB = "run"
SHOWN = 10  # the best live leads are shown with their reasons after a run


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What a run works with."""

    project: Project
    warehouse: Warehouse
    store: Store
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """What a run found and did, for people.

    Args:
        already_committed: The run had been done before: nothing was read or written, and the rest is empty.
        baseline: It was the first run ever.
        stopped: A source that every lead is made of is broken: nothing was evaluated, and the rest is empty.
        sources: What is wrong with sources, in sentences.
        cures: What can be done about it.
        rules: What changed of the definitions since the last run.
        quality: Sentences about rows of the source that are not as they should be.
        counts: leads, eligible, opened, closed, live, moments, conversions, notifications.
        fired: For each signal how many leads it fired for.
        told: How many decisions of each reason were taken, by the reason's name.
        notifications: The messages.
        committed: What was written; None for a dry run.
    """

    as_of: datetime
    dry_run: bool = False
    already_committed: bool = False
    baseline: bool = False
    stopped: bool = False
    sources: tuple[str, ...] = ()
    cures: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    quality: tuple[str, ...] = ()
    counts: Mapping[str, int | float | str] = field(default_factory=dict)
    fired: Mapping[str, int] = field(default_factory=dict)
    opened: tuple[str, ...] = ()
    told: Mapping[str, int] = field(default_factory=dict)
    notifications: tuple[OutboxRecord, ...] = ()
    committed: Committed | None = None
    briefing: Briefing | None = None


def detect(
    tools: Tools,
    *,
    as_of: datetime,
    dry_run: bool = False,
    progress: Progress = silent,
    keep_on: Callable[[], bool] = lambda: True,
) -> RunReport:
    """Run the main job as of an instant.

    A run at the last committed `as_of` does nothing; an earlier one needs `dry_run`, which remembers nothing.

    Raises:
        RunConflict: Another run is under way, or `as_of` is before the last committed one.
        WarehouseError: The usage cannot be read. The state is as it was.
        StateError: The state cannot be written. The state is as it was.
    """
    last = tools.store.last_as_of(JOB)
    if dry_run:
        guarded = look_at_sources(tools.project, tools.warehouse, tools.store, as_of=as_of)
        if guarded.stops:
            return _stopped(guarded, as_of=as_of, dry_run=True)
        tools, _ = _staffed(tools)
        thought = think(tools, as_of=as_of, last=last, guarded=guarded, progress=progress, keep_on=keep_on)
        return report_of(thought, dry_run=True, guarded=guarded)
    run = tools.store.begin_run(JOB, as_of, tools.clock())
    if run.already_committed:
        return RunReport(as_of=as_of, already_committed=True)
    try:
        with tools.store.alive(run, tools.clock):
            guarded = look_at_sources(tools.project, tools.warehouse, tools.store, as_of=as_of)
            remember_sources(tools.store, guarded, tools.clock())
            tell_of_sources(tools.project, tools.store, tools.channels, tools.clock())
            if guarded.stops:
                tools.store.stop_run(run, "; ".join(guarded.sentences), tools.clock())
                return _stopped(guarded, as_of=as_of)
            tools, listed = _staffed(tools)
            remember_reps(tools.store, listed, tools.clock())
            thought = think(tools, as_of=as_of, last=last, guarded=guarded, progress=progress, keep_on=keep_on)
            progress("Remembering", 0, 1)
            results = results_of(tools.project.definitions, thought)
            committed = tools.store.commit_run(run, results, tools.clock())
            progress("Remembering", 1, 1)
    except BaseException as exc:
        words = str(exc) if isinstance(exc, PqlError) else f"{type(exc).__name__}: {exc}"
        tools.store.fail_run(run, words, tools.clock())
        if note_unreadable(tools.store, exc, tools.clock()):
            tell_of_sources(tools.project, tools.store, tools.channels, tools.clock())
        raise
    trace(run, results, committed)
    return report_of(thought, dry_run=False, committed=committed, guarded=guarded)


def _stopped(guarded: Guarded, *, as_of: datetime, dry_run: bool = False) -> RunReport:
    return RunReport(as_of=as_of, dry_run=dry_run, stopped=True, sources=guarded.sentences, cures=guarded.cures)


def _staffed(tools: Tools) -> tuple[Tools, Listed]:
    """The tools with the reps that the relation lists, and those."""
    listed = listed_reps(tools.warehouse)
    return replace(tools, project=with_reps(tools.project, listed)), listed


def think(
    tools: Tools,
    *,
    as_of: datetime,
    last: datetime | None,
    guarded: Guarded = UNGUARDED,
    progress: Progress = silent,
    keep_on: Callable[[], bool] = lambda: True,
) -> Thought:
    """Read, evaluate and decide; write nothing.

    Args:
        tools: The project, the usage tables and what is remembered.
        as_of: The instant.
        last: The last committed run; None makes this one the baseline.
        guarded: Which sources cannot be relied on.
        progress: Is told of each step.
        keep_on: Asked whether there is time to fill in more of the past of new definitions.
    """
    project, store, warehouse = tools.project, tools.store, tools.warehouse
    definitions, baseline = project.definitions, last is None
    change, blind = change_since(store, definitions, JOB), blinded(definitions.signals, guarded.blind)
    beside = change.plans if change else ()
    reading = read(warehouse, definitions, as_of=as_of, progress=progress, keep_on=keep_on, beside=beside)
    episodes = store.open_episodes()
    overview, hashes = _overview(definitions, without(reading, blind), episodes, progress)
    qualified = _qualified(tools, overview, episodes, blind, as_of=as_of, last=last)
    transitions, followed = qualified.transitions, qualified.followed
    moments = _new_moments(tools, guarded, overview, last=last, as_of=as_of, progress=progress)
    ruled = _ruled(tools, change, reading, qualified, moments, blind=guarded.blind, last=last)
    held = store.held()
    over = over_by_now(store, warehouse, definitions, held, as_of=as_of, blind=guarded.blind)
    cases = _cases(definitions, overview, qualified, moments, held, over)
    known = _known(overview, qualified, cases, held, baseline=baseline)
    telling, briefing, messages = _told(tools, known, ruled, progress)
    return Thought(
        reading=reading,
        overview=overview,
        hashes=hashes,
        detail=known.detail,
        transitions=transitions,
        followed=followed,
        cases=cases,
        telling=telling,
        briefing=briefing,
        messages=messages,
        converted=qualified.converted,
        baseline=baseline,
        live=len(qualified.live) + len(transitions.opened),
        blind=blind,
        ruled=ruled,
    )


def _ruled(
    tools: Tools,
    change: RuleChange | None,
    reading: Reading,
    qualified: "_Qualified",
    moments: Sequence[Case],
    *,
    blind: Collection[str],
    last: datetime | None,
) -> ByChange:
    """What is so only because the definitions changed."""
    return by_change(
        change,
        tools.project,
        tools.warehouse,
        tools.store,
        reading=reading,
        state=qualified.state,
        transitions=qualified.transitions,
        moments=moments,
        blind=blind,
        last=last,
    )


def _overview(
    definitions: Definitions, reading: Reading, episodes: pd.DataFrame, progress: Progress
) -> tuple[Overview, list[LeadHashes]]:
    """The standing of all leads, and what tells them from what is stored."""
    progress("Evaluating leads", 0, 1)
    names, validity = shown(reading.leads.columns), kept(definitions, reading.leads.columns)
    live = [*map(str, episodes.index)]
    seen = overview_of(
        definitions,
        reading.leads,
        reading.users,
        reading.answers,
        reading.measured,
        as_of=reading.as_of,
        look=lambda part: hashes_of(part, names, live, kept=validity),
    )
    progress("Evaluating leads", 1, 1)
    return seen


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is decided upon.

    Args:
        overview: The standing of all leads.
        detail: The whole evaluation of those that are spoken of.
        best: The best live leads, which are shown with their reasons.
        cases: All that is decided now.
        held: What waits.
        baseline: It is the first run ever.
    """

    overview: Overview
    detail: Evaluation
    best: Sequence[str]
    qualified: "_Qualified"
    cases: Sequence[Case]
    held: Sequence[HeldRecord]
    baseline: bool

    @property
    def opened(self) -> Sequence[str]:
        """Whose episodes open now."""
        return self.qualified.transitions.opened


def _told(tools: Tools, known: _Known, ruled: ByChange, progress: Progress) -> tuple[Telling, Briefing, Messages]:
    """What is decided of the cases, what the messages are made of, and the messages."""
    news = [case for case in known.cases if not ruled.has(case)]
    telling = told_of(tools.store, tools.project, known.detail, news, baseline=known.baseline, waiting=known.held)
    telling = replace(telling, told=[*telling.told, *ruled.told(known.cases)])
    briefing = _briefed(tools, known, telling)
    telling = replace(telling, held=with_people(telling.held, briefing))
    messages = messages_of(tools.store, briefing, tools.channels, telling.sent, progress)
    summed_up: Mapping[str, Sequence[OutboxRecord]] = {}
    if known.baseline:
        summed_up = _summary(tools, briefing, known)
    elif ruled.leads or ruled.keys:
        summed_up = _changed(tools, briefing, ruled)
    return telling, briefing, replace(messages, records={**messages.records, **summed_up})


@dataclass(frozen=True, kw_only=True)
class _Qualified:
    """Which episodes open, stay and end.

    Args:
        state: Where leads stood before, those left out that became customers.
        live: The episodes that go on; those that open now are not among them.
    """

    state: pd.DataFrame
    followed: Followed
    converted: Sequence[EpisodeClosed]
    transitions: Transitions
    live: pd.DataFrame


def _qualified(
    tools: Tools,
    evaluation: Overview,
    episodes: pd.DataFrame,
    blind: Sequence[Signal],
    *,
    as_of: datetime,
    last: datetime | None,
) -> _Qualified:
    definitions, store = tools.project.definitions, tools.store
    followed = follow(tools.warehouse, store, definitions, evaluation.leads, as_of=as_of, last=last)
    converted = closed_by_conversion(evaluation.leads, episodes, followed.fresh, definitions, as_of=as_of)
    won = [row.lead_id for row in converted]
    state = store.hysteresis().drop(index=won, errors="ignore")
    transitions = advance(
        state,
        qualifiable(evaluation, definitions.stages.customer),
        definitions.qualification,
        definitions.scoring.tiers,
        as_of=as_of,
    )
    transitions = steady(transitions, blind)
    live = episodes.drop(index=won).drop(index=transitions.closed.index, errors="ignore")
    return _Qualified(state=state, followed=followed, converted=converted, transitions=transitions, live=live)


def _cases(
    definitions: Definitions,
    evaluation: Overview,
    qualified: _Qualified,
    moments: Sequence[Case],
    held: Sequence[HeldRecord],
    over: Collection[str],
) -> list[Case]:
    """All that is decided now: what is new, and what was held back until now."""
    as_of = evaluation.as_of
    untold = episode_cases(qualified.live, dict.fromkeys(qualified.transitions.opened, as_of), evaluation)
    due = waiting_cases(held, definitions, evaluation, untold=untold, as_of=as_of, over=over)
    return not_waiting([*untold, *moments, *due, *qualified.followed.cases], held, as_of=as_of)


def _known(
    overview: Overview, qualified: _Qualified, cases: Sequence[Case], held: Sequence[HeldRecord], *, baseline: bool
) -> _Known:
    """What is decided upon; spoken of are the leads of all cases, those whose episodes open, and the best live ones."""
    opened = qualified.transitions.opened
    best = _ranked(overview, [*qualified.live.index, *opened])[: BASELINE_SHOWN if baseline else SHOWN]
    detail = overview.of({*(case.candidate.lead_id for case in cases), *opened, *best})
    return _Known(
        overview=overview,
        detail=detail,
        best=best,
        qualified=qualified,
        cases=cases,
        held=held,
        baseline=baseline,
    )


def _briefed(tools: Tools, known: _Known, telling: Telling) -> Briefing:
    """What only the messages need, and the report of the best live leads."""
    # The watch may tell what is held, and ranks nobody: whom to talk to is kept with it.
    waits = {record.lead_id for record in telling.held if record.subject != Subject.MOMENT}
    spoken = sorted({one.case.candidate.lead_id for one in telling.sent} | {*known.best} | waits)
    return brief(tools.project, tools.warehouse, known.detail, spoken)


def _ranked(evaluation: Evaluated, lead_ids: Sequence[str]) -> list[str]:
    """The leads, the highest score first."""
    behaviour = evaluation.scores["behaviour"].reindex(sorted(lead_ids))
    return [str(lead_id) for lead_id in behaviour.sort_values(ascending=False, kind="stable").index]


def _new_moments(
    tools: Tools,
    guarded: Guarded,
    evaluation: Overview,
    *,
    last: datetime | None,
    as_of: datetime,
    progress: Progress,
) -> list[Case]:
    """The moments that no job decided on before, of sources that can be relied on."""
    progress("Looking for moments", 0, 1)
    watched = watchable(tools.project.definitions, guarded.blind)
    cases = moment_cases(tools.warehouse, watched, evaluation, last=last, as_of=as_of)
    known = tools.store.known_occurrences({occurrence_key(case) for case in cases})
    progress("Looking for moments", 1, 1)
    return undecided(cases, known)


def _summary(tools: Tools, briefing: Briefing, known: _Known) -> dict[str, Sequence[OutboxRecord]]:
    """The one message of the first run, to the fallback rep."""
    chosen = fallback_route(tools.project)
    ranked = _ranked(known.detail, known.opened)
    moments = sum(case.candidate.subject is Subject.MOMENT for case in known.cases)
    customers = known.qualified.followed.known
    alert = baseline_alert(
        briefing, ranked, chosen, seen=len(known.overview.scores), moments=moments, customers=customers
    )
    key = f"baseline:{briefing.as_of.isoformat()}"
    return {key: outbox_records(tools.project, tools.channels, alert, key, chosen, happened_at=briefing.as_of)}


def _changed(tools: Tools, briefing: Briefing, ruled: ByChange) -> dict[str, Sequence[OutboxRecord]]:
    """The one message about what is so only because the definitions changed."""
    chosen = fallback_route(tools.project)
    alert = change_alert(briefing, _ranked(briefing.evaluation, sorted(ruled.leads)), ruled, chosen.rep)
    key = f"rules:{briefing.as_of.isoformat()}"
    return {key: outbox_records(tools.project, tools.channels, alert, key, chosen, happened_at=briefing.as_of)}


def report_of(
    thought: Thought, *, dry_run: bool, committed: Committed | None = None, guarded: Guarded = UNGUARDED
) -> RunReport:
    """What a run found, for people."""
    return RunReport(
        as_of=thought.overview.as_of,
        dry_run=dry_run,
        baseline=thought.baseline,
        sources=guarded.sentences,
        cures=guarded.cures,
        rules=thought.ruled.words,
        quality=(*thought.reading.quality.sentences(), *thought.reading.notes()),
        counts=counts_of(thought),
        fired={str(name): int(number) for name, number in thought.overview.firing["fired"].items()},
        opened=thought.transitions.opened,
        told=Counter(told.why.name for told in thought.telling.told),
        notifications=tuple(record for records in thought.messages.records.values() for record in records),
        committed=committed,
        briefing=thought.briefing,
    )
