"""What might be told in a run: episodes, moments, check-ins and drops in use, each with its facts."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from pql.domain.calendar import Calendar, from_micros, to_micros
from pql.domain.conditions import BoolArray, Condition, fold
from pql.domain.decisions import Candidate
from pql.domain.definitions import Definitions
from pql.domain.durations import Duration
from pql.domain.evaluation import Outcome
from pql.domain.messages import Subject
from pql.domain.moments import Moment, Urgency
from pql.domain.overview import Evaluated
from pql.domain.rules import CheckIn, Customers
from pql.domain.texts import among
from pql.store.records import episode_id
from pql.warehouse import Warehouse

# Rows may land late: each run looks this far behind the last one. Keys keep what was told from being told again.
LATE = Duration.of_days(1)
SIGNALS = "signals"  # in `only_if`: the signals that fired


@dataclass(frozen=True, kw_only=True)
class Case:
    """A candidate with what its message is made of.

    Args:
        gate_holds: Whether a moment's `only_if` holds.
        still_true: False for what was held back and is not so any more.
        people: Whom to talk to, as it was kept with what was held back.
    """

    candidate: Candidate
    topic: str = ""
    gate_holds: bool = True
    moment: Moment | None = None
    occurrence: Mapping[str, Any] = field(default_factory=dict)
    check_in: CheckIn | None = None
    use: tuple[float, float] = (0.0, 0.0)
    still_true: bool = True
    people: Sequence[Mapping[str, Any]] = ()


def episode_cases(open_episodes: pd.DataFrame, opened: Mapping[str, datetime], evaluation: Evaluated) -> list[Case]:
    """Live episodes that nobody was told of yet and nobody took, and those that open now: the highest score first."""
    untold = open_episodes
    if len(open_episodes):
        untold = open_episodes[open_episodes["told_at"].isna() & open_episodes["status"].eq("open")]
    since = {str(lead_id): from_micros(at) for lead_id, at in untold["opened_at"].items()} if len(untold) else {}
    episodes = {**since, **opened}
    behaviour = evaluation.scores["behaviour"]
    ranked = sorted(episodes, key=lambda lead_id: (-float(behaviour.get(lead_id, 0.0)), lead_id))
    return [
        Case(
            candidate=Candidate(
                subject=Subject.QUALIFICATION,
                lead_id=lead_id,
                key=f"episode:{episode_id(lead_id, episodes[lead_id])}",
                urgency=Urgency.TODAY,
                happened_at=episodes[lead_id],
            )
        )
        for lead_id in ranked
        if lead_id in behaviour.index
    ]


def moment_cases(
    warehouse: Warehouse, definitions: Definitions, evaluation: Evaluated, *, last: datetime | None, as_of: datetime
) -> list[Case]:
    """The occurrences of all moments since shortly before the last run, the most urgent and latest first."""
    since = from_micros(to_micros(last or as_of) - LATE.micros)
    found = [
        (moment, moment.pattern.find(warehouse.pattern_rows(moment, since=since, as_of=as_of)))
        for moment in definitions.moments
        if not moment.pattern.by_watch
    ]
    facts = gate_frame(evaluation, {lead_id for _, rows in found for lead_id in rows["lead_id"]})
    return most_urgent_first(case for moment, rows in found for case in cases_of(moment, rows, facts))


def most_urgent_first(cases: Iterable[Case]) -> list[Case]:
    """Moments, the most urgent and latest first."""
    order = {urgency: number for number, urgency in enumerate(Urgency)}
    return sorted(
        cases,
        key=lambda case: (
            order[case.candidate.urgency],
            -to_micros(case.candidate.happened_at),
            case.candidate.key,
        ),
    )


def cases_of(moment: Moment, found: pd.DataFrame, facts: pd.DataFrame) -> list[Case]:
    """The occurrences of a moment as cases; those of leads that are not known are left out.

    Args:
        moment: The moment.
        found: As `Pattern.find` gives them.
        facts: As `gate_frame`.
    """
    found = found[among(found["lead_id"], facts.index)]
    gates = gate_holds(moment, facts, found)
    return [
        Case(
            candidate=Candidate(
                subject=Subject.MOMENT,
                lead_id=str(row["lead_id"]),
                key=f"moment:{moment.name}:{row['lead_id']}:{row['key']}",
                urgency=moment.urgency,
                happened_at=from_micros(float(row["at"])),
                cooldown=moment.cooldown,
            ),
            topic=moment.name,
            gate_holds=bool(holds),
            moment=moment,
            occurrence={str(name): value for name, value in row.items()},
        )
        for row, holds in zip(found.to_dict("records"), gates, strict=True)
    ]


def gate_frame(evaluation: Evaluated, lead_ids: Collection[str]) -> pd.DataFrame:
    """What `only_if` of a moment may ask: the leads' attributes, fit, grade, tier and band, and the fired signals.

    One row for each of the leads that is known.
    """
    few = evaluation.of(lead_ids)
    scores = few.scores[["fit_grade", "grade", "tier", "band", "behaviour"]]
    leads = few.leads.drop(columns=[*scores.columns, "fit", SIGNALS], errors="ignore")
    outcomes = few.verdicts.outcomes
    names, fired = outcomes.columns.to_numpy(dtype=object), outcomes.eq(Outcome.FIRED).to_numpy()
    signals = [tuple(names[row]) for row in fired]
    return leads.join(scores).assign(fit=scores["fit_grade"]).assign(**{SIGNALS: pd.Series(signals, leads.index)})


def gate_holds(moment: Moment, facts: pd.DataFrame, found: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each occurrence whether all conditions of the moment's `only_if` hold for its lead."""
    rows = facts.reindex(found["lead_id"])
    holds = np.ones(len(rows), dtype=bool)
    for name, condition in moment.only_if.items():
        values = rows[name] if name in rows else pd.Series(None, index=rows.index, dtype=object)
        holds &= signals_hold(condition, values) if name == SIGNALS else condition.holds(values)
    return holds


