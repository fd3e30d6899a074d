import numpy as np
import pandas as pd
import pytest

from pql.domain.evaluation import Verdicts
from pql.domain.scoring import score
from tests.unit.domain.samples import SCORING, lead_ids


def scores(totals: list[list[float]], grades: list[str], *, eligible: list[bool] | None = None) -> pd.DataFrame:
    index = lead_ids(len(grades))
    counted = pd.DataFrame(totals, index=index, columns=[f"s{n}" for n in range(len(totals[0]))])
    none = pd.DataFrame(index=index)
    verdicts = Verdicts(
        values=none,
        missing=none,
        gated=none,
        outcomes=none,
        strengths=none,
        latest_at=none,
        decays=none,
        points=none,
        counted=counted,
    )
    allowed = [True] * len(grades) if eligible is None else eligible
    eligibility = pd.DataFrame(
        {"eligible": allowed, "ineligible_why": ["" if ok else "Staff" for ok in allowed]}, index=index
    )
    return score(SCORING, verdicts, pd.DataFrame({"fit_grade": grades}, index=index), eligibility)


def test_the_behaviour_score_is_what_counts_but_never_below_0() -> None:
    found = scores([[30, 20], [10, -30], [600, 600]], ["A", "A", "A"])
    assert found["behaviour"].tolist() == [50, 0, 1000]


@pytest.mark.parametrize(("points", "band"), [(70, 1), (69.9, 2), (45, 2), (44.9, 3), (20, 3), (19.9, 4), (0, 4)])
def test_bands_begin_at_their_least_score(points: float, band: int) -> None:
    assert scores([[points]], ["A"])["band"].tolist() == [band]


def test_a_score_of_several_parts_still_reaches_its_band() -> None:
    parts = [34.3, 29.9, 5.8]
    assert sum(parts) < 70
    assert scores([parts], ["A"])["band"].tolist() == [1]


def test_grade_and_tier_follow_from_fit_and_band() -> None:
    found = scores([[80], [50], [30], [0], [99]], ["A", "B", "C", "D", "?"])
    assert found["grade"].tolist() == ["A1", "B2", "C3", "D4", "?1"]
    assert found["tier"].tolist() == ["hot", "warm", "none", "none", "warm"]


def test_a_lead_that_is_not_eligible_is_scored_and_marked() -> None:
    found = scores([[80]], ["A"], eligible=[False])
    assert found[["eligible", "ineligible_why", "tier"]].values.tolist() == [[False, "Staff", "hot"]]


def test_without_signals_everybody_is_in_the_last_band() -> None:
    found = scores(np.zeros((2, 0)).tolist(), ["A", "B"])
    assert found["behaviour"].tolist() == [0, 0]
    assert found["grade"].tolist() == ["A4", "B4"]
