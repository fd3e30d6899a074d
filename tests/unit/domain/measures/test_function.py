import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pql.domain.durations import Duration
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.base import Missing
from pql.domain.measures.function import Formula, Function
from pql.domain.measures.recency import Recency
from tests.unit.domain.measures.frames import NOW, merged, missing, values

USES = {"week": ActiveDays(window=Duration.of_days(7)), "month": ActiveDays(window=Duration.of_days(28))}
INPUTS: dict[str, Any] = {"week__days": [3, 1], "week__last": 1.0, "month__days": [12, 0], "month__last": 1.0}


def stickiness(frame: pd.DataFrame) -> "pd.Series[float]":
    return frame["week"] / frame["month"]


def function(formula: Formula | None = stickiness) -> Function:
    return Function(call="stickiness.py:stickiness", uses=USES, formula=formula, unit="points")


def test_the_function_gets_the_measures_by_name() -> None:
    assert set(function().inputs()) == {"week.days", "week.last", "month.days", "month.last"}
    assert values(function().finish(merged(**INPUTS)))[0] == 0.25


def test_what_is_not_finite_or_not_known_is_missing() -> None:
    found = function().finish(merged(**INPUTS))
    assert missing(found)[1] is Missing.NOT_A_NUMBER
    unknown = function(lambda frame: frame["week"] * np.nan).finish(merged(**INPUTS))
    assert missing(unknown) == [Missing.NO_BASE] * 2


def test_a_measure_inside_it_sees_the_instant() -> None:
    quiet = Function(
        call="q.py:q", uses={"quiet": Recency(window=Duration.of_days(7))}, formula=lambda f: f["quiet"] * 2
    )
    assert values(quiet.finish(merged(quiet__last=[NOW - 43_200_000_000]))) == [1]


def test_no_leads_give_no_values() -> None:
    assert values(function().finish(merged(**INPUTS).iloc[:0])) == []


def test_a_function_that_was_not_loaded_says_so() -> None:
    with pytest.raises(ValueError, match=r"'stickiness.py:stickiness' was not loaded"):
        function(None).finish(merged(**INPUTS))


def test_a_function_must_keep_the_index() -> None:
    with pytest.raises(ValueError, match="must return a Series with the index of the frame"):
        function(lambda frame: frame["week"].reset_index(drop=True)).finish(merged(**INPUTS))


def test_it_is_said_with_its_unit_and_has_no_bounds() -> None:
    assert function().words(0.25) == "0.25 points"
    assert function().bounds == (-math.inf, math.inf)


def test_the_loaded_function_is_no_part_of_the_definition() -> None:
    assert function() == function(None)
