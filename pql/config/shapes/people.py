"""config/stages.yml, routing.yml and customers.yml: what a lead is called, who is told, how customers are followed."""

from dataclasses import replace
from datetime import time
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pql.config.shapes.base import (
    Clock,
    Conditions,
    Date,
    Email,
    Holidays,
    Name,
    Ratio,
    Shape,
    Text,
    Zone,
    positive,
    unique,
    wrong,
)
from pql.config.shapes.measures import MeasureIn
from pql.config.shapes.routing import Routes, SlackChannel
from pql.domain.durations import Duration
from pql.domain.rules import Absence, Channel, CheckIn, Customers, Reminders, Rep, Routing, Stages, Weekly
from pql.domain.working_time import WorkingTime, midnight


class StageIn(Shape):
    """A stage and when a lead is in it."""

    stage: Name = Field(description="The stage.")
    when: Conditions = Field(
        min_length=1, description="Conditions on `plan`, `status`, `in_trial` (true or false) and `mrr`; all must hold."
    )


class StagesFile(Shape):
    """How a lead's stage follows from its plan and subscription: the first rule that holds names it."""

    stages: tuple[StageIn, ...] = Field(description="The rules, in order.")
    otherwise: Name = Field(description="The stage where no rule holds.")
    customer: tuple[Name, ...] = Field(default=("customer",), min_length=1, description="The stages of those who pay.")

    def build(self) -> Stages:
        """The domain's value."""
        rules = tuple((one.stage, one.when) for one in self.stages)
        return Stages(rules=rules, otherwise=self.otherwise, customer=self.customer)


