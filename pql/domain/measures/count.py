"""Rows in a window: how often something was done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pql.domain.conditions import Where
from pql.domain.measures.base import WindowedMeasure, measured, plural
from pql.domain.partials import Aggregate, Input, Partial, PartialInput, SpanRule, window


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(WindowedMeasure):
    """How many rows pass the filter in the window.

    Args:
        noun: What one row is called in messages.
    """

    kind: Literal["count"] = "count"
    where: Where = Where()
    noun: str = "event"

    def inputs(self) -> Mapping[str, Input]:
        return {
            "n": self._input(Aggregate.COUNT),
            "last": self._input(Aggregate.LAST),
        }

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        return measured(merged["n"], latest_at=merged["last"])

    @property
    def evidence(self) -> tuple[Partial, SpanRule]:
        return Partial(aggregate=Aggregate.COUNT, relation=self.relation, where=self.where), window(self.days)

    def amount(self, value: object) -> str:
        return plural(float(str(value)), self.noun)

    def _input(self, aggregate: Aggregate) -> PartialInput:
        return PartialInput(
            partial=Partial(aggregate=aggregate, relation=self.relation, where=self.where), span=window(self.days)
        )
