"""Somebody who tries and fails, again and again, without getting there."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from pql.domain.conditions import BoolArray, Where
from pql.domain.durations import Duration
from pql.domain.measures.base import plural
from pql.domain.patterns.base import Pattern, PatternRows, any_event, who
from pql.domain.patterns.occurrences import counts, followed, found_at, instants, occurrences, reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck(Pattern):
    """`at_least` failures of one feature within a span, with no success among them or since.

    A success at the very instant of a failure counts as later: it resolves it. Rows without a feature (or, for
    users, without a user) count for none.

    Args:
        failure: Which rows are failures, or mere repeats.
        success: Which rows show that it worked in the end.
        feature_column: What must be the same in all of them.
        per: Whose tries they are.
    """

    ceases: ClassVar[bool] = True

    kind: Literal["stuck"] = "stuck"
    failure: Where
    success: Where
    feature_column: str = "feature"
    at_least: int = 3
    within: Duration = Duration(3600)
    per: Literal["lead", "user"] = "user"

    def __post_init__(self) -> None:
        if self.at_least < 1:
            raise ValueError(f"'at_least: {self.at_least}' must be 1 or more")

    @property
    def event_filter(self) -> Where:
        return any_event(self.failure, self.success)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.feature_column, *self.failure.columns, *self.success.columns)))

    @property
    def span(self) -> Duration:
        return Duration(2 * self.within.seconds)

    def find(self, rows: PatternRows) -> pd.DataFrame:
        tries = self._failures(rows.events)
        grouped, shown = instants(tries, ["try_of", "after"])
        at = grouped["at"].to_numpy()
        counted = counts(grouped["group"].to_numpy(), at, at + self.within.micros + 1)
        found = found_at(reached(counted, self.at_least, self.within.micros), shown)
        found = found[found["after"] == found["successes"]]
        found["feature"] = found[self.feature_column]
        users = found["user_id"].astype(str) + ":" if self.per == "user" else ""
        found["key"] = found["at"].astype(str) + ":" + users + found["feature"].astype(str)
        found["detail"] = [
            f"{plural(count, 'failure')} with {feature} within {self.within}"
            for count, feature in zip(found["count"], found["feature"], strict=True)
        ]
        return occurrences(found, rows)

    def still(self, found: pd.DataFrame, rows: PatternRows) -> BoolArray:
        """Those who have not succeeded since."""
        worked = rows.events[self.success.holds(rows.events)]
        by = [*who(self.per), self.feature_column]
        asked = found.assign(**{self.feature_column: found["feature"]})
        return ~followed(asked, worked, by=by, since=found["at"].to_numpy(dtype="int64"))

    def _failures(self, events: pd.DataFrame) -> pd.DataFrame:
        """The failures; `after`: how many successes went before it, `successes`: how many there are."""
        by = ["lead_id", *(["user_id"] if self.per == "user" else []), self.feature_column]
        known = events.dropna(subset=by)
        worked = self.success.holds(known)
        # A row that passes both filters is a success.
        tried = np.asarray(self.failure.holds(known)) | worked
        known = known.assign(try_of=known.groupby(by, sort=False).ngroup(), worked=worked)[tried]
        known = known.sort_values(["try_of", "at", "worked"], kind="stable")
        of_one = known.groupby("try_of")["worked"]
        known = known.assign(after=of_one.cumsum(), successes=of_one.transform("sum"))
        return known[~known["worked"]]
