"""Every measure kind on every engine, against a computation in plain Python."""

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pql.domain.calendar import to_micros
from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures import Measure
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.allowance import Allowance
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.measures.recency import Recency
from pql.domain.measures.share import Share
from pql.domain.measures.time_to import TimeTo
from pql.domain.measures.total import Sum
from pql.domain.measures.trend import Trend
from pql.domain.partials import Level
from pql.domain.partials import Relation as Happening
from pql.domain.plan import Plan, PlanItem
from tests.integration.warehouse.conftest import Database
from tests.reference import Usage, measure_value

DAYS = Duration.of_days
PAYWALL = Where.parse({"event": "paywall"})
MEASURES: dict[str, Measure] = {
    "count": Count(window=DAYS(7)),
    "count_filtered": Count(
        window=DAYS(3), where=Where.parse({"event": ["Paywall", "export"], "feature": {"not": "a"}})
    ),
    "count_property": Count(window=DAYS(7), where=Where.parse({"properties.size": {"at_least": 2}})),
    "count_unknown": Count(window=DAYS(7), where=Where.parse({"feature": {"exists": False}})),
    "touches": Count(window=DAYS(30), relation=Happening.TOUCHES, where=Where.parse({"touch": "webinar"})),
    "distinct": Distinct(of="feature", window=DAYS(14)),
    "distinct_property": Distinct(of="properties.size", window=DAYS(14), where=PAYWALL),
    "distinct_users": Distinct(of="user_id", window=DAYS(2)),
    "sum": Sum(window=DAYS(7), where=Where.parse({"quantity": {"above": -2}})),
    "active_time": ActiveTime(window=DAYS(2)),
    "active_time_filtered": ActiveTime(window=DAYS(7), where=PAYWALL),
    "active_days": ActiveDays(window=DAYS(7)),
    "recency": Recency(window=DAYS(14)),
    "share": Share(window=DAYS(7), where=PAYWALL, among=Where.parse({"user_id": {"exists": True}})),
    "share_distinct": Share(window=DAYS(7), where=PAYWALL, measures="distinct", of="feature"),
    "share_sum": Share(window=DAYS(7), where=PAYWALL, measures="sum", of="quantity"),
    "trend": Trend(window=DAYS(2), against=DAYS(3)),
    "trend_time": Trend(window=DAYS(2), measures="active_time"),
    "trend_days": Trend(window=DAYS(2), measures="active_days", against=DAYS(5)),
    "time_to": TimeTo(where=PAYWALL),
    "time_to_since": TimeTo(where=PAYWALL, since="first_event"),
    "country": Attribute(of="country"),
    "employees": Attribute(of="employees"),
    "leaders": Attribute(users=Where.parse({"role": ["CTO", "vp"]})),
    "allowance": Allowance(meter="exports"),
    "allowance_counted": Allowance(meter="calls", counted=PAYWALL),
    "allowance_sum": Allowance(meter="calls", counted=Where(), of="quantity"),
    "days_left": Allowance(meter="calls", gives="days_until_full", counted=Where(), pace=DAYS(3)),
}
# Around a change of the clock in Europe, in America, a leap day, and where a month begins.
PIVOTS = [
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2024, 3, 10, 7, tzinfo=UTC),
    datetime(2024, 11, 3, 6, tzinfo=UTC),
    datetime(2024, 2, 29, 0, tzinfo=UTC),
    datetime(2025, 1, 1, 0, tzinfo=UTC),
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]
ACCOUNTS = ["a1", "a2", "007"]
USERS = ["u1", "u2", "u3", "u4"]


