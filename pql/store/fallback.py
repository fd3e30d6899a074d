"""A message that cannot be delivered, and the one that goes in its place: both or neither."""

from collections.abc import Sequence
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
    if not outbox.failed(connection, leased, at, error, seconds):
        return None
    there = {(row.recipient, row.channel): row.status for row in rows}
    there[leased.recipient, leased.outgoing.channel] = "failed"
    for record in instead:
        status = there.get((clean(record.recipient), record.channel))
        if status in _ON_ITS_WAY:
            return None
        if status is None:
            row = outbox.row_of(replace(record, step_key=leased.step_key), rows[0].run_id, at)
            statements.insert_new(connection, messages, [{**row, "fallback_of": leased.outgoing.delivery_id}])
            return record
    return None
