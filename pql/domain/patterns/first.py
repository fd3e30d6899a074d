"""The first time ever that something is done."""

from dataclasses import dataclass
from typing import ClassVar, Literal

import pandas as pd

from pql.domain.conditions import Where
from pql.domain.patterns.base import Pattern, PatternRows, by_event
from pql.domain.patterns.occurrences import occurrences


@dataclass(frozen=True, slots=True, kw_only=True)
class First(Pattern):
    """The earliest row ever, of the lead or of each of its users.

    Its key names no instant: a late row that turns out to be earlier tells nobody twice.

    Args:
        event: The name, or several of which any counts.
        where: What else must hold of a row.
        per: Whose first time it is.
    """

    asks_first: ClassVar[bool] = True

    kind: Literal["first"] = "first"
    event: str | tuple[str, ...]
    where: Where = Where()
    per: Literal["lead", "user"] = "lead"

    @property
    def event_filter(self) -> Where:
        return by_event(self.event, self.where)

    def find(self, rows: PatternRows) -> pd.DataFrame:
        by = ["lead_id"] if self.per == "lead" else ["lead_id", "user_id"]
        seen = rows.first_seen.dropna(subset=[*by, "first_at"])
        seen = seen.sort_values([*by, "first_at", "user_id"], kind="stable").drop_duplicates(by)
        found = seen.rename(columns={"first_at": "at"})
        found["key"] = self.keys(found)
        found = found.assign(count=1, detail="for the first time").astype({"at": "int64"})
        return occurrences(self._with_feature(found, rows.events), rows)

    def keys(self, rows: pd.DataFrame) -> "pd.Series[str]":
        """The key of the occurrence that each row (with `lead_id` and `user_id`) could be."""
        if self.per == "lead":
            return pd.Series("first", index=rows.index, dtype="str")
        return "first:" + rows["user_id"].astype("str")

    def _with_feature(self, found: pd.DataFrame, events: pd.DataFrame) -> pd.DataFrame:
        if "feature" not in events or not len(found):
            return found.assign(feature=None)
        by = ["lead_id", "user_id", "at"]
        features = events[[*by, "feature"]].sort_values([*by, "feature"], kind="stable").drop_duplicates(by)
        return found.merge(features.astype({"at": "int64"}), on=by, how="left")
