"""Occurrences, decisions, and what waits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from pql.domain.messages import Subject
from pql.domain.timers import TimerStatus

DecisionOutcome: TypeAlias = Literal["sent", "held", "withheld"]
HeldStatus: TypeAlias = Literal["waiting", "sent", "digest", "dropped"]


# In the evidence of a decision: the address of the rep who has the lead, where a stand-in was told.
STANDS_FOR = "stands_for"


@dataclass(frozen=True, slots=True, kw_only=True)
class OccurrenceRecord:
    """A moment happened; unique by moment, lead and key, so that a replay adds nothing."""

    moment: str
    lead_id: str
    key: str
    at: datetime
    user_id: str = ""
    count: int = 1
    feature: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """What became of a candidate, and why.

    The same decision about the same step, recipient and channel is one row: it counts how often it was taken.

    Args:
        step_key: What it is about, unique for ever (`Candidate.key`).
        outcome: sent: it is in the outbox; held: decided anew from `due_at` on; withheld: not told.
        why: The code of the reason (`Why.name`).
        words: The reason in words, with its numbers.
        topic: The moment's, signal's or check-in's name; "" for a qualification.
        recipient: The rep's email; "" where it was withheld before a route was sought.
        channel: "" likewise.
        evidence: JSON-able; the numbers that it was decided with.
    """

    lead_id: str
    subject: Subject
    step_key: str
    at: datetime
    outcome: DecisionOutcome
    why: str
    words: str
    topic: str = ""
    recipient: str = ""
    channel: str = ""
    due_at: datetime | None = None
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRecord:
    """A candidate that waits outside the outbox and is decided anew when it is due. One for each step key.

    Args:
        why: The code of the reason (`Why.name`).
        happened_at: When it became true.
        held_at: When it was held first.
        due_at: When it is decided anew.
        about: JSON-able; what its message is made of.
    """

    step_key: str
    lead_id: str
    recipient: str
    subject: str
    topic: str
    urgency: str
    why: str
    happened_at: datetime
    held_at: datetime
    due_at: datetime
    about: Mapping[str, object] = field(default_factory=dict)
    status: HeldStatus = "waiting"


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRoot:
    """The message under which news of a lead goes, for a rep in a channel at an address."""

    lead_id: str
    recipient: str
    channel: str
    address: str
    delivery_id: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TimerRecord:
    """A timer as it is from now on; unique by moment, lead and key, and written over."""

    moment: str
    lead_id: str
    key: str
    set_at: datetime
    due_at: datetime
    status: TimerStatus = TimerStatus.WAITING
    ended_at: datetime | None = None
    user_id: str = ""
    feature: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecision:
    """A decision, with when it was first and last taken, and how often."""

    lead_id: str
    subject: str
    topic: str
    step_key: str
    recipient: str
    channel: str
    outcome: DecisionOutcome
    why: str
    words: str
    at: datetime
    last_at: datetime
    times: int
    due_at: datetime | None
    evidence: Mapping[str, object]
    run_id: str
