"""From verdicts and fit to a score, a grade and a tier."""

import numpy as np
import pandas as pd

from pql.domain.evaluation import Verdicts
from pql.domain.rules import BANDS, FIT_GRADES, Scoring

# Sums of floats differ in the last bits; a score of 70 must be 70.
_DECIMALS = 6


def score(scoring: Scoring, verdicts: Verdicts, fit: pd.DataFrame, eligibility: pd.DataFrame) -> pd.DataFrame:
    """The scores of all leads.

    Args:
        scoring: The bands and the matrix.
        verdicts: With `counted`.
        fit: Index `lead_id`, `fit_grade`.
        eligibility: Index `lead_id`, `eligible` and `ineligible_why`.

    Returns:
        Index `lead_id`: `eligible`, `ineligible_why`, `behaviour` (0..total_cap), `band` (1..4), `fit_grade`,
        `grade` ("A1") and `tier`. A lead that is not eligible has them all too, and is marked so.
    """
    index = fit.index
    # Column by column: the order of adding, and so the last bits, never depend on how the frame lies in memory.
    total = sum((verdicts.counted[name].to_numpy() for name in verdicts.counted), np.zeros(len(index)))
    behaviour = np.clip(np.round(total, _DECIMALS), 0.0, scoring.total_cap)
    band = band_of(scoring, behaviour)
    row = pd.Categorical(fit["fit_grade"], categories=list(FIT_GRADES)).codes
    cell = row * len(BANDS) + band - 1
    grades = np.array([f"{grade}{number}" for grade in FIT_GRADES for number in BANDS], dtype=object)
    tiers = np.array([scoring.matrix[grade][number - 1] for grade in FIT_GRADES for number in BANDS], dtype=object)
    return pd.DataFrame(
        {
            "eligible": eligibility["eligible"].to_numpy(),
            "ineligible_why": eligibility["ineligible_why"].array,
            "behaviour": behaviour,
            "band": band,
            "fit_grade": fit["fit_grade"].array,
            "grade": pd.array(grades[cell], dtype="str"),
            "tier": pd.array(tiers[cell], dtype="str"),
        },
        index=index,
    )


def band_of(
    scoring: Scoring, behaviour: "np.ndarray[tuple[int], np.dtype[np.float64]]"
) -> "np.ndarray[tuple[int], np.dtype[np.int8]]":
    """The behaviour band: the best of 1, 2 and 3 whose least score is reached, else 4."""
    reached = [behaviour >= scoring.bands[band] for band in BANDS[:-1]]
    return np.select(reached, list(BANDS[:-1]), BANDS[-1]).astype(np.int8)
