"""The rollup's own tables, in a schema that belongs to us.

`days` tells which days are rolled, and from what; `kept` which columns there are, and from which day on; the rest are
partial results. Ids are text, instants microseconds since 1970, days day numbers. `account_id` is empty where a row
names none; `user_id` is empty in rows by account, but for rows that name no account: these are found by their user.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from pql.domain.partials import Level
from pql.domain.partials import Relation as Happening
from pql.warehouse.rollup.columns import Stored

KEY = ("account_id", "user_id", "day")


def text(name: str) -> sa.Column[Any]:
    """A column of text that is never null."""
    return sa.Column(name, sa.Text, nullable=False)


def whole(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    """A column of whole numbers of 64 bits."""
    return sa.Column(name, sa.BigInteger, nullable=nullable)


@dataclass(frozen=True)
class Tables:
    """The tables of a schema."""

    schema: str
    metadata: sa.MetaData = field(default_factory=sa.MetaData)

    def fixed(self) -> tuple[sa.Table, ...]:
        """The tables whose columns never change."""
        kinds = (self.values, self.edges, self.lasts)
        own = [table(happening) for happening in Happening for table in kinds]
        return (self.meta, self.days, self.kept, self.dictionary, self.firsts, *own)

    @property
    def names(self) -> str:
        """What the fixed tables are called, in one line."""
        return " ".join(table.name for table in self.fixed())

    def _table(self, name: str, *columns: sa.Column[Any]) -> sa.Table:
        known = self.metadata.tables.get(f"{self.schema}.{name}")
        return sa.Table(name, self.metadata, *columns, schema=self.schema) if known is None else known

    @property
    def meta(self) -> sa.Table:
        """Facts about the rollup itself, by name."""
        return self._table("meta", text("name"), text("value"))

    @property
    def days(self) -> sa.Table:
        """The days that are rolled: `until` bounds their rows, which were so many, the newest arrival and the last."""
        numbers = ("row_count", "newest", "mark", "until", "last_at", "orphans")
        return self._table("days", text("relation"), whole("day", nullable=False), *map(whole, numbers))

    @property
    def kept(self) -> sa.Table:
        """The columns: what each holds, and from which day on (null: no day yet)."""
        return self._table("kept", *map(text, ("relation", "grain", "name", "described")), whole("built_from"))

    @property
    def dictionary(self) -> sa.Table:
        """The bit of each value of a small domain; a number that is null says that the domain is too large."""
        return self._table("dictionary", text("relation"), text("of"), sa.Column("value", sa.Text), whole("number"))

    @property
    def firsts(self) -> sa.Table:
        """First-ever facts: when each key first passed a column's filter."""
        return self._table("firsts", *map(text, ("name", "account_id", "user_id")), whole("first_at"))

    def values(self, relation: Happening) -> sa.Table:
        """The distinct values of large domains, a row for each key, day and value."""
        name = f"{relation.value}_values"
        return self._table(name, *map(text, ("name", "account_id", "user_id", "value")), whole("day", nullable=False))

    def lasts(self, relation: Happening) -> sa.Table:
        """The last day of each distinct value, of the columns that are filled in."""
        name = f"{relation.value}_lasts"
        return self._table(name, *map(text, ("name", "account_id", "user_id", "value")), whole("last_day"))

    def edges(self, relation: Happening) -> sa.Table:
        """A user's first row within 30 minutes after a midnight, and the last within 30 minutes before one."""
        name = f"{relation.value}_edges"
        return self._table(
            name,
            *map(text, ("name", "account_id", "user_id")),
            whole("day", nullable=False),
            *map(whole, ("late", "at_micros")),
        )

    def slices(self, relation: Happening, grain: Level, columns: Iterable[Stored]) -> sa.Table:
        """Rows by key and day with these columns, as it stands in statements; the table itself may have more."""
        own = [whole(name) for column in columns for name in column.physical()]
        keys = [text("account_id"), text("user_id"), whole("day", nullable=False)]
        return sa.Table(slices_name(relation, grain), sa.MetaData(), *keys, *own, schema=self.schema)


def slices_name(relation: Happening, grain: Level) -> str:
    """The table of a grain."""
    return f"{relation.value}_by_{grain.value}"
