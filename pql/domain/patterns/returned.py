"""Somebody who comes back after having been away."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.patterns.base import Pattern, PatternRows, by_event, who
from pql.domain.patterns.occurrences import instants, occurrences
from pql.domain.timers import last_set, latest_of_each


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned(Pattern):
    """The first row after none for a span, where there were rows before.

    Only the watch finds it: a stored timer tells who is active, so that only those who were away are looked up.

    Args:
        event: The name, or several of which any counts; None: every event.
        where: What else must hold of a row.
        away_for: For how long there was nothing.
        at_most: Who was away for longer than this does not return, but begins anew.
        per: Whose return it is.
    """

    timed: ClassVar[bool] = True
    by_watch: ClassVar[bool] = True
    fires: ClassVar[bool] = False

    kind: Literal["returned"] = "returned"
    event: str | tuple[str, ...] | None = None
    where: Where = Where()
    away_for: Duration
    at_most: Duration = Duration.of_days(180)
    per: Literal["lead", "user"] = "lead"

    def __post_init__(self) -> None:
        if not self.away_for.seconds:
            raise ValueError("'away_for' must be longer than nothing")
        if self.at_most < self.away_for:
            raise ValueError(f"'at_most: {self.at_most}' must not be shorter than 'away_for: {self.away_for}'")

    @property
    def event_filter(self) -> Where:
        return by_event(self.event, self.where)

    @property
    def span(self) -> Duration:
        return self.at_most

    @property
    def seed_span(self) -> Duration:
        return self.away_for

    def timers(self, rows: PatternRows) -> pd.DataFrame:
        return latest_of_each(rows.events, per_user=self.per == "user", after=self.away_for.micros)

    def needs(self, rows: PatternRows, stored: pd.DataFrame) -> pd.DataFrame:
        """The rows of whom no stored timer shows as active shortly before."""
        events = rows.events.dropna(subset=who(self.per))
        last, at = last_set(events, stored, per_user=self.per == "user"), events["at"].to_numpy(dtype=float)
        needed: pd.DataFrame = events[~((last <= at) & (at - last < self.away_for.micros))]
        return needed

    def find(self, rows: PatternRows) -> pd.DataFrame:
        _, shown = instants(rows.events, who(self.per))
        gap = shown["at"] - shown.groupby("group")["at"].shift()
        back = (gap >= self.away_for.micros) & (gap <= self.at_most.micros)
        found = shown[back].assign(count=1)
        found["key"] = found["at"].astype(str) + ("" if self.per == "lead" else ":" + found["user_id"].astype(str))
        found["detail"] = [f"back after {_days(away)}" for away in gap[back].to_numpy(dtype=float)]
        return occurrences(found, rows)


def _days(micros: float) -> str:
    """A time away, in whole days, or hours where it was shorter than two days."""
    hours = int(np.floor(micros / 3_600_000_000))
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hour{'' if hours == 1 else 's'}"
