"""Whether a relation is as it should be: fresh, of its usual size, and filled in as ever.

A stopped or half-loaded source looks like quiet customers. So each relation is compared with what the team expects of
it and with its own past: medians, and their spread as the median absolute deviation (Hampel, *The influence curve and
its role in robust estimation*, 1974), which a few odd days do not move.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median

from pql.domain.calendar import Calendar
from pql.domain.durations import Duration

DAYS_BACK = 56  # the same weekday, eight times
LEAST_PAST = 3  # from fewer of the past nothing can be told
LEAST_ROWS = 20  # of fewer rows a share or a half says nothing
SPREADS = 3.0
_NORMAL = 1.4826  # times the median absolute deviation: the standard deviation where numbers scatter normally

# What says when a row came, the first that there is.
ARRIVAL: Mapping[str, tuple[str, ...]] = {
    "events": ("ingested_at", "occurred_at"),
    "touches": ("ingested_at", "occurred_at"),
    "accounts": ("created_at",),
    "users": ("created_at",),
    "subscriptions": ("started_at",),
    "answers": ("answered_at",),
}
HAPPENINGS = frozenset({"events", "touches"})  # whose rows lie on days; of others there is so much at an instant
# Looked at even where nobody asks: when these are emptied, leads seem to be gone, or customers to pay no more.
ALWAYS = ("accounts", "users", "subscriptions")
# What every lead is made of; of the others only some signals and moments are.
OF_ALL = frozenset({"events", "accounts", "users", "subscriptions", "answers", "deals"})


class Ailment(StrEnum):
    """What is wrong with a relation."""

    STALE = "stale"
    FEWER = "fewer"
    MORE = "more"
    NULLS = "nulls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a team expects of a relation.

    Args:
        every: The newest row is at most so old; rows may arrive so late. None: any age is well.
        by: The column that tells when a row came; "": the usual one of the relation.
        fewer: Less than this share of the usual number of rows is too few.
        more: More than this many times the usual number is too many.
        nulls: By so much may the share of empty values in a column lie above the usual one.
    """

    every: Duration | None = None
    by: str = ""
    fewer: float = 0.5
    more: float = 2.0
    nulls: float = 0.2


