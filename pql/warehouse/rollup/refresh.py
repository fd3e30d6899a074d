"""Bringing the rollup up to an instant: what changed is found, deleted and rolled again; what is new is filled in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.partials import Level
from pql.domain.partials import Relation as Happening
from pql.warehouse.days import rolled_from
from pql.warehouse.happenings import Survey, Usable
from pql.warehouse.rollup import staging
from pql.warehouse.rollup.changes import changes, survey_days
from pql.warehouse.rollup.columns import Family, Stored, with_edges
from pql.warehouse.rollup.firsts import Firsts
from pql.warehouse.rollup.lasts import Lasts
from pql.warehouse.rollup.notes import late_notes, lost_notes, volume_notes, waiting_notes
from pql.warehouse.rollup.reading import Read, Reader
from pql.warehouse.rollup.staging import Looked, batches
from pql.warehouse.rollup.states import COMPLETE, States, grains, key_of
from pql.warehouse.rollup.touched import WHOLE, Finder, Overtaken, Touched, arrived_days
from pql.warehouse.rollup.user_days import needs_rows
from pql.warehouse.slices import Facts

Progress = Callable[[str, int, int], None]

# Older days than those that may still change are looked at for so long, so that what comes too late is told.
REPORTED = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class Refreshed:
    """What a refresh did to one relation.

    Args:
        rolled: Days that were rolled, and how many rows they have.
        late: Rows that came, went or changed on days too old to be rolled again, by day.
        lost: Days of new columns that the source no longer has.
        waiting: Columns that are not yet filled in as far back as the source goes.
        first_build: Nothing was rolled before.
        notes: What people should know of it, in sentences.
    """

    relation: Happening
    rolled: Mapping[int, int] = field(default_factory=dict)
    late: Mapping[int, int] = field(default_factory=dict)
    lost: tuple[int, ...] = ()
    waiting: tuple[str, ...] = ()
    first_build: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refresher(Reader):
    """Rolls one relation.

    Args:
        late: Days older than this are not rolled again.
        progress: Is told of the days.
        keep_on: Asked between batches whether there is time to fill in more of the past.
    """

    late: timedelta
    progress: Progress
    keep_on: Callable[[], bool]

    def refresh(self, as_of: datetime) -> Refreshed:
        """Bring the relation up to an instant."""
        states = States(self.home)
        states.add(self.columns)
        self._upgrade(states)
        known, today = states.days(self.happening), self.calendar.last_day_before(as_of)
        # A day that was rolled up to a later instant stays so: only as a whole can it be compared.
        as_of = max(as_of, from_micros(known["until"].get(today, 0)))
        # What came while nobody looked is not late.
        looked = as_of if known.empty else min(as_of, from_micros(known["until"].max()))
        oldest = self.calendar.day_of(looked - self.late)
        incomplete = self._incomplete(states)
        # What comes too late is looked for once a day: it is the dear part of a look.
        again = self.calendar.day_of(looked) == self.calendar.day_of(as_of)
        beyond = looked - self.late - (timedelta(0) if again or self._arrives else REPORTED)
        first = None if incomplete or known.empty else self.calendar.day_of(beyond)
        found = self._survey(first, as_of)
        begin = int(min([today, *found.index, *known.index])) if first is None else first
        seen = changes(found, known, self.calendar, as_of=as_of, first=begin, oldest=begin if known.empty else oldest)
        ends = {day: self._end(day, as_of) for day in seen.advanced}
        if ends:
            states.advance(self.happening, ends)
        lost = self._lost(found, known, incomplete, oldest)
        touched = WHOLE if incomplete or not self._arrives else self._finder(found, known, as_of).find(seen.dirty)
        rolled = self._roll_all(states, Looked(found, known, touched), set(seen.dirty), incomplete, as_of)
        waiting = tuple(sorted(column.name for column in self._incomplete(states)))
        ended = range(self.calendar.day_of(looked), self.calendar.day_of(as_of))
        judged = {*ended, *(day for day in rolled if day < self.calendar.day_of(as_of))} if not known.empty else set()
        name = self.happening.value
        came_late = {} if first is None or again or not self._arrives else self._came_late(known, looked, first)
        late = {day: rows for day, rows in {**seen.late, **came_late}.items() if day not in rolled}
        return Refreshed(
            relation=self.happening,
            rolled=rolled,
            late=late,
            lost=lost,
            first_build=known.empty,
            waiting=waiting,
            notes=(
                *late_notes(late, name, self.calendar),
                *lost_notes(lost, name, self.calendar),
                *waiting_notes(waiting, name),
                *volume_notes(states.days(self.happening)["row_count"], judged, name, self.calendar),
            ),
        )

    def _upgrade(self, states: States) -> None:
        """A rollup of an earlier version has no last days yet."""
        fact = f"lasts.{self.happening.value}"
        if states.fact(fact) is None:
            built = states.built_from()
            filled = [column for column in self.columns if built.get(key_of(column)) == COMPLETE]
            with self.home.transaction() as connection:
                Lasts(self.home, self.happening).rebuild(connection, filled)
            states.remember(fact, "1")

    def _incomplete(self, states: States) -> Mapping[Stored, int | None]:
        built = states.built_from()
        return {column: built[key_of(column)] for column in self.columns if built.get(key_of(column)) != COMPLETE}

    def _survey(self, first: int | None, as_of: datetime) -> pd.DataFrame:
        start = None if first is None else rolled_from(self.calendar, first)
        plain = Usable(self.relation, self.happening, self.users, Survey(None, None, orphans=False, repeats=0))
        return survey_days(self.source, plain, self._facts, self.calendar, start=start, end=as_of)

    def _came_late(self, known: pd.DataFrame, looked: datetime, first: int) -> Mapping[int, int]:
        """How many rows came since the last look on days before the first that may still change."""
        start = self.calendar.start_of(self.calendar.day_of(looked - self.late - REPORTED))
        end = self.calendar.start_of(first)
        # The last time was in the first run of that day, or before; clocks of whoever lets rows arrive differ.
        since = self.calendar.start_of(self.calendar.day_of(looked)) - timedelta(hours=1)
        days = arrived_days(self.source, self.relation, self.calendar, start=start, end=end, since=since)
        if not days:
            return {}
        there = self._survey(min(days), self.calendar.start_of(max(days) + 1))["row_count"]
        counts = {day: int(there.get(day, 0)) - int(known["row_count"].get(day, 0)) for day in days}
        return {day: abs(rows) for day, rows in counts.items() if rows}

    @property
    def _arrives(self) -> bool:
        """Whether rows tell when they arrived."""
        return self.relation.has("ingested_at")

    def _finder(self, found: pd.DataFrame, known: pd.DataFrame, as_of: datetime) -> Finder:
        return Finder(
            source=self.source,
            relation=self.relation,
            happening=self.happening,
            calendar=self.calendar,
            found=found,
            known=known,
            end=as_of,
        )

    @property
    def _facts(self) -> Facts:
        return Facts.of(column.partial() for column in self.columns)

    def _end(self, day: int, as_of: datetime) -> int:
        return min(to_micros(self.calendar.start_of(day + 1)), to_micros(as_of))

    def _lost(
        self, found: pd.DataFrame, known: pd.DataFrame, incomplete: Mapping[Stored, int | None], oldest: int
    ) -> tuple[int, ...]:
        """Old days whose rows the source no longer has: what was kept of them stays."""
        if not incomplete:
            return ()
        held = known[(known["row_count"] > 0) & (known.index < oldest)]
        return tuple(int(day) for day in held.index.difference(found.index))

    def _roll_all(
        self,
        states: States,
        looked: Looked,
        dirty: set[int],
        incomplete: Mapping[Stored, int | None],
        as_of: datetime,
    ) -> Mapping[int, int]:
        """Roll what changed, then the past of what is new, the newest days first."""
        pending, found = dict(incomplete), looked.found
        behind = [day for day in found.index if any(built is None or day < built for built in pending.values())]
        wanted = sorted(dirty.union(map(int, behind)), reverse=True)
        rolled: dict[int, int] = {}
        # Where nothing can be evaluated yet, the first build goes on to its end.
        keep_on = self.keep_on if len(incomplete) < len(self.columns) else lambda: True
        skipped = False
        for days in batches(wanted, looked):
            if not dirty.intersection(days) and rolled and (skipped or not keep_on()):
                # What changed is rolled all the same, but no longer tells how far back new columns are filled in.
                skipped = True
                continue
            self.progress(f"Rolling up {self.happening.value}", len(rolled), len(wanted))
            self._roll(states, days, looked, {} if skipped else pending, as_of)
            rolled |= {day: int(found["row_count"].get(day, 0)) for day in days}
        if not skipped:
            self._complete(states, pending)
        self.progress(f"Rolling up {self.happening.value}", len(wanted), len(wanted))
        return rolled

    def _complete(self, states: States, pending: Mapping[Stored, int | None]) -> None:
        if pending:
            with self.home.transaction() as connection:
                states.built(connection, pending, COMPLETE)
                Lasts(self.home, self.happening).rebuild(connection, pending)

    def _roll(
        self,
        states: States,
        days: Sequence[int],
        looked: Looked,
        pending: dict[Stored, int | None],
        as_of: datetime,
    ) -> None:
        """Delete and roll some days again, in one transaction."""
        try:
            self._roll_these(states, days, looked, pending, as_of)
        except Overtaken:
            # Another job rolled one of the days since we looked: more may have changed than these keys.
            self._roll_these(states, days, replace(looked, touched=WHOLE), pending, as_of)

    def _roll_these(
        self,
        states: States,
        days: Sequence[int],
        looked: Looked,
        pending: dict[Stored, int | None],
        as_of: datetime,
    ) -> None:
        many = sum(map(looked.rows, days)) > staging.MOST_ROWS
        with self.read(days, looked.touched, as_of, many=many) as read:
            self._keep(states, read, days, looked, pending, as_of)

    def _keep(
        self,
        states: States,
        read: Read,
        days: Sequence[int],
        looked: Looked,
        pending: dict[Stored, int | None],
        as_of: datetime,
    ) -> None:
        """Put what was read of some days in the place of what was kept of them."""
        built, columns = states.built_from(), read.batch.columns
        there = [(Level(grain), name) for of, grain, name in built if of == self.happening.value]
        unneeded = {name for _, name in there}.difference(column.name for column in columns)
        grown = {column: min(days) for column, built in pending.items() if built is None or min(days) < built}
        until = [self._end(day, as_of) for day in days]
        lost = read.orphans.reindex(list(days), fill_value=0)
        orphans = [looked.orphans(day) if day in looked.touched.orphans else int(lost[day]) for day in days]
        state = looked.found.reindex(list(days), fill_value=0).assign(until=until, orphans=orphans)
        with self.home.transaction() as connection:
            looked.still(states.days(self.happening), days)
            there_grains = dict.fromkeys(grain for grain, _ in there)
            self._replace(connection, read, days, looked.touched, there_grains)
            firsts = Firsts(self.home, self.calendar)
            firsts.forget(connection, sorted(unneeded), days)
            firsts.update(connection, columns, days)
            lasts = Lasts(self.home, self.happening)
            lasts.forget(connection, sorted(unneeded))
            filled = [column for column in columns if built.get(key_of(column)) == COMPLETE]
            lasts.update(connection, filled, days, looked.touched)
            states.rolled(connection, self.happening, state)
            states.built(connection, grown, min(days))
            states.neglect(connection, self.happening, columns)
        pending.update(grown)

    def _replace(
        self, connection: sa.Connection, read: Read, days: Sequence[int], touched: Touched, there: Iterable[Level]
    ) -> None:
        batch, by_user = read.batch, read.by_user
        tables, path = self.home.tables, self.relation.file.path
        values, edges = tables.values(self.happening), tables.edges(self.happening)
        # Also where no column is needed now: one that returns must not find what is gone.
        for table in (*(tables.slices(self.happening, grain, []) for grain in there), values, edges):
            key = touched.keys(table.c.account_id, table.c.user_id, table.c.account_id == "")
            connection.execute(sa.delete(table).where(touched.within(table.c.day, days, key)))
        for grain in grains(batch.columns):
            own = [column for column in batch.columns if column.grain is grain]
            table = tables.slices(self.happening, grain, [c for c in own if c.family is not Family.VALUES])
            self._insert(connection, table, by_user.slices(grain), read)
        for column in batch.columns:
            if needs_rows(column):
                select = batch.values(column)
                self.home.insert(values, list(select.selected_columns.keys()), select, path)
            elif column.family is Family.VALUES:
                self._insert(connection, values, by_user.values(column), read)
        for column in with_edges(batch.columns):
            self._insert(connection, edges, by_user.edges(column), read)

    def _insert(self, connection: sa.Connection, table: sa.Table, select: sa.Select[Any], read: Read) -> None:
        # Days lie together: windows of days then read half as many blocks.
        rows = select.subquery()
        ordered, names = sa.select(*rows.c).order_by(rows.c.day), list(rows.c.keys())
        if read.in_source:
            self.home.insert(table, names, ordered, self.relation.file.path)
        else:
            connection.execute(table.insert().from_select(names, ordered))
