"""Freshness, volume and empty values of a relation, against what is expected and its own past."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.domain.calendar import Calendar
from pql.domain.durations import Duration
from pql.domain.source_health import (
    DAYS_BACK,
    UNASKED,
    Ailment,
    Expectation,
    Health,
    Observation,
    Past,
    age_words,
    cure,
    judge,
    usual,
)

AS_OF = datetime(2026, 3, 2, 9, tzinfo=UTC)
CALENDAR = Calendar(ZoneInfo("UTC"))
DAY = CALENDAR.day_of(AS_OF) - 1
HOURLY = Expectation(every=Duration(3600))
ANY = Expectation()


def events(rows: int, *, weeks: Sequence[int] = (100,) * 8, newest_at: datetime | None = AS_OF) -> Observation:
    """Events of the last whole day; so many on the same weekdays before, the newest week first."""
    days = {DAY - 7 * (number + 1): count for number, count in enumerate(weeks)}
    return Observation(
        relation="events", newest_at=newest_at, row_count=rows, day=DAY, days={**days, DAY: rows}, sampled=rows
    )


def accounts(rows: int, shares: Mapping[str, float] | None = None) -> Observation:
    return Observation(relation="accounts", newest_at=AS_OF, row_count=rows, shares=shares or {}, sampled=rows)


def past(rows: int, shares: Mapping[str, float] | None = None, *, days_ago: int = 1) -> Past:
    return Past(at=AS_OF - timedelta(days=days_ago), row_count=rows, shares=shares or {})


def judged(expectation: Expectation, seen: Observation, *before: Past) -> Health:
    return judge(expectation, seen, before, as_of=AS_OF, calendar=CALENDAR)


@pytest.mark.parametrize(
    ("minutes", "verdict"),
    [
        pytest.param(0, "", id="a row of now is fresh"),
        pytest.param(60, "", id="a row just as old as expected is fresh"),
        pytest.param(61, "stale", id="an older one is not"),
    ],
)
def test_the_newest_row_is_at_most_as_old_as_expected(minutes: int, verdict: str) -> None:
    found = judged(HOURLY, events(100, newest_at=AS_OF - timedelta(minutes=minutes)))
    assert (found.verdict, found.age) == (verdict, timedelta(minutes=minutes))


def test_a_stale_relation_says_since_when_and_what_was_expected() -> None:
    found = judged(HOURLY, events(100, newest_at=AS_OF - timedelta(hours=5)))
    assert found.ailments[Ailment.STALE] == (
        "events: the newest row came 2026-03-02 04:00 UTC, 5 hours ago; expected every 1 hour"
    )
    assert "go on by themselves" in cure(found)


def test_a_relation_without_any_row_is_stale_and_one_without_dates_never_is() -> None:
    assert judged(HOURLY, events(0, weeks=(), newest_at=None)).verdict == "stale"
    undated = Observation(relation="allowances", newest_at=None, row_count=5, dated=False)
    assert judged(HOURLY, undated).well


def test_nobody_who_expects_no_pace_is_told_of_age() -> None:
    assert judged(ANY, events(100, newest_at=AS_OF - timedelta(days=900))).well


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        pytest.param(100, "", id="as usual"),
        pytest.param(50, "", id="just half"),
        pytest.param(49, "fewer", id="less than half"),
        pytest.param(0, "fewer", id="none at all"),
        pytest.param(200, "", id="just double"),
        pytest.param(201, "more", id="more than double"),
    ],
)
def test_a_day_is_compared_with_the_same_weekdays_before(rows: int, verdict: str) -> None:
    assert judged(ANY, events(rows)).verdict == verdict


def test_a_day_with_too_few_rows_says_how_many_are_usual() -> None:
    assert judged(ANY, events(12)).ailments[Ailment.FEWER] == (
        "events: 12 rows on 2026-03-01, fewer than usual; usual on this weekday are 100, from 50 to 200"
    )


def test_other_weekdays_do_not_count() -> None:
    seen = events(10, weeks=(10,) * 8)
    quiet = Observation(
        relation="events",
        newest_at=AS_OF,
        row_count=60,
        day=DAY,
        days={DAY - 1: 9_000, **{DAY - 7 * number: 60 for number in range(1, 9)}},
    )
    assert judged(ANY, quiet).well
    assert judged(ANY, seen).well, "of so few rows nothing can be told"


def test_a_source_that_scatters_may_scatter() -> None:
    wild = (40, 200, 90, 310, 20, 150, 60, 240)
    assert judged(ANY, events(35, weeks=wild)).well
    assert judged(ANY, events(0, weeks=wild)).verdict == "fewer", "no row at all is never usual"


def test_one_odd_week_does_not_move_what_is_usual() -> None:
    assert judged(ANY, events(100, weeks=(100, 100, 100_000, 0, 100, 100, 100, 100))).well


@pytest.mark.parametrize("weeks", [(), (100,), (100, 100)])
def test_of_a_short_past_nothing_is_said(weeks: tuple[int, ...]) -> None:
    assert judged(ANY, events(1, weeks=weeks)).usual is None


def test_days_without_rows_count_as_none_since_the_first_row() -> None:
    days = {DAY - 7 * number: 100 for number in (1, 3, 5, 8)}
    seen = Observation(relation="events", newest_at=AS_OF, row_count=100, day=DAY, days=days)
    found = judged(ANY, seen)
    assert found.usual is not None
    assert found.usual.of == DAYS_BACK // 7


@pytest.mark.parametrize(
    ("rows", "expectation", "verdict"),
    [
        pytest.param(0, UNASKED, "fewer", id="emptied, and nobody asked"),
        pytest.param(499, UNASKED, "fewer", id="more than half is lost"),
        pytest.param(500, UNASKED, "", id="half is left"),
        pytest.param(9_000, UNASKED, "", id="growth that nobody asked about"),
        pytest.param(9_000, ANY, "more", id="growth beyond what is expected"),
        pytest.param(790, Expectation(fewer=0.8), "fewer", id="a closer eye"),
    ],
)
def test_accounts_are_compared_with_the_last_time_all_was_well(
    rows: int, expectation: Expectation, verdict: str
) -> None:
    assert judged(expectation, accounts(rows), past(80, days_ago=9), past(1_000)).verdict == verdict


def test_accounts_never_seen_before_are_well() -> None:
    assert judged(UNASKED, accounts(0)).well


def test_a_column_that_becomes_empty_is_named_with_its_share() -> None:
    before = [past(1_000, {"user_id": share, "feature": 0.5}, days_ago=day) for day, share in ((1, 0.02), (2, 0.03))]
    found = judged(ANY, accounts(1_000, {"user_id": 0.62, "feature": 0.55}), *before)
    assert found.ailments == {Ailment.NULLS: "accounts: empty are 62% of user_id (usually 2%) in 1,000 rows"}


def test_a_new_column_and_a_few_rows_say_nothing_of_empty_values() -> None:
    assert judged(ANY, accounts(1_000, {"new": 1.0}), past(1_000)).well
    assert judged(ANY, accounts(15, {"user_id": 1.0}), past(15, {"user_id": 0.0})).well


def test_everything_that_is_wrong_is_said_and_the_first_is_the_verdict() -> None:
    found = judged(HOURLY, events(3, newest_at=AS_OF - timedelta(days=1)))
    assert [*found.ailments] == [Ailment.STALE, Ailment.FEWER]
    assert found.verdict == "stale"


@given(st.lists(st.integers(20, 10**6), min_size=3), st.floats(0, 1), st.floats(1, 50))
def test_the_median_is_always_as_usual(numbers: list[int], fewer: float, more: float) -> None:
    found = usual(numbers, fewer=fewer, more=more)
    assert found is not None
    assert found.least <= found.middle <= found.most


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=10), "0 minutes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(minutes=119), "119 minutes"),
        (timedelta(hours=5, minutes=59), "5 hours"),
        (timedelta(hours=47), "47 hours"),
        (timedelta(days=2), "2 days"),
    ],
)
def test_an_age_is_said_in_the_largest_unit_that_still_tells(age: timedelta, words: str) -> None:
    assert age_words(age) == words
