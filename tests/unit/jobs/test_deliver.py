"""Delivery over a real outbox (SQLite in memory) and channels that fail as they are told to."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Semaphore
from time import sleep
from typing import Any

import pytest

from pql.config.settings import StateSettings
from pql.domain.messages import Alert, Outgoing, Receipt, Rendered, Subject
from pql.errors import DeliveryError, StateError
from pql.jobs.deliver import LEASE, Courier, Delivered, deliver
from pql.notify import Channel
from pql.store import Store, open_store
from pql.store.records import OutboxRecord, RunResults, Sent
from pql.testing import RecordingChannel, SteppingClock

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(StateSettings(url="sqlite://"), Path())
    yield opened
    opened.close()


def message(number: int, *, channel: str = "file", address: str = "", lead: str = "") -> OutboxRecord:
    return OutboxRecord(
        step_key=f"episode:{number}",
        lead_id=lead or f"a{number}",
        subject=Subject.QUALIFICATION,
        recipient="mia@plotline.test",
        channel=channel,
        address=address or "mia@plotline.test",
        payload={"text": f"message {number}"},
        due_at=START,
        valid_until=START + timedelta(days=3),
    )


def write(store: Store, *records: OutboxRecord) -> None:
    run = store.begin_run("run", START, START)
    store.commit_run(run, RunResults(definitions_hash="h", outbox=records), START)


def send(
    store: Store, channels: Mapping[str, RecordingChannel], clock: SteppingClock | None = None, *, stop_after: int = 99
) -> Delivered:
    clock = clock or SteppingClock(START)
    taken = [*channels.values()]
    courier = Courier(
        store=store,
        channels=channels,
        clock=clock,
        wait=clock.wait,
        stopping=lambda: sum(len(channel.tries) for channel in taken) >= stop_after,
    )
    return deliver(courier)


def statuses(store: Store) -> dict[str, str]:
    return {row.step_key: row.status for row in store.notifications()}


def test_every_due_message_is_sent_once_and_marked(store: Store) -> None:
    write(store, message(1), message(2))
    channel = RecordingChannel()
    assert send(store, {"file": channel}).sent == 2
    assert send(store, {"file": channel}).sent == 0
    assert sorted(str(one.payload["text"]) for one in channel.taken) == ["message 1", "message 2"]
    assert set(statuses(store).values()) == {"sent"}


def test_a_transient_failure_is_tried_again_later_and_not_before(store: Store) -> None:
    write(store, message(1))
    channel = RecordingChannel(script=[DeliveryError("busy", retry_after=30)])
    clock = SteppingClock(START)
    assert send(store, {"file": channel}, clock).retried == 1
    clock.wait(29)
    assert send(store, {"file": channel}, clock).sent == 0
    clock.wait(10)
    assert send(store, {"file": channel}, clock).sent == 1


def test_a_permanent_failure_is_given_up_and_told(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    write(store, message(1))
    done = send(store, {"file": RecordingChannel(script=[DeliveryError("no such channel", permanent=True)])})
    assert done.failed == 1
    assert statuses(store) == {"episode:1": "failed"}
    assert [record.action for record in caplog.records if hasattr(record, "action")] == ["message_failed"]


def test_one_channel_that_fails_does_not_stop_another(store: Store) -> None:
    write(store, message(1, channel="slack"), message(2, channel="file"))
    broken = RecordingChannel("slack", script=[DeliveryError("down")] * 50)
    working = RecordingChannel()
    done = send(store, {"slack": broken, "file": working})
    assert (done.sent, done.retried) == (1, 1)


def test_a_channel_that_is_not_set_up_keeps_its_messages(store: Store) -> None:
    write(store, message(1, channel="slack"))
    clock = SteppingClock(START)
    assert send(store, {}, clock).retried == 1
    clock.wait(600)
    assert send(store, {"slack": RecordingChannel("slack")}, clock).sent == 1


def test_an_ambiguous_failure_is_told_to_the_channel_at_the_next_try(store: Store) -> None:
    write(store, message(1))
    channel = RecordingChannel(script=[DeliveryError("no answer", ambiguous=True)])
    clock = SteppingClock(START)
    send(store, {"file": channel}, clock)
    clock.wait(60)
    send(store, {"file": channel}, clock)
    assert [one.ambiguous for one in channel.tries] == [False, True]
    assert channel.tries[0].delivery_id == channel.tries[1].delivery_id


def test_slack_gets_at_most_one_message_a_second_to_one_place(store: Store) -> None:
    write(store, *(message(number, channel="slack", address="#pql") for number in range(3)))
    clock = SteppingClock(START)
    assert send(store, {"slack": RecordingChannel("slack")}, clock).sent == 3
    assert clock.now - START >= timedelta(seconds=2)


def test_nothing_new_is_begun_once_the_program_should_stop_and_nothing_is_lost(store: Store) -> None:
    write(store, *(message(number) for number in range(5)))
    channel = RecordingChannel()
    assert send(store, {"file": channel}, stop_after=2).sent == 2
    assert send(store, {"file": channel}).sent == 3
    assert len({one.delivery_id for one in channel.taken}) == 5


def test_nothing_is_sent_while_sending_is_paused(store: Store) -> None:
    write(store, message(1))
    store.pause("mia@plotline.test", START)
    assert send(store, {"file": RecordingChannel()}).sent == 0
    store.resume(START)
    assert send(store, {"file": RecordingChannel()}).sent == 1


def test_what_is_no_longer_true_is_not_sent(store: Store) -> None:
    write(store, message(1))
    channel = RecordingChannel()
    done = send(store, {"file": channel}, SteppingClock(START + timedelta(days=4)))
    assert (done.sent, done.expired, channel.taken) == (0, 1, [])


def test_a_worker_that_died_leaves_its_message_to_another_as_ambiguous(store: Store) -> None:
    write(store, message(1))
    assert len(store.lease(START, 10, LEASE)) == 1  # and dies
    channel = RecordingChannel()
    assert send(store, {"file": channel}, SteppingClock(START + timedelta(seconds=1))).sent == 0
    assert send(store, {"file": channel}, SteppingClock(START + timedelta(seconds=LEASE.seconds + 1))).sent == 1
    assert channel.taken[0].ambiguous


def test_what_was_decided_while_delivery_was_off_is_kept_and_never_sent(store: Store) -> None:
    write(store, replace(message(1), shadow=True), message(2))
    channel = RecordingChannel()
    assert send(store, {"file": channel}).sent == 1
    assert statuses(store) == {"episode:1": "shadow", "episode:2": "sent"}


def courier(store: Store, channels: Mapping[str, Channel], clock: SteppingClock, **options: Any) -> Courier:
    return Courier(store=store, channels=channels, clock=clock, wait=clock.wait, **options)


class Waiting:
    """A channel that takes a message only once it is let, and tells how many wait."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.let = Event()
        self.waiting = Semaphore(0)

    def render(self, alert: Alert) -> Rendered:
        raise NotImplementedError

    def send(self, outgoing: Outgoing) -> Receipt:
        self.waiting.release()
        assert self.let.wait(10)
        return Receipt(reference=outgoing.delivery_id)


