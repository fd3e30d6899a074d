"""Timers, by moment, lead and key: read before rows are judged, written in the transaction that judges them."""

from collections.abc import Collection, Sequence

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.domain.timers import TIMER_COLUMNS, TimerStatus
from pql.store import statements
from pql.store.records import TimerRecord
from pql.store.tables import timers
from pql.store.values import clean, framed, micros

COLUMNS = ("moment", *TIMER_COLUMNS, "status")


def of_leads(connection: sa.Connection, moments: Collection[str], lead_ids: Collection[str]) -> pd.DataFrame:
    """All timers of these moments and leads, ended ones too."""
    query = _query().where(timers.c.moment.in_(sorted(moments)))
    return _frame(statements.rows_of_leads(connection, query, timers.c.lead_id, lead_ids))


def waiting(connection: sa.Connection, moments: Collection[str], due_before: int | None) -> pd.DataFrame:
    """The waiting timers of these moments, those that are due first."""
    query = _query().where(timers.c.status == TimerStatus.WAITING.value, timers.c.moment.in_(sorted(moments)))
    if due_before is not None:
        query = query.where(timers.c.due_at < due_before)
    return _frame(list(connection.execute(query)))


def _query() -> sa.Select[tuple[object, ...]]:
    return sa.select(*(timers.c[name] for name in COLUMNS)).order_by(timers.c.due_at, timers.c.lead_id, timers.c.key)


def _frame(rows: Sequence[sa.Row[tuple[object, ...]]]) -> pd.DataFrame:
    frame = framed(rows, COLUMNS)
    # Without rows a column has no type of its own.
    whole = frame.astype({"set_at": "int64", "due_at": "int64"})
    for name in ("user_id", "feature"):
        whole[name] = whole[name].astype(object).where(whole[name] != "", None)
    return whole


def write(connection: sa.Connection, run_id: str, records: Sequence[TimerRecord]) -> None:
    """Set, move and end timers."""
    rows = [
        {
            "moment": clean(record.moment),
            "lead_id": clean(record.lead_id),
            "key": clean(record.key),
            "user_id": clean(record.user_id),
            "set_at": to_micros(record.set_at),
            "due_at": to_micros(record.due_at),
            "ended_at": micros(record.ended_at),
            "status": record.status.value,
            "feature": clean(record.feature),
            "run_id": run_id,
        }
        for record in records
    ]
    statements.upsert(connection, timers, rows, key=["moment", "lead_id", "key"])


def forget(connection: sa.Connection, ended_before: int) -> int:
    """Drop timers that ended long ago; how many."""
    ended = sa.delete(timers).where(timers.c.status != TimerStatus.WAITING.value, timers.c.ended_at < ended_before)
    return connection.execute(ended).rowcount
