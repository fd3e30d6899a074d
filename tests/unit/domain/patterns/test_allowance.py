from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from pql.domain.calendar import Calendar, to_micros
from pql.domain.patterns.allowance import AllowanceReached
from pql.domain.patterns.base import PatternRows
from tests.unit.domain.patterns.rows import seen

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
