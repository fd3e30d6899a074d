"""When somebody works: days and hours on the wall clock of their zone, without the public holidays there.

What lies outside is quiet. All arithmetic is done with aware instants, so that a day on which the clock is put forward
or back has the hours that it has; results are in UTC.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays as public
from holidays.registry import COUNTRIES

WEEKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(7))
# So many days without a working one are no calendar that a person keeps: the next is one, holiday or not.
_LONGEST_REST = 400
_CODE = re.compile(r"(?P<country>[A-Z]{2,3})(-(?P<part>.+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingTime:
    """The hours [start, end) of the days on which somebody works.

    Args:
        zone: The IANA name of the time zone in which days and hours are meant.
        days: The days of the week, Monday 0 to Sunday 6; at least one.
        start: The wall clock's time at which a day's work begins.
        end: When it ends; not after `start`: on the following day, so that 00:00 to 00:00 is the whole day and
            22:00 to 06:00 a night, which belongs to the day on which it begins.
        holidays: A country, ISO 3166 like "DE", or a part of it, like "DE-BE"; "" for no holidays.
    """

    zone: str = "UTC"
    days: frozenset[int] = WEEKDAYS
    start: time = time(9)
    end: time = time(18)
    holidays: str = ""

    def __post_init__(self) -> None:
        """Refuse days that no week has.

        Raises:
            ValueError: There is no day, or one that is none of 0..6.
        """
        if not self.days or not self.days <= EVERY_DAY:
            raise ValueError(f"working days must be some of 0 to 6, not {sorted(self.days)}")

    def is_open(self, at: datetime) -> bool:
        """Whether `at` lies in the working time."""
        opens, _ = next(self._spans(at))
        return opens <= at

    def next_open(self, at: datetime) -> datetime:
        """The first working instant that is not before `at`: `at` itself if it is one. In UTC."""
        opens, _ = next(self._spans(at))
        return max(opens, at.astimezone(UTC))

    def add(self, at: datetime, working: timedelta) -> datetime:
        """The working instant before which, from `at` on, so much working time lies.

        Working time that ends with a day's work gives the beginning of the next: 9 hours after Friday 09:00, where
        work ends at 18:00, is Monday 09:00.

        Args:
            at: Any aware instant.
            working: At least nothing.

        Returns:
            An instant in UTC for which `is_open` holds and `opened_between(at, result)` is `working`.

        Raises:
            ValueError: `working` is negative.
        """
        if working < timedelta():
            raise ValueError(f"working time cannot be negative: {working}")
        left = working
        for opens, closes in self._spans(at):
            begins = max(opens, at.astimezone(UTC))
            if left < closes - begins:
                return begins + left
            left -= closes - begins
        raise AssertionError("there is always a next day")

    def opened_between(self, a: datetime, b: datetime) -> timedelta:
        """How much working time lies in [a, b); nothing where `b` is not after `a`."""
        total = timedelta()
        for opens, closes in self._spans(a):
            if opens >= b:
                return total
            total += max(min(closes, b) - max(opens, a), timedelta())
        raise AssertionError("there is always a next day")

    def local(self, at: datetime) -> datetime:
        """The instant on the wall clock here."""
        return at.astimezone(ZoneInfo(self.zone))

    def is_holiday(self, day: date) -> bool:
        """Whether a date is a public holiday here."""
        return bool(self.holidays) and day in _holidays(self.holidays, day.year)

    def _spans(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The stretches of working time that end after `at`, in order, without overlap, in UTC; there is always one."""
        first = self.local(at).date() - timedelta(days=1)
        worked, until = first, datetime.min.replace(tzinfo=UTC)
        for day in (first + timedelta(days=number) for number in range((date.max - first).days)):
            rested = (day - worked).days > _LONGEST_REST
            if day.weekday() not in self.days or (self.is_holiday(day) and not rested):
                continue
            opens, closes = self._span(day)
            # Where the clock is put forward, a night may end after the next one began, or begin after it ended.
            opens = max(opens, until)
            if opens < closes:
                worked, until = day, closes
                if closes > at:
                    yield opens, closes

    def _span(self, day: date) -> tuple[datetime, datetime]:
        zone = ZoneInfo(self.zone)
        following = day if self.end > self.start else day + timedelta(days=1)
        opens = datetime.combine(day, self.start, tzinfo=zone).astimezone(UTC)
        return opens, datetime.combine(following, self.end, tzinfo=zone).astimezone(UTC)


def midnight(day: str, zone: str) -> datetime:
    """The instant, in UTC, at which a day (2026-08-03) begins in a time zone.

    Raises:
        ValueError: It is no date.
    """
    return datetime.combine(date.fromisoformat(day), time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


# Nothing is quiet.
ALWAYS = WorkingTime(days=EVERY_DAY, start=time(0), end=time(0))


@lru_cache(maxsize=1024)
def _holidays(code: str, year: int) -> frozenset[date]:
    country, _, part = code.partition("-")
    return frozenset(public.country_holidays(country, subdiv=part or None, years=year))


def holidays_fault(code: str) -> tuple[str, str]:
    """What is wrong with the code of a country or a part of one, and how to mend it; both "" where it is known."""
    match = _CODE.fullmatch(code)
    if match is None or match["country"] not in _countries():
        return f"no holidays are known for '{code}'", _near_country(code)
    country: type[public.HolidayBase] = getattr(public, match["country"])
    if match["part"] is None or match["part"] in {*country.subdivisions, *country.subdivisions_aliases}:
        return "", ""
    return f"'{match['country']}' has no part '{match['part']}'", _near_part(country, match["country"], match["part"])


@lru_cache
def _countries() -> frozenset[str]:
    """The codes of two and three letters, and no names of classes."""
    return frozenset(code for _, *codes in COUNTRIES.values() for code in codes)


def _near_country(text: str) -> str:
    names = {name.replace("_", " "): codes[1] for name, codes in COUNTRIES.items()}
    if text[:2].upper() in _countries() and text[2:3] in {"", "-"}:
        return f"did you mean '{text.upper()}'?"
    close = get_close_matches(text.replace("_", " ").lower().strip(), names, n=1)
    return f"did you mean '{names[close[0]]}'?" if close else "a country like DE, or a part of it like DE-BE"


def _near_part(country: type[public.HolidayBase], code: str, text: str) -> str:
    names = {part.lower(): part for part in (*country.subdivisions, *country.subdivisions_aliases)}
    close = get_close_matches(text.lower(), names, n=1)
    if close:
        return f"did you mean '{code}-{names[close[0]]}'?"
    return f"known are {', '.join(country.subdivisions)}" if country.subdivisions else f"write {code}"
