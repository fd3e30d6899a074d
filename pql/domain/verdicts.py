"""Verdicts: what each signal says of each lead, how strongly, and what it is worth.

Every formula is written out in docs/scoring.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.calendar import DAY_MICROS, to_micros
from pql.domain.conditions import Attributes, BoolArray, Condition, Where
from pql.domain.evaluation import Outcome, Verdicts
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.base import Measure, Missing
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.measures.total import Sum
from pql.domain.plan import OccurrenceDecay, PlanItem
from pql.domain.rules import Scoring
from pql.domain.signals import Band, Points, Signal

Floats: TypeAlias = npt.NDArray[np.float64]
Slim: TypeAlias = npt.NDArray[np.float32]
CUT_POINTS = 101
# Of these a lead without rows has none: a zero. Of a ratio or an age it has no value.
_AMOUNTS = (Count, Distinct, Sum, ActiveTime, ActiveDays)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the values of a lead are compared with: those of all eligible ones.

    Args:
        cuts: For each percentile signal its 101 cut points.
        norms: Index signal; `median`, `p75`, `p90` (NaN for text) and `n`, the leads that they are taken over.
    """

    cuts: Mapping[str, tuple[float, ...]]
    norms: pd.DataFrame


@dataclass(frozen=True, slots=True)
class _Column:
    """The verdicts of one signal, one element a lead."""

    values: "pd.Series[Any]"
    missing: npt.NDArray[np.int8]
    gated: BoolArray
    outcomes: npt.NDArray[np.int8]
    strengths: Slim
    latest_at: Floats
    decays: Slim
    points: Floats


def needed(signals: Sequence[Signal]) -> tuple[PlanItem, ...]:
    """The plan's items for the signals: one each, by its name."""
    return tuple(PlanItem(name=signal.name, measure=signal.measure, decay=_decay(signal.points)) for signal in signals)


def _decay(points: Points) -> OccurrenceDecay | None:
    if not points.per_occurrence:
        return None
    return OccurrenceDecay(lifespan=points.lifespan, half_life=points.half_life)


def compare(
    signals: Sequence[Signal],
    measured: pd.DataFrame,
    counting: BoolArray,
    *,
    cuts: Mapping[str, Sequence[float]] | None = None,
) -> Comparison:
    """What the values of each signal are compared with.

    Args:
        signals: What to judge by.
        measured: One instant of `Plan.finish`: index `lead_id`; for each signal `<name>`, `<name>.missing`,
            `<name>.latest_at`, and for points per occurrence `<name>.decayed`. Leads without a row have NO_ROWS.
        counting: For each row whether the lead counts.
        cuts: Cut points by percentile signal, computed before; signals that are not named get their own.
    """
    given, made, norms = cuts or {}, {}, {}
    for signal in signals:
        numbers, missing = _numbers(measured[signal.name]), _missing(measured, signal)
        population = _population(signal.measure, numbers, missing, counting)
        norms[signal.name] = _norm(population)
        if signal.points.percentile is not None:
            made[signal.name] = tuple(_cuts(population, given.get(signal.name)))
    named = pd.DataFrame.from_dict(norms, orient="index", columns=["median", "p75", "p90", "n"])
    return Comparison(cuts=made, norms=named.astype({"median": float, "p75": float, "p90": float, "n": int}))


def verdicts_of(
    signals: Sequence[Signal],
    measured: pd.DataFrame,
    leads: Attributes,
    *,
    as_of: datetime,
    scoring: Scoring,
    cuts: Mapping[str, Sequence[float]],
) -> Verdicts:
    """The verdicts of all signals on some leads.

    Args:
        signals: What to judge by.
        measured: As for `compare`, with the rows of `leads`.
        leads: Index `lead_id`, unique; the attributes that gates read.
        as_of: The instant of `measured`: ages are taken from it.
        scoring: The caps.
        cuts: The cut points of all percentile signals.
    """
    gates, now = _Gates(leads), to_micros(as_of)
    columns = {
        signal.name: _judge_one(
            signal, measured, gated=~gates.hold(signal.only_if), now=now, cuts=np.asarray(cuts.get(signal.name, ()))
        )
        for signal in signals
    }
    return _verdicts(signals, columns, leads.index, scoring)


def _judge_one(signal: Signal, rows: pd.DataFrame, *, gated: BoolArray, now: int, cuts: Floats) -> _Column:
    values = rows[signal.name]
    missing = _missing(rows, signal)
    outcomes = _outcomes(signal.fires, values, missing, gated)
    strengths = _strengths(signal.points, _numbers(values), outcomes, cuts)
    strengths = np.where(outcomes == Outcome.NOT_EVALUATED, 0.0, strengths)
    latest_at = rows[f"{signal.name}.latest_at"].to_numpy(dtype=float)
    decays = _decays(signal, rows, (now - latest_at) / DAY_MICROS)
    points = np.where(outcomes == Outcome.FIRED, signal.points.worth * strengths * decays, 0.0)
    return _Column(values, missing, gated, outcomes, _slim(strengths), latest_at, _slim(decays), points)


