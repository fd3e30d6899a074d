"""To tell or not to tell: one pure function, and every outcome has its reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from pql.domain.calendar import to_micros
from pql.domain.durations import Duration
from pql.domain.messages import Subject
from pql.domain.moments import Urgency
from pql.domain.mutes import Mute


class Why(Enum):
    """Why a message is sent or withheld, with the sentence that explain and the message's footer show."""

    FIRST_TIME = "qualified for the first time in this episode"
    MOMENT = "it has just happened"
    CHECK_IN = "a check-in is due"
    USAGE_DROP = "their use fell"
    BASELINE_SUMMARY = "the first run sums up what already qualifies"
    BASELINE = "it was already so at the first run: in the summary, not a message of its own"
    RULE_CHANGED = "it is so only because the definitions changed: in the summary, not a message of its own"
    ALREADY_TOLD = "already told in this episode"
    COOLING_DOWN = "the same moment of this lead was told within its cooldown"
    LEAD_COOLING_DOWN = "this lead was told about today; only what is urgent now is told again"
    SNOOZED = "the lead is snoozed"
    CLOSED = "the rep closed this lead: it cools down"
    OPEN_DEAL = "there is an open deal: its owner has it"
    NOT_ELIGIBLE = "the lead is not eligible"
    ONLY_IF = "the moment's only_if does not hold for this lead"
    FOR_DIGEST = "it is meant for the digest"
    PREFERS_DIGEST = "the rep wants all that is not urgent now in the digest"
    STALE_MOMENT = "it happened too long ago to be a moment"
    NO_LONGER_TRUE = "it was held back, and is no longer true"
    OVER_URGENT_BUDGET = "the rep has had today's urgent messages: in the digest"
    MUTED = "muted"
    GATHERING = "a moment of this lead was told minutes ago: what follows is gathered into one message"
    OVER_BUDGET = "the rep has had today's messages: decided anew on the next working day"
    QUIET = "it is quiet time for the rep: decided anew when work begins"

    @property
    def sends(self) -> bool:
        """Whether a message goes out for this reason."""
        return self in _SENDING

    @property
    def waits(self) -> bool:
        """Whether it is held, and decided anew when it is due."""
        return self in _WAITING


_SENDING = frozenset({Why.FIRST_TIME, Why.MOMENT, Why.CHECK_IN, Why.USAGE_DROP, Why.BASELINE_SUMMARY})
_WAITING = frozenset({Why.MUTED, Why.GATHERING, Why.OVER_BUDGET, Why.QUIET})

_SUBJECT_WHY = {
    Subject.QUALIFICATION: Why.FIRST_TIME,
    Subject.MOMENT: Why.MOMENT,
    Subject.CHECK_IN: Why.CHECK_IN,
    Subject.USAGE_DROP: Why.USAGE_DROP,
    Subject.BASELINE: Why.BASELINE_SUMMARY,
}
FOR_SUCCESS = frozenset({Subject.CHECK_IN, Subject.USAGE_DROP})
FRESH = timedelta(days=2)  # what happened before that is history, not a moment
HELD_FRESH = timedelta(days=7)  # a moment that was held: a long weekend, a week off
GATHER = timedelta(minutes=10)  # moments of one lead within so long become one message


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that might be told.

    Args:
        key: What it is about, unique for ever: an episode, an occurrence, a check-in. It is told once.
        happened_at: When it became true.
        cooldown: The same kind of thing about this lead is not told again for so long.
        held_at: Since when it was held back; None: it is looked at for the first time.
    """

    subject: Subject
    lead_id: str
    key: str
    urgency: Urgency
    happened_at: datetime
    cooldown: Duration = Duration(0)
    held_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """All that the decision depends on.

    Args:
        baseline: This is the first run ever.
        still_true: Whether what was held back is so yet: its episode lives, its moment is still defined.
        told_key: This very candidate was told before.
        told_same_at: When the same kind of thing about this lead was last told.
        told_lead_at: When anything about this lead was last told.
        told_moment_at: When a moment of this lead was last told.
        muted: The mute that speaks of it, if one does.
        at_once: Whether the rep wants what is not urgent now as it comes, not in the digest.
        sent_today: How many messages the rep has had on the rep's own calendar day, the urgent ones not counted.
        budget: How many are allowed.
        urgent_today, urgent_budget: The same of what is urgent now.
        quiet_until: When the rep's working time begins; None: it is now.
        next_day: When the rep's next working day begins: what is over the budget waits for it.
    """

    eligible: bool = True
    gate_holds: bool = True
    baseline: bool = False
    still_true: bool = True
    open_deal: bool = False
    told_key: bool = False
    told_same_at: datetime | None = None
    told_lead_at: datetime | None = None
    told_moment_at: datetime | None = None
    snoozed_until: datetime | None = None
    cooling_until: datetime | None = None
    muted: Mute | None = None
    at_once: bool = True
    sent_today: int = 0
    budget: int = 10
    urgent_today: int = 0
    urgent_budget: int = 5
    quiet_until: datetime | None = None
    next_day: datetime | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """To tell, to hold or to withhold, and why.

    Args:
        due_at: When what is held is decided anew; set where `why.waits`.
        words: The reason in words, with who muted it.
    """

    why: Why
    due_at: datetime | None = None
    words: str = ""

    def __post_init__(self) -> None:
        """Without words of its own the reason's are used."""
        object.__setattr__(self, "words", self.words or self.why.value)


