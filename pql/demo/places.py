"""Countries and their clocks."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from pql.demo.scope import Ints, Scope

# Code, weight, time zones. NA is Namibia: a value that careless readers take for a null.
COUNTRIES: tuple[tuple[str, float, tuple[str, ...]], ...] = (
    ("US", 26, ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")),
    ("DE", 13, ("Europe/Berlin",)),
    ("GB", 10, ("Europe/London",)),
    ("FR", 7, ("Europe/Paris",)),
    ("NL", 4, ("Europe/Amsterdam",)),
    ("ES", 4, ("Europe/Madrid",)),
    ("PL", 3, ("Europe/Warsaw",)),
    ("SE", 3, ("Europe/Stockholm",)),
    ("IT", 3, ("Europe/Rome",)),
    ("CA", 5, ("America/Toronto", "America/Vancouver")),
    ("BR", 4, ("America/Sao_Paulo",)),
    ("MX", 2, ("America/Mexico_City",)),
    ("IN", 5, ("Asia/Kolkata",)),
    ("JP", 3, ("Asia/Tokyo",)),
    ("AU", 3, ("Australia/Sydney", "Australia/Perth")),
    ("SG", 2, ("Asia/Singapore",)),
    ("KR", 1, ("Asia/Seoul",)),
    ("AE", 1.5, ("Asia/Dubai",)),
    ("IL", 1.5, ("Asia/Jerusalem",)),
    ("ZA", 1, ("Africa/Johannesburg",)),
    ("NA", 1.2, ("Africa/Windhoek",)),
)
ZONES: tuple[str, ...] = tuple(zone for _, _, zones in COUNTRIES for zone in zones)
_FIRST_ZONE = np.cumsum([0, *(len(zones) for _, _, zones in COUNTRIES)])


def zones_of(countries: Ints, rng: np.random.Generator) -> Ints:
    """A zone (index into `ZONES`) in each country (index into `COUNTRIES`)."""
    counts = np.diff(_FIRST_ZONE)
    drawn = np.floor(rng.random(len(countries)) * counts[countries]).astype(np.int64)
    return (_FIRST_ZONE[countries] + drawn).astype(np.int64)


def midnights(scope: Scope) -> Ints:
    """The UTC microseconds of each zone's local midnight, zone by day; summer time included."""
    dates = [(scope.start + timedelta(days=day)).date() for day in range(scope.days)]
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    rows = []
    for name in ZONES:
        zone = ZoneInfo(name)
        instants = [datetime.combine(date, time(), tzinfo=zone).astimezone(UTC) for date in dates]
        rows.append([(instant - epoch) // timedelta(microseconds=1) for instant in instants])
    return np.array(rows, dtype=np.int64)
