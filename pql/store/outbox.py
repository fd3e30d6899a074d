"""Messages that are final and wait to be sent: leased, sent, marked.

A lease is proved by its token. Who marks with a token that is no longer the row's was too slow: another worker has
the message now, so the mark is refused and noted.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.durations import Duration
from pql.domain.messages import Outgoing, Subject
from pql.store import paces, statements
from pql.store.records import Leased, OutboxRecord, Run, Sent, ThreadRoot
from pql.store.settings import PAUSED
from pql.store.tables import deliveries, outbox, settings
from pql.store.values import chunks, clean, dumps, instant, loads, micros


def enqueue(connection: sa.Connection, run: Run, records: Sequence[OutboxRecord], now: datetime) -> int:
    """Add messages; those whose step, recipient and channel are there already are ignored. How many are new."""
    added = statements.insert_new(connection, outbox, [row_of(record, run.id, now) for record in records])
    if added >= _MANY:
        statements.analyze(connection, outbox)
    return added


# After so many at once PostgreSQL must look at the table anew, or for a minute it sorts all rows at each lease.
_MANY = 1_000


def row_of(record: OutboxRecord, run_id: str, now: datetime) -> dict[str, object]:
    """A message as a row."""
    return {
        "delivery_id": record.delivery_id,
        "run_id": run_id,
        "step_key": clean(record.step_key),
        "lead_id": clean(record.lead_id),
        "subject": str(record.subject),
        "recipient": clean(record.recipient),
        "channel": str(record.channel),
        "address": clean(record.address),
        "payload": dumps(record.payload),
        "created_at": to_micros(now),
        "due_at": to_micros(record.due_at),
        "valid_until": micros(record.valid_until),
        "status": "shadow" if record.shadow else "waiting",
        "reply_to": record.reply_to,
    }


def _free(now: int) -> sa.ColumnElement[bool]:
    return sa.or_(outbox.c.leased_until.is_(None), outbox.c.leased_until <= now)


def due(
    now: int, limit: int, channels: Collection[str] | None, *, but: Collection[str] = (), longest: int | None = None
) -> sa.Select[tuple[int, str | None, str, str]]:
    """What may be leased at `now`: the token of a lease that ended without a mark, channel, address; the oldest first.

    `longest`: a lease that ends later than that is from a clock that was ahead, and has ended.
    """
    older = outbox.alias("older")
    # An older message that can still be sent, or is being sent, goes first, even if its retry is due later.
    alive = sa.or_(older.c.valid_until.is_(None), older.c.valid_until > now, older.c.leased_until > now)
    same = (older.c[name] == outbox.c[name] for name in ("lead_id", "recipient", "channel"))
    blocked = sa.exists().where(older.c.status == "waiting", older.c.seq < outbox.c.seq, alive, *same)
    paused = sa.exists().where(settings.c.key == PAUSED, settings.c.value != "null")
    free = _free(now) if longest is None else sa.or_(_free(now), outbox.c.leased_until > now + longest)
    query = (
        sa.select(outbox.c.seq, outbox.c.lease_token, outbox.c.channel, outbox.c.address)
        .where(
            outbox.c.status == "waiting",
            outbox.c.due_at <= now,
            sa.or_(outbox.c.valid_until.is_(None), outbox.c.valid_until > now),
            free,
            ~blocked,
            ~paused,
            ~paces.held_back(now),
        )
        .order_by(outbox.c.due_at, outbox.c.seq)
        .limit(limit)
    )
    if channels is not None:
        query = query.where(outbox.c.channel.in_(sorted(channels)))
    return query.where(outbox.c.channel.not_in(sorted(but))) if but else query


def lease(
    connection: sa.Connection,
    now: datetime,
    limit: int,
    for_: Duration,
    channels: Collection[str] | None,
    *,
    but: Collection[str] = (),
    paced: Collection[str] = (),
    held: Collection[str] = (),
) -> list[Leased]:
    """Take due messages; see `Store.lease`."""
    at, token = to_micros(now), str(uuid4())
    query = due(at, limit, channels, but=but, longest=2 * for_.micros)
    if held:
        query = query.where(sa.or_(outbox.c.lease_token.is_(None), outbox.c.lease_token.not_in(sorted(held))))
    # SKIP LOCKED: workers at the same moment take different rows and none waits. SQLite lets one writer in anyway.
    taken = _one_a_place(connection.execute(query.with_for_update(of=outbox, skip_locked=True)).all(), paced)
    if not taken:
        return []
    lost = [row.seq for row in taken if row.lease_token is not None]
    _note_lost(connection, lost, at)
    leased = (
        sa.update(outbox)
        .where(outbox.c.seq.in_([row.seq for row in taken]))
        .values(
            leased_until=at + for_.micros,
            lease_token=token,
            attempts=outbox.c.attempts + 1,
            ambiguous=sa.or_(outbox.c.ambiguous, outbox.c.lease_token.is_not(None)),
            first_tried_at=sa.func.coalesce(outbox.c.first_tried_at, at),
        )
        .returning(outbox)
    )
    rows = sorted(connection.execute(leased).all(), key=lambda row: (row.due_at, row.seq))
    parents = _parents(connection, [row.reply_to for row in rows if row.reply_to])
    return [_leased(row, parents.get((row.reply_to, row.channel), ("", ""))) for row in rows]


def _parents(connection: sa.Connection, delivery_ids: Collection[str]) -> dict[tuple[str, str], tuple[str, str]]:
    """Of messages that were sent, by id and channel: the channel's reference, and the subject line if there is one."""
    if not delivery_ids:
        return {}
    columns = (outbox.c.delivery_id, outbox.c.channel, outbox.c.reference, outbox.c.payload)
    sent = sa.select(*columns).where(outbox.c.delivery_id.in_(sorted(set(delivery_ids))), outbox.c.status == "sent")
    return {
        (row.delivery_id, row.channel): (row.reference, str(loads(row.payload).get("subject") or ""))
        for row in connection.execute(sent)
    }


