"""What goes into the store and what comes out, as values.

Instants are aware datetimes in records, and microseconds since 1970 in UTC (float64, NaN unknown) in frames.
Emails of reps are compared without case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import NAMESPACE_URL, uuid5

import pandas as pd

from pql.domain.calendar import to_micros
from pql.domain.evaluation import Evaluation
from pql.domain.messages import Outgoing, Subject
from pql.domain.timers import TimerStatus
from pql.domain.turns import Taking

EpisodeStatus: TypeAlias = Literal["open", "claimed", "accepted", "rejected", "converted", "lost", "expired"]
LIVE: tuple[EpisodeStatus, ...] = ("open", "claimed", "accepted")
DecisionOutcome: TypeAlias = Literal["sent", "held", "withheld"]
OutcomeKind: TypeAlias = Literal["claim", "snooze", "accept", "reject", "won", "lost"]
HeldStatus: TypeAlias = Literal["waiting", "sent", "digest", "dropped"]
OutboxStatus: TypeAlias = Literal["waiting", "sent", "failed", "expired", "shadow"]

# In the evidence of a decision: the address of the rep who has the lead, where a stand-in was told.
STANDS_FOR = "stands_for"


def episode_id(lead_id: str, opened_at: datetime) -> str:
    """The id of the episode that a lead opens at an instant: the same for a run that is repeated."""
    return str(uuid5(NAMESPACE_URL, f"pql:episode:{to_micros(opened_at)}:{lead_id}"))


def delivery_id(step_key: str, recipient: str, channel: str) -> str:
    """The id of a message: it follows from what it is about, to whom and where, so no repetition makes a second."""
    return str(uuid5(NAMESPACE_URL, f"pql:delivery:{channel}:{len(recipient)}:{recipient}:{step_key}"))


# --- what a run is, and what it gives ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """What one process may do and no other, until `expires_at`: see `Store.take_lease`.

    Args:
        holder: A name of one process; "" once it was given up.
        fence: Grows with each new holder.
        since: When this holder took it.
    """

    name: str
    holder: str
    fence: int
    since: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """Under which number of which lease work was begun; it is written only while the lease still bears the number."""

    name: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that holds the lock of its job, or one that has nothing to do.

    Args:
        already_committed: This `as_of` is the last committed one: nothing is locked, nothing needs doing.
        fence: The commit is refused once another process leads; None: begun by hand.
    """

    id: str
    job: str
    as_of: datetime
    started_at: datetime
    already_committed: bool = False
    fence: Fence | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeOpened:
    """A lead qualifies. Its id is `episode_id(lead_id, opened_at)`.

    Args:
        evidence: JSON-able, kept as it was: reasons, fit, champions.
        told_at: Set where it counts as told without a message of its own (the first run's summary).
    """

    lead_id: str
    opened_at: datetime
    tier: str
    grade: str
    behaviour: float = 0.0
    fit: float = 0.0
    evidence: Mapping[str, object] = field(default_factory=dict)
    told_at: datetime | None = None

    @property
    def id(self) -> str:
        """The episode's id."""
        return episode_id(self.lead_id, self.opened_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeClosed:
    """A live episode ends. What a rep closed since the run read it stays as the rep left it.

    Args:
        reason: In words, for people.
        unless_claimed: Only an episode that nobody holds is closed: one that a rep took since the run read it
            stays (`qualification.Closing.EXPIRED`).
        cooldown_until: No new episode opens before.
        converted_at: For `converted`; the lead time runs from the opening to it (never below 0).
    """

    lead_id: str
    status: Literal["converted", "expired", "rejected", "lost"]
    closed_at: datetime
    reason: str
    unless_claimed: bool = False
    cooldown_until: datetime | None = None
    converted_at: datetime | None = None


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
class OutboxRecord:
    """A final message: rendered and addressed. Unique by step key, recipient and channel; a second one is ignored.

    Args:
        recipient: For whom it is: the rep's email, or a team channel.
        address: Where it goes; another one in mode redirect.
        payload: JSON-able (`Rendered.payload`).
        due_at: Not sent before.
        valid_until: Not sent from then on; None: for ever.
        lead_id: "" for a summary of many.
        shadow: It is kept to be shown and is never sent: `delivery.mode` was off.
        reply_to: The `delivery_id` of the message in whose thread it goes; "" for none.
        steps: Everything that it tells of, where that is more than `step_key`: moments that were gathered.
    """

    step_key: str
    lead_id: str
    subject: Subject
    recipient: str
    channel: str
    address: str
    payload: Mapping[str, object]
    due_at: datetime
    valid_until: datetime | None = None
    shadow: bool = False
    reply_to: str = ""
    steps: tuple[str, ...] = ()

    @property
    def all_steps(self) -> tuple[str, ...]:
        """Everything that it tells of."""
        return tuple(dict.fromkeys((self.step_key, *self.steps)))

    @property
    def delivery_id(self) -> str:
        """The message's id."""
        return delivery_id(self.step_key, self.recipient, self.channel)


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
class ConversionRecord:
    """A lead pays. One row a lead: what changed since is written over it; None leaves what is known.

    Args:
        use_before: Use at the conversion, by the measure of `customers.use`.
        use_now: Use at `use_at`.
    """

    lead_id: str
    converted_at: datetime
    plan: str
    use_before: float | None = None
    use_now: float | None = None
    use_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInRecord:
    """A date on which to ask a customer how it goes; `decided_at` once it was told or withheld."""

    lead_id: str
    name: str
    due_at: datetime
    decided_at: datetime | None = None


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


@dataclass(frozen=True, kw_only=True)
class RunResults:
    """All that a run found: written in one transaction, or not at all.

    Args:
        definitions_hash: `Definitions.content_hash`.
        sources: `Definitions.sources`, kept once for each hash.
        evaluation: The leads, verdicts, fit and scores of *all* leads: one that is not in it is marked as gone.
            None where the run evaluated none.
        shown: The attributes (columns of `evaluation.leads`) to keep for pages and messages.
        hysteresis: Index `lead_id`; `above_since`, `below_since`, `cooldown_until`. Only the leads in it are
            written; a cooldown is never shortened.
        validity: By entity ("account", "allowance", ...): index the entity's id, one column a name; what is known
            now, of all entities. What is null, and ids and names that are absent, end at `as_of`.
        turns: How counts of turns change; it is added to what stands there when it is written.
        counts: What the run wants to remember of itself; the store adds its own (`Committed`).
        settings: What later runs ask for, by key; JSON-able.
        held: Candidates that wait, and are decided anew when they are due.
        settled: What became of candidates that waited, by step key.
        timers: Those that are set, moved or ended.
        settings: What is kept under a key: how far a job has looked.
    """

    definitions_hash: str
    sources: Sequence[tuple[str, str]] = ()
    evaluation: Evaluation | None = None
    shown: Sequence[str] = ()
    hysteresis: pd.DataFrame | None = None
    opened: Sequence[EpisodeOpened] = ()
    closed: Sequence[EpisodeClosed] = ()
    occurrences: Sequence[OccurrenceRecord] = ()
    decisions: Sequence[DecisionRecord] = ()
    outbox: Sequence[OutboxRecord] = ()
    conversions: Sequence[ConversionRecord] = ()
    check_ins: Sequence[CheckInRecord] = ()
    validity: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    turns: Sequence[Taking] = ()
    counts: Mapping[str, int | float | str] = field(default_factory=dict)
    timers: Sequence[TimerRecord] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    held: Sequence[HeldRecord] = ()
    settled: Mapping[str, HeldStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a commit wrote.

    Args:
        leads_written: Current rows that were new or differed.
        leads_gone: Leads that the source no longer has.
        scores_written: New rows of the history.
        closed_before: Episodes that should have closed, but a rep had closed or taken them meanwhile.
        enqueued: New outbox rows.
        enqueued_before: Outbox rows that stood there already.
    """

    leads_written: int = 0
    leads_gone: int = 0
    scores_written: int = 0
    opened: int = 0
    closed: int = 0
    closed_before: int = 0
    occurrences: int = 0
    decisions: int = 0
    enqueued: int = 0
    enqueued_before: int = 0
    validity_changes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCheck:
    """A look at a relation.

    Args:
        newest_at: When its newest row came, as of `at`; None: not known.
        row_count: Of events and touches the rows of the newest whole day; of others all.
        shares: The share of empty values by column, 0..1.
        verdict: "" where all was well; else what was wrong: stale, fewer, more, nulls.
    """

    relation: str
    at: datetime
    newest_at: datetime | None
    row_count: int
    shares: Mapping[str, float] = field(default_factory=dict)
    verdict: str = ""


# --- what is read -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """A run as it is remembered. `norms` and `cuts` are as in `Evaluation`, JSON-able."""

    id: str
    job: str
    as_of: datetime
    started_at: datetime
    finished_at: datetime | None
    status: Literal["running", "done", "failed", "stopped"]
    definitions_hash: str
    counts: Mapping[str, int | float | str]
    norms: Mapping[str, Mapping[str, float | None]]
    cuts: Mapping[str, Sequence[float]]
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVerdict:
    """The verdict of one signal on one lead, as it was written (numbers rounded, see docs/state.md)."""

    signal: str
    outcome: int
    value: float | str | None
    missing: int
    gated: bool
    strength: float
    decay: float
    points: float
    counted: float
    latest_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadRecord:
    """A lead as the last run that changed it left it.

    Args:
        fit_parts: `criterion.<name>`: points (None unknown); `persona.<name>`, `exclusion.<name>`: true, where it
            applies.
        updated_at: The `as_of` of the run that last changed the row.
        gone: The source no longer has it.
    """

    lead_id: str
    name: str
    domain: str
    stage: str
    plan: str
    owner_email: str
    success_owner_email: str
    created_at: datetime | None
    attributes: Mapping[str, object]
    eligible: bool
    ineligible_why: str
    fit: float
    coverage: float
    fit_grade: str
    fit_parts: Mapping[str, float | bool | None]
    behaviour: float
    band: int
    grade: str
    tier: str
    verdicts: tuple[StoredVerdict, ...]
    run_id: str
    updated_at: datetime
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFacts:
    """A lead as the last run left it, without verdicts and parts of its fit: what a line about it needs."""

    lead_id: str
    name: str
    domain: str
    stage: str
    plan: str
    owner_email: str
    success_owner_email: str
    attributes: Mapping[str, object]
    eligible: bool
    fit_grade: str
    behaviour: float
    band: int
    grade: str
    tier: str
    gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """Where a message went. `at`: when it was sent; before that, when it was written."""

    step_key: str
    recipient: str
    channel: str
    address: str
    delivery_id: str
    status: OutboxStatus
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRecord:
    """One step of a lead's history.

    Written when eligibility, fit grade, band, grade, tier or the score as a whole number changed.
    """

    lead_id: str
    as_of: datetime
    run_id: str
    eligible: bool
    fit: float
    fit_grade: str
    behaviour: float
    band: int
    grade: str
    tier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A qualification; live while `closed_at` is None."""

    id: str
    lead_id: str
    opened_at: datetime
    tier: str
    grade: str
    behaviour: float
    fit: float
    status: EpisodeStatus
    claimed_by: str
    claimed_at: datetime | None
    closed_at: datetime | None
    close_reason: str
    lead_time_micros: int | None
    snoozed_until: datetime | None
    told_at: datetime | None
    evidence: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a rep, or a subscription, said of an episode."""

    lead_id: str
    qualification_id: str
    kind: str
    by: str
    at: datetime
    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeResult:
    """What `record_outcome` did.

    Args:
        changed: False where it was so already (a second click).
        words: One sentence for the rep.
    """

    lead_id: str
    qualification_id: str
    status: EpisodeStatus
    claimed_by: str
    changed: bool
    words: str


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to deliver, or its end.

    Outcomes: sent, retry, failed, unknown (its worker never told), refused (told too late), expired (no longer true).
    """

    delivery_id: str
    at: datetime
    outcome: str
    error: str
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """An outbox row, as people see it."""

    delivery_id: str
    lead_id: str
    subject: str
    step_key: str
    recipient: str
    channel: str
    address: str
    status: OutboxStatus
    payload: Mapping[str, object]
    created_at: datetime
    due_at: datetime
    valid_until: datetime | None
    attempts: int
    ambiguous: bool
    sent_at: datetime | None
    reference: str
    last_error: str
    reply_to: str = ""
    fallback_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """An outbox row that a worker may send until `leased_until`; `token` proves it when the row is marked.

    Args:
        run_id: The run that decided it.
        created_at: When that run was written.
    """

    outgoing: Outgoing
    token: str
    leased_until: datetime
    lead_id: str
    subject: str
    recipient: str
    step_key: str
    run_id: str
    created_at: datetime
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that its channel took; see `Store.mark_sent`.

    Args:
        seconds: How long the channel took.
        reconciled: It was found in the channel, and not sent again.
    """

    leased: Leased
    at: datetime
    reference: str
    seconds: float | None = None
    reconciled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that hinders the program.

    Args:
        key: What and where, the same while it lasts: `slack:#sales:not_in_channel`, `source:events:stale`.
        words: What is wrong, one sentence.
        cure: What to do.
        first_at, last_at, times: When it was seen since it began, and how often.
        told_at: When the operator was last told, of its beginning or its end.
        ended_at: None while it lasts.
    """

    key: str
    words: str
    cure: str
    first_at: datetime
    last_at: datetime
    times: int
    told_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """Sending is paused: by whom, since when."""

    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A lead that a text may mean. `how`: id, name or domain (exact), part (contained), near (similar)."""

    lead_id: str
    name: str
    domain: str
    how: Literal["id", "name", "domain", "part", "near"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What `erase_person` blanked: rows by table."""

    rows: Mapping[str, int]
