from datetime import timedelta

import pytest

from pql.domain.durations import Duration
from pql.errors import RunConflict
from pql.store import Store
from pql.store.records import Fence, Lease, RunResults
from tests.integration.store.samples import HOUR, T0, message

TWENTY = Duration(20)
END = T0 + timedelta(seconds=20)


def taken(store: Store, holder: str = "one", now: timedelta = timedelta()) -> Lease:
    lease = store.take_lease("leader", holder, T0 + now, TWENTY)
    assert lease is not None
    return lease


def test_one_holds_a_lease_and_others_are_refused_until_it_ends(store: Store) -> None:
    first = taken(store)
    assert (first.holder, first.fence, first.since, first.expires_at) == ("one", 1, T0, END)
    assert store.take_lease("leader", "two", END - timedelta(microseconds=1), TWENTY) is None
    assert taken(store, "two", END - T0).fence == 2
    assert store.read_lease("leader") == taken_over(store)


def taken_over(store: Store) -> Lease:
    return Lease(name="leader", holder="two", fence=2, since=END, expires_at=END + timedelta(seconds=20))


def test_leases_of_other_names_do_not_hinder_one_another(store: Store) -> None:
    taken(store)
    assert store.take_lease("other", "two", T0, TWENTY) is not None
    assert store.read_lease("third") is None


def test_a_renewed_lease_keeps_its_number_and_one_that_was_taken_over_is_not_renewed(store: Store) -> None:
    lease = taken(store)
    kept = store.renew_lease(lease, T0 + timedelta(seconds=5), TWENTY)
    assert kept is not None
    assert (kept.fence, kept.since, kept.expires_at) == (1, T0, END + timedelta(seconds=5))
    late = store.renew_lease(kept, END + HOUR, TWENTY)  # it slept, but nobody took it
    assert late is not None
    assert late.fence == 1
    taken(store, "two", 3 * HOUR)
    assert store.renew_lease(late, T0 + 3 * HOUR, TWENTY) is None


def test_a_lease_that_was_given_up_is_free_at_once_and_its_number_grows(store: Store) -> None:
    lease = taken(store)
    assert store.release_lease(lease, T0)
    assert not store.release_lease(lease, T0)
    assert taken(store, "two").fence == 2


def test_who_bears_the_name_of_the_holder_takes_its_place(store: Store) -> None:
    taken(store)
    assert taken(store, "one").fence == 2


def test_a_lease_that_was_watched_long_enough_is_taken_although_the_clock_stepped_back(store: Store) -> None:
    seen = taken(store, now=HOUR)  # the clock was an hour ahead
    assert store.take_lease("leader", "two", T0, TWENTY) is None
    later = store.renew_lease(seen, T0 + HOUR, TWENTY)
    assert later == seen
    assert store.renew_lease(seen, T0 + 2 * HOUR, TWENTY) is not None  # it lives
    assert store.take_lease("leader", "two", T0, TWENTY, unchanged=seen) is None
    still = store.read_lease("leader")
    stolen = store.take_lease("leader", "two", T0, TWENTY, unchanged=still)
    assert stolen is not None
    assert stolen.fence == 2


def test_a_run_of_an_old_leader_is_not_written(store: Store) -> None:
    first = taken(store)
    store.fence_runs(lambda: Fence(name="leader", number=first.fence))
    old = store.begin_run("run", T0, T0)
    taken(store, "two", HOUR)
    with pytest.raises(RunConflict, match=r"number 1, which is now 2 \(two\)"):
        store.commit_run(old, RunResults(definitions_hash="h", outbox=[message("m")]), T0)
    assert store.outbox_counts()["waiting"] == 0
    assert store.last_as_of("run") is None


def test_a_run_is_not_written_once_the_lead_was_given_up(store: Store) -> None:
    first = taken(store)
    store.fence_runs(lambda: Fence(name="leader", number=first.fence))
    run = store.begin_run("run", T0, T0)
    store.release_lease(first, T0)
    with pytest.raises(RunConflict, match="nobody"):
        store.commit_run(run, RunResults(definitions_hash="h"), T0)


def test_a_run_of_the_leader_and_one_by_hand_are_written(store: Store) -> None:
    first = taken(store)
    by_hand = store.begin_run("run", T0, T0)
    store.commit_run(by_hand, RunResults(definitions_hash="h"), T0)
    store.fence_runs(lambda: Fence(name="leader", number=first.fence))
    run = store.begin_run("run", T0 + HOUR, T0)
    assert run.fence == Fence(name="leader", number=1)
    assert store.commit_run(run, RunResults(definitions_hash="h", outbox=[message("m")]), T0).enqueued == 1


def test_a_new_leader_does_not_wait_for_the_run_of_one_that_died(store: Store) -> None:
    first = taken(store)
    store.fence_runs(lambda: Fence(name="leader", number=first.fence))
    old = store.begin_run("run", T0, T0)
    with pytest.raises(RunConflict, match="is under way"):
        store.begin_run("run", T0, T0)
    second = taken(store, "two", HOUR)
    store.fence_runs(lambda: Fence(name="leader", number=second.fence))
    store.begin_run("run", T0, T0)
    dead = store.run(old.id)
    assert dead is not None
    assert (dead.status, "no longer leads" in dead.error) == ("failed", True)


def test_a_new_leader_waits_for_a_run_that_was_begun_by_hand(store: Store) -> None:
    store.begin_run("run", T0, T0)
    first = taken(store)
    store.fence_runs(lambda: Fence(name="leader", number=first.fence))
    with pytest.raises(RunConflict, match="is under way"):
        store.begin_run("run", T0, T0)
