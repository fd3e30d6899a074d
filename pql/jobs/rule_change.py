"""When the definitions change: what is newly true only by the new rule is summed up, not fired."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pandas as pd

from pql.config import rules_of
from pql.config.settings import Project
from pql.domain.calendar import to_micros
from pql.domain.decisions import Decision, Why
from pql.domain.definitions import Definitions
from pql.domain.measures.base import Missing
from pql.domain.messages import Subject
from pql.domain.moments import Moment
from pql.domain.overview import Overview, overview_of
from pql.domain.plan import Plan
from pql.domain.qualification import Transitions, advance
from pql.domain.used import asks_users
from pql.errors import ConfigError, WarehouseError
from pql.jobs.candidates import Case, gate_frame, gate_holds, moment_cases, occurrence_key, undecided
from pql.jobs.customers import qualifiable
from pql.jobs.guard import blinded, steady, without
from pql.jobs.reading import Reading, plan_of
from pql.jobs.tell import Told
from pql.store import Store
from pql.warehouse import Warehouse

# Settings: with which definitions runs compare as long as the past of new ones is being filled in; and the leads
# that came to the enter bar only by a change, with the instant at which they did.
COMPARED, MARKS = "rules.compared", "rules.marks"
_RULE_FILES = ("config/icp.yml", "config/scoring.yml", "config/stages.yml")
FILLING = "the past of new definitions was still being filled in"
LOST = "the definitions of before cannot be read any more"
ELSE = "the lead, the time zone or the variables of config/pql.yml changed"


@dataclass(frozen=True, kw_only=True)
class RuleChange:
    """What changed since the runs before.

    Args:
        before: The definitions of then; None: they cannot be read any more.
        since: Their hash; "" where there were none.
        words: What changed, in words.
        comparable: Whether today's rows can be measured by them.
        fresh: Whether it is news to this run; else the past of what is new was being filled in since.
    """

    before: Definitions | None
    since: str
    words: tuple[str, ...]
    comparable: bool
    fresh: bool

    @property
    def plans(self) -> list[Plan]:
        """What must be measured beside."""
        return [plan_of(self.before)] if self.before is not None and self.comparable else []


@dataclass(frozen=True, kw_only=True)
class ByChange:
    """What is so only by a change of the rules.

    Args:
        leads: Whose episodes open only by it.
        keys: The moments that are baseline, by the keys of their candidates.
        words: What changed.
        settings: What the next run must know.
    """

    leads: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()
    settings: Mapping[str, object] = field(default_factory=dict)

    def told(self, cases: Sequence[Case]) -> list[Told]:
        """The decisions on what is by the change alone."""
        return [Told(case=case, decision=Decision(Why.RULE_CHANGED)) for case in cases if self.has(case)]

    def has(self, case: Case) -> bool:
        """Whether a case is by the change alone."""
        candidate = case.candidate
        opened = candidate.subject is Subject.QUALIFICATION and candidate.lead_id in self.leads
        return opened or candidate.key in self.keys


NOTHING_CHANGED = ByChange()


def change_since(store: Store, definitions: Definitions, job: str) -> RuleChange | None:
    """What of the rules changed since the last committed run; None where nothing did, or there was none.

    Routing, reps, customers, delivery and templates are no rules.
    """
    last = next(iter(store.runs(job=job, status="done", limit=1)), None)
    if last is None:
        return None
    kept = store.setting(COMPARED)
    since = str(kept.get("hash", "")) if isinstance(kept, dict) else last.definitions_hash
    if since == definitions.content_hash:
        return None
    fresh = last.definitions_hash != definitions.content_hash
    if not since:
        return RuleChange(before=None, since="", words=(FILLING,), comparable=False, fresh=fresh)
    return _compared(definitions, since, dict(store.definition_sources(since)), fresh=fresh)


def _compared(now: Definitions, since: str, sources: Mapping[str, str], *, fresh: bool) -> RuleChange | None:
    files = _changed_files(sources, dict(now.sources))
    try:
        before = rules_of(sources.items(), now) if sources else None
    except ConfigError:
        before = None
    if before is None:
        return RuleChange(before=None, since=since, words=(LOST,), comparable=False, fresh=fresh)
    same_rules = zip(_RULE_FILES, _same_rules(before, now), strict=True)
    words: tuple[str, ...] = (
        *_changed_names("signal", before.signals, now.signals, files),
        *_changed_names("moment", before.moments, now.moments, files),
        *(f"{path} changed" for path, same in same_rules if not same),
    )
    sql = tuple(f"{path} changed" for path in files if path.startswith("sql/"))
    if dict(sources) == dict(now.sources):
        sql = (ELSE,)
    if not words and not sql:
        return None
    return RuleChange(before=before, since=since, words=(*words, *sql), comparable=not sql, fresh=fresh)


def unsettled_moments(store: Store, definitions: Definitions, job: str) -> frozenset[str]:
    """The moments that are new since the last run, or others: only a run tells apart what is so by the change alone."""
    last = next(iter(store.runs(job=job, status="done", limit=1)), None)
    if last is None or last.definitions_hash == definitions.content_hash:
        return frozenset()
    try:
        before = rules_of(store.definition_sources(last.definitions_hash), definitions).moments
    except ConfigError:
        before = ()
    then = {moment.name: moment for moment in before}
    return frozenset(one.name for one in definitions.moments if not _same_moment(then.get(one.name), one))


def _changed_files(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    paths = sorted({*before, *now})
    return [path for path in paths if before.get(path, "").split() != now.get(path, "").split()]


def _same_rules(before: Definitions, now: Definitions) -> tuple[bool, bool, bool]:
    scoring = replace(before.scoring, champions=now.scoring.champions) == now.scoring
    return before.icp == now.icp, scoring and before.qualification == now.qualification, before.stages == now.stages


def _changed_names(what: str, before: Sequence[Any], now: Sequence[Any], files: Collection[str]) -> Iterator[str]:
    """`signal breadth is new`, `signal seats changed`, `moment paywall is gone`."""
    then, today = ({one.name: one for one in ones} for ones in (before, now))
    for name in sorted({*then, *today}):
        if name not in then:
            yield f"{what} {name} is new"
        elif name not in today:
            yield f"{what} {name} is gone"
        elif _says(then[name]) != _says(today[name]) or _python_of(today[name]) in files:
            yield f"{what} {name} changed"


def _says(one: Any) -> Any:
    """A definition without what only people read."""
    said: dict[str, Any] = {"title": "", "why": "", "owner": "", "play": ""}
    return replace(one, **said) if isinstance(one, Moment) else replace(one, **said, evidence="")


def _python_of(one: Any) -> str:
    call = str(getattr(getattr(one, "measure", None), "call", ""))
    return f"signals/{call.partition(':')[0]}" if call else ""


# --- telling apart ---


def by_change(
    change: RuleChange | None,
    project: Project,
    warehouse: Warehouse,
    store: Store,
    *,
    reading: Reading,
    state: pd.DataFrame,
    transitions: Transitions,
    moments: Sequence[Case],
    blind: Collection[str],
    last: datetime | None,
) -> ByChange:
    """Which of what is newly true would not be so by the rules of before.

    Args:
        change: What changed; None: only the marks of earlier changes count.
        project: With the present definitions.
        warehouse: The usage tables.
        store: With the marks.
        reading: What the run read.
        state: The hysteresis before the run.
        transitions: By the present rules.
        moments: The new ones, by the present rules.
        blind: The relations that cannot be relied on.
        last: The last committed run.
    """
    marks = _marks(store, state)
    marked = {lead_id for lead_id in transitions.opened if lead_id in marks}
    building = _is_building(reading.measured)
    if change is None:
        begun = {"hash": ""} if building and last is None else None
        left = _still_marked(marks, transitions)
        return ByChange(leads=frozenset(marked), settings=_settings(store, begun, left))
    old = _by_old_rules(change, warehouse, reading, state, blind)
    would = frozenset(old.transitions.opened) if old else frozenset()
    begun_now = _begun(transitions, reading.as_of, old)
    kept = {"hash": change.since} if building else None
    return ByChange(
        leads=frozenset(marked | ({*transitions.opened} - would)),
        keys=_baseline_moments(change, project, warehouse, store, moments, old, last) if change.fresh else frozenset(),
        words=change.words,
        settings=_settings(store, kept, _still_marked(marks, transitions) | begun_now),
    )


@dataclass(frozen=True, kw_only=True)
class _Old:
    """The present rows by the rules of before."""

    evaluation: Overview
    transitions: Transitions


def _by_old_rules(
    change: RuleChange, warehouse: Warehouse, reading: Reading, state: pd.DataFrame, blind: Collection[str]
) -> _Old | None:
    before, as_of = change.before, reading.as_of
    if before is None or not change.comparable:
        return None
    lead_ids = reading.leads.index.to_numpy(dtype=object).tolist()
    try:
        measured = warehouse.measures(plan_of(before), [as_of], lead_ids).droplevel("as_of")
    except WarehouseError:
        return None  # what they read is there no more
    users = warehouse.users(lead_ids) if asks_users(before) and reading.users.empty else reading.users
    hidden = blinded(before.signals, blind)
    then = without(replace(reading, measured=measured, users=users), hidden)
    evaluation, _ = overview_of(
        before, then.leads, then.users, then.answers, then.measured, as_of=as_of, look=lambda _: None
    )
    scores = qualifiable(evaluation, before.stages.customer)
    moved = advance(state, scores, before.qualification, before.scoring.tiers, as_of=as_of)
    return _Old(evaluation=evaluation, transitions=steady(moved, hidden))


def _is_building(measured: pd.DataFrame) -> bool:
    codes = measured[[column for column in measured if str(column).endswith(".missing")]]
    return bool((codes == Missing.BUILDING).to_numpy().any())


# --- leads that wait at the bar ---


def _marks(store: Store, state: pd.DataFrame) -> dict[str, float]:
    """Those that are at the bar still since the change that brought them there."""
    kept = store.setting(MARKS)
    since = state["above_since"] if "above_since" in state else pd.Series(dtype=float)
    entries = kept.items() if isinstance(kept, dict) else ()
    return {str(lead_id): float(at) for lead_id, at in entries if since.get(lead_id) == float(at)}


def _still_marked(marks: Mapping[str, float], transitions: Transitions) -> dict[str, float]:
    since = transitions.state["above_since"]
    return {
        lead_id: at for lead_id, at in marks.items() if lead_id not in transitions.opened and since.get(lead_id) == at
    }


def _begun(transitions: Transitions, as_of: datetime, old: _Old | None) -> dict[str, float]:
    """Leads that came to the bar in this run, and not by the rules of before."""
    state = transitions.state
    begun = state[(state["above_since"] == to_micros(as_of)) & ~state["open"].astype(bool)]["above_since"]
    if old is not None:
        then = old.transitions.state["above_since"].reindex(begun.index)
        begun = begun[then.isna()]
    return {str(lead_id): float(at) for lead_id, at in begun.items()}


def _settings(store: Store, compared: object, marks: Mapping[str, float]) -> dict[str, object]:
    """What differs from what is kept."""
    wanted: dict[str, object] = {COMPARED: compared, MARKS: dict(marks) or None}
    return {key: value for key, value in wanted.items() if store.setting(key) != value}


# --- moments ---


def _baseline_moments(
    change: RuleChange,
    project: Project,
    warehouse: Warehouse,
    store: Store,
    moments: Sequence[Case],
    old: _Old | None,
    last: datetime | None,
) -> frozenset[str]:
    """The moments that would not have been told by the rules of before.

    A moment that changed may find the same thing at another instant, so of these what both find now of a lead is one.
    """
    if change.before is None:
        return frozenset(case.candidate.key for case in moments)
    then = {moment.name: moment for moment in change.before.moments}
    same = {moment.name for moment in project.definitions.moments if _same_moment(then.get(moment.name), moment)}
    other = [case for case in moments if case.topic not in same]
    found: set[tuple[str, str]] = set()
    if old is not None:
        wanted = tuple(then[name] for name in sorted({case.topic for case in other} & {*then}))
        cases = moment_cases(
            warehouse, replace(change.before, moments=wanted), old.evaluation, last=last, as_of=old.evaluation.as_of
        )
        news = undecided(cases, store.known_occurrences({occurrence_key(case) for case in cases}))
        found = {(case.topic, case.candidate.lead_id) for case in news if case.gate_holds}
    keys = {case.candidate.key for case in other if (case.topic, case.candidate.lead_id) not in found}
    return frozenset(keys | _by_new_gates([case for case in moments if case.topic in same], old))


def _same_moment(then: Moment | None, now: Moment) -> bool:
    return then is not None and _says(then) == _says(now)


def _by_new_gates(cases: Sequence[Case], old: _Old | None) -> set[str]:
    """Of moments that did not change: those whose `only_if` holds only by the new scores."""
    if old is None:
        return set()
    facts = gate_frame(old.evaluation, {case.candidate.lead_id for case in cases})
    return {
        case.candidate.key
        for case in cases
        if case.moment is not None
        and case.moment.only_if
        and case.gate_holds
        and case.candidate.lead_id in facts.index
        and not gate_holds(case.moment, facts, pd.DataFrame([{"lead_id": case.candidate.lead_id}]))[0]
    }
