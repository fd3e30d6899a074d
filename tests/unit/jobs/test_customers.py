"""Who converts, and what follows from it, over frames."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from pql.domain.calendar import Calendar, to_micros
from pql.domain.durations import Duration
from pql.domain.measures.active_days import ActiveDays
from pql.domain.rules import CheckIn, Customers
from pql.jobs.candidates import drop_cases
from pql.jobs.customers import closed_by_conversion, new_conversions, schedule
from pql.store.records import ConversionRecord
from tests.companies import DEFINITIONS

AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
RULES = Customers(
    check_ins=(CheckIn(name="day_7", after=Duration.of_days(7), ask="How is it?"),),
    use=ActiveDays(window=Duration.of_days(14)),
    drop=0.5,
    drop_from=4,
    success_fallback="cs@plotline.test",
)
NOBODY = pd.DataFrame({"converted_at": pd.Series(dtype=float)})


def leads(**converted_at: datetime | None) -> pd.DataFrame:
    at = [float("nan") if instant is None else float(to_micros(instant)) for instant in converted_at.values()]
    return pd.DataFrame({"converted_at": at, "plan": "team"}, index=pd.Index([*converted_at], name="lead_id"))


def customer(days_ago: int) -> ConversionRecord:
    return ConversionRecord(lead_id="a", converted_at=AS_OF - days_ago * DAY, plan="team")


def dropped(now: float, before: float, last_now: float, last_before: float) -> bool:
    use = pd.DataFrame(
        {"now": [now], "before": [before], "last_now": [last_now], "last_before": [last_before]}, index=["a"]
    )
    return bool(drop_cases(RULES, use, Calendar(ZoneInfo("UTC")), as_of=AS_OF))


def test_only_who_was_not_known_to_pay_is_a_new_customer() -> None:
    frame = leads(a=AS_OF - DAY, b=AS_OF - 2 * DAY, c=None)
    known = pd.DataFrame({"converted_at": [1.0]}, index=["b"])
    assert [row.lead_id for row in new_conversions(frame, known, as_of=AS_OF)] == ["a"]


def test_a_payment_at_as_of_has_not_happened_yet() -> None:
    assert new_conversions(leads(a=AS_OF), NOBODY, as_of=AS_OF) == []


def test_an_episode_ends_where_its_lead_is_known_and_pays() -> None:
    live = pd.DataFrame({"opened_at": [float(to_micros(AS_OF - DAY))] * 3}, index=["a", "b", "gone"])
    known = pd.DataFrame({"stage": ["customer", "free"], "converted_at": [float("nan")] * 2}, index=["a", "b"])
    assert [one.lead_id for one in closed_by_conversion(known, live, [], DEFINITIONS, as_of=AS_OF)] == ["a"]
    nobody = known.iloc[:0]
    assert closed_by_conversion(nobody, live, [], DEFINITIONS, as_of=AS_OF) == []


def test_a_check_in_is_due_so_many_days_after_the_conversion() -> None:
    (row,) = schedule(RULES, [customer(3)], as_of=AS_OF, baseline=False)
    assert (row.due_at, row.decided_at) == (AS_OF + 4 * DAY, None)


def test_what_was_due_before_the_first_run_is_nobodys_task() -> None:
    (row,) = schedule(RULES, [customer(30)], as_of=AS_OF, baseline=True)
    assert row.decided_at == AS_OF


def test_a_drop_is_told_when_it_happens() -> None:
    assert dropped(4, 9, 6, 9)


def test_a_drop_that_lasts_is_no_news() -> None:
    assert not dropped(4, 9, 3, 9)


def test_half_of_little_is_no_drop() -> None:
    assert not dropped(1, 3, 3, 3)


def test_exactly_the_alarming_share_alarms() -> None:
    assert dropped(2, 4, 4, 4)
    assert not dropped(3, 4, 4, 4)


def test_unknown_use_alarms_nobody() -> None:
    assert not dropped(float("nan"), 9, 6, 9)
