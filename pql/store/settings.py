"""Settings that outlive a process: whether sending is paused, and what else somebody keeps under a key."""

from datetime import datetime

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.store import statements
from pql.store.records import Paused
from pql.store.tables import settings
from pql.store.values import dumps, loads

PAUSED = "paused"


def get(connection: sa.Connection, key: str) -> object | None:
    """A setting's value; None if never set."""
    text = connection.scalar(sa.select(settings.c.value).where(settings.c.key == key))
    return None if text is None else loads(text)


def put(connection: sa.Connection, key: str, value: object, at: datetime) -> None:
    """Keep a setting."""
    row = {"key": key, "value": dumps(value), "changed_at": to_micros(at)}
    statements.upsert(connection, settings, [row], key=["key"])


def paused(connection: sa.Connection) -> Paused | None:
    """Who paused sending and since when."""
    value = get(connection, PAUSED)
    if not isinstance(value, dict):
        return None
    return Paused(by=value["by"], at=from_micros(value["at"]))


def pause(connection: sa.Connection, by: str, at: datetime) -> Paused:
    """Pause sending; who paused it first stays."""
    if (already := paused(connection)) is not None:
        return already
    put(connection, PAUSED, {"by": by, "at": to_micros(at)}, at)
    return Paused(by=by, at=at)
