"""The team's week: when it is due, who moved, which definitions misfire."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.domain.rules import Weekly
from pql.domain.weekly import Firing, Judgement, days_words, due_week, median_words, misfires, movers

BERLIN = "Europe/Berlin"
RULE = Weekly(day=0, at=time(8))
DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("at", "due"),
    [
        pytest.param(datetime(2026, 2, 2, 6, 59, tzinfo=UTC), None, id="before its time"),
        pytest.param(datetime(2026, 2, 2, 7, 0, tzinfo=UTC), ("2026-W06", date(2026, 2, 2)), id="on the minute"),
        pytest.param(datetime(2026, 2, 8, 22, 59, tzinfo=UTC), ("2026-W06", date(2026, 2, 2)), id="late in its week"),
        pytest.param(datetime(2026, 2, 8, 23, 0, tzinfo=UTC), None, id="the next week has not come"),
        pytest.param(datetime(2026, 12, 31, 9, tzinfo=UTC), ("2026-W53", date(2026, 12, 28)), id="the year's last"),
        pytest.param(datetime(2027, 1, 2, 9, tzinfo=UTC), ("2026-W53", date(2026, 12, 28)), id="over the new year"),
    ],
)
def test_a_week_is_due_from_its_day_and_time_to_its_end(at: datetime, due: tuple[str, date] | None) -> None:
    assert due_week(RULE, BERLIN, at) == due


instants = st.datetimes(datetime(2025, 12, 1), datetime(2027, 2, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(instants, st.integers(0, 6), st.times())
def test_every_week_has_one_name_and_no_two_weeks_share_one(at: datetime, day: int, when: time) -> None:
    rule = Weekly(day=day, at=when)
    due = due_week(rule, BERLIN, at)
    later = due_week(rule, BERLIN, at + timedelta(days=7, hours=2))
    if due is not None:
        assert due[1].weekday() == day
        assert due[1].isocalendar()[:2] == (int(due[0][:4]), int(due[0][6:]))
        assert later is None or later[0] != due[0]


def test_movers_are_those_that_moved_most_each_way() -> None:
    before = {"up": 10.0, "more": 10.0, "down": 60.0, "still": 40.0, "gone": 5.0}
    risen, fallen = movers(before, {"up": 30.0, "more": 90.0, "down": 20.0, "still": 43.0, "new": 99.0})
    assert [(one.lead_id, one.words) for one in risen] == [
        ("more", "10 → 90 points (+80)"),
        ("up", "10 → 30 points (+20)"),
    ]
    assert [(one.lead_id, one.words) for one in fallen] == [("down", "60 → 20 points (-40)")]


def firing(fired: int, unknown: int = 0) -> list[str]:
    lines = misfires([Firing(title="Breadth", fired=fired, unknown=unknown)], 200, [])
    return [line.words for line in lines]


def test_a_signal_that_says_nothing_or_says_it_of_everybody_is_named_with_its_number() -> None:
    assert firing(0) == ["fires for nobody"]
    assert firing(101) == ["fires for 50% of eligible leads: it tells nobody apart"]
    assert firing(0, unknown=150) == ["not evaluated for 75% of eligible leads: too little data"]
    assert firing(100, unknown=100) == []
    assert misfires([Firing(title="Breadth", fired=0, unknown=0)], 0, []) == []


def test_a_definition_whose_leads_are_mostly_rejected_is_named_once_enough_were_judged() -> None:
    judged = [
        Judgement(title="Paywall", judged=5, rejected=3),
        Judgement(title="Even", judged=6, rejected=3),
        Judgement(title="Too few", judged=4, rejected=4),
    ]
    (line,) = misfires([], 200, judged)
    assert (line.name, line.words) == ("Paywall", "reps rejected 3 of the 5 leads that it brought")


def test_lead_times_are_told_in_days() -> None:
    assert median_words([DAY, 3 * DAY, 40 * DAY]) == "3 days"
    assert median_words([]) == "none yet"
    assert [days_words(micros) for micros in (0, DAY, 2 * DAY)] == ["less than a day", "a day", "2 days"]
