from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from pql.domain.calendar import Calendar, Span
from pql.domain.partials import EVER, SpanRule, complete, period, window

AS_OF = datetime(2026, 3, 18, 12, tzinfo=UTC)
CALENDAR = Calendar(ZoneInfo("UTC"))


@pytest.mark.parametrize(
    ("rule", "start", "end"),
    [
        pytest.param(window(2), datetime(2026, 3, 17, tzinfo=UTC), AS_OF, id="window"),
        pytest.param(
            complete(2, skip=1),
            datetime(2026, 3, 15, tzinfo=UTC),
            datetime(2026, 3, 17, tzinfo=UTC),
            id="complete days",
        ),
        pytest.param(EVER, None, AS_OF, id="ever"),
        pytest.param(period("month"), datetime(2026, 3, 1, tzinfo=UTC), AS_OF, id="period"),
    ],
)
def test_bounds_follow_from_the_instant(rule: SpanRule, start: datetime | None, end: datetime) -> None:
    assert rule.bounds(CALENDAR, AS_OF) == Span(start, end)