def _one_a_place(rows: Sequence[sa.Row[Any]], paced: Collection[str]) -> list[sa.Row[Any]]:
    """Without what would wait for its turn behind another message of the same batch."""
    places: set[tuple[str, str]] = set()
    kept = []
    for row in rows:
        place = (row.channel, row.address)
        if row.channel not in paced or place not in places:
            kept.append(row)
        places.add(place)
    return kept


def _note_lost(connection: sa.Connection, seqs: list[int], at: int) -> None:
    if not seqs:
        return
    error = "its worker did not tell what became of it; it may have been sent"
    attempt = sa.select(outbox.c.delivery_id, sa.literal(at, sa.BigInteger), sa.literal("unknown"), sa.literal(error))
    columns = ["delivery_id", "at", "outcome", "error"]
    connection.execute(sa.insert(deliveries).from_select(columns, attempt.where(outbox.c.seq.in_(seqs))))


def _leased(row: sa.Row[*tuple[Any, ...]], parent: tuple[str, str]) -> Leased:
    outgoing = Outgoing(
        delivery_id=row.delivery_id,
        channel=row.channel,
        address=row.address,
        payload=loads(row.payload),
        attempts=row.attempts - 1,
        ambiguous=bool(row.ambiguous),
        first_tried_at=instant(row.first_tried_at),
        thread=parent[0],
        thread_subject=parent[1],
    )
    return Leased(
        outgoing=outgoing,
        token=row.lease_token,
        leased_until=from_micros(row.leased_until),
        lead_id=row.lead_id,
        subject=row.subject,
        recipient=row.recipient,
        step_key=row.step_key,
        run_id=row.run_id,
        created_at=from_micros(row.created_at),
        valid_until=instant(row.valid_until),
    )


