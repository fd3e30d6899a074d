"""How long until something was first done: fast adoption."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pql.domain.calendar import DAY_MICROS
from pql.domain.conditions import Where
from pql.domain.measures.base import Measure, Missing, measured, plural
from pql.domain.partials import EVER, Aggregate, Input, Partial, PartialInput, Relation, SpanRule


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeTo(Measure):
    """Days from the lead's beginning to the first row that passes the filter.

    A lead that has not done it yet has no value and is quiet; one whose beginning is unknown is not evaluated.
    Something done before the recorded beginning counts as done after 0 days.

    Args:
        where: What must first be done.
        since: "created" (the lead's created_at) or "first_event".
    """

    kind: Literal["time_to"] = "time_to"
    where: Where
    since: Literal["created", "first_event"] = "created"
    relation: Relation = Relation.EVENTS

    def inputs(self) -> Mapping[str, Input]:
        inputs: dict[str, Input] = {"first": PartialInput(partial=self._first(self.where), span=EVER)}
        if self.since == "first_event":
            inputs["begin"] = PartialInput(partial=self._first(Where()), span=EVER)
        return inputs

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        begin = merged["begin" if self.since == "first_event" else "created_at"].astype(float)
        first = merged["first"].astype(float)
        missing = np.where(first.isna(), Missing.NOT_YET, Missing.NONE)
        missing = np.where(begin.isna() & first.notna(), Missing.UNKNOWN_ATTRIBUTE, missing).astype(np.int8)
        return measured(((first - begin) / DAY_MICROS).clip(lower=0.0), latest_at=first, missing=missing)

    @property
    def evidence(self) -> tuple[Partial, SpanRule]:
        return self._first(self.where), EVER

    def _first(self, where: Where) -> Partial:
        return Partial(aggregate=Aggregate.FIRST, relation=self.relation, where=where)

    def amount(self, value: object) -> str:
        days = float(str(value))
        return plural(max(round(days * 24), 1), "hour") if days < 2 else plural(round(days, 1), "day")

    def words(self, value: object) -> str:
        return f"within {self.amount(value)} of {'signing up' if self.since == 'created' else 'the first event'}"
