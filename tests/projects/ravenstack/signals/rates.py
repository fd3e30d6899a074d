"""Rates of two sums."""

import pandas as pd


def per_hundred(measures: pd.DataFrame) -> "pd.Series[float]":
    """Part of a hundred of the whole; without a whole, no value."""
    whole = measures["whole"]
    return 100 * measures["part"] / whole.where(whole > 0)
