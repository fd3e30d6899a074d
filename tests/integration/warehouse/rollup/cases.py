"""Random usage, random definitions, random arrival: what the property tests of the rollup are made of.

A case has many small groups of accounts and users that share nothing, so that one refresh answers for all of them,
and plain Python needs to look at few rows to say what is right. Everything follows from the name of the case, which a
failure shows: `PQL_TEST_CASES=<name>` runs it again.
"""

import math
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from pql.config.settings import RollupSettings
from pql.domain.calendar import to_micros
from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures import Measure
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.allowance import Allowance
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
from tests.integration.warehouse.conftest import COLUMNS, Database
from tests.integration.warehouse.test_measures import RELATIONS, assert_same, fill, known_at
from tests.reference import Usage, measure_value
from tests.sources import Row

GROUPS = 60
# Changes of the clock (one of them skips midnight, one repeats the hour before it, one skips a day), a leap day, and
# where a year begins.
TIMES = [
    ("UTC", datetime(2024, 2, 29, 0, tzinfo=UTC)),
    ("UTC", datetime(2025, 1, 1, 0, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2024, 3, 31, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2024, 10, 27, 1, tzinfo=UTC)),
    ("America/New_York", datetime(2024, 11, 3, 6, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 11, 4, 3, tzinfo=UTC)),
    ("America/Sao_Paulo", datetime(2018, 2, 18, 2, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, 10, tzinfo=UTC)),
    ("Asia/Kolkata", datetime(2024, 2, 28, 18, 30, tzinfo=UTC)),
]
FILTERS: Sequence[dict[str, Any]] = [
    {},
    {},
    {"event": "paywall"},
    {"event": ["Paywall", "export"], "feature": {"not": "a"}},
    {"feature": {"exists": False}},
    {"properties.size": {"at_least": 2}},
    {"quantity": {"between": [-1, 3]}},
    {"user_id": {"exists": True}},
    {"quantity": {"above": 100}},
]
EVENTS = ("paywall", "PAYWALL ", "export", "login")
SIZES = (None, {"size": 1}, {"size": 2.0}, {"size": "2"}, {"size": None}, {"x": True})
MOVES = (timedelta(), timedelta(microseconds=1), -timedelta(microseconds=1), timedelta(minutes=30))


@dataclass(frozen=True)
class Case:
    """One random world, and the runs over it.

    Args:
        groups: Usages that share neither accounts, users nor ids.
        level: What a lead is.
        items: All measures; a run's plan has some of them.
        instants: Where runs and questions may stand.
    """

    name: str
    groups: Sequence[Usage]
    level: Level
    items: Sequence[PlanItem]
    instants: Sequence[datetime]
    chance: random.Random


def case(name: str) -> Case:
    """The case of a name."""
    chance = random.Random(name)
    zone, pivot = chance.choice(TIMES)
    measures = [chance.choice(KINDS)(chance) for _ in range(chance.randint(3, 6))]
    return Case(
        name,
        [_group(chance, f"g{number}", zone, pivot) for number in range(GROUPS)],
        chance.choice(list(Level)),
        [PlanItem(name=f"m{number}_{measure.kind}", measure=measure) for number, measure in enumerate(measures)],
        [_instant(chance, zone, pivot) for _ in range(chance.randint(2, 4))],
        chance,
    )


def _instant(chance: random.Random, zone: str, pivot: datetime) -> datetime:
    """At, just before or just after what matters, or anywhere near."""
    if chance.random() < 0.4:
        return pivot + timedelta(seconds=chance.randint(-9 * 86_400, 2 * 86_400))
    local = pivot.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight = (local + timedelta(days=chance.randint(-6, 2))).astimezone(UTC)
    edges = (midnight, midnight, pivot, pivot - timedelta(minutes=30), midnight + timedelta(minutes=29))
    return chance.choice(edges) + chance.choice(MOVES) * chance.choice((0, 1, 1, 2))


