from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.calendar import DAY_MICROS, Calendar, OffsetStep, Span, from_micros, to_micros

BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
UTC_DAYS = Calendar(ZoneInfo("UTC"))
SKIPS_MIDNIGHT = Calendar(ZoneInfo("America/Sao_Paulo"))  # on 2018-11-04 the clock went from 00:00 to 01:00
SKIPPED_A_DAY = Calendar(ZoneInfo("Pacific/Apia"))  # there was no 2011-12-30
MINUTE = timedelta(minutes=1)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def day(*parts: int) -> int:
    return date(*parts).toordinal() - date(1970, 1, 1).toordinal()


def test_instants_become_microseconds_and_back() -> None:
    instant = utc(2026, 3, 2, 9, 30, 0, 1)
    assert from_micros(to_micros(instant)) == instant
    assert to_micros(utc(1970, 1, 2)) == DAY_MICROS
    assert to_micros(datetime(2026, 1, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))) == to_micros(utc(2026, 1, 1))


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        to_micros(datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_day_is_that_of_the_wall_clock() -> None:
    assert BERLIN.day_of(utc(2026, 3, 1, 23, 30)) == day(2026, 3, 2)
    assert UTC_DAYS.day_of(utc(2026, 3, 1, 23, 30)) == day(2026, 3, 1)


def test_at_midnight_the_last_day_is_the_one_that_ended() -> None:
    midnight = utc(2026, 3, 1, 23)
    assert BERLIN.last_day_before(midnight) == day(2026, 3, 1)
    assert BERLIN.last_day_before(midnight + timedelta(microseconds=1)) == day(2026, 3, 2)


def test_a_window_holds_the_day_of_the_last_instant_and_the_days_before() -> None:
    assert BERLIN.window(7, utc(2026, 3, 8, 12)) == Span(utc(2026, 3, 1, 23), utc(2026, 3, 8, 12))
    assert BERLIN.window(1, utc(2026, 3, 1, 23)) == Span(utc(2026, 2, 28, 23), utc(2026, 3, 1, 23))


def test_complete_days_end_at_the_last_midnight() -> None:
    assert BERLIN.complete_days(7, utc(2026, 3, 8, 12)) == Span(utc(2026, 2, 28, 23), utc(2026, 3, 7, 23))
    skipped = BERLIN.complete_days(7, utc(2026, 3, 8, 12), skip=7)
    assert skipped == Span(utc(2026, 2, 21, 23), utc(2026, 2, 28, 23))


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("day", utc(2026, 3, 17, 23)),
        ("week", utc(2026, 3, 15, 23)),
        ("month", utc(2026, 2, 28, 23)),
        ("total", None),
    ],
)
def test_a_period_begins_where_the_calendar_says(name: str, start: datetime | None) -> None:
    assert BERLIN.period(name, utc(2026, 3, 18, 12)) == Span(start, utc(2026, 3, 18, 12))


def test_at_midnight_the_period_is_the_one_that_ended() -> None:
    assert BERLIN.period("month", utc(2026, 2, 28, 23)).start == utc(2026, 1, 31, 23)


def test_a_period_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="period 'year' is not known; write day, week, month or total"):
        BERLIN.period("year", utc(2026, 1, 1))


def test_a_day_can_have_23_or_25_hours() -> None:
    spring, autumn = day(2026, 3, 29), day(2026, 10, 25)
    assert BERLIN.start_of(spring + 1) - BERLIN.start_of(spring) == timedelta(hours=23)
    assert BERLIN.start_of(autumn + 1) - BERLIN.start_of(autumn) == timedelta(hours=25)


def test_where_the_clock_skips_midnight_the_day_begins_with_the_step() -> None:
    start = SKIPS_MIDNIGHT.start_of(day(2018, 11, 4))
    assert start == utc(2018, 11, 4, 3)
    assert SKIPS_MIDNIGHT.day_of(start) == day(2018, 11, 4)
    assert SKIPS_MIDNIGHT.day_of(start - MINUTE) == day(2018, 11, 3)


def test_offsets_name_the_very_instant_of_each_step() -> None:
    steps = BERLIN.offsets(utc(2026, 1, 1), utc(2026, 12, 31))
    hour = 3_600_000_000
    assert steps == [
        OffsetStep(to_micros(utc(2026, 3, 29, 1)), hour),
        OffsetStep(to_micros(utc(2026, 10, 25, 1)), 2 * hour),
        OffsetStep(None, hour),
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([BERLIN, UTC_DAYS, SKIPS_MIDNIGHT, SKIPPED_A_DAY, Calendar(ZoneInfo("Australia/Lord_Howe"))]),
    st.datetimes(datetime(2011, 1, 1), datetime(2019, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
    st.integers(0, 400 * 86_400),
)
def test_offsets_give_the_same_day_as_the_zone(calendar: Calendar, start: datetime, seconds: int) -> None:
    instant = start + timedelta(seconds=seconds)
    steps = calendar.offsets(start, start + timedelta(days=401))
    offset = next(step.offset for step in steps if step.until is None or to_micros(instant) < step.until)
    assert (to_micros(instant) + offset) // DAY_MICROS == calendar.day_of(instant)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([BERLIN, SKIPS_MIDNIGHT, Calendar(ZoneInfo("Asia/Beirut"))]),
    st.integers(day(2015, 1, 1), day(2027, 1, 1)),
)
def test_the_first_instant_of_a_day_is_in_it_and_the_one_before_is_not(calendar: Calendar, number: int) -> None:
    start = calendar.start_of(number)
    assert calendar.day_of(start) == number
    assert calendar.day_of(start - timedelta(microseconds=1)) == number - 1
