"""Leads as they are stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


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
class LeadFacts:
    """A lead as the last run left it, without verdicts and parts of its fit: what a line about it needs.

    Args:
        gone: The source no longer has it.
    """

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
class LeadRecord(LeadFacts):
    """All of a lead as the last run that changed it left it.

    Args:
        fit_parts: `criterion.<name>`: points (None unknown); `persona.<name>`, `exclusion.<name>`: true, where it
            applies.
        updated_at: The `as_of` of the run that last changed the row.
    """

    created_at: datetime | None
    ineligible_why: str
    fit: float
    coverage: float
    fit_parts: Mapping[str, float | bool | None]
    verdicts: tuple[StoredVerdict, ...]
    run_id: str
    updated_at: datetime


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
