"""A desk for jobs that need no usage tables: the starter's definitions, reps of the test's own, plain channels."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from functools import cache
from typing import Any

from pql.config import load
from pql.config.settings import DeliverySettings, Project
from pql.config.starter import starter_folder
from pql.domain.messages import Alert, Outgoing, Receipt, Rendered
from pql.domain.rules import Channel as ChannelName
from pql.domain.rules import Reminders, Rep, Weekly
from pql.domain.working_time import WorkingTime
from pql.jobs.summaries import Desk
from pql.store import Store

OFFICE = WorkingTime(start=time(9), end=time(17))
ON = DeliverySettings(mode="on")


@dataclass
class PlainChannel:
    """Says an alert in one line, and keeps what it sends."""

    name: str
    sent: list[Outgoing] = field(default_factory=list)

    def render(self, alert: Alert) -> Rendered:
        lines = [f"{line.name} {line.grade}: {line.words}" for part in alert.sections for line in part.lines]
        said = "\n".join([alert.title, alert.why_now, *lines])
        return Rendered(channel=self.name, payload={"text": said, "as_of": alert.as_of.isoformat()})

    def send(self, outgoing: Outgoing) -> Receipt:
        self.sent.append(outgoing)
        return Receipt(reference=outgoing.delivery_id)


@cache
def starter_project() -> Project:
    """The starter's definitions, with delivery on. Nothing is written to its folder."""
    return replace(load(starter_folder(), {}), delivery=ON)


def rep(email: str = "mia@plotline.test", zone: str = "UTC", **values: Any) -> Rep:
    """Works Monday to Friday, nine to five."""
    return Rep(email=email, name=email.partition("@")[0].title(), time_zone=zone, **{"working": OFFICE, **values})


def desk_of(
    project: Project,
    store: Store,
    reps: Sequence[Rep],
    *,
    fallback: str = "",
    weekly: Weekly | None = None,
    reminders: Reminders | None = None,
    channels: Sequence[str] = ("email", "slack"),
    now: datetime | None = None,
    delivery: DeliverySettings = ON,
    budget: int = 10,
) -> Desk:
    """A desk of these reps, the first of them the fallback."""
    names = (ChannelName.EMAIL, ChannelName.SLACK)
    routing = replace(
        project.definitions.routing,
        reps=tuple(reps),
        fallback=fallback or reps[0].email,
        channels={"now": names, "today": names, "digest": names},
        weekly=weekly,
        reminders=reminders,
        max_per_rep_a_day=budget,
    )
    definitions = replace(project.definitions, routing=routing, time_zone="UTC")

    def clock() -> datetime:
        assert now is not None, "this test has no clock"
        return now

    return Desk(
        project=replace(project, definitions=definitions, delivery=delivery),
        store=store,
        channels={name: PlainChannel(name) for name in channels},
        clock=clock,
    )


def at(desk: Desk, instant: datetime) -> Desk:
    """The same desk when the clock shows another instant."""
    return replace(desk, clock=lambda: instant)