def test_a_channel_that_hangs_keeps_no_other_waiting(store: Store) -> None:
    write(store, message(1, channel="slack"), message(2, channel="file"))
    hanging, working = Waiting("slack"), RecordingChannel()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(deliver, courier(store, {"slack": hanging, "file": working}, SteppingClock(START)))
        assert hanging.waiting.acquire(timeout=10)
        for _ in range(500):
            if statuses(store)["episode:2"] == "sent":
                break
            sleep(0.01)
        assert statuses(store) == {"episode:1": "waiting", "episode:2": "sent"}
        hanging.let.set()
        assert running.result().sent == 2


def test_several_workers_send_at_once_and_each_message_once(store: Store) -> None:
    write(store, *(message(number) for number in range(40)))
    slow = Waiting("file")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(deliver, courier(store, {"file": slow}, SteppingClock(START), workers=3))
        assert all(slow.waiting.acquire(timeout=10) for _ in range(3))
        assert not slow.waiting.acquire(timeout=0.1)
        slow.let.set()
        assert running.result().sent == 40
    assert store.outbox_counts()["sent"] == 40


def test_a_pause_that_a_channel_asks_for_is_made_for_all_its_messages_by_all_processes(store: Store) -> None:
    write(store, *(message(number, channel="slack", address=f"#{number}") for number in range(3)))
    clock = SteppingClock(START)
    limited = RecordingChannel("slack", script=[DeliveryError("too many requests", retry_after=60)])
    assert send(store, {"slack": limited}, clock, stop_after=1).retried == 1
    other = RecordingChannel("slack")  # of another process
    assert send(store, {"slack": other}, clock).sent == 0
    clock.wait(70)
    assert send(store, {"slack": other}, clock).sent == 3