def nearby(pivot: datetime, zone: str) -> st.SearchStrategy[datetime]:
    """Instants at, just before and just after what matters: midnights, half hours, and anywhere."""
    local = pivot.astimezone(ZoneInfo(zone))
    midnights = [
        (local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=day)).astimezone(UTC)
        for day in range(-9, 3)
    ]
    edges = st.sampled_from([*midnights, pivot, pivot - timedelta(minutes=30), pivot + timedelta(minutes=29)])
    moves = st.sampled_from([timedelta(), timedelta(microseconds=1), -timedelta(microseconds=1), timedelta(minutes=30)])
    anywhere = st.integers(-9 * 1440, 2 * 1440).map(lambda minutes: pivot + timedelta(minutes=minutes))
    return st.one_of(st.builds(lambda edge, move: edge + move, edges, moves), anywhere)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Usage, list[datetime]]:
    zone, pivot = draw(st.sampled_from(ZONES)), draw(st.sampled_from(PIVOTS))
    instants = nearby(pivot, zone)
    accounts = [
        {
            "account_id": account,
            "name": f"Account {account}",
            "domain": draw(st.sampled_from([None, "acme.test", "ACME.test ", "gmail.com"])),
            "created_at": draw(st.one_of(st.none(), instants, st.just(datetime(2023, 1, 1, tzinfo=UTC)))),
            "country": draw(st.sampled_from([None, "NA", "de"])),
            "employees": draw(st.sampled_from([None, 3.0, 70.5])),
        }
        for account in ACCOUNTS
    ]
    users = [
        {
            "user_id": user,
            "account_id": draw(st.sampled_from([*ACCOUNTS, None])),
            "email": None,
            "name": None,
            "role": draw(st.sampled_from(["CTO", "cto ", "VP", None])),
        }
        for user in USERS[:3]
    ]
    event = st.fixed_dictionaries(
        {
            "event_id": st.one_of(st.none(), st.sampled_from(["e1", "e2", "e3"])),
            "account_id": st.sampled_from([*ACCOUNTS, "stranger", None]),
            "user_id": st.sampled_from([*USERS, None]),
            "occurred_at": instants,
            "event": st.sampled_from(["paywall", "PAYWALL ", "export", "login"]),
            "feature": st.sampled_from(["a", "b", "A", None]),
            "quantity": st.one_of(st.none(), st.floats(-5, 5), st.sampled_from([math.nan, math.inf, 0.1, 0.2, 3.0])),
            "properties": st.sampled_from(
                [None, {"size": 1}, {"size": 2.0}, {"size": "2"}, {"size": None}, {"x": True}]
            ),
        }
    )
    touch = st.fixed_dictionaries(
        {
            "touch_id": st.none(),
            "account_id": st.sampled_from(ACCOUNTS),
            "user_id": st.sampled_from([*USERS, None]),
            "occurred_at": instants,
            "touch": st.sampled_from(["webinar", "newsletter"]),
        }
    )
    allowance = st.fixed_dictionaries(
        {
            "account_id": st.sampled_from(ACCOUNTS),
            "meter": st.sampled_from(["exports", "calls"]),
            "allowed": st.sampled_from([0.0, 2.0, 10.0]),
            "used": st.sampled_from([None, 1.0, 4.0]),
            "period": st.sampled_from(["day", "week", "month", "total"]),
        }
    )
    usage = Usage(
        zone=ZoneInfo(zone),
        accounts=accounts,
        users=users,
        events=draw(st.lists(event, max_size=40)),
        touches=draw(st.lists(touch, max_size=6)),
        allowances=draw(st.lists(allowance, max_size=5, unique_by=lambda row: (row["account_id"], row["meter"]))),
        free_mail=frozenset({"gmail.com"}),
    )
    return usage, draw(st.lists(instants, min_size=1, max_size=4, unique=True))


def fill(database: Database, usage: Usage, columns: Mapping[str, Sequence[str]] | None = None) -> None:
    database.write(
        columns=columns,
        events=usage.events,
        accounts=usage.accounts,
        users=usage.users or (),
        touches=usage.touches,
        allowances=usage.allowances,
    )


RELATIONS = ("events", "accounts", "users", "touches", "allowances")
PLAN_ITEMS = tuple(PlanItem(name=name, measure=measure) for name, measure in MEASURES.items())


def known_at(usage: Usage, until: datetime) -> Usage:
    """Who was created by then."""
    accounts = [row for row in usage.accounts if row["created_at"] is None or row["created_at"] < until]
    return Usage(usage.zone, accounts, usage.users, usage.events, usage.touches, usage.allowances, usage.free_mail)


def assert_equal_to_reference(frame: pd.DataFrame, usage: Usage, level: str, instants: Sequence[datetime]) -> None:
    known = known_at(usage, max(instants))
    rows: Any = frame.to_dict("index")
    for as_of in instants:
        for key in known.keys(level):
            row: Mapping[str, Any] = rows[(to_micros(as_of), key)]
            for name, measure in MEASURES.items():
                expected = measure_value(known, measure, level, key, as_of)
                assert_same(row[name], expected, f"{name} of {level} {key} at {as_of.isoformat()}")


def assert_same(found: Any, expected: Any, what: str) -> None:
    if expected is None:
        assert pd.isna(found), f"{what}: {found} instead of none"
    elif isinstance(expected, str):
        assert found == expected, f"{what}: {found} instead of {expected}"
    else:
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-6), f"{what}: {found} instead of {expected}"


@pytest.mark.parametrize("level", list(Level))
@given(world=worlds())
@settings(
    max_examples=6,
    deadline=None,
    # Each example fills a database: shrinking one would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_kind_gives_what_plain_python_gives(
    database: Database, level: Level, world: tuple[Usage, list[datetime]]
) -> None:
    usage, instants = world
    fill(database, usage)
    warehouse = database.open(*RELATIONS, lead=level, time_zone=usage.zone.key)
    frame = warehouse.measures(Plan(lead=level, items=PLAN_ITEMS), instants)
    assert_equal_to_reference(frame, usage, level.value, instants)