def _missing(rows: pd.DataFrame, signal: Signal) -> npt.NDArray[np.int8]:
    codes = rows[f"{signal.name}.missing"]
    if codes.dtype == np.int8:  # so there is one of every row
        return codes.to_numpy()
    return _filled(codes, Missing.NO_ROWS).astype(np.int8)


def _slim(shares: Floats) -> Slim:
    """Strengths and decays once the points are worked out: 7 digits, in half the memory."""
    if not any(shares.strides):
        return np.broadcast_to(np.float32(1.0), shares.shape)
    return shares.astype(np.float32)


def _filled(values: "pd.Series[Any]", otherwise: float) -> Floats:
    numbers: Floats = values.to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(numbers), otherwise, numbers)


def _numbers(values: "pd.Series[Any]") -> Floats:
    """The values as numbers; text is NaN."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=float, na_value=np.nan)
    return pd.to_numeric(values, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _outcomes(
    fires: Condition, values: "pd.Series[Any]", missing: npt.NDArray[np.int8], gated: BoolArray
) -> npt.NDArray[np.int8]:
    """Gated or missing: not evaluated; what has not happened yet, or does not hold: quiet; else fired."""
    held = fires.holds(values) & (missing == Missing.NONE)
    unknown = gated | ((missing != Missing.NONE) & (missing != Missing.NOT_YET))
    return np.where(unknown, Outcome.NOT_EVALUATED, np.where(held, Outcome.FIRED, Outcome.QUIET)).astype(np.int8)


def _population(measure: Measure, numbers: Floats, missing: npt.NDArray[np.int8], counting: BoolArray) -> Floats:
    """The values that norms and percentiles are taken over, sorted: those of the eligible leads."""
    known = (missing == Missing.NONE) & np.isfinite(numbers)
    if isinstance(measure, _AMOUNTS):
        return np.sort(np.where(known, numbers, 0.0)[counting])
    return np.sort(numbers[counting & known])


def _norm(population: Floats) -> tuple[float, float, float, int]:
    if not len(population):
        return (np.nan, np.nan, np.nan, 0)
    median, p75, p90 = _quantiles(population, np.array([0.5, 0.75, 0.9]))
    return (float(median), float(p75), float(p90), len(population))


def _quantiles(ordered: Floats, shares: Floats) -> Floats:
    """Quantiles of sorted values, linear between neighbours (Hyndman and Fan 1996, definition 7)."""
    at: Floats = np.interp(shares * (len(ordered) - 1), np.arange(len(ordered)), ordered)
    return at


def _cuts(population: Floats, given: Sequence[float] | None) -> Floats:
    if given is not None:
        if len(given) != CUT_POINTS:
            raise ValueError(f"a percentile needs {CUT_POINTS} cut points; got {len(given)}")
        return np.asarray(given, dtype=float)
    if not len(population):
        return np.zeros(CUT_POINTS)
    return _quantiles(population, np.linspace(0.0, 1.0, CUT_POINTS))


def _strengths(points: Points, numbers: Floats, outcomes: npt.NDArray[np.int8], cuts: Floats) -> Floats:
    """0..1, also for quiet verdicts; a value that is no number has 0."""
    # Points per occurrence already count each row.
    plain = points.per_occurrence or not (points.scale or points.bands or points.percentile)
    if plain:
        return np.where(outcomes == Outcome.FIRED, 1.0, 0.0)
    if points.scale is not None:
        return _line(numbers, points.scale.low, points.scale.high)
    if points.bands:
        return _banded(numbers, points.bands)
    percentile = points.percentile
    assert percentile is not None  # noqa: S101 - the three ways are named in `plain`
    return _line(percentiles(numbers, cuts), percentile.low, percentile.high)


def _line(numbers: Floats, low: float, high: float) -> Floats:
    """0 at `low`, 1 at `high`, straight between, NaN as 0; a step where both are the same."""
    if low == high:
        return (numbers >= low).astype(float)
    strengths = np.clip((numbers - low) / (high - low), 0.0, 1.0)
    return np.where(np.isnan(numbers), 0.0, strengths)


def _banded(numbers: Floats, bands: Sequence[Band]) -> Floats:
    ordered = sorted(bands, key=lambda band: band.at_least)
    strengths = np.array([0.0, *(band.strength for band in ordered)])
    reached = np.searchsorted([band.at_least for band in ordered], numbers, side="right")
    return np.where(np.isnan(numbers), 0.0, strengths[reached])


def percentiles(numbers: Floats, cuts: Floats) -> Floats:
    """The percentile (0..100) of each number, from 101 cut points in rising order.

    Equal numbers have equal percentiles: the share of the leads that lies strictly below. Between two cut points it
    grows in a straight line. NaN has 0.
    """
    above = np.searchsorted(cuts, numbers, side="left")
    upper = np.clip(above, 1, CUT_POINTS - 1)
    low, high = cuts[upper - 1], cuts[upper]
    part = np.divide(numbers - low, high - low, out=np.ones_like(numbers), where=high > low)
    inside = upper - 1 + np.clip(part, 0.0, 1.0)
    ranks = np.where(above == 0, 0.0, np.where(above == CUT_POINTS, 100.0, inside))
    return np.where(np.isnan(numbers), 0.0, ranks)


def _decays(signal: Signal, rows: pd.DataFrame, ages: Floats) -> Floats:
    """0..1 by the age in days, 1 where that is unknown; per occurrence the sum over the rows."""
    points = signal.points
    if points.per_occurrence:
        return _filled(rows[f"{signal.name}.decayed"], 0.0)
    if points.half_life is not None:
        left = 0.5 ** (np.maximum(ages, 0.0) / points.half_life.days)
    elif points.lifespan is not None:
        left = np.clip(1.0 - ages / points.lifespan.days, 0.0, 1.0)
    else:
        return np.broadcast_to(1.0, ages.shape)  # one number in memory, however many leads
    return np.where(np.isnan(ages), 1.0, left)


class _Gates:
    """Conditions on attributes, each evaluated once however many signals share it."""

    def __init__(self, leads: Attributes) -> None:
        self._leads = leads
        self._held: dict[tuple[str, Condition], BoolArray] = {}

    def hold(self, only_if: Mapping[str, Condition]) -> BoolArray:
        met = np.ones(len(self._leads), dtype=bool)
        for item in only_if.items():
            if item not in self._held:
                self._held[item] = Where((item,)).holds(self._leads)
            met &= self._held[item]
        return met


def _verdicts(
    signals: Sequence[Signal], columns: Mapping[str, _Column], index: "pd.Index[Any]", scoring: Scoring
) -> Verdicts:
    def framed(part: str) -> pd.DataFrame:
        # No copy: a million leads by twenty signals are 160 MB a frame.
        return pd.DataFrame({name: getattr(column, part) for name, column in columns.items()}, index=index, copy=False)

    points = {name: column.points for name, column in columns.items()}
    parts = ("values", "missing", "gated", "outcomes", "strengths", "latest_at", "decays", "points")
    counted = pd.DataFrame(capped(signals, points, scoring), index=index, copy=False)
    return Verdicts(**{part: framed(part) for part in parts}, counted=counted)


def capped(signals: Sequence[Signal], points: Mapping[str, Floats], scoring: Scoring) -> dict[str, Floats]:
    """What counts of the points after the caps of the groups and the total.

    Only what speaks for a lead is capped: the positive points of a group shrink in proportion until they add up to
    its cap, then all positive points until everything adds up to the total cap.

    Args:
        signals: With their groups.
        points: One element a lead.
        scoring: The caps; a group without one has none.

    Returns:
        Arrays like `points`; over all signals they add up to at most `total_cap`.
    """
    if not signals:
        return {}
    lifts, lowered = _by_group(signals, points)
    factors = {group: _factor(lift, scoring.group_caps.get(group, np.inf)) for group, lift in lifts.items()}
    # All positive points of a group shrink alike, so what is left of their sum is the sum of what is left.
    lifted = _sum(_shrunk(lift, factors[group]) for group, lift in lifts.items())
    total = _factor(lifted, scoring.total_cap - lowered)
    both = {group: _product(factor, total) for group, factor in factors.items()}
    rows = {group: None if factor is None else np.flatnonzero(factor != 1.0) for group, factor in both.items()}
    return {
        signal.name: _shrunk(points[signal.name], both[signal.points.group], rows[signal.points.group])
        for signal in signals
    }


def _by_group(signals: Sequence[Signal], points: Mapping[str, Floats]) -> tuple[dict[str, Floats], Floats]:
    """The sum of the positive points of each group, and that of all negative ones."""
    size = len(points[signals[0].name])
    lifts: dict[str, Floats] = {}
    lowered = np.zeros(size)
    for signal in signals:
        lift, own = lifts.setdefault(signal.points.group, np.zeros(size)), points[signal.name]
        if own.min(initial=0.0) < 0.0:
            lowered += np.minimum(own, 0.0)
            own = np.maximum(own, 0.0)
        lift += own
    return lifts, lowered


def _sum(parts: Iterable[Floats]) -> Floats:
    return reduce(np.add, parts)


def _factor(lifted: Floats, cap: Floats | float) -> Floats | None:
    """By how much positive points shrink so that they add up to `cap` where `lifted`, their sum, is more."""
    over = lifted > cap
    return np.divide(cap, lifted, out=np.ones_like(lifted), where=over) if over.any() else None


def _product(one: Floats | None, other: Floats | None) -> Floats | None:
    if one is None or other is None:
        return other if one is None else one
    return one * other


def _shrunk(points: Floats, factor: Floats | None, rows: npt.NDArray[np.intp] | None = None) -> Floats:
    """The points, the positive ones times the factor; `rows`: where it is not 1, if that is known."""
    if factor is None:
        return points
    if rows is None:
        return np.where(points > 0, points * factor, points)
    left = points.copy()
    own = points[rows]
    left[rows] = np.where(own > 0, own * factor[rows], own)
    return left
