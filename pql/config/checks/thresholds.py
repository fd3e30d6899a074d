"""Thresholds that always or never hold, scales and steps without sense, filters that rows cannot answer."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence

from pql.config.parts import Parts, filters
from pql.config.problems import Problem
from pql.config.shapes.icp import CriterionIn
from pql.config.shapes.signal import SignalFile
from pql.config.yaml import Document, Path
from pql.domain.conditions import Condition
from pql.domain.measures import Measure
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.base import WindowedMeasure
from pql.domain.measures.count import Count
from pql.domain.patterns import Pattern

_TEXT_OPERATORS = ("words", "matches")
_WITHOUT_LATEST = ("allowance", "attribute", "sql", "python")
_ALWAYS_KNOWN = ("count", "distinct", "sum", "active_time", "active_days")


def fires(parts: Parts) -> Iterator[Problem]:
    """Signals that fire for every lead, or for none."""
    for signal in parts.signals:
        reason = never(signal.shape.fires, signal.shape.measure)
        if reason:
            yield signal.document.problem(("fires",), "C051", f"'fires' can never hold: {reason}")
        elif reason := always(signal.shape.fires, signal.shape.measure):
            hint = "every lead would get its points"
            yield signal.document.problem(("fires",), "C050", f"'fires' always holds: {reason}", hint)


def never(condition: Condition, measure: Measure) -> str:
    """Why no value of the measure can meet the condition; "" where one can."""
    low, high = measure.bounds
    if condition.exists is False:
        return "a measure without a value is not evaluated"
    if isinstance(measure, Attribute) and measure.users is None:
        return ""
    if condition.words is not None or condition.matches is not None:
        return f"{measure.kind} gives a number, and the condition is for text"
    if condition.numeric and _outside(condition, low, high):
        return f"{measure.kind} gives {_range(low, high)}"
    given = condition.among if condition.among is not None else (condition.equals,)
    if given != (None,) and not any(_reachable(value, low, high) for value in given):
        return f"{measure.kind} gives {_range(low, high)}"
    return ""


def _outside(condition: Condition, low: float, high: float) -> bool:
    least, most = condition.bounds
    return least > high or most < low or condition.above == high or condition.below == low


def _reachable(value: object, low: float, high: float) -> bool:
    try:
        return low <= float(str(value)) <= high
    except ValueError:
        return False


def always(condition: Condition, measure: Measure) -> str:
    """Why every value of the measure meets the condition; "" where one does not."""
    low, high = measure.bounds
    if condition.exists and condition == Condition(exists=True) and measure.kind in _ALWAYS_KNOWN:
        return f"{measure.kind} always has a value"
    named = (condition.equals, condition.not_equals, condition.among, condition.not_among)
    if not condition.numeric or any(part is not None for part in named):
        return ""
    least, most = condition.bounds
    within = least <= low and most >= high and condition.above != low and condition.below != high
    return f"{measure.kind} gives {_range(low, high)}" if within else ""


def _range(low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return "numbers"
    return f"{low:g} or more" if math.isinf(high) else f"{low:g} to {high:g}"


def points(parts: Parts) -> Iterator[Problem]:
    """Decays that the measure does not carry."""
    for signal in parts.signals:
        yield from _decay(signal.document, signal.shape)


def _decay(document: Document, signal: SignalFile) -> Iterator[Problem]:
    decay = "lifespan" if signal.points.lifespan else "half_life" if signal.points.half_life else ""
    measure = signal.measure
    if signal.points.per_occurrence and not isinstance(measure, Count):
        message = f"'per_occurrence' needs the kind 'count', not '{measure.kind}'"
        yield document.problem(("points", "per_occurrence"), "C019", message)
    elif decay and measure.kind in _WITHOUT_LATEST:
        message = f"'{decay}' has no effect: '{measure.kind}' knows no latest row to count the age from"
        yield document.problem(("points", decay), "C019", message)
    lifespan = signal.points.lifespan
    if lifespan and isinstance(measure, WindowedMeasure) and lifespan > measure.window:
        message = f"the lifespan of {lifespan} ends beyond the window of {measure.window}: rows are gone before"
        yield document.problem(("points", "lifespan"), "C054", message, f"at most {measure.window}")
    elif lifespan and signal.points.per_occurrence and lifespan.seconds % 86_400:
        message = f"'lifespan: {lifespan}' must be whole days with 'per_occurrence'"
        yield document.problem(("points", "lifespan"), "C016", message)


def scoring(parts: Parts) -> Iterator[Problem]:
    """Bars and bands that no score reaches; a leave bar above the enter bar."""
    if parts.scoring is None:
        return
    document, shape = parts.scoring.document, parts.scoring.shape
    for band, score in (("1", shape.bands.one), ("2", shape.bands.two), ("3", shape.bands.three)):
        if score > shape.total_cap:
            message = f"band {band} begins at {score:g}, above the total cap of {shape.total_cap:g}"
            yield document.problem(("bands", band), "C051", message)
    if shape.bands.three <= 0:
        yield document.problem(("bands", "3"), "C050", "band 3 begins at 0 or below: no lead is ever in band 4")
    enter, leave = shape.qualification.enter, shape.qualification.leave
    if enter.behaviour > shape.total_cap:
        message = f"the bar of {enter.behaviour:g} is above the total cap of {shape.total_cap:g}"
        yield document.problem(("qualification", "enter", "behaviour"), "C051", message)
    if leave.behaviour > enter.behaviour:
        message = f"leave ({leave.behaviour:g}) is above enter ({enter.behaviour:g})"
        yield document.problem(("qualification", "leave", "behaviour"), "C056", message, "leave at a lower bar")
    known = {tier: number for number, tier in enumerate(shape.tiers)}
    if known.get(leave.tier, 0) < known.get(enter.tier, 0):
        message = f"leave ('{leave.tier}') is a better tier than enter ('{enter.tier}')"
        yield document.problem(("qualification", "leave", "tier"), "C056", message, "leave at a lower bar")


def icp(parts: Parts) -> Iterator[Problem]:
    """Grades that no lead reaches; bands that an earlier one leaves nothing to."""
    if parts.icp is None:
        return
    document, shape = parts.icp.document, parts.icp.shape
    most = most_points(shape.criteria, shape.fit.group_caps)
    for name, least in (("A", shape.fit.grades.a), ("B", shape.fit.grades.b), ("C", shape.fit.grades.c)):
        if least > most:
            message = f"grade {name} needs {least:g} points, and all criteria together give {most:g}"
            yield document.problem(("fit", "grades", name), "C051", message)
    if shape.fit.grades.c <= 0:
        yield document.problem(("fit", "grades", "C"), "C050", "grade C needs no points: no lead is ever D")
    for number, criterion in enumerate(shape.criteria):
        yield from _shadowed(document, ("criteria", number, "bands"), [band.when for band in criterion.bands])


def most_points(criteria: Sequence[CriterionIn], caps: Mapping[str, float]) -> float:
    """The fit of a lead that meets everything."""
    groups: dict[str, float] = {}
    for criterion in criteria:
        worth = max([criterion.points or 0.0, *(band.points for band in criterion.bands)])
        groups[criterion.group] = groups.get(criterion.group, 0.0) + worth
    return sum(min(total, caps.get(group, math.inf)) if group else total for group, total in groups.items())


def _shadowed(document: Document, at: Path, bands: Sequence[Condition]) -> Iterator[Problem]:
    for number, band in enumerate(bands):
        for earlier, wider in enumerate(bands[:number]):
            if _covers(wider, band):
                message = f"band {number + 1} can never hold: band {earlier + 1} takes all that it would"
                yield document.problem((*at, number), "C051", message, "write the narrowest band first")
                break


def _covers(wider: Condition, band: Condition) -> bool:
    if wider == band:
        return True
    only_numbers = Condition(
        at_least=wider.at_least, at_most=wider.at_most, above=wider.above, below=wider.below, between=wider.between
    )
    if wider != only_numbers or not wider.numeric or not band.numeric:
        return False
    (low, high), (least, most) = wider.bounds, band.bounds
    above = low < least or (low == least and (wider.above != low or band.above == least))
    below = high > most or (high == most and (wider.below != high or band.below == most))
    return above and below


def rows(parts: Parts) -> Iterator[Problem]:
    """Filters over rows that ask for words or regular expressions; databases do not agree on those."""
    for document, at, measure in parts.measures():
        # What is asked of users is not asked of rows.
        yield from _row_filters(document, at, measure) if not isinstance(measure, Attribute) else ()
    for moment in parts.moments:
        yield from _row_filters(moment.document, ("pattern",), moment.shape.pattern)


def _row_filters(document: Document, at: Path, of: Measure | Pattern) -> Iterator[Problem]:
    for below, where in filters(of):
        for column, condition in where.conditions:
            for operator in _TEXT_OPERATORS:
                if getattr(condition, operator) is not None:
                    message = f"'{operator}' does not work on rows"
                    hint = "use equals, in or another operator, or a column of your SQL"
                    yield document.problem((*at, *below, column, operator), "C055", message, hint, key=True)


CHECKS: Sequence[Callable[[Parts], Iterator[Problem]]] = (fires, points, scoring, icp, rows)
