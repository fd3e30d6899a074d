"""First-ever facts as state: when each key first passed a filter. They never need old days again."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from pql.domain.calendar import Calendar, to_micros
from pql.warehouse.days import rolled_from
from pql.warehouse.rollup.columns import Family, Stored
from pql.warehouse.rollup.homes import Home
from pql.warehouse.slices import BEGINNING


@dataclass(frozen=True)
class Firsts:
    """Keeps `firsts` equal to the least of each key over all rolled days."""

    home: Home
    calendar: Calendar

    def forget(self, connection: sa.Connection, names: Sequence[str], days: Sequence[int]) -> None:
        """What these columns knew of some days, which were rolled without them."""
        firsts, (lo, hi) = self.home.tables.firsts, self._bounds(days)
        own = (firsts.c.name.in_(list(names)), firsts.c.first_at >= lo, firsts.c.first_at < hi)
        if names:
            connection.execute(sa.delete(firsts).where(*own))

    def _bounds(self, days: Sequence[int]) -> tuple[int, int]:
        start = rolled_from(self.calendar, min(days))
        lo = BEGINNING if start is None else to_micros(start)
        return lo, to_micros(self.calendar.start_of(max(days) + 1))

    def update(self, connection: sa.Connection, columns: Sequence[Stored], days: Sequence[int]) -> None:
        """After some days were rolled again, within their transaction."""
        for column in columns:
            if column.family is Family.FIRST:
                self._update(connection, column, days)

    def _update(self, connection: sa.Connection, column: Stored, days: Sequence[int]) -> None:
        firsts = self.home.tables.firsts
        own = firsts.c.name == column.name
        lo, hi = self._bounds(days)
        # What was first on these days may have gone or moved: then the next is among the days from here on.
        here = (own, firsts.c.first_at >= lo, firsts.c.first_at < hi)
        gone = connection.execute(sa.select(sa.func.count()).select_from(firsts).where(*here)).scalar_one()
        if gone:
            connection.execute(sa.delete(firsts).where(*here))
        found = self._found(column, days, onward=bool(gone)).subquery("found")
        same = (firsts.c.account_id == found.c.account_id) & (firsts.c.user_id == found.c.user_id) & own
        earlier = sa.update(firsts).values(first_at=found.c.first_at)
        connection.execute(earlier.where(same, found.c.first_at < firsts.c.first_at))
        unknown = ~sa.select(firsts.c.first_at).where(same).exists()
        select = sa.select(sa.literal(column.name), found.c.account_id, found.c.user_id, found.c.first_at).where(
            unknown
        )
        connection.execute(firsts.insert().from_select(["name", "account_id", "user_id", "first_at"], select))

    def _found(self, column: Stored, days: Sequence[int], *, onward: bool) -> sa.Select[tuple[str, str, int]]:
        """The first of each key on these days; `onward`: on these and all later ones."""
        table = self.home.tables.slices(column.relation, column.grain, [column])
        first = table.c[column.name]
        select = sa.select(table.c.account_id, table.c.user_id, sa.func.min(first).label("first_at"))
        select = select.where(first.is_not(None), table.c.day >= min(days))
        if not onward:
            select = select.where(table.c.day <= max(days))
        return select.group_by(table.c.account_id, table.c.user_id)
