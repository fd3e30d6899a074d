"""Days with use in a window: habit."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pql.domain.conditions import Where
from pql.domain.measures.base import WindowedMeasure, measured, plural
from pql.domain.partials import Aggregate, Input, Partial, PartialInput, SpanRule, window


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveDays(WindowedMeasure):
    """On how many calendar days of the project's zone at least one row passes the filter."""

    kind: Literal["active_days"] = "active_days"
    where: Where = Where()

    def inputs(self) -> Mapping[str, Input]:
        span = window(self.days)
        last = Partial(aggregate=Aggregate.LAST, relation=self.relation, where=self.where)
        return {"days": PartialInput(partial=self._days, span=span), "last": PartialInput(partial=last, span=span)}

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        return measured(merged["days"], latest_at=merged["last"])

    @property
    def bounds(self) -> tuple[float, float]:
        return (0.0, float(self.days))

    @property
    def evidence(self) -> tuple[Partial, SpanRule]:
        return self._days, window(self.days)

    @property
    def _days(self) -> Partial:
        return Partial(aggregate=Aggregate.DAYS, relation=self.relation, where=self.where)

    def amount(self, value: object) -> str:
        return plural(float(str(value)), "active day")
