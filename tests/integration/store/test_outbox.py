from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from pql.domain.durations import Duration
from pql.store import Store
from tests.integration.store.samples import HOUR, LEASE, MINUTE, T0, commit, message

END = T0 + MINUTE  # when a lease of T0 ends


def steps(store: Store, now: datetime = T0, limit: int = 10) -> list[str]:
    return [leased.step_key for leased in store.lease(now, limit, LEASE)]


def test_due_messages_are_leased_oldest_first_and_once(store: Store) -> None:
    commit(store, outbox=[message(f"m{number}", f"lead{number}") for number in range(3)])
    assert steps(store, limit=2) == ["m0", "m1"]
    assert steps(store) == ["m2"]
    assert steps(store) == []


def test_a_leased_message_has_all_that_a_channel_needs(store: Store) -> None:
    commit(store, outbox=[message("m", "a", address="U123", payload={"text": "hello", "blocks": [1]})])
    leased = store.lease(T0, 1, LEASE)[0]
    outgoing = leased.outgoing
    assert (outgoing.delivery_id, outgoing.channel, outgoing.address) == (
        message("m", "a").delivery_id,
        "slack",
        "U123",
    )
    assert outgoing.payload == {"text": "hello", "blocks": [1]}
    assert (outgoing.attempts, outgoing.ambiguous, outgoing.first_tried_at) == (0, False, T0)
    assert (leased.lead_id, leased.recipient, leased.leased_until) == ("a", "mia@plotline.test", END)
    assert "hello" not in leased.token


def test_a_message_waits_until_it_is_due(store: Store) -> None:
    commit(store, outbox=[message("m", at=T0 + HOUR)])
    assert steps(store, T0 + HOUR - timedelta(microseconds=1)) == []
    assert steps(store, T0 + HOUR) == ["m"]


def test_a_shadow_is_kept_and_never_leased_nor_does_it_hold_up_others(store: Store) -> None:
    commit(store, outbox=[message("shadow", shadow=True), message("m")])
    assert steps(store) == ["m"]
    commit(store, T0 + HOUR, outbox=[message("shadow")])
    assert steps(store, T0 + HOUR) == ["m"]  # the same message is not made anew either
    assert store.outbox_counts()["shadow"] == 1


def test_a_message_is_not_sent_once_it_is_no_longer_valid(store: Store) -> None:
    commit(store, outbox=[message("m", valid_until=T0 + HOUR), message("n", "b")])
    assert steps(store, T0 + HOUR) == ["n"]
    assert store.expire(T0 + HOUR) == 1
    assert store.expire(T0 + HOUR) == 0
    assert store.outbox_counts() == {"waiting": 1, "sent": 0, "failed": 0, "expired": 1, "ambiguous": 0}


def test_a_message_that_expires_keeps_the_reason_and_counts_once(store: Store) -> None:
    commit(store, outbox=[message(step, step, valid_until=T0 + HOUR) for step in ("untried", "tried", "left")])
    by_step = {one.step_key: one for one in store.lease(T0, 3, LEASE)}
    store.release([by_step["untried"]])
    store.mark_retry(by_step["tried"], T0, T0 + 2 * HOUR, "Slack: fatal_error", ambiguous=False)
    assert (store.expire(T0 + HOUR), store.expire(T0 + HOUR)) == (3, 0)
    assert {row.step_key: row.last_error for row in store.notifications(status="expired")} == {
        "untried": "no longer true before it could be tried",
        "tried": "no longer true; the last try said: Slack: fatal_error",
        "left": "no longer true; its last worker did not tell what became of it",
    }
    assert store.figures(T0 + HOUR).attempts["slack", "expired"] == 3


def test_a_message_that_is_being_sent_does_not_expire(store: Store) -> None:
    commit(store, outbox=[message("m", valid_until=T0 + MINUTE / 2)])
    leased = store.lease(T0, 1, LEASE)[0]
    assert store.expire(T0 + MINUTE / 2) == 0
    assert store.mark_sent(leased, T0 + MINUTE / 2, "ref")


