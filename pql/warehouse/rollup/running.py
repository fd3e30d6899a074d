"""Many instants at once: what is kept of days is fetched once, and each window is read off running totals.

All windows of all instants cut time into *parts* in which none of them begins or ends; daily instants make a part of
each day. One statement merges the rows of each key and part, whatever the number of instants. In memory a window of
what is added up is then the difference of two running totals, and a window of minima, maxima or bits is two stretches
that overlap and cover it. All of it is whole numbers, so the results are those of a join with a calendar.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.domain.partials import Aggregate, Level, PartialInput, SpanRule
from pql.warehouse.days import whole
from pql.warehouse.engines import Expr
from pql.warehouse.measuring import Floats, Grid, Task
from pql.warehouse.rollup.columns import Family, Stored
from pql.warehouse.rollup.merging import Merging
from pql.warehouse.rollup.parts import Parts, Placed, Stretch, Whole, added, latest, united
from pql.warehouse.rollup.windows import Seen
from pql.warehouse.slices import MICRO, total


@dataclass(frozen=True, kw_only=True)
class Running(Merging):
    """One relation's inputs at several instants, none of which has a tail."""

    def _part(self, level: Level, inputs: Mapping[PartialInput, str], grid: Grid) -> Mapping[str, Floats]:
        kinds = {source: self.layout.stored(source.partial, level) for source in inputs}
        if all(column.family is Family.FIRST and self._reaches_back(s.span) for s, column in kinds.items()):
            return self._firsts(level, inputs, kinds, grid)
        stretches = {rule: Stretch.of(rule, self.calendar, self.instants) for rule in {s.span for s in inputs}}
        found: dict[str, Floats] = {}
        values = {s: label for s, label in inputs.items() if kinds[s].family is Family.VALUES}
        halved = {s: label for s, label in inputs.items() if s.partial.aggregate is Aggregate.HALVED}
        others = {s: label for s, label in inputs.items() if s not in values and s not in halved}
        for group, apart in ((others, False), (halved, True)):
            parts = Parts.of((stretches[s.span] for s in group), self.rolled, apart=apart) if group else None
            if parts is not None and parts.number:
                found |= self._read(level, group, kinds, stretches, parts, grid)
        for source, label in values.items():
            found[label] = self._counted(level, kinds[source], stretches[source.span], grid)
        # No day of their spans has rows.
        nothing = {label: s.partial.aggregate for s, label in inputs.items() if label not in found}
        return found | {label: grid.empty(aggregate) for label, aggregate in nothing.items()}

    # --- rows by part ---

    def _read(
        self,
        level: Level,
        inputs: Mapping[PartialInput, str],
        kinds: Mapping[PartialInput, Stored],
        stretches: Mapping[SpanRule, Stretch],
        parts: Parts,
        grid: Grid,
    ) -> Mapping[str, Floats]:
        # Equal columns of several windows are fetched once.
        names: dict[tuple[Stored, Aggregate], str] = {}
        for source in inputs:
            names.setdefault((kinds[source], source.partial.aggregate), f"part_{len(names)}")
        bounds = int(parts.days[0]), int(parts.days[-1])
        rows = self._slices(level, dict.fromkeys(column for column, _ in names), bounds)
        single = parts.number == len(parts.days) and all(self._one_a_day(column, level) for column, _ in names)
        columns: dict[str, Expr] = {}
        for source in inputs:
            name, column = names[kinds[source], source.partial.aggregate], kinds[source]
            columns |= _bare(source, name, column, rows) if single else self._kept(level, source, name, column, rows)
        placed = self._placed(level, rows, columns, parts, grid, single=single)
        gaps = {
            name: self._crossed(level, self._gaps(column, bounds), parts, grid)
            for (column, aggregate), name in names.items()
            if aggregate is Aggregate.ACTIVE
        }
        found: dict[str, Floats] = {}
        for source, label in inputs.items():
            name, stretch = names[kinds[source], source.partial.aggregate], stretches[source.span]
            if source.partial.aggregate is Aggregate.HALVED:
                number = self._weighed(source, placed.whole(name), parts, stretch)
            else:
                number = _window(kinds[source], source, name, placed, gaps.get(name), stretch, parts)
            found[label] = number.reshape(-1)
        return found

    def _kept(self, level: Level, source: PartialInput, name: str, column: Stored, rows: Any) -> Mapping[str, Expr]:
        """What is fetched of a part for an input."""
        if column.family is Family.BITS:
            return {
                f"{name}_{number}": sa.func.coalesce(self.home.engine.bits_united(rows.c[word]), whole(0))
                for number, word in enumerate(column.physical())
            }
        if source.partial.aggregate is Aggregate.HALVED:
            return {name: total(rows.c[column.name])}
        return self._merged(level, source, name, column, Seen(rows, [], rows.c.day, None))

    def _crossed(self, level: Level, gaps: Any, parts: Parts, grid: Grid) -> Whole:
        """The gaps across midnight, which belong to their later row's day."""
        return self._placed(level, gaps, {"gap": total(gaps.c.gap)}, parts, grid, single=False).whole("gap")

    def _placed(
        self, level: Level, rows: Any, columns: Mapping[str, Expr], parts: Parts, grid: Grid, *, single: bool
    ) -> Placed:
        """What rows come to by key and part; `single`: each is one of its own."""
        calendar = None if parts.number == len(parts.days) else self._calendar(parts)
        joined, key, where = self._keyed(level, rows, calendar)
        part = rows.c.day if calendar is None else calendar.c.part
        labelled = [expr.label(name) for name, expr in columns.items()]
        select = sa.select(key.label("key"), part.label("part"), *labelled).select_from(joined).where(*where)
        frame = self.home.fetch(select if single else select.group_by(key, part))
        if calendar is not None:
            return Placed.of(frame, frame["part"].to_numpy(dtype=np.int64), grid, parts.number)
        # Another job may have rolled a day since the rolled days were listed.
        frame = frame[frame["part"].isin(parts.days)]
        return Placed.of(frame, np.searchsorted(parts.days, frame["part"].to_numpy(dtype=np.int64)), grid, parts.number)

    def _calendar(self, parts: Parts) -> Any:
        return self.home.put("pql_parts", pa.table({"day": parts.days, "part": parts.part}))

    def _weighed(self, source: PartialInput, counted: Whole, parts: Parts, stretch: Stretch) -> Floats:
        """What halves: each day has a weight of its own at each instant."""
        last = np.asarray([self.calendar.last_day_before(at) for at in self.instants])[:, None]
        weights = np.floor(np.power(0.5, (last - parts.days) / float(source.partial.half_life_days or 1)) * MICRO + 0.5)
        inside = (parts.days >= stretch.lows[:, None]) & (parts.days <= stretch.highs[:, None])
        return (np.where(inside, weights, 0).astype(np.int64) @ counted).astype(float) / MICRO

    # --- distinct values, and first-ever facts ---

    def _counted(self, level: Level, column: Stored, stretch: Stretch, grid: Grid) -> Floats:
        """How many values a key had: each is there from an instant to another, and the days between cost nothing."""
        known = np.asarray(self.rolled, dtype=np.int64)
        # A day is seen from the first instant whose span reaches it until the first whose span begins after it.
        enters = np.searchsorted(stretch.highs, known)
        leaves = np.searchsorted(stretch.lows, known, side="right")
        seen = enters < leaves
        found = np.zeros((len(self.instants) + 1, len(grid.keys)), dtype=np.int64)
        if seen.any():
            days = pa.table({"day": known[seen], "enters": enters[seen], "leaves": leaves[seen]})
            frame = self.home.fetch(self._changes(level, column, days))
            placed = Placed.of(frame, frame["part"].to_numpy(dtype=np.int64), grid, len(found))
            np.add.at(found.reshape(-1), placed.places, placed.numbers("number"))
        return np.cumsum(found, axis=0)[:-1].astype(float).reshape(-1)

    def _changes(self, level: Level, column: Stored, days: pa.Table) -> Any:
        """How many values of a key come at an instant, and (below 0) how many go."""
        calendar = self.home.put("pql_seen", days)
        bounds = int(days["day"][0].as_py()), int(days["day"][-1].as_py())
        table = self._with_tail(self.home.tables.values(self.happening), "values", bounds)
        joined, key, where = self._keyed(level, table, calendar)
        of_value = (key, table.c.value)
        before = sa.func.lag(calendar.c.leaves).over(partition_by=of_value, order_by=calendar.c.day).label("before")
        after = sa.func.lead(calendar.c.enters).over(partition_by=of_value, order_by=calendar.c.day).label("after")
        each: Any = sa.select(key.label("key"), calendar.c.enters, calendar.c.leaves, before, after)
        each = each.select_from(joined).where(table.c.name == column.name, *where).cte("each_day")
        comes = each.c.before.is_(None) | (each.c.before < each.c.enters)
        goes = each.c.after.is_(None) | (each.c.after > each.c.leaves)
        number = sa.func.count()
        come = sa.select(each.c.key, each.c.enters.label("part"), number.label("number")).where(comes)
        go = sa.select(each.c.key, each.c.leaves.label("part"), (-number).label("number")).where(goes)
        return sa.union_all(come.group_by(each.c.key, each.c.enters), go.group_by(each.c.key, each.c.leaves))

    def _firsts(
        self, level: Level, inputs: Mapping[PartialInput, str], kinds: Mapping[PartialInput, Stored], grid: Grid
    ) -> Mapping[str, Floats]:
        """First-ever facts are fetched once, and known from their instant on."""
        found: dict[str, Floats] = {}
        at = np.asarray(grid.instants)[:, None]
        for source, label in inputs.items():
            frame = self.home.fetch(self._first(level, kinds[source]))
            first = Placed.of(frame, np.zeros(len(frame), dtype=np.int64), grid, 1).instants("first_at")
            found[label] = np.where(first < at, first, np.nan).reshape(-1)
        return found


