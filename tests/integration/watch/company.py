"""A company with a few accounts, one rep and moments of the test's own; rows are added as they would arrive."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pql.config.settings import DeliverySettings, Project, StateSettings
from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures.count import Count
from pql.domain.moments import Moment, Urgency
from pql.domain.patterns import Pattern
from pql.domain.rules import Channel, Rep, Routing
from pql.jobs.detect import RunReport, Tools, detect
from pql.jobs.watch import Known, WatchReport, watch
from pql.store import Store, open_store
from pql.testing import RecordingChannel
from pql.warehouse import open_warehouse
from pql.warehouse.source import Asked
from tests.sources import make_tables, project_over, stored, writable
from tests.unit.domain.samples import definitions, signal

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ACCOUNTS = ("a1", "a2", "a3", "a4")
ROUTING = Routing(
    reps=(Rep(email="mia@plotline.test", name="Mia"),),
    branches=(),
    fallback="mia@plotline.test",
    channels={"now": (Channel.FILE,), "today": (Channel.FILE,), "digest": (Channel.FILE,)},
    max_per_rep_a_day=1000,
)
COLUMNS = {
    "events": ("event_id", "account_id", "user_id", "occurred_at", "ingested_at", "event", "feature"),
    "accounts": ("account_id", "name", "created_at"),
    "users": ("user_id", "account_id", "name", "email", "role"),
    "allowances": ("account_id", "meter", "allowed", "used", "period"),
    "subscriptions": ("account_id", "plan", "status", "started_at", "ended_at", "trial_ends_at"),
}
EVERYTHING = Count(window=Duration.of_days(7), noun="event")


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def moment(pattern: Pattern, name: str = "it", **rest: Any) -> Moment:
    """An urgent moment that may be told every time."""
    given: dict[str, Any] = {"urgency": Urgency.NOW, "cooldown": Duration(0), "play": "Help {{ lead.name }}."} | rest
    return Moment(name=name, title="It happened", why="It helps.", pattern=pattern, **given)


def done(
    at: datetime, event: str = "export", account: str = "a1", user: str | None = "u1", **rest: Any
) -> dict[str, Any]:
    """A row of events; it arrives at once unless `ingested_at` says otherwise."""
    row = {"account_id": account, "user_id": user, "occurred_at": at, "ingested_at": at, "event": event, "feature": "x"}
    return row | rest


@dataclass
class Company:
    """The databases and the clock.

    Args:
        url: Of the usage.
        state: Of what is remembered.
        changes: Of the definitions: fields that are others than here.
    """

    url: str
    folder: Path
    state: StateSettings
    moments: Sequence[Moment]
    now: datetime = NOON
    by_arrival: bool = True
    asked: list[Asked] = field(default_factory=list)
    usage: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)
    known: Known = field(default_factory=Known)
    channel: RecordingChannel = field(default_factory=RecordingChannel)

    def start(self, *rows: Mapping[str, Any], **tables: Sequence[Mapping[str, Any]]) -> RunReport:
        """Make the tables with these rows of events, and run the main job once."""
        accounts = [
            {"account_id": name, "name": name.upper(), "created_at": NOON - timedelta(days=90)} for name in ACCOUNTS
        ]
        users = [{"user_id": "u1", "account_id": "a1", "name": "Ann", "email": "ann@a1.test", "role": "admin"}]
        columns = {**COLUMNS, "events": self._event_columns}
        all_tables = {"allowances": [], "subscriptions": [], "users": users, **tables}
        make_tables(writable(self.url, self.folder), {"events": rows, "accounts": accounts, **all_tables}, columns, {})
        return self.run()

    @property
    def _event_columns(self) -> tuple[str, ...]:
        return tuple(name for name in COLUMNS["events"] if self.by_arrival or name != "ingested_at")

    def add(self, *rows: Mapping[str, Any], table: str = "events") -> None:
        """Let rows arrive."""
        engine = sa.create_engine(writable(self.url, self.folder), poolclass=NullPool)
        names = self._event_columns if table == "events" else COLUMNS[table]
        target = sa.table(table, *(sa.column(name) for name in names))
        with engine.begin() as connection:
            for row in rows:
                connection.execute(target.insert().values({name: stored(engine.name, row.get(name)) for name in names}))

    def write(self, statement: str) -> None:
        """Change a table."""
        engine = sa.create_engine(writable(self.url, self.folder), poolclass=NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)

    @property
    def project(self) -> Project:
        texts = {name: f"SELECT * FROM {name}" for name in COLUMNS}
        project = project_over(self.url, texts, folder=self.folder, **self.usage)
        own = definitions([signal(measure=EVERYTHING, fires={"at_least": 2})])
        decided = replace(own, **{"moments": tuple(self.moments), "routing": ROUTING, **self.changes})
        return replace(project, definitions=decided, delivery=DeliverySettings(mode="on"))

    @contextmanager
    def tools(self) -> Iterator[Tools]:
        """What a job works with, closed after the block."""
        store, warehouse = open_store(self.state, self.folder), open_warehouse(self.project, self.asked.append)
        try:
            yield Tools(
                project=self.project,
                warehouse=warehouse,
                store=store,
                channels={"file": self.channel},
                clock=lambda: self.now,
            )
        finally:
            warehouse.close()
            store.close()

    def run(self, *, at: datetime | None = None) -> RunReport:
        """The main job."""
        self.now = at or self.now
        with self.tools() as tools:
            return detect(tools, as_of=self.now)

    def look(self, *, at: datetime | None = None, **rest: Any) -> WatchReport:
        """The watch."""
        self.now = at or self.now
        with self.tools() as tools:
            return watch(tools, as_of=self.now, known=self.known, **rest)

    def looks(self, *after: float) -> list[WatchReport]:
        """A look so many minutes after noon, each."""
        return [self.look(at=NOON + minutes(number)) for number in after]

    @contextmanager
    def store(self) -> Iterator[Store]:
        """What is remembered."""
        opened = open_store(self.state, self.folder)
        try:
            yield opened
        finally:
            opened.close()

    def occurrences(self) -> list[tuple[str, str, str]]:
        """All that are stored: moment, lead and key."""
        with self.store() as store:
            found = store.occurrences([one.name for one in self.moments], ACCOUNTS, NOON - timedelta(days=400))
        return sorted(found[["moment", "lead_id", "key"]].itertuples(index=False, name=None))

    def told(self) -> list[str]:
        """The step keys of all moments that were told, also together; one that was told twice stands here twice."""
        with self.store() as store:
            alone = [one.step_key for one in reversed(store.notifications(limit=1000)) if one.subject == "moment"]
            gathered = [
                step
                for one in store.decisions(outcome="sent", limit=1000)
                if one.subject == "moment" and "message" in one.evidence
                for step in [one.step_key] * one.times
            ]
        return [*alone, *gathered]


def where(**written: object) -> Where:
    return Where.parse(written)
