"""What is kept of each user's day while days are rolled: the parts from which all columns are merged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import sqlalchemy as sa

from pql.domain.conditions import Where
from pql.domain.partials import Aggregate
from pql.warehouse.relations import IDS
from pql.warehouse.rollup.columns import WORDS, Family, Stored
from pql.warehouse.slices import Facts

# A family, the filter that rows pass, and what is read of them.
Part: TypeAlias = tuple[Family, Where, str | None]
EVERY: Part = (Family.ROWS, Where(), None)


def needs_rows(column: Stored) -> bool:
    """Whether a column lists values that a user's day may have many of."""
    return column.family is Family.VALUES and str(column.of) not in IDS


def facts_of(columns: Iterable[Stored]) -> Facts:
    """What must be known of each row; distinct users and accounts are there as keys."""
    partials = (column.partial() for column in columns)
    return Facts.of(replace(one, aggregate=Aggregate.COUNT, of=None) if one.of in IDS else one for one in partials)


@dataclass(frozen=True, slots=True)
class UserDays:
    """The columns of a table of users' days, beside `account_id`, `user_id` and `day`.

    Args:
        names: The columns of each part.
        unknown: The column that is 1 where a value has no bit yet, by what BITS reads.
    """

    names: Mapping[Part, tuple[str, ...]]
    unknown: Mapping[str, str]

    @classmethod
    def of(cls, columns: Iterable[Stored]) -> "UserDays":
        """The parts of some columns, and how many rows there are."""
        needed = dict.fromkeys([EVERY, *(part for column in columns for part in _needed(column))])
        names = {part: _names(part, number) for number, part in enumerate(needed)}
        texts = dict.fromkeys(str(of) for family, _, of in needed if family is Family.BITS)
        return cls(names, {of: f"unknown_{number}" for number, of in enumerate(texts)})

    def name(self, family: Family, where: Where, of: str | None = None) -> str:
        """The first column of a part."""
        return self.names[family, where, of][0]

    def columns(self) -> list[sa.Column[Any]]:
        """The types of the table's columns, in the order of `Batch.by_user`."""
        numbers = [*(name for names in self.names.values() for name in names), *self.unknown.values()]
        ids: list[sa.Column[Any]] = [sa.Column(name, sa.Text) for name in ("account_id", "user_id")]
        return [*ids, *(sa.Column(name, sa.BigInteger) for name in ("day", *numbers))]


def _needed(column: Stored) -> list[Part]:
    match column.family:
        case Family.ACTIVE:
            # A user's first and last row of a day are its edges, if they are near a midnight.
            ends = [(family, column.where, None) for family in (Family.FIRST, Family.LAST)]
            return [(Family.ACTIVE, column.where, None), *ends]
        case Family.VALUES:
            return [] if needs_rows(column) else [(Family.ROWS, column.where, None)]
        case family:
            return [(family, column.where, column.of if family in (Family.SUM, Family.BITS) else None)]


def _names(part: Part, number: int) -> tuple[str, ...]:
    name = f"{part[0].value}_{number}"
    match part[0]:
        case Family.SUM:
            return name, f"{name}_micro"
        case Family.BITS:
            return tuple(f"{name}_{word}" for word in range(WORDS))
        case _:
            return (name,)
