"""A meter that has run full, or soon will."""

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from pql.domain.calendar import DAY_MICROS, from_micros, to_micros
from pql.domain.conditions import BoolArray, Condition, Where
from pql.domain.durations import Duration
from pql.domain.measures.base import plural
from pql.domain.patterns.base import Pattern, PatternRows
from pql.domain.patterns.occurrences import occurrences

PERIODS = ("day", "week", "month", "total")
_AHEAD = ":ahead"  # the end of the key of what is foreseen


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceReached(Pattern):
    """A meter of the lead used up to a ratio of its allowance, or about to be full; each once a meter and period.

    The relation tells the use now and not since when, so the instant is the last one before `as_of`.

    Args:
        meter: The meter, or several; None: all.
        at_least: used / allowed; 1 is full.
        full_within: Also what is not there yet, but full within so long at the present pace.
        counted: The rows that use the meter up, for its pace; None: the use so far of a period that begins anew.
        of: The column of these rows to add up; None: each counts one.
        pace: Over how long the pace of these rows is taken.
    """

    state: ClassVar[Literal["allowances"]] = "allowances"
    ceases: ClassVar[bool] = True

    kind: Literal["allowance"] = "allowance"
    meter: str | tuple[str, ...] | None = None
    at_least: float = 1.0
    full_within: Duration | None = None
    counted: Where | None = None
    of: str | None = None
    pace: Duration = Duration.of_days(7)

    def __post_init__(self) -> None:
        if self.at_least <= 0:
            raise ValueError(f"'at_least: {self.at_least:g}' must be above 0, like 0.9")
        if self.counted is not None and self.full_within is None:
            raise ValueError("'counted' tells the pace for 'full_within', which is missing")
        if not self.pace.seconds:
            raise ValueError("'pace' must be longer than nothing")

    @property
    def event_filter(self) -> Where | None:
        return self.counted

    @property
    def columns(self) -> tuple[str, ...]:
        return () if self.of is None else (self.of,)

    @property
    def span(self) -> Duration:
        return Duration(0) if self.counted is None else self.pace

    def find(self, rows: PatternRows) -> pd.DataFrame:
        known = rows.allowances.dropna(subset=["lead_id", "meter", "allowed", "used"])
        known = known[self._wanted(known) & (known["allowed"] > 0)]
        begins = known["period"].map(lambda period: _begin(period, rows)).astype("int64")
        known = known.assign(ratio=known["used"] / known["allowed"], begin=begins, at=rows.as_of - 1, count=1)
        reached = known["ratio"] >= self.at_least
        ahead = self._ahead(known[~reached], rows)
        found = pd.concat([known[reached].assign(days=float("nan")), ahead])
        # Several accounts of one lead: the one fullest stands for all.
        found = found.sort_values(["ratio", "meter"], ascending=[False, True], kind="stable")
        suffix = found["days"].notna().map({True: _AHEAD, False: ""})
        found = found.assign(key=found["meter"].astype(str) + ":" + found["begin"].astype(str) + suffix)
        found["detail"] = [
            f"{ratio:.0%} of the {str(meter).replace('_', ' ')} allowance used{_words(days)}"
            for meter, ratio, days in zip(found["meter"], found["ratio"], found["days"], strict=True)
        ]
        return occurrences(found.drop_duplicates(["lead_id", "key"]).assign(user_id=None, feature=None), rows)

    @property
    def asked_back(self) -> Duration:
        return self.span

    def still(self, found: pd.DataFrame, rows: PatternRows) -> BoolArray:
        """Those whose meter is as full, or as near to it, in the same period; one foreseen may have come about."""
        now = self.find(replace(rows, since=0))
        there = {*zip(now["lead_id"].astype(str), now["key"].astype(str), strict=True)}
        keys = zip(found["lead_id"].astype(str), found["key"].astype(str), strict=True)
        return np.array(
            [(lead, key) in there or (lead, key.removesuffix(_AHEAD)) in there for lead, key in keys], dtype=bool
        )

    def _ahead(self, known: pd.DataFrame, rows: PatternRows) -> pd.DataFrame:
        """Those that are full within `full_within`, with `days` until then."""
        if self.full_within is None:
            return known.iloc[:0].assign(days=float("nan"))
        a_day = self._used_a_day(known, rows)
        left = (known["allowed"] - known["used"]) / a_day.where(a_day > 0)
        return known.assign(days=left)[(left <= self.full_within.days).to_numpy(dtype=bool)]

    def _used_a_day(self, known: pd.DataFrame, rows: PatternRows) -> "pd.Series[float]":
        if self.counted is None:
            # What never begins anew tells no pace.
            elapsed = (rows.as_of - known["begin"]).where(known["begin"] > 0)
            return known["used"] / (elapsed / DAY_MICROS)
        recent = rows.events[rows.events["at"] >= rows.as_of - self.pace.micros]
        amounts = pd.Series(1.0, index=recent.index) if self.of is None else pd.to_numeric(recent[self.of])
        used = amounts.groupby(recent["lead_id"]).sum() / self.pace.days
        return used.reindex(known["lead_id"]).set_axis(known.index).astype(float)

    def untold(self, allowances: pd.DataFrame) -> list[str]:
        """The meters that it is about and of whose use no row tells.

        Args:
            allowances: `meter` and `used` of all accounts.
        """
        told = allowances[self._wanted(allowances)].groupby("meter")["used"].count()
        return sorted(str(meter) for meter, rows in told.items() if not rows)

    def _wanted(self, known: pd.DataFrame) -> "pd.Series[Any]":
        if self.meter is None:
            return pd.Series(data=True, index=known.index)
        meters = self.meter if isinstance(self.meter, tuple) else (self.meter,)
        return pd.Series(Condition(among=meters).holds(known["meter"]), index=known.index)


def _words(days: float) -> str:
    """When it is full; "" where it is."""
    if math.isnan(days):
        return ""
    return f", full in {plural(math.ceil(days), 'day')} at this pace"


def _begin(period: object, rows: PatternRows) -> int:
    """The first microsecond of a period; 0 for all of the past, and for a period that is not known."""
    if period not in PERIODS:
        return 0
    start = rows.calendar.period(str(period), from_micros(rows.as_of)).start
    return 0 if start is None else to_micros(start)
