"""The frames of an evaluation, asked lead by lead."""

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import pytest

from pql.domain.evaluation import Evaluation, Verdicts

LEADS = pd.DataFrame(
    {"name": ["Acme", "Bolt", None], "seats": [3.0, 4.0, float("nan")], "open_deal": [True, False, False]},
    index=pd.Index(["a", "b", "c"], name="lead_id"),
)


def evaluation() -> Evaluation:
    """Three leads and one signal."""
    one = pd.DataFrame({"visits": [1.0, 2.0, 3.0]}, index=LEADS.index)
    verdicts = Verdicts(
        **dict.fromkeys(("values", "missing", "gated", "outcomes", "strengths", "latest_at", "decays", "points"), one),
        counted=one[::-1],
    )
    scores = pd.DataFrame({"behaviour": [10.0, 20.0, 30.0]}, index=LEADS.index)
    at = datetime(2026, 4, 1, tzinfo=UTC)
    return Evaluation(as_of=at, leads=LEADS, verdicts=verdicts, fit=one, scores=scores, norms=one, cuts={})


def test_a_row_says_what_each_frame_says_of_a_lead_whatever_the_frames_order() -> None:
    rows = evaluation()
    assert rows.row("leads", "b") == {"name": "Bolt", "seats": 4.0, "open_deal": False}
    assert rows.row("counted", "b") == {"visits": 2.0}
    assert rows.row("scores", "c") == {"behaviour": 30.0}


def test_a_row_has_what_python_has_and_not_numbers_of_an_array() -> None:
    row = evaluation().row("leads", "a")
    assert row["open_deal"] is True
    assert type(row["seats"]) is float


def test_leads_that_are_not_known_are_left_out_when_made_ready_and_an_error_when_asked_for() -> None:
    rows = evaluation()
    rows.ready(["a", "nobody"])
    assert rows.row("scores", "a") == {"behaviour": 10.0}
    with pytest.raises(KeyError):
        rows.row("scores", "nobody")


def test_another_evaluation_made_from_it_has_rows_of_its_own() -> None:
    first = evaluation()
    first.ready(["a"])
    second = replace(first, scores=first.scores + 1)
    assert second.row("scores", "a") == {"behaviour": 11.0}


def test_rows_of_more_leads_than_are_kept_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pql.domain.evaluation.MOST_ROWS", 2)
    found = evaluation()
    ids = [*map(str, found.leads.index)]
    found.ready(ids[:2])
    found.ready(ids[1:3])

    assert [found.row("scores", lead_id)["behaviour"] for lead_id in ids] == found.scores["behaviour"].tolist()
