"""Windows read off totals of parts are what adding up their days gives."""

from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.warehouse.measuring import Grid
from pql.warehouse.rollup.parts import Parts, Placed, Stretch, added, latest, united


@st.composite
def stretches(draw: st.DrawFn) -> Stretch:
    """Windows of any lengths, none of which begins or ends before the one of the instant before."""
    number = draw(st.integers(1, 8))
    lows, highs = (sorted(draw(st.lists(st.integers(0, 30), min_size=number, max_size=number))) for _ in range(2))
    ends = [max(low, high) for low, high in zip(lows, highs, strict=True)]
    # A day lasts ten microseconds.
    return Stretch(lows=np.array(lows), highs=np.array(ends), since=np.array([low * 10.0 for low in lows]))


@st.composite
def days(draw: st.DrawFn) -> list[int]:
    """The days that have rows."""
    return sorted(draw(st.sets(st.integers(-3, 34), max_size=20)))


@settings(max_examples=50, deadline=None)
@given(spans=st.lists(stretches(), min_size=1, max_size=3), rolled=days(), apart=st.booleans(), data=st.data())
def test_windows_of_parts_are_windows_of_days(
    spans: list[Stretch], rolled: list[int], *, apart: bool, data: st.DataObject
) -> None:
    parts = Parts.of(spans, rolled, apart=apart)
    if not parts.number:
        assert all(not inside(one, rolled).any() for one in spans)
        return
    numbers = np.array([data.draw(st.integers(0, 2**40)) for _ in parts.days])
    instants = np.array([data.draw(st.just(np.nan) | st.integers(0, 9).map(float)) for _ in parts.days])
    instants = parts.days * 10 + instants
    for one in spans:
        seen, within = inside(one, [int(day) for day in parts.days]), parts.bounds(one)
        assert added(merged(numbers, parts, np.add, 0), *within)[:, 0].tolist() == (seen @ numbers).tolist()
        bits = united(merged(numbers, parts, np.bitwise_or, 0), *within, np.bitwise_or, 0)
        assert bits[:, 0].tolist() == [int(np.bitwise_or.reduce(numbers[row])) for row in seen]
        newest = merged(instants, parts, np.fmax, np.nan)
        expected = [np.fmax.reduce(instants[row], initial=np.nan) for row in seen]
        np.testing.assert_array_equal(latest(newest, within[1], one.since)[:, 0], expected)
        first = united(merged(instants, parts, np.fmin, np.nan), *within, np.fmin, np.nan)
        np.testing.assert_array_equal(first[:, 0], [np.fmin.reduce(instants[row], initial=np.nan) for row in seen])


def inside(stretch: Stretch, numbered: list[int]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    """Which days (columns) lie in the window of each instant (rows)."""
    every = np.array(numbered, dtype=np.int64)
    found: np.ndarray[tuple[int, int], np.dtype[np.bool_]] = (every >= stretch.lows[:, None]) & (
        every <= stretch.highs[:, None]
    )
    return found


def merged(values: "np.ndarray[Any, Any]", parts: Parts, by: np.ufunc, nothing: float) -> Any:
    """What days come to by part, for one key."""
    found = np.full((parts.number, 1), nothing, dtype=values.dtype)
    for value, part in zip(values, parts.part, strict=True):
        found[part, 0] = by(found[part, 0], value)
    return found


def test_daily_windows_make_a_part_of_each_day_and_rare_ones_few() -> None:
    daily = Stretch(lows=np.arange(20), highs=np.arange(6, 26), since=np.zeros(20))
    assert Parts.of([daily], range(40), apart=False).number == 26
    rare = Stretch(lows=np.array([0, 100]), highs=np.array([60, 160]), since=np.array([0.0, 1000.0]))
    assert Parts.of([rare], range(400), apart=False).number == 3


def test_rows_of_keys_that_are_not_wanted_have_no_place() -> None:
    frame = pd.DataFrame({"key": ["b", "", "a"], "n": [1, 2, 3], "at": [1.5, 2.5, None]})
    placed = Placed.of(frame, np.array([0, 0, 1]), Grid([0], pd.Index(["a", "b"])), 2)
    assert placed.whole("n").tolist() == [[0, 1], [3, 0]]
    np.testing.assert_array_equal(placed.instants("at"), [[np.nan, 1.5], [np.nan, np.nan]])
    empty = Placed.of(frame[:0], np.array([], dtype=np.int64), Grid([0], pd.Index(["a", "b"])), 1)
    assert empty.whole("n").tolist() == [[0, 0]]
