"""The morning digest of a rep: when it is due, what it covers, and what it says. Pure: no clock, no database."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pql.domain.messages import Line, Section
from pql.domain.rules import Rep
from pql.domain.working_time import WorkingTime

LONGEST = timedelta(days=14)  # a digest looks back no further, however long its rep was away
SHOWN = 10  # lines of a list
KEPT_BACK_SHOWN = 5
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
ENDED = {
    "converted": "now a customer",
    "expired": "over",
    "rejected": "rejected",
    "lost": "lost",
}


# --- when -------------------------------------------------------------------------------------------------------


def works_on(working: WorkingTime, day: date) -> bool:
    """Whether a date is a working day: one of the week's, and no public holiday."""
    return day.weekday() in working.days and not working.is_holiday(day)


def due_day(rep: Rep, at: datetime) -> date | None:
    """The rep's own date whose digest is due at an instant: from `digest_at` to midnight of a working day.

    Where the clock is put back over `digest_at` the date is due twice, and its key makes one digest of it.
    """
    local = at.astimezone(ZoneInfo(rep.time_zone))
    due = local.time() >= rep.digest_at and works_on(rep.working, local.date())
    return local.date() if due else None


def digest_key(email: str, day: date) -> str:
    """What makes a digest one: the rep and the rep's own date."""
    return f"digest:{email.casefold()}:{day.isoformat()}"


def morning_of(rep: Rep, day: date) -> datetime:
    """The instant at which a date's digest is due, in UTC; where the clock skips it, when it has been put forward."""
    return datetime.combine(day, rep.digest_at, tzinfo=ZoneInfo(rep.time_zone)).astimezone(UTC)


def covers_since(rep: Rep, day: date, last: datetime | None, tried: datetime | None = None) -> datetime:
    """The instant from which on a digest tells what changed.

    Args:
        rep: Whose digest.
        day: Its date.
        last: The instant that the rep's last digest spoke of, of those that arrived; None: none did.
        tried: The instant that the first digest spoke of, of those that never arrived.

    Returns:
        `last`; else the morning of the working day before the first digest. At most `LONGEST` before the date's own
        morning.
    """
    earliest = morning_of(rep, day) - LONGEST
    if last is not None:
        return max(last, earliest)
    first = tried.astimezone(ZoneInfo(rep.time_zone)).date() if tried else day
    before = (first - timedelta(days=number) for number in range(1, LONGEST.days))
    worked = next((one for one in before if works_on(rep.working, one)), None)
    return max(morning_of(rep, worked), earliest) if worked else earliest


def until_next(rep: Rep, day: date) -> datetime:
    """How long a digest is worth sending: until the next date's is due, which then tells the same."""
    return morning_of(rep, day + timedelta(days=1))


def since_words(since: datetime, at: datetime, zone: str) -> str:
    """An instant of the past as people say it: "08:00", "yesterday", "Friday", "12 Jan"."""
    then, now = (instant.astimezone(ZoneInfo(zone)) for instant in (since, at))
    days = (now.date() - then.date()).days
    if days <= 0:
        return f"{then:%H:%M}"
    if days == 1:
        return "yesterday"
    return _WEEKDAYS[then.weekday()] if days < 7 else date_words(then.date())


def date_words(day: date) -> str:
    """A date without its year: "12 Jan"."""
    return f"{day.day} {_MONTHS[day.month - 1]}"


def when_words(instant: datetime, zone: str) -> str:
    """An instant to the minute: "Fri 30 Jan, 14:05"."""
    local = instant.astimezone(ZoneInfo(zone))
    return f"{_WEEKDAYS[local.weekday()][:3]} {date_words(local.date())}, {local:%H:%M}"


