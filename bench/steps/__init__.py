"""The steps that are measured, each run in a process of its own: `python -m bench.steps NAME JSON`.

A step does what it must to get ready, measures its part with the stopwatch, and writes the numbers that others
compare as Parquet, which is no part of what it does. It ends by printing one JSON line with `seconds`, and `beside`:
those that writing the numbers took. A contender's module imports what that contender needs.
"""

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import pandas as pd

Told = Mapping[str, object] | None
STEPS: dict[str, Callable[..., Told]] = {}


class Stopwatch:
    """Measures a block; several blocks add up."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.seconds += time.perf_counter() - self._began


watch, beside = Stopwatch(), Stopwatch()


def step(function: Callable[..., Told]) -> Callable[..., Told]:
    """Make a function a step, by its name."""
    STEPS[function.__name__] = function
    return function


def keep(frame: "pd.DataFrame", out: str | None) -> None:
    """Write the numbers of every lead for `compare`, unless nobody asks for them."""
    if out:
        with beside:
            frame.astype(float).to_parquet(out)
