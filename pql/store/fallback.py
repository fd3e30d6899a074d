"""A message that cannot be delivered, and the one that goes in its place: both or neither."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from pql.store import outbox, statements
from pql.store.records import Leased, OutboxRecord
from pql.store.tables import outbox as messages
from pql.store.values import clean

_ON_ITS_WAY = {"waiting", "sent"}


def fall_back(
    connection: sa.Connection,
    leased: Leased,
    at: datetime,
    error: str,
    seconds: float | None,
    instead: Sequence[OutboxRecord],
) -> OutboxRecord | None:
    """Give a message up; see `Store.fall_back`."""
    # Locked, and all in one order: when two channels of a step fail at once, the second sees that the first has.
    step = sa.select(messages.c.recipient, messages.c.channel, messages.c.status, messages.c.run_id)
    step = step.where(messages.c.step_key == clean(leased.step_key)).order_by(messages.c.seq).with_for_update()
    rows = connection.execute(step).all()
    there = {(row.recipient, row.channel): row.status for row in rows}
    there[leased.recipient, leased.outgoing.channel] = "failed"
    here, others = _own_place(leased, instead)
    if here is not None and not _reached(leased, there):
        return here if outbox.readdressed(connection, leased, here, at, error, seconds) else None
    if not outbox.failed(connection, leased, at, error, seconds):
        return None
    for record in others:
        status = there.get((clean(record.recipient), record.channel))
        if status in _ON_ITS_WAY:
            return None
        if status is None:
            row = outbox.row_of(replace(record, step_key=leased.step_key), rows[0].run_id, at)
            statements.insert_new(connection, messages, [{**row, "fallback_of": leased.outgoing.delivery_id}])
            return record
    return None


def _own_place(leased: Leased, instead: Sequence[OutboxRecord]) -> tuple[OutboxRecord | None, Sequence[OutboxRecord]]:
    """Of what may go in its place, what goes to the same person by the same channel elsewhere, and the rest."""
    same, address = (leased.recipient, leased.outgoing.channel), leased.outgoing.address
    own = [record for record in instead if (clean(record.recipient), record.channel) == same]
    here = next((record for record in own if record.address != address), None)
    # What may stand in the first place already is looked for there alone.
    usable = None if leased.outgoing.ambiguous else here
    return usable, [record for record in instead if record is not here]


def _reached(leased: Leased, there: Mapping[tuple[str, str], str]) -> bool:
    return any(status in _ON_ITS_WAY for (recipient, _), status in there.items() if recipient == leased.recipient)
