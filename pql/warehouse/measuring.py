"""The partial inputs of a plan: rows staged once, cut into slices, added up by span, as arrays by instant and key."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from pql.domain.calendar import Calendar, to_micros
from pql.domain.conditions import Where
from pql.domain.partials import Aggregate, Level, Partial, PartialInput, SpanRule
from pql.warehouse.engines import Engine, Expr
from pql.warehouse.happenings import Usable
from pql.warehouse.members import KEYS
from pql.warehouse.slices import MICRO, PAUSE_MICROS, Facts, Slicer, flag, slice_columns, span_columns
from pql.warehouse.source import Source

Floats: TypeAlias = npt.NDArray[np.float64]
# A SELECT of slices, and the types of its columns.
Sliced: TypeAlias = tuple[sa.Select[Any], list[sa.Column[Any]]]

# What can be had over all of the past without cutting it into days.
_LIGHT = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.FIRST, Aggregate.LAST})
_OWN_SLICES = frozenset({Aggregate.DISTINCT, Aggregate.ACTIVE})
_PAUSE = timedelta(microseconds=PAUSE_MICROS)


@dataclass(frozen=True, slots=True)
class Grid:
    """Where a number belongs: instants (sorted) by keys (sorted)."""

    instants: Sequence[int]
    keys: pd.Index

    def empty(self, aggregate: Aggregate) -> Floats:
        """A column where nothing has happened."""
        nothing = np.nan if aggregate in (Aggregate.FIRST, Aggregate.LAST) else 0.0
        return np.full(len(self.instants) * len(self.keys), nothing)

    def places(self, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
        """The place of each row of a frame with `as_of` and `key`; -1 for keys that are not wanted."""
        # Texts are compared where they stand: as objects of Python they take several times as long.
        found = pc.index_in(_texts(frame["key"]), value_set=_texts(self.keys))
        key: npt.NDArray[np.int64] = pc.fill_null(found, -1).to_numpy().astype(np.int64)
        if len(self.instants) == 1:
            return key
        at = pd.Index(self.instants).get_indexer(pd.Index(frame["as_of"].astype("int64")))
        return np.where(key >= 0, at * len(self.keys) + key, -1)


def _texts(keys: "pd.Series[str] | pd.Index[str]") -> pa.Array | pa.ChunkedArray:
    return pa.array(keys.astype("str").array, type=pa.large_string())


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked of the rows of one relation: inputs and their columns, by level."""

    inputs: Mapping[Level, Mapping[PartialInput, str]]

    def all_inputs(self) -> list[PartialInput]:
        """Every input, each once."""
        return list(dict.fromkeys(source for inputs in self.inputs.values() for source in inputs))

    def only(self, wanted: Iterable[PartialInput]) -> "Task":
        """The part of the task with these inputs."""
        chosen = set(wanted)
        return Task(
            {
                level: {source: label for source, label in inputs.items() if source in chosen}
                for level, inputs in self.inputs.items()
            }
        )


