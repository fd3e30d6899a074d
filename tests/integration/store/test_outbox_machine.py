"""Several workers, crashes and clocks in any order: no message is lost, none is marked as sent twice."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from pql.config.settings import StateSettings
from pql.store import Store, open_store
from pql.store.records import Leased, Notification
from pql.store.tables import metadata
from tests.integration.store.samples import LEASE, T0, commit, message

WORKERS = st.integers(0, 2)


class Outbox(RuleBasedStateMachine):
    """What workers do to the outbox, beside a plain model of what must come of it."""

    store: Store

    @initialize()
    def begin(self) -> None:
        with self.store._database.writes() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        self.now: datetime = T0
        self.steps: list[str] = []
        self.holding: dict[int, list[Leased]] = {worker: [] for worker in range(3)}
        self.sent: list[str] = []
        self.ended: set[str] = set()  # failed
        self.runs = 0

    @rule(leads=st.lists(st.sampled_from("ab"), min_size=1, max_size=3), repeat=st.booleans())
    def enqueue(self, leads: list[str], repeat: bool) -> None:
        self.runs += 1
        new = [f"{lead}{len(self.steps) + number}" for number, lead in enumerate(leads)]
        old = self.steps[-1:] if repeat else []
        committed = commit(
            self.store,
            T0 + timedelta(seconds=self.runs),
            outbox=[message(step, step[0], at=self.now) for step in [*old, *new]],
        )
        assert (committed.enqueued, committed.enqueued_before) == (len(new), len(old))
        self.steps += new

    @rule(seconds=st.sampled_from([1, 30, 61]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(worker=WORKERS, limit=st.integers(1, 3))
    def lease(self, worker: int, limit: int) -> None:
        for leased in self.store.lease(self.now, limit, LEASE):
            rivals = [one for held in self.holding.values() for one in held if one.step_key == leased.step_key]
            assert all(one.leased_until <= self.now for one in rivals)  # no two may send at once
            assert leased.outgoing.ambiguous or not rivals
            older = [s for s in self.steps[: self.steps.index(leased.step_key)] if s[0] == leased.step_key[0]]
            assert all(step in self.sent or step in self.ended for step in older)
            self.holding[worker].append(leased)

    @rule(worker=WORKERS)
    def send(self, worker: int) -> None:
        if self.holding[worker]:
            leased = self.holding[worker].pop(0)
            if self.store.mark_sent(leased, self.now, "ref"):
                self.sent.append(leased.step_key)

    @rule(worker=WORKERS, seconds=st.sampled_from([0, 45]), ambiguous=st.booleans())
    def retry(self, worker: int, seconds: int, ambiguous: bool) -> None:
        if self.holding[worker]:
            leased = self.holding[worker].pop(0)
            due = self.now + timedelta(seconds=seconds)
            self.store.mark_retry(leased, self.now, due, "no", ambiguous=ambiguous)

    @rule(worker=WORKERS)
    def fail(self, worker: int) -> None:
        if self.holding[worker]:
            leased = self.holding[worker].pop(0)
            if self.store.mark_failed(leased, self.now, "never"):
                self.ended.add(leased.step_key)

    @rule(worker=WORKERS)
    def crash(self, worker: int) -> None:
        self.holding[worker] = []

    @rule(worker=WORKERS)
    def stop(self, worker: int) -> None:
        self.store.release(self.holding[worker])
        self.holding[worker] = []

    @invariant()
    def nothing_is_lost_and_nothing_is_sent_twice(self) -> None:
        if not hasattr(self, "steps"):
            return
        rows: dict[str, Notification] = {row.step_key: row for row in self.store.notifications(limit=1000)}
        assert rows.keys() == set(self.steps)
        assert len(self.sent) == len(set(self.sent))
        assert {step for step, row in rows.items() if row.status == "sent"} == set(self.sent)
        assert {step for step, row in rows.items() if row.status == "failed"} == self.ended

    def teardown(self) -> None:
        if not hasattr(self, "steps"):
            return
        # Left to one worker that does its work, everything is sent in the end.
        self.now += timedelta(hours=1)
        while batch := self.store.lease(self.now, 10, LEASE):
            for leased in batch:
                assert self.store.mark_sent(leased, self.now, "ref")
        assert self.store.outbox_counts()["waiting"] == 0


def run_machine(store: Store, examples: int, steps: int) -> None:
    class Bound(Outbox):
        pass

    Bound.store = store
    checks = list(HealthCheck)
    options: Any = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=checks
    )
    run_state_machine_as_test(Bound, settings=options)


def test_in_memory_whatever_the_workers_do(tmp_path: Path) -> None:
    store = open_store(StateSettings(url="sqlite://"), tmp_path)
    run_machine(store, examples=40, steps=40)
    store.close()


def test_on_both_databases_whatever_the_workers_do(store: Store) -> None:
    run_machine(store, examples=8, steps=30)
