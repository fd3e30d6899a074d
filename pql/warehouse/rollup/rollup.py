"""The rollup as the warehouse uses it: open, refresh, measure, close."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from pql.config.settings import RollupSettings
from pql.domain.calendar import Calendar, from_micros, to_micros
from pql.domain.partials import Level, PartialInput
from pql.domain.partials import Relation as Happening
from pql.domain.plan import Plan
from pql.warehouse.days import rolled_from
from pql.warehouse.measuring import Floats, Grid, Task
from pql.warehouse.relations import Relation, Relations
from pql.warehouse.rollup.by_user import ByUser
from pql.warehouse.rollup.columns import Layout, Stored, columns_of
from pql.warehouse.rollup.homes import Home, home_of
from pql.warehouse.rollup.merging import TAILS, Merging
from pql.warehouse.rollup.refresh import Progress, Refreshed, Refresher
from pql.warehouse.rollup.rolling import Batch
from pql.warehouse.rollup.running import measured
from pql.warehouse.rollup.staging import stage
from pql.warehouse.rollup.states import COMPLETE, States, key_of
from pql.warehouse.rollup.upkeep import (
    ColumnStatus,
    Difference,
    RollupStatus,
    compared,
    prune,
    sampled,
    status,
)
from pql.warehouse.rollup.user_days import facts_of, needs_rows
from pql.warehouse.source import Source

# A tail is rolled for each of so few instants that fall within a day; more are evaluated from the rows.
MOST_TAILS = 50
# Of each embedded database, while days are rolled.
MEGABYTES = 500


@dataclass
class Rollup:
    """The daily partial results of a project's relations.

    Args:
        source: The usage tables.
        relations: For their SQL.
        settings: Where the rollup lives, and how late rows may come.
        calendar: The project's days.
    """

    source: Source
    relations: Relations
    settings: RollupSettings
    calendar: Calendar

    def __post_init__(self) -> None:
        self.home: Home = home_of(self.source, self.settings)
        self._refreshed_to: datetime | None = None
        self._built: Mapping[tuple[str, str, str], int | None] = {}
        self._days: dict[Happening, pd.DataFrame] = {}
        self._layout = Layout()
        self._wanted: frozenset[Stored] = frozenset()
        self._rolled_since: datetime | None = None

    @property
    def rolled_since(self) -> datetime | None:
        """From when on the last refresh rolled; None where it was all, or none was made."""
        return self._rolled_since

    def close(self) -> None:
        """Give the home back."""
        self._refreshed_to = None
        self.home.close()

    def refresh(
        self, plans: Iterable[Plan], as_of: datetime, *, progress: Progress, keep_on: Callable[[], bool]
    ) -> Sequence[Refreshed]:
        """Bring the rollup up to an instant; it stays open for `measure`.

        Raises:
            RollupUnavailable: It is in use by another job, or cannot be written. What it held stays.
            WarehouseError: The source cannot be read. What it held stays.
        """
        self.home.open()
        with self._bounded():
            return self._refreshed(list(plans), as_of, progress, keep_on)

    @contextmanager
    def _bounded(self) -> Iterator[None]:
        """A build of any size in so much memory: what does not fit is spilled, and little is cached."""
        held = {self.source.engine: self.source.connection(), self.home.engine: self.home.connection()}
        try:
            for engine, connection in held.items():
                engine.limit_memory(connection, MEGABYTES)
            yield
        finally:
            for engine, connection in held.items():
                # Of a connection that was lost there is nothing to give back.
                with suppress(sa.exc.SQLAlchemyError):
                    engine.limit_memory(connection, None)

    def _refreshed(
        self, wanted: Sequence[Plan], as_of: datetime, progress: Progress, keep_on: Callable[[], bool]
    ) -> Sequence[Refreshed]:
        states = States(self.home)
        reports = []
        for happening in Happening:
            relation = self.relations.get(happening.value)
            if relation is not None:
                self._keep_or_clear(states, relation, happening)
                reports.append(self._refresh(states, wanted, relation, happening, as_of, progress, keep_on))
        states.remember("refreshed_to", str(to_micros(as_of)))
        self._load(states, wanted)
        first = min((day for report in reports for day in report.rolled), default=self.calendar.last_day_before(as_of))
        whole = any(report.first_build for report in reports)
        self._rolled_since = None if whole else self.calendar.start_of(first)
        return reports

    def look(self, plans: Sequence[Plan]) -> datetime | None:
        """Open it as it is, without bringing it up to date; returns up to when it is."""
        self.home.open()
        states = States(self.home)
        self._load(states, plans)
        return self._refreshed_to

    def _load(self, states: States, plans: Sequence[Plan]) -> None:
        until = states.fact("refreshed_to")
        self._refreshed_to = None if until is None else from_micros(int(until))
        self._built, self._layout = states.built_from(), self._layout_of(states)
        self._wanted = frozenset(columns_of(plans, self._layout))
        self._days = {happening: states.days(happening) for happening in Happening}

    def _layout_of(self, states: States) -> Layout:
        return states.layout(bits=self.home.engine.has_bits and self.source.engine.has_bits)

    def _refresh(
        self,
        states: States,
        plans: Sequence[Plan],
        relation: Relation,
        happening: Happening,
        as_of: datetime,
        progress: Progress,
        keep_on: Callable[[], bool],
    ) -> Refreshed:
        while True:
            layout = self._layout_of(states)
            refresher = Refresher(
                source=self.source,
                home=self.home,
                relation=relation,
                happening=happening,
                users=self.relations.get("users"),
                calendar=self.calendar,
                columns=self.columns(plans, relation, happening, layout),
                late=timedelta(seconds=self.settings.late.seconds),
                progress=progress,
                keep_on=keep_on,
            )
            report = refresher.refresh(as_of)
            # A domain that outgrew its bits is kept as rows from now on, and filled in.
            if self._layout_of(states) == layout:
                return report

    def columns(
        self, plans: Iterable[Plan], relation: Relation, happening: Happening, layout: Layout
    ) -> tuple[Stored, ...]:
        """The columns that plans need of a relation, as far as it has what they read."""
        return tuple(
            column
            for column in columns_of(plans, layout)
            if column.relation is happening and relation.has_all(column.partial())
        )

    def _keep_or_clear(self, states: States, relation: Relation, happening: Happening) -> None:
        """Forget what was rolled with other SQL, or by other days."""
        name, now = f"sql.{happening.value}", relation.fingerprint(self.calendar.zone.key)
        before = states.fact(name)
        if before is not None and before != now:
            states.clear(happening)
        if before != now:
            states.remember(name, now)

    # --- measures ---

    def reaches(self, plan: Plan, instants: Sequence[datetime]) -> bool:
        """Whether a plan can be evaluated from the rollup at these instants (sorted); else the rows must be read."""
        if self._refreshed_to is None or instants[-1] > self._refreshed_to:
            return False
        if not self._wanted.issuperset(columns_of([plan], self._layout)):
            return False
        # Beside the events another job may have rolled since, with other definitions.
        self._built = States(self.home).built_from()
        return len(self._cuts(Happening.EVENTS, instants)) <= MOST_TAILS

    def covers(self, source: PartialInput, level: Level, instants: Sequence[datetime]) -> bool:
        """Whether an input is filled in as far back as its span reaches."""
        column = self._layout.stored(source.partial, level)
        built = self._built.get(key_of(column))
        if built is None or built == COMPLETE:
            return built is not None
        starts = [source.span.bounds(self.calendar, at).start for at in instants]
        return all(start is not None and built <= self.calendar.day_of(start) for start in starts)

    def measure(
        self,
        happening: Happening,
        task: Task,
        grids: Mapping[Level, Grid],
        instants: Sequence[datetime],
        *,
        companies: Callable[[], sa.Select[Any]],
        members: Callable[[], sa.Select[Any] | None],
        few: bool,
    ) -> Mapping[Level, Mapping[str, Floats]]:
        """The columns of each level, as `Measuring.run` gives them over the rows.

        Args:
            happening: Of which relation.
            task: Inputs that are covered.
            grids: Where the numbers belong.
            instants: Sorted; `reaches` says yes to them.
            companies: Makes a SELECT of `account_id` and `company_id`.
            members: Makes a SELECT of `user_id` and `account_id`; None without users.
            few: Whether only the keys of the grids are read, since they are few.
        """
        path, days = self.relations.needed(happening.value).file.path, self._days[happening]
        cuts = self._cuts(happening, instants)
        tails = {to_micros(at): TAILS - number for number, at in enumerate(cuts)}
        listed = members() if tails or bool(days["orphans"].any()) else None
        merging = Merging(
            home=self.home,
            happening=happening,
            layout=self._layout,
            calendar=self.calendar,
            instants=instants,
            rolled=[int(str(day)) for day in days.index],
            tails=tails,
            tail_tables=self._tails(happening, task, cuts, tails) if tails else {},
            companies=self.home.mapped("pql_companies", companies(), path) if Level.COMPANY in task.inputs else None,
            members=None if listed is None else self.home.mapped("pql_members", listed, path),
            keys={level: list(grid.keys) if few else None for level, grid in grids.items()},
            lasting=frozenset(key for key, built in self._built.items() if built == COMPLETE),
        )
        return measured(merging, task, grids)

    def _cuts(self, happening: Happening, instants: Sequence[datetime]) -> list[datetime]:
        """The instants within a day of which other rows are rolled than those before the instant."""
        return [at for at in instants if self._is_cut(self._days[happening], at)]

    def _is_cut(self, days: pd.DataFrame, at: datetime) -> bool:
        day = self.calendar.last_day_before(at)
        if self.calendar.start_of(day + 1) == at or day not in days.index:
            return False
        until, last_at = (int(str(days.at[day, name])) for name in ("until", "last_at"))
        return bool(until != to_micros(at) and not last_at < to_micros(at) <= until)

    def _tails(
        self, happening: Happening, task: Task, cuts: Sequence[datetime], tails: Mapping[int, int]
    ) -> Mapping[str, Any]:
        """The rows of the days in which instants fall, up to each, as tables beside the rollup's."""
        columns = list(
            dict.fromkeys(
                self._layout.stored(source.partial, level) for level, inputs in task.inputs.items() for source in inputs
            )
        )
        parts: dict[str, list[pa.Table]] = {}
        for at in cuts:
            for name, rows in self._tail(happening, columns, at).items():
                numbered = pa.array([tails[to_micros(at)]] * rows.num_rows, pa.int64())
                parts.setdefault(name, []).append(rows.set_column(rows.column_names.index("day"), "day", numbered))
        return {
            name: self.home.put(f"pql_tail_{name}", pa.concat_tables(found, promote_options="permissive"))
            for name, found in parts.items()
        }

    def _tail(self, happening: Happening, columns: Sequence[Stored], at: datetime) -> Mapping[str, pa.Table]:
        return self._computed(happening, columns, self.calendar.last_day_before(at), at)

    def _computed(
        self, happening: Happening, columns: Sequence[Stored], day: int, until: datetime
    ) -> Mapping[str, pa.Table]:
        """What a day's rows before an instant come to, computed by the source and kept nowhere."""
        relation, facts = self.relations.needed(happening.value), facts_of(columns)
        start, users, path = rolled_from(self.calendar, day), self.relations.get("users"), relation.file.path
        listed = [column for column in columns if needs_rows(column)]
        rows, made = stage(
            self.source, relation, happening, users, facts, self.calendar, start=start, end=until, again=bool(listed)
        )
        batch = Batch(rows, facts, columns, States(self.home).dictionary(happening), self.source.engine)
        bounds = self.calendar.start_of(day - 1), until + timedelta(days=1)
        name, parts = f"pql_tail_of_{relation.name}", batch.parts
        try:
            with self.home.staged(name, parts.columns(), batch.by_user(), path) as table:
                by_user = ByUser(table, parts, columns, self.home.engine, self.calendar, *bounds)
                found = {name: _typed(self.home.fetch_arrow(select)) for name, select in by_user.all().items()}
            values = [found["values"]] if "values" in found else []
            values += [_typed(self.source.fetch_arrow(batch.values(column), path)) for column in listed]
            return {**found, "values": pa.concat_tables(values)} if values else found
        finally:
            for name in reversed(made):
                self.source.drop(name)

    # --- upkeep ---

    def known_days(self, happening: Happening) -> pd.DataFrame:
        """The days that were rolled before, as `States.days`."""
        self.home.open()
        return States(self.home).days(happening)

    def wanted(self, plans: Sequence[Plan]) -> list[Stored]:
        """The columns that plans need, as far as the relations have what they read."""
        layout = self._layout_of(States(self.home))
        found: list[Stored] = []
        for happening in Happening:
            relation = self.relations.get(happening.value)
            found += [] if relation is None else self.columns(plans, relation, happening, layout)
        return found

    def status(self, plans: Sequence[Plan]) -> RollupStatus:
        """What it holds."""
        self.home.open()
        return status(self.home, self.wanted(plans))

    def prune(self, plans: Sequence[Plan]) -> Sequence[ColumnStatus]:
        """Drop what no plan needs; returns it."""
        self.home.open()
        return prune(self.home, self.wanted(plans))

    def forget(self) -> None:
        """Forget all days, so that the next refresh builds everything anew."""
        self.home.open()
        for happening in Happening:
            States(self.home).clear(happening)

    def verify_days(self, plans: Sequence[Plan], number: int, chance: random.Random) -> tuple[int, list[Difference]]:
        """Compute some days anew from the rows; returns how many, and where they differ from what is kept."""
        self.home.open()
        states, wanted = States(self.home), self.wanted(plans)
        looked, differences = 0, list[Difference]()
        for happening in Happening:
            days, built = states.days(happening), states.built_from()
            complete = [c for c in wanted if c.relation is happening and built.get(key_of(c)) == COMPLETE]
            for day in sampled(days, number, chance) if complete else []:
                until = from_micros(float(str(days.at[day, "until"])))
                for name, rows in self._computed(happening, complete, day, until).items():
                    what = f"{happening.value} of {self.calendar.words(day)}, {name}"
                    differences += compared(self._kept(happening, name, complete, day), rows.to_pandas(), what)
                looked += 1
        return looked, differences

    def _kept(self, happening: Happening, name: str, columns: Sequence[Stored], day: int) -> pd.DataFrame:
        tables = self.home.tables
        if name in ("values", "edges"):
            table = tables.values(happening) if name == "values" else tables.edges(happening)
            where = [table.c.day == day, table.c.name.in_([column.name for column in columns])]
            return self.home.fetch(sa.select(*table.c).where(*where))
        own = [column for column in columns if column.grain is Level(name)]
        table = tables.slices(happening, Level(name), own)
        return self.home.fetch(sa.select(*table.c).where(table.c.day == day)) if own else pd.DataFrame()


def _typed(rows: pa.Table) -> pa.Table:
    """Rows of the rollup's tables; a column without any value has no type of its own."""
    texts = {"name", "account_id", "user_id", "value"}
    fields = [pa.field(name, pa.string() if name in texts else pa.int64()) for name in rows.column_names]
    return rows.cast(pa.schema(fields))