def decide(candidate: Candidate, circumstances: Circumstances, *, as_of: datetime) -> Decision:
    """The reason to tell, or the first reason not to.

    What is about customers (check-ins, drops) goes to their success owner and knows no deals, fit or budgets.
    """
    if circumstances.told_key:
        return Decision(Why.ALREADY_TOLD)
    if circumstances.baseline and candidate.subject is not Subject.BASELINE:
        return Decision(Why.BASELINE)
    if not circumstances.still_true:
        return Decision(Why.NO_LONGER_TRUE)
    reasons = _reasons(candidate, circumstances, as_of=as_of)
    why = next((reason for holds, reason in reasons if holds), _SUBJECT_WHY[candidate.subject])
    due_at = _due_at(why, candidate, circumstances, as_of) if why.waits else None
    words = circumstances.muted.words if why is Why.MUTED and circumstances.muted else ""
    return Decision(why, due_at, words)


def _reasons(candidate: Candidate, facts: Circumstances, *, as_of: datetime) -> tuple[tuple[bool, Why], ...]:
    """What can speak against telling, in the order in which it is said."""
    quiet = (_before(as_of, facts.quiet_until), Why.QUIET)
    muted = (facts.muted is not None, Why.MUTED)
    if candidate.subject is Subject.BASELINE:
        return ()
    if candidate.subject in FOR_SUCCESS:
        return ((_within(facts.told_same_at, candidate.cooldown, as_of), Why.COOLING_DOWN), muted, quiet)
    moment = candidate.subject is Subject.MOMENT
    urgent = moment and candidate.urgency is Urgency.NOW
    fresh = FRESH if candidate.held_at is None else HELD_FRESH
    return (
        (not facts.eligible, Why.NOT_ELIGIBLE),
        (not facts.gate_holds, Why.ONLY_IF),
        (facts.open_deal, Why.OPEN_DEAL),
        (_before(as_of, facts.snoozed_until), Why.SNOOZED),
        (moment and _before(as_of, facts.cooling_until), Why.CLOSED),
        (moment and as_of - candidate.happened_at > fresh, Why.STALE_MOMENT),
        (moment and _within(facts.told_same_at, candidate.cooldown, as_of), Why.COOLING_DOWN),
        (candidate.urgency is Urgency.DIGEST, Why.FOR_DIGEST),
        muted,
        (not urgent and not facts.at_once, Why.PREFERS_DIGEST),
        (moment and not urgent and _within(facts.told_lead_at, _DAY, as_of), Why.LEAD_COOLING_DOWN),
        (moment and _before(as_of, _gathered_until(facts)), Why.GATHERING),
        (urgent and facts.urgent_today >= facts.urgent_budget, Why.OVER_URGENT_BUDGET),
        (not urgent and facts.sent_today >= facts.budget, Why.OVER_BUDGET),
        quiet,
    )


def _due_at(why: Why, candidate: Candidate, facts: Circumstances, as_of: datetime) -> datetime:
    """When what is held is decided anew."""
    due = {
        Why.MUTED: facts.muted.until if facts.muted else None,
        Why.GATHERING: _gathered_until(facts),
        Why.OVER_BUDGET: facts.next_day,
        Why.QUIET: facts.quiet_until,
    }[why]
    until = due or as_of + GATHER
    if candidate.subject is Subject.MOMENT:
        # What is too old by then is said to be so, not kept on.
        until = min(until, candidate.happened_at + HELD_FRESH + GATHER)
    return until


def _gathered_until(facts: Circumstances) -> datetime | None:
    return None if facts.told_moment_at is None else facts.told_moment_at + GATHER


_DAY = Duration.of_days(1)


def _before(as_of: datetime, until: datetime | None) -> bool:
    return until is not None and as_of < until


def _within(last: datetime | None, cooldown: Duration, as_of: datetime) -> bool:
    return last is not None and to_micros(as_of) - to_micros(last) < cooldown.micros
