"""Nothing any more, after there was much."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from pql.domain.conditions import BoolArray, Where
from pql.domain.durations import Duration
from pql.domain.measures.base import plural
from pql.domain.patterns.base import Pattern, PatternRows, by_event, who
from pql.domain.patterns.occurrences import counts, followed, instants, occurrences
from pql.domain.timers import last_set, latest_of_each


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence(Pattern):
    """No row for a span, after at least so many rows in a span before.

    It is complete `quiet_for` after the last row; a row at that very instant still breaks it. Only the watch finds
    it: each row moves a stored timer, and what is due is looked at in the rows.

    Args:
        event: The name, or several of which any counts; None: every event.
        where: What else must hold of a row.
        quiet_for: For how long nothing must come.
        at_least: How many rows there must have been before.
        before: In which span that ends with the last row.
        per: Whose silence it is.
    """

    timed: ClassVar[bool] = True
    by_watch: ClassVar[bool] = True
    ceases: ClassVar[bool] = True

    kind: Literal["silence"] = "silence"
    event: str | tuple[str, ...] | None = None
    where: Where = Where()
    quiet_for: Duration
    at_least: int = 1
    before: Duration = Duration.of_days(14)
    per: Literal["lead", "user"] = "lead"

    def __post_init__(self) -> None:
        if self.at_least < 1:
            raise ValueError(f"'at_least: {self.at_least}' must be 1 or more")
        if not self.quiet_for.seconds:
            raise ValueError("'quiet_for' must be longer than nothing")

    @property
    def event_filter(self) -> Where:
        return by_event(self.event, self.where)

    @property
    def span(self) -> Duration:
        return Duration(self.quiet_for.seconds + self.before.seconds)

    @property
    def asked_back(self) -> Duration:
        return self.quiet_for

    def still(self, found: pd.DataFrame, rows: PatternRows) -> BoolArray:
        """Those who have not come back since."""
        last = found["at"].to_numpy(dtype="int64") - self.quiet_for.micros
        return ~followed(found, rows.events, by=who(self.per), since=last + 1)

    @property
    def seed_span(self) -> Duration:
        return self.quiet_for

    def timers(self, rows: PatternRows) -> pd.DataFrame:
        return latest_of_each(rows.events, per_user=self.per == "user", after=self.quiet_for.micros)

    def needs(self, rows: PatternRows, stored: pd.DataFrame) -> pd.DataFrame:
        """The rows that came late, and those after which nothing came for long before the next of them."""
        by = who(self.per)
        events = rows.events.dropna(subset=by).sort_values([*by, "at"], kind="stable")
        gap = events.groupby(by)["at"].shift(-1).to_numpy(dtype=float) - events["at"].to_numpy(dtype=float)
        late = events["at"].to_numpy(dtype=float) < last_set(events, stored, per_user=self.per == "user")
        needed: pd.DataFrame = events[late | (gap > self.quiet_for.micros)]
        return needed

    def find(self, rows: PatternRows) -> pd.DataFrame:
        grouped, shown = instants(rows.events, who(self.per))
        at = grouped["at"].to_numpy()
        counted = counts(grouped["group"].to_numpy(), at, at + self.before.micros + 1)
        following = counted.groupby("group")["at"].shift(-1).to_numpy(dtype=float)
        due = counted["at"].to_numpy() + self.quiet_for.micros
        silent = ~(following <= due) & (counted["count"].to_numpy() >= self.at_least)
        found = counted[silent].merge(shown, on=["group", "at"], how="left", validate="one_to_one")
        last = found["at"].astype("int64")
        found["key"] = last.astype(str) + ("" if self.per == "lead" else ":" + found["user_id"].astype(str))
        found = found.assign(at=last + np.int64(self.quiet_for.micros))
        found["detail"] = [
            f"nothing for {self.quiet_for}, after {plural(count, 'event')} in {self.before}" for count in found["count"]
        ]
        return occurrences(found, rows)