def signals_hold(condition: Condition, fired: "pd.Series[Any]") -> BoolArray:
    """For each lead whether one of its fired signals (tuples of names) is among those named, and none is refused."""
    wanted = replace(condition, not_equals=None, not_among=None)
    refused = Condition(equals=condition.not_equals, among=condition.not_among)
    asks, refuses = wanted != Condition(), refused != Condition()

    def holds(names: tuple[str, ...]) -> bool:
        held = not asks or (any(wanted.met_by(name) for name in names) if names else condition.exists is False)
        return held and not (refuses and any(_named(refused, name) for name in names))

    return np.array([holds(names if isinstance(names, tuple) else ()) for names in fired], dtype=bool)


def _named(refused: Condition, name: str) -> bool:
    texts = (refused.equals, *(refused.among or ()))
    return fold(name) in {fold(text) for text in texts if text is not None}


def undecided(cases: Sequence[Case], known: Collection[tuple[str, str, str]]) -> list[Case]:
    """The moments that no run decided on before; an occurrence is found again by later runs.

    Args:
        cases: Moments.
        known: The occurrences (moment, lead, key) that are remembered.
    """
    return [case for case in cases if occurrence_key(case) not in known]


def occurrence_key(case: Case) -> tuple[str, str, str]:
    """What makes an occurrence one: its moment, lead and key."""
    return case.topic, case.candidate.lead_id, str(case.occurrence["key"])


def check_in_cases(customers: Customers, due: pd.DataFrame, known_leads: pd.Index) -> list[Case]:
    """The check-ins that are due and undecided."""
    by_name = {check_in.name: check_in for check_in in customers.check_ins}
    return [
        Case(
            candidate=Candidate(
                subject=Subject.CHECK_IN,
                lead_id=str(row["lead_id"]),
                key=f"check_in:{row['name']}:{row['lead_id']}:{int(row['due_at'])}",
                urgency=Urgency.TODAY,
                happened_at=from_micros(float(row["due_at"])),
            ),
            topic=str(row["name"]),
            check_in=by_name[str(row["name"])],
        )
        for row in due.to_dict("records")
        if row["name"] in by_name and row["lead_id"] in known_leads
    ]


def drop_cases(customers: Customers, use: pd.DataFrame, calendar: Calendar, *, as_of: datetime) -> list[Case]:
    """The customers whose use fell by the alarming share since the last run: what fell before it is no news.

    Args:
        customers: The rule.
        use: Index `lead_id`; `now` and `before`, and as of the last run `last_now` and `last_before`.
        calendar: The project's days.
        as_of: The instant.
    """
    news = use[fell(customers, use["now"], use["before"]) & ~fell(customers, use["last_now"], use["last_before"])]
    return [
        Case(
            candidate=Candidate(
                subject=Subject.USAGE_DROP,
                lead_id=str(lead_id),
                key=f"usage_drop:{lead_id}:{calendar.day_of(as_of)}",
                urgency=Urgency.TODAY,
                happened_at=as_of,
                cooldown=customers.drop_cooldown,
            ),
            topic="usage_drop",
            use=(float(now), float(before)),
        )
        for lead_id, now, before in zip(news.index, news["now"], news["before"], strict=True)
    ]


def fell(customers: Customers, now: "pd.Series[float]", before: "pd.Series[float]") -> "pd.Series[bool]":
    """Whether use fell by the alarming share, from enough to speak of."""
    return (before > 0) & (before >= customers.drop_from) & (now <= before * (1 - customers.drop))