# Nobody asked: only what would make customers vanish stops anything.
UNASKED = Expectation(more=float("inf"), nulls=1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A relation as of an instant.

    Args:
        newest_at: When its newest row came; None: no row, or no column tells.
        row_count: Of events and touches the rows of `day`; of others all rows.
        day: The newest day whose rows should all be there; None for relations without days.
        days: The rows of each day, for some weeks up to `day`; days without rows may be absent.
        shares: The share of empty values by column, 0..1.
        sampled: Of how many rows these shares are.
        dated: Whether a column tells when a row came.
    """

    relation: str
    newest_at: datetime | None
    row_count: int
    day: int | None = None
    days: Mapping[int, int] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)
    sampled: int = 0
    dated: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """An earlier look at a relation that found it well."""

    at: datetime
    row_count: int
    shares: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """What a number used to be: its median, and the bounds outside of which it is not as usual."""

    middle: float
    least: float
    most: float
    of: int  # from how many numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What was found of a relation.

    Args:
        usual: The usual number of rows; None where too little of the past is known.
        ailments: What is wrong, each with its sentence; empty where all is well.
    """

    seen: Observation
    expectation: Expectation
    as_of: datetime
    usual: Usual | None = None
    ailments: Mapping[Ailment, str] = field(default_factory=dict)

    @property
    def relation(self) -> str:
        """Whose health it is."""
        return self.seen.relation

    @property
    def well(self) -> bool:
        """Whether all is as it should be."""
        return not self.ailments

    @property
    def verdict(self) -> str:
        """The first ailment; "" where all is well."""
        return next(iter(self.ailments), "")

    @property
    def age(self) -> timedelta | None:
        """How old the newest row is; None where that is not known."""
        return None if self.seen.newest_at is None else max(self.as_of - self.seen.newest_at, timedelta())


def judge(
    expectation: Expectation, seen: Observation, past: Sequence[Past], *, as_of: datetime, calendar: Calendar
) -> Health:
    """Compare a relation with what is expected of it and with its own past.

    Args:
        expectation: What is expected.
        seen: What there is.
        past: Earlier looks that found it well, in any order.
        as_of: The instant of `seen`.
        calendar: For the words of days.
    """
    usual = _usual_rows(expectation, seen, past)
    found = (
        (Ailment.STALE, _stale(expectation, seen, as_of)),
        *_size(seen, usual, past, calendar),
        (Ailment.NULLS, _nulls(expectation, seen, past)),
    )
    ailments = {ailment: words for ailment, words in found if words}
    return Health(seen=seen, expectation=expectation, as_of=as_of, usual=usual, ailments=ailments)


def usual(numbers: Iterable[float], *, fewer: float, more: float) -> Usual | None:
    """What numbers usually are: outside of the bounds lies what leaves both the share and the spread.

    Args:
        numbers: Of the past.
        fewer: The share of the median below which a number is too small, if it is also some spreads below it.
        more: Likewise above.

    Returns:
        None where there are too few numbers, or these are too small to compare.
    """
    known = [*numbers]
    if len(known) < LEAST_PAST or (middle := median(known)) < LEAST_ROWS:
        return None
    spread = SPREADS * _NORMAL * median(abs(number - middle) for number in known)
    return Usual(
        middle=middle,
        least=max(min(fewer * middle, middle - spread), 0.0),
        most=max(more * middle, middle + spread),
        of=len(known),
    )


def _usual_rows(expectation: Expectation, seen: Observation, past: Sequence[Past]) -> Usual | None:
    if seen.day is not None:
        return _usual_day(expectation, seen, seen.day)
    latest = max(past, key=lambda one: one.at, default=None)
    if latest is None or latest.row_count < LEAST_ROWS:
        return None
    count = float(latest.row_count)
    return Usual(middle=count, least=expectation.fewer * count, most=expectation.more * count, of=1)


def _usual_day(expectation: Expectation, seen: Observation, day: int) -> Usual | None:
    """The usual number of rows on this weekday. A day without rows counts as none once there was any before it."""
    first = min(seen.days, default=day)
    same = [float(seen.days.get(day - back, 0)) for back in range(7, DAYS_BACK + 1, 7) if day - back >= first]
    found = usual(same, fewer=expectation.fewer, more=expectation.more)
    # A week in which nothing came at all must not make nothing usual.
    return (
        found
        if found is None or found.least > 0
        else Usual(middle=found.middle, least=1.0, most=found.most, of=found.of)
    )


def _stale(expectation: Expectation, seen: Observation, as_of: datetime) -> str:
    if expectation.every is None or not seen.dated:
        return ""
    if seen.newest_at is None:
        return f"{seen.relation}: no row came in a long time; expected every {expectation.every}"
    age = as_of - seen.newest_at
    if age <= timedelta(seconds=expectation.every.seconds):
        return ""
    at = f"{seen.newest_at:%Y-%m-%d %H:%M} UTC"
    return f"{seen.relation}: the newest row came {at}, {age_words(age)} ago; expected every {expectation.every}"


def _size(
    seen: Observation, known: Usual | None, past: Sequence[Past], calendar: Calendar
) -> tuple[tuple[Ailment, str], ...]:
    if known is None or known.least <= seen.row_count <= known.most:
        return ()
    ailment = Ailment.FEWER if seen.row_count < known.least else Ailment.MORE
    rows = f"{seen.row_count:,} {'row' if seen.row_count == 1 else 'rows'}"
    if seen.day is None:
        before = max(past, key=lambda one: one.at)
        return ((ailment, f"{seen.relation}: {rows}, {before.row_count:,} on {before.at:%Y-%m-%d %H:%M} UTC"),)
    usual_ = f"usual on this weekday are {known.middle:,.0f}, from {known.least:,.0f} to {known.most:,.0f}"
    return ((ailment, f"{seen.relation}: {rows} on {calendar.words(seen.day)}, {ailment} than usual; {usual_}"),)


def _nulls(expectation: Expectation, seen: Observation, past: Sequence[Past]) -> str:
    if seen.sampled < LEAST_ROWS:
        return ""
    found = [
        f"{share:.0%} of {column} (usually {normal:.0%})"
        for column, share in sorted(seen.shares.items())
        if (normal := _usual_share(column, past)) is not None and share > normal + expectation.nulls
    ]
    return f"{seen.relation}: empty are {', '.join(found)} in {seen.sampled:,} rows" if found else ""


def _usual_share(column: str, past: Sequence[Past]) -> float | None:
    known = [one.shares[column] for one in past if column in one.shares]
    return median(known) if known else None


def age_words(age: timedelta) -> str:
    """How long ago, in the largest unit that fits: `3 days`, `5 hours`, `40 minutes`."""
    seconds = max(int(age.total_seconds()), 0)
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (unit == "minute"):
            number = seconds // size
            return f"{number:,} {unit}{'' if number == 1 else 's'}"
    return ""


def cure(health: Health) -> str:
    """What the operator can do, in a sentence or two."""
    look = f"look at what fills the tables of sql/{health.relation}.sql"
    if health.verdict == Ailment.STALE:
        return f"{look}; runs go on by themselves when rows come again"
    return f"{look}; if it is right as it is: pql sources --accept {health.relation}"
