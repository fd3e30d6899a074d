"""The share of a month's active days that fell into its last week."""

import pandas as pd

LIMIT = 1 / 0


def stickiness(measures: pd.DataFrame) -> pd.Series:
    """Active days of the week by those of the month."""
    return measures["week"] / measures["month"]
