"""What goes wrong in a project or its tables: a clear error that says what to do, and the state unharmed."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from pql.app import App
from pql.demo import UNTIL
from pql.errors import PqlError, RunConflict
from tests.worlds import World, make_world

RAW = "data/usage.duckdb"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("bad") / "project")


@pytest.fixture
def world(made: Path, tmp_path: Path) -> World:
    return World(Path(shutil.copytree(made, tmp_path / "project")))


def change(folder: Path, *statements: str) -> None:
    with duckdb.connect(str(folder / RAW)) as connection:
        for statement in statements:
            connection.execute(statement)


def remembered(app: App) -> tuple[object, ...]:
    return app.store.last_as_of("run"), len(app.store.leads_table()), dict(app.store.outbox_counts())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda f: (f / RAW).unlink(), "usage.duckdb", id="no usage database"),
        pytest.param(lambda f: (f / RAW).write_bytes(b"not a database" * 200), "usage.duckdb", id="a broken one"),
        pytest.param(
            lambda f: change(f, "ALTER TABLE app.activity_log DROP COLUMN module"), "sql/events.sql", id="a lost column"
        ),
        pytest.param(lambda f: change(f, "DROP TABLE app.members"), "sql/users.sql", id="a lost table"),
        pytest.param(
            lambda f: (f / "sql" / "users.sql").write_text("SELEC nothing", encoding="utf-8"),
            "sql/users.sql",
            id="SQL that is none",
        ),
    ],
)
def test_a_source_that_cannot_be_read_stops_the_run_and_leaves_the_state(
    world: World, spoil: Callable[[Path], object], said: str
) -> None:
    app = world.open()
    try:
        app.run(as_of=UNTIL)
        before = remembered(app)
        spoil(world.folder)
        world.now = UNTIL.replace(hour=12)
        with pytest.raises(PqlError, match=said.replace(".", r"\.")):
            world.open().run()
        assert remembered(app) == before
        assert app.store.runs()[0].status == "failed"
    finally:
        app.close()


def test_empty_tables_give_a_run_with_no_leads(world: World) -> None:
    change(
        world.folder,
        *(f"DELETE FROM {table}" for table in ("app.activity_log", "app.members", "app.workspaces")),
        "DELETE FROM billing.subscriptions",
    )
    app = world.open()
    try:
        report = app.run()
        assert (report.counts["leads"], report.opened) == (0, ())
    finally:
        app.close()


def test_one_account_is_enough(world: World) -> None:
    change(
        world.folder,
        "DELETE FROM app.workspaces WHERE workspace_uid <> (SELECT min(workspace_uid) FROM app.workspaces)",
    )
    app = world.open()
    try:
        assert app.run().counts["leads"] == 1
    finally:
        app.close()


def test_nulls_nan_and_infinite_numbers_everywhere_break_nothing(world: World) -> None:
    change(
        world.folder,
        "UPDATE app.activity_log SET amount = CASE WHEN random() < 0.5 THEN 'NaN'::DOUBLE ELSE 'Infinity'::DOUBLE END",
        "UPDATE app.activity_log SET module = NULL, detail = NULL WHERE random() < 0.9",
        "UPDATE app.workspaces SET title = NULL, web_domain = NULL, made_at = NULL, billing_country = NULL, "
        "sector = NULL, headcount = NULL",
        "UPDATE app.members SET mail = NULL, full_name = NULL, job_title = NULL",
    )
    app = world.open()
    try:
        report = app.run()
        assert report.counts["leads"]
        assert any("finite" in sentence for sentence in report.quality)
        app.deliver()
    finally:
        app.close()


def test_two_runs_at_once_are_refused_and_the_second_is_told_why(world: World) -> None:
    app = world.open()
    try:
        held = app.store.begin_run("run", UNTIL, UNTIL)
        with pytest.raises(RunConflict, match="since"):
            app.run()
        app.store.fail_run(held, "stopped by the test", UNTIL)
        assert app.run().counts["leads"]
    finally:
        app.close()


def start_run(world: World) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "pql", "run", "--as-of", UNTIL.isoformat()],
        cwd=world.folder,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_run_that_is_killed_at_any_time_is_done_whole_by_the_next(made: Path, tmp_path: Path) -> None:
    undisturbed = World(Path(shutil.copytree(made, tmp_path / "whole")), delivery=None)
    assert start_run(undisturbed).wait(timeout=120) == 0
    app = undisturbed.open()
    whole = remembered(app)
    messages = {row.delivery_id for row in app.store.notifications(limit=10_000)}
    app.close()
    for number, seconds in enumerate((1.0, 1.8, 2.4)):
        world = World(Path(shutil.copytree(made, tmp_path / f"killed{number}")), delivery=None)
        process = start_run(world)
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        app = world.open()
        try:
            assert app.store.last_as_of("run") in {None, UNTIL}
            # The dead run's lock is taken over once it is silent for long enough.
            world.now = UNTIL.replace(year=UNTIL.year + 10)
            app.run(as_of=UNTIL)
            assert remembered(app) == whole
            assert {row.delivery_id for row in app.store.notifications(limit=10_000)} == messages
        finally:
            app.close()
