"""Days of use a week, at the slower of two paces."""

import pandas as pd


def habit(measures: pd.DataFrame) -> "pd.Series[float]":
    """The smaller of this week's days with use and a quarter of the month's; without any, no value."""
    pace = measures["week"].clip(upper=measures["month"] / 4)
    return pace.where(measures["month"] > 0)
