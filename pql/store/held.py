"""What waits outside the outbox: for the rep's morning, the rep's next day, the end of a mute or of a gathering."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.store import statements
from pql.store.records import HeldRecord, HeldStatus, Run
from pql.store.tables import held
from pql.store.values import chunks, clean, dumps, loads

_WAITING = held.c.status == "waiting"
# What a later decision to hold the same thing writes anew; since when it waits stays.
_RENEWED = ("recipient", "why", "due_at", "about", "run_id", "status", "decided_at")


def write(connection: sa.Connection, run: Run, records: Sequence[HeldRecord]) -> None:
    """Hold candidates; one that waits already waits for what it is held for now."""
    rows = [
        {
            "step_key": clean(record.step_key),
            "lead_id": clean(record.lead_id),
            "recipient": clean(record.recipient),
            "subject": str(record.subject),
            "topic": clean(record.topic),
            "urgency": record.urgency,
            "why": record.why,
            "happened_at": to_micros(record.happened_at),
            "held_at": to_micros(record.held_at),
            "due_at": to_micros(record.due_at),
            "decided_at": None,
            "status": "waiting",
            "about": dumps(record.about),
            "run_id": run.id,
        }
        for record in records
    ]
    replaced = {name: statements.new(connection, held, name) for name in _RENEWED}
    statements.upsert(connection, held, rows, key=["step_key"], replaced=replaced)


def settle(connection: sa.Connection, settled: Mapping[str, HeldStatus], at: datetime) -> None:
    """Candidates that wait no more: told, for the digest, or dropped."""
    for status in sorted(set(settled.values())):
        keys = [clean(key) for key, became in settled.items() if became == status]
        for chunk in chunks(keys, 2_000):
            change = sa.update(held).where(_WAITING, held.c.step_key.in_(chunk))
            connection.execute(change.values(status=status, decided_at=to_micros(at)))


def read(
    connection: sa.Connection, *, due_before: datetime | None, recipient: str | None, status: HeldStatus | None
) -> list[HeldRecord]:
    """Held candidates, the first due first."""
    query = sa.select(held).order_by(held.c.due_at, held.c.step_key)
    if due_before is not None:
        query = query.where(held.c.due_at <= to_micros(due_before))
    if recipient is not None:
        query = query.where(sa.func.lower(held.c.recipient) == recipient.lower())
    if status is not None:
        query = query.where(held.c.status == status)
    return [_record(row) for row in connection.execute(query)]


def end_mutes(connection: sa.Connection, at: datetime) -> None:
    """What mutes hold is decided anew at once; what another mute still speaks of is held again then."""
    muted = sa.update(held).where(_WAITING, held.c.why == "MUTED", held.c.due_at > to_micros(at))
    connection.execute(muted.values(due_at=to_micros(at)))


def _record(row: sa.Row[*tuple[Any, ...]]) -> HeldRecord:
    return HeldRecord(
        step_key=row.step_key,
        lead_id=row.lead_id,
        recipient=row.recipient,
        subject=row.subject,
        topic=row.topic,
        urgency=row.urgency,
        why=row.why,
        happened_at=from_micros(row.happened_at),
        held_at=from_micros(row.held_at),
        due_at=from_micros(row.due_at),
        about=loads(row.about),
        status=row.status,
    )
