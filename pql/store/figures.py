"""Numbers about what is remembered, for those who watch the program: counted anew each time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from pql.store.tables import decisions, deliveries, notices, outbox, runs

STATUSES = ("waiting", "sent", "failed", "expired", "shadow")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """All that is counted. Instants are microseconds.

    Args:
        runs: By job and status.
        last_run: When the last run that was done ended, by job.
        queue: Messages by channel and status.
        oldest: When the message that waits longest became due, by channel; what is due later is not in it.
        attempts: By channel and outcome.
        withheld: Decisions that sent nothing, by reason.
        ambiguous: Messages that may have been sent twice, or wait so.
        lost: Decisions to send that no message stands for, and messages of no known status: never above 0.
        notices: What the operator was told and is not over.
    """

    runs: Mapping[tuple[str, str], int] = field(default_factory=dict)
    last_run: Mapping[str, int] = field(default_factory=dict)
    queue: Mapping[tuple[str, str], int] = field(default_factory=dict)
    oldest: Mapping[str, int] = field(default_factory=dict)
    attempts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    withheld: Mapping[str, int] = field(default_factory=dict)
    ambiguous: int = 0
    lost: int = 0
    notices: int = 0


def read(connection: sa.Connection, now: int) -> Figures:
    """Count; see `Store.figures`."""
    count, done = sa.func.count(), runs.c.status == "done"
    due = (outbox.c.status == "waiting", outbox.c.due_at <= now)
    tried = outbox.join(deliveries, deliveries.c.delivery_id == outbox.c.delivery_id)
    not_sent = decisions.c.outcome != "sent"
    times = sa.func.sum(decisions.c.times)
    return Figures(
        runs=_by_two(connection, sa.select(runs.c.job, runs.c.status, count), runs.c.job, runs.c.status),
        last_run=_by_one(connection, sa.select(runs.c.job, sa.func.max(runs.c.finished_at)).where(done), runs.c.job),
        queue=_by_two(
            connection, sa.select(outbox.c.channel, outbox.c.status, count), outbox.c.channel, outbox.c.status
        ),
        oldest=_by_one(
            connection, sa.select(outbox.c.channel, sa.func.min(outbox.c.due_at)).where(*due), outbox.c.channel
        ),
        attempts=_by_two(
            connection,
            sa.select(outbox.c.channel, deliveries.c.outcome, count).select_from(tried),
            outbox.c.channel,
            deliveries.c.outcome,
        ),
        withheld=_by_one(connection, sa.select(decisions.c.why, times).where(not_sent), decisions.c.why),
        ambiguous=_one(connection, sa.select(count).select_from(outbox).where(outbox.c.ambiguous == sa.true())),
        lost=_one(connection, _unsent()) + _one(connection, _unknown()),
        notices=_one(connection, sa.select(count).select_from(notices).where(notices.c.ended_at.is_(None))),
    )


def _unsent() -> sa.Select[int]:
    """Decisions that say "sent" on a channel, of whose step no message was ever written."""
    written = sa.exists().where(outbox.c.step_key == decisions.c.step_key)
    # What was gathered into the message of another names that one.
    gathered = decisions.c.evidence.contains('"message":')
    sends = (decisions.c.outcome == "sent", decisions.c.channel != "", ~gathered)
    return sa.select(sa.func.count()).select_from(decisions).where(*sends, ~written)


def _unknown() -> sa.Select[int]:
    return sa.select(sa.func.count()).select_from(outbox).where(outbox.c.status.not_in(STATUSES))


def _one(connection: sa.Connection, query: sa.Select[int]) -> int:
    return connection.scalar(query) or 0


def _by_one(connection: sa.Connection, query: sa.Select[str, Any], key: sa.ColumnElement[str]) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in connection.execute(query.group_by(key)) if row[1] is not None}


def _by_two(
    connection: sa.Connection,
    query: sa.Select[str, str, int],
    one: sa.ColumnElement[str],
    two: sa.ColumnElement[str],
) -> dict[tuple[str, str], int]:
    return {(row[0], row[1]): row[2] for row in connection.execute(query.group_by(one, two))}
