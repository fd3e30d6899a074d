"""The part of the use that is of one sort: depth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pql.domain.conditions import Where
from pql.domain.measures.base import Missing, WindowedMeasure, measured
from pql.domain.partials import Aggregate, Input, Partial, PartialInput, SpanRule, window

_AGGREGATES = {"count": Aggregate.COUNT, "sum": Aggregate.SUM, "distinct": Aggregate.DISTINCT}


@dataclass(frozen=True, slots=True, kw_only=True)
class Share(WindowedMeasure):
    """What passes `where`, divided by what passes `among`; 0..1 for counts and distinct values.

    A row of the part must pass both filters. Not evaluated where the whole is 0.

    Args:
        measures: What is divided.
        of: The column for `sum` and `distinct`.
        where: The part.
        among: The whole; everything by default.
        at_least_rows: With a smaller whole (in the unit of `measures`), not evaluated.
    """

    kind: Literal["share"] = "share"
    measures: Literal["count", "sum", "distinct"] = "count"
    of: str | None = None
    where: Where
    among: Where = Where()
    at_least_rows: float = 0.0
    noun: str = "use"

    def __post_init__(self) -> None:
        _ = self.days
        if self.measures != "count" and self.of is None:
            raise ValueError(f"a share of '{self.measures}' needs 'of', the column")

    def inputs(self) -> Mapping[str, Input]:
        span = window(self.days)
        last = Partial(aggregate=Aggregate.LAST, relation=self.relation, where=self._part)
        return {
            "part": PartialInput(partial=self._partial(self._part), span=span),
            "whole": PartialInput(partial=self._partial(self.among), span=span),
            "last": PartialInput(partial=last, span=span),
        }

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        whole = merged["whole"].astype(float)
        enough = (whole > 0) & (whole >= self.at_least_rows)
        missing = np.where(enough, Missing.NONE, Missing.NO_BASE).astype(np.int8)
        return measured(merged["part"] / whole.where(enough), latest_at=merged["last"], missing=missing)

    @property
    def bounds(self) -> tuple[float, float]:
        return (float("-inf"), float("inf")) if self.measures == "sum" else (0.0, 1.0)

    @property
    def evidence(self) -> tuple[Partial, SpanRule]:
        return self._partial(self._part), window(self.days)

    @property
    def _part(self) -> Where:
        return Where((*self.among.conditions, *self.where.conditions))

    def _partial(self, where: Where) -> Partial:
        of = None if self.measures == "count" else self.of
        return Partial(aggregate=_AGGREGATES[self.measures], relation=self.relation, where=where, of=of)

    def amount(self, value: object) -> str:
        return f"{float(str(value)):.0%}"

    def words(self, value: object) -> str:
        return f"{self.amount(value)} of the {self.noun} in {self.window}"
