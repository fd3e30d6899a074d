"""Runs: who may write, and what a run gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.evaluation import Evaluation
from pql.domain.overview import Overview
from pql.domain.turns import Taking
from pql.store.records.decisions import DecisionRecord, HeldRecord, HeldStatus, OccurrenceRecord, TimerRecord
from pql.store.records.episodes import CheckInRecord, ConversionRecord, EpisodeClosed, EpisodeOpened
from pql.store.records.outbox import OutboxRecord


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
class LeadHashes:
    """What tells the leads of an evaluation from what is stored of them, one element a lead.

    Args:
        rows: Of all that is kept of a lead; never 0.
        scores: Of its standing; never 0.
        known: Of the values of which is kept when they were known; 0 where there are none.
    """

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.int64]
    known: npt.NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Sequence["LeadHashes"]) -> "LeadHashes":
        """Of the leads of all parts, in their order."""
        kinds = {one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(cls)}
        return cls(**kinds)

    def of(self, places: npt.NDArray[np.int64]) -> "LeadHashes":
        """Of some of them."""
        return LeadHashes(rows=self.rows[places], scores=self.scores[places], known=self.known[places])


@dataclass(frozen=True, kw_only=True)
class RunResults:
    """All that a run found: written in one transaction, or not at all.

    Args:
        definitions_hash: `Definitions.content_hash`.
        sources: `Definitions.sources`, kept once for each hash.
        evaluation: The leads, verdicts, fit and scores of *all* leads: one that is not in it is marked as gone.
            None where the run evaluated none.
        hashes: What `hashes_of` gave for it, part by part, with `shown` and what `validity` keeps of leads; None: it is
            worked out again.
        shown: The attributes (columns of `evaluation.leads`) to keep for pages and messages.
        hysteresis: Index `lead_id`; `above_since`, `below_since`, `cooldown_until`. Only the leads in it are
            written; a cooldown is never shortened.
        validity: By entity ("account", "allowance", ...): index the entity's id, one column a name; what is known
            now, of all entities. What is null, and ids and names that are absent, end at `as_of`. Where index and
            columns of "lead" are those of the evaluation, so must the values be: what is stored is the leads' rows.
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
    evaluation: Evaluation | Overview | None = None
    hashes: LeadHashes | None = None
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
        scores_written: Steps of the history that began.
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
