"""When a rep's digest is due, what it covers, and what it says."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.domain.digests import (
    KEPT_BACK_SHOWN,
    LONGEST,
    SHOWN,
    Digest,
    Entry,
    Findings,
    OpenLead,
    Telling,
    covers_since,
    digest_key,
    digest_of,
    due_day,
    morning_of,
    since_words,
    until_next,
)
from pql.domain.rules import Rep
from pql.domain.working_time import EVERY_DAY, WorkingTime

FRIDAY = date(2026, 1, 30)
NOON = datetime(2026, 1, 30, 12, tzinfo=UTC)
SINCE = NOON - timedelta(days=1)
WEEKDAYS = WorkingTime()
EVERY = WorkingTime(days=EVERY_DAY)


def rep(zone: str = "UTC", *, at: time = time(8), working: WorkingTime = WEEKDAYS) -> Rep:
    return Rep(email="Mia@Plotline.test", name="Mia", time_zone=zone, digest_at=at, working=working)


def local(zone: str, *when: int) -> datetime:
    return datetime(*when, tzinfo=ZoneInfo(zone)).astimezone(UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("when", "due"),
    [
        pytest.param((2026, 1, 30, 7, 59), None, id="a minute before"),
        pytest.param((2026, 1, 30, 8, 0), FRIDAY, id="on the minute"),
        pytest.param((2026, 1, 30, 23, 59), FRIDAY, id="late the same day"),
        pytest.param((2026, 1, 31, 8, 0), None, id="on a Saturday"),
        pytest.param((2026, 2, 2, 8, 0), date(2026, 2, 2), id="on the Monday after"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Kiritimati"])
def test_a_digest_is_due_from_its_reps_own_morning_to_midnight(
    zone: str, when: tuple[int, ...], due: date | None
) -> None:
    assert due_day(rep(zone), local(zone, *when)) == due


def test_a_public_holiday_has_no_digest() -> None:
    kept = rep("Europe/Berlin", working=WorkingTime(holidays="DE"))
    assert due_day(kept, local("Europe/Berlin", 2026, 5, 1, 9)) is None
    assert due_day(rep("Europe/Berlin"), local("Europe/Berlin", 2026, 5, 1, 9)) == date(2026, 5, 1)


def test_a_morning_that_the_clock_skips_is_due_when_it_was_put_forward() -> None:
    early = rep("Europe/Berlin", at=time(2, 30), working=EVERY)
    assert due_day(early, datetime(2026, 3, 29, 0, 59, tzinfo=UTC)) is None  # 01:59
    assert due_day(early, datetime(2026, 3, 29, 1, 0, tzinfo=UTC)) == date(2026, 3, 29)  # 03:00


def test_a_morning_that_comes_twice_is_one_date_and_one_key() -> None:
    early = rep("Europe/Berlin", at=time(2, 30), working=EVERY)
    days = [due_day(early, datetime(2026, 10, 25, hour, 45, tzinfo=UTC)) for hour in (0, 1)]  # 02:45 twice
    assert days == [date(2026, 10, 25)] * 2


def test_a_key_knows_no_case() -> None:
    assert digest_key("Mia@Plotline.test", FRIDAY) == digest_key("mia@plotline.TEST", FRIDAY)


def test_the_first_digest_covers_from_the_working_morning_before() -> None:
    assert covers_since(rep(), FRIDAY, None) == datetime(2026, 1, 29, 8, tzinfo=UTC)
    assert covers_since(rep(), date(2026, 2, 2), None) == datetime(2026, 1, 30, 8, tzinfo=UTC)


def test_a_later_digest_covers_from_the_last_one_but_not_from_long_ago() -> None:
    assert covers_since(rep(), FRIDAY, NOON - timedelta(days=3)) == NOON - timedelta(days=3)
    assert covers_since(rep(), FRIDAY, NOON - timedelta(days=90)) == morning_of(rep(), FRIDAY) - LONGEST


def test_a_digest_is_worth_sending_until_the_next_days_is_due() -> None:
    assert until_next(rep("Asia/Tokyo"), FRIDAY) == datetime(2026, 1, 30, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "words"),
    [
        pytest.param(timedelta(hours=3), "09:00", id="today"),
        pytest.param(timedelta(hours=20), "yesterday", id="yesterday"),
        pytest.param(timedelta(days=4), "Monday", id="this week"),
        pytest.param(timedelta(days=7), "23 Jan", id="longer ago"),
    ],
)
def test_the_past_is_told_as_people_tell_it(ago: timedelta, words: str) -> None:
    assert since_words(NOON - ago, NOON, "UTC") == words


instants = st.datetimes(datetime(2025, 12, 1), datetime(2027, 2, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = ("UTC", "Asia/Tokyo", "America/Los_Angeles", "Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe")


@given(instants, st.sampled_from(ZONES), st.times())
def test_what_is_due_is_the_readers_own_date_and_its_morning_has_come(at: datetime, zone: str, morning: time) -> None:
    day = due_day(rep(zone, at=morning, working=EVERY), at)
    if day is not None:
        assert day == at.astimezone(ZoneInfo(zone)).date()
        assert at.astimezone(ZoneInfo(zone)).time() >= morning
    else:
        assert at.astimezone(ZoneInfo(zone)).time() < morning


# What it says.


def lead(lead_id: str, grade: str = "A1", *, days: float = 3, **values: object) -> OpenLead:
    given_: dict[str, object] = {"tier_rank": 0, "behaviour": 50.0, "opened_at": NOON - timedelta(days=days)}
    return OpenLead(lead_id=lead_id, name=lead_id.title(), grade=grade, **{**given_, **values})  # type: ignore[arg-type]


def entry(lead_id: str, words: str, *, hours: float = 1) -> Entry:
    return Entry(lead_id=lead_id, name=lead_id.title(), words=words, at=NOON - timedelta(hours=hours))


def said(findings: Findings) -> Digest:
    return digest_of(findings, Telling(since=SINCE, at=NOON, zone="UTC", urls={"acme": "https://a.test/acme"}))


def names(digest: Digest) -> dict[str, list[str]]:
    return {section.title: [line.name for line in section.lines] for section in digest.sections}


def test_nothing_found_is_nothing_to_say() -> None:
    assert not Findings(snoozed=3)
    assert Findings(open=[lead("acme")])


def test_each_lead_stands_once_the_best_first_and_new_ones_apart() -> None:
    leads = [lead("b", "B1", tier_rank=1), lead("acme", days=0.1), lead("c", behaviour=90.0), lead("d")]
    digest = said(Findings(open=leads))
    assert names(digest) == {"New since yesterday (1)": ["Acme"], "Still open (3)": ["C", "D", "B"]}
    assert digest.title == "Your leads, Fri 30 Jan: 1 new, 3 still open"
    assert digest.why_now == "Open by grade: 3 A1, 1 B1."
    assert digest.sections[0].lines[0].url == "https://a.test/acme"


def test_a_line_says_who_has_it_why_and_how_its_grade_moved() -> None:
    (section,) = said(
        Findings(
            open=[
                lead("acme", grade_before="B2", why="Asked for a demo"),
                lead("b", claimed_at=NOON - timedelta(days=1)),
            ]
        )
    ).sections
    assert [(line.grade, line.words) for line in section.lines] == [
        ("B2 → A1", "Asked for a demo; not claimed, open since Tuesday"),
        ("A1", "yours since yesterday"),
    ]


def test_everything_else_has_its_list_the_latest_first() -> None:
    digest = said(
        Findings(
            check_ins=[entry("c", "ask")],
            moments=[entry("m", "early", hours=9), entry("n", "late")],
            ended=[entry("e", "now a customer")],
            kept_back=[entry("k", "over budget")],
            snoozed=2,
        )
    )
    assert names(digest) == {
        "Check-ins due (1)": ["C"],
        "Happened since yesterday (2)": ["N", "M"],
        "Closed since yesterday (1)": ["E"],
        "Not sent to you, and why (1)": ["K"],
    }
    assert digest.title == "Your leads, Fri 30 Jan: 1 check-in"
    assert digest.why_now == "Since yesterday: 1 lead closed, 2 moments. Snoozed: 2."


def test_long_lists_are_cut_and_say_how_many_more() -> None:
    many = [lead(f"l{number}") for number in range(25)]
    kept = [entry(f"k{number}", "muted") for number in range(9)]
    open_, kept_back = said(Findings(open=many, kept_back=kept)).sections
    assert (len(open_.lines), open_.more, open_.title) == (SHOWN, 15, "Open (25)")
    assert (len(kept_back.lines), kept_back.more) == (KEPT_BACK_SHOWN, 4)


def test_the_order_of_what_was_found_does_not_matter() -> None:
    found = Findings(open=[lead("a"), lead("b"), lead("c", "B1")], ended=[entry("x", "over"), entry("y", "over")])
    turned = replace(found, open=found.open[::-1], ended=found.ended[::-1])
    assert said(found) == said(turned)
