"""Who is away, as it was said by command; what config/routing.yml knows stands there."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.rules import Absence
from pql.store.tables import absences
from pql.store.values import clean


def add(connection: sa.Connection, absence: Absence, by: str, at: datetime) -> None:
    """Keep an absence."""
    row = {
        "email": clean(absence.email).casefold(),
        "since": to_micros(absence.since),
        "until": to_micros(absence.until),
        "by": clean(by),
        "reason": clean(absence.reason),
        "at": to_micros(at),
    }
    connection.execute(sa.insert(absences), row)


def read(connection: sa.Connection, at: datetime) -> list[Absence]:
    """Those that have not ended at an instant, the first to begin first; some may lie ahead."""
    query = sa.select(absences).where(*_lasting(at)).order_by(absences.c.since, absences.c.seq)
    return [_absence(row) for row in connection.execute(query)]


def end(connection: sa.Connection, email: str, at: datetime) -> list[Absence]:
    """Somebody is back: their absences end now, and those that lie ahead are taken back; returns them."""
    whose = absences.c.email == email.casefold()
    change = sa.update(absences).where(whose, *_lasting(at)).values(ended_at=to_micros(at)).returning(absences)
    return [_absence(row) for row in connection.execute(change)]


def _lasting(at: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return absences.c.ended_at.is_(None), absences.c.until > to_micros(at)


def _absence(row: sa.Row[*tuple[Any, ...]]) -> Absence:
    return Absence(email=row.email, since=from_micros(row.since), until=from_micros(row.until), reason=row.reason)
