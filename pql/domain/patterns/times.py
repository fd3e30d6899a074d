"""Something done so many times within a span: the paywall hit, three people invited in a day."""

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures.base import plural
from pql.domain.patterns.base import Pattern, PatternRows, by_event
from pql.domain.patterns.occurrences import Micros, counts, found_at, instants, occurrences, reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Times(Pattern):
    """`at_least` rows, the first and the last at most `within` apart.

    It is complete at the row that makes the number full. It can be complete again once the number in the span fell
    below, or after a pause longer than `within`.

    Args:
        event: The name, or several of which any counts.
        where: What else must hold of a row.
        distinct: Count the distinct values of this column and not the rows; null is no value.
        per: Whose rows are counted together; rows without a user count for no user.
    """

    kind: Literal["times"] = "times"
    event: str | tuple[str, ...]
    where: Where = Where()
    at_least: int = 1
    within: Duration = Duration(3600)
    distinct: str | None = None
    per: Literal["lead", "user"] = "lead"

    def __post_init__(self) -> None:
        if self.at_least < 1:
            raise ValueError(f"'at_least: {self.at_least}' must be 1 or more")

    @property
    def event_filter(self) -> Where:
        return by_event(self.event, self.where)

    @property
    def columns(self) -> tuple[str, ...]:
        return () if self.distinct is None else (self.distinct,)

    @property
    def span(self) -> Duration:
        # Twice: once to count, and once to know whether the row before was full already.
        return Duration(2 * self.within.seconds)

    def find(self, rows: PatternRows) -> pd.DataFrame:
        by = ["lead_id"] if self.per == "lead" else ["lead_id", "user_id"]
        events = rows.events if self.distinct is None else rows.events.dropna(subset=[self.distinct])
        grouped, shown = instants(events, by)
        until = self._until(grouped)
        counted = counts(grouped["group"].to_numpy(), grouped["at"].to_numpy(), until)
        full = reached(counted, self.at_least, self.within.micros)
        found = found_at(full, shown)
        found["key"] = found["at"].astype(str) + ("" if self.per == "lead" else ":" + found["user_id"].astype(str))
        noun = "time" if self.distinct is None else self.distinct.removesuffix("_id").replace("_", " ")
        found["detail"] = [f"{plural(count, noun)} within {self.within}" for count in found["count"]]
        return occurrences(found, rows)

    def _until(self, grouped: pd.DataFrame) -> Micros:
        ends = grouped["at"] + self.within.micros + 1
        if self.distinct is not None:
            # A value counts once: until it is seen again, or falls out of the span.
            again = grouped.sort_values("at", kind="stable").groupby(["group", self.distinct])["at"].shift(-1)
            again = again.reindex(grouped.index)
            ends = ends.where(~(again < ends), again)
        return ends.to_numpy(dtype="int64")
