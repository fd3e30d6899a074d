"""dbt-core with dbt-duckdb: its own environment, made once, and the project in `bench/dbt` run in it."""

import json
import subprocess
import venv
from datetime import datetime
from pathlib import Path

import duckdb

from bench.harness import ROOT, Measured, python
from bench.worlds import CALENDAR, World
from pql.domain.calendar import to_micros

LATE_DAYS = 3
# The environment is worth keeping: it takes a minute to make. `make clean` takes it away.
ENVIRONMENT = ROOT / "var" / "bench" / "dbt"
PACKAGES = ("dbt-core==1.11.*", "dbt-duckdb==1.11.1", f"duckdb=={duckdb.__version__}")


def interpreter() -> Path:
    """The Python of dbt's environment, which is made if it is not there."""
    made = ENVIRONMENT / "made.txt"
    found = ENVIRONMENT / "bin" / "python"
    if not made.is_file() or made.read_text(encoding="utf-8") != "\n".join(PACKAGES):
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        install = [str(found), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
        subprocess.run(install, check=True)
        made.write_text("\n".join(PACKAGES), encoding="utf-8")
    return found


def run(world: World, file: Path, folder: Path, as_of: datetime) -> Measured:
    """One `dbt run` at a midnight; the first builds everything.

    Args:
        world: For the span of its history.
        file: The world's database.
        folder: Where dbt keeps its own database, `dbt.duckdb`, with the numbers in the table `signals`.
        as_of: The instant.
    """
    newest = CALENDAR.last_day_before(as_of)
    clock = {
        "now": to_micros(as_of),
        "newest": newest,
        "since": to_micros(CALENDAR.start_of(newest - LATE_DAYS)),
        "young": to_micros(CALENDAR.start_of(newest + 1 - 27)),
    }
    steps = CALENDAR.offsets(CALENDAR.start_of(world.first_day - 7), world.end_of(world.landings))
    settings = {
        "world": str(file),
        "folder": str(folder),
        "clock": clock,
        "vars": {"offsets": [[step.until, step.offset] for step in steps]},
    }
    return python([str(interpreter()), str(ROOT / "bench" / "dbt" / "runner.py"), json.dumps(settings)])
