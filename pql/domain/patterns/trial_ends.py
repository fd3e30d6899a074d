"""A trial about to end."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from pql.domain.calendar import from_micros
from pql.domain.conditions import BoolArray
from pql.domain.durations import Duration
from pql.domain.patterns.base import Pattern, PatternRows
from pql.domain.patterns.occurrences import occurrences
from pql.domain.timers import timer_frame


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEnds(Pattern):
    """The instant that lies `within` before the end of a trial, or its start where the trial is shorter.

    A trial whose subscription ended before, or since whose start the lead began to pay, is over. Who paid before tries
    something further. A trial that is prolonged ends anew.

    Args:
        within: How long before the end.
    """

    state: ClassVar[Literal["subscriptions"]] = "subscriptions"
    timed: ClassVar[bool] = True
    ceases: ClassVar[bool] = True

    kind: Literal["trial_ends"] = "trial_ends"
    within: Duration = Duration.of_days(3)

    def find(self, rows: PatternRows) -> pd.DataFrame:
        found = self._warned(rows)
        return occurrences(found.assign(detail=f"the trial ends in {self.within} or less"), rows)

    def timers(self, rows: PatternRows) -> pd.DataFrame:
        """A timer for each trial whose warning was not due before `since`."""
        found = self._warned(rows)
        ahead = found[found["at"] >= rows.since]
        return timer_frame(ahead.assign(set_at=ahead["key"].astype("int64"), due_at=ahead["at"]))

    def cancels(self, waiting: pd.DataFrame, rows: PatternRows) -> BoolArray:
        """Those of trials that are over, paid for, or prolonged; the rows are all that there are."""
        left = pd.MultiIndex.from_frame(self._warned(rows)[["lead_id", "key"]].astype(str))
        return ~pd.MultiIndex.from_frame(waiting[["lead_id", "key"]].astype(str)).isin(left)

    def still(self, found: pd.DataFrame, rows: PatternRows) -> BoolArray:
        """Those of trials that lie ahead, and end when they did."""
        return ~self.cancels(found, rows)

    @staticmethod
    def end_of(occurrence: Mapping[str, object]) -> datetime | None:
        """When the trial ends that an occurrence speaks of: its key names it."""
        key = str(occurrence.get("key", ""))
        return from_micros(int(key)) if key.isdigit() else None

    def _warned(self, rows: PatternRows) -> pd.DataFrame:
        known = rows.subscriptions.dropna(subset=["lead_id", "trial_ends_at"])
        paid = known["lead_id"].map(_paying_since(rows)).to_numpy(dtype=float)
        known = known[~(paid >= known["started_at"].astype(float).fillna(-np.inf).to_numpy())]
        ends = known["trial_ends_at"].astype("int64")
        known = known[~(known["ended_at"].astype(float) < ends) & (ends >= rows.as_of)]
        ends = known["trial_ends_at"].astype("int64")
        warned = (ends - self.within.micros).clip(lower=known["started_at"].astype(float).fillna(-(2.0**62)))
        found = known.assign(at=warned.astype("int64"), key=ends.astype(str), user_id=None, feature=None, count=1)
        # Of several subscriptions of one trial, the earliest warning counts.
        return found.sort_values("at", kind="stable").drop_duplicates(["lead_id", "key"])


def _paying_since(rows: PatternRows) -> "pd.Series[float]":
    """For each lead that pays the latest start of it, whether its trial has been ended in the books or not."""
    known = rows.subscriptions
    if "pays" not in known:
        return pd.Series(dtype=float)
    ended = known["ended_at"].astype(float) < rows.as_of
    begun = ~(known["started_at"].astype(float) >= rows.as_of)
    paid = known[known["pays"].astype(bool) & begun & ~ended]
    return paid["started_at"].astype(float).fillna(-np.inf).groupby(paid["lead_id"]).max()
