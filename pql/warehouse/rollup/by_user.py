"""What is kept of days, merged from what each user did on each of them: SQL in the rollup's home."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import Calendar
from pql.domain.partials import Level
from pql.warehouse.days import day_number, whole
from pql.warehouse.engines import Engine, Expr
from pql.warehouse.relations import IDS
from pql.warehouse.rollup.columns import Family, Stored
from pql.warehouse.rollup.rolling import key_of_row
from pql.warehouse.rollup.user_days import EVERY, UserDays, needs_rows
from pql.warehouse.slices import PAUSE_MICROS, total


@dataclass(frozen=True)
class ByUser:
    """Users' days and the statements over them.

    Args:
        table: Has the columns of `parts`; one row an account, user (each may be null) and day.
        parts: How they are named.
        columns: What is kept.
        engine: Of the home.
        calendar: The project's days.
        start: Before the first row, and not by much: which offsets of the clock matter.
        end: After the last row.
    """

    table: Any
    parts: UserDays
    columns: Sequence[Stored]
    engine: Engine
    calendar: Calendar
    start: datetime
    end: datetime

    def all(self) -> Mapping[str, sa.Select[Any]]:
        """Every part, by name: each grain, "values" and "edges"; values and edges of all columns are one SELECT.

        Not the values that need rows.
        """
        grains = dict.fromkeys(column.grain for column in self.columns)
        found = {grain.value: self.slices(grain) for grain in grains}
        valued = [c for c in self.columns if c.family is Family.VALUES and not needs_rows(c)]
        lists = {
            "values": [self.values(column) for column in valued],
            "edges": [self.edges(column) for column in self.columns if column.family is Family.ACTIVE],
        }
        for name, selects in lists.items():
            if selects:
                united = sa.union_all(*selects).subquery(name)
                found[name] = sa.select(*united.c)
        return found

    def told(self) -> sa.Select[Any]:
        """By day: `orphans`, how many rows name no account; and whether any value has no bit yet."""
        rows = self.table
        lost = total(sa.case((rows.c.account_id.is_(None), rows.c[self.parts.names[EVERY][0]])))
        unknown = [sa.func.max(rows.c[name]).label(name) for name in self.parts.unknown.values()]
        return sa.select(rows.c.day, lost.label("orphans"), *unknown).group_by(rows.c.day)

    def slices(self, grain: Level) -> sa.Select[Any]:
        """Rows by key and day: the key's three columns, and those of `columns` of this grain."""
        own = [column for column in self.columns if column.grain is grain and column.family is not Family.VALUES]
        key = key_of_row(self.table, grain)
        made = [expr.label(name) for column in own for name, expr in self._merged(column).items()]
        select = sa.select(*key.values(), *made)
        select = select.where(self.table.c.user_id.is_not(None)) if grain is Level.USER else select
        return select.group_by(*(expr.element for expr in key.values()))

    def _merged(self, column: Stored) -> Mapping[str, Expr]:
        of = column.of if column.family in (Family.SUM, Family.BITS) else None
        names = zip(column.physical(), self.parts.names[column.family, column.where, of], strict=True)
        return {made: self._merge(column.family, self.table.c[name]) for made, name in names}

    def _merge(self, family: Family, part: Expr) -> Expr:
        match family:
            case Family.FIRST:
                return sa.func.min(part)
            case Family.LAST:
                return sa.func.max(part)
            case Family.BITS:
                return self.engine.bits_united(part)
            case _:
                return total(part)

    def values(self, column: Stored) -> sa.Select[Any]:
        """The distinct users or accounts of one column: its name, the key and the value."""
        rows, key = self.table, key_of_row(self.table, column.grain)
        id_text = rows.c[next(name for name in sorted(IDS) if name == column.of)]
        select = sa.select(sa.literal(column.name).label("name"), *key.values(), id_text.label("value"))
        select = select.where(id_text.is_not(None), rows.c[self.parts.name(Family.ROWS, column.where)] > 0)
        if column.grain is Level.USER:
            select = select.where(rows.c.user_id.is_not(None))
        return select.group_by(*(expr.element for expr in key.values()), id_text)

    def edges(self, column: Stored) -> sa.Select[Any]:
        """For the filter of active time: each user's first and last row within 30 minutes of a midnight."""
        rows, pause = self.table, whole(PAUSE_MICROS)
        first, last = (rows.c[self.parts.name(family, column.where)] for family in (Family.FIRST, Family.LAST))
        # 30 minutes earlier is another day: whatever length the days have.
        near = ((0, first, self._day(first - pause) < rows.c.day), (1, last, self._day(last + pause) > rows.c.day))
        key = key_of_row(rows, Level.USER)
        parts = [
            sa.select(
                sa.literal(column.name).label("name"),
                *key.values(),
                whole(is_late).label("late"),
                at.label("at_micros"),
            ).where(rows.c.user_id.is_not(None), at.is_not(None), is_near)
            for is_late, at, is_near in near
        ]
        both = sa.union_all(*parts).subquery()
        return sa.select(*both.c)

    def _day(self, at: Expr) -> Expr:
        return day_number(self.engine, self.calendar, at, self.start, self.end)
