"""Signals: a measure with a condition and points. Definitions only; `verdicts.py` evaluates them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pql.domain.conditions import Condition
from pql.domain.durations import Duration
from pql.domain.measures.base import Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """Strength grows in a straight line from 0 at `low` to 1 at `high`; `low` > `high` rewards small values.

    Written `scale: {from: 3, to: 10}`.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """From this value on, this strength."""

    at_least: float
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentile:
    """Strength grows from 0 at the `low`th to 1 at the `high`th percentile (0..100) among eligible leads.

    The inactive count as zero. The cut points are computed once an instant, stored, and passed in.
    Written `percentile: {from: 50, to: 95}`.
    """

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """What a fired signal is worth.

    Points are `worth` x strength x decay. With none of scale, bands and percentile the strength of a fired signal
    is 1. The age for the decay is that of the latest row that counted, in days of 24 hours.

    Args:
        worth: Points at full strength; negative for a signal that speaks against.
        half_life: The points halve every so long.
        lifespan: The points fall in a straight line to 0 over so long.
        per_occurrence: Every row counts, each with its own age in whole days: worth x the sum of the decays.
        group: Signals of a group share the group's cap.
    """

    worth: float
    scale: Scale | None = None
    bands: tuple[Band, ...] = ()
    percentile: Percentile | None = None
    half_life: Duration | None = None
    lifespan: Duration | None = None
    per_occurrence: bool = False
    group: str = "product"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What the product team believes shows intent.

    Args:
        name: Unique; the file's name.
        only_if: Conditions on the lead's attributes (also `plan`, `stage`); where they do not hold, not evaluated.
        evidence: A Jinja template with value, norm, latest, latest_at, lead; "" for the measure's own words.
        play: A Jinja template with lead: what would help a lead for which this signal speaks loudest; "" for nothing.
        claims_lift: False where an input has no history and is "as known today".
    """

    name: str
    title: str
    why: str
    measure: Measure
    fires: Condition
    points: Points
    evidence: str = ""
    play: str = ""
    owner: str = ""
    only_if: Mapping[str, Condition] = field(default_factory=dict)
