"""A commit is whole or it did not happen, whatever fails and whoever is killed when."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from pql.config.settings import StateSettings
from pql.errors import RunConflict, StateError
from pql.store import Store
from pql.store.records import (
    CheckInRecord,
    ConversionRecord,
    EpisodeClosed,
    OccurrenceRecord,
    Run,
    RunResults,
    TimerRecord,
)
from tests.integration.store.samples import HOUR, T0, commit, content, decision, evaluation, held_back, message, opened


def everything(at: Any = T0 + HOUR) -> RunResults:
    """Results that touch every table."""
    return RunResults(
        definitions_hash="new",
        sources=(("signals/a.yml", "signal: a"),),
        evaluation=evaluation({"a": {"behaviour": 80.0}, "c": {}}, at),
        shown=["country"],
        hysteresis=pd.DataFrame(
            {"above_since": [1.0], "below_since": [np.nan], "cooldown_until": [np.nan]}, index=pd.Index(["a"])
        ),
        opened=[opened("c", at)],
        closed=[EpisodeClosed(lead_id="a", status="converted", closed_at=at, reason="pays", converted_at=at)],
        occurrences=[OccurrenceRecord(moment="paywall", lead_id="a", key="1", at=at)],
        decisions=[decision("c", "c", at=at)],
        outbox=[message("c", "c", at=at)],
        conversions=[ConversionRecord(lead_id="a", converted_at=at, plan="pro")],
        check_ins=[CheckInRecord(lead_id="a", name="day_7", due_at=at)],
        held=[held_back("w", at=at)],
        settled={"v": "dropped"},
        validity={"lead": pd.DataFrame({"plan": ["pro"]}, index=pd.Index(["a"]))},
        timers=[TimerRecord(moment="quiet", lead_id="a", key="", set_at=at, due_at=at)],
        settings={"watch.mark": {"looked_at": 1}},
    )


def prepare(store: Store) -> None:
    commit(
        store,
        evaluation=evaluation({"a": {}, "b": {}}),
        opened=[opened("a")],
        validity={"lead": pd.DataFrame({"plan": ["trial"]}, index=pd.Index(["a"]))},
    )


@contextmanager
def failing_at(store: Store, number: int) -> Iterator[list[str]]:
    """Every statement is seen, and the one with that number fails before the database gets it."""
    seen: list[str] = []

    def fail(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)
        if len(seen) == number:
            raise OperationalError(statement, None, Exception("injected"))

    event.listen(store._database.engine, "before_cursor_execute", fail)
    try:
        yield seen
    finally:
        event.remove(store._database.engine, "before_cursor_execute", fail)


def failed_at(store: Store, run: Run, number: int) -> str | None:
    """The statement with that number, whose failure failed the commit; None if the commit has fewer."""
    with failing_at(store, number) as seen:
        try:
            store.commit_run(run, everything(), T0 + HOUR)
        except StateError:
            return seen[-1]
    return None


def test_a_commit_that_fails_at_any_statement_leaves_the_state_as_it_was(store: Store) -> None:
    prepare(store)
    run = store.begin_run("run", T0 + HOUR, T0 + HOUR)
    before = content(store)
    number = 1
    while (statement := failed_at(store, run, number)) is not None:
        assert content(store) == before, statement
        number += 1
    # Every table was touched in the end, so every write was made to fail once.
    after = content(store)
    untouched = {"outcomes", "deliveries", "layouts", "turns"}
    # What is no part of a run.
    untouched |= {"mutes", "absences", "leases", "paces", "notices", "source_checks"}
    assert number > 25
    assert {name for name in after if after[name] == before[name]} <= untouched
    assert not store.begin_run("run", T0 + 2 * HOUR, T0 + 2 * HOUR).already_committed


def test_a_run_that_failed_can_be_run_again(store: Store) -> None:
    prepare(store)
    run = store.begin_run("run", T0 + HOUR, T0 + HOUR)
    with failing_at(store, 20), pytest.raises(StateError) as failure:
        store.commit_run(run, everything(), T0 + HOUR)
    store.fail_run(run, str(failure.value), T0 + HOUR)
    again = store.begin_run("run", T0 + HOUR, T0 + HOUR)
    assert store.commit_run(again, everything(), T0 + HOUR).opened == 1
    assert sorted(one.status for one in store.runs()) == ["done", "done", "failed"]


KILLED = """
import os, signal, sys
from pathlib import Path
from sqlalchemy import event
from pql.config.settings import StateSettings
from pql.store import open_store
from tests.integration.store.samples import HOUR, T0
from tests.integration.store.test_atomic import everything

store = open_store(StateSettings(url=sys.argv[1]), Path(sys.argv[2]))
run = store.begin_run("run", T0 + HOUR, T0 + HOUR)
count = 0

def kill(*_):
    global count
    count += 1
    if count == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

event.listen(store._database.engine, "after_cursor_execute", kill)
store.commit_run(run, everything(), T0 + HOUR)
"""


@pytest.mark.parametrize("statement", [8, 24])
def test_a_process_that_is_killed_in_the_middle_of_a_commit_leaves_the_state_as_it_was(
    store: Store, settings: StateSettings, tmp_path: Path, statement: int
) -> None:
    prepare(store)
    before = content(store, but=["runs", "run_locks"])
    command = [sys.executable, "-c", KILLED, settings.url, str(tmp_path), str(statement)]
    killed = subprocess.run(command, cwd=Path(__file__).parents[3], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert content(store, but=["runs", "run_locks"]) == before
    # Its lock ends by itself; the next run does it all.
    with pytest.raises(RunConflict):
        store.begin_run("run", T0 + HOUR, T0 + HOUR)
    again = store.begin_run("run", T0 + HOUR, T0 + 2 * HOUR)
    assert store.commit_run(again, everything(), T0 + 2 * HOUR).enqueued == 1
