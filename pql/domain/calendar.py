"""Calendar days in the project's time zone, as ranges of UTC instants.

A day is numbered by the days since 1970-01-01 on the wall clock of the zone. All arithmetic is done here, with
the zone's rules from `zoneinfo`; no database is asked for a time zone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)
DAY_MICROS = 86_400_000_000


def to_micros(instant: datetime) -> int:
    """Microseconds since 1970 in UTC of an aware instant.

    Raises:
        ValueError: The instant has no time zone.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone")
    return (instant - _EPOCH) // _MICROSECOND


def from_micros(micros: float) -> datetime:
    """The UTC instant that many microseconds after 1970."""
    return _EPOCH + timedelta(microseconds=int(micros))


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of instants [start, end); no start means all of the past."""

    start: datetime | None
    end: datetime


@dataclass(frozen=True, slots=True)
class OffsetStep:
    """Before `until` (UTC microseconds; None: for ever) the wall clock is `offset` microseconds ahead of UTC."""

    until: int | None
    offset: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days of one time zone."""

    zone: ZoneInfo

    def day_of(self, instant: datetime) -> int:
        """The number of the day that holds the instant."""
        return instant.astimezone(self.zone).date().toordinal() - _EPOCH_DAY

    def words(self, day: int) -> str:
        """A day's date: 2026-05-29."""
        return date.fromordinal(day + _EPOCH_DAY).isoformat()

    def last_day_before(self, as_of: datetime) -> int:
        """The number of the day that holds the last instant before `as_of`; at midnight, the day that ended."""
        return self.day_of(as_of - _MICROSECOND)

    def start_of(self, day: int) -> datetime:
        """The first UTC instant of a day, also where the clock skips midnight."""
        midnight = datetime.combine(date.fromordinal(day + _EPOCH_DAY), datetime.min.time(), tzinfo=self.zone)
        # fold=0 gives the earlier of two midnights. Where the clock skips midnight, zoneinfo reads 00:00 with the
        # offset before the step, which is the very instant of the step.
        return midnight.astimezone(UTC)

    def window(self, days: int, as_of: datetime) -> Span:
        """The day that holds the last instant before `as_of` and the `days` - 1 days before it, up to `as_of`."""
        return Span(self.start_of(self.last_day_before(as_of) - days + 1), as_of)

    def complete_days(self, days: int, as_of: datetime, *, skip: int = 0) -> Span:
        """The last `days` whole days that had ended by `as_of`, after leaving out the newest `skip` of them."""
        end = self.day_of(as_of) - skip
        return Span(self.start_of(end - days), self.start_of(end))

    def period(self, name: str, as_of: datetime) -> Span:
        """The calendar period that holds the last instant before `as_of`, up to `as_of`.

        Args:
            name: "day", "week" (from Monday), "month" or "total" (all of the past).
            as_of: The end of the range.

        Raises:
            ValueError: The name is none of these.
        """
        day = self.last_day_before(as_of)
        first = date.fromordinal(day + _EPOCH_DAY)
        match name:
            case "total":
                return Span(None, as_of)
            case "day":
                pass
            case "week":
                first -= timedelta(days=first.weekday())
            case "month":
                first = first.replace(day=1)
            case _:
                raise ValueError(f"period '{name}' is not known; write day, week, month or total")
        return Span(self.start_of(first.toordinal() - _EPOCH_DAY), as_of)

    def offsets(self, start: datetime, end: datetime) -> Sequence[OffsetStep]:
        """How far the wall clock is ahead of UTC over [start, end), as steps in order; the last has no `until`.

        With them, (micros + offset) // DAY_MICROS is the day number of any instant in the range.
        """
        return list(_offsets(self, start, end))

    def _steps(self, start: datetime, end: datetime) -> Sequence[OffsetStep]:
        steps: list[OffsetStep] = []
        at, offset = start, self._offset(start)
        while at < end:
            following = min(at + timedelta(days=1), end)
            if (new := self._offset(following)) != offset:
                change = self._change(at, following)
                steps.append(OffsetStep(to_micros(change), offset))
                # Two changes within one day would be missed; no zone in tzdata has them since 1970.
                offset = new
            at = following
        return [*steps, OffsetStep(None, offset)]

    def _offset(self, instant: datetime) -> int:
        shift = instant.astimezone(self.zone).utcoffset() or timedelta()
        return shift // _MICROSECOND

    def _change(self, low: datetime, high: datetime) -> datetime:
        before = self._offset(low)
        while high - low > _MICROSECOND:
            middle = low + (high - low) // 2
            low, high = (middle, high) if self._offset(middle) == before else (low, middle)
        return high


@lru_cache(maxsize=256)
def _offsets(calendar: Calendar, start: datetime, end: datetime) -> Sequence[OffsetStep]:
    # Asked for again and again with the same decades, each day of which is looked at.
    return tuple(calendar._steps(start, end))  # noqa: SLF001 - of the class above
