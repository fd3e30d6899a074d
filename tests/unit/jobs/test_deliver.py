"""Delivery over a real outbox (SQLite in memory) and channels that fail as they are told to."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pql.config.settings import StateSettings
from pql.domain.messages import Subject
from pql.errors import DeliveryError
from pql.jobs.deliver import LEASE, Courier, Delivered, deliver
from pql.store import Store, open_store
from pql.store.records import OutboxRecord, RunResults
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
