"""Something done, and what should follow did not."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import pandas as pd

from pql.domain.conditions import BoolArray, Where
from pql.domain.durations import Duration
from pql.domain.patterns.base import Pattern, PatternRows, any_event, who
from pql.domain.patterns.occurrences import followed, instants, occurrences
from pql.domain.timers import resolved, timer_frame


@dataclass(frozen=True, slots=True, kw_only=True)
class Without(Pattern):
    """A first step that no second step follows within a span.

    It is complete when the span has passed. A second step at the very instant of the first one, or of the end, counts.

    Args:
        after: The filter of the first step.
        without: The filter of what should follow.
        within: For how long it is waited for.
        per: Who should do both.
    """

    timed: ClassVar[bool] = True
    ceases: ClassVar[bool] = True

    kind: Literal["without"] = "without"
    after: Where
    without: Where
    within: Duration
    per: Literal["lead", "user"] = "lead"

    def __post_init__(self) -> None:
        if not self.within.seconds:
            raise ValueError("'within' must be longer than nothing")

    @property
    def event_filter(self) -> Where:
        return any_event(self.after, self.without)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.after.columns, *self.without.columns)))

    @property
    def span(self) -> Duration:
        return self.within

    @property
    def asked_back(self) -> Duration:
        return self.within

    def still(self, found: pd.DataFrame, rows: PatternRows) -> BoolArray:
        """Those whom nothing followed since, late as it may be."""
        following = rows.events[self.without.holds(rows.events)]
        begun = found["at"].to_numpy(dtype="int64") - self.within.micros
        return ~followed(found, following, by=who(self.per), since=begun)

    def timers(self, rows: PatternRows) -> pd.DataFrame:
        begun = self._begun(rows)
        due_at = begun["at"].astype("int64") + self.within.micros
        return timer_frame(begun.assign(key=self._keys(begun), set_at=begun["at"], due_at=due_at))

    def needs(self, rows: PatternRows, stored: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002 (nothing before it is due)
        return rows.events.iloc[:0]

    def cancels(self, waiting: pd.DataFrame, rows: PatternRows) -> BoolArray:
        following = rows.events[self.without.holds(rows.events)]
        return resolved(waiting, following, per_user=self.per == "user")

    def find(self, rows: PatternRows) -> pd.DataFrame:
        begun = self._begun(rows)
        begun = begun.assign(set_at=begun["at"], due_at=begun["at"].astype("int64") + self.within.micros)
        missed = begun[~self.cancels(begun, rows)]
        found = missed.assign(at=missed["due_at"], key=self._keys(missed), count=1)
        return occurrences(found.assign(detail=f"nothing followed within {self.within}"), rows)

    def _begun(self, rows: PatternRows) -> pd.DataFrame:
        return instants(rows.events[self.after.holds(rows.events)], who(self.per))[1]

    def _keys(self, begun: pd.DataFrame) -> "pd.Series[str]":
        return begun["at"].astype(str) + ("" if self.per == "lead" else ":" + begun["user_id"].astype(str))
