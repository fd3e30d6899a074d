"""What was held back, as cases again: when it is due it is decided anew, with what is so by then."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pandas as pd

from pql.domain.decisions import Candidate
from pql.domain.definitions import Definitions
from pql.domain.durations import Duration
from pql.domain.messages import Subject
from pql.domain.moments import Moment, Urgency
from pql.domain.overview import Evaluated
from pql.jobs.candidates import Case, gate_frame, gate_holds
from pql.store.records import HeldRecord

PEOPLE = "people"  # in what is kept of what is held


def about_of(case: Case) -> dict[str, object]:
    """What is kept of a case that is held: what its message is made of."""
    if case.moment is not None:
        return {"occurrence": dict(case.occurrence)}
    kept: dict[str, object] = {PEOPLE: [dict(person) for person in case.people]} if case.people else {}
    return {**kept, "use": list(case.use)} if case.candidate.subject is Subject.USAGE_DROP else kept


def waiting_cases(
    held: Sequence[HeldRecord],
    definitions: Definitions,
    evaluation: Evaluated,
    *,
    untold: Sequence[Case],
    as_of: datetime,
    over: Collection[str] = (),
) -> list[Case]:
    """The cases of what was held and is due, the most urgent first, and of these the leads with the highest scores.

    Args:
        held: All that waits.
        definitions: As they are now: a moment that is defined no more is no longer true.
        evaluation: With all leads that are spoken of; one that is not in it is gone.
        untold: The live episodes that nobody was told of: those among them that were held are no further cases.
        as_of: What is due later is left out.
        over: The keys of what is so no more, as `over_by_now` gives them.
    """
    live = {case.candidate.key for case in untold}
    due = [record for record in held if record.due_at <= as_of and record.step_key not in live]
    facts = gate_frame(evaluation, {record.lead_id for record in due})
    cases = [_case(record, definitions, facts) for record in due]
    cases = [replace(case, still_true=False) if case.candidate.key in over else case for case in cases]
    scores = facts["behaviour"].to_dict()
    order = {urgency: number for number, urgency in enumerate(Urgency)}
    # The best first: a rep's budget may not do for all that a night has brought.
    return sorted(cases, key=lambda one: (order[one.candidate.urgency], -float(scores.get(one.candidate.lead_id, 0.0))))


def _case(record: HeldRecord, definitions: Definitions, facts: pd.DataFrame) -> Case:
    subject = Subject(record.subject)
    moment = next((one for one in definitions.moments if one.name == record.topic), None)
    check_in = next((one for one in definitions.customers.check_ins if one.name == record.topic), None)
    candidate = Candidate(
        subject=subject,
        lead_id=record.lead_id,
        key=record.step_key,
        urgency=Urgency(record.urgency),
        happened_at=record.happened_at,
        cooldown=_cooldown(subject, moment, definitions),
        held_at=record.held_at,
    )
    plain = Case(candidate=candidate, topic=record.topic, people=people_of(record))
    if record.lead_id not in facts.index:
        return replace(plain, still_true=False)
    match subject:
        case Subject.MOMENT if moment is not None:
            occurrence = {**_mapping(record.about.get("occurrence")), "lead_id": record.lead_id}
            holds = bool(gate_holds(moment, facts, pd.DataFrame([occurrence]))[0])
            return replace(plain, moment=moment, occurrence=occurrence, gate_holds=holds)
        case Subject.CHECK_IN if check_in is not None and _pays(record, definitions, facts):
            return replace(plain, check_in=check_in)
        case Subject.USAGE_DROP:
            now, before = _pair(record.about.get("use"))
            return replace(plain, use=(now, before))
        case _:
            return replace(plain, still_true=False)


def _pays(record: HeldRecord, definitions: Definitions, facts: pd.DataFrame) -> bool:
    """Nobody is asked how it goes who left meanwhile."""
    return "stage" not in facts or facts.at[record.lead_id, "stage"] in definitions.stages.customer


def _cooldown(subject: Subject, moment: Moment | None, definitions: Definitions) -> Duration:
    if subject is Subject.MOMENT and moment is not None:
        return moment.cooldown
    return definitions.customers.drop_cooldown if subject is Subject.USAGE_DROP else Duration(0)


def _pair(value: object) -> tuple[float, float]:
    return (float(value[0]), float(value[1])) if isinstance(value, list) and len(value) == 2 else (0.0, 0.0)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def not_waiting(cases: Sequence[Case], held: Sequence[HeldRecord], *, as_of: datetime) -> list[Case]:
    """The cases that are not held until later; those that were held know since when."""
    waiting = {record.step_key: record for record in held}
    return [
        _since(case, waiting.get(case.candidate.key))
        for case in cases
        if case.candidate.key not in waiting or waiting[case.candidate.key].due_at <= as_of
    ]


def _since(case: Case, held: HeldRecord | None) -> Case:
    if held is None:
        return case
    return replace(case, candidate=replace(case.candidate, held_at=held.held_at), people=people_of(held))


def people_of(held: HeldRecord) -> Sequence[Mapping[str, Any]]:
    """Whom to talk to, as it was kept."""
    kept = held.about.get(PEOPLE)
    return [person for person in kept if isinstance(person, dict)] if isinstance(kept, list) else []