def start_of_next_day(zone: str, day: date) -> datetime:
    """The midnight that ends a date, in UTC."""
    return datetime.combine(day + timedelta(days=1), time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


# --- what -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLead:
    """A lead with a live qualification that the rep holds or was told of.

    Args:
        tier_rank: 0 for the best tier.
        grade_before: At the start of what the digest covers; "" where it is not known, or the same.
        why: Its strongest reasons, in words.
        claimed_at: None: nobody took it.
    """

    lead_id: str
    name: str
    grade: str
    tier_rank: int
    behaviour: float
    opened_at: datetime
    grade_before: str = ""
    why: str = ""
    claimed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Anything else that a digest has a line for: a closed lead, a check-in, a moment, a message kept back."""

    lead_id: str
    name: str
    words: str
    grade: str = ""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that a rep's digest may speak of, in no order.

    Args:
        kept_back: Messages that were withheld or are held back; `words` says what and why.
        snoozed: How many leads sleep.
    """

    open: Sequence[OpenLead] = ()
    ended: Sequence[Entry] = ()
    check_ins: Sequence[Entry] = ()
    moments: Sequence[Entry] = ()
    kept_back: Sequence[Entry] = ()
    snoozed: int = 0

    @property
    def lead_ids(self) -> set[str]:
        """The leads that it names."""
        others = (*self.ended, *self.check_ins, *self.moments, *self.kept_back)
        return {lead.lead_id for lead in self.open} | {one.lead_id for one in others}

    def __bool__(self) -> bool:
        return bool(self.open or self.ended or self.check_ins or self.moments or self.kept_back)


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a digest says, before a template gives it a shape."""

    title: str
    why_now: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """How a digest speaks of instants and leads.

    Args:
        since: What it covers begins here.
        at: And ends here.
        zone: The reader's.
        urls: Where a lead's name leads, by lead id.
    """

    since: datetime
    at: datetime
    zone: str
    urls: Mapping[str, str]

    @property
    def local_date(self) -> date:
        """The reader's own date."""
        return self.at.astimezone(ZoneInfo(self.zone)).date()

    @property
    def since_words(self) -> str:
        """The beginning, as people say it."""
        return since_words(self.since, self.at, self.zone)


def digest_of(findings: Findings, telling: Telling) -> Digest:
    """The words of a rep's digest: each lead once, the best grade first."""
    ranked = sorted(findings.open, key=lambda lead: (lead.tier_rank, lead.grade, -lead.behaviour, lead.lead_id))
    fresh = [lead for lead in ranked if lead.opened_at >= telling.since]
    older = [lead for lead in ranked if lead.opened_at < telling.since]
    lists = (
        (f"New since {telling.since_words}", [_open_line(lead, telling) for lead in fresh], SHOWN),
        ("Still open" if fresh else "Open", [_open_line(lead, telling) for lead in older], SHOWN),
        ("Check-ins due", _lines(findings.check_ins, telling), SHOWN),
        (f"Happened since {telling.since_words}", _lines(findings.moments, telling), SHOWN),
        (f"Closed since {telling.since_words}", _lines(findings.ended, telling), SHOWN),
        ("Not sent to you, and why", _lines(findings.kept_back, telling), KEPT_BACK_SHOWN),
    )
    sections = tuple(
        Section(title=f"{title} ({len(lines)})", lines=tuple(lines[:most]), more=max(len(lines) - most, 0))
        for title, lines, most in lists
        if lines
    )
    local = telling.local_date
    counted = _counts(findings, fresh, older)
    return Digest(
        title=f"Your leads, {_WEEKDAYS[local.weekday()][:3]} {date_words(local)}: {counted}",
        why_now=_summary(findings, ranked, telling),
        sections=sections,
    )


def _counts(findings: Findings, fresh: Sequence[OpenLead], older: Sequence[OpenLead]) -> str:
    said = (
        (len(fresh), "new"),
        (len(older), "still open" if fresh else "open"),
        (len(findings.check_ins), "check-in" if len(findings.check_ins) == 1 else "check-ins"),
    )
    counted = [f"{number} {words}" for number, words in said if number]
    return ", ".join(counted) or "what happened"


def _summary(findings: Findings, ranked: Sequence[OpenLead], telling: Telling) -> str:
    grades = Counter(lead.grade for lead in ranked)
    parts = [f"Open by grade: {', '.join(f'{number} {grade}' for grade, number in grades.items())}."] if grades else []
    moved = sum(bool(lead.grade_before) for lead in ranked)
    changes = [
        (moved, "grade moved", "grades moved"),
        (len(findings.ended), "lead closed", "leads closed"),
        (len(findings.moments), "moment", "moments"),
    ]
    said = [f"{number} {one if number == 1 else many}" for number, one, many in changes if number]
    if said:
        parts.append(f"Since {telling.since_words}: {', '.join(said)}.")
    if findings.snoozed:
        parts.append(f"Snoozed: {findings.snoozed}.")
    return " ".join(parts) or f"Since {telling.since_words}."


def _open_line(lead: OpenLead, telling: Telling) -> Line:
    stands = (
        f"yours since {since_words(lead.claimed_at, telling.at, telling.zone)}"
        if lead.claimed_at
        else f"not claimed, open since {since_words(lead.opened_at, telling.at, telling.zone)}"
    )
    grade = f"{lead.grade_before} → {lead.grade}" if lead.grade_before else lead.grade
    words = "; ".join(part for part in (lead.why, stands) if part)
    return Line(name=lead.name, grade=grade, words=words, url=telling.urls.get(lead.lead_id, ""))


def _lines(entries: Sequence[Entry], telling: Telling) -> list[Line]:
    """The latest first."""
    ordered = sorted(entries, key=lambda entry: (-entry.at.timestamp(), entry.lead_id, entry.words))
    return [
        Line(name=entry.name, grade=entry.grade, words=entry.words, url=telling.urls.get(entry.lead_id, ""))
        for entry in ordered
    ]
