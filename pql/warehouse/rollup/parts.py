"""The arithmetic of many windows at once: stretches of days, the parts into which they cut time, and totals of parts.

Arrays have a row for each part (or instant) and a column for each key. All of it is whole numbers, so the results are
those of adding up each window on its own.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.calendar import Calendar
from pql.domain.partials import SpanRule
from pql.warehouse.measuring import Floats, Grid
from pql.warehouse.rollup.windows import Reach

Whole: TypeAlias = npt.NDArray[np.int64]
# Two stretches as one: where both see the same day, it counts once.
Unite: TypeAlias = Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A span at each instant.

    Args:
        lows: The first day at each.
        highs: The last; neither ever goes back from one instant to the next.
        since: Microseconds of its beginning at each; before all rows where it has none.
    """

    lows: Whole
    highs: Whole
    since: Floats

    @classmethod
    def of(cls, rule: SpanRule, calendar: Calendar, instants: Sequence[datetime]) -> "Stretch":
        """The days that a span has at sorted instants."""
        reaches = [Reach.of(rule, calendar, at) for at in instants]
        return cls(
            lows=np.asarray([reach.low for reach in reaches], dtype=np.int64),
            highs=np.asarray([reach.high for reach in reaches], dtype=np.int64),
            since=np.asarray([-np.inf if reach.since is None else reach.since for reach in reaches]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts into which spans cut the days that have rows.

    Args:
        days: In order.
        part: The part of each, from 0.
    """

    days: Whole
    part: Whole

    @classmethod
    def of(cls, stretches: Iterable[Stretch], rolled: Sequence[int], *, apart: bool) -> "Parts":
        """The parts of the days that any of the spans covers; with `apart`, each day is one."""
        every = list(stretches)
        low, high = min(one.lows.min() for one in every), max(one.highs.max() for one in every)
        known = np.asarray(rolled, dtype=np.int64)
        days = known[(known >= low) & (known <= high)]
        edges = [days] if apart else [edge for one in every for edge in (one.lows, one.highs + 1)]
        cuts = np.unique(np.concatenate(edges))
        _, part = np.unique(np.searchsorted(cuts, days, side="right"), return_inverse=True)
        return cls(days=days, part=part.astype(np.int64))

    @property
    def number(self) -> int:
        """How many there are."""
        return int(self.part[-1]) + 1 if len(self.days) else 0

    def bounds(self, stretch: Stretch) -> tuple[Whole, Whole]:
        """The first part of a span at each instant, and the one after its last; equal where it covers none."""
        edges = np.append(self.part, self.number)
        begins = edges[np.searchsorted(self.days, stretch.lows)]
        after = np.searchsorted(self.days, stretch.highs, side="right")
        ends = np.where(after > 0, self.part[np.maximum(after, 1) - 1] + 1, 0)
        return np.minimum(begins, ends), ends


def added(parts: Whole, begins: Whole, ends: Whole) -> Whole:
    """The sum of the parts [begin, end) of each instant; `parts` has a row a part, the result a row an instant."""
    running = np.zeros((len(parts) + 1, *parts.shape[1:]), dtype=np.int64)
    np.cumsum(parts, axis=0, out=running[1:])
    found: Whole = running[ends]
    found -= running[begins]
    return found


def united(parts: npt.NDArray[Any], begins: Whole, ends: Whole, unite: Unite, nothing: float) -> npt.NDArray[Any]:
    """As `added`, of what does not change when it is counted twice: stretches of 1, 2, 4, ... parts, two a window."""
    found = np.full((len(begins), *parts.shape[1:]), nothing, dtype=parts.dtype)
    sizes, width, stretches = ends - begins, 1, parts
    while width <= sizes.max():
        fitting = np.flatnonzero((sizes >= width) & (sizes < 2 * width))
        found[fitting] = unite(stretches[begins[fitting]], stretches[ends[fitting] - width])
        stretches = unite(stretches[:-width], stretches[width:])
        width *= 2
    return found


def latest(parts: Floats, ends: Whole, since: Floats) -> Floats:
    """The latest row of each window: that of the newest part before its end, unless it lies before the window.

    Args:
        parts: Microseconds, NaN where there are no rows; of each key they never fall from part to part.
        ends: The part after the last, of each instant.
        since: Microseconds of each window's beginning.
    """
    # A row before all others for windows that end before the first part.
    upto = np.concatenate([np.full((1, *parts.shape[1:]), np.nan), parts])
    np.fmax.accumulate(upto, axis=0, out=upto)
    found: Floats = upto[ends]
    found[found < since[:, None]] = np.nan
    return found


@dataclass(frozen=True, slots=True)
class Placed:
    """Rows by key and part, in their places.

    Args:
        frame: `key`, `part` and numbers.
        shape: How many parts there are, and how many keys.
        rows: Which rows are wanted.
        places: Where each of these belongs.
    """

    frame: pd.DataFrame
    shape: tuple[int, int]
    rows: Any
    places: Whole

    @classmethod
    def of(cls, frame: pd.DataFrame, at: Whole, grid: Grid, number: int) -> "Placed":
        """Place each row at a part; rows of keys that are not wanted are left out."""
        codes, names = pd.factorize(frame["key"].astype("str"))
        key = np.asarray(grid.keys.get_indexer(pd.Index(names, dtype="str")), dtype=np.int64)[codes]
        known = key >= 0
        rows: Any = slice(None) if known.all() else known
        return cls(frame, (number, len(grid.keys)), rows, at[rows] * len(grid.keys) + key[rows])

    def whole(self, name: str) -> Whole:
        """Whole numbers, 0 where there is no row."""
        found = np.zeros(self.shape, dtype=np.int64)
        found.reshape(-1)[self.places] = self.numbers(name)
        return found

    def instants(self, name: str) -> Floats:
        """Microseconds, NaN where there are none."""
        found = np.full(self.shape, np.nan)
        found.reshape(-1)[self.places] = self.frame[name].to_numpy(dtype=float, na_value=np.nan)[self.rows]
        return found

    def numbers(self, name: str) -> Whole:
        """Whole numbers, row by row."""
        return np.asarray(self.frame[name].to_numpy(dtype=np.int64)[self.rows])
