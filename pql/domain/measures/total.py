"""The sum of a column in a window: volume, spending."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pql.domain.conditions import Where
from pql.domain.measures.base import WindowedMeasure, measured, with_unit
from pql.domain.partials import Aggregate, Input, Partial, PartialInput, SpanRule, window


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum(WindowedMeasure):
    """The sum of a numeric column over the rows that pass the filter, exact to six decimals.

    Args:
        of: The column, or `properties.<key>`. Null, NaN and infinite values count as nothing and are reported.
        unit: The unit in messages.
    """

    kind: Literal["sum"] = "sum"
    of: str = "quantity"
    where: Where = Where()
    unit: str = ""

    def inputs(self) -> Mapping[str, Input]:
        span = window(self.days)
        last = Partial(aggregate=Aggregate.LAST, relation=self.relation, where=self.where)
        return {"total": PartialInput(partial=self._total, span=span), "last": PartialInput(partial=last, span=span)}

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        return measured(merged["total"], latest_at=merged["last"])

    @property
    def bounds(self) -> tuple[float, float]:
        return (float("-inf"), float("inf"))

    @property
    def evidence(self) -> tuple[Partial, SpanRule]:
        return self._total, window(self.days)

    @property
    def _total(self) -> Partial:
        return Partial(aggregate=Aggregate.SUM, relation=self.relation, where=self.where, of=self.of)

    def amount(self, value: object) -> str:
        return with_unit(value, self.unit)
