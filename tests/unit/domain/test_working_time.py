from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.domain.rules import Rep
from pql.domain.working_time import ALWAYS, WorkingTime, holidays_fault

OFFICE = WorkingTime(zone="Europe/Berlin", holidays="DE-BE")


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        pytest.param("2026-06-03T08:59", "2026-06-03T09:00", id="before work"),
        pytest.param("2026-06-03T09:00", "2026-06-03T09:00", id="as it begins"),
        pytest.param("2026-06-03T17:59:59.999999", "2026-06-03T17:59:59.999999", id="in its last instant"),
        pytest.param("2026-06-03T18:00", "2026-06-04T09:00", id="as it ends"),
        pytest.param("2026-06-05T18:00", "2026-06-08T09:00", id="over a weekend"),
        pytest.param("2026-04-02T18:00", "2026-04-07T09:00", id="over Easter"),
        pytest.param("2026-12-24T20:00", "2026-12-28T09:00", id="over Christmas"),
        pytest.param("2026-12-31T20:00", "2027-01-04T09:00", id="into another year"),
        pytest.param("2026-03-07T12:00", "2026-03-09T09:00", id="a holiday on a Sunday costs no Monday in Germany"),
    ],
)
def test_work_is_next_at(at: str, opens: str) -> None:
    assert OFFICE.next_open(berlin(at)) == berlin(opens)
    assert OFFICE.is_open(berlin(at)) == (at == opens)


def test_a_holiday_of_a_part_of_a_country_is_kept_only_there() -> None:
    womens_day = date(2027, 3, 8)
    assert WorkingTime(holidays="DE-BE").is_holiday(womens_day)
    assert not WorkingTime(holidays="DE-BY").is_holiday(womens_day)
    assert not WorkingTime(holidays="DE").is_holiday(womens_day)
    assert not WorkingTime().is_holiday(date(2027, 12, 25))


def test_hours_are_counted_over_nights_and_days_off() -> None:
    friday = berlin("2026-06-05T16:00")
    assert OFFICE.add(friday, timedelta(hours=1)) == berlin("2026-06-05T17:00")
    assert OFFICE.add(friday, timedelta(hours=2)) == berlin("2026-06-08T09:00")
    assert OFFICE.add(friday, timedelta(hours=4)) == berlin("2026-06-08T11:00")
    assert OFFICE.add(friday, timedelta(hours=20)) == berlin("2026-06-10T09:00")
    assert OFFICE.opened_between(friday, berlin("2026-06-10T09:00")) == timedelta(hours=20)
    assert OFFICE.opened_between(berlin("2026-06-10T09:00"), friday) == timedelta()


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    night = WorkingTime(days=frozenset({4}), start=time(22), end=time(6))
    assert night.is_open(datetime(2026, 6, 6, 5, tzinfo=UTC))
    assert not night.is_open(datetime(2026, 6, 6, 22, tzinfo=UTC))
    assert not night.is_open(datetime(2026, 6, 5, 5, tzinfo=UTC))


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-07", 24)])
def test_a_day_on_which_the_clock_changes_has_the_hours_that_it_has(day: str, hours: int) -> None:
    always = WorkingTime(zone="Europe/Berlin", days=ALWAYS.days, start=ALWAYS.start, end=ALWAYS.end)
    midnight = berlin(day)
    assert always.opened_between(midnight, midnight + timedelta(days=1)) == timedelta(hours=hours)
    night = WorkingTime(zone="Europe/Berlin", days=frozenset({5}), start=time(22), end=time(6))
    # Eight by the clock, from the evening before.
    assert night.opened_between(midnight - timedelta(hours=12), midnight + timedelta(hours=12)) == timedelta(
        hours=hours - 16
    )


def test_work_that_the_clock_skips_begins_when_it_goes_on() -> None:
    early = WorkingTime(zone="Europe/Berlin", days=ALWAYS.days, start=time(2, 15), end=time(4))
    assert early.next_open(berlin("2026-03-29T00:00")) == datetime(2026, 3, 29, 1, 15, tzinfo=UTC)
    gone = WorkingTime(zone="Europe/Berlin", days=frozenset({6}), start=time(2, 45), end=time(3, 15))
    assert gone.next_open(berlin("2026-03-29T00:00")) == berlin("2026-04-05T02:45")


