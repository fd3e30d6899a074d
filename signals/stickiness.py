"""Stickiness: how many days a week the product is used, at the slower of two paces."""

import pandas as pd


def stickiness(measures: pd.DataFrame) -> pd.Series:
    """The smaller of the days used in the last 7 and a quarter of the days used in the last 28.

    A busy week after three idle ones is 28 / 4 = 1.75 at most, and so is a busy month that has just ended: only what
    lasted and still goes on counts.

    Args:
        measures: One row a lead; `week` and `month`, days with use (0..7 and 0..28).

    Returns:
        Days a week, 0..7; the same index.
    """
    return measures["week"].clip(upper=measures["month"] / 4)
