"""Why a lead stands where it stands: every number of an evaluation, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

import numpy as np
import pandas as pd

from pql.domain.calendar import from_micros
from pql.domain.conditions import Condition, say_scalar
from pql.domain.definitions import Definitions
from pql.domain.evaluation import Evaluation, Outcome
from pql.domain.icp import Criterion, Of
from pql.domain.measures.base import MISSING_WORDS, Missing
from pql.domain.signals import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalExplained:
    """One signal's verdict.

    Args:
        value: The measured value, None where missing.
        words: The value as the measure says it, "" where missing.
        reason: One sentence.
        decay: 0..1; for points per occurrence the sum over occurrences.
        points: Before the caps.
        counted: After the caps.
        norm: The median among eligible leads; None for text, and where nobody has a value.
    """

    name: str
    title: str
    why: str
    group: str
    outcome: Outcome
    value: float | str | bool | None
    words: str
    reason: str
    strength: float
    decay: float
    latest_at: datetime | None
    worth: float
    points: float
    counted: float
    norm: float | None = None


class Standing(StrEnum):
    """How a criterion stands."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"
    LEFT_OUT = "left out"  # its gate does not hold


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionExplained:
    """One criterion's points; `value` is the lead's own attribute as text, "" for users and answers."""

    name: str
    title: str
    standing: Standing
    points: float
    worth: float
    value: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaExplained:
    """Whether the lead looks like somebody who never buys; `points` are what it takes off."""

    name: str
    why: str
    matches: bool
    points: float
    disqualifies: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadExplained:
    """All that stands behind a lead's grade; signals by what they count, the strongest first.

    Args:
        exclusions: Every reason why it is no lead; `ineligible_why` is the first.
    """

    lead_id: str
    name: str
    stage: str
    plan: str
    as_of: datetime
    eligible: bool
    ineligible_why: str
    exclusions: tuple[str, ...]
    fit: float
    coverage: float
    fit_grade: str
    behaviour: float
    band: int
    grade: str
    tier: str
    signals: tuple[SignalExplained, ...]
    criteria: tuple[CriterionExplained, ...]
    personas: tuple[PersonaExplained, ...]


def explain(evaluation: Evaluation, definitions: Definitions, lead_id: str) -> LeadExplained:
    """The explanation of one lead; the frames need no other row.

    Raises:
        KeyError: The evaluation does not hold the lead.
    """
    lead, scores, fit = (_row(frame, lead_id) for frame in (evaluation.leads, evaluation.scores, evaluation.fit))
    signals = [explain_signal(evaluation, signal, lead_id) for signal in definitions.signals]
    return LeadExplained(
        lead_id=lead_id,
        name=_text(lead.get("name")),
        stage=_text(lead.get("stage")),
        plan=_text(lead.get("plan")),
        as_of=evaluation.as_of,
        eligible=bool(scores["eligible"]),
        ineligible_why=str(scores["ineligible_why"]),
        exclusions=tuple(_exclusions(definitions, fit)),
        fit=float(fit["fit"]),
        coverage=float(fit["coverage"]),
        fit_grade=str(fit["fit_grade"]),
        behaviour=float(scores["behaviour"]),
        band=int(scores["band"]),
        grade=str(scores["grade"]),
        tier=str(scores["tier"]),
        signals=tuple(sorted(signals, key=lambda one: (-one.counted, -one.outcome, one.name))),
        criteria=tuple(_criterion(criterion, fit, lead) for criterion in definitions.icp.criteria),
        personas=tuple(
            PersonaExplained(
                name=persona.name,
                why=persona.why,
                matches=bool(fit[f"persona.{persona.name}"]),
                points=persona.points,
                disqualifies=persona.disqualifies,
            )
            for persona in definitions.icp.personas
        ),
    )


