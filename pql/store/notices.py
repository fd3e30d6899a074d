"""What the operator is told: once while it lasts, and once more when it is over."""

from datetime import datetime

import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.store import statements
from pql.store.tables import notices
from pql.store.values import clean


def note(connection: sa.Connection, key: str, words: str, cure: str, now: datetime) -> bool:
    """Something is wrong; True where it is new, or comes back after it was over."""
    at = to_micros(now)
    row = {"key": key, "words": clean(words), "cure": clean(cure), "first_at": at, "last_at": at, "times": 1}
    if statements.insert_new(connection, notices, [row]):
        return True
    same = notices.c.key == key
    again = {**row, "told_at": None, "ended_at": None}
    if connection.execute(sa.update(notices).where(same, notices.c.ended_at.is_not(None)).values(again)).rowcount:
        return True
    lasts = {"words": row["words"], "cure": row["cure"], "last_at": at, "times": notices.c.times + 1}
    connection.execute(sa.update(notices).where(same).values(lasts))
    return False


def over(connection: sa.Connection, key: str, now: datetime) -> bool:
    """It is over; True where it was noted and lasted until now."""
    lasting = sa.update(notices).where(notices.c.key == key, notices.c.ended_at.is_(None))
    return connection.execute(lasting.values(ended_at=to_micros(now))).rowcount == 1