def test_processes_take_turns_at_a_place(store: Store) -> None:
    write(store, *(message(number, channel="slack", address="#pql") for number in range(4)))
    clock = SteppingClock(START)
    for number in range(4):  # each a process of its own, that sends one and ends
        assert send(store, {"slack": RecordingChannel("slack")}, clock, stop_after=1).sent == 1
        assert clock.now - START == timedelta(seconds=number)


def test_all_webhooks_share_the_pace_of_their_endpoint_whoever_they_are_for(store: Store) -> None:
    write(store, *(message(number, channel="webhook", address=f"rep{number}@plotline.test") for number in range(8)))
    clock = SteppingClock(START)
    for _ in range(2):  # two processes
        assert send(store, {"webhook": RecordingChannel("webhook")}, clock, stop_after=4).sent == 4
    assert clock.now - START == timedelta(seconds=0.7)


def test_webhooks_to_another_url_have_a_pace_of_their_own(store: Store) -> None:
    write(store, message(1, channel="webhook"), message(2, channel="webhook", address="https://test.example/hook"))
    clock = SteppingClock(START)
    assert send(store, {"webhook": RecordingChannel("webhook")}, clock).sent == 2
    assert clock.waited == []


def test_what_is_leased_already_heeds_a_pause_too_and_is_given_back_untried(store: Store) -> None:
    write(store, *(message(number, channel="webhook") for number in range(4)))
    clock = SteppingClock(START)
    busy = RecordingChannel("webhook", script=[None, DeliveryError("too many requests", retry_after=60)])
    done = send(store, {"webhook": busy}, clock)
    assert (done.sent, done.retried, len(busy.tries)) == (1, 1, 2)
    assert [row.attempts for row in store.notifications(status="waiting")] == [0, 0, 1]
    clock.wait(66)
    assert send(store, {"webhook": busy}, clock).sent == 3


def test_what_cannot_be_begun_well_before_its_lease_ends_is_given_back_untried(store: Store) -> None:
    write(store, *(message(number) for number in range(3)))
    clock = SteppingClock(START)

    class Slow(RecordingChannel):
        def send(self, outgoing: Outgoing) -> Receipt:
            clock.wait(31)
            return super().send(outgoing)

    tries = Slow()
    assert deliver(courier(store, {"file": tries}, clock, stopping=lambda: len(tries.tries) == 2)).sent == 2
    assert statuses(store)["episode:2"] == "waiting"
    assert [row.attempts for row in store.notifications(status="waiting")] == [0]
    assert [one.ambiguous for one in tries.tries] == [False, False]


def test_a_fault_of_ours_stops_nothing_and_leaves_a_doubt(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    write(store, message(1), message(2))
    broken = RecordingChannel(script=[RuntimeError("xoxb-secret")])
    clock = SteppingClock(START)
    done = deliver(courier(store, {"file": broken}, clock))
    assert (done.sent, done.retried) == (1, 1)
    clock.wait(60)
    assert deliver(courier(store, {"file": broken}, clock)).sent == 1
    assert broken.taken[-1].ambiguous
    assert "xoxb-secret" not in caplog.text


class Away(Store):
    """A store that cannot be written to for a while."""

    def __init__(self, store: Store, times: int) -> None:
        super().__init__(store._database)
        self.times = times

    def mark_all_sent(self, marks: Sequence[Sent]) -> list[bool]:
        self.times -= 1
        if self.times >= 0:
            raise StateError("the disk is full")
        return super().mark_all_sent(marks)


def test_what_was_sent_is_marked_once_the_database_is_back(store: Store) -> None:
    write(store, message(1), message(2))
    assert deliver(courier(Away(store, 5), {"file": RecordingChannel()}, SteppingClock(START))).sent == 2
    assert set(statuses(store).values()) == {"sent"}


def test_what_cannot_be_marked_before_its_lease_ends_is_left_in_doubt(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    write(store, message(1))
    clock, channel = SteppingClock(START), RecordingChannel()
    stopping = lambda: bool(channel.tries)  # noqa: E731 - one line says it
    deliver(courier(Away(store, 10_000), {"file": channel}, clock, stopping=stopping))
    assert "marks_lost" in [getattr(record, "action", "") for record in caplog.records]
    again = RecordingChannel()
    clock.wait(1)
    assert send(store, {"file": again}, clock).sent == 1
    assert again.taken[0].ambiguous