def _group(chance: random.Random, name: str, zone: str, pivot: datetime) -> Usage:
    accounts, users = [f"{name}a{n}" for n in range(2)], [f"{name}u{n}" for n in range(3)]
    pick = chance.choice

    def happening(kind: str, id_name: str) -> Row:
        return {
            id_name: pick([None, f"{name}e1", f"{name}e2"]) if kind == "event" else None,
            "account_id": pick([*accounts, *accounts, f"{name}stranger", None]) if kind == "event" else pick(accounts),
            "user_id": pick([*users, *users, f"{name}u9", None]),
            "occurred_at": _instant(chance, zone, pivot),
            kind: pick(EVENTS),
            "feature": pick(["a", "b", "A", None]),
            "quantity": pick([None, math.nan, math.inf, 0.1, 0.2, 3.0, chance.uniform(-5, 5)]),
            "properties": pick(SIZES),
        }

    return Usage(
        zone=ZoneInfo(zone),
        accounts=[
            {
                "account_id": account,
                "name": account,
                "domain": pick([None, f"{name}.test", f"{name.upper()}.test ", "gmail.com"]),
                "created_at": pick([None, datetime(2010, 1, 1, tzinfo=UTC), _instant(chance, zone, pivot)]),
            }
            for account in accounts
        ],
        users=[{"user_id": user, "account_id": pick([*accounts, None]), "role": "CTO"} for user in users[:2]],
        events=[happening("event", "event_id") for _ in range(chance.randint(0, 20))],
        touches=[happening("touch", "touch_id") for _ in range(chance.randint(0, 3))],
        allowances=[
            {"account_id": pick(accounts), "meter": "calls", "allowed": pick([0.0, 2.0, 10.0]), "period": period}
            | {"used": None}
            for period in [pick(["day", "week", "month", "total"])]
        ],
        free_mail=frozenset({"gmail.com"}),
    )


def _where(chance: random.Random) -> Where:
    return Where.parse(chance.choice(FILTERS))


def _days(chance: random.Random) -> Duration:
    return Duration.of_days(chance.choice([1, 1, 2, 3, 5, 9, 40]))


KINDS: Sequence[Callable[[random.Random], Measure]] = [
    lambda c: Count(window=_days(c), where=_where(c)),
    lambda c: Count(window=_days(c), where=Where.parse({"touch": "paywall"}), relation=Happening.TOUCHES),
    lambda c: Distinct(of=c.choice(["feature", "properties.size", "user_id"]), window=_days(c), where=_where(c)),
    lambda c: Sum(window=_days(c), where=_where(c)),
    lambda c: ActiveTime(window=_days(c), where=_where(c)),
    lambda c: ActiveTime(window=_days(c)),
    lambda c: ActiveDays(window=_days(c), where=_where(c)),
    lambda c: Recency(window=_days(c), where=_where(c)),
    lambda c: Share(window=_days(c), where=Where.parse({"event": "paywall"}), among=_where(c)),
    lambda c: Share(window=_days(c), where=_where(c), among=_where(c), measures="sum", of="quantity"),
    lambda c: Share(window=_days(c), where=_where(c), measures="distinct", of="feature"),
    lambda c: Trend(window=_days(c), against=_days(c), measures=c.choice(["count", "active_time", "active_days"])),
    lambda c: TimeTo(where=_where(c), since=c.choice(["created", "first_event"])),
    lambda c: Allowance(meter="calls", counted=_where(c)),
    lambda c: Allowance(meter="calls", gives="days_until_full", counted=_where(c), pace=_days(c)),
]


# --- runs ---


