"""What the weekly summary reads beside what the digests read."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.domain.messages import Subject
from pql.store.engine import Database
from pql.store.tables import decisions, leads, outcomes, qualifications
from pql.store.values import chunks, loads

MOST = 2_000
_GOOD = ("accepted", "won", "converted")


@dataclass(frozen=True)
class WeekReads:
    """The reading side of the weekly summary; each method is one transaction."""

    database: Database

    def outcome_counts(self, since: datetime, at: datetime) -> Counter[str]:
        """How many different episodes had each kind of outcome in (since, at]."""
        number = sa.func.count(outcomes.c.qualification_id.distinct())
        query = sa.select(outcomes.c.kind, number).where(
            outcomes.c.at > to_micros(since), outcomes.c.at <= to_micros(at)
        )
        with self.database.reads() as connection:
            return Counter({row[0]: row[1] for row in connection.execute(query.group_by(outcomes.c.kind))})

    def best_leads(self, most: int) -> list[str]:
        """The leads with the highest scores."""
        best = sa.select(leads.c.lead_id).where(leads.c.gone == sa.false(), leads.c.eligible == sa.true())
        with self.database.reads() as connection:
            return list(connection.scalars(best.order_by(leads.c.behaviour.desc()).limit(most)))

    def judged(self, since: datetime) -> list[tuple[str, tuple[str, ...], bool]]:
        """The episodes that reps, or a purchase, judged since an instant: lead, signals it opened with, rejected."""
        kinds = (*_GOOD, "rejected")
        joined = sa.join(outcomes, qualifications, outcomes.c.qualification_id == qualifications.c.id)
        query = (
            sa.select(qualifications.c.id, qualifications.c.lead_id, qualifications.c.evidence, outcomes.c.kind)
            .select_from(joined)
            .where(outcomes.c.kind.in_(kinds), outcomes.c.at > to_micros(since))
            .order_by(outcomes.c.at.desc(), outcomes.c.seq.desc())
            .limit(MOST)
        )
        found: dict[str, tuple[str, tuple[str, ...], bool]] = {}
        with self.database.reads() as connection:
            for row in connection.execute(query):  # the last word on an episode comes first, and counts
                reasons = loads(row.evidence).get("reasons", ())
                signals = tuple(str(reason["signal"]) for reason in reasons)
                found.setdefault(row.id, (row.lead_id, signals, row.kind == "rejected"))
        return list(found.values())

    def moments_told(self, lead_ids: Collection[str], since: datetime) -> set[tuple[str, str]]:
        """The lead and the moment of every moment that was told since an instant."""
        found: set[tuple[str, str]] = set()
        with self.database.reads() as connection:
            for chunk in chunks(sorted(set(lead_ids)), MOST):
                told = sa.select(decisions.c.lead_id, decisions.c.topic).where(
                    decisions.c.lead_id.in_(chunk),
                    decisions.c.at > to_micros(since),
                    decisions.c.subject == Subject.MOMENT.value,
                    decisions.c.outcome == "sent",
                )
                found |= {(row[0], row[1]) for row in connection.execute(told)}
        return found
