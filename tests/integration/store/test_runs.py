from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event

import pytest

from pql.domain.durations import Duration
from pql.errors import RunConflict
from pql.store import Store
from pql.store.records import Run, RunResults
from tests.integration.store.samples import HOUR, MINUTE, T0, commit

EMPTY = RunResults(definitions_hash="hash", sources=(("signals/a.yml", "signal: a"),))


def test_a_second_run_at_once_is_told_which_run_since_when(store: Store) -> None:
    first = store.begin_run("run", T0, T0)
    with pytest.raises(RunConflict, match=rf"run {first.id} of 'run' is under way since 2026-03-02T09:00:00"):
        store.begin_run("run", T0 + MINUTE, T0 + MINUTE)
    store.commit_run(first, EMPTY, T0)
    assert store.begin_run("run", T0 + MINUTE, T0 + MINUTE).id != first.id


def test_another_job_may_run_at_the_same_time(store: Store) -> None:
    store.begin_run("run", T0, T0)
    assert store.begin_run("check_in", T0, T0).job == "check_in"


def test_of_many_that_begin_at_once_one_gets_the_lock(store: Store) -> None:
    def begin(number: int) -> Run | None:
        try:
            return store.begin_run("run", T0 + number * MINUTE, T0)
        except RunConflict:
            return None

    with ThreadPoolExecutor(6) as pool:
        begun = [run for run in pool.map(begin, range(12)) if run is not None]
    assert len(begun) == 1
    assert [run.id for run in store.runs() if run.status == "running"] == [begun[0].id]


def test_the_lock_of_a_run_that_gave_no_sign_of_life_is_taken_over(store: Store) -> None:
    dead = store.begin_run("run", T0, T0, lease=Duration(60))
    heir = store.begin_run("run", T0, T0 + MINUTE)
    record = store.run(dead.id)
    assert record is not None
    assert record.status == "failed"
    assert heir.id in record.error
    with pytest.raises(RunConflict, match="lost its lock"):
        store.commit_run(dead, EMPTY, T0 + MINUTE)
    assert not store.heartbeat(dead, T0 + MINUTE)
    store.fail_run(dead, "too late", T0 + MINUTE)
    store.commit_run(heir, EMPTY, T0 + MINUTE)
    assert store.last_as_of("run") == T0


def test_of_many_that_find_a_dead_holder_one_takes_over(store: Store) -> None:
    store.begin_run("run", T0, T0, lease=Duration(1))

    def begin(_: int) -> bool:
        try:
            store.begin_run("run", T0 + HOUR, T0 + HOUR)
        except RunConflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(begin, range(6))) == 1


def test_a_sign_of_life_keeps_the_lock(store: Store) -> None:
    run = store.begin_run("run", T0, T0, lease=Duration(60))
    assert store.heartbeat(run, T0 + MINUTE / 2, lease=Duration(60))
    with pytest.raises(RunConflict):
        store.begin_run("run", T0, T0 + MINUTE)


def test_signs_of_life_are_given_while_the_block_runs(store: Store) -> None:
    beaten = Event()
    run = store.begin_run("run", T0, T0, lease=Duration(1))

    def clock() -> datetime:
        beaten.set()
        return T0 + HOUR

    with store.alive(run, clock, lease=Duration(1)):
        assert beaten.wait(10)
    # The last sign of life was given before the block ended.
    with pytest.raises(RunConflict):
        store.begin_run("run", T0, T0 + HOUR)


def test_a_run_at_the_last_committed_instant_has_nothing_to_do(store: Store) -> None:
    commit(store)
    again = store.begin_run("run", T0, T0 + HOUR)
    assert again.already_committed
    assert len(store.runs()) == 1
    assert not store.begin_run("run", T0 + MINUTE, T0 + HOUR).already_committed  # and it left no lock


def test_a_run_does_not_go_back_in_time(store: Store) -> None:
    commit(store)
    with pytest.raises(RunConflict, match=r"would go back in time.*--dry-run"):
        store.begin_run("run", T0 - timedelta(microseconds=1), T0 + HOUR)
    assert len(store.runs()) == 1


def test_a_failed_run_gives_up_its_lock_and_does_not_count_as_committed(store: Store) -> None:
    run = store.begin_run("run", T0, T0)
    store.fail_run(run, "the warehouse is away", T0 + MINUTE)
    record = store.run(run.id)
    assert record is not None
    assert (record.status, record.error, record.finished_at) == ("failed", "the warehouse is away", T0 + MINUTE)
    assert store.last_as_of("run") is None
    assert not store.begin_run("run", T0, T0 + MINUTE).already_committed


def test_a_run_remembers_the_definitions_that_it_used(store: Store) -> None:
    store.commit_run(store.begin_run("run", T0, T0), EMPTY, T0)
    assert store.runs()[0].definitions_hash == "hash"
    assert store.definition_sources("hash") == (("signals/a.yml", "signal: a"),)
    assert store.definition_sources("other") == ()


def test_the_newest_run_comes_first(store: Store) -> None:
    for hours in range(3):
        commit(store, T0 + hours * HOUR)
    commit(store, T0, job="check_in")
    assert [run.as_of for run in store.runs(job="run", limit=2)] == [T0 + 2 * HOUR, T0 + HOUR]
    assert store.last_as_of("run") == T0 + 2 * HOUR
    assert store.run("none") is None
