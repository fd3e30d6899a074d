"""Filters in SQL mean what they mean in Python, whatever the values."""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pql.domain.conditions import Condition
from pql.errors import SourceMismatch
from pql.warehouse.engines import Column, Kind
from pql.warehouse.filters import condition_sql
from pql.warehouse.source import Source
from tests.integration.warehouse.conftest import Database

# No letters whose lower case and folded case differ (docs/connect.md names them).
LETTERS = "aAbZéÉÜ 0127.-+eE,日_%'\\\t\u00a0"
TEXTS = st.one_of(
    st.text(LETTERS, max_size=5), st.sampled_from(["3", "3.0", "007", "NA", "true", " 7 ", "1e3", "-0.5"])
)
NUMBERS = st.one_of(
    st.integers(-5, 200),
    st.floats(-5, 5),
    st.sampled_from([3, 3.0, 0.1, 1e15, -0.0, 2.5]),
    st.integers(-(2**40), 2**40),
)
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans())
BOUNDS = st.one_of(st.none(), st.sampled_from([-1.0, 0.0, 2.5, 3.0, 7.0, 1000.0]))


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    lists = st.one_of(st.none(), st.lists(SCALARS, min_size=1, max_size=3).map(tuple))
    return Condition(
        equals=draw(st.one_of(st.none(), SCALARS)),
        not_equals=draw(st.one_of(st.none(), st.none(), SCALARS)),
        among=draw(lists),
        not_among=draw(lists),
        at_least=draw(BOUNDS),
        at_most=draw(st.one_of(st.none(), BOUNDS)),
        above=draw(st.one_of(st.none(), BOUNDS)),
        below=draw(st.one_of(st.none(), st.none(), BOUNDS)),
        between=draw(st.one_of(st.none(), st.none(), st.just((0.0, 7.0)))),
        exists=draw(st.sampled_from([None, None, True, False])),
    )


# Mostly one operator: several at once nearly always let nothing pass.
CONDITIONS = st.one_of(
    st.builds(Condition, equals=SCALARS),
    st.builds(Condition, not_equals=SCALARS),
    st.builds(Condition, among=st.lists(SCALARS, min_size=1, max_size=3).map(tuple)),
    st.builds(Condition, not_among=st.lists(SCALARS, min_size=1, max_size=3).map(tuple)),
    st.builds(Condition, at_least=BOUNDS, below=BOUNDS),
    st.builds(Condition, exists=st.booleans()),
    conditions(),
)
VALUES: dict[str, tuple[st.SearchStrategy[Any], str, Kind]] = {
    "text": (st.one_of(st.none(), TEXTS), "text", Kind.TEXT),
    "whole": (st.one_of(st.none(), st.integers(-(2**40), 2**40), st.integers(0, 8)), "bigint", Kind.WHOLE),
    "number": (
        st.one_of(st.none(), st.floats(-5, 5), st.sampled_from([3.0, math.nan, math.inf, -math.inf, 0.1])),
        "double precision",
        Kind.NUMBER,
    ),
    "truth": (st.one_of(st.none(), st.booleans()), "boolean", Kind.TRUTH),
}


@pytest.fixture
def source(database: Database) -> Iterator[Source]:
    made = Source(database.project().usage)
    yield made
    made.close()


@pytest.fixture
def filled(database: Database) -> None:
    database.write(columns={"filled": ["x"]}, filled=[{"x": "1"}])


@pytest.mark.parametrize("kind", list(VALUES))
@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_filter_means_in_sql_what_it_means_in_python(
    filled: None, source: Source, kind: str, data: st.DataObject
) -> None:
    strategy, sql_type, column_kind = VALUES[kind]
    if source.engine.name == "sqlite":
        if kind == "truth":
            pytest.skip("SQLite has no truths; 1 and 0 are numbers there")
        column_kind = Kind.ANY
    values = data.draw(st.lists(strategy, min_size=1, max_size=8))
    given_conditions = data.draw(st.lists(CONDITIONS, min_size=1, max_size=6))
    rows = _rows(source, values, sql_type)
    column = Column(rows.c.x, column_kind)
    met = [
        condition_sql(source.engine, condition, column).label(f"c{n}") for n, condition in enumerate(given_conditions)
    ]
    frame = source.fetch(sa.select(rows.c.n, *met), "the test").sort_values("n")
    series = pd.Series(values, dtype=object if kind != "number" else "float64")
    for number, condition in enumerate(given_conditions):
        found = frame[f"c{number}"].eq(other=True).tolist()
        assert found == condition.holds(series).tolist(), f"{condition} on {values}"


def _rows(source: Source, values: list[Any], sql_type: str) -> Any:
    """The values as a subquery."""
    kind = {"text": sa.Text, "bigint": sa.BigInteger, "double precision": sa.Double, "boolean": sa.Boolean}[sql_type]
    selects: list[Any] = [
        sa.select(sa.literal(number).label("n"), sa.cast(sa.literal(value, kind), kind).label("x"))
        if source.engine.name != "sqlite"
        else sa.select(sa.literal(number).label("n"), sa.literal(value, kind).label("x"))
        for number, value in enumerate(values)
    ]
    return sa.union_all(*selects).subquery("filled_rows")


def test_an_infinite_number_meets_no_bound(filled: None, source: Source) -> None:
    rows = _rows(source, [math.inf, -math.inf, 3.0], "double precision")
    kind = Kind.ANY if source.engine.name == "sqlite" else Kind.NUMBER
    met = condition_sql(source.engine, Condition(at_most=5.0), Column(rows.c.x, kind)).label("met")
    found = source.fetch(sa.select(rows.c.n, met).order_by("n"), "the test")["met"]
    assert found.eq(other=True).tolist() == [False, False, True]


@pytest.mark.parametrize("condition", [Condition(words=("VP",)), Condition(matches="^a")])
def test_whole_words_and_patterns_are_refused_on_rows(source: Source, condition: Condition) -> None:
    with pytest.raises(SourceMismatch, match="words or matches"):
        condition_sql(source.engine, condition, Column(sa.column("x"), Kind.TEXT), "x")


def test_a_time_can_only_be_asked_whether_it_is_known(source: Source) -> None:
    column = Column(sa.column("x"), Kind.INSTANT)
    with pytest.raises(SourceMismatch, match="compares a time"):
        condition_sql(source.engine, Condition(above=3.0), column, "x")
    condition_sql(source.engine, Condition(exists=True), column, "x")