def _bare(source: PartialInput, name: str, column: Stored, rows: Any) -> Mapping[str, Expr]:
    """What `_kept` gives, of a part that is one row."""
    first = rows.c[column.physical()[0]]
    match source.partial.aggregate:
        case Aggregate.DISTINCT:
            return {f"{name}_{n}": sa.func.coalesce(rows.c[word], whole(0)) for n, word in enumerate(column.physical())}
        case Aggregate.SUM:
            parts = zip((name, f"{name}_micro"), column.physical(), strict=True)
            return {label: sa.func.coalesce(rows.c[part], whole(0)) for label, part in parts}
        case Aggregate.FIRST | Aggregate.LAST:
            return {name: first}
        case Aggregate.DAYS:
            return {name: sa.case((first > 0, whole(1)), else_=whole(0))}
        case Aggregate.DAY_SUM:
            return {name: sa.func.coalesce(first * rows.c.day, whole(0))}
        case _:
            return {name: sa.func.coalesce(first, whole(0))}


def _window(
    column: Stored,
    source: PartialInput,
    name: str,
    placed: Placed,
    gaps: Whole | None,
    stretch: Stretch,
    parts: Parts,
) -> Floats:
    """One input at each instant and key; `gaps`: what is added to each part."""
    within = parts.bounds(stretch)
    if column.family is Family.BITS:
        words = [placed.whole(f"{name}_{number}") for number in range(len(column.physical()))]
        counted: list[Whole] = [np.bitwise_count(united(word, *within, np.bitwise_or, 0)) for word in words]
        return sum(counted[1:], counted[0]).astype(float)
    match source.partial.aggregate:
        case Aggregate.FIRST:
            return united(placed.instants(name), *within, np.fmin, np.nan)
        case Aggregate.LAST:
            return latest(placed.instants(name), within[1], stretch.since)
        case Aggregate.SUM:
            rest = added(placed.whole(f"{name}_micro"), *within).astype(float)
            return added(placed.whole(name), *within).astype(float) + rest / MICRO
        case _:
            each = placed.whole(name) if gaps is None else placed.whole(name) + gaps
            return added(each, *within).astype(float)


