"""Small evaluations and records, and the whole content of a state database."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.domain.durations import Duration
from pql.domain.evaluation import Evaluation, Verdicts
from pql.domain.messages import Subject
from pql.store import Store
from pql.store.records import Committed, DecisionRecord, EpisodeOpened, HeldRecord, OutboxRecord, RunResults
from pql.store.tables import metadata

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LEASE = Duration(60)
SIGNALS = ("breadth", "team")


def evaluation(leads: Mapping[str, Mapping[str, Any]], as_of: datetime = T0) -> Evaluation:
    """Leads by id; what is not given: `breadth` 3 of value and behaviour 40, not fired."""
    index = pd.Index(list(leads), name="lead_id", dtype="str")

    def column(name: str, otherwise: Any) -> list[Any]:
        return [lead.get(name, otherwise) for lead in leads.values()]

    def frame(**columns: list[Any]) -> pd.DataFrame:
        return pd.DataFrame(columns, index=index)

    def per_signal(breadth: Any, team: Any) -> pd.DataFrame:
        return frame(
            breadth=column("breadth", breadth) if breadth == 3.0 else [breadth] * len(leads), team=[team] * len(leads)
        )

    points = frame(breadth=[float(value) for value in column("behaviour", 40.0)], team=[0.0] * len(leads))
    fired = frame(breadth=[int(value > 0) for value in points["breadth"]], team=[-1] * len(leads)).astype(np.int8)
    verdicts = Verdicts(
        values=per_signal(3.0, np.nan).astype(float),
        missing=per_signal(0, 2).astype(np.int8),
        gated=per_signal(breadth=False, team=False),
        outcomes=fired,
        strengths=per_signal(0.75, 0.0),
        latest_at=per_signal(float(to_micros(as_of - HOUR)), np.nan),
        decays=per_signal(1.0, 1.0),
        points=points,
        counted=points,
    )
    return Evaluation(
        as_of=as_of,
        leads=frame(
            name=column("name", "Acme"),
            domain=column("domain", "acme.test"),
            plan=column("plan", "trial"),
            stage=column("stage", "trial"),
            owner_email=column("owner_email", None),
            success_owner_email=column("success_owner_email", None),
            created_at=[float(to_micros(T0 - timedelta(days=30)))] * len(leads),
            open_deal=[False] * len(leads),
            employees=column("employees", 120.0),
            country=column("country", "NA"),
        ),
        verdicts=verdicts,
        fit=frame(
            fit=column("fit", 50.0),
            coverage=column("coverage", 0.8),
            fit_grade=column("fit_grade", "B"),
            **{"criterion.size": [30.0] * len(leads), "criterion.industry": [np.nan] * len(leads)},
            **{"persona.student": column("student", otherwise=False)},
        ),
        scores=frame(
            eligible=column("eligible", otherwise=True),
            ineligible_why=column("ineligible_why", ""),
            behaviour=[float(value) for value in column("behaviour", 40.0)],
            band=column("band", 3),
            fit_grade=column("fit_grade", "B"),
            grade=column("grade", "B3"),
            tier=column("tier", "nurture"),
        ),
        norms=pd.DataFrame(
            {"median": [2.0, np.nan], "p90": [5.0, np.nan], "n": [10, 0]}, index=pd.Index(SIGNALS, name="signal")
        ),
        cuts={"breadth": [0.0, 1.0, 4.0]},
    )


def opened(lead_id: str, at: datetime = T0, **values: Any) -> EpisodeOpened:
    return EpisodeOpened(lead_id=lead_id, opened_at=at, tier="hot", grade="A1", **values)


def message(step: str, lead_id: str = "a", *, at: datetime = T0, **values: Any) -> OutboxRecord:
    given: dict[str, Any] = {"recipient": "mia@plotline.test", "channel": "slack", "address": "#pql", "due_at": at}
    given |= {"payload": {"text": step}, "subject": Subject.QUALIFICATION, **values}
    return OutboxRecord(step_key=step, lead_id=lead_id, **given)


def decision(step: str, lead_id: str = "a", *, at: datetime = T0, **values: Any) -> DecisionRecord:
    given: dict[str, Any] = {"recipient": "mia@plotline.test", "channel": "slack", "outcome": "sent"}
    given |= {"subject": Subject.QUALIFICATION, "why": "FIRST_TIME", "words": "for the first time", **values}
    return DecisionRecord(step_key=step, lead_id=lead_id, at=at, **given)


def held_back(step: str, lead_id: str = "a", *, at: datetime = T0, **values: Any) -> HeldRecord:
    given: dict[str, Any] = {"recipient": "mia@plotline.test", "subject": Subject.MOMENT, "topic": "paywall"}
    given |= {"urgency": "today", "why": "QUIET", "happened_at": at, "held_at": at, "due_at": at + HOUR, **values}
    return HeldRecord(step_key=step, lead_id=lead_id, **given)


def commit(store: Store, at: datetime = T0, *, job: str = "run", **results: Any) -> Committed:
    """A whole run that finds what is given."""
    run = store.begin_run(job, at, at)
    return store.commit_run(run, RunResults(definitions_hash="hash", **results), at)


def content(store: Store, *, but: Sequence[str] = ()) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables."""
    with store._database.reads() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for table in metadata.sorted_tables
            if table.name not in but
        }
