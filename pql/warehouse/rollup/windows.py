"""Windows over kept days: joined to a calendar for many instants; for one, each reads as few days as it needs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import Calendar, to_micros
from pql.domain.partials import Aggregate, PartialInput, SpanRule
from pql.warehouse.days import OLDEST_DAY, whole
from pql.warehouse.engines import Expr
from pql.warehouse.measuring import Floats
from pql.warehouse.rollup.columns import Stored
from pql.warehouse.slices import MICRO

# Windows are read together unless one is so many times as long as another.
MOST_TIMES = 2
_INSTANTS = (Aggregate.FIRST, Aggregate.LAST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """The days of a span.

    Args:
        low: The first day.
        high: The last one, which the span holds in whole or in part.
        since: Microseconds of its beginning; None: it has none.
    """

    low: int
    high: int
    since: int | None

    @classmethod
    def of(cls, rule: SpanRule, calendar: Calendar, at: datetime) -> "Reach":
        """The days that a span has at an instant."""
        span = rule.bounds(calendar, at)
        # The day of the last instant before the end: the last that the span holds, in whole or in part.
        high = calendar.last_day_before(span.end)
        if span.start is None:
            return cls(low=OLDEST_DAY, high=high, since=None)
        return cls(low=calendar.day_of(span.start), high=high, since=to_micros(span.start))


Reaches: TypeAlias = Mapping[PartialInput, Reach]


@dataclass(frozen=True, slots=True)
class Seen:
    """Rows as one input sees them.

    Args:
        rows: What is kept of days.
        inside: What tells which of them lie in its span.
        day: The day of each.
        weight: What a row of that day weighs, in millionths.
    """

    rows: Any
    inside: Sequence[Expr]
    day: Expr
    weight: Expr | None

    def only(self, value: Expr, *also: Expr) -> Expr:
        """A value, of the rows of the span that meet further conditions."""
        conditions = [*self.inside, *also]
        return sa.case((sa.and_(*conditions), value)) if conditions else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Inputs that are merged from the rows of the same days.

    Args:
        inputs: The name of each input's column.
        low: The first day that is read.
        high: The last.
    """

    inputs: Mapping[PartialInput, str]
    low: int
    high: int

    def inside(self, reach: Reach, day: Expr) -> list[Expr]:
        """What tells which of the rows that are read lie in a span; nothing where all do."""
        late = [day >= whole(reach.low)] if reach.low > self.low else []
        return late if reach.high >= self.high else [*late, day <= whole(reach.high)]


def scans(inputs: Mapping[PartialInput, str], reaches: Reaches) -> Sequence[Scan]:
    """The inputs, those of the shortest windows first; the days of each scan are among those of the next."""
    high = max(reaches[source].high for source in inputs)
    groups: list[tuple[int, dict[PartialInput, str]]] = []
    for source in sorted(inputs, key=lambda source: -reaches[source].low):
        length = high - reaches[source].low + 1
        if not groups or length > MOST_TIMES * groups[-1][0]:
            groups.append((length, {}))
        groups[-1][1][source] = inputs[source]
    return [Scan(inputs=group, low=min(reaches[source].low for source in group), high=high) for _, group in groups]


def widest(
    inputs: Mapping[PartialInput, str], kinds: Mapping[PartialInput, Stored], reaches: Reaches
) -> Mapping[PartialInput, PartialInput]:
    """For each input that asks for the latest row, the one with the longest window that ends on the same day."""
    lasts = [source for source in inputs if source.partial.aggregate is Aggregate.LAST]
    longest: dict[tuple[Stored, int], PartialInput] = {}
    for source in sorted(lasts, key=lambda source: -reaches[source].low):
        longest[kinds[source], reaches[source].high] = source
    return {source: longest[kinds[source], reaches[source].high] for source in lasts}


def within(latest: Floats, since: int | None) -> Floats:
    """The latest row of a window, from that of a longer one: it is the same, or there is none."""
    return latest if since is None else np.where(latest >= since, latest, np.nan)


def joined(selects: Sequence[sa.Select[Any]], as_of: int, inputs: Mapping[PartialInput, str]) -> sa.Select[Any]:
    """Scans by `key`, the longest last, as one statement: its keys, and 0 where a shorter one has none."""
    parts = [select.subquery(f"scan_{number}") for number, select in enumerate(selects)]
    base = parts[-1]
    rows: Any = base
    for part in parts[:-1]:
        rows = rows.outerjoin(part, part.c.key == base.c.key)
    instants = {label for source, label in inputs.items() if source.partial.aggregate in _INSTANTS}
    columns = [
        (column if name in instants else sa.func.coalesce(column, whole(0))).label(name)
        for part in parts
        for name, column in part.c.items()
        if name != "key"
    ]
    return sa.select(whole(as_of).label("as_of"), base.c.key, *columns).select_from(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The days that each span of each instant covers.

    Args:
        frame: `as_of`, `day` (where its rows are: a rolled day or a tail), `real_day`, `in_<n>` for each rule (1 or
            0) and `weight_<n>` for each half-life.
        rules: The name of each rule's column.
        weights: The name of each half-life's column.
    """

    frame: pd.DataFrame
    rules: Mapping[SpanRule, str]
    weights: Mapping[float, str]

    @property
    def bounds(self) -> tuple[int, int]:
        """The first and the last day."""
        return int(self.frame["real_day"].min()), int(self.frame["real_day"].max())


def days_of(
    rules: Iterable[SpanRule],
    half_lives: Iterable[float],
    instants: Sequence[datetime],
    calendar: Calendar,
    *,
    rolled: Sequence[int],
    tails: Mapping[int, int],
) -> Days:
    """The calendar of some rules.

    Args:
        rules: The spans.
        half_lives: In days.
        instants: Sorted.
        calendar: The project's days.
        rolled: The days that have rows, in order; others need no row here.
        tails: The day number of the tail of an instant (microseconds), where it has one.
    """
    names = {rule: f"in_{number}" for number, rule in enumerate(dict.fromkeys(rules))}
    weights = {life: f"weight_{number}" for number, life in enumerate(dict.fromkeys(half_lives))}
    known = np.asarray(rolled, dtype=np.int64)
    parts = [_days_at(names, weights, at, calendar, known, tails) for at in instants]
    whole_numbers = pd.concat(parts, ignore_index=True).astype(np.int64)
    return Days(frame=whole_numbers, rules=names, weights=weights)


def _days_at(
    rules: Mapping[SpanRule, str],
    weights: Mapping[float, str],
    at: datetime,
    calendar: Calendar,
    rolled: "np.ndarray[Any, np.dtype[np.int64]]",
    tails: Mapping[int, int],
) -> pd.DataFrame:
    reaches = {rule: Reach.of(rule, calendar, at) for rule in rules}
    last = calendar.last_day_before(at)
    low, high = min(reach.low for reach in reaches.values()), max(reach.high for reach in reaches.values())
    real = rolled[(rolled >= low) & (rolled <= high)]
    frame = pd.DataFrame({"as_of": to_micros(at), "day": real, "real_day": real})
    for rule, name in rules.items():
        frame[name] = ((real >= reaches[rule].low) & (real <= reaches[rule].high)).astype(np.int64)
    for life, name in weights.items():
        frame[name] = np.floor(np.power(0.5, (last - real) / life) * MICRO + 0.5).astype(np.int64)
    tail = tails.get(to_micros(at))
    if tail is not None:
        frame["day"] = frame["day"].where(frame["real_day"] != last, tail)
    return frame
