"""A small company whose events the tests move about, with a rollup of them in any home."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pql.config.settings import RollupSettings
from pql.domain.calendar import Calendar, from_micros
from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures import Measure
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.measures.time_to import TimeTo
from pql.domain.measures.total import Sum
from pql.domain.partials import Level
from pql.domain.plan import Plan, PlanItem
from pql.warehouse import Refreshed, Warehouse
from tests.integration.warehouse.conftest import Database, database_on
from tests.integration.warehouse.test_measures import assert_same
from tests.reference import Usage, measure_value
from tests.sources import Row, writable

DAYS = Duration.of_days
# A Wednesday, shortly after noon.
NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LATE_DAYS = 7
HOMES = [
    ("duckdb", "local"),
    ("duckdb", "source"),
    ("postgresql", "local"),
    ("postgresql", "source"),
    ("sqlite", "local"),
]
PAYWALL = Where.parse({"event": "paywall"})
MEASURES: Mapping[str, Measure] = {
    "n": Count(window=DAYS(30)),
    "features": Distinct(of="feature", window=DAYS(14)),
    "people": Distinct(of="user_id", window=DAYS(14)),
    "amount": Sum(window=DAYS(7)),
    "minutes": ActiveTime(window=DAYS(14)),
    "until_paywall": TimeTo(where=PAYWALL, since="first_event"),
}


def planned(measures: Mapping[str, Measure] = MEASURES, lead: Level = Level.ACCOUNT) -> Plan:
    return Plan(lead=lead, items=tuple(PlanItem(name=name, measure=measure) for name, measure in measures.items()))


PLAN = planned()


def event(at: datetime, account: str | None = "a1", user: str | None = "u1", name: str = "login", **more: Any) -> Row:
    return {"account_id": account, "user_id": user, "occurred_at": at, "event": name, "quantity": 1.5, **more}


def a_month(until: datetime = NOON) -> list[Row]:
    """Two rows of two users on each of 26 days, some across midnight, each with an id."""
    rows = []
    for back in range(26):
        at = until - back * DAY
        rows.append(event(at - HOUR, feature=f"f{back % 3}", event_id=f"x{back}"))
        rows.append(event(at - 50 * timedelta(minutes=1), feature="g", name="paywall" if back % 4 else "login"))
        midnight = at.replace(hour=0, minute=0)
        rows.append(event(midnight - timedelta(minutes=10), "a2", "u2", event_id=f"y{back}"))
        rows.append(event(midnight + timedelta(minutes=5 + back % 3), "a2" if back % 2 else None, "u2"))
    return rows


@dataclass
class Scene:
    """A source, the rollup of it, and what is measured."""

    database: Database
    rollup: RollupSettings
    plan: Plan = PLAN
    zone: str = "UTC"
    sql: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    accounts: Sequence[Row] = tuple(
        {"account_id": name, "name": name, "created_at": NOON - 400 * DAY} for name in ("a1", "a2", "a3")
    )
    users: Sequence[Row] = (
        {"user_id": "u1", "account_id": "a1", "role": "cto"},
        {"user_id": "u2", "account_id": "a2", "role": "dev"},
    )
    events: Sequence[Row] = ()
    warehouse: Warehouse | None = None

    @property
    def calendar(self) -> Calendar:
        return Calendar(ZoneInfo(self.zone))

    def day(self, at: datetime) -> int:
        return self.calendar.day_of(at)

    def fill(self, events: Sequence[Row], *, columns: Sequence[str] | None = None, **types: str) -> None:
        self.close()
        self.events = events
        named = {} if columns is None else {"events": columns}
        self.database.write(
            named,
            {f"events.{name}": kind for name, kind in types.items()},
            events=events,
            accounts=self.accounts,
            users=self.users,
        )

    def open(self, *, rolled: bool = True) -> Warehouse:
        self.close()
        rollup = self.rollup if rolled else None
        relations = [name for name in ("events", "accounts", "users") if name not in self.sql]
        self.warehouse = self.database.open(
            *relations, sql=self.sql, time_zone=self.zone, lead=self.plan.lead, rollup=rollup, **self.options
        )
        return self.warehouse

    def close(self) -> None:
        self.database.close()
        self.warehouse = None

    def refresh(self, as_of: datetime = NOON, *plans: Plan, keep_on: Callable[[], bool] = lambda: True) -> Refreshed:
        """A job of its own: opens, refreshes for these plans (by default the scene's), and says what was done."""
        reports = self.open().refresh(plans or [self.plan], as_of=as_of, keep_on=keep_on)
        return reports[0]

    def measured(self, *instants: datetime, plan: Plan | None = None) -> pd.DataFrame:
        """From the rollup as it was refreshed last, and from nothing else."""
        assert self.warehouse is not None
        assert self.warehouse._rollup is not None
        wanted = sorted(instants) or [NOON]
        assert self.warehouse._rollup.reaches(plan or self.plan, wanted), "the rollup does not reach so far"
        return self.warehouse.measures(plan or self.plan, wanted)

    def assert_right(self, *instants: datetime, plan: Plan | None = None) -> None:
        """The rollup gives what plain Python makes of the rows."""
        self.assert_equal(self.measured(*instants, plan=plan), plan or self.plan)

    def assert_equal(self, frame: pd.DataFrame, plan: Plan) -> None:
        usage = Usage(ZoneInfo(self.zone), self.accounts, self.users, self.events)
        rows: Any = frame.to_dict("index")
        for (micros, lead), row in rows.items():
            as_of = from_micros(micros)
            for item in plan.items:
                expected = measure_value(usage, item.measure, plan.lead.value, lead, as_of)
                assert_same(row[item.name], expected, f"{item.name} of {lead} at {as_of}")

    def statement(self, text: str) -> Any:
        """Run SQL in the source itself; the rows of a SELECT."""
        self.close()
        return run(writable(self.database.url, self.database.folder), text)

    def in_rollup(self, text: str) -> Any:
        """Run SQL in the rollup's database."""
        if self.rollup.home == "source":
            return self.statement(text)
        self.close()
        return run(f"duckdb:///{self.database.folder / self.rollup.path}", text)

    @property
    def rolled_days(self) -> int:
        text = f"SELECT count(*) FROM {self.rollup.schema}.days WHERE relation = 'events'"
        return int(self.in_rollup(text)[0][0])


def run(url: str, text: str) -> Any:
    engine = sa.create_engine(url, poolclass=NullPool)
    with engine.begin() as connection:
        result = connection.exec_driver_sql(text)
        return result.fetchall() if result.returns_rows else None


def scene_on(engine: str, home: Any, folder: Path, request: pytest.FixtureRequest) -> Scene:
    settings = RollupSettings(home=home, late=DAYS(LATE_DAYS))
    return Scene(database_on(engine, folder, request), settings)


@pytest.fixture
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """A DuckDB source with a local rollup: what the logic does, does not depend on the home."""
    made = scene_on("duckdb", "local", tmp_path, request)
    yield made
    made.close()


@pytest.fixture(params=[("duckdb", "local"), ("postgresql", "source")], ids="-".join)
def either(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """The two homes, on two engines."""
    engine, home = request.param
    made = scene_on(engine, home, tmp_path, request)
    yield made
    made.close()


def only(plan: Plan, *names: str) -> Plan:
    """A plan with some of its measures."""
    return replace(plan, items=tuple(item for item in plan.items if item.name in names))


def without(plan: Plan, *names: str) -> Plan:
    return replace(plan, items=tuple(item for item in plan.items if item.name not in names))