@dataclass(frozen=True)
class Measuring:
    """One relation's rows at a set of instants.

    Args:
        companies: Makes a SELECT of `account_id` and `company_id`.
        instants: Sorted, each once.
    """

    source: Source
    usable: Usable
    companies: Callable[[], Any]
    calendar: Calendar
    instants: Sequence[datetime]
    _made: list[str] = field(default_factory=list)

    def run(self, task: Task, grids: Mapping[Level, Grid]) -> Mapping[Level, Mapping[str, Floats]]:
        """The columns of each level."""
        found: dict[Level, dict[str, Floats]] = {level: {} for level in task.inputs}
        light, heavy = self._split(task)
        try:
            for part, staged in ((light, False), (heavy, True)):
                if part.all_inputs():
                    for level, columns in self._columns(part, grids, staged=staged):
                        found[level] |= columns
        finally:
            for name in reversed(self._made):
                self.source.drop(name)
            self._made.clear()
        return found

    def _split(self, task: Task) -> tuple[Task, Task]:
        """What is read over all of the past without being kept, and what is staged."""
        every = task.all_inputs()
        light = [source for source in every if self._is_light(source)]
        heavy = [source for source in every if not self._is_light(source)]
        if any(self.start(source.span) is None for source in heavy):
            # The whole past is staged anyway.
            light, heavy = [], every
        return task.only(light), task.only(heavy)

    def _is_light(self, source: PartialInput) -> bool:
        return source.partial.aggregate in _LIGHT and self.start(source.span) is None

    def start(self, rule: SpanRule) -> datetime | None:
        """The earliest start of a span over all instants; None: the beginning."""
        starts = [rule.bounds(self.calendar, instant).start for instant in self.instants]
        known = [start for start in starts if start is not None]
        return min(known) if len(known) == len(starts) else None

    def _columns(
        self, task: Task, grids: Mapping[Level, Grid], *, staged: bool
    ) -> Iterable[tuple[Level, Mapping[str, Floats]]]:
        facts = Facts.of(source.partial for source in task.all_inputs())
        slicer = Slicer(self.source.engine, self.calendar, self.instants)
        stage = self._stage(task, facts, slicer) if staged else self._unstaged(facts, slicer)
        work = _Work(self, task, facts, slicer, stage)
        for level, inputs in task.inputs.items():
            for rule, wanted in _by_span(inputs).items():
                yield level, work.span(level, rule, wanted, grids[level])

    def _unstaged(self, facts: Facts, slicer: Slicer) -> Any:
        readers = facts.readers(self.source.engine)
        rows = self.usable.select(readers, start=None, end=slicer.end, folded=facts.compared).subquery()
        part = slicer.part(rows.c.at_micros, midnights=True)
        return sa.select(*rows.c, part.label("part")).subquery()

    def _stage(self, task: Task, facts: Facts, slicer: Slicer) -> Any:
        """A temporary table of the rows from the earliest start on, or a subquery where there can be none."""
        start = self._earliest(task)
        readers = facts.readers(self.source.engine)
        rows = self.usable.select(readers, start=start, end=slicer.end, folded=facts.compared).subquery()
        day, part = slicer.day(rows.c.at_micros, start), slicer.part(rows.c.at_micros, midnights=False)
        select = sa.select(*rows.c, day.label("day"), part.label("part"))
        columns: list[sa.Column[Any]] = [
            sa.Column("account_id", sa.Text),
            sa.Column("user_id", sa.Text),
            sa.Column("at_micros", sa.BigInteger),
            *facts.columns(),
            sa.Column("day", sa.Integer),
            sa.Column("part", sa.Integer),
        ]
        if "orphan" in rows.c:
            columns.insert(0, sa.Column("orphan", sa.Boolean))
        return self.keep("stage", columns, select)

    def _earliest(self, task: Task) -> datetime | None:
        every = task.all_inputs()
        starts = [self.start(source.span) for source in every]
        known = [start for start in starts if start is not None]
        if not known or len(known) < len(starts):
            return None
        # A gap belongs to its later row, so the row before the first of a span is needed too.
        active = any(source.partial.aggregate is Aggregate.ACTIVE for source in every)
        return min(known) - (_PAUSE if active else timedelta(0))

    def keep(self, name: str, columns: Sequence[sa.Column[Any]], select: sa.Select[Any]) -> Any:
        """A temporary table, dropped at the end of the run; or a subquery."""
        name = f"pql_{self.usable.relation.name}_{name}"
        table = self.source.fill(name, columns, select, self.usable.relation.file.path)
        if table is None:
            return select.subquery(name)
        self._made.append(name)
        return table


def _by_span(inputs: Mapping[PartialInput, str]) -> Mapping[SpanRule, Mapping[PartialInput, str]]:
    spans: dict[SpanRule, dict[PartialInput, str]] = {}
    for source, label in inputs.items():
        spans.setdefault(source.span, {})[source] = label
    return spans


