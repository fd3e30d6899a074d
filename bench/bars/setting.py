"""What all bars share: the sizes, a world on disk, and the comparison of everybody's numbers."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from bench.harness import Measured, Report, step
from bench.worlds import World

Kind = Literal["skewed", "even"]
Scale = Literal["small", "full"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How the bars are run.

    Args:
        folder: Where worlds are made, one at a time; each is removed after its bar.
    """

    scale: Scale
    repeats: int
    kinds: tuple[Kind, ...]
    folder: Path
    report: Report = field(default_factory=Report)

    def say(self, words: str) -> None:
        """Progress, for who waits."""
        print(words, file=sys.stderr, flush=True)


@dataclass(frozen=True, kw_only=True)
class Place:
    """A world on disk, and what the contenders keep beside it."""

    setting: Setting
    world: World
    folder: Path
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The world's name in the tables."""
        return f"{self.world.kind}, {self.world.events / 1e6:g}M, {self.world.days} d"

    @property
    def file(self) -> Path:
        """The world, where it is a DuckDB database."""
        return self.folder / "world.duckdb"

    @property
    def project(self) -> dict[str, Any]:
        """The program's project, as steps take it."""
        url = "duckdb:///:memory:" if "files" in self.more else f"duckdb:///{self.file}"
        return {"folder": str(self.folder), "url": url, "more": self.more}

    def run(self, name: str, /, **arguments: object) -> Measured:
        """A step over this world's database, beside which rivals keep their files."""
        return step(name, file=str(self.file), folder=str(self.folder), **arguments)

    def own(self, name: str, /, **arguments: object) -> Measured:
        """A step of the program over this world."""
        return step(name, project=self.project, **arguments)

    def out(self, who: str) -> str:
        """Where somebody's numbers go."""
        return str(self.folder / f"numbers_{who}.parquet")

    def compare(self, *who: str, what: str) -> None:
        """Compare the numbers of the rivals with the program's."""
        for rival in who:
            told = step("compare", ours=self.out("pql"), theirs=self.out(rival), what=f"{what}, {rival}")
            compared = int(told.result["compared"])
            self.setting.report.compared += compared


@contextmanager
def placed(setting: Setting, world: World) -> Iterator[Place]:
    """Make a world as a DuckDB file, for a while."""
    with emptied(setting) as folder:
        place = Place(setting=setting, world=world, folder=folder)
        setting.say(f"making {world.words()}")
        made = step("world", parameters=world.as_json(), file=str(place.file))
        describe(place, made)
        yield place


def describe(place: Place, made: Measured) -> None:
    """Put the world's parameters into the report."""
    events, size = int(made.result["events"]), int(made.result["bytes"]) / 1e6
    rows = f"{events:,} rows, {size:,.0f} MB, made in {made.seconds:,.0f} s"
    place.setting.report.worlds[place.name] = f"{place.world.words()}; {rows}"


@contextmanager
def emptied(setting: Setting) -> Iterator[Path]:
    """A folder of its own, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="pql-bench-", dir=setting.folder))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def seconds(measured: list[Measured]) -> list[float]:
    """What was measured inside the processes."""
    return [one.seconds for one in measured]


def text(instant: datetime) -> str:
    """An instant, as steps take it."""
    return instant.isoformat()