def mark(
    connection: sa.Connection, leased: Leased, at: datetime, outcome: str, seconds: float | None, **values: Any
) -> bool:
    """End a lease with what became of it, and note the attempt; False if the lease is another's by now."""
    ours = sa.update(outbox).where(
        outbox.c.delivery_id == leased.outgoing.delivery_id,
        outbox.c.lease_token == leased.token,
        outbox.c.status == "waiting",
    )
    error = values.get("last_error", "")
    kept = connection.execute(ours.values(lease_token=None, leased_until=None, **values)).rowcount == 1
    if not kept:
        outcome, error = "refused", f"told '{outcome}' after its lease had ended; {error}".rstrip("; ")
    attempt = {"delivery_id": leased.outgoing.delivery_id, "at": to_micros(at), "outcome": outcome}
    connection.execute(sa.insert(deliveries).values(**attempt, error=error, seconds=seconds))
    return kept


def sent(
    connection: sa.Connection, leased: Leased, at: datetime, reference: str, seconds: float | None, *, reconciled: bool
) -> bool:
    """The channel took it. If it was found there already, it is known to stand there once."""
    values: dict[str, Any] = {"status": "sent", "sent_at": to_micros(at), "reference": clean(reference)}
    if reconciled:
        values["ambiguous"] = False
    return mark(connection, leased, at, "sent", seconds, **values)


_SENT = (
    sa.update(outbox)
    .where(
        outbox.c.delivery_id == sa.bindparam("its_id"),
        outbox.c.lease_token == sa.bindparam("its_token"),
        outbox.c.status == "waiting",
    )
    .values(
        status="sent",
        sent_at=sa.bindparam("its_at"),
        reference=sa.bindparam("its_reference"),
        # Found in the channel: known to stand there once.
        ambiguous=sa.and_(outbox.c.ambiguous, sa.not_(sa.bindparam("its_reconciled", type_=sa.Boolean))),
        lease_token=None,
        leased_until=None,
    )
)


def all_sent(connection: sa.Connection, marks: Sequence[Sent]) -> list[bool]:
    """Mark many at once; for each whether its lease was still ours."""
    with connection.begin_nested() as tried:
        changed = [_sent_values(mark) for mark in marks]
        if connection.execute(_SENT, changed).rowcount == len(marks):
            attempts = [
                {"delivery_id": one["its_id"], "at": one["its_at"], "outcome": "sent", "seconds": mark.seconds}
                for one, mark in zip(changed, marks, strict=True)
            ]
            connection.execute(sa.insert(deliveries), attempts)
            return [True] * len(marks)
        tried.rollback()
    # One of them is another's by now: each by itself says which.
    return [
        sent(connection, one.leased, one.at, one.reference, one.seconds, reconciled=one.reconciled) for one in marks
    ]


def _sent_values(mark: Sent) -> dict[str, Any]:
    return {
        "its_id": mark.leased.outgoing.delivery_id,
        "its_token": mark.leased.token,
        "its_at": to_micros(mark.at),
        "its_reference": clean(mark.reference),
        "its_reconciled": mark.reconciled,
    }


def retry(
    connection: sa.Connection,
    leased: Leased,
    at: datetime,
    error: str,
    seconds: float | None,
    *,
    next_due: datetime,
    ambiguous: bool,
) -> bool:
    """It is tried again later. What may have been sent once stays so."""
    values: dict[str, Any] = {"due_at": to_micros(next_due), "last_error": clean(error)}
    if ambiguous:
        values["ambiguous"] = True
    return mark(connection, leased, at, "retry", seconds, **values)


def failed(connection: sa.Connection, leased: Leased, at: datetime, error: str, seconds: float | None) -> bool:
    """No retry can help."""
    return mark(connection, leased, at, "failed", seconds, status="failed", last_error=clean(error))