class _Work:
    """The slices of one stage, made when first asked for."""

    def __init__(self, measuring: Measuring, task: Task, facts: Facts, slicer: Slicer, stage: Any) -> None:
        self._measuring = measuring
        self._task = task
        self._facts = facts
        self._slicer = slicer
        self._stage = stage
        self._slices: dict[tuple[object, ...], Any] = {}
        self._engine: Engine = measuring.source.engine

    def span(
        self, level: Level, rule: SpanRule, inputs: Mapping[PartialInput, str], grid: Grid
    ) -> Mapping[str, Floats]:
        """The inputs of one level and span."""
        found: dict[str, Floats] = {}
        for wanted, slices in self._groups(_base(level), inputs):
            found |= self._added(level, rule, wanted, slices, grid)
        return found

    def _groups(
        self, base: Level, inputs: Mapping[PartialInput, str]
    ) -> Iterable[tuple[Mapping[PartialInput, str], Any]]:
        """The inputs with the slices that they are made of; distinct values and active time have their own."""
        plain = {source: label for source, label in inputs.items() if source.partial.aggregate not in _OWN_SLICES}
        if plain:
            uses = self._uses(base, lambda partial: partial.aggregate not in _OWN_SLICES)
            yield plain, self._kept((base,), len(uses), lambda: self._plain(base))
        for source, label in inputs.items():
            if source.partial.aggregate in _OWN_SLICES:
                yield {source: label}, self._own(base, source.partial)

    def _own(self, base: Level, partial: Partial) -> Any:
        make = self._values if partial.aggregate is Aggregate.DISTINCT else self._active
        uses = self._uses(base, lambda other: other == partial)
        return self._kept((base, partial), len(uses), lambda: make(base, partial, self._bounds(uses)))

    def _kept(self, what: tuple[object, ...], uses: int, make: Callable[[], Sliced]) -> Any:
        """Slices, in a table of their own if they are used more than once."""
        if what not in self._slices:
            select, columns = make()
            name = f"slices_{len(self._slices)}"
            kept = select.subquery(name) if uses == 1 else self._measuring.keep(name, columns, select)
            self._slices[what] = kept
        return self._slices[what]

    def _uses(self, base: Level, wanted: Callable[[Partial], bool]) -> set[tuple[Level, SpanRule]]:
        """The levels and spans for which some partials are asked."""
        return {
            (level, source.span)
            for level, inputs in self._task.inputs.items()
            for source in inputs
            if _base(level) is base and wanted(source.partial)
        }

    def _bounds(self, uses: set[tuple[Level, SpanRule]]) -> "_Bounds":
        rules = {rule for _, rule in uses}
        starts = [self._measuring.start(rule) for rule in rules]
        known = [to_micros(start) for start in starts if start is not None]
        lo = min(known) if len(known) == len(starts) else None
        if len(rules) > 1 or len(self._measuring.instants) > 1:
            return _Bounds(lo, None)
        span = next(iter(rules)).bounds(self._measuring.calendar, self._measuring.instants[0])
        return _Bounds(lo, to_micros(span.end))

    def _plain(self, base: Level) -> Sliced:
        inputs = {
            source: None
            for level, wanted in self._task.inputs.items()
            for source in wanted
            if _base(level) is base and source.partial.aggregate not in _OWN_SLICES
        }
        stage = self._stage
        # What makes a slice: the key, the day (where rows are staged), and the part between instants.
        cut = [stage.c[KEYS[base]], *([stage.c.day] if "day" in stage.c else []), stage.c.part]
        labelled_cut = [cut[0].label("key"), *cut[1:]]
        facts = slice_columns(inputs, self._facts, self._stage)
        labelled = [expr.label(name) for name, expr in facts.items()]
        select = sa.select(*labelled_cut, sa.func.min(stage.c.at_micros).label("at_micros"), *labelled)
        select = select.where(cut[0].is_not(None)).group_by(*cut)
        return select, [*_types(labelled_cut), *(sa.Column(name, sa.BigInteger) for name in ("at_micros", *facts))]

    def _values(self, base: Level, partial: Partial, bounds: "_Bounds") -> Sliced:
        stage, value = self._stage, self._stage.c[self._facts.texts[str(partial.of)]]
        # With one span at one instant a value counts once, on whatever day.
        cut = [stage.c[KEYS[base]], *([] if bounds.only else [stage.c.day, stage.c.part])]
        labelled = [cut[0].label("key"), *cut[1:]]
        select = sa.select(*labelled, value.label("value"), sa.func.min(stage.c.at_micros).label("at_micros"))
        select = select.where(cut[0].is_not(None), value.is_not(None), *self._passing(partial.where))
        select = select.where(*bounds.conditions(stage.c.at_micros)).group_by(*cut, value)
        return select, [*_types(labelled), sa.Column("value", sa.Text), _at_column()]

    def _active(self, base: Level, partial: Partial, bounds: "_Bounds") -> Sliced:
        stage = self._stage
        # Rows that name no account are a chain of their own, whoever's they are found to be.
        of_user = [stage.c[name] for name in ("account_id", "user_id", "orphan") if name in stage.c]
        before = sa.func.lag(stage.c.at_micros).over(partition_by=of_user, order_by=stage.c.at_micros)
        wanted = dict.fromkeys([stage.c[KEYS[base]], stage.c.day, stage.c.part, stage.c.at_micros])
        gaps = sa.select(*wanted, (stage.c.at_micros - before).label("gap"))
        gaps = gaps.where(stage.c.user_id.is_not(None), *self._passing(partial.where))
        # A gap belongs to its later row, so what happened in the pause before the first row is needed too.
        rows = gaps.where(*bounds.conditions(stage.c.at_micros, early=PAUSE_MICROS)).subquery()
        cut = [rows.c[KEYS[base]], *([] if bounds.only else [rows.c.day, rows.c.part])]
        labelled = [cut[0].label("key"), *cut[1:]]
        active = sa.cast(sa.func.sum(rows.c.gap), sa.BigInteger).label("active")
        select = sa.select(*labelled, active, sa.func.min(rows.c.at_micros).label("at_micros"))
        select = select.where(rows.c.gap <= PAUSE_MICROS, *bounds.conditions(rows.c.at_micros)).group_by(*cut)
        return select, [*_types(labelled), sa.Column("active", sa.BigInteger), _at_column()]

    def _passing(self, where: Where) -> list[Expr]:
        passes = flag(self._stage, self._facts, where)
        return [] if passes is None else [passes]

    def _added(
        self, level: Level, rule: SpanRule, inputs: Mapping[PartialInput, str], slices: Any, grid: Grid
    ) -> Mapping[str, Floats]:
        """Slices added up by span and key."""
        spans = self._slicer.spans(rule)
        columns = span_columns(inputs, self._facts, slices, spans, self._engine)
        joined: Any = sa.join(slices, spans, sa.and_(slices.c.at_micros >= spans.c.lo, slices.c.at_micros < spans.c.hi))
        key = slices.c.key
        if level is Level.COMPANY:
            companies = self._measuring.companies().subquery("companies")
            joined = joined.join(companies, companies.c.account_id == slices.c.key)
            key = companies.c.company_id
        labelled = [expr.label(label) for label, expr in columns.items()]
        select = sa.select(spans.c.as_of, key.label("key"), *labelled).select_from(joined).group_by(spans.c.as_of, key)
        frame = self._measuring.source.fetch(select, self._measuring.usable.relation.file.path)
        return scattered(frame, inputs, grid)


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What bounds the rows of some spans.

    Args:
        lo: Microseconds; None: nothing.
        hi: Exclusive; given only where there is but one span, at one instant.
    """

    lo: int | None
    hi: int | None

    @property
    def only(self) -> bool:
        return self.hi is not None

    def conditions(self, at: Expr, *, early: int = 0) -> list[Expr]:
        lower = [] if self.lo is None else [at >= self.lo - early]
        return lower if self.hi is None else [*lower, at < self.hi]


def _types(cut: Sequence[Expr]) -> list[sa.Column[Any]]:
    return [sa.Column("key", sa.Text), *(sa.Column(str(part.key), sa.Integer) for part in cut[1:])]


def _at_column() -> sa.Column[Any]:
    return sa.Column("at_micros", sa.BigInteger)


def _base(level: Level) -> Level:
    """Companies are added up from their accounts."""
    return Level.ACCOUNT if level is Level.COMPANY else level


def scattered(frame: pd.DataFrame, inputs: Mapping[PartialInput, str], grid: Grid) -> Mapping[str, Floats]:
    """The numbers of a frame with `as_of` and `key`, where they belong; a sum has a second column, `<label>_micro`."""
    places = grid.places(frame)
    known = places >= 0
    # Nearly always all of them are wanted.
    wanted: Any = slice(None) if known.all() else known
    places, found = places[wanted], {}
    for source, label in inputs.items():
        values = frame[label].to_numpy(dtype=float, na_value=np.nan)
        if source.partial.aggregate is Aggregate.SUM:
            values = values + frame[f"{label}_micro"].to_numpy(dtype=float) / MICRO
        if source.partial.aggregate is Aggregate.HALVED:
            values = values / MICRO
        column = grid.empty(source.partial.aggregate)
        column[places] = values[wanted]
        found[label] = column
    return found
