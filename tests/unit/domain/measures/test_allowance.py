from typing import Any

import numpy as np
import pandas as pd
import pytest

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures.allowance import Allowance
from pql.domain.measures.base import Missing
from pql.domain.partials import Aggregate, AllowanceInput, Partial, PartialInput, complete, period
from tests.unit.domain.measures.frames import merged, missing, values

CALLS = Where.parse({"event": "api_call"})
RATIO = Allowance(meter="api_calls")
COUNTED = Allowance(meter="api_calls", counted=CALLS)
UNTIL_FULL = Allowance(meter="api_calls", gives="days_until_full", counted=CALLS)


def told(allowed: list[Any], used: list[Any], periods: list[Any] | None = None, **counted: Any) -> pd.DataFrame:
    return merged(
        allowance__allowed=np.array(allowed, dtype=float),
        allowance__used=np.array(used, dtype=float),
        allowance__period=periods or ["month"] * len(allowed),
        **counted,
    )


def test_the_ratio_is_what_is_used_by_what_is_allowed() -> None:
    assert values(RATIO.finish(told([100, 100], [85, 120]))) == [0.85, 1.2]


def test_without_an_allowance_or_a_use_there_is_no_ratio() -> None:
    found = RATIO.finish(told([None, 0, -5, 100], [5, 5, 5, None]))
    assert missing(found) == [Missing.NO_ALLOWANCE] * 4


USED = {"used_day": [1], "used_week": [2], "used_month": [3], "used_total": [4]}


@pytest.mark.parametrize(("name", "ratio"), [("day", 0.1), ("week", 0.2), ("month", 0.3), ("total", 0.4), (None, None)])
def test_where_the_use_is_not_told_it_is_counted_in_the_period(name: str | None, ratio: float | None) -> None:
    assert values(COUNTED.finish(told([10], [None], [name], **USED))) == [ratio]


def test_a_use_that_is_told_goes_before_a_count() -> None:
    assert values(COUNTED.finish(told([10], [9], **USED))) == [0.9]


def days(allowed: float, used: float, recent: float) -> Any:
    return values(UNTIL_FULL.finish(told([allowed], [used], recent=[recent], **USED)))[0]


def test_the_days_until_full_follow_from_the_pace_of_complete_days() -> None:
    assert days(100, 30, recent=70) == 7
    assert days(100, 100, recent=70) == 0
    assert days(100, 130, recent=0) == 0


def test_without_growth_it_never_fills_up() -> None:
    assert days(100, 30, recent=0) == 3650
    assert days(1e9, 0, recent=1) == 3650


def test_without_events_there_is_no_pace() -> None:
    silent = Allowance(meter="api_calls", gives="days_until_full")
    found = silent.finish(told([10, 10, None], [5, 10, 5]))
    assert values(found) == [None, 0, None]
    assert missing(found) == [Missing.NO_BASE, Missing.NONE, Missing.NO_ALLOWANCE]


def test_it_asks_for_every_period_and_the_pace() -> None:
    assert RATIO.inputs() == {"allowance": AllowanceInput(meter="api_calls")}
    rows = Partial(aggregate=Aggregate.COUNT, where=CALLS)
    assert COUNTED.inputs()["used_week"] == PartialInput(partial=rows, span=period("week"))
    assert COUNTED.inputs()["recent"] == PartialInput(partial=rows, span=complete(7))
    assert COUNTED.evidence == (rows, complete(7))
    assert RATIO.evidence is None


def test_a_column_can_be_added_up_instead_of_counting() -> None:
    seats = Allowance(meter="gb", counted=CALLS, of="quantity")
    assert seats.evidence == (Partial(aggregate=Aggregate.SUM, where=CALLS, of="quantity"), complete(7))


def test_a_pace_that_is_not_whole_days_is_refused() -> None:
    with pytest.raises(ValueError, match="must be a whole number of days"):
        Allowance(meter="x", pace=Duration(3600))


def test_it_is_said_with_its_meter() -> None:
    assert RATIO.words(0.854) == "85% of the api calls allowance used"
    assert UNTIL_FULL.words(3650.0) == "api calls allowance not filling up"
    assert UNTIL_FULL.words(6.96) == "api calls allowance full in 7 days at this pace"
    assert (RATIO.amount(1.2), UNTIL_FULL.amount(3650), UNTIL_FULL.amount(1)) == ("120%", "not filling up", "1 day")
    assert RATIO.bounds == (0.0, float("inf"))