def test_a_message_that_may_have_been_sent_and_expires_stays_in_doubt(store: Store) -> None:
    commit(store, outbox=[message("m", valid_until=END)])
    store.lease(T0, 1, LEASE)
    assert store.expire(END) == 1
    assert store.outbox_counts()["ambiguous"] == 1


def test_messages_about_one_lead_to_one_recipient_keep_their_order(store: Store) -> None:
    commit(store, outbox=[message("first"), message("second"), message("email", channel="email"), message("b", "b")])
    first, email, _ = store.lease(T0, 10, LEASE)
    assert (first.step_key, email.step_key) == ("first", "email")
    store.mark_retry(first, T0, T0 + HOUR, "rate limited")
    assert steps(store) == []  # the second waits for the retry of the first
    first = next(one for one in store.lease(T0 + HOUR, 10, LEASE) if one.step_key == "first")
    store.mark_sent(first, T0 + HOUR, "ref")
    assert steps(store, T0 + HOUR, 1) == ["second"]


def test_a_message_that_failed_or_expired_holds_up_no_other(store: Store) -> None:
    commit(store, outbox=[message("a1"), message("a2"), message("b1", "b", valid_until=T0), message("b2", "b")])
    failed, second = store.lease(T0, 10, LEASE)
    assert second.step_key == "b2"  # b1 is no longer valid
    store.mark_failed(failed, T0, "no such channel")
    assert steps(store) == ["a2"]


def test_marks_end_a_message(store: Store) -> None:
    commit(store, outbox=[message("m"), message("n", "b")])
    sent, failed = store.lease(T0, 10, LEASE)
    assert store.mark_sent(sent, T0 + MINUTE / 2, "C1:17.5", seconds=0.25)
    assert store.mark_failed(failed, T0 + MINUTE / 2, "channel_not_found")
    rows = {row.step_key: row for row in store.notifications()}
    assert (rows["m"].status, rows["m"].reference, rows["m"].sent_at) == ("sent", "C1:17.5", T0 + MINUTE / 2)
    assert (rows["n"].status, rows["n"].last_error, rows["n"].attempts) == ("failed", "channel_not_found", 1)
    attempt = store.attempts(rows["m"].delivery_id)[0]
    assert (attempt.outcome, attempt.seconds, attempt.at) == ("sent", 0.25, T0 + MINUTE / 2)
    assert steps(store, T0 + HOUR) == []


def test_a_retry_counts_its_attempts_and_remembers_its_first_try(store: Store) -> None:
    commit(store, outbox=[message("m")])
    for number in range(3):
        at = T0 + number * HOUR
        leased = store.lease(at, 1, LEASE)[0]
        assert (leased.outgoing.attempts, leased.outgoing.first_tried_at) == (number, T0)
        assert store.mark_retry(leased, at, at + HOUR, f"try {number}")
        assert steps(store, at + HOUR - MINUTE) == []
    row = store.notifications()[0]
    assert (row.status, row.attempts, row.last_error, row.ambiguous) == ("waiting", 3, "try 2", False)
    assert [attempt.error for attempt in store.attempts(row.delivery_id)] == ["try 0", "try 1", "try 2"]


def test_a_doubt_stays_until_the_channel_clears_it(store: Store) -> None:
    commit(store, outbox=[message("m"), message("n", "b")])
    for leased in store.lease(T0, 10, LEASE):
        store.mark_retry(leased, T0, T0 + HOUR, "timed out after sending", ambiguous=True)
    first, second = store.lease(T0 + HOUR, 10, LEASE)
    assert first.outgoing.ambiguous
    store.mark_sent(first, T0 + HOUR, "found", reconciled=True)
    store.mark_sent(second, T0 + HOUR, "sent again")
    assert store.outbox_counts() == {"waiting": 0, "sent": 2, "failed": 0, "expired": 0, "ambiguous": 1}


