"""The frame of a demo world: how large, how long, until when, and where its randomness comes from."""

import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

DAY_MICROS = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEAST_ACCOUNTS, _LEAST_DAYS = 50, 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """A world of so many accounts over the `days` days that end at `until`.

    Everywhere in this package a "day" is a float number of days since `start`; what lies before has a negative one.

    Raises:
        ValueError: `until` has no time zone or is no midnight in UTC, or the world is too small to be lifelike.
    """

    seed: int
    accounts: int
    days: int
    until: datetime

    def __post_init__(self) -> None:
        if self.until.tzinfo is None or self.micros_until % DAY_MICROS:
            raise ValueError(f"'until' must be a midnight in UTC, got {self.until.isoformat()}")
        if self.accounts < _LEAST_ACCOUNTS or self.days < _LEAST_DAYS:
            raise ValueError(f"a demo needs at least {_LEAST_ACCOUNTS} accounts and {_LEAST_DAYS} days")

    @property
    def start(self) -> datetime:
        """The first instant of the activity log."""
        return self.until - timedelta(days=self.days)

    @property
    def micros_start(self) -> int:
        """`start` in microseconds since 1970."""
        return (self.start - _EPOCH) // timedelta(microseconds=1)

    @property
    def micros_until(self) -> int:
        """`until` in microseconds since 1970."""
        return (self.until - _EPOCH) // timedelta(microseconds=1)

    def rng(self, stage: str) -> np.random.Generator:
        """A stream of its own for each stage, so that a change in one stage leaves the others as they were."""
        return np.random.default_rng([self.seed, zlib.crc32(stage.encode())])

    def micros(self, days: Floats) -> Ints:
        """Microseconds since 1970, to the whole second, of days since `start`."""
        seconds = np.round(np.asarray(days, dtype=np.float64) * 86_400).astype(np.int64)
        return self.micros_start + seconds * 1_000_000


def pick(rng: np.random.Generator, weights: npt.ArrayLike, size: int) -> Ints:
    """`size` indexes drawn by weight (any positive numbers)."""
    shares = np.cumsum(np.asarray(weights, dtype=np.float64))
    found: Ints = np.searchsorted(shares / shares[-1], rng.random(size), side="right").astype(np.int64)
    return np.minimum(found, len(shares) - 1)


def squash(values: Floats) -> Floats:
    """The logistic function: any number to 0..1."""
    result: Floats = 1.0 / (1.0 + np.exp(-values))
    return result
