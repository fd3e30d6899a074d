"""The calendar's days in SQL: numbers from values of ours, whatever an engine believes of time zones."""

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from pql.domain.calendar import DAY_MICROS, Calendar, to_micros
from pql.warehouse.engines import Engine, Expr

_SHIFT_DAYS = 1_000_000
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_END = datetime(2100, 1, 1, tzinfo=UTC)


def whole(number: int) -> Expr:
    """A whole number in the statement itself."""
    return sa.literal_column(str(number), sa.BigInteger)


# Rows from before 1970 are kept as of its first day: no window reaches them, only what looks at all of the past.
OLDEST_DAY = 0


def rolled_day(engine: Engine, calendar: Calendar, at: Expr, start: datetime | None, end: datetime | None) -> Expr:
    """The number of the day as which an instant is kept in the rollup; arguments as for `day_number`."""
    day = day_number(engine, calendar, at, start, end)
    return day if start is not None else sa.case((day < whole(OLDEST_DAY), whole(OLDEST_DAY)), else_=day)


def rolled_from(calendar: Calendar, day: int) -> datetime | None:
    """The first instant of a day of the rollup; None: its rows reach back for ever."""
    return None if day <= OLDEST_DAY else calendar.start_of(day)


def day_number(engine: Engine, calendar: Calendar, at: Expr, start: datetime | None, end: datetime | None) -> Expr:
    """The number of the day that holds an instant of [start, end).

    Args:
        at: Microseconds since 1970.
        start: None: 1970; the rules of that time hold for all that is older.
        end: Exclusive; None: far away.
    """
    steps = calendar.offsets(start or _BEGINNING, end or _END)
    newest: list[tuple[Expr, Expr]] = [
        (at >= int(before.until or 0), whole(after.offset))
        for before, after in zip(reversed(steps[:-1]), reversed(steps), strict=False)
    ]
    first = whole(steps[0].offset)
    offset: Expr = sa.case(*newest, else_=first) if newest else first
    # Shifted, so that nothing is negative: engines differ on what is left of a division below zero.
    shifted = at + offset + whole(_SHIFT_DAYS * DAY_MICROS)
    return engine.divided(shifted, DAY_MICROS) - whole(_SHIFT_DAYS)


def inside(at: Expr, start: datetime | None, end: datetime) -> Sequence[Expr]:
    """Conditions on microseconds since 1970 that keep just [start, end); without a start, all before the end."""
    before = at < to_micros(end)
    return [before] if start is None else [before, at >= to_micros(start)]
