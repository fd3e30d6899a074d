"""A company of two reps whose leads and moments tests make up: what is told, to whom and when, over a real state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from pql.config.settings import DeliverySettings, Notifiers, Project, Schedules, StateSettings, UsageSettings
from pql.domain.calendar import to_micros
from pql.domain.decisions import Candidate, Why
from pql.domain.messages import Subject
from pql.domain.moments import Moment, Urgency
from pql.domain.patterns.times import Times
from pql.domain.rules import Channel, Rep, Routing
from pql.domain.signals import Points
from pql.domain.working_time import WorkingTime
from pql.jobs.candidates import Case, episode_cases
from pql.jobs.compose import Briefing
from pql.jobs.telling import Messages, Telling, messages_of, told_of
from pql.jobs.waiting import not_waiting, waiting_cases
from pql.store import Store, open_store
from pql.store.records import EpisodeOpened, Notification, RunResults
from pql.testing import RecordingChannel
from tests.integration.store.samples import evaluation
from tests.unit.domain.samples import definitions, signal

MIA, YUKI = "mia@plotline.test", "yuki@plotline.test"
# Monday, 10:00 in Berlin and 18:00 in Tokyo.
MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
OFFICE = WorkingTime(start=time(9), end=time(18))
REPS = (
    Rep(email=MIA, name="Mia", time_zone="Europe/Berlin", working=OFFICE),
    Rep(email=YUKI, name="Yuki", time_zone="Asia/Tokyo", working=OFFICE),
)


def moment(name: str, urgency: Urgency = Urgency.NOW, **more: Any) -> Moment:
    return Moment(
        name=name,
        title=name.title(),
        why="It tells.",
        pattern=Times(event="paywall"),
        urgency=urgency,
        play="Help {{ lead.name }}.",
        **more,
    )


MOMENTS = (moment("paywall"), moment("limit"), moment("visit", Urgency.TODAY), moment("note", Urgency.DIGEST))


def a_project(**routing: Any) -> Project:
    given: dict[str, Any] = {"reps": REPS, "branches": (), "fallback": MIA, "working": OFFICE, **routing}
    urgencies = {"now": (Channel.FILE,), "today": (Channel.FILE,), "digest": (Channel.FILE,)}
    made = definitions((signal("breadth", Points(worth=60)), signal("team")))
    return Project(
        folder=Path(),
        name="Test",
        definitions=replace(made, moments=MOMENTS, routing=Routing(channels=urgencies, **given)),
        usage=UsageSettings(url="duckdb://"),
        state=StateSettings(url="sqlite://"),
        delivery=DeliverySettings(mode="on"),
        notifiers=Notifiers(),
        schedules=Schedules(),
    )


@dataclass
class Stage:
    """The state, and the leads that there are.

    Args:
        leads: As `evaluation` takes them: by id, what differs.
    """

    project: Project = field(default_factory=a_project)
    leads: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    store: Store = field(default_factory=lambda: open_store(StateSettings(url="sqlite://"), Path()))
    runs: int = 0

    def lead(self, lead_id: str, owner: str = MIA, **more: Any) -> str:
        """A lead that an owner has."""
        self.leads[lead_id] = {"name": lead_id.title(), "owner_email": owner, "tier": "hot", "behaviour": 60, **more}
        return lead_id

    def happens(self, lead_id: str, name: str, at: datetime) -> Case:
        """A moment of a lead."""
        found = next(one for one in self.project.definitions.moments if one.name == name)
        occurrence = {"lead_id": lead_id, "user_id": None, "key": str(to_micros(at)), "at": to_micros(at)}
        return Case(
            candidate=Candidate(
                subject=Subject.MOMENT,
                lead_id=lead_id,
                key=f"moment:{name}:{lead_id}:{to_micros(at)}",
                urgency=found.urgency,
                happened_at=at,
                cooldown=found.cooldown,
            ),
            topic=name,
            moment=found,
            occurrence={**occurrence, "count": 1, "feature": "seats", "detail": f"{name} of {lead_id}"},
        )

    def run(self, at: datetime, *cases: Case, opens: Sequence[str] = ()) -> dict[str, Why]:
        """One run: episodes open, moments are found; what became of each, by lead or by moment and lead."""
        telling, messages = self._think(at, cases, opens)
        self.runs += 1
        run = self.store.begin_run(f"job{self.runs}", at, at)
        results = RunResults(
            definitions_hash="h",
            opened=[EpisodeOpened(lead_id=lead_id, opened_at=at, tier="hot", grade="A1") for lead_id in opens],
            decisions=messages.decisions(telling.told, as_of=at),
            outbox=[record for records in messages.records.values() for record in records],
            held=telling.held,
            settled=telling.settled,
        )
        self.store.commit_run(run, results, at)
        return {" ".join(filter(None, (one.case.topic, one.case.candidate.lead_id))): one.why for one in telling.told}

    def _think(self, at: datetime, cases: Sequence[Case], opens: Sequence[str]) -> tuple[Telling, Messages]:
        held, known = self.store.held(), evaluation(self.leads, at)
        untold = episode_cases(self.store.open_episodes(), dict.fromkeys(opens, at), known)
        due = waiting_cases(held, self.project.definitions, known, untold=untold, as_of=at)
        every = not_waiting([*untold, *cases, *due], held, as_of=at)
        telling = told_of(self.store, self.project, known, every, baseline=False, waiting=held)
        nobody = pd.DataFrame({name: [] for name in ("lead_id", "rank")})
        briefing = Briefing(project=self.project, evaluation=known, champions=nobody, latest=pd.DataFrame())
        channels = {"file": RecordingChannel("file")}
        return telling, messages_of(self.store, briefing, channels, telling.sent)

    @property
    def messages(self) -> list[Notification]:
        """All messages, the oldest first."""
        return self.store.notifications(limit=10_000)[::-1]


def hours(number: float) -> timedelta:
    return timedelta(hours=number)
