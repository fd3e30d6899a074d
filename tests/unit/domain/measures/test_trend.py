import math

import numpy as np
import pytest

from pql.domain.durations import Duration
from pql.domain.measures.base import Missing
from pql.domain.measures.trend import Trend
from pql.domain.partials import Aggregate, Partial, PartialInput, complete
from tests.unit.domain.measures.frames import merged, missing, values

WEEK = Duration.of_days(7)
TREND = Trend(window=WEEK)
MONTH_BEFORE = Trend(window=WEEK, against=Duration.of_days(28))


def test_it_compares_complete_days_with_those_before() -> None:
    partial = Partial(aggregate=Aggregate.COUNT)
    assert TREND.inputs()["recent"] == PartialInput(partial=partial, span=complete(7))
    assert MONTH_BEFORE.inputs()["before"] == PartialInput(partial=partial, span=complete(28, skip=7))
    assert TREND.evidence == (partial, complete(7))


def test_rates_are_compared_and_not_totals() -> None:
    assert values(TREND.finish(merged(created=99, recent=[14, 0], before=[7, 7], last=1.0))) == [2, 0]
    assert values(MONTH_BEFORE.finish(merged(created=99, recent=[14], before=[28], last=1.0))) == [2]


def test_nothing_before_is_no_base() -> None:
    found = TREND.finish(merged(created=99, recent=[5, 5], before=[0, -3], last=1.0))
    assert missing(found) == [Missing.NO_BASE] * 2


@pytest.mark.parametrize(("days", "young"), [(13, True), (14, False), (15, False), (np.nan, False)])
def test_a_lead_younger_than_both_spans_is_too_young(days: float, young: bool) -> None:
    found = TREND.finish(merged(created=days, recent=[5], before=[5], last=1.0))
    assert missing(found) == [Missing.TOO_YOUNG if young else Missing.NONE]


@pytest.mark.parametrize(
    ("measures", "aggregate"),
    [("sum", Aggregate.SUM), ("active_time", Aggregate.ACTIVE), ("active_days", Aggregate.DAYS)],
)
def test_other_things_than_rows_can_be_compared(measures: str, aggregate: Aggregate) -> None:
    trend = Trend(window=WEEK, measures=measures, of="credits")  # type: ignore[arg-type]
    partial = trend.evidence[0]
    assert partial.aggregate is aggregate
    assert partial.of == ("credits" if measures == "sum" else None)


def test_a_trend_of_a_sum_needs_its_column() -> None:
    with pytest.raises(ValueError, match="needs 'of', the column to add up"):
        Trend(window=WEEK, measures="sum")


def test_only_a_sum_can_be_negative() -> None:
    assert TREND.bounds == (0.0, math.inf)
    assert Trend(window=WEEK, measures="sum", of="x").bounds == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (1.0, "as much in the last 7 days as in the 7 days before"),
        (1.04, "as much in the last 7 days as in the 7 days before"),
        (1.3, "30% more a day in the last 7 days than in the 7 days before"),
        (0.25, "75% less a day in the last 7 days than in the 7 days before"),
        (2.04, "2.0 times as much a day in the last 7 days as in the 7 days before"),
    ],
)
def test_it_is_said_as_a_change(ratio: float, words: str) -> None:
    assert TREND.words(ratio) == words


def test_a_norm_is_said_as_a_factor() -> None:
    assert TREND.amount(1.26) == "1.3 times"
    assert MONTH_BEFORE.words(1.0) == "as much in the last 7 days as in the 28 days before"
