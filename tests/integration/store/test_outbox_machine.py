"""Several workers, crashes and clocks in any order: no message is lost, none is marked as sent twice."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pql.config.settings import StateSettings
from pql.store import Store, open_store
from pql.store.records import Leased
from pql.store.tables import metadata
from tests.integration.store.samples import LEASE, T0, commit, message

LEADS = st.lists(st.sampled_from("ab"), min_size=1, max_size=3)


class Outbox(RuleBasedStateMachine):
    """What workers do to the outbox, beside a plain model of what must come of it."""

    store: Store

    @initialize(leads=LEADS)
    def begin(self, leads: list[str]) -> None:
        with self.store._database.writes() as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        self.now: datetime = T0
        self.steps: list[str] = []
        self.due: dict[str, datetime] = {}
        self.held: list[Leased] = []  # by workers that are alive, on time or late
        self.tokens: dict[str, tuple[str, datetime]] = {}  # whose the message is now, and until when
        self.ends: dict[str, str] = {}  # sent or failed
        self.runs = 0
        self.enqueue(leads, repeat=False)

    @rule(leads=LEADS, repeat=st.booleans())
    def enqueue(self, leads: list[str], repeat: bool) -> None:
        self.runs += 1
        new = [f"{lead}{len(self.steps) + number}" for number, lead in enumerate(leads)]
        old = self.steps[-1:] if repeat else []
        records = [message(step, step[0], at=self.now) for step in [*old, *new]]
        committed = commit(self.store, T0 + timedelta(seconds=self.runs), outbox=records)
        assert (committed.enqueued, committed.enqueued_before) == (len(new), len(old))
        self.steps += new
        self.due |= dict.fromkeys(new, self.now)

    @rule(seconds=st.sampled_from([1, 59, 61]))
    def wait(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    def expected(self) -> list[str]:
        """For each lead the oldest message that is not over, if it is due and nobody has it; the longest due first."""
        waiting = [step for step in self.steps if step not in self.ends]
        firsts = {step[0]: step for step in reversed(waiting)}.values()
        free = [step for step in firsts if step not in self.tokens or self.tokens[step][1] <= self.now]
        due = (step for step in free if self.due[step] <= self.now)
        return sorted(due, key=lambda step: (self.due[step], self.steps.index(step)))

    @rule(limit=st.integers(1, 3))
    def lease(self, limit: int) -> None:
        expected = self.expected()[:limit]
        batch = self.store.lease(self.now, limit, LEASE)
        assert [leased.step_key for leased in batch] == expected
        for leased in batch:
            assert leased.outgoing.ambiguous or leased.step_key not in self.tokens
            self.tokens[leased.step_key] = (leased.token, leased.leased_until)
            self.held.append(leased)

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 9), what=st.sampled_from(["sent", "sent", "retry", "failed", "release"]))
    def tell(self, which: int, what: str) -> None:
        leased = self.held.pop(which % len(self.held))
        step = leased.step_key
        again = self.now + timedelta(seconds=which)
        match what:
            case "sent":
                kept = self.store.mark_sent(leased, self.now, "ref")
            case "retry":
                kept = self.store.mark_retry(leased, self.now, again, "no", ambiguous=True)
            case "failed":
                kept = self.store.mark_failed(leased, self.now, "never")
            case _:
                kept = self.store.release([leased]) == 1
        # A mark counts only for who has the message now.
        assert kept == (self.tokens.get(step, ("",))[0] == leased.token)
        if kept:
            del self.tokens[step]
            if what in {"sent", "failed"}:
                self.ends[step] = what
            if what == "retry":
                self.due[step] = again

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 9))
    def crash(self, which: int) -> None:
        self.held.pop(which % len(self.held))

    @invariant()
    def nothing_is_lost_and_what_is_over_stays_so(self) -> None:
        if not hasattr(self, "steps"):
            return
        rows = {row.step_key: row.status for row in self.store.notifications(limit=1000)}
        assert rows == {step: self.ends.get(step, "waiting") for step in self.steps}

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
    run_machine(store, examples=50, steps=30)
    store.close()


def test_on_both_databases_whatever_the_workers_do(store: Store) -> None:
    run_machine(store, examples=8, steps=25)