def readdressed(
    connection: sa.Connection, leased: Leased, record: OutboxRecord, at: datetime, error: str, seconds: float | None
) -> bool:
    """Refused at its address: it goes to another one in the same channel, with other words, and outside any thread."""
    values = {
        "address": clean(record.address),
        "payload": dumps(record.payload),
        "due_at": to_micros(record.due_at),
        "valid_until": micros(record.valid_until),
        "attempts": 0,
        "first_tried_at": None,
        "reply_to": "",
        "last_error": clean(error),
    }
    return mark(connection, leased, at, "failed", seconds, **values)


def release(connection: sa.Connection, leased: Sequence[Leased], due: datetime | None = None) -> int:
    """Give back what was not tried; with an instant, it is not due before."""
    later = {} if due is None else {"due_at": to_micros(due)}
    given = 0
    for one in leased:
        untried = outbox.c.attempts <= 1
        ours = sa.update(outbox).where(
            outbox.c.delivery_id == one.outgoing.delivery_id, outbox.c.lease_token == one.token
        )
        values = {
            "attempts": outbox.c.attempts - 1,
            "first_tried_at": sa.case((untried, None), else_=outbox.c.first_tried_at),
        }
        given += connection.execute(ours.values(lease_token=None, leased_until=None, **later, **values)).rowcount
    return given


def expire(connection: sa.Connection, now: datetime) -> int:
    """Give up what is no longer valid and not being sent, and note why nothing was sent till then."""
    at = to_micros(now)
    over = sa.update(outbox).where(outbox.c.status == "waiting", outbox.c.valid_until <= at, _free(at))
    lost = sa.or_(outbox.c.ambiguous, outbox.c.lease_token.is_not(None))
    why = sa.case(
        (outbox.c.lease_token.is_not(None), "no longer true; its last worker did not tell what became of it"),
        (outbox.c.last_error != "", sa.literal("no longer true; the last try said: ") + outbox.c.last_error),
        else_="no longer true before it could be tried",
    )
    values = {"status": "expired", "ambiguous": lost, "lease_token": None, "leased_until": None, "last_error": why}
    ended = connection.execute(over.values(values).returning(outbox.c.delivery_id, outbox.c.last_error)).all()
    if ended:
        rows = [
            {"delivery_id": row.delivery_id, "at": at, "outcome": "expired", "error": row.last_error} for row in ended
        ]
        connection.execute(sa.insert(deliveries), rows)
    return len(ended)


def counts(connection: sa.Connection) -> dict[str, int]:
    """How many rows stand in each status, and how many may have been sent twice."""
    by_status = sa.select(outbox.c.status, sa.func.count()).group_by(outbox.c.status)
    found = {"waiting": 0, "sent": 0, "failed": 0, "expired": 0}
    found |= {row[0]: row[1] for row in connection.execute(by_status)}
    doubtful = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.ambiguous == sa.true())
    return {**found, "ambiguous": connection.scalar(doubtful) or 0}


def threads(connection: sa.Connection, lead_ids: Collection[str], since: datetime) -> list[ThreadRoot]:
    """The newest message of each lead, recipient, channel and address that opened a thread since an instant."""
    place = (outbox.c.lead_id, outbox.c.recipient, outbox.c.channel, outbox.c.address)
    opened = (
        outbox.c.reply_to == "",
        outbox.c.status.in_(["waiting", "sent"]),
        outbox.c.subject.in_([Subject.QUALIFICATION.value, Subject.MOMENT.value]),
        outbox.c.created_at >= to_micros(since),
    )
    found: list[ThreadRoot] = []
    for chunk in chunks(sorted(set(lead_ids)), 2_000):
        newest = sa.select(sa.func.max(outbox.c.seq)).where(outbox.c.lead_id.in_(chunk), *opened).group_by(*place)
        rows = connection.execute(
            sa.select(*place, outbox.c.delivery_id, outbox.c.created_at).where(outbox.c.seq.in_(newest))
        )
        found += [ThreadRoot(**{**row._asdict(), "created_at": from_micros(row.created_at)}) for row in rows]
    return found
