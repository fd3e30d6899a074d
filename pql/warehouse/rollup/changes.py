"""Which days gained, lost or changed rows since they were rolled."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import Calendar, to_micros
from pql.domain.partials import Relation as Happening
from pql.warehouse.days import inside, rolled_day, whole
from pql.warehouse.engines import Column, Engine, Expr, Kind
from pql.warehouse.happenings import ID_COLUMNS, Reader, Usable
from pql.warehouse.relations import Rows
from pql.warehouse.slices import Facts, total
from pql.warehouse.source import Source

# Sums of this many remainders stay far within 64 bits.
_MODULUS = 2_147_483_647
STATE = ("row_count", "newest", "mark", "last_at")
# Of columns of these kinds the greatest is also the newest, so that only that one need be read as an instant.
_ORDERED = (Kind.INSTANT, Kind.WALL, Kind.DATE)


def survey_days(
    source: Source, usable: Usable, facts: Facts, calendar: Calendar, *, start: datetime | None, end: datetime
) -> pd.DataFrame:
    """What there is of each day of [start, end): index `day`, and the columns of `STATE` as whole numbers.

    Rows are counted as they stand, whether they can be used or not. `newest` is the newest arrival (0 where rows do
    not tell), `mark` a checksum: of the arrivals, or of what is kept of the rows.
    """
    engine, rows = source.engine, usable.relation.rows(start=start, end=end)
    arrived = rows.column("ingested_at") if rows.relation.has("ingested_at") else None
    extra = _mark(engine, usable.happening, rows, facts.readers(engine).values()) if arrived is None else arrived.expr
    dated, last_at = _dated(engine, calendar, rows.column("occurred_at"), extra, start, end)
    columns: Mapping[str, Expr] = {
        "row_count": sa.func.count(),
        "newest": whole(0) if arrived is None else _newest(engine, dated.c.extra, arrived.kind),
        "mark": total(dated.c.extra if arrived is None else engine.mark(Column(dated.c.extra, arrived.kind))),
        "last_at": last_at,
    }
    named = [expr.label(name) for name, expr in columns.items()]
    frame = source.fetch(sa.select(dated.c.day.label("day"), *named).group_by(dated.c.day), usable.relation.file.path)
    return frame.fillna(0).astype(np.int64).set_index("day").sort_index()


def _dated(
    engine: Engine, calendar: Calendar, occurred: Column, extra: Expr, start: datetime | None, end: datetime
) -> tuple[Any, Expr]:
    """Rows of [start, end) with `day` and `extra`; and the aggregate that is the last instant of a day's."""
    within = engine.within(occurred, start, end)
    if start is not None:
        first = calendar.day_of(start)
        edges = [calendar.start_of(day) for day in range(first, calendar.last_day_before(end) + 1)]
        bucket = engine.bucket(occurred, edges)
        if bucket is not None:
            labelled = [occurred.expr.label("at"), extra.label("extra"), (bucket + whole(first - 1)).label("day")]
            dated = sa.select(*labelled).where(*within).subquery()
            return dated, engine.micros(Column(sa.func.max(dated.c.at), occurred.kind))
    labelled = [engine.micros(occurred).label("at_micros"), extra.label("extra")]
    inner = sa.select(*labelled).where(*within).subquery()
    day = rolled_day(engine, calendar, inner.c.at_micros, start, end)
    dated = sa.select(*inner.c, day.label("day")).where(*inside(inner.c.at_micros, start, end)).subquery()
    return dated, sa.func.max(dated.c.at_micros)


def _newest(engine: Engine, arrived: Expr, kind: Kind) -> Expr:
    if kind in _ORDERED:
        return engine.micros(Column(sa.func.max(arrived), kind))
    return sa.func.max(engine.micros(Column(arrived, kind)))


def _mark(engine: Engine, happening: Happening, rows: Rows, readers: Iterable[Reader]) -> Expr:
    """A number of a row that nearly always differs when what is kept of it does."""
    has_user = rows.relation.has("user_id")
    ids = [rows.clean("account_id").expr, *([rows.clean("user_id").expr] if has_user else [])]
    row_id = ID_COLUMNS[happening]
    # Which of the rows with one id counts, their ids tell.
    ids += [rows.clean(row_id).expr] if rows.relation.has(row_id) else []
    parts: list[Any] = [*ids, engine.micros(rows.column("occurred_at")), *(reader(rows) for reader in readers)]
    written: Expr = reduce(
        lambda left, right: left.concat(sa.literal_column("'|'")).concat(right), map(_written, parts)
    )
    hashed = engine.checksum(written)
    return sa.func.length(written) if hashed is written else hashed % whole(_MODULUS)


def _written(expr: Expr) -> Expr:
    # A truth is no text on every engine.
    plain = sa.case((expr, whole(1)), else_=whole(0)) if isinstance(expr.type, sa.Boolean) else expr
    return sa.func.coalesce(sa.cast(plain, sa.Text), sa.literal_column("''"))


@dataclass(frozen=True, slots=True)
class Changes:
    """What a survey says of the days that are rolled.

    Args:
        dirty: Days to roll again, the newest first.
        advanced: Days whose rows are as they were, up to a later instant.
        late: How many rows came, went or changed on days that are too old to be rolled again, by day.
    """

    dirty: Sequence[int]
    advanced: Sequence[int]
    late: Mapping[int, int]


def changes(
    found: pd.DataFrame, known: pd.DataFrame, calendar: Calendar, *, as_of: datetime, first: int, oldest: int
) -> Changes:
    """Compare what there is with what was rolled.

    Args:
        found: As `survey_days`, of the days from `first` on, as of `as_of`.
        known: The same of the rolled days, and `until`.
        calendar: The project's days.
        as_of: The instant of the survey.
        first: The first day that was surveyed.
        oldest: The oldest day that may still be rolled again.
    """
    today = calendar.last_day_before(as_of)
    rolled = known[(known.index >= first) & (known.index <= today)]
    days = found.index.union(rolled.index)
    there, before = found.reindex(days, fill_value=0), rolled.reindex(days, fill_value=0)
    ends = np.array([min(to_micros(calendar.start_of(int(day) + 1)), to_micros(as_of)) for day in days], dtype=np.int64)
    differs = (there[list(STATE)] != before[list(STATE)]).any(axis=1).to_numpy()
    may, unknown = np.asarray(days >= oldest), ~days.isin(rolled.index)
    advanced = ~differs & (before["until"].to_numpy() < ends) & ~unknown
    # Of old days only their count is compared: the mark changes with what is kept.
    moved = (there["row_count"] - before["row_count"]).abs()
    late = {int(str(day)): int(rows) for day, rows in moved[~may].items() if rows}
    return Changes(
        dirty=sorted((int(day) for day in days[(differs | unknown) & may]), reverse=True),
        advanced=[int(day) for day in days[advanced]],
        late=late,
    )