class Day(StrEnum):
    """A day of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class WorkingHoursIn(Shape):
    """When people work; outside these hours it is quiet. A rep's own say only what differs from the project's."""

    days: tuple[Day, ...] | None = Field(
        default=None, min_length=1, description="The working days, `mon` to `sun`; Monday to Friday by default."
    )
    start: Clock | None = Field(default=None, description="When work begins; `09:00` by default.")
    end: Clock | None = Field(
        default=None,
        description="When it ends, `18:00` by default; a time not after `start` is on the following day.",
    )
    holidays: Holidays | None = Field(
        default=None,
        description="Whose public holidays are kept: a country like `DE`, or a part like `DE-BE`; none by default.",
    )

    def build(self, project: WorkingTime) -> WorkingTime:
        """The domain's value: what is not said here is as in the project's."""
        order = [*Day]
        return replace(
            project,
            days=frozenset(order.index(day) for day in self.days) if self.days else project.days,
            start=clock_time(self.start) if self.start else project.start,
            end=clock_time(self.end) if self.end else project.end,
            holidays=project.holidays if self.holidays is None else self.holidays,
        )


def clock_time(text: str) -> time:
    """A time of day as files write it; 24:00 is midnight."""
    hours, minutes = text.split(":")
    return time(int(hours) % 24, int(minutes))


class AbsentIn(Shape):
    """Days on which a rep is away."""

    first: Date = Field(alias="from", description="The first day away, like 2026-08-03.")
    until: Date = Field(description="The day they are back.")
    reason: str = Field(default="", description="Why, in a word or two; it stands where they are passed over.")

    def build(self, email: str, zone: str) -> Absence:
        """The domain's value: from midnight to midnight, in the rep's zone."""
        first, back = (midnight(day, zone) for day in (self.first, self.until))
        return Absence(email=email, since=first, until=back, reason=self.reason)


def _in_order(absences: tuple[AbsentIn, ...]) -> tuple[AbsentIn, ...]:
    for number, one in enumerate(absences):
        if one.until <= one.first:
            message = f"they are back on {one.until}, which is not after {one.first}"
            raise wrong("C019", message, "'until' is the day they are back", at=(number, "until"))
    return absences


class RepIn(Shape):
    """Somebody who is told about leads."""

    email: Email = Field(description="The address; also how Slack finds the person.")
    name: Text = Field(description="The name.")
    team: str = Field(default="", description="The team.")
    time_zone: Zone = Field(default="UTC", description="For working hours and the times in messages.")
    slack_id: str = Field(default="", description="The Slack user id, where the address is another one there.")
    active: bool = Field(default=True, description="False: gets nothing, and is skipped in turns.")
    working_hours: WorkingHoursIn = Field(
        default_factory=WorkingHoursIn, description="Where they differ from the project's `working_hours`."
    )
    channels: tuple[Literal[Channel.SLACK, Channel.EMAIL], ...] = Field(
        default=(), description="Where they want to be told: `slack`, `email` or both; else as `channels` says."
    )
    at_once: bool = Field(default=True, description="False: all but what is urgent (`now`) goes to their digest.")
    capacity: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="The most open leads that they hold; who has so many is skipped in turns."
    )
    digest_at: Clock = Field(default="08:00", description="When their digest is due, on their own clock.")
    absent: Annotated[tuple[AbsentIn, ...], AfterValidator(_in_order)] = Field(
        default=(), description="When they are away; `pql absent` says so from one moment to the next."
    )
    stand_in: Email | None = Field(
        default=None, description="Who goes on with their leads meanwhile; else the next rep of the route or team."
    )

    def build(self, project: WorkingTime) -> Rep:
        """The domain's value.

        Args:
            project: The working time where the rep's own says nothing.
        """
        return Rep(
            email=self.email,
            name=self.name,
            team=self.team,
            time_zone=self.time_zone,
            slack_id=self.slack_id,
            active=self.active,
            working=self.working_hours.build(project),
            channels=self.channels,
            at_once=self.at_once,
            capacity=self.capacity,
            digest_at=clock_time(self.digest_at),
            absent=tuple(one.build(self.email, self.time_zone) for one in self.absent),
            stand_in=self.stand_in or "",
        )


class ChannelsIn(Shape):
    """The channels by urgency."""

    now: tuple[Channel, ...] = Field(default=(), description="For what cannot wait.")
    today: tuple[Channel, ...] = Field(default=(), description="For what should be known today.")
    digest: tuple[Channel, ...] = Field(default=(), description="For the daily summary.")


class RemindersIn(Shape):
    """What happens to a qualification that nobody took; all durations are working time of the rep."""

    after: Annotated[Duration, positive("the wait for a reminder")] = Field(
        default=Duration(8 * 3600), description="The rep is reminded so long after the message."
    )
    again: Annotated[Duration, positive("the wait for a further reminder")] = Field(
        default=Duration(16 * 3600), description="And so long after each reminder."
    )
    most: Annotated[int, Field(ge=0, le=5)] = Field(default=2, description="The most reminders; 0 for none.")
    escalate_after: Duration | None = Field(
        default=Duration(8 * 3600),
        description="The fallback is told so long after the last reminder, once; null for never.",
    )

    def build(self) -> Reminders:
        """The domain's value."""
        return Reminders(after=self.after, again=self.again, most=self.most, escalate_after=self.escalate_after)


class WeeklyIn(Shape):
    """When and to whom the team's week is summed up."""

    day: Day = Field(default=Day.MON, description="The day of the week.")
    at: Clock = Field(default="08:00", description="The time of day, in the project's time zone.")
    slack_channel: SlackChannel = Field(default="", description="The team's Slack channel.")
    emails: tuple[Email, ...] = Field(
        default=(), description="Who gets it by email; with neither, it goes to the fallback rep."
    )

    def build(self) -> Weekly:
        """The domain's value."""
        return Weekly(
            day=[*Day].index(self.day), at=clock_time(self.at), slack_channel=self.slack_channel, emails=self.emails
        )


