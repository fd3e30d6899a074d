"""Who leads, with clocks that the tests move: the shared one, which may step, and the monotonic one, which cannot."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pql.config.settings import StateSettings
from pql.errors import RunConflict
from pql.jobs.clocks import ASKED_EVERY, SharedClock
from pql.jobs.leading import LEASE, Leadership
from pql.store import Store, open_store
from pql.store.engine import connect
from pql.store.records import Fence

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


class Time:
    """A clock on the wall, which may be set, and one that only goes on."""

    def __init__(self) -> None:
        self.wall = START
        self.ran = 1000.0

    def clock(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.ran

    def pass_(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ran += seconds


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(StateSettings(url="sqlite://"), Path())
    yield opened
    opened.close()


@pytest.fixture
def time() -> Time:
    return Time()


def process(store: Store, time: Time, name: str) -> Leadership:
    return Leadership(store, holder=name, clock=time.clock, monotonic=time.monotonic)


def test_one_of_two_leads_as_long_as_it_gives_signs_of_life(store: Store, time: Time) -> None:
    one, two = process(store, time, "one"), process(store, time, "two")
    assert (one.try_once(), two.try_once()) == (True, False)
    for _ in range(10):
        time.pass_(5)
        assert (one.try_once(), two.try_once()) == (True, False)
    assert (one.fence(), two.fence()) == (Fence(name="leader", number=1), None)


def test_another_leads_once_the_leader_gave_no_sign_of_life_for_its_lease(store: Store, time: Time) -> None:
    one, two = process(store, time, "one"), process(store, time, "two")
    one.try_once()
    time.pass_(LEASE.seconds - 1)
    assert not two.try_once()
    time.pass_(1)
    assert two.try_once()
    assert two.fence() == Fence(name="leader", number=2)


def test_a_leader_that_was_asleep_knows_by_itself_that_it_may_not_lead_any_more(store: Store, time: Time) -> None:
    one, two = process(store, time, "one"), process(store, time, "two")
    lost: list[bool] = []
    one.on_loss = lambda: lost.append(True)
    one.try_once()
    time.pass_(LEASE.seconds)
    assert one.fence() is None
    with pytest.raises(RunConflict, match="does not lead"):
        one.required()
    two.try_once()
    assert not one.try_once()
    assert lost == [True]
    time.pass_(LEASE.seconds)
    assert one.try_once()
    assert one.fence() == Fence(name="leader", number=3)


def test_a_leader_that_slept_while_nobody_took_its_place_goes_on(store: Store, time: Time) -> None:
    one = process(store, time, "one")
    one.try_once()
    time.pass_(3600)
    assert one.try_once()
    assert one.fence() == Fence(name="leader", number=1)


def test_a_clock_that_steps_back_does_not_leave_the_others_without_a_leader(store: Store, time: Time) -> None:
    one, two = process(store, time, "one"), process(store, time, "two")
    one.try_once()  # and dies
    time.wall -= timedelta(hours=5)
    waited = 0
    while not two.try_once():
        time.pass_(5)
        waited += 5
    assert waited <= 30


def test_a_clock_that_steps_forward_costs_a_change_of_leader_and_nothing_else(store: Store, time: Time) -> None:
    one, two = process(store, time, "one"), process(store, time, "two")
    one.try_once()
    time.wall += timedelta(hours=5)
    assert two.try_once()
    assert not one.try_once()
    assert (one.fence(), two.fence()) == (None, Fence(name="leader", number=2))


def test_a_leader_that_stops_gives_up_the_lead_at_once(store: Store, time: Time) -> None:
    one, two = process(store, time, "one"), process(store, time, "two")
    one.try_once()
    one.give_up()
    assert one.fence() is None
    assert two.try_once()
    one.give_up()  # another's lead is not given up
    assert two.try_once()


def test_a_leader_whose_process_is_known_to_be_dead_is_replaced_at_once(store: Store, time: Time) -> None:
    process(store, time, "dead").try_once()
    two = Leadership(
        store, holder="two", clock=time.clock, monotonic=time.monotonic, gone=lambda holder: holder == "dead"
    )
    assert two.try_once()


def test_who_takes_the_lead_is_told_each_time(store: Store, time: Time) -> None:
    one = process(store, time, "one")
    gained: list[bool] = []
    one.on_gain = lambda: gained.append(True)
    one.try_once()
    one.try_once()
    one.give_up()
    one.try_once()
    assert gained == [True, True]


def test_the_shared_clock_does_not_step_between_two_questions(store: Store, time: Time) -> None:
    shared = SharedClock(store, time.clock, time.monotonic)
    assert shared() == START
    time.wall += timedelta(hours=1)
    time.ran += 2
    assert shared() == START + timedelta(seconds=2)
    time.ran += ASKED_EVERY
    assert shared() == START + timedelta(hours=1)


def test_the_shared_clock_goes_on_while_the_database_is_away(time: Time) -> None:
    store = Store(connect(StateSettings(url="postgresql://nobody@127.0.0.1:1/none?connect_timeout=1"), Path()))
    shared = SharedClock(store, time.clock, time.monotonic)
    assert shared() == START
    time.ran += ASKED_EVERY
    time.wall -= timedelta(hours=1)
    assert shared() == START + timedelta(seconds=ASKED_EVERY)
    store.close()
