"""A meter that has run full."""

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from pql.domain.calendar import from_micros, to_micros
from pql.domain.conditions import Condition
from pql.domain.patterns.base import Pattern, PatternRows
from pql.domain.patterns.occurrences import occurrences

PERIODS = ("day", "week", "month", "total")


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceReached(Pattern):
    """A meter of the lead used up to a ratio of its allowance, once a meter and period.

    The relation tells the use now and not since when, so the instant is the last one before `as_of`.

    Args:
        meter: The meter, or several; None: all.
        at_least: used / allowed; 1 is full.
    """

    kind: Literal["allowance"] = "allowance"
    meter: str | tuple[str, ...] | None = None
    at_least: float = 1.0

    def __post_init__(self) -> None:
        if self.at_least <= 0:
            raise ValueError(f"'at_least: {self.at_least:g}' must be above 0, like 0.9")

    def find(self, rows: PatternRows) -> pd.DataFrame:
        known = rows.allowances.dropna(subset=["lead_id", "meter", "allowed", "used"])
        full = self._wanted(known) & (known["allowed"] > 0) & (known["used"] >= self.at_least * known["allowed"])
        found = known[full].assign(ratio=known["used"] / known["allowed"])
        # Several accounts of one lead: the one fullest stands for all.
        found = found.sort_values(["ratio", "meter"], ascending=[False, True], kind="stable")
        begins = found["period"].map(lambda period: _begin(period, rows))
        found = found.assign(key=found["meter"].astype(str) + ":" + begins.astype(str), at=rows.as_of - 1, count=1)
        found["detail"] = [
            f"{ratio:.0%} of the {str(meter).replace('_', ' ')} allowance used"
            for meter, ratio in zip(found["meter"], found["ratio"], strict=True)
        ]
        return occurrences(found.drop_duplicates(["lead_id", "key"]).assign(user_id=None, feature=None), rows)

    def _wanted(self, known: pd.DataFrame) -> "pd.Series[Any]":
        if self.meter is None:
            return pd.Series(data=True, index=known.index)
        meters = self.meter if isinstance(self.meter, tuple) else (self.meter,)
        return pd.Series(Condition(among=meters).holds(known["meter"]), index=known.index)


def _begin(period: object, rows: PatternRows) -> int:
    """The first microsecond of a period; 0 for all of the past, and for a period that is not known."""
    if period not in PERIODS:
        return 0
    start = rows.calendar.period(str(period), from_micros(rows.as_of)).start
    return 0 if start is None else to_micros(start)