class RoutingFile(Shape):
    """Who is told: who has the lead, else its owner, else the next rep of its route, else the fallback."""

    reps: Annotated[tuple[RepIn, ...], unique("reps", "email", lambda entry: str(entry.email).casefold())] = Field(
        default=(), description="The reps; those that sql/reps.sql lists come beside them."
    )
    owner: bool = Field(default=True, description="The account's owner, if one of the reps, goes before turns.")
    routes: Routes = Field(default=(), description="The tree of who gets which leads; the first that matches.")
    fallback: Email = Field(description="The rep who gets what nobody else does.")
    channels: ChannelsIn = Field(description="The channels by urgency: `now`, `today`, `digest`.")
    working_hours: WorkingHoursIn = Field(
        default_factory=WorkingHoursIn, description="When people work, each in their own time zone."
    )
    max_per_rep_a_day: Annotated[int, Field(ge=1)] = Field(
        default=10, description="A rep's budget of messages a day; what is over waits for the next working day."
    )
    max_urgent_per_rep_a_day: Annotated[int, Field(ge=1)] = Field(
        default=5, description="The same for moments that are urgent `now`; what is over goes to the digest."
    )
    reminders: RemindersIn | None = Field(
        default=None, description="Reminders of leads that nobody took; left out: nobody is reminded."
    )
    weekly: WeeklyIn | None = Field(
        default=None, description="The weekly summary for the team; left out: there is none."
    )

    def build(self) -> Routing:
        """The domain's value."""
        working = self.working_hours.build(WorkingTime())
        return Routing(
            reps=tuple(one.build(working) for one in self.reps),
            branches=tuple(one.build() for one in self.routes),
            owner=self.owner,
            fallback=self.fallback,
            channels={"now": self.channels.now, "today": self.channels.today, "digest": self.channels.digest},
            max_per_rep_a_day=self.max_per_rep_a_day,
            max_urgent_per_rep_a_day=self.max_urgent_per_rep_a_day,
            reminders=self.reminders.build() if self.reminders else None,
            weekly=self.weekly.build() if self.weekly else None,
            working=working,
        )


class CheckInIn(Shape):
    """A day in a customer's life to ask how it goes."""

    check_in: Name = Field(description="The name; unique.")
    after: Annotated[Duration, positive("a check-in")] = Field(description="How long after the conversion; whole days.")
    ask: Text = Field(description="What to ask.")


def _whole_days(check_ins: tuple[CheckInIn, ...]) -> tuple[CheckInIn, ...]:
    for number, one in enumerate(check_ins):
        try:
            _ = one.after.whole_days
        except ValueError as exc:
            raise wrong("C016", str(exc), at=(number, "after")) from exc
    return check_ins


class CustomersFile(Shape):
    """How converted leads are followed."""

    converts: tuple[Text, ...] = Field(
        default=("active",), min_length=1, description="The subscription statuses that pay."
    )
    use: MeasureIn = Field(description="The measure by which use now is compared with use before; as in a signal.")
    drop: Annotated[Ratio, Field(gt=0)] = Field(description="The share of use lost (0 to 1) that alarms.")
    drop_from: float = Field(default=0.0, ge=0, description="Less use before is too little to speak of a drop.")
    drop_cooldown: Duration = Field(default=Duration.of_days(30), description="After an alarm, no other for so long.")
    success_fallback: Email = Field(description="Who is told where the account names no success owner.")
    check_ins: Annotated[
        tuple[CheckInIn, ...],
        unique("check-ins", "check_in", lambda entry: str(entry.check_in)),
        AfterValidator(_whole_days),
    ] = Field(default=(), description="When to ask how it goes.")

    def build(self) -> Customers:
        """The domain's value."""
        return Customers(
            check_ins=tuple(CheckIn(name=one.check_in, after=one.after, ask=one.ask) for one in self.check_ins),
            use=self.use,
            drop=self.drop,
            drop_from=self.drop_from,
            success_fallback=self.success_fallback,
            converts=self.converts,
            drop_cooldown=self.drop_cooldown,
        )
