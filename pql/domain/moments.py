"""Moments: a pattern in what has just happened, and what would help. Definitions only; `patterns/` finds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pql.domain.conditions import Condition
from pql.domain.durations import Duration
from pql.domain.patterns.base import Pattern


class Urgency(StrEnum):
    """How soon a rep should hear of it."""

    NOW = "now"
    TODAY = "today"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """It is about timing: it adds no points and opens no episode.

    Args:
        name: Unique; the file's name.
        only_if: Conditions on fit (A..D, ?), grade, tier, band, stage, plan and attributes of the lead.
        play: A Jinja template: what would help this person.
        cooldown: The same moment of the same lead is not told again for so long.
    """

    name: str
    title: str
    why: str
    pattern: Pattern
    urgency: Urgency
    play: str
    only_if: Mapping[str, Condition] = field(default_factory=dict)
    cooldown: Duration = Duration.of_days(7)
    owner: str = ""
