"""What hinders the program: raised while it lasts, and told to the operator once, and once more when it is over."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.store import outbox, runs, statements
from pql.store.records import Notice, OutboxRecord
from pql.store.tables import notices
from pql.store.values import clean, instant

_LASTS = notices.c.ended_at.is_(None)
_UNTOLD = sa.or_(
    sa.and_(_LASTS, notices.c.told_at.is_(None)),
    # What was over before anybody was told of it needs no word.
    sa.and_(notices.c.ended_at.is_not(None), notices.c.told_at < notices.c.ended_at),
)


def raise_(connection: sa.Connection, key: str, words: str, cure: str, now: datetime) -> bool:
    """It is so, or still so. True: it was not so before."""
    at = to_micros(now)
    said = {"words": clean(words), "cure": clean(cure)}
    row = {"key": clean(key), **said, "first_at": at, "last_at": at, "times": 1}
    if statements.insert_new(connection, notices, [row]):
        return True
    same = notices.c.key == clean(key)
    again = sa.update(notices).where(same, _LASTS)
    if connection.execute(again.values(**said, last_at=at, times=notices.c.times + 1)).rowcount:
        return False
    anew = {**said, "first_at": at, "last_at": at, "times": 1, "told_at": None, "ended_at": None}
    return connection.execute(sa.update(notices).where(same, ~_LASTS).values(**anew)).rowcount == 1


def end(connection: sa.Connection, key: str, now: datetime) -> bool:
    """It is over. False: it was not so."""
    over = sa.update(notices).where(notices.c.key == clean(key), _LASTS)
    # Never the instant at which it was told, so that "over" is told after it.
    ended = sa.func.coalesce(notices.c.told_at, 0) + 1
    at = to_micros(now)
    values = {"ended_at": sa.case((ended > at, ended), else_=at)}
    return connection.execute(over.values(values)).rowcount == 1


def read(connection: sa.Connection, *, lasting: bool) -> list[Notice]:
    """Notices, the oldest first: those that last, or those of which the operator must yet be told."""
    query = sa.select(notices).where(_LASTS if lasting else _UNTOLD).order_by(notices.c.first_at, notices.c.key)
    return [_notice(row) for row in connection.execute(query)]


def tell(connection: sa.Connection, notice: Notice, messages: Sequence[OutboxRecord], now: datetime) -> bool:
    """Write the operator's messages, if no other process has done so or things have changed since it was read."""
    told_at = max(to_micros(now), to_micros(notice.ended_at) if notice.ended_at else 0)
    same = (notices.c.key == notice.key, notices.c.first_at == to_micros(notice.first_at), _UNTOLD)
    state = notices.c.ended_at.is_(None) if notice.ended_at is None else notices.c.ended_at.is_not(None)
    if connection.execute(sa.update(notices).where(*same, state).values(told_at=told_at)).rowcount != 1:
        return False
    if messages:
        outbox.enqueue(connection, runs.outside(connection, now), messages, now)
    return True


def _notice(row: sa.Row[*tuple[Any, ...]]) -> Notice:
    return Notice(
        key=row.key,
        words=row.words,
        cure=row.cure,
        first_at=from_micros(row.first_at),
        last_at=from_micros(row.last_at),
        times=row.times,
        told_at=instant(row.told_at),
        ended_at=instant(row.ended_at),
    )
