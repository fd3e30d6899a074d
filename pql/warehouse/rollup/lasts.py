"""The last day of each distinct value, as state: how many there are in the newest days needs no row for each day."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from pql.domain.partials import Relation as Happening
from pql.warehouse.engines import Expr
from pql.warehouse.rollup.columns import Family, Stored
from pql.warehouse.rollup.homes import Home
from pql.warehouse.rollup.touched import Touched

_KEY = ("name", "account_id", "user_id", "value")


@dataclass(frozen=True)
class Lasts:
    """Keeps a relation's `lasts` equal to the greatest day of each value, for the columns that are filled in."""

    home: Home
    happening: Happening

    def rebuild(self, connection: sa.Connection, columns: Iterable[Stored]) -> None:
        """From all rolled days: of columns that have just been filled in."""
        names, lasts = _names(columns), self.home.tables.lasts(self.happening)
        if names:
            connection.execute(sa.delete(lasts).where(lasts.c.name.in_(names)))
            self._insert(connection, self._greatest(names))

    def forget(self, connection: sa.Connection, names: Sequence[str]) -> None:
        """Columns without which some days were rolled."""
        lasts = self.home.tables.lasts(self.happening)
        if names:
            connection.execute(sa.delete(lasts).where(lasts.c.name.in_(list(names))))

    def update(
        self, connection: sa.Connection, columns: Iterable[Stored], days: Sequence[int], touched: Touched
    ) -> None:
        """After some days were rolled again, within their transaction; of columns that were filled in before."""
        names = _names(columns)
        if not names:
            return
        values, lasts = self.home.tables.values(self.happening), self.home.tables.lasts(self.happening)
        gone = self._gone(names, days, touched)
        some = connection.execute(sa.select(sa.func.count()).select_from(gone.subquery())).scalar_one()
        if some:
            key = sa.tuple_(*(lasts.c[name] for name in (*_KEY, "last_day")))
            connection.execute(sa.delete(lasts).where(key.in_(gone)))
        found = self._greatest(names, self._rolled(values, values.c.day, days, touched)).subquery("found")
        later = (_same(found, lasts), lasts.c.last_day < found.c.last_day)
        if self.home.engine.moves_rows:
            connection.execute(sa.update(lasts).values(last_day=found.c.last_day).where(*later))
        else:
            connection.execute(sa.delete(lasts).where(sa.select(found.c.last_day).where(*later).exists()))
        # What is gone from these days may have been there on others.
        every = self._greatest(names).subquery("found") if some else found
        unknown = ~sa.select(lasts.c.last_day).where(_same(every, lasts)).exists()
        self._insert(connection, sa.select(*every.c).where(unknown))

    def _gone(self, names: Sequence[str], days: Sequence[int], touched: Touched) -> sa.CompoundSelect[Any]:
        """The last days that were rolled again and no longer have the value.

        As a difference of sets: what is new of a day no database has counted yet, and for a join PostgreSQL then
        looks through the day once for each value.
        """
        values, lasts = self.home.tables.values(self.happening), self.home.tables.lasts(self.happening)
        were = sa.select(*(lasts.c[name] for name in (*_KEY, "last_day"))).where(
            lasts.c.name.in_(names), self._rolled(lasts, lasts.c.last_day, days, touched)
        )
        there = sa.select(*(values.c[name] for name in (*_KEY, "day"))).where(
            values.c.name.in_(names), self._rolled(values, values.c.day, days, touched)
        )
        return were.except_(there)

    def _rolled(self, table: Any, day: Expr, days: Sequence[int], touched: Touched) -> Expr:
        return touched.within(day, days, touched.keys(table.c.account_id, table.c.user_id, table.c.account_id == ""))

    def _greatest(self, names: Sequence[str], *where: Expr) -> sa.Select[Any]:
        values = self.home.tables.values(self.happening)
        key = [values.c[name] for name in _KEY]
        select = sa.select(*key, sa.func.max(values.c.day).label("last_day"))
        return select.where(values.c.name.in_(names), *where).group_by(*key)

    def _insert(self, connection: sa.Connection, select: sa.Select[Any]) -> None:
        lasts = self.home.tables.lasts(self.happening)
        connection.execute(lasts.insert().from_select([*_KEY, "last_day"], select))


def _names(columns: Iterable[Stored]) -> list[str]:
    return sorted(column.name for column in columns if column.family is Family.VALUES)


def _same(left: Any, right: Any) -> Expr:
    return sa.and_(*(left.c[name] == right.c[name] for name in _KEY))
