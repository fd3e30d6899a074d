"""What was noticed, decided and sent, for the next decision and for people."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.store import statements
from pql.store.records import STANDS_FOR, Attempt, Notification, StoredDecision
from pql.store.tables import decisions, deliveries, occurrences, outbox, qualifications, told_steps
from pql.store.values import chunks, clean, framed, instant, loads

_TOLD = decisions.c.outcome == "sent"


def known_occurrences(connection: sa.Connection, keys: Collection[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
    """Those of (moment, lead_id, key) that are stored."""
    table = occurrences.c
    wanted = {tuple(clean(part) for part in key): key for key in keys}
    found: set[tuple[str, str, str]] = set()
    # By lead: an index holds the leads, and rows of three values in a list are slow on SQLite.
    for lead_ids in chunks(sorted({key[1] for key in wanted}), 2_000):
        query = sa.select(table.moment, table.lead_id, table.key).where(table.lead_id.in_(lead_ids))
        found |= {wanted[key] for row in connection.execute(query) if (key := tuple(row)) in wanted}
    return found


def occurrences_since(
    connection: sa.Connection, moments: Collection[str], lead_ids: Collection[str], since: datetime
) -> pd.DataFrame:
    """Occurrences of these moments and leads."""
    names = ("moment", "lead_id", "key", "at", "user_id", "feature")
    query = sa.select(*(occurrences.c[name] for name in names)).where(occurrences.c["at"] >= to_micros(since))
    query = query.where(occurrences.c.moment.in_(sorted(moments)))
    rows = statements.rows_of_leads(connection, query, occurrences.c.lead_id, lead_ids)
    return framed(rows, names).astype({"at": "int64"})


def told_keys(connection: sa.Connection, step_keys: Collection[str]) -> set[str]:
    """Those of the steps that were told."""
    told: set[str] = set()
    for chunk in chunks(set(step_keys), 2_000):
        told |= set(connection.scalars(sa.select(told_steps.c.step_key).where(told_steps.c.step_key.in_(chunk))))
    return told


def last_told(connection: sa.Connection, lead_ids: Collection[str] | None) -> pd.DataFrame:
    """When each lead was last told about, by subject and topic."""
    keys = (decisions.c.lead_id, decisions.c.subject, decisions.c.topic)
    query = sa.select(*keys, sa.func.max(decisions.c.last_at)).where(_TOLD).group_by(*keys).order_by(*keys)
    rows = statements.rows_of_leads(connection, query, decisions.c.lead_id, lead_ids)
    return framed(rows, ["lead_id", "subject", "topic", "at"]).astype({"at": float})


def sent_since(
    connection: sa.Connection,
    recipient: str,
    since: datetime,
    subjects: Collection[str] | None,
    topics: Collection[str] | None,
) -> int:
    """How many steps were told to a recipient since an instant."""
    steps = sa.select(sa.func.count(decisions.c.step_key.distinct())).where(
        _TOLD, sa.func.lower(decisions.c.recipient) == recipient.lower(), decisions.c.last_at >= to_micros(since)
    )
    if subjects is not None:
        steps = steps.where(decisions.c.subject.in_([str(subject) for subject in subjects]))
    if topics is not None:
        steps = steps.where(decisions.c.topic.in_(topics))
    return connection.scalar(steps) or 0


def holders(connection: sa.Connection, lead_ids: Collection[str] | None) -> dict[str, str]:
    """For each lead who holds its live episode, else who was last told about it, or for whom a stand-in was."""
    told = sa.select(decisions.c.lead_id, decisions.c.recipient, decisions.c.evidence).where(
        _TOLD, decisions.c.recipient.contains("@"), decisions.c.subject.in_(["qualification", "moment"])
    )
    told = told.order_by(decisions.c.last_at, decisions.c.seq)
    episode = qualifications.c
    held = sa.select(episode.lead_id, episode.claimed_by).where(episode.closed_at.is_(None), episode.claimed_by != "")
    found: dict[str, str] = {}
    for part in statements.of_leads(told, decisions.c.lead_id, lead_ids):
        found |= {row.lead_id: _stands_for(row.evidence) or row.recipient for row in connection.execute(part)}
    for part in statements.of_leads(held, episode.lead_id, lead_ids):
        found |= {row.lead_id: row.claimed_by for row in connection.execute(part)}
    return found


def _stands_for(evidence: str) -> str:
    """For whom a stand-in was told; most evidence speaks of none, and is not read."""
    return str(loads(evidence).get(STANDS_FOR, "")) if STANDS_FOR in evidence else ""


def read_decisions(
    connection: sa.Connection, lead_id: str | None, outcome: str | None, since: datetime | None, limit: int
) -> list[StoredDecision]:
    """Decisions, the last taken first."""
    query = sa.select(decisions).order_by(decisions.c.last_at.desc(), decisions.c.seq.desc()).limit(limit)
    if lead_id is not None:
        query = query.where(decisions.c.lead_id == lead_id)
    if outcome is not None:
        query = query.where(decisions.c.outcome == outcome)
    if since is not None:
        query = query.where(decisions.c.last_at >= to_micros(since))
    return [decision_of(row) for row in connection.execute(query)]


def decision_of(row: sa.Row[*tuple[Any, ...]]) -> StoredDecision:
    """A row of `decisions`."""
    return StoredDecision(
        lead_id=row.lead_id,
        subject=row.subject,
        topic=row.topic,
        step_key=row.step_key,
        recipient=row.recipient,
        channel=row.channel,
        outcome=row.outcome,
        why=row.why,
        words=row.words,
        at=from_micros(row.at),
        last_at=from_micros(row.last_at),
        times=row.times,
        due_at=instant(row.due_at),
        evidence=loads(row.evidence),
        run_id=row.run_id,
    )


def notifications(
    connection: sa.Connection,
    *,
    same: dict[str, str | None],
    since: datetime | None,
    limit: int,
) -> list[Notification]:
    """Outbox rows, the newest first; `same`: column to wanted value, None for any."""
    query = sa.select(outbox).order_by(outbox.c.seq.desc()).limit(limit)
    for name, value in same.items():
        if value is not None:
            query = query.where(outbox.c[name] == value)
    if since is not None:
        query = query.where(outbox.c.created_at >= to_micros(since))
    return [_notification(row) for row in connection.execute(query)]


def _notification(row: sa.Row[*tuple[Any, ...]]) -> Notification:
    return Notification(
        delivery_id=row.delivery_id,
        lead_id=row.lead_id,
        subject=row.subject,
        step_key=row.step_key,
        recipient=row.recipient,
        channel=row.channel,
        address=row.address,
        status=row.status,
        payload=loads(row.payload),
        created_at=from_micros(row.created_at),
        due_at=from_micros(row.due_at),
        valid_until=instant(row.valid_until),
        attempts=row.attempts,
        ambiguous=bool(row.ambiguous),
        sent_at=instant(row.sent_at),
        reference=row.reference,
        last_error=row.last_error,
        reply_to=row.reply_to,
        fallback_of=row.fallback_of,
    )


def attempts(connection: sa.Connection, delivery_id: str) -> list[Attempt]:
    """Every try to deliver a message, the oldest first."""
    query = sa.select(deliveries).where(deliveries.c.delivery_id == delivery_id).order_by(deliveries.c.seq)
    return [
        Attempt(
            delivery_id=row.delivery_id,
            at=from_micros(row.at),
            outcome=row.outcome,
            error=row.error,
            seconds=row.seconds,
        )
        for row in connection.execute(query)
    ]
