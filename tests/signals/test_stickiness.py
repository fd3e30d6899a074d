"""The formula in signals/stickiness.py."""

import runpy
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

_FILE = Path(__file__).parents[2] / "signals" / "stickiness.py"
stickiness: Callable[[pd.DataFrame], "pd.Series[float]"] = runpy.run_path(str(_FILE))["stickiness"]


@pytest.mark.parametrize(
    ("week", "month", "expected"),
    [
        pytest.param(5, 20, 5, id="every working day of a month"),
        pytest.param(5, 8, 2, id="a busy week after idle ones"),
        pytest.param(1, 16, 1, id="a busy month that has ended"),
        pytest.param(0, 0, 0, id="never used"),
        pytest.param(7, 28, 7, id="every day"),
    ],
)
def test_the_slower_of_two_paces_counts(week: float, month: float, expected: float) -> None:
    measures = pd.DataFrame({"week": [week], "month": [month]}, index=["a"], dtype=float)
    assert stickiness(measures).to_dict() == {"a": expected}
