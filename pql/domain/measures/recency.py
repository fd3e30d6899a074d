"""Days since something was last done: going quiet."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pql.domain.calendar import DAY_MICROS
from pql.domain.conditions import Where
from pql.domain.measures.base import Missing, WindowedMeasure, measured, plural
from pql.domain.partials import Aggregate, Input, Partial, PartialInput, SpanRule, window


@dataclass(frozen=True, slots=True, kw_only=True)
class Recency(WindowedMeasure):
    """Days (of 24 hours) since the latest row in the window that passes the filter; without one, not evaluated."""

    kind: Literal["recency"] = "recency"
    where: Where = Where()

    def inputs(self) -> Mapping[str, Input]:
        return {"last": PartialInput(partial=self._last, span=window(self.days))}

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        last = merged["last"].astype(float)
        instants = merged.index.get_level_values("as_of").to_numpy(dtype=float)
        missing = np.where(last.isna(), Missing.NO_ROWS, Missing.NONE).astype(np.int8)
        return measured((last - instants) / -DAY_MICROS, latest_at=last, missing=missing)

    @property
    def bounds(self) -> tuple[float, float]:
        return (0.0, float(self.days) + 1.0)  # a day of 25 hours

    @property
    def evidence(self) -> tuple[Partial, SpanRule]:
        return self._last, window(self.days)

    @property
    def _last(self) -> Partial:
        return Partial(aggregate=Aggregate.LAST, relation=self.relation, where=self.where)

    def amount(self, value: object) -> str:
        days = float(str(value))
        return plural(round(days * 24), "hour") if days < 2 else plural(int(days), "day")

    def words(self, value: object) -> str:
        return f"last seen {self.amount(value)} ago"
