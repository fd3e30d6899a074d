"""Looks of the watch, whenever they happen and in whatever order rows arrive, against one look over all rows."""

import os

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.patterns import Pattern
from pql.domain.patterns.first import First
from pql.domain.patterns.returned import Returned
from pql.domain.patterns.sequence import Sequence
from pql.domain.patterns.silence import Silence
from pql.domain.patterns.stuck import Stuck
from pql.domain.patterns.times import Times
from pql.domain.patterns.without import Without
from tests.unit.jobs.frames import framed, looked, whole

HOUR = Duration(3600)
END = 400
EXAMPLES = int(os.environ.get("PQL_EXAMPLES", "2"))
A, B = Where.parse({"event": "a"}), Where.parse({"event": "b"})
PATTERNS = [
    Times(event="a", at_least=2, within=HOUR),
    Times(event="a", at_least=2, within=HOUR, per="user", distinct="event"),
    First(event="a"),
    First(event="a", per="user"),
    Stuck(failure=A, success=B, at_least=2, within=HOUR),
    Sequence(steps=(A, B), within=HOUR),
    Without(after=A, without=B, within=HOUR),
    Without(after=A, without=B, within=HOUR, per="user"),
    Silence(quiet_for=HOUR, before=HOUR),
    Silence(event="a", quiet_for=HOUR, at_least=2, before=HOUR, per="user"),
    Returned(away_for=HOUR, at_most=Duration(7200)),
    Returned(event="a", away_for=HOUR, at_most=Duration(7200), per="user"),
]
NAMES = [f"{number}-{pattern.kind}" for number, pattern in enumerate(PATTERNS)]
EACH = pytest.mark.parametrize("pattern", PATTERNS, ids=NAMES)
ROW = st.tuples(st.sampled_from(["l1", "l2"]), st.sampled_from(["u", "v"]), st.integers(0, 250), st.sampled_from("aab"))
ROWS = st.lists(ROW, min_size=1, max_size=14)
TICKS = st.lists(st.integers(1, 390), max_size=5)


@EACH
@settings(deadline=None, max_examples=EXAMPLES)
@given(rows=ROWS, ticks=TICKS, crash=st.sets(st.integers(0, 6), max_size=3))
def test_looks_find_what_one_look_over_all_rows_finds(
    pattern: Pattern, rows: list[tuple[str, str, int, str]], ticks: list[int], crash: set[int]
) -> None:
    """Whenever the looks are, and whichever of them end before they have written anything."""
    frame = framed(rows)
    ends = {sorted(ticks)[number] for number in crash if number < len(ticks)}
    memory = looked(pattern, frame, [*ticks, END], crash=ends)
    found = {(lead_id, key) for _, lead_id, key in memory.keys}
    expected = whole(pattern, frame, END)
    # A success after the fact makes one who was stuck unstuck; whoever looked before has seen it.
    assert found >= expected if isinstance(pattern, Stuck) else found == expected
    assert len(memory.told) == len(set(memory.told))


@EACH
@settings(deadline=None, max_examples=EXAMPLES)
@given(
    rows=st.lists(st.tuples(ROW, st.integers(0, 120)), min_size=1, max_size=12),
    ticks=TICKS,
    again=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 390)), max_size=4),
)
def test_rows_that_arrive_late_or_twice_lose_nothing_and_are_told_once(
    pattern: Pattern,
    rows: list[tuple[tuple[str, str, int, str], int]],
    ticks: list[int],
    again: list[tuple[int, int]],
) -> None:
    """Looks at fresh rows alone remember what looks at every row that has arrived would find."""
    arrived = [row[2] + late for row, late in rows]
    frame = framed([row for row, _ in rows], arrived)
    copies = [(number, max(at, arrived[number])) for number, at in again if number < len(rows)]
    replayed = framed([rows[number][0] for number, _ in copies], [at for _, at in copies])
    replayed = replayed.assign(id=[number for number, _ in copies])
    looks = sorted({*ticks, END})
    memory = looked(pattern, pd.concat([frame, replayed], ignore_index=True) if copies else frame, looks)
    seen = set().union(*(whole(pattern, frame, tick) for tick in looks))
    assert {(lead_id, key) for _, lead_id, key in memory.keys} == seen
    assert len(memory.told) == len(set(memory.told))
