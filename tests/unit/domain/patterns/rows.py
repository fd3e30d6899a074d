"""Rows of events for the tests of patterns: minutes instead of microseconds."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from pql.domain.patterns import Pattern, PatternRows

MINUTE = 60_000_000
Row = tuple[str | None, str | None, int, str, str | None]


def events(rows: Iterable[Row], **columns: list[Any]) -> pd.DataFrame:
    """Rows of (lead, user, minute, event, feature), and what else is given."""
    frame = pd.DataFrame(list(rows), columns=["lead_id", "user_id", "at", "event", "feature"])
    return frame.assign(at=frame["at"].astype("int64") * MINUTE, **columns)


def seen(given: pd.DataFrame | None = None, *, since: int = 0, as_of: int = 10_000, **tables: Any) -> PatternRows:
    """What a pattern sees; `since` and `as_of` in minutes."""
    empty = {
        "allowances": pd.DataFrame(columns=["lead_id", "meter", "allowed", "used", "period"]),
        "subscriptions": pd.DataFrame(columns=["lead_id", "plan", "status", "started_at", "ended_at", "trial_ends_at"]),
        "first_seen": pd.DataFrame(columns=["lead_id", "user_id", "first_at"]),
    }
    return PatternRows(
        events=events([]) if given is None else given, since=since * MINUTE, as_of=as_of * MINUTE, **(empty | tables)
    )


def minutes(found: pd.DataFrame) -> list[tuple[str, float]]:
    """Who and when, in minutes."""
    return [(str(lead), at / MINUTE) for lead, at in zip(found["lead_id"], found["at"], strict=True)]


def from_span(pattern: Pattern, given: pd.DataFrame, since: int, as_of: int) -> pd.DataFrame:
    """What is found when only the rows that the pattern asks for are read, as the warehouse reads them."""
    begin = since * MINUTE - pattern.span.micros
    read = given[(given["at"] >= begin) & (given["at"] < as_of * MINUTE)]
    return pattern.find(seen(read, since=since, as_of=as_of))