def test_a_lease_that_ended_can_be_taken_and_the_late_mark_is_refused(store: Store) -> None:
    commit(store, outbox=[message("m")])
    late = store.lease(T0, 1, LEASE)[0]
    assert steps(store, END - timedelta(microseconds=1)) == []
    heir = store.lease(END, 1, LEASE)[0]
    assert heir.outgoing.ambiguous  # the first may have sent it
    assert heir.outgoing.attempts == 1
    assert not store.mark_sent(late, END, "late")
    assert not store.mark_retry(late, END, END, "late")
    assert not store.mark_failed(late, END, "late")
    assert store.release([late]) == 0
    assert store.mark_sent(heir, END, "ref")
    row = store.notifications()[0]
    assert (row.status, row.reference) == ("sent", "ref")
    outcomes = [attempt.outcome for attempt in store.attempts(row.delivery_id)]
    assert outcomes == ["unknown", "refused", "refused", "refused", "sent"]


def test_a_late_mark_counts_while_nobody_else_has_the_message(store: Store) -> None:
    commit(store, outbox=[message("m")])
    leased = store.lease(T0, 1, LEASE)[0]
    assert store.mark_sent(leased, END + HOUR, "ref")
    assert not store.mark_sent(leased, END + HOUR, "twice")


def test_what_was_not_tried_is_given_back_as_if_nothing_was(store: Store) -> None:
    commit(store, outbox=[message("m")])
    assert store.release(store.lease(T0, 1, LEASE)) == 1
    leased = store.lease(T0 + HOUR, 1, LEASE)[0]
    outgoing = leased.outgoing
    assert (outgoing.attempts, outgoing.ambiguous, outgoing.first_tried_at) == (0, False, T0 + HOUR)


def test_nothing_is_leased_while_sending_is_paused(store: Store) -> None:
    commit(store, outbox=[message("m")])
    assert store.paused() is None
    paused = store.pause("mia@plotline.test", T0)
    assert store.pause("tom@plotline.test", T0 + HOUR) == paused
    assert store.paused() == paused
    assert steps(store) == []
    store.resume(T0 + HOUR)
    assert store.paused() is None
    assert steps(store) == ["m"]


def test_a_worker_may_ask_for_some_channels_only(store: Store) -> None:
    commit(store, outbox=[message("m"), message("m", channel="email"), message("m", channel="file")])
    leased = store.lease(T0, 10, LEASE, channels=["email", "file"])
    assert sorted(one.outgoing.channel for one in leased) == ["email", "file"]
    assert store.lease(T0, 10, LEASE, channels=[]) == []


@pytest.mark.parametrize("workers", [1, 4])
def test_many_workers_at_once_send_every_message_once_and_in_order(store: Store, workers: int) -> None:
    # 12 leads with 5 messages each.
    commit(store, outbox=[message(f"{lead}-{number}", f"lead{lead}") for number in range(5) for lead in range(12)])
    sent: list[str] = []

    def work(_: int) -> None:
        idle = 0
        while idle < 20:
            batch = store.lease(T0, 3, Duration(600))
            idle = 0 if batch else idle + 1
            for leased in batch:
                sent.append(leased.step_key)
                assert store.mark_sent(leased, T0, leased.step_key)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers)))
    assert len(sent) == len(set(sent)) == 60
    for lead in range(12):
        assert [step for step in sent if step.startswith(f"{lead}-")] == [f"{lead}-{number}" for number in range(5)]
    assert store.outbox_counts() == {"waiting": 0, "sent": 60, "failed": 0, "expired": 0, "ambiguous": 0}


def test_notifications_are_found_by_lead_recipient_status_and_time(store: Store) -> None:
    commit(store, outbox=[message("1"), message("2", "b", recipient="tom@plotline.test")])
    commit(store, T0 + HOUR, outbox=[message("3", "b")])

    def found(**wanted: str) -> list[str]:
        return [row.step_key for row in store.notifications(**wanted)]  # type: ignore[arg-type]

    assert found() == ["3", "2", "1"]
    assert found(lead_id="b") == ["3", "2"]
    assert found(recipient="tom@plotline.test") == ["2"]
    assert found(status="sent") == []
    assert [row.step_key for row in store.notifications(since=T0 + HOUR)] == ["3"]
    assert [row.step_key for row in store.notifications(limit=1)] == ["3"]
