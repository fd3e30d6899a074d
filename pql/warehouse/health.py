"""What a relation is like as of an instant, for `pql.domain.source_health`: a bounded query each."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import Calendar, from_micros, to_micros
from pql.domain.source_health import ARRIVAL, DAYS_BACK, HAPPENINGS, Expectation, Observation
from pql.errors import SourceMismatch
from pql.warehouse.days import day_number, inside, whole
from pql.warehouse.engines import Expr, Kind
from pql.warehouse.relations import Relation, Rows
from pql.warehouse.source import Source

MOST_COLUMNS = 40  # of whose empty values are counted
_DOCUMENTS = (Kind.JSON, Kind.NESTED)


def arrival_column(relation: Relation, expectation: Expectation) -> str | None:
    """The column that tells when a row came; None where there is none.

    Raises:
        SourceMismatch: The column that is asked for is not there.
    """
    if expectation.by and not relation.has(expectation.by):
        raise SourceMismatch(
            f"usage.expect.{relation.name}.by names '{expectation.by}', but {relation.file.path} has no such column"
        )
    usual = ARRIVAL.get(relation.name, ())
    return expectation.by or next((name for name in usual if relation.has(name)), None)


def look(
    source: Source,
    relation: Relation,
    expectation: Expectation,
    calendar: Calendar,
    known: pd.DataFrame | None,
    *,
    as_of: datetime,
) -> Observation:
    """Look at a relation as of an instant.

    Args:
        source: Where it lies.
        relation: Which.
        expectation: How late rows may come, and what tells.
        calendar: The project's days.
        known: Days that the rollup has seen: index `day`; `row_count`, `newest`, `last_at`. None: there is no rollup.
        as_of: What lies at or after it is not seen.
    """
    if relation.name in HAPPENINGS:
        return _happening(source, relation, expectation, calendar, known, as_of)
    return _snapshot(source, relation, expectation, as_of)


def _snapshot(source: Source, relation: Relation, expectation: Expectation, as_of: datetime) -> Observation:
    rows, engine = relation.rows(), relation.engine
    by = arrival_column(relation, expectation)
    came: Expr = sa.cast(sa.null(), sa.BigInteger) if by is None else engine.micros(rows.column(by))
    created = engine.micros(rows.column("created_at")) if relation.has("created_at") else None
    there = sa.true() if created is None else sa.or_(created.is_(None), created < to_micros(as_of))
    columns = _columns(relation, expectation)
    # A row may be told of again after the instant that is asked about; it is not newer than that.
    # Without a date and a column to look at, nothing else would name the table.
    counted = sa.select(came.label("came"), *_empties(rows, columns)).select_from(rows.subquery)
    inner = counted.where(there).subquery()
    select = sa.select(sa.func.count().label("row_count"), sa.func.max(inner.c.came).label("came"), *_sums(inner))
    row = source.fetch(select, relation.file.path).iloc[0]
    count = int(row["row_count"])
    return Observation(
        relation=relation.name,
        newest_at=_newest([row["came"]], as_of),
        row_count=count,
        shares=_shares(pd.DataFrame([row]), columns, count),
        sampled=count,
        dated=by is not None,
    )


def _happening(
    source: Source,
    relation: Relation,
    expectation: Expectation,
    calendar: Calendar,
    known: pd.DataFrame | None,
    as_of: datetime,
) -> Observation:
    late = timedelta() if expectation.every is None else timedelta(seconds=expectation.every.seconds)
    day = calendar.day_of(as_of - late) - 1
    oldest = day - DAYS_BACK
    before = pd.DataFrame(columns=["row_count", "newest", "last_at"]) if known is None else known
    before = before[(before.index >= oldest) & (before.index <= day)]
    # What the rollup has not seen yet, or only in part, is looked at now.
    first = oldest if before.empty else min(day, int(before.index.max()))
    found = _by_day(source, relation, expectation, calendar, start=calendar.start_of(first), as_of=as_of)
    days = {int(str(one)): int(rows) for one, rows in before["row_count"].items() if rows}
    days |= {int(str(one)): int(rows) for one, rows in found["row_count"].items()}
    recent, columns = found[found.index >= day], _columns(relation, expectation)
    sampled = int(recent["row_count"].sum())
    return Observation(
        relation=relation.name,
        newest_at=_newest([*found["came"], *before[["newest", "last_at"]].max(axis=1)], as_of),
        row_count=days.get(day, 0),
        day=day,
        days=days,
        shares=_shares(recent, columns, sampled),
        sampled=sampled,
    )


def _by_day(
    source: Source,
    relation: Relation,
    expectation: Expectation,
    calendar: Calendar,
    *,
    start: datetime,
    as_of: datetime,
) -> pd.DataFrame:
    """Index `day`; `row_count`, `came` (the newest arrival) and the number of empty values of each column."""
    rows, engine = relation.rows(start=start, end=as_of), relation.engine
    occurred = rows.column("occurred_at")
    came = rows.column(arrival_column(relation, expectation) or "occurred_at")
    inner = (
        sa.select(
            engine.micros(occurred).label("at_micros"),
            engine.micros(came).label("came"),
            *_empties(rows, _columns(relation, expectation)),
        )
        .where(*engine.within(occurred, start, as_of))
        .subquery()
    )
    day = day_number(engine, calendar, inner.c.at_micros, start, as_of)
    dated = sa.select(*inner.c, day.label("day")).where(*inside(inner.c.at_micros, start, as_of)).subquery()
    select = sa.select(
        dated.c.day.label("day"),
        sa.func.count().label("row_count"),
        sa.func.max(dated.c.came).label("came"),
        *_sums(dated),
    ).group_by(dated.c.day)
    frame = source.fetch(select, relation.file.path)
    return frame.set_index(frame["day"].astype(int)).drop(columns="day").sort_index()


def _columns(relation: Relation, expectation: Expectation) -> Sequence[str]:
    """The columns whose empty values are counted; none where any share is well."""
    if expectation.nulls >= 1:
        return []
    return [name for name, kind in relation.kinds.items() if kind not in _DOCUMENTS][:MOST_COLUMNS]


def _empties(rows: Rows, columns: Sequence[str]) -> list[Any]:
    """For each column 1 where it has no value."""
    return [
        sa.case((_empty(rows, name), whole(1)), else_=whole(0)).label(f"empty_{number}")
        for number, name in enumerate(columns)
    ]


def _empty(rows: Rows, name: str) -> Expr:
    engine, column = rows.relation.engine, rows.column(name)
    missing = sa.not_(engine.known(column))
    return sa.or_(missing, column.expr == "") if column.kind in (Kind.TEXT, Kind.ANY) else missing


def _sums(inner: Any) -> list[Any]:
    return [sa.func.sum(column).label(column.name) for column in inner.c if column.name.startswith("empty_")]


def _shares(counted: pd.DataFrame, columns: Sequence[str], rows: int) -> dict[str, float]:
    if not rows:
        return {}
    return {name: float(counted[f"empty_{number}"].sum()) / rows for number, name in enumerate(columns)}


def _newest(came: Sequence[Any], as_of: datetime) -> datetime | None:
    known = [float(at) for at in came if pd.notna(at) and at]
    return min(from_micros(max(known)), as_of) if known else None
