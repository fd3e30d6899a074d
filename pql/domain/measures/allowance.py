"""How much of what a plan includes is used, and when it will be full at the present pace."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures.base import Measure, Missing, measured, plural
from pql.domain.partials import (
    Aggregate,
    AllowanceInput,
    Input,
    Partial,
    PartialInput,
    SpanRule,
    complete,
    period,
)

PERIODS = ("day", "week", "month", "total")


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance(Measure):
    """The used share of an allowance, or the days until it is full.

    The use is `used` of the allowances relation; where that is null, it is counted from the events that `counted`
    names, in the current calendar period of the allowance. The pace is taken from the same events over the last
    `pace` of complete days; without events of the meter there is no pace, and days_until_full is not evaluated.

    Args:
        meter: The meter's name in the allowances relation.
        gives: "ratio" (1 is full; may exceed 1) or "days_until_full" (0 when full; 3650 when there is no growth).
        counted: The filter for the events that use the meter up; None: only `used` tells.
        of: The column to add up; None: each event counts one.
        pace: Over how many complete days the pace is taken.
    """

    kind: Literal["allowance"] = "allowance"
    meter: str
    gives: Literal["ratio", "days_until_full"] = "ratio"
    counted: Where | None = None
    of: str | None = None
    pace: Duration = Duration.of_days(7)

    NEVER_DAYS = 3650.0

    def __post_init__(self) -> None:
        _ = self.pace.whole_days

    def inputs(self) -> Mapping[str, Input]:
        inputs: dict[str, Input] = {"allowance": AllowanceInput(meter=self.meter)}
        if self.counted is not None:
            inputs |= {f"used_{name}": self._used(period(name)) for name in PERIODS}
            inputs["recent"] = self._used(complete(self.pace.whole_days))
        return inputs

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        allowed = merged["allowance.allowed"].astype(float)
        used = self._use(merged)
        usable = allowed.notna() & (allowed > 0) & used.notna()
        missing = np.where(usable, Missing.NONE, Missing.NO_ALLOWANCE).astype(np.int8)
        if self.gives == "ratio":
            return measured(used / allowed.where(usable), missing=missing)
        if self.counted is None:
            missing = np.where(usable & (used < allowed), Missing.NO_BASE, missing).astype(np.int8)
            return measured((allowed - used).clip(lower=0.0), missing=missing)
        per_day = merged["recent"] / self.pace.whole_days
        left = (allowed - used).clip(lower=0.0)
        days = (left / per_day.where(per_day > 0)).fillna(self.NEVER_DAYS).clip(upper=self.NEVER_DAYS)
        return measured(days.where(left > 0, 0.0), missing=missing)

    def _use(self, merged: pd.DataFrame) -> "pd.Series[float]":
        told = merged["allowance.used"].astype(float)
        if self.counted is None:
            return told
        named = merged["allowance.period"]
        counted = pd.Series(np.nan, index=merged.index)
        for name in PERIODS:
            counted = counted.where(named != name, merged[f"used_{name}"])
        return told.fillna(counted)

    def _used(self, span: SpanRule) -> PartialInput:
        return PartialInput(partial=self._partial, span=span)

    @property
    def _partial(self) -> Partial:
        aggregate = Aggregate.COUNT if self.of is None else Aggregate.SUM
        return Partial(aggregate=aggregate, where=self.counted or Where(), of=self.of)

    @property
    def evidence(self) -> tuple[Partial, SpanRule] | None:
        return None if self.counted is None else (self._partial, complete(self.pace.whole_days))

    def amount(self, value: object) -> str:
        number = float(str(value))
        if self.gives == "ratio":
            return f"{number:.0%}"
        return "not filling up" if number >= self.NEVER_DAYS else plural(round(number, 1), "day")

    def words(self, value: object) -> str:
        what = f"{self.meter.replace('_', ' ')} allowance"
        if self.gives == "ratio":
            return f"{self.amount(value)} of the {what} used"
        if float(str(value)) >= self.NEVER_DAYS:
            return f"{what} {self.amount(value)}"
        return f"{what} full in {self.amount(value)} at this pace"
