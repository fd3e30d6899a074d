"""A trial about to end."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pql.domain.durations import Duration
from pql.domain.patterns.base import Pattern, PatternRows
from pql.domain.patterns.occurrences import occurrences


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEnds(Pattern):
    """The instant that lies `within` before the end of a trial, or its start where the trial is shorter.

    A trial whose subscription ended before is over already. A trial that is prolonged ends anew.

    Args:
        within: How long before the end.
    """

    kind: Literal["trial_ends"] = "trial_ends"
    within: Duration = Duration.of_days(3)

    def find(self, rows: PatternRows) -> pd.DataFrame:
        known = rows.subscriptions.dropna(subset=["lead_id", "trial_ends_at"])
        ends = known["trial_ends_at"].astype("int64")
        known = known[~(known["ended_at"].astype(float) < ends) & (ends >= rows.as_of)]
        ends = known["trial_ends_at"].astype("int64")
        warned = (ends - self.within.micros).clip(lower=known["started_at"].astype(float).fillna(-(2.0**62)))
        found = known.assign(at=warned.astype("int64"), key=ends.astype(str), user_id=None, feature=None, count=1)
        # Of several subscriptions of one trial, the earliest warning counts.
        found = found.sort_values("at", kind="stable").drop_duplicates(["lead_id", "key"])
        return occurrences(found.assign(detail=f"the trial ends in {self.within} or less"), rows)
