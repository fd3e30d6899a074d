"""What is computed of a batch of days, as SQL over its rows: partial results by key and day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from pql.domain.calendar import Calendar
from pql.domain.conditions import Where
from pql.domain.partials import Level
from pql.warehouse.days import day_number, whole
from pql.warehouse.engines import Engine, Expr
from pql.warehouse.rollup.columns import BITS_A_WORD, WORDS, Family, Stored
from pql.warehouse.slices import PAUSE_MICROS, Facts, flag, total, when

# The numbers of a column's values, by column.
Dictionary: TypeAlias = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Batch:
    """The rows of some days and the statements over them.

    Args:
        rows: Has `account_id` and `user_id` (as the rows say it, or null), `at_micros`, `day` and the facts.
        facts: What of the rows the columns need.
        columns: What is kept.
        dictionary: The numbers of the values of small domains.
        engine: Of the source.
        start: Before the first row, and not by much: which offsets of the clock matter.
        end: After the last row.
    """

    rows: Any
    facts: Facts
    columns: Sequence[Stored]
    dictionary: Dictionary
    engine: Engine
    calendar: Calendar
    start: datetime
    end: datetime

    def all(self) -> Mapping[str, sa.Select[Any]]:
        """Every part, by name: each grain, "values" and "edges"; values and edges of all columns are one SELECT."""
        grains = dict.fromkeys(column.grain for column in self.columns)
        parts = {grain.value: self.slices(grain) for grain in grains}
        lists = {
            "values": [self.values(column) for column in self.columns if column.family is Family.VALUES],
            "edges": [self.edges(column) for column in self.columns if column.family is Family.ACTIVE],
        }
        for name, selects in lists.items():
            if selects:
                united = sa.union_all(*selects).subquery(name)
                parts[name] = sa.select(*united.c)
        return parts

    def slices(self, grain: Level) -> sa.Select[Any]:
        """Rows by key and day: the key's three columns, and those of `columns` of this grain."""
        own = [column for column in self.columns if column.grain is grain and column.family is not Family.VALUES]
        rows = self._with_bits(self._with_gaps(own), own)
        key = _key(rows, grain)
        made = {name: expr for column in own for name, expr in self._expressions(column, rows).items()}
        select = sa.select(*key.values(), *(expr.label(name) for name, expr in made.items()))
        select = select.where(rows.c.user_id.is_not(None)) if grain is Level.USER else select
        return select.group_by(*(expr.element for expr in key.values()))

    def values(self, column: Stored) -> sa.Select[Any]:
        """The distinct values of one column: its name, the key and the value."""
        key, value = _key(self.rows, column.grain), self.rows.c[self.facts.texts[str(column.of)]]
        select = sa.select(sa.literal(column.name).label("name"), *key.values(), value.label("value"))
        select = select.where(value.is_not(None), *self._passing(self.rows, column.where))
        if column.grain is Level.USER:
            select = select.where(self.rows.c.user_id.is_not(None))
        return select.group_by(*(expr.element for expr in key.values()), value)

    def edges(self, column: Stored) -> sa.Select[Any]:
        """For the filter of active time: each user's first and last row within 30 minutes of a midnight."""
        key, at = _key(self.rows, Level.USER), self.rows.c.at_micros
        pause = whole(PAUSE_MICROS)
        # 30 minutes earlier is another day: whatever length the days have.
        early = self._day(at - pause) < self.rows.c.day
        late = self._day(at + pause) > self.rows.c.day
        parts = [
            sa.select(
                sa.literal(column.name).label("name"),
                *key.values(),
                whole(is_late).label("late"),
                end(at).label("at_micros"),
            )
            .where(self.rows.c.user_id.is_not(None), near, *self._passing(self.rows, column.where))
            .group_by(*(expr.element for expr in key.values()))
            for is_late, near, end in ((0, early, sa.func.min), (1, late, sa.func.max))
        ]
        both = sa.union_all(*parts).subquery()
        return sa.select(*both.c)

    def _day(self, at: Expr) -> Expr:
        return day_number(self.engine, self.calendar, at, self.start, self.end)

    def _passing(self, rows: Any, where: Where) -> list[Expr]:
        passes = flag(rows, self.facts, where)
        return [] if passes is None else [passes]

    def _with_gaps(self, columns: Sequence[Stored]) -> Any:
        """The rows with the time since the same user's row before, on the same day, for each filter of active time."""
        rows = self.rows
        wheres = dict.fromkeys(column.where for column in columns if column.family is Family.ACTIVE)
        if not wheres:
            return rows
        gaps = []
        for where in wheres:
            # Users first, who tell most rows apart, in the order that sorts fastest.
            ids = [self.engine.ordered(rows.c[name]) for name in ("user_id", "account_id")]
            of_user = [*ids, rows.c.day, *self._passing(rows, where)]
            before = sa.func.lag(rows.c.at_micros).over(partition_by=of_user, order_by=rows.c.at_micros)
            gaps.append((rows.c.at_micros - before).label(self._gap(where)))
        return sa.select(*rows.c, *gaps).subquery("with_gaps")

    def _gap(self, where: Where) -> str:
        return f"gap_{self.facts.flags[where]}" if where.conditions else "gap_all"

    def _with_bits(self, rows: Any, columns: Sequence[Stored]) -> Any:
        """The rows with the bits of their values."""
        ofs = dict.fromkeys(str(column.of) for column in columns if column.family is Family.BITS)
        if not ofs:
            return rows
        joined, bits = rows, []
        for of in ofs:
            text = self.facts.texts[of]
            known = self._bits(text, self.dictionary.get(of, {}))
            joined = joined.outerjoin(known, known.c.value == rows.c[text])
            bits += [known.c[f"bit_{word}"].label(f"{text}_bit_{word}") for word in range(WORDS)]
        return sa.select(*rows.c, *bits).select_from(joined).subquery("with_bits")

    def _bits(self, text: str, numbers: Mapping[str, int]) -> Any:
        rows = [
            (value, *(1 << number % BITS_A_WORD if number // BITS_A_WORD == word else 0 for word in range(WORDS)))
            for value, number in numbers.items()
        ]
        names = [f"bit_{word}" for word in range(WORDS)]
        return self.engine.rows_of(
            f"bits_of_{text}", {"value": sa.Text(), **dict.fromkeys(names, sa.BigInteger())}, rows or [("", 0, 0)]
        )

    def _expressions(self, column: Stored, rows: Any) -> Mapping[str, Expr]:
        """The expression of each of a column's parts."""
        passes, name = flag(rows, self.facts, column.where), column.name
        match column.family:
            case Family.ROWS:
                return {name: sa.func.count(when(passes, whole(1)))}
            case Family.FIRST:
                return {name: sa.func.min(when(passes, rows.c.at_micros))}
            case Family.LAST:
                return {name: sa.func.max(when(passes, rows.c.at_micros))}
            case Family.SUM:
                label = self.facts.sums[str(column.of)]
                parts = (label, f"{label}_micro")
                return {
                    made: total(when(passes, rows.c[part])) for made, part in zip(column.physical(), parts, strict=True)
                }
            case Family.ACTIVE:
                gap = rows.c[self._gap(column.where)]
                counted = (gap <= PAUSE_MICROS) if passes is None else passes & (gap <= PAUSE_MICROS)
                return {name: total(sa.case((counted & rows.c.user_id.is_not(None), gap)))}
            case _:
                text = self.facts.texts[str(column.of)]
                return {
                    made: self.engine.bits_united(when(passes, rows.c[f"{text}_bit_{word}"]))
                    for word, made in enumerate(column.physical())
                }


def _key(rows: Any, grain: Level) -> Mapping[str, sa.Label[Any]]:
    """Account, user and day of a row; by account, the user only where the account is not named."""
    account = sa.func.coalesce(rows.c.account_id, _EMPTY)
    user: Expr = rows.c.user_id
    if grain is Level.ACCOUNT:
        user = sa.case((rows.c.account_id.is_(None), user), else_=_EMPTY)
    return {"account_id": account.label("account_id"), "user_id": user.label("user_id"), "day": rows.c.day.label("day")}


_EMPTY: Expr = sa.literal_column("''", sa.Text)
