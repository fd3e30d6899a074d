"""Whose turn it was: how many turns each rep of a pool has had."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.turns import LONG_AGO, Taking, Turn
from pql.store import statements
from pql.store.tables import turns
from pql.store.values import clean


def read(connection: sa.Connection) -> dict[tuple[str, str], Turn]:
    """All turns, by pool and rep."""
    rows = connection.execute(sa.select(turns.c.pool, turns.c.email, turns.c.taken, turns.c.last_at))
    return {(row.pool, row.email): Turn(taken=row.taken, last_at=from_micros(row.last_at)) for row in rows}


def write(connection: sa.Connection, takings: Sequence[Taking], at: datetime) -> None:
    """Add turns to what stands there now, so that two jobs at once lose none."""
    for one in sorted(takings, key=lambda taking: (taking.pool, taking.email)):
        last_at = to_micros(at if one.taken else LONG_AGO)
        row = {
            "pool": clean(one.pool),
            "email": clean(one.email),
            "taken": max(one.floor, 0.0) + one.taken,
            "last_at": last_at,
        }
        raised = sa.case((turns.c.taken < one.floor, sa.literal(one.floor, sa.Float(53))), else_=turns.c.taken)
        later = sa.case((turns.c.last_at < last_at, sa.literal(last_at, sa.BigInteger)), else_=turns.c.last_at)
        replaced = {"taken": raised + one.taken, "last_at": later}
        statements.upsert(connection, turns, [row], key=["pool", "email"], replaced=replaced)
