"""The signals that are measured: a folder as a product team writes it, 12 of them, and 25 for large runs."""

from pql.domain.conditions import Condition, Where
from pql.domain.durations import Duration
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.base import Measure
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.measures.recency import Recency
from pql.domain.measures.share import Share
from pql.domain.measures.time_to import TimeTo
from pql.domain.measures.total import Sum
from pql.domain.measures.trend import Trend
from pql.domain.partials import Level
from pql.domain.plan import Plan, PlanItem
from pql.domain.signals import Points, Scale, Signal

CORE = ("feature_00", "feature_01", "feature_02")


def days(number: int) -> Duration:
    """A window."""
    return Duration.of_days(number)


def event(*names: str) -> Where:
    """Rows of these events."""
    return Where.parse({"event": names[0] if len(names) == 1 else list(names)})


# What each fires at, what it is worth, and where its strength is full.
TWELVE: dict[str, tuple[Measure, object, Points]] = {
    "volume": (Count(window=days(7)), {"at_least": 20}, Points(worth=10, scale=Scale(low=20, high=200))),
    "paywall_hits": (
        Count(window=days(14), where=event("paywall_viewed")),
        {"at_least": 2},
        Points(worth=20, half_life=days(7)),
    ),
    "sharing": (
        Count(window=days(28), where=event("report_shared", "member_invited")),
        {"at_least": 3},
        Points(worth=10, scale=Scale(low=2, high=20)),
    ),
    "spending": (
        Sum(window=days(60), of="quantity", where=event("export_run")),
        {"at_least": 50},
        Points(worth=10, scale=Scale(low=50, high=500)),
    ),
    "breadth": (
        Distinct(window=days(14), of="feature"),
        {"at_least": 6},
        Points(worth=15, scale=Scale(low=5, high=20)),
    ),
    "team": (Distinct(window=days(28), of="user_id"), {"at_least": 3}, Points(worth=10, scale=Scale(low=2, high=15))),
    "time_in_product": (
        ActiveTime(window=days(14)),
        {"at_least": 60},
        Points(worth=15, scale=Scale(low=60, high=900)),
    ),
    "habit": (ActiveDays(window=days(28)), {"at_least": 8}, Points(worth=10, scale=Scale(low=7, high=20))),
    "recency": (Recency(window=days(30)), {"at_most": 3}, Points(worth=5)),
    "depth": (
        Share(window=days(30), where=Where.parse({"feature": list(CORE)})),
        {"at_least": 0.5},
        Points(worth=5, scale=Scale(low=0.4, high=0.9)),
    ),
    "momentum": (Trend(window=days(14)), {"at_least": 1.5}, Points(worth=15, scale=Scale(low=1.2, high=3))),
    "activation": (TimeTo(where=event("integration_connected")), {"at_most": 14}, Points(worth=10, lifespan=days(60))),
}
MORE: dict[str, tuple[Measure, object, Points]] = {
    "volume_month": (Count(window=days(30)), {"at_least": 80}, Points(worth=5)),
    "exports": (Count(window=days(14), where=event("export_run")), {"at_least": 2}, Points(worth=5)),
    "pricing": (Count(window=days(7), where=event("pricing_viewed")), {"at_least": 1}, Points(worth=15)),
    "integrations": (Count(window=days(28), where=event("integration_connected")), {"at_least": 1}, Points(worth=10)),
    "queries": (Count(window=days(7), where=event("query_run")), {"at_least": 10}, Points(worth=5)),
    "api_calls": (
        Sum(window=days(7), of="quantity", where=event("api_called")),
        {"at_least": 30},
        Points(worth=5),
    ),
    "breadth_week": (Distinct(window=days(7), of="feature"), {"at_least": 4}, Points(worth=5)),
    "team_week": (Distinct(window=days(7), of="user_id"), {"at_least": 2}, Points(worth=5)),
    "time_this_week": (ActiveTime(window=days(7)), {"at_least": 30}, Points(worth=5)),
    "habit_week": (ActiveDays(window=days(7)), {"at_least": 4}, Points(worth=5)),
    "last_share": (Recency(window=days(30), where=event("report_shared")), {"at_most": 7}, Points(worth=5)),
    "momentum_time": (Trend(window=days(14), measures="active_time"), {"at_least": 1.5}, Points(worth=5)),
    "first_invitation": (TimeTo(where=event("member_invited")), {"at_most": 7}, Points(worth=5)),
}


def plan(number: int = 12) -> Plan:
    """The measures of the first so many signals."""
    items = tuple(PlanItem(name=one.name, measure=one.measure) for one in signals(number))
    return Plan(lead=Level.ACCOUNT, items=items)


def signals(number: int = 12) -> tuple[Signal, ...]:
    """The first so many signals, at most 25."""
    written = list((TWELVE | MORE).items())[:number]
    return tuple(
        Signal(
            name=name,
            title=name.replace("_", " ").capitalize(),
            why="It goes before a purchase.",
            measure=measure,
            fires=Condition.parse(fires),
            points=points,
        )
        for name, (measure, fires, points) in written
    )
