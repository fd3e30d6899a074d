"""What is computed of a batch of days by the source, as SQL over its rows: what each user did on each day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import sqlalchemy as sa

from pql.domain.conditions import Where
from pql.domain.partials import Level
from pql.warehouse.days import whole
from pql.warehouse.engines import Engine, Expr
from pql.warehouse.rollup.columns import BITS_A_WORD, WORDS, Family, Stored
from pql.warehouse.rollup.user_days import Part, UserDays
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
    """

    rows: Any
    facts: Facts
    columns: Sequence[Stored]
    dictionary: Dictionary
    engine: Engine

    @cached_property
    def parts(self) -> UserDays:
        """What is computed of each user's day."""
        return UserDays.of(self.columns)

    def by_user(self) -> sa.Select[Any]:
        """Rows by account, user and day: the columns of `UserDays.columns`, in their order.

        One pass over the rows; whatever else is kept of the days is merged from these, which are far fewer.
        """
        if self._collects:
            return self._with_collected(self._grouped(self._with_bits(self.rows)))
        return self._grouped(self._with_gaps(self._with_bits(self.rows)))

    @property
    def _collects(self) -> bool:
        """Whether the instants of each user's day are collected and put in order there, not the rows."""
        active = any(family is Family.ACTIVE for family, _, _ in self.parts.names)
        return active and self.engine.collected(whole(0)) is not None

    def _grouped(self, rows: Any) -> sa.Select[Any]:
        # As gaps are ordered, so that a database that has sorted rows for them need not group them anew.
        user, account = (self.engine.ordered(rows.c[name]) for name in ("user_id", "account_id"))
        made = [
            expr.label(name)
            for part, names in self.parts.names.items()
            for name, expr in zip(names, self._expressions(part, rows), strict=True)
        ]
        unknown = [sa.func.max(rows.c[name]).label(name) for name in self.parts.unknown.values()]
        keys = [account.label("account_id"), user.label("user_id"), rows.c.day.label("day")]
        return sa.select(*keys, *made, *unknown).group_by(user, account, rows.c.day)

    def _with_collected(self, grouped: sa.Select[Any]) -> sa.Select[Any]:
        """What gaps between collected instants come to, in their place."""
        days = grouped.subquery("users_days")
        active = {names[0] for part, names in self.parts.names.items() if part[0] is Family.ACTIVE}
        gaps = {name: self.engine.gaps_within(days.c[name], PAUSE_MICROS) for name in active}
        return sa.select(*(gaps[name].label(name) if name in gaps else column for name, column in days.c.items()))

    def values(self, column: Stored) -> sa.Select[Any]:
        """The distinct values of one column: its name, the key and the value."""
        key, value = key_of_row(self.rows, column.grain), self.rows.c[self.facts.texts[str(column.of)]]
        select = sa.select(sa.literal(column.name).label("name"), *key.values(), value.label("value"))
        select = select.where(value.is_not(None), *self._passing(self.rows, column.where))
        if column.grain is Level.USER:
            select = select.where(self.rows.c.user_id.is_not(None))
        return select.group_by(*(expr.element for expr in key.values()), value)

    def _passing(self, rows: Any, where: Where) -> list[Expr]:
        passes = flag(rows, self.facts, where)
        return [] if passes is None else [passes]

    def _with_gaps(self, rows: Any) -> Any:
        """The rows with the time since the same user's row before, on the same day, for each filter of active time."""
        wheres = [where for family, where, _ in self.parts.names if family is Family.ACTIVE]
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

    def _with_bits(self, rows: Any) -> Any:
        """The rows with the bits of their values, and whether a value has none yet."""
        if not self.parts.unknown:
            return rows
        joined, bits = rows, []
        for of, unknown in self.parts.unknown.items():
            text = self.facts.texts[of]
            known = self._bits(text, self.dictionary.get(of, {}))
            joined = joined.outerjoin(known, known.c.value == rows.c[text])
            bits += [known.c[f"bit_{word}"].label(f"{text}_bit_{word}") for word in range(WORDS)]
            is_new = rows.c[text].is_not(None) & known.c.value.is_(None)
            bits.append(sa.case((is_new, whole(1)), else_=whole(0)).label(unknown))
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

    def _expressions(self, part: Part, rows: Any) -> Sequence[Expr]:
        """The expression of each of a part's columns."""
        family, where, of = part
        passes = flag(rows, self.facts, where)
        match family:
            case Family.FIRST:
                return [sa.func.min(when(passes, rows.c.at_micros))]
            case Family.LAST:
                return [sa.func.max(when(passes, rows.c.at_micros))]
            case Family.SUM:
                label = self.facts.sums[str(of)]
                return [total(when(passes, rows.c[name])) for name in (label, f"{label}_micro")]
            case Family.ACTIVE if self._collects:
                of_user = rows.c.user_id.is_not(None) if passes is None else passes & rows.c.user_id.is_not(None)
                collected = self.engine.collected(when(of_user, rows.c.at_micros))
                return [] if collected is None else [collected]
            case Family.ACTIVE:
                gap = rows.c[self._gap(where)]
                counted = (gap <= PAUSE_MICROS) if passes is None else passes & (gap <= PAUSE_MICROS)
                return [total(sa.case((counted & rows.c.user_id.is_not(None), gap)))]
            case Family.BITS:
                words = (f"{self.facts.texts[str(of)]}_bit_{word}" for word in range(WORDS))
                return [self.engine.bits_united(when(passes, rows.c[word])) for word in words]
            case _:
                return [sa.func.count(when(passes, whole(1)))]


def key_of_row(rows: Any, grain: Level) -> Mapping[str, sa.Label[Any]]:
    """Account, user and day of a row; by account, the user only where the account is not named."""
    account = sa.func.coalesce(rows.c.account_id, _EMPTY)
    user: Expr = rows.c.user_id
    if grain is Level.ACCOUNT:
        user = sa.case((rows.c.account_id.is_(None), user), else_=_EMPTY)
    return {"account_id": account.label("account_id"), "user_id": user.label("user_id"), "day": rows.c.day.label("day")}


_EMPTY: Expr = sa.literal_column("''", sa.Text)
