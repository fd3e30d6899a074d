"""The team's week: when its summary is due, who moved, and which definitions misfire. Pure: no clock, no database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from pql.domain.messages import Line
from pql.domain.rules import Weekly

LONGEST = timedelta(days=28)
MOVED = 5.0  # points; less is no news
MOVERS_SHOWN = 5
MISFIRES_SHOWN = 8
TOO_OFTEN = 0.5  # of the eligible leads: a signal that fires for more of them tells nobody apart
UNKNOWN = 0.5  # of the eligible leads: a signal that is not evaluated for more of them says little
JUDGED = 5  # leads that reps judged; fewer prove nothing
REJECTED = 0.5  # of the judged ones


def due_week(rule: Weekly, zone: str, at: datetime) -> tuple[str, date] | None:
    """The week whose summary is due at an instant, from the rule's day and time to the week's end on Sunday.

    Returns:
        Its ISO name ("2026-W05") and the date on which it fell due; None where none is due yet.
    """
    local = at.astimezone(ZoneInfo(zone))
    year, week, weekday = local.isocalendar()
    day = local.date() + timedelta(days=rule.day - (weekday - 1))
    due = (local.date(), local.time()) >= (day, rule.at)
    return (f"{year}-W{week:02}", day) if due else None


def weekly_key(week: str) -> str:
    """What makes a week's summary one."""
    return f"weekly:{week}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mover:
    """A lead whose behaviour score changed."""

    lead_id: str
    before: float
    now: float

    @property
    def change(self) -> float:
        """Points won; below 0: lost."""
        return self.now - self.before

    @property
    def words(self) -> str:
        """The two scores: "31 → 78 points (+47)"."""
        return f"{self.before:.0f} → {self.now:.0f} points ({self.change:+.0f})"


def movers(before: Mapping[str, float], now: Mapping[str, float]) -> tuple[list[Mover], list[Mover]]:
    """Those that rose and those that fell by at least `MOVED` points, the largest change first.

    Args:
        before: The score at the beginning; a lead that is not in it is left out.
        now: The score at the end.
    """
    changed = [Mover(lead_id=lead_id, before=before[lead_id], now=now[lead_id]) for lead_id in now if lead_id in before]
    ranked = sorted(
        (one for one in changed if abs(one.change) >= MOVED), key=lambda one: (-abs(one.change), one.lead_id)
    )
    return [one for one in ranked if one.change > 0], [one for one in ranked if one.change < 0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """For how many of the eligible leads a signal fired, and for how many it could not be evaluated."""

    title: str
    fired: int
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How many leads that were told with a signal or a moment reps judged, and how many of these they rejected."""

    title: str
    judged: int
    rejected: int


def misfires(firings: Iterable[Firing], eligible: int, judgements: Iterable[Judgement]) -> list[Line]:
    """The definitions that say too little, or too much, with the number that shows it; nothing without leads."""
    lines = [Line(name=one.title, words=words) for one in firings if (words := _firing_fault(one, eligible))]
    for one in judgements:
        if one.judged >= JUDGED and one.rejected > REJECTED * one.judged:
            words = f"reps rejected {one.rejected} of the {one.judged} leads that it brought"
            lines.append(Line(name=one.title, words=words))
    return lines


def _firing_fault(one: Firing, eligible: int) -> str:
    if not eligible:
        return ""
    if one.unknown > UNKNOWN * eligible:
        return f"not evaluated for {one.unknown / eligible:.0%} of eligible leads: too little data"
    if one.fired > TOO_OFTEN * eligible:
        return f"fires for {one.fired / eligible:.0%} of eligible leads: it tells nobody apart"
    return "" if one.fired else "fires for nobody"


def median_words(lead_times: Sequence[int]) -> str:
    """The median of lead times in microseconds, in days: "12 days"; "none yet" without any."""
    return days_words(median(lead_times)) if lead_times else "none yet"


def days_words(micros: float) -> str:
    """A stretch of time in whole days: "12 days", "a day", "less than a day"."""
    days = round(micros / 86_400_000_000)
    return f"{days} days" if days > 1 else "a day" if days == 1 else "less than a day"
