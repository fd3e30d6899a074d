"""Partials from rows: first by slice, then by span.

A slice is what one key did on one day of the project's zone, cut where an instant falls into the day. No span of any
instant begins or ends within a slice, so a slice belongs to a span as a whole, and its earliest row tells whether.
So the rows are read once for all spans and instants, and a span costs what there are slices.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import Calendar, to_micros
from pql.domain.conditions import Where
from pql.domain.partials import Aggregate, Partial, PartialInput, SpanRule
from pql.warehouse.days import day_number, whole
from pql.warehouse.engines import Engine, Expr
from pql.warehouse.filters import where_sql
from pql.warehouse.happenings import Reader
from pql.warehouse.relations import Rows

PAUSE_MICROS = 30 * 60 * 1_000_000
# Beyond this a double has no digits left for fractions, and sums of few values would leave 64 bits.
GREATEST_SUMMAND = 2.0**53
MICRO = 1_000_000
# Before any instant that a database can hold.
BEGINNING = -(2**62)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is needed of each row: which filters it passes, and which values it has.

    Args:
        flags: The column that tells whether a row passes, by filter; a filter of nothing has none.
        texts: The column of a value as text, by what DISTINCT reads.
        sums: The column of a number's whole part, by what SUM reads; `<name>_micro` is the rest in millionths.
    """

    flags: Mapping[Where, str]
    texts: Mapping[str, str]
    sums: Mapping[str, str]

    @classmethod
    def of(cls, partials: Iterable[Partial]) -> "Facts":
        """The facts that partials need."""
        needed = list(partials)
        wheres = dict.fromkeys(partial.where for partial in needed if partial.where.conditions)
        texts = dict.fromkeys(str(p.of) for p in needed if p.aggregate is Aggregate.DISTINCT)
        sums = dict.fromkeys(str(p.of) for p in needed if p.aggregate is Aggregate.SUM)
        return cls(
            {where: f"passes_{number}" for number, where in enumerate(wheres)},
            {name: f"text_{number}" for number, name in enumerate(texts)},
            {name: f"sum_{number}" for number, name in enumerate(sums)},
        )

    def readers(self, engine: Engine) -> Mapping[str, Reader]:
        """How each column is made from a relation's rows."""
        readers: dict[str, Reader] = {}
        for where, label in self.flags.items():
            readers[label] = _flag_reader(engine, where)
        for name, label in self.texts.items():
            readers[label] = _text_reader(engine, name)
        for name, label in self.sums.items():
            readers[label] = _whole_reader(engine, name)
            readers[f"{label}_micro"] = _micro_reader(engine, name)
        return readers

    @property
    def compared(self) -> Sequence[str]:
        """The columns that filters ask for."""
        return list(dict.fromkeys(name for where in self.flags for name in where.columns))

    def columns(self) -> list[sa.Column[Any]]:
        """The types of the columns, in the order of `readers`."""
        flags = [sa.Column(label, sa.Boolean) for label in self.flags.values()]
        texts = [sa.Column(label, sa.Text) for label in self.texts.values()]
        sums = [sa.Column(label + part, sa.BigInteger) for label in self.sums.values() for part in ("", "_micro")]
        return [*flags, *texts, *sums]


def _flag_reader(engine: Engine, where: Where) -> Reader:
    return lambda rows: where_sql(engine, where, rows)


def _text_reader(engine: Engine, name: str) -> Reader:
    return lambda rows: engine.text(rows.clean(name))


def summand(engine: Engine, rows: Rows, name: str) -> Expr:
    """A column as the number that sums add up; null where it adds nothing."""
    number = engine.number(rows.column(name))
    return sa.case((sa.func.abs(number) <= sa.literal(GREATEST_SUMMAND, sa.Double), number))


def _whole_reader(engine: Engine, name: str) -> Reader:
    return lambda rows: engine.floor(summand(engine, rows, name))


def _micro_reader(engine: Engine, name: str) -> Reader:
    def read(rows: Rows) -> Expr:
        number = summand(engine, rows, name)
        rest = number - sa.cast(engine.floor(number), sa.Double)
        # Not round(): the engines differ on halves.
        return engine.floor(rest * sa.literal(1e6, sa.Double) + sa.literal(0.5, sa.Double))

    return read


