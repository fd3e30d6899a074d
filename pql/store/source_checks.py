"""What relations were like at earlier looks: the newest look of each day, and each that found something else."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.store import statements
from pql.store.records import SourceCheck
from pql.store.tables import source_checks
from pql.store.values import clean, dumps, instant, loads, micros

KEPT_FOR = timedelta(days=120)


def keep(connection: sa.Connection, checks: Sequence[SourceCheck]) -> None:
    """Keep looks; an earlier one of the same day that found the same is replaced, and very old ones are dropped."""
    table = source_checks.c
    for check in checks:
        day = check.at.replace(hour=0, minute=0, second=0, microsecond=0)
        same = (
            (table.relation == check.relation)
            & (table.verdict == check.verdict)
            & (table.at >= to_micros(day))
            & (table.at < to_micros(check.at))
        )
        old = (table.relation == check.relation) & (table.at < to_micros(check.at - KEPT_FOR))
        connection.execute(sa.delete(source_checks).where(sa.or_(same, old)))
    rows = [
        {
            "relation": check.relation,
            "at": to_micros(check.at),
            "newest_at": micros(check.newest_at),
            "row_count": int(check.row_count),
            "shares": dumps({clean(name): round(share, 4) for name, share in check.shares.items()}),
            "verdict": check.verdict,
        }
        for check in checks
    ]
    written = ("newest_at", "row_count", "shares", "verdict")
    replaced = {name: statements.new(connection, source_checks, name) for name in written}
    statements.upsert(connection, source_checks, rows, key=["relation", "at"], replaced=replaced)


def read(connection: sa.Connection, relations: Collection[str], since: datetime, until: datetime) -> list[SourceCheck]:
    """The looks of [since, until), the newest first."""
    table = source_checks.c
    between = (table.at >= to_micros(since)) & (table.at < to_micros(until))
    query = sa.select(source_checks).where(table.relation.in_(sorted(relations)), between)
    return [_check(row) for row in connection.execute(query.order_by(table.at.desc(), table.relation))]


def _check(row: sa.Row[*tuple[Any, ...]]) -> SourceCheck:
    return SourceCheck(
        relation=row.relation,
        at=from_micros(row.at),
        newest_at=instant(row.newest_at),
        row_count=row.row_count,
        shares=loads(row.shares),
        verdict=row.verdict,
    )
