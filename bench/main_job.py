"""The first benchmark: one full run of the main job over 10 million events, beside the bare scan of the same columns.

The world is the demo company's, written several times over with other ids, so that sizes stay skewed and days stay
clustered as in life. Each figure is the median of the repeats; each repeat is a process of its own with an empty
state, and nothing is cached between them but what the operating system keeps of the file. A run is shown twice: the
first of all (it writes every lead) and the next day's.

    python -m bench.main_job [--events 10_000_000] [--repeats 5]
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import duckdb

from pql.config.starter import copy_starter
from pql.demo import UNTIL, generate

SEED = 7
ACCOUNTS = 3_400
# What a run cannot do without: every row's account, user, instant, name and feature.
BARE_SCAN = (
    "SELECT workspace_uid, count(*), count(member_id), min(happened_at), max(happened_at), count(action), "
    "count(module) FROM app.activity_log GROUP BY workspace_uid"
)
# The columns that identify things: in a copy of the world they are other ones.
IDS = ("workspace_uid", "member_id", "entry_id", "touchpoint_id", "opportunity_id", "subscription_id", "answer_id")


@dataclass(frozen=True)
class Measured:
    """A process: wall seconds, and its peak memory in MB."""

    seconds: float
    megabytes: float


def build(folder: Path, events: int) -> int:
    """Make a project over a world of at least so many events; returns how many there are."""
    copy_starter(folder)
    file = folder / "data" / "usage.duckdb"
    made = generate(file, seed=SEED, accounts=ACCOUNTS)
    copies = -(-events // made.events)
    with duckdb.connect(str(file)) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE'"
        ).fetchall()
        for schema, table in tables:
            multiply(connection, f'"{schema}"."{table}"', copies)
        rows = connection.execute("SELECT count(*) FROM app.activity_log").fetchall()
    return int(rows[0][0])


def multiply(connection: duckdb.DuckDBPyConnection, table: str, copies: int) -> None:
    """Write a table's rows again, so many times in all, with ids of their own, days staying together."""
    names = [str(row[0]) for row in connection.execute(f"DESCRIBE {table}").fetchall()]
    columns = [f"{name} || '-' || copy" if name in IDS else name for name in names]
    if "web_domain" in names:
        # Each copy has companies of its own; free mail and the demo company's own domain stay what they are.
        own = "web_domain LIKE 'freemail.%' OR web_domain = 'plotline.test'"
        columns[names.index("web_domain")] = (
            f"CASE WHEN {own} THEN web_domain ELSE 'c' || copy || '.' || web_domain END"
        )
    order = "ORDER BY date_trunc('day', received_at)" if "received_at" in names else ""
    connection.execute(
        f"INSERT INTO {table} SELECT {', '.join(columns)} FROM {table}, range(1, {copies}) AS copies(copy) {order}"
    )


def measure(arguments: list[str], cwd: Path) -> Measured:
    """Run a process to its end and take its wall time and peak memory."""
    began = time.perf_counter()
    process = subprocess.Popen(arguments, cwd=cwd, stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": ""})
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    if status:
        raise SystemExit(f"{' '.join(arguments)} failed")
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return Measured(seconds, usage.ru_maxrss / unit)


def run_once(folder: Path) -> tuple[Measured, Measured]:
    """The first run ever, and the next day's."""
    shutil.rmtree(folder / "var", ignore_errors=True)
    pql = str(Path(sys.executable).with_name("pql"))
    instants = [(UNTIL - timedelta(days=days)).isoformat() for days in (1, 0)]
    first, second = (measure([pql, "run", "--as-of", instant], folder) for instant in instants)
    return first, second


def scan_once(folder: Path) -> Measured:
    """The bare scan, in a process of its own."""
    code = f"import duckdb; duckdb.connect('data/usage.duckdb', read_only=True).execute({BARE_SCAN!r}).fetchall()"
    return measure([sys.executable, "-c", code], folder)


def main() -> None:
    """Read the arguments."""
    parser = argparse.ArgumentParser(description="One full run of the main job beside the bare scan.")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--build", type=Path, help="only make the world, in this folder")
    arguments = parser.parse_args()
    if arguments.build:
        print(build(arguments.build, arguments.events))
        return
    report(arguments.events, arguments.repeats)


def report(wanted: int, repeats: int) -> None:
    """Build the world, repeat, print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "project"
        # In a process of its own: a child's peak memory begins with what its parent holds when it is started.
        command = [sys.executable, "-m", "bench.main_job", "--events", str(wanted), "--build", str(folder)]
        events = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(
            f"{events:,} events, {ACCOUNTS:,} accounts and their copies, 120 days, seed {SEED}; {os.cpu_count()} cores"
        )
        scans, firsts, nexts = [], [], []
        for _ in range(repeats):
            scans.append(scan_once(folder))
            first, following = run_once(folder)
            firsts.append(first)
            nexts.append(following)
    show(scans, firsts, nexts)


def show(scans: list[Measured], firsts: list[Measured], nexts: list[Measured]) -> None:
    """Print medians, and each run as a ratio of the scan of the same repeat."""
    print(f"{'process':34}{'wall s':>10}{'x scan':>10}{'peak MB':>10}{'x scan':>10}")
    for name, rows in (
        ("bare scan of the same columns", scans),
        ("first run (writes every lead)", firsts),
        ("next day's run", nexts),
    ):
        pairs = list(zip(rows, scans, strict=True))
        print(
            f"{name:34}{statistics.median(row.seconds for row in rows):10.2f}"
            f"{statistics.median(row.seconds / scan.seconds for row, scan in pairs):10.1f}"
            f"{statistics.median(row.megabytes for row in rows):10.0f}"
            f"{statistics.median(row.megabytes / scan.megabytes for row, scan in pairs):10.1f}"
        )


if __name__ == "__main__":
    main()