class Slicer:
    """The SQL of slices and spans for a sorted set of instants."""

    def __init__(self, engine: Engine, calendar: Calendar, instants: Sequence[datetime]) -> None:
        self.engine = engine
        self.calendar = calendar
        self.instants = instants
        self.end = instants[-1]

    def day(self, at: Expr, start: datetime | None) -> Expr:
        """The number of the day that holds an instant of [start, end)."""
        return day_number(self.engine, self.calendar, at, start, self.end)

    def part(self, at: Expr, *, midnights: bool) -> Expr:
        """How many instants went before; those at midnight cut no day and are left out, unless asked for."""
        cuts = [
            to_micros(instant)
            for instant in self.instants[:-1]
            if midnights or self.calendar.start_of(self.calendar.day_of(instant)) != instant
        ]
        if not cuts:
            return whole(0)
        return sa.case(
            *((at >= cut, whole(number)) for number, cut in reversed(list(enumerate(cuts, 1)))), else_=whole(0)
        )

    def spans(self, rule: SpanRule) -> Any:
        """A small table of the rule's span at each instant: `as_of`, `as_of_day`, `lo`, `hi`."""
        rows = []
        for instant in self.instants:
            span = rule.bounds(self.calendar, instant)
            lo = BEGINNING if span.start is None else to_micros(span.start)
            rows.append((to_micros(instant), self.calendar.last_day_before(instant), lo, to_micros(span.end)))
        return self.engine.small_table("spans", ("as_of", "as_of_day", "lo", "hi"), rows)


def flag(table: Any, facts: Facts, where: Where) -> Expr | None:
    """Whether a staged row passes a filter; None where all do."""
    return table.c[facts.flags[where]] if where.conditions else None


def slice_columns(inputs: Iterable[PartialInput], facts: Facts, table: Any) -> Mapping[str, Expr]:
    """What a slice keeps for these inputs, by label: counts, sums, the first and the last row."""
    columns: dict[str, Expr] = {}
    for source in inputs:
        partial = source.partial
        passes = flag(table, facts, partial.where)
        name = _name(facts, partial.where)
        match partial.aggregate:
            case Aggregate.COUNT | Aggregate.DAYS | Aggregate.DAY_SUM | Aggregate.HALVED:
                columns[f"n_{name}"] = sa.func.count(when(passes, whole(1)))
            case Aggregate.FIRST:
                columns[f"first_{name}"] = sa.func.min(when(passes, table.c.at_micros))
            case Aggregate.LAST:
                columns[f"last_{name}"] = sa.func.max(when(passes, table.c.at_micros))
            case Aggregate.SUM:
                label = facts.sums[str(partial.of)]
                for part in (label, f"{label}_micro"):
                    columns[f"{part}_{name}"] = total(when(passes, table.c[part]))
            case Aggregate.DISTINCT | Aggregate.ACTIVE:
                pass  # they have slices of their own
    return columns


def span_columns(
    inputs: Mapping[PartialInput, str], facts: Facts, slices: Any, spans: Any, engine: Engine
) -> Mapping[str, Expr]:
    """The inputs of one span from its slices, by label; a sum has a second label, `<label>_micro`."""
    columns: dict[str, Expr] = {}
    for source, label in inputs.items():
        partial = source.partial
        name = _name(facts, partial.where)
        match partial.aggregate:
            case Aggregate.COUNT:
                columns[label] = total(slices.c[f"n_{name}"])
            case Aggregate.DAYS:
                columns[label] = sa.func.count(sa.distinct(sa.case((slices.c[f"n_{name}"] > 0, slices.c.day))))
            case Aggregate.DAY_SUM:
                columns[label] = total(slices.c[f"n_{name}"] * slices.c.day)
            case Aggregate.HALVED:
                columns[label] = total(slices.c[f"n_{name}"] * _halved(partial, slices, spans, engine))
            case Aggregate.FIRST:
                columns[label] = sa.func.min(slices.c[f"first_{name}"])
            case Aggregate.LAST:
                columns[label] = sa.func.max(slices.c[f"last_{name}"])
            case Aggregate.SUM:
                part = facts.sums[str(partial.of)]
                columns[label] = total(slices.c[f"{part}_{name}"])
                columns[f"{label}_micro"] = total(slices.c[f"{part}_micro_{name}"])
            case Aggregate.DISTINCT:
                columns[label] = sa.func.count(sa.distinct(slices.c.value))
            case Aggregate.ACTIVE:
                columns[label] = total(slices.c.active)
    return columns


def _halved(partial: Partial, slices: Any, spans: Any, engine: Engine) -> Expr:
    age = sa.cast(spans.c.as_of_day - slices.c.day, sa.Double)
    weight = engine.power(0.5, age / sa.literal(partial.half_life_days, sa.Double))
    return engine.floor(weight * sa.literal(1e6, sa.Double) + sa.literal(0.5, sa.Double))


def _name(facts: Facts, where: Where) -> str:
    return facts.flags[where] if where.conditions else "all"


def when(passes: Expr | None, value: Expr) -> Expr:
    """A value where a row passes; of every row where there is no filter."""
    return value if passes is None else sa.case((passes, value))


def total(value: Expr) -> Expr:
    """The sum of whole numbers, in 64 bits; 0 of nothing."""
    return sa.cast(sa.func.coalesce(sa.func.sum(value), whole(0)), sa.BigInteger)
