"""Time in product: minutes between a user's consecutive events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pql.domain.conditions import Where
from pql.domain.measures.base import WindowedMeasure, measured, plural
from pql.domain.partials import Aggregate, Input, Partial, PartialInput, SpanRule, window

MINUTE_MICROS = 60_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveTime(WindowedMeasure):
    """Minutes of use: the gaps of at most 30 minutes between one user's consecutive rows, added over users.

    A gap belongs to its later row, so a session across midnight loses nothing. With a filter, only the rows that
    pass exist for the measure. Rows without a user give no time. For accounts, a user's rows in one account are
    consecutive to each other, whatever the user did in another account in between; rows that name no account are a
    chain of their own.
    """

    kind: Literal["active_time"] = "active_time"
    where: Where = Where()

    def inputs(self) -> Mapping[str, Input]:
        span = window(self.days)
        last = Partial(aggregate=Aggregate.LAST, relation=self.relation, where=self.where)
        return {"micros": PartialInput(partial=self._active, span=span), "last": PartialInput(partial=last, span=span)}

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        return measured(merged["micros"] / MINUTE_MICROS, latest_at=merged["last"])

    @property
    def evidence(self) -> tuple[Partial, SpanRule]:
        return self._active, window(self.days)

    @property
    def _active(self) -> Partial:
        return Partial(aggregate=Aggregate.ACTIVE, relation=self.relation, where=self.where)

    def amount(self, value: object) -> str:
        return say_minutes(float(str(value)))


def say_minutes(minutes: float) -> str:
    """`45 minutes`, `7 h 30 min`."""
    whole = round(minutes)
    if whole < 120:
        return plural(whole, "minute")
    hours, rest = divmod(whole, 60)
    return f"{hours:,} h {rest} min" if rest else f"{hours:,} h"