def test_a_working_time_without_days_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 6"):
        WorkingTime(days=frozenset())
    with pytest.raises(ValueError, match="negative"):
        OFFICE.add(berlin("2026-06-05T16:00"), timedelta(seconds=-1))


def test_holidays_that_leave_no_day_still_leave_one_in_two_years(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = frozenset(date(2026, 1, 1) + timedelta(days=number) for number in range(2000))
    monkeypatch.setattr("pql.domain.working_time._holidays", lambda code, year: everything)
    evening = berlin("2026-06-05T18:00")
    assert evening < OFFICE.next_open(evening) < evening + timedelta(days=730)


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("Germany", "did you mean 'DE'?"),
        ("de-be", "did you mean 'DE-BE'?"),
        ("DE-BAYERN", "did you mean 'DE-Bayern'?"),
        ("United_States", "did you mean 'US'?"),
        ("XQ", "a country like DE, or a part of it like DE-BE"),
        ("HolidayBase", "a country like DE, or a part of it like DE-BE"),
    ],
)
def test_a_country_without_known_holidays_gets_the_nearest_one(code: str, hint: str) -> None:
    fault, near = holidays_fault(code)
    assert code.partition("-")[0] in fault
    assert near == hint


@pytest.mark.parametrize("code", ["DE", "DE-BE", "US-CA", "GB-ENG", "JP", "IN", "BR"])
def test_known_countries_and_their_parts_have_no_fault(code: str) -> None:
    assert holidays_fault(code) == ("", "")


def test_a_rep_works_in_their_own_zone() -> None:
    yuki = Rep(email="yuki@plotline.test", name="Yuki", time_zone="Asia/Tokyo", working=OFFICE)
    assert yuki.working == WorkingTime(zone="Asia/Tokyo", holidays="DE-BE")


ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago")
HOURS = st.times().map(lambda at: at.replace(second=0, microsecond=0))
WORKING = st.builds(
    WorkingTime,
    zone=st.sampled_from(ZONES),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    start=HOURS,
    end=HOURS,
    holidays=st.sampled_from(("", "DE-BE", "US", "JP")),
)


def instants(start: str, days: int) -> st.SearchStrategy[datetime]:
    return st.timedeltas(timedelta(), timedelta(days=days)).map(lambda gone: datetime.fromisoformat(start) + gone)


# Around the days on which clocks change, and any.
INSTANTS = instants("2026-03-27T00:00Z", 10) | instants("2026-10-01T00:00Z", 33) | instants("2020-01-01T00:00Z", 3650)
AMOUNTS = st.timedeltas(timedelta(), timedelta(days=6))


@given(WORKING, INSTANTS)
def test_nothing_is_open_before_the_next_opening(working: WorkingTime, at: datetime) -> None:
    opens = working.next_open(at)
    assert opens >= at
    assert working.is_open(opens)
    assert working.next_open(opens) == opens
    assert working.opened_between(at, opens) == timedelta()
    assert working.is_open(at) == (opens == at)


@given(WORKING, INSTANTS, st.floats(0, 1))
def test_no_instant_between_is_open(working: WorkingTime, at: datetime, share: float) -> None:
    opens = working.next_open(at)
    between = at + (opens - at) * share
    assert working.is_open(between) == (between >= opens)


@given(WORKING, INSTANTS, AMOUNTS, AMOUNTS)
def test_adding_twice_is_adding_the_sum(working: WorkingTime, at: datetime, one: timedelta, two: timedelta) -> None:
    there = working.add(at, one)
    assert working.is_open(there)
    assert working.add(there, two) == working.add(at, one + two) >= there
    assert working.opened_between(at, there) == one


@given(WORKING, INSTANTS, INSTANTS, AMOUNTS)
def test_later_stays_later(working: WorkingTime, a: datetime, b: datetime, amount: timedelta) -> None:
    first, second = sorted((a, b))
    assert working.add(first, amount) <= working.add(second, amount)
    assert timedelta() <= working.opened_between(first, second) <= second - first
