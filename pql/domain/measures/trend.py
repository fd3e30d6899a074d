"""Recent use against the use before: momentum."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures.base import Missing, WindowedMeasure, measured
from pql.domain.partials import Aggregate, Input, Partial, PartialInput, SpanRule, complete

_AGGREGATES = {
    "count": Aggregate.COUNT,
    "sum": Aggregate.SUM,
    "active_time": Aggregate.ACTIVE,
    "active_days": Aggregate.DAYS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend(WindowedMeasure):
    """The daily rate over the last `window` of complete days, divided by the rate over the `against` before it.

    1 is steady, 2 is twice as much, 0 is none any more. Not evaluated for a lead younger than both spans together,
    or with nothing in the earlier one.

    Args:
        measures: What is compared.
        of: The column that `sum` adds up.
        against: The earlier span; as long as the window by default.
    """

    kind: Literal["trend"] = "trend"
    measures: Literal["count", "sum", "active_time", "active_days"] = "count"
    of: str | None = None
    where: Where = Where()
    against: Duration | None = None

    def __post_init__(self) -> None:
        _ = self.days, self.against_days
        if self.measures == "sum" and self.of is None:
            raise ValueError("a trend of 'sum' needs 'of', the column to add up")

    @property
    def against_days(self) -> int:
        """The earlier span in days."""
        return (self.against or self.window).whole_days

    def inputs(self) -> Mapping[str, Input]:
        last = Partial(aggregate=Aggregate.LAST, relation=self.relation, where=self.where)
        return {
            "recent": PartialInput(partial=self._partial, span=complete(self.days)),
            "before": PartialInput(partial=self._partial, span=complete(self.against_days, skip=self.days)),
            "last": PartialInput(partial=last, span=complete(self.days)),
        }

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        begin = merged["today"] - self.days - self.against_days
        young = (merged["created_day"] > begin).to_numpy(dtype=bool)
        before = merged["before"].astype(float) / self.against_days
        missing = np.where(before.to_numpy() > 0, Missing.NONE, Missing.NO_BASE)
        missing = np.where(young, Missing.TOO_YOUNG, missing).astype(np.int8)
        ratio = (merged["recent"] / self.days) / before.where(before > 0)
        return measured(ratio, latest_at=merged["last"], missing=missing)

    @property
    def bounds(self) -> tuple[float, float]:
        return (float("-inf") if self.measures == "sum" else 0.0, float("inf"))

    @property
    def evidence(self) -> tuple[Partial, SpanRule]:
        return self._partial, complete(self.days)

    @property
    def _partial(self) -> Partial:
        of = self.of if self.measures == "sum" else None
        return Partial(aggregate=_AGGREGATES[self.measures], relation=self.relation, where=self.where, of=of)

    def amount(self, value: object) -> str:
        return f"{float(str(value)):.1f} times"

    def words(self, value: object) -> str:
        ratio = float(str(value))
        before = self.against or self.window
        if 0.95 <= ratio <= 1.05:
            return f"as much in the last {self.window} as in the {before} before"
        if ratio >= 2:
            return f"{ratio:.1f} times as much a day in the last {self.window} as in the {before} before"
        change = f"{abs(ratio - 1):.0%} {'more' if ratio > 1 else 'less'}"
        return f"{change} a day in the last {self.window} than in the {before} before"