def measured(merging: Merging, task: Task, grids: Mapping[Level, Grid]) -> Mapping[Level, Mapping[str, Floats]]:
    """The columns of each level: at several instants from running totals, at one or with a tail by the calendar."""
    plain = [at for at in merging.instants if to_micros(at) not in merging.tails]
    if len(plain) < 2:
        return merging.run(task, grids)
    running = Running(**{part.name: getattr(merging, part.name) for part in fields(merging) if part.init})
    together = replace(running, instants=plain, tails={}, tail_tables={})
    if not merging.tails:
        return together.run(task, grids)
    cut = replace(merging, instants=[at for at in merging.instants if at not in plain])
    return _interleaved([(one.instants, one.run(task, _at(grids, one.instants))) for one in (together, cut)], grids)


def _at(grids: Mapping[Level, Grid], instants: Sequence[datetime]) -> Mapping[Level, Grid]:
    micros = [to_micros(at) for at in instants]
    return {level: Grid(micros, grid.keys) for level, grid in grids.items()}


def _interleaved(
    parts: Sequence[tuple[Sequence[datetime], Mapping[Level, Mapping[str, Floats]]]], grids: Mapping[Level, Grid]
) -> Mapping[Level, Mapping[str, Floats]]:
    """Columns at some instants and at others as columns at all of them."""
    found: dict[Level, dict[str, Floats]] = {}
    for level, grid in grids.items():
        shape = len(grid.instants), len(grid.keys)
        found[level] = {label: np.empty(shape) for label in parts[0][1].get(level, {})}
        for instants, columns in parts:
            rows = np.searchsorted(grid.instants, [to_micros(at) for at in instants])
            for label, column in columns.get(level, {}).items():
                found[level][label][rows] = column.reshape(-1, shape[1])
    return {level: {label: column.reshape(-1) for label, column in found[level].items()} for level in found}
