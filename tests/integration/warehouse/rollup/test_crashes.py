"""Crashes and other jobs: what was there stays, what was begun is taken up, and nobody's numbers are spoiled."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pql.errors import PqlError, RollupUnavailable
from tests.integration.warehouse.rollup.conftest import (
    DAY,
    HOUR,
    NOON,
    PLAN,
    Scene,
    a_month,
    event,
    scene_on,
)

ROOT = Path(__file__).parents[4]
# A job in a process of its own: it opens the same source, and says each step.
JOB = """
import sys
from pathlib import Path
from pql.config.settings import RollupSettings
from pql.domain.durations import Duration
from tests.integration.warehouse.conftest import Database
from tests.integration.warehouse.rollup.conftest import NOON, PLAN, Scene
from pql.warehouse.rollup import staging

engine, url, folder, home, each_day = sys.argv[1:]
if each_day == "slowly":
    staging.MOST_ROWS = 1
database = Database(engine, url, Path(folder))
scene = Scene(database, RollupSettings(home=home, late=Duration.of_days(7)))
warehouse = scene.open()
print("opened", flush=True)
sys.stdin.readline()
report = warehouse.refresh([PLAN], as_of=NOON, progress=lambda *step: print(*step, flush=True))[0]
print("done", len(report.rolled), flush=True)
sys.stdin.readline()
"""


@contextmanager
def job(scene: Scene, pace: str = "fast") -> Iterator["subprocess.Popen[str]"]:
    """A process that has opened the source and waits for a line before it refreshes, and for one before it ends."""
    scene.close()
    place = scene.database
    words = [place.engine, place.url, str(place.folder), scene.rollup.home, pace]
    process = subprocess.Popen(
        [sys.executable, "-c", JOB, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "opened\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def tell(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def hear(process: "subprocess.Popen[str]", word: str) -> str:
    """Its output's next line that begins with a word."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(word):
            return line
    raise AssertionError(f"it ended without {word}")


class Fault(Exception):
    """What a database says when its disk is full."""


def failing_from(connection: sa.Connection, number: int) -> list[str]:
    """Let all that is written fail from this write on; returns the list of the writes."""
    writes: list[str] = []

    def write(words: str) -> None:
        writes.append(words)
        if len(writes) >= number:
            raise sa.exc.OperationalError(words, None, Fault("no space left on device"))

    def send(_connection: Any, _cursor: Any, statement: str, *_rest: object) -> None:
        if statement.startswith(("INSERT INTO pql_", "DELETE", "UPDATE", "ALTER")):
            write(statement)

    sa.event.listen(connection, "before_cursor_execute", send)
    sa.event.listen(connection, "commit", lambda _connection: write("COMMIT"))
    return writes


TABLES = ("days", "kept", "events_by_account", "events_values", "events_edges", "firsts")


def state(scene: Scene) -> list[list[str]]:
    """All that is kept, whatever the order of rows and columns."""
    return [sorted(map(str, scene.in_rollup(f"SELECT * FROM pql_rollup.{table}"))) for table in TABLES]


def test_a_fault_at_any_write_leaves_the_old_state_or_the_new_one_and_nothing_between(either: Scene) -> None:
    rows = [row for row in a_month() if row["occurred_at"] > NOON - 3 * DAY]
    either.fill(rows)
    either.refresh()
    before, number = state(either), 0
    # Two days in one batch: an account and a feature are new, and so is what was first of all.
    either.fill([*rows, event(NOON - HOUR, "a3", "u3", feature="new"), event(NOON - DAY, "a3", name="paywall")])
    while state(either) == before:
        warehouse = either.open()
        rollup = warehouse._rollup
        assert rollup is not None
        rollup.look([PLAN])
        # Every write of the one, some of the other: they are the same.
        number += 1 if either.rollup.home == "source" else 3
        writes = failing_from(rollup.home.connection(), number)
        with pytest.raises(PqlError, match="no space left on device"):
            warehouse.refresh([PLAN], as_of=NOON)
        assert len(writes) >= number
    assert number > 10
    after = state(either)
    either.refresh()
    either.assert_right()
    assert state(either) == after


@pytest.mark.parametrize("home", ["local", "source"])
def test_a_first_build_that_is_killed_goes_on_where_it_was(
    home: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    scene = scene_on("duckdb" if home == "local" else "postgresql", home, tmp_path, request)
    scene.fill(a_month())
    with job(scene, "slowly") as process:
        tell(process)
        hear(process, "Rolling up events 9 ")
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = scene.rolled_days
    assert 9 <= done < 27
    report = scene.refresh()
    assert len(report.rolled) == 27 - done
    assert report.late == {}
    assert report.notes == ()
    scene.assert_right(NOON, NOON - 3 * DAY)
    scene.close()


@pytest.mark.parametrize("built", [False, True], ids=["the first build", "a new day"])
def test_two_jobs_that_refresh_one_source_at_once_end_right(
    built: bool, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    scene = scene_on("postgresql", "source", tmp_path, request)
    rows = a_month()[:40]
    scene.fill(rows)
    if built:
        scene.refresh()
        scene.fill([*rows, *(event(NOON - HOUR, "a3", f"u{n}", feature=f"of {n}") for n in range(20))])
    with job(scene, "slowly") as one, job(scene, "slowly") as other:
        tell(one)
        tell(other)
        assert hear(one, "done")
        assert hear(other, "done")
    assert scene.refresh().rolled == {}
    scene.assert_right(NOON, NOON - 3 * DAY)
    numbers = scene.in_rollup("SELECT number FROM pql_rollup.dictionary")
    assert len(set(numbers)) == len(numbers)
    kept = scene.in_rollup("SELECT grain, name FROM pql_rollup.kept")
    assert len(set(kept)) == len(kept)
    scene.close()


def test_a_second_job_is_told_that_the_local_file_is_in_use(scene: Scene) -> None:
    scene.fill(a_month())
    with job(scene) as process:
        tell(process)
        hear(process, "done")
        with pytest.raises(RollupUnavailable) as raised:
            scene.refresh()
        assert str(raised.value) == (
            "the rollup in 'rollup.duckdb' is in use by another job; it is open only while a job runs: try again then"
        )
        # What needs no rollup works beside it.
        frame = scene.open().measures(PLAN, [NOON])
        scene.assert_equal(frame, PLAN)
        tell(process)
        process.wait(timeout=20)
    assert scene.refresh().rolled == {}
    scene.assert_right()


def test_what_a_job_wrote_stays_in_the_log_and_is_there_for_the_next_one(scene: Scene) -> None:
    scene.fill(a_month())
    scene.refresh()
    scene.close()
    file = scene.database.folder / scene.rollup.path
    assert file.with_name(f"{file.name}.wal").stat().st_size > 0
    assert scene.refresh().rolled == {}
    scene.assert_right()


def test_a_local_file_that_was_deleted_without_its_log_is_built_anew(scene: Scene) -> None:
    scene.fill(a_month())
    rolled = scene.refresh().rolled
    scene.close()
    (scene.database.folder / scene.rollup.path).unlink()
    assert scene.refresh().rolled == rolled
    scene.assert_right()


def test_a_job_that_failed_gives_the_local_file_back(scene: Scene) -> None:
    scene.fill(a_month())
    for _ in range(3):
        warehouse = scene.open()
        warehouse.refresh([PLAN], as_of=NOON)
        warehouse.refresh([PLAN], as_of=NOON)
        warehouse.close()
    with job(scene) as process:
        tell(process)
        assert hear(process, "done") == "done 0\n"
