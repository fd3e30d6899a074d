"""What digests, reminders and the weekly summary read: always of some leads, some reps or a stretch of time."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.messages import Subject
from pql.store import episodes, steps
from pql.store.engine import Database
from pql.store.reading import decision_of
from pql.store.records import Episode, LeadFacts, SentMessage, StoredDecision
from pql.store.tables import (
    check_ins,
    decisions,
    deliveries,
    lead_states,
    leads,
    occurrences,
    outbox,
    qualifications,
)
from pql.store.values import chunks, loads

MOST = 2_000  # rows of a list that nobody reads to its end
KEPT_BACK = ("held", "withheld")
GIVEN_UP = ("failed", "expired")


@dataclass(frozen=True)
class DigestReads:
    """The reading side of digests; each method is one transaction."""

    database: Database

    def decided(self, step_keys: Collection[str]) -> dict[str, datetime]:
        """When each of the steps was first decided on, sent or not; those that were not are absent."""
        first = sa.func.min(decisions.c.at)
        found: dict[str, datetime] = {}
        with self.database.reads() as connection:
            for chunk in chunks(sorted(set(step_keys)), MOST):
                query = sa.select(decisions.c.step_key, first).where(decisions.c.step_key.in_(chunk))
                rows = connection.execute(query.group_by(decisions.c.step_key))
                found |= {row[0]: from_micros(row[1]) for row in rows}
        return found

    def last_delivered(self, recipients: Collection[str], subject: Subject, at: datetime) -> dict[str, datetime]:
        """The instant that each recipient's last digest spoke of, of those that were sent or still can be at `at`."""
        hopeful = sa.and_(outbox.c.status == "waiting", outbox.c.valid_until > to_micros(at))
        same = (outbox.c[name] == decisions.c[name] for name in ("step_key", "recipient", "channel"))
        joined = sa.join(outbox, decisions, sa.and_(*same, decisions.c.outcome == "sent"))
        found: dict[str, datetime] = {}
        with self.database.reads() as connection:
            for chunk in chunks(sorted(set(recipients)), MOST):
                query = sa.select(outbox.c.recipient, sa.func.max(decisions.c.at)).select_from(joined)
                arrived = sa.or_(outbox.c.status.in_(["sent", "shadow"]), hopeful)
                of_these = (outbox.c.lead_id == "", outbox.c.recipient.in_(chunk), outbox.c.subject == subject.value)
                rows = connection.execute(query.where(*of_these, arrived).group_by(outbox.c.recipient))
                found |= {row[0]: from_micros(row[1]) for row in rows}
        return found

    def first_written(self, recipients: Collection[str], subject: Subject, since: datetime) -> dict[str, datetime]:
        """The instant that each recipient's first digest since an instant spoke of, whatever became of it."""
        found: dict[str, datetime] = {}
        with self.database.reads() as connection:
            for chunk in chunks(sorted(set(recipients)), MOST):
                query = sa.select(decisions.c.recipient, sa.func.min(decisions.c.at)).where(
                    decisions.c.recipient.in_(chunk),
                    decisions.c.at >= to_micros(since),
                    decisions.c.subject == subject.value,
                    decisions.c.outcome == "sent",
                )
                found |= {
                    row[0]: from_micros(row[1]) for row in connection.execute(query.group_by(decisions.c.recipient))
                }
        return found

    def live_episodes(self) -> list[Episode]:
        """The live episodes, by lead."""
        with self.database.reads() as connection:
            return episodes.where(connection, qualifications.c.closed_at.is_(None))

    def opened_between(self, since: datetime, at: datetime) -> list[Episode]:
        """The episodes that opened in (since, at], the newest first."""
        opened = qualifications.c.opened_at
        with self.database.reads() as connection:
            return episodes.where(connection, opened > to_micros(since), opened <= to_micros(at))

    def ended_between(self, since: datetime, at: datetime) -> list[Episode]:
        """The episodes that ended in (since, at], the newest first."""
        closed = qualifications.c.closed_at
        with self.database.reads() as connection:
            return episodes.where(connection, closed > to_micros(since), closed <= to_micros(at))

    def told_of(self, lead_ids: Collection[str]) -> dict[str, str]:
        """For each lead the rep who was last told of a qualification of it, in small letters.

        Who wants qualifications in the digest only counts as told by it.
        """
        heard = sa.or_(decisions.c.outcome == "sent", decisions.c.why == "PREFERS_DIGEST")
        found: dict[str, str] = {}
        with self.database.reads() as connection:
            for chunk in chunks(sorted(set(lead_ids)), MOST):
                told = (
                    sa.select(decisions.c.lead_id, decisions.c.recipient)
                    .where(
                        decisions.c.lead_id.in_(chunk),
                        heard,
                        decisions.c.subject == Subject.QUALIFICATION.value,
                        decisions.c.recipient.contains("@"),
                    )
                    .order_by(decisions.c.last_at, decisions.c.seq)
                )
                found |= {row.lead_id: row.recipient.lower() for row in connection.execute(told)}
        return found

    def leads(self, lead_ids: Collection[str]) -> dict[str, LeadFacts]:
        """Leads as the last run left them, without their verdicts."""
        names = [name for name in LeadFacts.__dataclass_fields__ if name != "attributes"]
        found: dict[str, LeadFacts] = {}
        with self.database.reads() as connection:
            for chunk in chunks(sorted(set(lead_ids)), MOST):
                query = sa.select(*(leads.c[name] for name in names), leads.c.attributes)
                for row in connection.execute(query.where(leads.c.lead_id.in_(chunk))):
                    values = {**row._asdict(), "attributes": loads(row.attributes)}
                    found[row.lead_id] = LeadFacts(**values)
        return found

    def scores_at(self, lead_ids: Collection[str], at: datetime) -> dict[str, tuple[str, float]]:
        """The grade and the behaviour score that each lead had at an instant; absent where none is known."""
        found: dict[str, tuple[str, float]] = {}
        with self.database.reads() as connection:
            for chunk in chunks(sorted(set(lead_ids)), MOST):
                found |= steps.at(connection, chunk, to_micros(at))
        return found

    def kept_back(
        self, recipients: Collection[str], since: datetime, at: datetime, *, whys: Collection[str] | None = None
    ) -> list[StoredDecision]:
        """Decisions to withhold or hold back that were last taken in (since, at] and whose step was never told.

        Args:
            recipients: Whose: emails as they were decided on, or "" for those of nobody yet.
            since: The beginning.
            at: The end.
            whys: Only for these reasons.

        Returns:
            The latest first, at most `MOST`.
        """
        told = decisions.alias("told")
        later = sa.exists().where(told.c.step_key == decisions.c.step_key, told.c.outcome == "sent")
        query = sa.select(decisions).where(
            decisions.c.recipient.in_(sorted(set(recipients))),
            decisions.c.outcome.in_(KEPT_BACK),
            decisions.c.lead_id != "",
            decisions.c.last_at > to_micros(since),
            decisions.c.last_at <= to_micros(at),
            ~later,
        )
        if whys is not None:
            query = query.where(decisions.c.why.in_(sorted(whys)))
        newest = query.order_by(decisions.c.last_at.desc(), decisions.c.seq.desc()).limit(MOST)
        with self.database.reads() as connection:
            return [decision_of(row) for row in connection.execute(newest)]

    def undelivered(self, since: datetime, at: datetime) -> list[StoredDecision]:
        """What was decided to be sent and never arrived, by any channel, where the last of them gave up in (since, at].

        As decisions that were withheld then, why `UNDELIVERED`; one a step and recipient, at most `MOST`.
        """
        same = (outbox.c[name] == decisions.c[name] for name in ("step_key", "recipient"))
        other = outbox.alias("other")
        alive = sa.exists().where(
            other.c.step_key == decisions.c.step_key,
            other.c.recipient == decisions.c.recipient,
            other.c.status.not_in(GIVEN_UP),
        )
        joined = decisions.join(outbox, sa.and_(*same)).join(
            deliveries, sa.and_(deliveries.c.delivery_id == outbox.c.delivery_id, deliveries.c.outcome.in_(GIVEN_UP))
        )
        last, expired = sa.func.max(deliveries.c.at), sa.func.max(sa.case((outbox.c.status == "expired", 1), else_=0))
        query = (
            sa.select(decisions.c.seq, last.label("ended_at"), expired.label("expired"))
            .select_from(joined)
            .where(decisions.c.outcome == "sent", decisions.c.lead_id != "", outbox.c.status.in_(GIVEN_UP), ~alive)
            .group_by(decisions.c.seq)
            .having(last > to_micros(since), last <= to_micros(at))
            .order_by(last.desc(), decisions.c.seq)
            .limit(MOST)
        )
        ended = query.subquery()
        whole = sa.select(decisions, ended.c.ended_at, ended.c.expired).join(ended, ended.c.seq == decisions.c.seq)
        with self.database.reads() as connection:
            rows = connection.execute(whole.order_by(ended.c.ended_at.desc(), decisions.c.seq)).all()
        return [*{(row.step_key, row.recipient): _undelivered(row) for row in reversed(rows)}.values()]

    def occurred(self, lead_ids: Collection[str], since: datetime) -> dict[tuple[str, str, str], tuple[str, str]]:
        """Feature and detail of the occurrences of leads since an instant, by moment, lead and key."""
        table = occurrences.c
        found: dict[tuple[str, str, str], tuple[str, str]] = {}
        with self.database.reads() as connection:
            for chunk in chunks(sorted(set(lead_ids)), MOST):
                query = sa.select(table.moment, table.lead_id, table.key, table.feature, table.detail)
                rows = connection.execute(query.where(table.lead_id.in_(chunk), table.at >= to_micros(since)))
                found |= {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}
        return found

    def check_ins(self, since: datetime, before: datetime) -> list[tuple[str, str, datetime]]:
        """The check-ins due in [since, before), by due date: lead, name, when due."""
        due = check_ins.c.due_at
        query = sa.select(check_ins.c.lead_id, check_ins.c.name, due).order_by(due, check_ins.c.lead_id)
        with self.database.reads() as connection:
            rows = connection.execute(query.where(due >= to_micros(since), due < to_micros(before)).limit(MOST))
            return [(row[0], row[1], from_micros(row[2])) for row in rows]

    def messages(self, step_keys: Collection[str]) -> list[SentMessage]:
        """The messages of steps, in the order in which they were written."""
        names = ("step_key", "recipient", "channel", "address", "delivery_id", "status")
        found: list[Any] = []
        with self.database.reads() as connection:
            for chunk in chunks(sorted(set(step_keys)), MOST):
                columns = [outbox.c[name] for name in names]
                query = sa.select(*columns, outbox.c.created_at, outbox.c.sent_at, outbox.c.seq)
                found += connection.execute(query.where(outbox.c.step_key.in_(chunk))).all()
        return [_message(row) for row in sorted(found, key=lambda row: int(row.seq))]

    def sinking(self, lead_ids: Collection[str]) -> set[str]:
        """Those of the leads that are below the bar to leave, so that their episodes end unless they rise again."""
        found: set[str] = set()
        with self.database.reads() as connection:
            for chunk in chunks(sorted(set(lead_ids)), MOST):
                below = sa.select(lead_states.c.lead_id).where(lead_states.c.below_since.is_not(None))
                found |= set(connection.scalars(below.where(lead_states.c.lead_id.in_(chunk))))
        return found


def _undelivered(row: Any) -> StoredDecision:
    words = "it could not be delivered" + (" while it was true" if row.expired else "")
    ended_at = from_micros(row.ended_at)
    return replace(decision_of(row), outcome="withheld", why="UNDELIVERED", words=words, last_at=ended_at, due_at=None)


def _message(row: Any) -> SentMessage:
    at = row.sent_at if row.sent_at is not None else row.created_at
    return SentMessage(
        step_key=row.step_key,
        recipient=row.recipient,
        channel=row.channel,
        address=row.address,
        delivery_id=row.delivery_id,
        status=row.status,
        at=from_micros(at),
    )


def by_lead(found: Sequence[Episode]) -> dict[str, Episode]:
    """One episode a lead, the newest."""
    return {episode.lead_id: episode for episode in sorted(found, key=lambda episode: episode.opened_at)}
