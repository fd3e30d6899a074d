"""The share of a month's active days that fell into its last week."""

import pandas as pd


def stickiness(measures: pd.DataFrame) -> pd.Series:
    """Active days of the week by those of the month."""
    return measures
