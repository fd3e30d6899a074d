"""Steps done one after another."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.patterns.base import Pattern, PatternRows, any_event
from pql.domain.patterns.occurrences import instants, occurrences


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence(Pattern):
    """All steps in order, each later than the one before, the first and the last at most `within` apart.

    Of several last steps that follow one first step, the earliest completes it. Other rows may lie in between.

    Args:
        steps: The filter of each step.
        per: Who does all of them.
    """

    kind: Literal["sequence"] = "sequence"
    steps: tuple[Where, ...]
    within: Duration
    per: Literal["lead", "user"] = "lead"

    def __post_init__(self) -> None:
        if len(self.steps) < 2:
            raise ValueError("a sequence needs at least two steps")

    @property
    def event_filter(self) -> Where:
        return any_event(*self.steps)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column for step in self.steps for column in step.columns))

    @property
    def span(self) -> Duration:
        return self.within

    def find(self, rows: PatternRows) -> pd.DataFrame:
        by = ["lead_id"] if self.per == "lead" else ["lead_id", "user_id"]
        first, *later = (instants(rows.events[step.holds(rows.events)], by)[1] for step in self.steps)
        begun = first.assign(begin=first["at"])
        for step in later:
            begun = _after(begun, step, by)
        done = begun[begun["at"] - begun["begin"] <= self.within.micros]
        found = done.sort_values("at", kind="stable").drop_duplicates([*by, "begin"])
        found = found.assign(count=len(self.steps), detail=f"{len(self.steps)} steps within {self.within}")
        users = "" if self.per == "lead" else ":" + found["user_id"].astype(str)
        return occurrences(found.assign(key=found["at"].astype(str) + users), rows)


def _after(begun: pd.DataFrame, step: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """The rows of a step, with the latest `begin` of a chain that ends strictly before each."""
    chains = begun.sort_values("at", kind="stable")
    chains = chains.assign(begin=chains.groupby(by)["begin"].cummax())[[*by, "at", "begin"]]
    joined = pd.merge_asof(
        step.sort_values("at", kind="stable"), chains, on="at", by=by, allow_exact_matches=False, direction="backward"
    )
    return joined[joined["begin"].notna()].astype({"begin": np.int64})
