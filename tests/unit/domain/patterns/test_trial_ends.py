import numpy as np
import pandas as pd

from pql.domain.durations import Duration
from pql.domain.patterns.trial_ends import TrialEnds
from tests.unit.domain.patterns.rows import MINUTE, minutes, seen

DAY = 1440


def trials(*rows: tuple[str, float | None, float | None, float | None]) -> pd.DataFrame:
    """Rows of (lead, started, ended, trial ends), in minutes."""
    frame = pd.DataFrame(rows, columns=["lead_id", "started_at", "ended_at", "trial_ends_at"])
    instants = ["started_at", "ended_at", "trial_ends_at"]
    frame[instants] = frame[instants].astype(float) * MINUTE
    return frame.assign(plan="team", status="trial")


def test_it_is_told_when_the_end_comes_near_and_keyed_by_the_end() -> None:
    rows = trials(("a", 0, None, 14 * DAY))
    found = TrialEnds().find(seen(subscriptions=rows, since=11 * DAY - 5, as_of=11 * DAY + 5))
    assert minutes(found) == [("a", 11 * DAY)]
    assert found["key"].tolist() == [str(14 * DAY * MINUTE)]
    assert found["detail"].tolist() == ["the trial ends in 3 days or less"]


def test_it_is_told_once_and_not_early() -> None:
    rows = trials(("a", 0, None, 14 * DAY))
    assert TrialEnds().find(seen(subscriptions=rows, since=11 * DAY + 1, as_of=12 * DAY)).empty
    assert TrialEnds().find(seen(subscriptions=rows, since=0, as_of=11 * DAY)).empty


def test_a_trial_shorter_than_the_warning_is_told_when_it_begins() -> None:
    rows = trials(("a", 5, None, 5 + DAY), ("b", None, None, 2 * DAY))
    found = TrialEnds(within=Duration.of_days(1)).find(seen(subscriptions=rows, since=0, as_of=2 * DAY - 1))
    assert minutes(found) == [("b", DAY)]
    assert minutes(TrialEnds().find(seen(subscriptions=rows, since=0, as_of=6))) == [("a", 5)]


def test_a_trial_that_is_over_or_was_given_up_is_not_ending() -> None:
    rows = trials(("a", 0, 10, 3 * DAY), ("b", 0, None, 15), ("c", 0, None, np.nan))
    assert TrialEnds().find(seen(subscriptions=rows, since=0, as_of=20)).empty


def test_a_prolonged_trial_ends_anew() -> None:
    ends = (14 * DAY, 14 * DAY + 1)
    runs = [TrialEnds().find(seen(subscriptions=trials(("a", 0, None, end)), as_of=12 * DAY)) for end in ends]
    assert [found["key"].tolist() for found in runs] == [[str(end * MINUTE)] for end in ends]


def test_two_subscriptions_of_one_trial_are_one_end() -> None:
    rows = trials(("a", 0, None, 14 * DAY), ("a", 12 * DAY, None, 14 * DAY))
    assert minutes(TrialEnds().find(seen(subscriptions=rows, since=0, as_of=13 * DAY))) == [("a", 11 * DAY)]


def test_it_needs_no_events() -> None:
    assert TrialEnds().event_filter is None
