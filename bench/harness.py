"""Measuring: each step in a process of its own, medians of repeats, ratios within a repeat, and a table in Markdown.

This process stays small, since a child's peak memory begins with what its parent holds when it is started.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One process.

    Args:
        seconds: What was measured inside, without the start of the process.
        wall: From its start to its end, without what it did beside (see `bench.steps`).
        megabytes: Its peak memory.
        result: What else it told.
    """

    seconds: float
    wall: float
    megabytes: float
    result: dict[str, Any] = field(default_factory=dict)


class StepFailed(SystemExit):
    """A measured process ended with an error; its own words went to stderr."""


def step(name: str, /, **arguments: object) -> Measured:
    """Run a step of `bench.steps` in a process of its own."""
    return python([sys.executable, "-m", "bench.steps", name, json.dumps(arguments, default=str)])


def python(command: Sequence[str]) -> Measured:
    """Run a process that prints a JSON line with `seconds` at its end.

    Raises:
        StepFailed: It ended with an error.
    """
    wall, megabytes, printed = timed(command)
    told = json.loads(printed.strip().rpartition("\n")[2])
    beside = told.pop("beside", 0.0)
    return Measured(seconds=told.pop("seconds"), wall=wall - beside, megabytes=megabytes, result=told)


def timed(command: Sequence[str]) -> tuple[float, float, str]:
    """Run a process to its end: seconds, peak megabytes, and what it printed."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    printed = ""
    if process.stdout:
        with process.stdout as output:
            printed = output.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise StepFailed(f"'{' '.join(command)[:300]}' failed:\n{printed[-2000:]}")
    return wall, usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024), printed


def cut_short(name: str, after: float, /, **arguments: object) -> bool:
    """Start a step and kill it after so many seconds; False if it had ended before."""
    command = [sys.executable, "-m", "bench.steps", name, json.dumps(arguments, default=str)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


@dataclass(frozen=True, kw_only=True)
class Spread:
    """The median of some repeats, the least and the greatest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Spread":
        """Of at least one number."""
        return cls(median=statistics.median(numbers), low=min(numbers), high=max(numbers))

    def __str__(self) -> str:
        return f"{_say(self.median)} ({_say(self.low)}-{_say(self.high)})"


def _say(number: float) -> str:
    return f"{number:.2f}" if number < 10 else f"{number:,.1f}" if number < 100 else f"{number:,.0f}"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A bar: a ratio of two things measured in the same run.

    Args:
        bar: Its number.
        what: What is compared with what.
        ratio: Of each repeat.
        at_most: Small ratios are good; else large ones.
        floor: What it must reach; None: no bar, only a figure.
        target: What it should reach.
    """

    bar: str
    what: str
    world: str
    ratio: Spread
    at_most: bool
    floor: float | None = None
    target: float | None = None

    @property
    def met(self) -> str:
        """`target`, `floor`, `no`, or nothing where there is no bar."""
        if self.floor is None:
            return ""
        reached = [bar for bar in (self.target, self.floor) if bar is not None and self._reaches(bar)]
        return "no" if not reached else "target" if self.target in reached else "yes" if not self.target else "floor"

    def _reaches(self, bar: float) -> bool:
        return self.ratio.median <= bar if self.at_most else self.ratio.median >= bar

    def cells(self) -> tuple[str, ...]:
        """The row as text."""
        sign = "≤" if self.at_most else "≥"
        bars = [f"{sign} {bar:g}" if bar is not None else "" for bar in (self.floor, self.target)]
        return (self.bar, self.what, self.world, str(self.ratio), *bars, self.met)


@dataclass(kw_only=True)
class Report:
    """What a run of the benchmarks found."""

    rows: list[Row] = field(default_factory=list)
    timings: list[tuple[str, str, str, list[Measured]]] = field(default_factory=list)
    figures: list[tuple[str, str, str, str]] = field(default_factory=list)
    worlds: dict[str, str] = field(default_factory=dict)
    compared: int = 0

    def ratio(
        self,
        row: tuple[str, str, str],
        above: Sequence[float],
        below: Sequence[float],
        *,
        at_most: bool,
        floor: float | None = None,
        target: float | None = None,
    ) -> None:
        """Add a row: (bar, what, world), and the numbers whose ratio it is, repeat by repeat."""
        bar, what, world = row
        ratio = Spread.of([one / other for one, other in zip(above, below, strict=True)])
        self.rows.append(Row(bar=bar, what=what, world=world, ratio=ratio, at_most=at_most, floor=floor, target=target))

    def timing(self, bar: str, world: str, what: str, measured: Sequence[Measured]) -> None:
        """Add the seconds and the memory of a process, over its repeats."""
        self.timings.append((bar, world, what, list(measured)))

    def figure(self, bar: str, world: str, what: str, value: str) -> None:
        """Add something that was counted."""
        self.figures.append((bar, world, what, value))

    def markdown(self) -> str:
        """All tables."""
        parts = [f"{cores()}; DuckDB and Python as installed. Worlds:", *_list(self.worlds)]
        parts += ["", *_table(("bar", "ratio", "world", "median (min-max)", "floor", "target", "met"), self._ratios())]
        parts += ["", *_table(("bar", "world", "process", "seconds", "with its start", "peak MB"), self._timings())]
        if self.figures:
            parts += ["", *_table(("bar", "world", "figure", "value"), self.figures)]
        return "\n".join([*parts, "", f"{self.compared:,} numbers compared, none differs."])

    def _ratios(self) -> list[tuple[str, ...]]:
        return [row.cells() for row in self.rows]

    def _timings(self) -> list[tuple[str, ...]]:
        return [
            (bar, world, what, *(str(Spread.of(numbers)) for numbers in _numbers(measured)))
            for bar, world, what, measured in self.timings
        ]

    def as_json(self) -> str:
        """The same for programs."""
        return json.dumps(
            {
                "machine": cores(),
                "worlds": self.worlds,
                "rows": [{**asdict(row), "met": row.met} for row in self.rows],
                "timings": [
                    {"bar": bar, "world": world, "process": what, "repeats": [asdict(one) for one in measured]}
                    for bar, world, what, measured in self.timings
                ],
                "figures": self.figures,
                "compared": self.compared,
            },
            indent=1,
        )


def _numbers(measured: Sequence[Measured]) -> tuple[list[float], ...]:
    return (
        [one.seconds for one in measured],
        [one.wall for one in measured],
        [one.megabytes for one in measured],
    )


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [names, ["---"] * len(names), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _list(worlds: dict[str, str]) -> list[str]:
    return [f"- {name}: {words}" for name, words in worlds.items()]


def cores() -> str:
    """How many cores the machine has."""
    return f"{os.cpu_count()} cores"
