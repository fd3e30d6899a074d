from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from pql.domain.calendar import Calendar, to_micros
from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.patterns.allowance import AllowanceReached
from pql.domain.patterns.base import PatternRows
from tests.unit.domain.patterns.rows import events, seen

AS_OF = datetime(2026, 3, 18, 12, tzinfo=UTC)
BERLIN = Calendar(ZoneInfo("Europe/Berlin"))


def told(*rows: tuple[str, str, float | None, float | None, str | None]) -> PatternRows:
    frame = pd.DataFrame(rows, columns=["lead_id", "meter", "allowed", "used", "period"])
    frame = frame.astype({"allowed": float, "used": float})
    base = seen(allowances=frame)
    return PatternRows(
        events=base.events,
        allowances=frame,
        subscriptions=base.subscriptions,
        first_seen=base.first_seen,
        since=to_micros(AS_OF) - 1000,
        as_of=to_micros(AS_OF),
        calendar=BERLIN,
    )


def test_a_full_meter_is_told_once_a_period() -> None:
    found = AllowanceReached().find(told(("a", "api_calls", 100, 120, "month")))
    begin = to_micros(datetime(2026, 2, 28, 23, tzinfo=UTC))  # the first of March in Berlin
    assert found["key"].tolist() == [f"api_calls:{begin}"]
    assert found["detail"].tolist() == ["120% of the api calls allowance used"]
    assert found["at"].tolist() == [to_micros(AS_OF) - 1]


@pytest.mark.parametrize(
    ("period", "begin"),
    [
        ("day", datetime(2026, 3, 17, 23, tzinfo=UTC)),
        ("week", datetime(2026, 3, 15, 23, tzinfo=UTC)),
        ("total", None),
        ("fortnight", None),
        (None, None),
    ],
)
def test_the_key_names_the_beginning_of_the_period(period: str | None, begin: datetime | None) -> None:
    found = AllowanceReached().find(told(("a", "seats", 5, 5, period)))
    assert found["key"].tolist() == [f"seats:{to_micros(begin) if begin else 0}"]


def test_nothing_is_full_below_the_ratio_or_where_numbers_are_unknown() -> None:
    rows = told(
        ("a", "seats", 10, 8.9, "total"),
        ("b", "seats", None, 9, "total"),
        ("c", "seats", 10, None, "total"),
        ("d", "seats", 0, 0, "total"),
        ("e", "seats", 10, 9, "total"),
    )
    assert AllowanceReached(at_least=0.9).find(rows)["lead_id"].tolist() == ["e"]


def test_only_the_meters_that_are_named_count() -> None:
    rows = told(("a", "seats", 1, 1, "total"), ("a", "calls", 1, 1, "total"), ("a", "files", 1, 1, "total"))
    assert AllowanceReached(meter="Seats").find(rows)["key"].tolist() == ["seats:0"]
    assert sorted(AllowanceReached(meter=("calls", "files")).find(rows)["key"]) == ["calls:0", "files:0"]
    assert len(AllowanceReached().find(rows)) == 3


def test_of_several_accounts_of_a_lead_the_fullest_speaks() -> None:
    rows = told(("a", "seats", 10, 10, "total"), ("a", "seats", 10, 15, "total"))
    assert AllowanceReached().find(rows)["detail"].tolist() == ["150% of the seats allowance used"]


def test_it_needs_no_events() -> None:
    assert AllowanceReached().event_filter is None
    assert AllowanceReached().span.seconds == 0
    assert AllowanceReached().find(seen()).empty


def test_a_ratio_of_nothing_is_no_pattern() -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        AllowanceReached(at_least=0)


SOON = Duration.of_days(3)


@pytest.mark.parametrize(
    ("used", "words"),
    [
        pytest.param(70, [], id="full in seven and a half days"),
        pytest.param(87, ["87% of the calls allowance used, full in 3 days at this pace"], id="full in 2.6 days"),
        pytest.param(100, ["100% of the calls allowance used"], id="full already"),
    ],
)
def test_what_is_full_soon_at_the_pace_of_its_period_is_told_ahead(used: float, words: list[str]) -> None:
    found = AllowanceReached(full_within=SOON).find(told(("a", "calls", 100, used, "month")))
    assert found["detail"].tolist() == words
    assert [key.endswith(":ahead") for key in found["key"]] == [used < 100] * len(words)


def test_what_never_begins_anew_has_a_pace_only_by_its_rows() -> None:
    rows = told(("a", "seats", 10, 8, "total"), ("b", "seats", 10, 8, "total"))
    assert AllowanceReached(full_within=SOON).find(rows).empty
    day = 86_400_000_000
    invited = events([("a", "u", 0, "invite", "f")] * 7 + [("b", "u", 0, "invite", "f")] * 3)
    invited["at"] = [rows.as_of - (1 + number % 7) * day for number in range(10)]
    counted = AllowanceReached(full_within=SOON, counted=Where.parse({"event": "invite"}))
    assert counted.event_filter == counted.counted
    assert counted.span == Duration.of_days(7)
    assert counted.find(replace(rows, events=invited))["detail"].tolist() == [
        "80% of the seats allowance used, full in 2 days at this pace"
    ]


def test_a_pace_adds_a_column_up() -> None:
    rows = told(("a", "calls", 100, 50, "total"))
    called = events([("a", "u", 0, "call", "f")], quantity=[350.0]).assign(at=rows.as_of - 1)
    pattern = AllowanceReached(full_within=SOON, counted=Where.parse({"event": "call"}), of="quantity")
    assert pattern.columns == ("quantity",)
    assert pattern.find(replace(rows, events=called))["key"].tolist() == ["calls:0:ahead"]


def test_a_pace_without_a_prediction_is_refused() -> None:
    with pytest.raises(ValueError, match="full_within"):
        AllowanceReached(counted=Where.parse({"event": "call"}))
    with pytest.raises(ValueError, match="'pace' must be longer"):
        AllowanceReached(pace=Duration(0))
