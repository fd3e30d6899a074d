"""A small project over DuckDB whose tables, rules and clock a test sets: many runs in little time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pql.config.settings import DeliverySettings, FileSettings, Notifiers, Project, StateSettings
from pql.domain.durations import Duration
from pql.domain.measures.count import Count
from pql.domain.partials import Relation
from pql.domain.rules import Bar, Channel, QualificationRule, Rep, Routing
from pql.domain.signals import Points
from pql.domain.source_health import Expectation
from pql.jobs.detect import RunReport, Tools, detect
from pql.notify import open_channels
from pql.store import Store, migrate, open_store
from pql.warehouse import open_warehouse
from tests.notifiers import starter_templates
from tests.sources import Row, make_tables, project_over
from tests.unit.domain.samples import definitions, signal

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
COLUMNS = {
    "events": ("account_id", "user_id", "occurred_at", "event", "ingested_at"),
    "accounts": ("account_id", "name", "created_at"),
    "touches": ("account_id", "occurred_at", "touch"),
}
RELATIONS = {name: f"SELECT * FROM {name}" for name in COLUMNS}
LEADS = 30


def events(until: datetime, *, a_day: int = 24, days: int = 24) -> list[Row]:
    """So many events on each day, spread over it, of accounts in turn."""
    start = until - timedelta(days=days)
    step = DAY / a_day
    return [
        {
            "account_id": f"a{number % LEADS}",
            "user_id": f"u{number % LEADS}",
            "event": "used",
            "occurred_at": start + number * step,
            "ingested_at": start + number * step,
        }
        for number in range(a_day * days)
        if start + number * step < until
    ]


def accounts(number: int = LEADS) -> list[Row]:
    return [{"account_id": f"a{n}", "name": f"Account {n}", "created_at": NOW - 400 * DAY} for n in range(number)]


def touches(until: datetime) -> list[Row]:
    return [
        {"account_id": f"a{n % LEADS}", "touch": "webinar", "occurred_at": until - n * timedelta(hours=4)}
        for n in range(1, 6 * 25)
    ]


DEFINITIONS = replace(
    definitions(
        [
            signal("uses", Points(worth=80), fires={"at_least": 1}),
            signal(
                "invited",
                Points(worth=10),
                measure=Count(window=Duration.of_days(14), relation=Relation.TOUCHES, noun="touch"),
                fires={"at_least": 1},
            ),
        ]
    ),
    routing=Routing(
        reps=(
            Rep(email="mia@example.com", name="Mia Berg", time_zone="UTC"),
            Rep(email="owen@example.com", name="Owen Hale", time_zone="UTC"),
        ),
        branches=(),
        fallback="mia@example.com",
        channels={"today": (Channel.EMAIL,)},
    ),
    qualification=QualificationRule(enter=Bar(tier="nurture", behaviour=50), leave=Bar(tier="nurture", behaviour=30)),
    content_hash="one",
)
EXPECT = {
    "events": Expectation(every=Duration(7200)),
    "touches": Expectation(every=Duration(6 * 3600)),
}


class Company:
    """A project whose tables and clock the test sets."""

    def __init__(
        self,
        folder: Path,
        *,
        expect: Mapping[str, Expectation] = EXPECT,
        rollup: Any = None,
        state: str = "sqlite:///state.db",
    ) -> None:
        self.url = f"duckdb:///{folder / 'usage.duckdb'}"
        self.project: Project = replace(
            project_over(self.url, RELATIONS, folder=folder, expect=expect, rollup=rollup),
            definitions=DEFINITIONS,
            state=StateSettings(url=state),
            delivery=DeliverySettings(mode="redirect", redirect={"file": "test"}, operator={"file": "ops"}),
        )
        self.channels = open_channels(
            Notifiers(file=FileSettings(folder=folder / "outbox"), templates=starter_templates())
        )
        self.now = NOW
        if not (folder / "usage.duckdb").exists():
            migrate(self.project.state, folder)
            self.write(events=events(NOW), accounts=accounts(), touches=touches(NOW))
        self.store: Store = open_store(self.project.state, folder)

    def write(self, **tables: Sequence[Row]) -> None:
        make_tables(self.url, tables, COLUMNS, {})

    def run(self, *, dry_run: bool = False) -> RunReport:
        with self.tools() as tools:
            return detect(tools, as_of=self.now, dry_run=dry_run)

    @contextmanager
    def tools(self) -> Iterator[Tools]:
        warehouse = open_warehouse(self.project)
        try:
            yield Tools(
                project=self.project,
                warehouse=warehouse,
                store=self.store,
                channels=self.channels,
                clock=lambda: self.now,
            )
        finally:
            warehouse.close()

    def later(self, **tables: Sequence[Row]) -> RunReport:
        """Two hours on."""
        self.now += timedelta(hours=2)
        self.write(**tables)
        return self.run()

    def state(self) -> tuple[Any, ...]:
        """What people see of leads."""
        leads = self.store.leads_table()
        return (
            leads[["behaviour", "tier", "status"]].sort_index().to_dict("index"),
            self.store.decisions(),
            self.store.last_as_of("run"),
            [(one.lead_id, one.closed_at) for lead_id in leads.index for one in self.store.episodes(str(lead_id))],
        )
