"""The planner: all measures of all definitions as one set of columns that are kept a day.

A column's name is made of what it holds, so that equal partials of several signals are one column, and a changed
definition is a new one.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from pql.domain.conditions import Condition, Where
from pql.domain.partials import Aggregate, Level, Partial, PartialInput
from pql.domain.partials import Relation as Happening
from pql.domain.plan import Plan

BITS_A_WORD = 62
WORDS = 2
MOST_BITS = BITS_A_WORD * WORDS


class Family(StrEnum):
    """What is kept of a day, for each key."""

    ROWS = "n"  # how many rows
    FIRST = "first"  # microseconds of the first row
    LAST = "last"  # microseconds of the last row
    SUM = "sum"  # whole units, and the rest in millionths
    ACTIVE = "active"  # microseconds in gaps of at most 30 minutes within the day
    BITS = "bits"  # which values of a small domain occur, as bits
    VALUES = "values"  # which values occur, as rows of a table of their own


_FAMILIES = {
    Aggregate.COUNT: Family.ROWS,
    Aggregate.DAYS: Family.ROWS,
    Aggregate.DAY_SUM: Family.ROWS,
    Aggregate.HALVED: Family.ROWS,
    Aggregate.FIRST: Family.FIRST,
    Aggregate.LAST: Family.LAST,
    Aggregate.SUM: Family.SUM,
    Aggregate.ACTIVE: Family.ACTIVE,
}
_AGGREGATES = {
    Family.ROWS: Aggregate.COUNT,
    Family.FIRST: Aggregate.FIRST,
    Family.LAST: Aggregate.LAST,
    Family.SUM: Aggregate.SUM,
    Family.ACTIVE: Aggregate.ACTIVE,
    Family.BITS: Aggregate.DISTINCT,
    Family.VALUES: Aggregate.DISTINCT,
}


@dataclass(frozen=True, slots=True)
class Stored:
    """One column of the rollup.

    Args:
        relation: Of which rows.
        grain: ACCOUNT: a row for each account and day; USER: one for each account, user and day.
        family: What is kept.
        where: Of the rows that pass.
        of: The column that SUM, BITS and VALUES read.
    """

    relation: Happening
    grain: Level
    family: Family
    where: Where = Where()
    of: str | None = None

    @property
    def name(self) -> str:
        """Short, and the same for the same content in every version of the program."""
        digest = hashlib.blake2s(json.dumps(self.described(), sort_keys=True).encode(), digest_size=6)
        return f"{self.family.value}_{digest.hexdigest()}"

    def described(self) -> Mapping[str, object]:
        """What the column holds, as JSON."""
        # A list: two conditions may be on one column.
        where = [[column, _described(condition)] for column, condition in self.where.conditions]
        return {"relation": self.relation.value, "grain": self.grain.value, "of": self.of, "where": where}

    def physical(self) -> tuple[str, ...]:
        """The table's columns, all whole numbers; none for values, which have a table of their own."""
        match self.family:
            case Family.SUM:
                return (self.name, f"{self.name}_micro")
            case Family.BITS:
                return tuple(f"{self.name}_{word}" for word in range(WORDS))
            case Family.VALUES:
                return ()
            case _:
                return (self.name,)

    def partial(self) -> Partial:
        """What is computed of the day's rows."""
        return Partial(aggregate=_AGGREGATES[self.family], relation=self.relation, where=self.where, of=self.of)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which distinct values fit into bits.

    Args:
        wide: The columns of each relation whose values are too many, or known to be.
        bits: Whether the databases can unite bits at all.
    """

    wide: frozenset[tuple[Happening, str]] = frozenset()
    bits: bool = True

    def family(self, partial: Partial) -> Family:
        """How a partial is kept."""
        if partial.aggregate is not Aggregate.DISTINCT:
            return _FAMILIES[partial.aggregate]
        of = str(partial.of)
        fits = self.bits and not of.endswith("_id") and (partial.relation, of) not in self.wide
        return Family.BITS if fits else Family.VALUES

    def stored(self, partial: Partial, level: Level) -> Stored:
        """The column from which a partial is merged at a level; companies are made of accounts."""
        grain = Level.USER if level is Level.USER else Level.ACCOUNT
        return Stored(partial.relation, grain, self.family(partial), _canonical(partial.where), partial.of)


def _described(condition: Condition) -> Mapping[str, object]:
    named = ((field.name, getattr(condition, field.name)) for field in fields(condition))
    return {name: value for name, value in named if value is not None}


def _canonical(where: Where) -> Where:
    """The same filter, whatever the order of its conditions, and each of them once."""
    written = {
        json.dumps([column, _described(condition)], sort_keys=True): (column, condition)
        for column, condition in where.conditions
    }
    return Where(tuple(written[key] for key in sorted(written)))


def columns_of(plans: Iterable[Plan], layout: Layout) -> tuple[Stored, ...]:
    """The columns that plans need, each once, and the rows of each day."""
    return tuple(
        dict.fromkeys(
            layout.stored(source.partial, level)
            for plan in plans
            for level in plan.levels()
            for source in plan.columns(level)
            if isinstance(source, PartialInput)
        )
    )


def with_edges(columns: Sequence[Stored]) -> Iterator[Stored]:
    """The columns of active time whose edges are kept."""
    return (column for column in columns if column.family is Family.ACTIVE)
