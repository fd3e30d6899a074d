"""Inputs from partial results: at one instant from the days of each window, else from windows joined to a calendar.

Several instants without tails are read off running totals instead: `running.py`.

A calendar has a row for each instant and day that a span of it covers, and tells which spans those are. An instant
within a day that is not rolled up to just there has a tail: that day's rows before the instant, rolled into a table
of its own under a day number that no day has.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from pql.domain.calendar import Calendar, to_micros
from pql.domain.partials import Aggregate, Level, PartialInput, SpanKind, SpanRule
from pql.domain.partials import Relation as Happening
from pql.warehouse.days import whole
from pql.warehouse.engines import Expr
from pql.warehouse.measuring import Floats, Grid, Task, scattered
from pql.warehouse.rollup.columns import Family, Layout, Stored
from pql.warehouse.rollup.homes import Home
from pql.warehouse.rollup.states import key_of
from pql.warehouse.rollup.windows import Days, Reach, Reaches, Scan, Seen, days_of, joined, scans, widest, within
from pql.warehouse.slices import PAUSE_MICROS, total

# Tails have day numbers below all days.
TAILS = -(10**6)


@dataclass(frozen=True, kw_only=True)
class Merging:
    """One relation's inputs at a set of instants.

    Args:
        layout: How distinct values are kept.
        instants: Sorted, each once.
        rolled: The days that have rows, in order.
        tails: As for `days_of`; their rows stand in tables put beside the rollup's.
        tail_tables: The tables of the tails: by grain, "values" and "edges".
        companies: `account_id` and `company_id`, to join with.
        members: `user_id` and `account_id`; None where every row names its account.
        lasting: The columns whose values' last days are kept, as `key_of`.
    """

    home: Home
    happening: Happening
    layout: Layout
    calendar: Calendar
    instants: Sequence[datetime]
    rolled: Sequence[int]
    tails: Mapping[int, int]
    tail_tables: Mapping[str, Any]
    companies: Any
    members: Any
    keys: Mapping[Level, Sequence[str] | None] = field(default_factory=dict)
    lasting: frozenset[tuple[str, str, str]] = frozenset()
    _calendars: list[tuple[Days, Any]] = field(default_factory=list)

    def run(self, task: Task, grids: Mapping[Level, Grid]) -> Mapping[Level, Mapping[str, Floats]]:
        """The columns of each level."""
        found: dict[Level, dict[str, Floats]] = {}
        for level, inputs in task.inputs.items():
            found[level] = {}
            for part in self._classes(inputs):
                found[level] |= self._part(level, part, grids[level])
        return found

    def _classes(self, inputs: Mapping[PartialInput, str]) -> Iterable[Mapping[PartialInput, str]]:
        """Bounded windows, what reaches back to the beginning, and first-ever facts: each its own statements."""
        ever = {s: label for s, label in inputs.items() if self._reaches_back(s.span)}
        firsts = {s: label for s, label in ever.items() if s.partial.aggregate is Aggregate.FIRST}
        bounded = {s: label for s, label in inputs.items() if s not in ever}
        return [part for part in (bounded, {s: n for s, n in ever.items() if s not in firsts}, firsts) if part]

    def _reaches_back(self, rule: SpanRule) -> bool:
        return rule.kind is SpanKind.EVER or (rule.kind is SpanKind.PERIOD and rule.period == "total")

    def _part(self, level: Level, inputs: Mapping[PartialInput, str], grid: Grid) -> Mapping[str, Floats]:
        kinds = {source: self.layout.stored(source.partial, level) for source in inputs}
        if all(column.family is Family.FIRST and self._reaches_back(s.span) for s, column in kinds.items()):
            return self._firsts(level, inputs, kinds, grid)
        lives = [float(s.partial.half_life_days or 1) for s in inputs if s.partial.aggregate is Aggregate.HALVED]
        days = days_of(
            (source.span for source in inputs),
            lives,
            self.instants,
            self.calendar,
            rolled=self.rolled,
            tails=self.tails,
        )
        if days.frame.empty:
            return {label: grid.empty(source.partial.aggregate) for source, label in inputs.items()}
        plain = {s: label for s, label in inputs.items() if kinds[s].family is not Family.VALUES}
        found: dict[str, Floats] = {}
        if plain:
            found |= self._plain(level, plain, kinds, days, grid)
        for source, label in inputs.items():
            column = kinds[source]
            if column.family is Family.VALUES:
                found |= self._values(level, source, label, column, days, grid)
            if column.family is Family.ACTIVE:
                found[label] = found[label] + self._midnights(level, source, label, column, days, grid)
        return found

    @property
    def _alone(self) -> bool:
        """Whether no calendar is needed: there is one instant, and days are where they are rolled."""
        return len(self.instants) == 1 and not self.tails

    def _put(self, days: Days) -> Any:
        """The calendar as a table, made once."""
        if not self._calendars or self._calendars[-1][0] is not days:
            rows = pa.Table.from_pandas(days.frame, preserve_index=False)
            self._calendars.append((days, self.home.put("pql_calendar", rows)))
        return self._calendars[-1][1]

    # --- statements ---

    def _plain(
        self,
        level: Level,
        inputs: Mapping[PartialInput, str],
        kinds: Mapping[PartialInput, Stored],
        days: Days,
        grid: Grid,
    ) -> Mapping[str, Floats]:
        if self._alone and not days.weights:
            return self._scanned(level, inputs, kinds, grid)
        calendar = self._put(days)
        rows = self._slices(level, dict.fromkeys(kinds[source] for source in inputs), days.bounds)
        columns: dict[str, Expr] = {}
        for source, label in inputs.items():
            life = source.partial.half_life_days
            weight = None if life is None else calendar.c[days.weights[float(life)]]
            seen = Seen(rows, [calendar.c[days.rules[source.span]] == 1], calendar.c.real_day, weight)
            columns |= self._merged(level, source, label, kinds[source], seen)
        labelled = [expr.label(name) for name, expr in columns.items()]
        frame = self._grouped(level, rows, calendar, labelled)
        return scattered(frame, inputs, grid)

    def _scanned(
        self, level: Level, inputs: Mapping[PartialInput, str], kinds: Mapping[PartialInput, Stored], grid: Grid
    ) -> Mapping[str, Floats]:
        """At one instant: each window reads its own days, and the latest row of a window is looked for once."""
        at = self.instants[0]
        reaches = {source: Reach.of(source.span, self.calendar, at) for source in inputs}
        longer = widest(inputs, kinds, reaches)
        asked = {source: label for source, label in inputs.items() if longer.get(source, source) is source}
        selects = [self._scan(level, scan, kinds, reaches) for scan in scans(asked, reaches)]
        frame = self.home.fetch(joined(selects, to_micros(at), asked))
        found = dict(scattered(frame, asked, grid))
        for source, base in longer.items():
            if source not in asked:
                found[inputs[source]] = within(found[asked[base]], reaches[source].since)
        return found

    def _scan(self, level: Level, scan: Scan, kinds: Mapping[PartialInput, Stored], reaches: Reaches) -> sa.Select[Any]:
        rows = self._slices(level, dict.fromkeys(kinds[source] for source in scan.inputs), (scan.low, scan.high))
        columns: dict[str, Expr] = {}
        for source, label in scan.inputs.items():
            seen = Seen(rows, scan.inside(reaches[source], rows.c.day), rows.c.day, None)
            columns |= self._merged(level, source, label, kinds[source], seen)
        rolled, key, where = self._keyed(level, rows, None)
        labelled = [expr.label(name) for name, expr in columns.items()]
        return sa.select(key.label("key"), *labelled).select_from(rolled).where(*where).group_by(key)

    def _merged(self, level: Level, source: PartialInput, label: str, column: Stored, seen: Seen) -> Mapping[str, Expr]:
        first = seen.rows.c[column.physical()[0]]
        match source.partial.aggregate:
            case Aggregate.COUNT | Aggregate.ACTIVE:
                return {label: total(seen.only(first))}
            case Aggregate.DAYS if self._one_a_day(column, level):
                return {label: sa.func.count(seen.only(whole(1), first > 0))}
            case Aggregate.DAYS:
                return {label: sa.func.count(sa.distinct(seen.only(seen.day, first > 0)))}
            case Aggregate.DAY_SUM:
                return {label: total(seen.only(first * seen.day))}
            case Aggregate.HALVED:
                return {label: total(seen.only(first * seen.weight))}
            case Aggregate.FIRST:
                return {label: sa.func.min(seen.only(first))}
            case Aggregate.LAST:
                return {label: sa.func.max(seen.only(first))}
            case Aggregate.SUM:
                parts = zip((label, f"{label}_micro"), column.physical(), strict=True)
                return {name: total(seen.only(seen.rows.c[part])) for name, part in parts}
            case Aggregate.DISTINCT:
                united = [
                    sa.func.coalesce(self.home.engine.bits_united(seen.only(seen.rows.c[word])), whole(0))
                    for word in column.physical()
                ]
                counted = [self.home.engine.bits_counted(word) for word in united]
                return {label: sum(counted[1:], counted[0])}

    def _one_a_day(self, column: Stored, level: Level) -> bool:
        """Whether a key has at most one row a day."""
        return level is Level.ACCOUNT and column.grain is Level.ACCOUNT and self.members is None

    def _values(
        self, level: Level, source: PartialInput, label: str, column: Stored, days: Days, grid: Grid
    ) -> Mapping[str, Floats]:
        low = self._lasting(source.span, column)
        if low is not None:
            return self._lasts(level, source, label, column, low, grid)
        calendar = self._put(days)
        table = self._with_tail(self.home.tables.values(self.happening), "values", days.bounds)
        joined, key, where = self._keyed(level, table, calendar)
        inside = calendar.c[days.rules[source.span]] == 1
        values = sa.select(calendar.c.as_of, key.label("key"), table.c.value).select_from(joined)
        each = values.where(table.c.name == column.name, inside, *where).distinct().subquery()
        select = sa.select(each.c.as_of, each.c.key, sa.func.count().label(label)).group_by(each.c.as_of, each.c.key)
        return scattered(self.home.fetch(select), {source: label}, grid)

    def _lasting(self, rule: SpanRule, column: Stored) -> int | None:
        """The first day of a span that reaches to the end of what is rolled; None where it does not."""
        if not self._alone or key_of(column) not in self.lasting or not self.rolled:
            return None
        reach = Reach.of(rule, self.calendar, self.instants[0])
        return reach.low if reach.high >= self.rolled[-1] else None

    def _lasts(
        self, level: Level, source: PartialInput, label: str, column: Stored, low: int, grid: Grid
    ) -> Mapping[str, Floats]:
        """Of a span that reaches to the newest day: the values whose last day lies in it."""
        table = self.home.tables.lasts(self.happening)
        joined, key, where = self._keyed(level, table, None)
        each: Any = sa.select(key.label("key"), table.c.value).select_from(joined)
        each = each.where(table.c.name == column.name, table.c.last_day >= low, *where)
        # An account has one row a value, if no row of its users must be given to it.
        once = each if self._one_a_day(column, level) else each.distinct()
        values = once.subquery()
        at = whole(to_micros(self.instants[0])).label("as_of")
        select = sa.select(at, values.c.key, sa.func.count().label(label)).group_by(values.c.key)
        return scattered(self.home.fetch(select), {source: label}, grid)

    def _midnights(
        self, level: Level, source: PartialInput, label: str, column: Stored, days: Days, grid: Grid
    ) -> Floats:
        """The gaps across midnight, which belong to their later row's day."""
        reach = Reach.of(source.span, self.calendar, self.instants[0])
        bounds = (reach.low, reach.high) if self._alone else days.bounds
        gaps = self._gaps(column, bounds)
        if self._alone:
            frame = self._grouped(level, gaps, None, [total(gaps.c.gap).label(label)])
            return scattered(frame, {source: label}, grid)[label]
        calendar = self._put(days)
        inside = calendar.c[days.rules[source.span]] == 1
        frame = self._grouped(level, gaps, calendar, [total(sa.case((inside, gaps.c.gap))).label(label)])
        return scattered(frame, {source: label}, grid)[label]

    def _gaps(self, column: Stored, bounds: tuple[int, int]) -> Any:
        """The gaps that end on some days (and on those of tails), by account, user and day."""
        # Two days before, since a zone may skip one.
        table = self._with_tail(self.home.tables.edges(self.happening), "edges", bounds, before=2)
        own = table.c.name == column.name
        early = sa.select(*table.c).where(own, table.c.late == 0).subquery("early")
        late = sa.select(*table.c).where(own, table.c.late == 1, table.c.day > TAILS).subquery("late")
        same = (early.c.account_id == late.c.account_id) & (early.c.user_id == late.c.user_id)
        near = (
            (late.c.at_micros < early.c.at_micros)
            & (early.c.at_micros - late.c.at_micros <= PAUSE_MICROS)
            & (early.c.day != late.c.day)
        )
        gaps = sa.select(
            early.c.account_id, early.c.user_id, early.c.day, (early.c.at_micros - late.c.at_micros).label("gap")
        ).select_from(early.join(late, same & near))
        return gaps.where((early.c.day <= TAILS) | early.c.day.between(*bounds)).subquery("gaps")

    def _firsts(
        self, level: Level, inputs: Mapping[PartialInput, str], kinds: Mapping[PartialInput, Stored], grid: Grid
    ) -> Mapping[str, Floats]:
        found: dict[str, Floats] = {}
        rows = [[to_micros(at)] for at in self.instants]
        instants = self.home.engine.small_table("instants", ("as_of",), rows)
        for source, label in inputs.items():
            each = self._first(level, kinds[source]).subquery()
            select = sa.select(instants.c.as_of, each.c.key, each.c.first_at.label(label))
            select = select.select_from(each.join(instants, each.c.first_at < instants.c.as_of))
            found |= scattered(self.home.fetch(select), {source: label}, grid)
        return found

    def _first(self, level: Level, column: Stored) -> sa.Select[Any]:
        """When each key first passed a column's filter: `key`, `first_at`."""
        firsts = self.home.tables.firsts
        joined, key, where = self._keyed(level, firsts, None)
        first = sa.select(key.label("key"), sa.func.min(firsts.c.first_at).label("first_at")).select_from(joined)
        return first.where(firsts.c.name == column.name, *where).group_by(key)

    # --- rows ---

    def _slices(self, level: Level, columns: Iterable[Stored], bounds: tuple[int, int]) -> Any:
        grain = Level.USER if level is Level.USER else Level.ACCOUNT
        table = self.home.tables.slices(self.happening, grain, columns)
        return self._with_tail(table, grain.value, bounds)

    def _with_tail(self, table: sa.Table, tail: str, bounds: tuple[int, int], *, before: int = 0) -> Any:
        """The rows of the days that matter, and those of tails."""
        low, high = bounds
        kept = sa.select(*table.c).where(table.c.day.between(low - before, high))
        if not self.tails:
            return kept.subquery(f"kept_{tail}")
        other = self.tail_tables[tail]
        names = [column.name for column in table.c]
        return sa.union_all(kept, sa.select(*(other.c[name] for name in names))).subquery(f"kept_{tail}")

    def _grouped(self, level: Level, rows: Any, calendar: Any, labelled: Sequence[sa.Label[Any]]) -> pd.DataFrame:
        joined, key, where = self._keyed(level, rows, calendar)
        # With one instant there is nothing to tell apart by it.
        by = [] if len(self.instants) == 1 else [calendar.c.as_of]
        at = by or [whole(to_micros(self.instants[0])).label("as_of")]
        select = sa.select(*at, key.label("key"), *labelled).select_from(joined).where(*where)
        return self.home.fetch(select.group_by(*by, key))

    def _keyed(self, level: Level, rows: Any, calendar: Any) -> tuple[Any, Expr, list[Expr]]:
        """Rows with their calendar, the key of a level, and what leaves out rows without one."""
        joined: Any = rows if calendar is None else rows.join(calendar, calendar.c.day == rows.c.day)
        account: Expr = rows.c.account_id
        where: list[Expr] = []
        if self.members is not None:
            members = self.members
            lost = (rows.c.account_id == "") & (members.c.user_id == rows.c.user_id)
            joined = joined.outerjoin(members, lost)
            account = sa.case((rows.c.account_id != "", rows.c.account_id), else_=members.c.account_id)
            where.append(account.is_not(None))
        if level is Level.USER:
            key: Expr = rows.c.user_id
        elif level is Level.COMPANY:
            joined = joined.join(self.companies, self.companies.c.account_id == account)
            key = self.companies.c.company_id
        else:
            key = account
        wanted = self.keys.get(level)
        return joined, key, where if wanted is None else [*where, key.in_(list(wanted))]
