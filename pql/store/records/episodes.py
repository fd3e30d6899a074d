"""Episodes, outcomes, conversions and check-ins."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import NAMESPACE_URL, uuid5

from pql.domain.calendar import to_micros

EpisodeStatus: TypeAlias = Literal["open", "claimed", "accepted", "rejected", "converted", "lost", "expired"]
LIVE: tuple[EpisodeStatus, ...] = ("open", "claimed", "accepted")


OutcomeKind: TypeAlias = Literal["claim", "snooze", "accept", "reject", "won", "lost"]


def episode_id(lead_id: str, opened_at: datetime) -> str:
    """The id of the episode that a lead opens at an instant: the same for a run that is repeated."""
    return str(uuid5(NAMESPACE_URL, f"pql:episode:{to_micros(opened_at)}:{lead_id}"))


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
