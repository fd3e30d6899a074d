"""Distinct values in a window: breadth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pql.domain.conditions import Where
from pql.domain.measures.base import WindowedMeasure, measured, plural
from pql.domain.partials import Aggregate, Input, Partial, PartialInput, SpanRule, window


@dataclass(frozen=True, slots=True, kw_only=True)
class Distinct(WindowedMeasure):
    """How many distinct values of a column stand in the rows that pass the filter; null is no value.

    Args:
        of: The column, or `properties.<key>`.
        noun: What one value is called in messages; by default the column's name.
    """

    kind: Literal["distinct"] = "distinct"
    of: str
    where: Where = Where()
    noun: str = ""

    def inputs(self) -> Mapping[str, Input]:
        span = window(self.days)
        values = Partial(aggregate=Aggregate.DISTINCT, relation=self.relation, where=self.where, of=self.of)
        last = Partial(aggregate=Aggregate.LAST, relation=self.relation, where=self.where)
        return {"n": PartialInput(partial=values, span=span), "last": PartialInput(partial=last, span=span)}

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        return measured(merged["n"], latest_at=merged["last"])

    @property
    def evidence(self) -> tuple[Partial, SpanRule]:
        partial = Partial(aggregate=Aggregate.DISTINCT, relation=self.relation, where=self.where, of=self.of)
        return partial, window(self.days)

    def amount(self, value: object) -> str:
        noun = self.noun or self.of.removeprefix("properties.").removesuffix("_id").replace("_", " ")
        return plural(float(str(value)), noun)
