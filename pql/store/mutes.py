"""Mutes: what somebody asked not to hear of, until when and why."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.mutes import Mute
from pql.store import held
from pql.store.tables import mutes
from pql.store.values import clean


def add(connection: sa.Connection, mute: Mute) -> Mute:
    """Keep a mute; returns it with its number."""
    row = {
        "lead_id": clean(mute.lead_id),
        "recipient": clean(mute.recipient),
        "topic": clean(mute.topic),
        "by": clean(mute.by),
        "reason": clean(mute.reason),
        "at": to_micros(mute.at),
        "until": to_micros(mute.until),
    }
    number = connection.scalar(sa.insert(mutes).returning(mutes.c.seq), row)
    return _mute(connection.execute(sa.select(mutes).where(mutes.c.seq == number)).one())


def active(connection: sa.Connection, at: datetime) -> list[Mute]:
    """The mutes that hold at an instant, the first to end first."""
    holds = sa.select(mutes).where(mutes.c.ended_at.is_(None), mutes.c.until > to_micros(at))
    return [_mute(row) for row in connection.execute(holds.order_by(mutes.c.until, mutes.c.seq))]


def end(connection: sa.Connection, number: int, at: datetime) -> Mute | None:
    """Take a mute back: what it held is decided anew at once. None: there is none with that number that holds."""
    holds = (mutes.c.seq == number, mutes.c.ended_at.is_(None), mutes.c.until > to_micros(at))
    row = connection.execute(sa.update(mutes).where(*holds).values(ended_at=to_micros(at)).returning(mutes)).first()
    if row is None:
        return None
    held.end_mutes(connection, at)
    return _mute(row)


def _mute(row: sa.Row[*tuple[Any, ...]]) -> Mute:
    return Mute(
        number=row.seq,
        lead_id=row.lead_id,
        recipient=row.recipient,
        topic=row.topic,
        by=row.by,
        reason=row.reason,
        at=from_micros(row.at),
        until=from_micros(row.until),
    )