def run_case(made: Case, database: Database, rollup: RollupSettings) -> int:
    """Run a case in a database without a rollup; returns how many numbers were compared."""
    chance, compared = made.chance, 0
    arrived: list[list[Row]] = [[] for _ in made.groups]
    stamps: dict[int, datetime] | None = {} if chance.random() < 0.6 else None
    for number, as_of in enumerate(made.instants):
        last = number == len(made.instants) - 1
        # Many new rows and some that go, or a few and none.
        pace = (1.0, 0.1) if last else chance.choice(((0.5, 0.1), (0.5, 0.0), (0.05, 0.0)))
        arrived = [_arrive(chance, rows, g.events, *pace) for rows, g in zip(arrived, made.groups, strict=True)]
        groups = [replace(group, events=rows) for group, rows in zip(made.groups, arrived, strict=True)]
        _write(chance, database, groups, stamps)
        warehouse = database.open(*RELATIONS, lead=made.level, time_zone=groups[0].zone.key, rollup=rollup)
        # What was rolled before is touched anew only where no column is new.
        items = (
            made.items if last or stamps is not None else chance.sample(made.items, chance.randint(1, len(made.items)))
        )
        plan = Plan(lead=made.level, items=tuple(items))
        warehouse.refresh([plan], as_of=as_of)
        asked = sorted({as_of, *(at for at in made.instants if at < as_of and chance.random() < 0.6)})
        assert warehouse._rollup is not None
        assert warehouse._rollup.reaches(plan, asked), f"{made.name}: the rollup does not reach {asked}"
        compared += compare(warehouse.measures(plan, asked), plan, groups, asked, f"{made.name}, run {number + 1}")
    database.close()
    return compared


def _arrive(
    chance: random.Random, before: Sequence[Row], rows: Sequence[Row], coming: float, going: float
) -> list[Row]:
    """More rows, some gone again; those that are there stand in another order."""
    kept = [row for row in before if chance.random() >= going]
    new = [row for row in rows if not any(row is other for other in kept) and chance.random() < coming]
    return chance.sample([*kept, *new], len(kept) + len(new))


def _write(
    chance: random.Random, database: Database, groups: Sequence[Usage], stamps: dict[int, datetime] | None
) -> None:
    """Put what is there into the database; with stamps, each row tells when it came, a few of them wrongly."""
    usage = united(chance, groups)
    if stamps is None:
        return fill(database, usage)
    there = {id(row) for row in usage.events}
    for gone in [key for key in stamps if key not in there]:
        del stamps[gone]
    newest = max(stamps.values(), default=datetime(2024, 1, 1, tzinfo=UTC))
    for number, row in enumerate(usage.events, 1):
        late = timedelta(days=chance.choice((0,) * 20 + (3,)))
        stamps.setdefault(id(row), newest + timedelta(seconds=number) - late)
    events = [{**row, "ingested_at": stamps[id(row)]} for row in usage.events]
    return fill(database, replace(usage, events=events), columns={"events": (*COLUMNS["events"], "ingested_at")})


def united(chance: random.Random, groups: Sequence[Usage]) -> Usage:
    """All groups as one usage, in any order."""

    def rows(name: str) -> list[Row]:
        found = [row for group in groups for row in getattr(group, name)]
        return chance.sample(found, len(found))

    first = groups[0]
    return Usage(
        zone=first.zone,
        accounts=rows("accounts"),
        users=rows("users"),
        events=rows("events"),
        touches=rows("touches"),
        allowances=rows("allowances"),
        free_mail=first.free_mail,
    )


def compare(frame: pd.DataFrame, plan: Plan, groups: Sequence[Usage], asked: Sequence[datetime], what: str) -> int:
    """Hold every number against plain Python; returns how many there were."""
    compared, rows = 0, dict[Any, Any](frame.to_dict("index"))
    for group in groups:
        known = known_at(group, max(asked))
        for key in known.keys(plan.lead.value):
            for as_of in asked:
                for item in plan.items:
                    expected = measure_value(known, item.measure, plan.lead.value, key, as_of)
                    told = f"{what}: {item.name} of {plan.lead.value} {key} at {as_of.isoformat()} ({item.measure})"
                    assert_same(rows[(to_micros(as_of), key)][item.name], expected, told)
                    compared += 1
    return compared


def names_within(seconds: float) -> Iterator[str]:
    """Names of cases until the time is up, the same each time.

    `PQL_TEST_SECONDS` gives more time, `PQL_TEST_SEED=random` other cases, `PQL_TEST_CASES` names those to run.
    """
    if named := os.environ.get("PQL_TEST_CASES"):
        yield from named.split(",")
        return
    until = time.monotonic() + float(os.environ.get("PQL_TEST_SECONDS", seconds))
    seed, number = os.environ.get("PQL_TEST_SEED", "case"), 0
    if seed == "random":
        seed = str(random.SystemRandom().randrange(10**6))
    while time.monotonic() < until:
        yield f"{seed}-{number}"
        number += 1