def explain_signal(evaluation: Evaluation, signal: Signal, lead_id: str) -> SignalExplained:
    """One signal's verdict on one lead."""
    verdicts, name = evaluation.verdicts, signal.name

    def of(frame: pd.DataFrame) -> Any:
        return frame[name].loc[lead_id]

    missing, outcome, latest_at = Missing(int(of(verdicts.missing))), Outcome(int(of(verdicts.outcomes))), None
    if not np.isnan(of(verdicts.latest_at)):
        latest_at = from_micros(of(verdicts.latest_at))
    value = None if missing is not Missing.NONE else _plain(of(verdicts.values))
    norm = float(evaluation.norms["median"].loc[name])
    return SignalExplained(
        name=name,
        title=signal.title,
        why=signal.why,
        group=signal.points.group,
        outcome=outcome,
        value=value,
        words="" if value is None else signal.measure.words(value),
        reason=reason_words(
            signal, outcome, value, missing, gated=bool(of(verdicts.gated)), lead=_row(evaluation.leads, lead_id)
        ),
        strength=round(float(of(verdicts.strengths)), 6),
        decay=round(float(of(verdicts.decays)), 6),
        latest_at=latest_at,
        worth=signal.points.worth,
        points=float(of(verdicts.points)),
        counted=float(of(verdicts.counted)),
        norm=None if np.isnan(norm) else norm,
    )


def reason_words(
    signal: Signal,
    outcome: Outcome,
    value: object,
    missing: Missing,
    *,
    gated: bool,
    lead: "Mapping[str, object] | pd.Series[Any] | None" = None,
) -> str:
    """One sentence for a verdict.

    Args:
        signal: Whose.
        outcome: What it came to.
        value: The measured value; read where nothing is missing.
        missing: Why there is no value.
        gated: The signal's `only_if` does not hold.
        lead: The lead's attributes, so that the sentence can name the gate that does not hold.

    Returns:
        "9 features in 14 days, at least 6 needed", "quiet: 2 features in 14 days, at least 6 needed",
        "not evaluated: the lead is too young to compare".
    """
    if gated:
        return f"not evaluated: only if {_gate(signal.only_if, lead)}"
    if outcome is Outcome.NOT_EVALUATED:
        return f"not evaluated: {MISSING_WORDS[missing]}"
    if missing is not Missing.NONE:
        return f"quiet: {MISSING_WORDS[missing]}"
    said = f"{signal.measure.words(value)}, {signal.fires} needed"
    return said if outcome is Outcome.FIRED else f"quiet: {said}"


def _row(frame: pd.DataFrame, lead_id: str) -> "pd.Series[Any]":
    return cast("pd.Series[Any]", frame.loc[lead_id])


def _gate(only_if: Mapping[str, Condition], lead: "Mapping[str, object] | pd.Series[Any] | None") -> str:
    """The conditions that do not hold, with what the lead has; all of them where the lead is not told."""
    if lead is None:
        return " and ".join(f"{name} is {condition}" for name, condition in only_if.items())
    failed = [
        f"{name} is {condition}, and it is {_text(lead.get(name)) or 'unknown'}"
        for name, condition in only_if.items()
        if not condition.holds(pd.Series([lead.get(name)], dtype=object))[0]
    ]
    return " and ".join(failed)


def _exclusions(definitions: Definitions, fit: "pd.Series[Any]") -> Sequence[str]:
    rules = [rule.why for rule in definitions.icp.exclusions if bool(fit[f"exclusion.{rule.name}"])]
    unwanted = [persona for persona in definitions.icp.personas if persona.disqualifies]
    return [*rules, *(persona.why for persona in unwanted if bool(fit[f"persona.{persona.name}"]))]


def _criterion(criterion: Criterion, fit: "pd.Series[Any]", lead: "pd.Series[Any]") -> CriterionExplained:
    points = float(fit[f"criterion.{criterion.name}"])
    if bool(fit.get(f"gated.{criterion.name}", default=False)):
        standing = Standing.LEFT_OUT
    elif np.isnan(points):
        standing = Standing.UNKNOWN
    else:
        standing = Standing.MET if points else Standing.NOT_MET
    own = criterion.subject.of is Of.ACCOUNT
    return CriterionExplained(
        name=criterion.name,
        title=criterion.title,
        standing=standing,
        points=0.0 if np.isnan(points) else points,
        worth=criterion.worth,
        value=_text(lead.get(criterion.subject.attribute)) if own else "",
        group=criterion.group,
    )


def _plain(value: Any) -> float | str | bool:
    """A value without numpy's clothes."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    return str(value) if isinstance(value, str) else float(value)


def _text(value: object) -> str:
    if value is None or pd.isna(value):  # type: ignore[call-overload]
        return ""
    return say_scalar(_plain(value)) if isinstance(value, int | float | np.generic) else str(value)
