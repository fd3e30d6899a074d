"""The rules for scores, episodes, stages, routes and customers, as the project's files set them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from enum import StrEnum

from pql.domain.conditions import Condition
from pql.domain.durations import Duration
from pql.domain.measures.base import Measure
from pql.domain.working_time import ALWAYS, WorkingTime

FIT_GRADES = ("A", "B", "C", "D", "?")  # "?": too little is known (insufficient_data)
BANDS = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChampionMeasure:
    """A measure of a user, normalised within the lead (0..1 of the lead's greatest), times its weight."""

    name: str
    measure: Measure
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Champions:
    """Whom to talk to: the users of a lead, ranked.

    Args:
        roles: Points for a role, by condition on the user's `role`; the first that holds.
        shown: How many are named in a message.
    """

    measures: tuple[ChampionMeasure, ...] = ()
    roles: tuple[tuple[Condition, float], ...] = ()
    shown: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """How points become a behaviour score, a band and a tier.

    Args:
        group_caps: The most points that a group of signals gives.
        total_cap: The most points in all; the score is never below 0.
        bands: The least score of bands 1, 2 and 3; below 3's it is band 4.
        matrix: For each fit grade (A-D, ?) the tier of bands 1..4.
        tiers: The tiers from best to worst.
    """

    group_caps: Mapping[str, float]
    total_cap: float
    bands: Mapping[int, float]
    matrix: Mapping[str, tuple[str, str, str, str]]
    tiers: tuple[str, ...]
    champions: Champions = field(default_factory=Champions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a lead must meet: a tier at least this good, and a score."""

    tier: str
    behaviour: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class QualificationRule:
    """The hysteresis of an episode.

    Args:
        enter: The bar to open one; held for `enter_for`.
        leave: The lower bar; below it for `keep_for`, the episode expires.
        cooldown: After an episode ended, no new one opens for so long.
        expires_after: An episode that nobody claimed ends after so long.
    """

    enter: Bar
    leave: Bar
    enter_for: Duration = Duration(0)
    keep_for: Duration = Duration.of_days(3)
    cooldown: Duration = Duration.of_days(30)
    expires_after: Duration = Duration.of_days(45)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """How a lead's stage follows from its plan and subscription: the first rule that holds names it."""

    rules: tuple[tuple[str, Mapping[str, Condition]], ...]
    otherwise: str
    customer: tuple[str, ...] = ("customer",)


class Channel(StrEnum):
    """The kinds of channel that the engine ships."""

    SLACK = "slack"
    EMAIL = "email"
    FILE = "file"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True, kw_only=True)
class Absence:
    """A rep is away in [since, until); `reason`: why, in words, "" where nobody said."""

    email: str
    since: datetime
    until: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rep:
    """Somebody who is told about leads.

    Args:
        time_zone: An IANA name.
        working: When they work, in their own zone whatever it names; the rest is quiet.
        channels: Where they want to be told: Slack, email or both; empty: as the routing says.
        at_once: False: all but what is urgent goes to their digest.
        capacity: The most open leads that they hold; None: any number.
        digest_at: When their digest is due, on their own wall clock.
        absent: When they are known to be away.
        stand_in: Who goes on with their leads meanwhile, by address; "": the next after them on their list.
    """

    email: str
    name: str
    team: str = ""
    time_zone: str = "UTC"
    slack_id: str = ""
    active: bool = True
    working: WorkingTime = ALWAYS
    channels: tuple[Channel, ...] = ()
    at_once: bool = True
    capacity: int | None = None
    digest_at: time = time(8)
    absent: tuple[Absence, ...] = ()
    stand_in: str = ""

    def __post_init__(self) -> None:
        """Work is done in the rep's own zone."""
        object.__setattr__(self, "working", replace(self.working, zone=self.time_zone))


class InTurn(StrEnum):
    """How one of several reps is chosen."""

    ROUND_ROBIN = "round_robin"
    FIRST = "first"


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A node of the routing tree. A lead goes into the first branch that it matches, and on into that one's.

    Args:
        name: Unique in the tree.
        match: Conditions on the lead's facts; all must hold.
        reps: Whose turn it is, by address.
        team: In place of `reps`: all active reps of this team.
        turns: How one of them is chosen.
        owner: The account's owner goes before them; None: as in the branch above.
        slack_channel: A team channel that is told too; "": as in the branch above.
        fallback: Who gets what none of them can take, by address; "": as in the branch above.
        branches: Tried in order; where none matches, what stands here holds.
    """

    name: str
    match: Mapping[str, Condition] = field(default_factory=dict)
    reps: tuple[str, ...] = ()
    team: str = ""
    turns: InTurn = InTurn.ROUND_ROBIN
    owner: bool | None = None
    slack_channel: str = ""
    fallback: str = ""
    branches: "tuple[Branch, ...]" = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminders:
    """What happens to a qualification that a rep was told of and that nobody took. All durations are working time.

    Args:
        after: The first reminder comes so long after the message.
        again: Each further one comes so long after the one before.
        most: The most reminders; 0 for none.
        escalate_after: The fallback hears of it so long after the last reminder, or after the message where there
            are none; None: never.
    """

    after: Duration = Duration(8 * 3600)
    again: Duration = Duration(16 * 3600)
    most: int = 2
    escalate_after: Duration | None = Duration(8 * 3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekly:
    """When and to whom the team's week is summed up, in the project's time zone.

    Args:
        day: Monday 0 to Sunday 6.
        slack_channel: The team's channel; "" for none.
        emails: Whom it goes to by email; with neither, the fallback rep gets it.
    """

    day: int = 0
    at: time = time(8)
    slack_channel: str = ""
    emails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """Who is told: who has the lead, else its owner, else the next of its branch of the tree, else the fallback.

    Args:
        channels: The channels by urgency of what is told ("now", "today", "digest").
        owner: The account's owner goes before turns, where no branch says otherwise.
        working: The project's working time, for those who are told and are none of the reps.
        max_per_rep_a_day, max_urgent_per_rep_a_day: The budgets; what is urgent now has its own.
        reminders: None: nobody is reminded.
        weekly: None: the week is not summed up.
    """

    reps: tuple[Rep, ...]
    branches: tuple[Branch, ...]
    fallback: str
    channels: Mapping[str, tuple[Channel, ...]]
    owner: bool = True
    max_per_rep_a_day: int = 10
    max_urgent_per_rep_a_day: int = 5
    reminders: Reminders | None = None
    weekly: Weekly | None = None
    working: WorkingTime = ALWAYS


def all_branches(branches: Iterable[Branch]) -> Iterator[Branch]:
    """Every branch of a tree, each before those below it."""
    for branch in branches:
        yield branch
        yield from all_branches(branch.branches)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckIn:
    """A moment in a customer's life to ask how it goes, so many days after the conversion."""

    name: str
    after: Duration
    ask: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Customers:
    """How converted leads are followed.

    Args:
        converts: The subscription statuses that mean that a lead pays.
        use: The measure by which use now is compared with use before.
        drop: The share of use lost (0..1) that alarms the success owner.
        drop_from: Use before that is below this is too little to speak of a drop.
        success_fallback: Who is told where the account names no success owner.
    """

    check_ins: tuple[CheckIn, ...]
    use: Measure
    drop: float
    success_fallback: str
    converts: tuple[str, ...] = ("active",)
    drop_from: float = 0.0
    drop_cooldown: Duration = Duration.of_days(30)
