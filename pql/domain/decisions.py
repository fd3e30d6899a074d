"""To tell or not to tell: one pure function, and every outcome has its reason."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from pql.domain.calendar import to_micros
from pql.domain.durations import Duration
from pql.domain.messages import Subject
from pql.domain.moments import Urgency


class Why(Enum):
    """Why a message is sent or withheld, with the sentence that explain and the message's footer show."""

    FIRST_TIME = "qualified for the first time in this episode"
    MOMENT = "it has just happened"
    CHECK_IN = "a check-in is due"
    USAGE_DROP = "their use fell"
    BASELINE_SUMMARY = "the first run sums up what already qualifies"
    BASELINE = "it was already so at the first run: in the summary, not a message of its own"
    ALREADY_TOLD = "already told in this episode"
    COOLING_DOWN = "the same moment of this lead was told within its cooldown"
    LEAD_COOLING_DOWN = "this lead was told about today; only what is urgent now is told again"
    SNOOZED = "the lead is snoozed"
    CLOSED = "the rep closed this lead: it cools down"
    OPEN_DEAL = "there is an open deal: its owner has it"
    NOT_ELIGIBLE = "the lead is not eligible"
    ONLY_IF = "the moment's only_if does not hold for this lead"
    OVER_BUDGET = "the rep has had today's messages: decided anew tomorrow"
    FOR_DIGEST = "it is meant for the digest"
    STALE_MOMENT = "it happened too long ago to be a moment"

    @property
    def sends(self) -> bool:
        """Whether a message goes out for this reason."""
        return self in _SENDING


_SENDING = frozenset({Why.FIRST_TIME, Why.MOMENT, Why.CHECK_IN, Why.USAGE_DROP, Why.BASELINE_SUMMARY})

_SUBJECT_WHY = {
    Subject.QUALIFICATION: Why.FIRST_TIME,
    Subject.MOMENT: Why.MOMENT,
    Subject.CHECK_IN: Why.CHECK_IN,
    Subject.USAGE_DROP: Why.USAGE_DROP,
    Subject.BASELINE: Why.BASELINE_SUMMARY,
}
FRESH = timedelta(days=2)  # what happened before that is history, not a moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Something that might be told.

    Args:
        key: What it is about, unique for ever: an episode, an occurrence, a check-in. With recipient and channel it
            makes the outbox key, so that nothing is sent twice.
        happened_at: When it became true.
        cooldown: The same kind of thing about this lead is not told again for so long.
    """

    subject: Subject
    lead_id: str
    key: str
    urgency: Urgency
    happened_at: datetime
    cooldown: Duration = Duration(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """All that the decision depends on.

    Args:
        baseline: This is the first run ever.
        told_key: This very candidate was told before.
        told_same_at: When the same kind of thing about this lead was last told.
        told_lead_at: When anything about this lead was last told.
        sent_today: How many messages the rep has had on the rep's own calendar day.
        budget: How many are allowed.
    """

    eligible: bool = True
    gate_holds: bool = True
    baseline: bool = False
    open_deal: bool = False
    told_key: bool = False
    told_same_at: datetime | None = None
    told_lead_at: datetime | None = None
    snoozed_until: datetime | None = None
    cooling_until: datetime | None = None
    sent_today: int = 0
    budget: int = 10


def decide(candidate: Candidate, circumstances: Circumstances, *, as_of: datetime) -> Why:
    """The reason to tell, or the first reason not to.

    What is about customers (check-ins, drops) goes to their success owner and knows no deals, fit or budgets.
    """
    if circumstances.told_key:
        return Why.ALREADY_TOLD
    if circumstances.baseline and candidate.subject is not Subject.BASELINE:
        return Why.BASELINE
    if candidate.subject in {Subject.CHECK_IN, Subject.USAGE_DROP, Subject.BASELINE}:
        return _decide_customer(candidate, circumstances, as_of=as_of)
    return _withheld(candidate, circumstances, as_of=as_of) or _SUBJECT_WHY[candidate.subject]


def _decide_customer(candidate: Candidate, circumstances: Circumstances, *, as_of: datetime) -> Why:
    if _within(circumstances.told_same_at, candidate.cooldown, as_of):
        return Why.COOLING_DOWN
    return _SUBJECT_WHY[candidate.subject]


def _withheld(candidate: Candidate, circumstances: Circumstances, *, as_of: datetime) -> Why | None:
    moment = candidate.subject is Subject.MOMENT
    urgent = moment and candidate.urgency is Urgency.NOW
    reasons = (
        (not circumstances.eligible, Why.NOT_ELIGIBLE),
        (not circumstances.gate_holds, Why.ONLY_IF),
        (circumstances.open_deal, Why.OPEN_DEAL),
        (_before(as_of, circumstances.snoozed_until), Why.SNOOZED),
        (moment and _before(as_of, circumstances.cooling_until), Why.CLOSED),
        (moment and as_of - candidate.happened_at > FRESH, Why.STALE_MOMENT),
        (moment and _within(circumstances.told_same_at, candidate.cooldown, as_of), Why.COOLING_DOWN),
        (candidate.urgency is Urgency.DIGEST, Why.FOR_DIGEST),
        (moment and not urgent and _within(circumstances.told_lead_at, _DAY, as_of), Why.LEAD_COOLING_DOWN),
        (not urgent and circumstances.sent_today >= circumstances.budget, Why.OVER_BUDGET),
    )
    return next((why for holds, why in reasons if holds), None)


_DAY = Duration.of_days(1)


def _before(as_of: datetime, until: datetime | None) -> bool:
    return until is not None and as_of < until


def _within(last: datetime | None, cooldown: Duration, as_of: datetime) -> bool:
    return last is not None and to_micros(as_of) - to_micros(last) < cooldown.micros
