"""What every moment pattern is: the rows that it reads, and the occurrences that it finds in them.

A pattern is a frozen dataclass in a file of its own; its fields are its keys under `pattern:` in a moment file.
Rows of events are a frame with the columns `lead_id`, `user_id`, `at` (microseconds), `event`, `feature` and whatever
the filter names, sorted by `at`. Occurrences are a frame with the columns of `OCCURRENCE_COLUMNS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from pql.domain.calendar import Calendar
from pql.domain.conditions import BoolArray, Condition, Scalar, Where
from pql.domain.durations import Duration
from pql.domain.timers import timer_frame

# key: what happened, unique within the moment and stable under replay; at: microseconds, when the pattern was
# complete; count: how many rows (or distinct values, or steps) it is made of; feature: of the row that completed it;
# detail: words for the message.
OCCURRENCE_COLUMNS = ("lead_id", "user_id", "key", "at", "count", "feature", "detail")


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternRows:
    """What a pattern sees.

    Args:
        events: The rows that pass `event_filter`, from `since` less the pattern's span up to `as_of`, with `columns`.
        allowances: lead_id, meter, allowed, used, period; empty without the relation.
        subscriptions: lead_id, plan, status, started_at, ended_at, trial_ends_at (microseconds), and `pays`, whether
            the status is one of a customer; may be empty.
        first_seen: For patterns that ask for firsts: lead_id, user_id and `first_at`, the earliest such row ever.
        since: Microseconds; only what became complete in [since, as_of) is new.
        as_of: Microseconds.
        calendar: The project's days: in which period an allowance was used up.
    """

    events: pd.DataFrame
    allowances: pd.DataFrame
    subscriptions: pd.DataFrame
    first_seen: pd.DataFrame
    since: int
    as_of: int
    calendar: Calendar = Calendar(ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What has just happened, not a level."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    # Whether `first_seen` is read: the earliest row that passes `event_filter`, of all time.
    asks_first: ClassVar[bool] = False
    # What it reads beside events: a table that tells how things stand now, and not when they came about.
    state: ClassVar[Literal["", "allowances", "subscriptions"]] = ""
    # Whether something is found when time has passed: then `timers` says when to look.
    timed: ClassVar[bool] = False
    # Whether a timer that is due may have come true; else it only tells who was active.
    fires: ClassVar[bool] = True
    # Whether the watch alone finds it: to look it up in the rows of all leads would cost too much.
    by_watch: ClassVar[bool] = False
    # Whether what was found may be over later: then `still` is asked before it is told after a wait.
    ceases: ClassVar[bool] = False

    kind: str

    @property
    def event_filter(self) -> Where | None:
        """The filter for the event rows that the pattern needs; None where it needs no events."""
        return None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the event rows that `find` reads beside lead_id, user_id, at, event and feature."""
        return ()

    @property
    def span(self) -> Duration:
        """How far before `since` rows are needed."""
        return Duration(0)

    def find(self, rows: PatternRows) -> pd.DataFrame:
        """The occurrences that became complete in [since, as_of), one row each, whatever the order of rows."""
        raise NotImplementedError

    @property
    def asked_back(self) -> Duration:
        """How far before an occurrence rows are needed to ask whether it is still so."""
        return Duration(0)

    def still(self, found: pd.DataFrame, rows: PatternRows) -> BoolArray:  # noqa: ARG002 (most stay so for ever)
        """For each occurrence that was found before whether it is still so as of `rows.as_of`.

        Args:
            found: As `find` gave them.
            rows: Of their leads, from `asked_back` before the earliest of them on.
        """
        return np.ones(len(found), dtype=bool)

    @property
    def seed_span(self) -> Duration | None:
        """How far back the latest row of everybody is looked up once, before the first look; None: it is not."""
        return None

    def timers(self, rows: PatternRows) -> pd.DataFrame:  # noqa: ARG002 (most have none)
        """The timers that these rows set, as `timer_frame` gives them."""
        return timer_frame()

    def cancels(self, waiting: pd.DataFrame, rows: PatternRows) -> BoolArray:  # noqa: ARG002 (most have none)
        """For each waiting timer whether these rows resolve it."""
        return np.zeros(len(waiting), dtype=bool)

    def needs(self, rows: PatternRows, stored: pd.DataFrame) -> pd.DataFrame:  # noqa: ARG002 (most need all)
        """Of the fresh rows those whose leads' rows must be read now.

        Args:
            rows: What has just arrived.
            stored: The timers of these leads, with `status`.
        """
        return rows.events


def who(per: str) -> list[str]:
    """The columns that tell whose rows belong together."""
    return ["lead_id"] if per == "lead" else ["lead_id", "user_id"]


def by_event(event: str | tuple[str, ...] | None, where: Mapping[str, Any] | Where) -> Where:
    """The filter for one or several event names (None: all), and what else must hold."""
    names = Where() if event is None else Where.parse({"event": list(event) if isinstance(event, tuple) else event})
    return Where((*names.conditions, *Where.parse(where).conditions))


def any_event(*filters: Where) -> Where:
    """A filter that lets pass all that any of these does: by event name where each names its events, else all."""
    names: list[Scalar] = []
    for given in filters:
        named = dict(given.conditions).get("event")
        if named is None or named not in (Condition(equals=named.equals), Condition(among=named.among)):
            return Where()
        names += named.among or () if named.equals is None else (named.equals,)
    return Where((("event", Condition(among=tuple(dict.fromkeys(names)))),))
