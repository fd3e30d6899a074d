"""Small definitions and frames that the tests of the domain share."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from pql.domain.calendar import DAY_MICROS, to_micros
from pql.domain.conditions import Condition
from pql.domain.definitions import Definitions
from pql.domain.durations import Duration
from pql.domain.icp import Criterion, FitBand, Icp, Subject
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.base import Measure, Missing
from pql.domain.measures.count import Count
from pql.domain.partials import Level
from pql.domain.rules import Bar, Customers, QualificationRule, Routing, Scoring, Stages
from pql.domain.signals import Points, Signal

AS_OF = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = to_micros(AS_OF)
WEEK = Duration.of_days(7)
COUNT = Count(window=Duration.of_days(14), noun="feature")
TIERS = ("hot", "warm", "nurture", "none")
SCORING = Scoring(
    group_caps={},
    total_cap=1000.0,
    bands={1: 70, 2: 45, 3: 20},
    tiers=TIERS,
    matrix={
        "A": ("hot", "hot", "warm", "nurture"),
        "B": ("hot", "warm", "nurture", "none"),
        "C": ("warm", "nurture", "none", "none"),
        "D": ("nurture", "none", "none", "none"),
        "?": ("warm", "nurture", "none", "none"),
    },
)
EMPTY_ICP = Icp(criteria=(), grades={"A": 60, "B": 40, "C": 20})


def signal(
    name: str = "breadth",
    points: Points | None = None,
    *,
    measure: Measure = COUNT,
    fires: object = None,
    only_if: Mapping[str, object] | None = None,
) -> Signal:
    """A signal that fires at 6 and is worth 20."""
    return Signal(
        name=name,
        title=name.title(),
        why="It tells.",
        measure=measure,
        fires=Condition.parse({"at_least": 6} if fires is None else fires),
        points=points or Points(worth=20),
        only_if=conditions(only_if or {}),
    )


def conditions(written: Mapping[str, object]) -> dict[str, Condition]:
    """Conditions as a file writes them."""
    return {name: Condition.parse(value) for name, value in written.items()}


def lead_ids(count: int) -> "pd.Index[Any]":
    """`a0`, `a1`, ..."""
    return pd.Index([f"a{number}" for number in range(count)], name="lead_id", dtype="str")


def leads(count: int = 1, **columns: object) -> pd.DataFrame:
    """That many leads with these attributes; one value, or one a lead."""
    return pd.DataFrame({"name": [f"Lead {n}" for n in range(count)], **columns}, index=lead_ids(count))


def users(*rows: tuple[str, str | None, str | None], **columns: Any) -> pd.DataFrame:
    """Rows of (user, lead, role)."""
    return pd.DataFrame(list(rows), columns=["user_id", "lead_id", "role"]).assign(**columns)


def answers(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    """Rows of (lead, question, answer)."""
    return pd.DataFrame(list(rows), columns=["lead_id", "question", "answer"])


def measured(ages: Any = None, missing: Any = None, **values: Any) -> pd.DataFrame:
    """One instant of measures: for each signal the values (None: NO_ROWS), and the ages of the latest row in days."""
    parts: dict[str, Any] = {}
    for name, given in values.items():
        codes = [Missing.NO_ROWS if value is None else Missing.NONE for value in given]
        parts[name] = [np.nan if value is None else value for value in given]
        parts[f"{name}.missing"] = np.array((missing or {}).get(name, codes), dtype=np.int8)
        parts[f"{name}.latest_at"] = [np.nan] * len(given) if ages is None else [NOW - age * DAY_MICROS for age in ages]
    return pd.DataFrame(parts, index=lead_ids(len(next(iter(values.values())))))


def criterion(name: str, of: str, *bands: tuple[object, float], **rest: Any) -> Criterion:
    """A criterion with bands of (condition, points)."""
    gate = conditions(rest.pop("only_if", {}))
    return Criterion(
        name=name,
        title=name.title(),
        subject=Subject.parse(of),
        bands=tuple(FitBand(when=Condition.parse(when), points=points) for when, points in bands),
        only_if=gate,
        **rest,
    )


def definitions(signals: Sequence[Signal] = (), *, icp: Icp = EMPTY_ICP, scoring: Scoring = SCORING) -> Definitions:
    """Definitions with these signals, and stages by trial and payment."""
    return Definitions(
        lead=Level.ACCOUNT,
        time_zone="UTC",
        signals=tuple(signals),
        moments=(),
        icp=icp,
        scoring=scoring,
        qualification=QualificationRule(enter=Bar(tier="hot", behaviour=50), leave=Bar(tier="warm", behaviour=30)),
        stages=Stages(
            rules=(
                ("customer", conditions({"status": "active", "mrr": {"above": 0}})),
                ("trial", conditions({"in_trial": True})),
            ),
            otherwise="free",
        ),
        routing=Routing(reps=(), branches=(), fallback="", channels={}),
        customers=Customers(check_ins=(), use=ActiveDays(window=WEEK), drop=0.5, success_fallback=""),
        content_hash="",
    )
