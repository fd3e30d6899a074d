"""Merged frames for the tests of measure kinds: one instant, one row a lead."""

from typing import Any

import numpy as np
import pandas as pd

from pql.domain.calendar import DAY_MICROS
from pql.domain.measures import Missing

DAY = 20_514  # 2026-03-02
NOW = DAY * DAY_MICROS + 9 * 3_600_000_000  # nine o'clock


def merged(*, created: Any = 0.0, instant: int = NOW, **inputs: Any) -> pd.DataFrame:
    """A frame as `Plan` hands it to `finish`; `created` is how many days ago (NaN unknown), `a__b` becomes `a.b`."""
    rows = max([1, *(len(given) for given in (created, *inputs.values()) if isinstance(given, list))])
    index = pd.MultiIndex.from_product([[instant], [f"a{n}" for n in range(rows)]], names=["as_of", "key"])
    ago = np.broadcast_to(np.array(created, dtype=float), rows)
    frame = pd.DataFrame(
        {
            "created_at": NOW - ago * DAY_MICROS,
            "created_day": np.floor((NOW - ago * DAY_MICROS) / DAY_MICROS),
            "as_of_day": DAY,
            "today": DAY,
        },
        index=index,
    )
    return frame.assign(**{name.replace("__", "."): given for name, given in inputs.items()})


def values(finished: pd.DataFrame) -> list[Any]:
    """The values, None where missing."""
    assert finished.columns.tolist() == ["value", "missing", "latest_at"]
    assert finished["missing"].dtype == np.int8
    assert (finished["value"].isna() == (finished["missing"] != Missing.NONE)).all()
    return [None if pd.isna(value) else value for value in finished["value"]]


def missing(finished: pd.DataFrame) -> list[Missing]:
    """Why each value is missing."""
    return [Missing(code) for code in finished["missing"]]
