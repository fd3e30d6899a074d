from datetime import timedelta

from pql.domain.durations import Duration
from pql.store import Store
from pql.store.records import Sent
from tests.integration.store.samples import HOUR, LEASE, MINUTE, T0, commit, message

SECOND = timedelta(seconds=1)


def leased_steps(store: Store, **options: object) -> list[str]:
    return [one.step_key for one in store.lease(T0, 10, LEASE, **options)]  # type: ignore[arg-type]


def test_turns_at_a_place_lie_a_gap_apart_and_other_places_do_not_wait(store: Store) -> None:
    turns = [store.reserve_turn("slack", "#a", T0, SECOND) for _ in range(3)]
    assert turns == [T0, T0 + SECOND, T0 + 2 * SECOND]
    assert store.reserve_turn("slack", "#b", T0, SECOND) == T0
    assert store.reserve_turn("slack", "#a", T0 + MINUTE, SECOND) == T0 + MINUTE


def test_a_turn_that_was_taken_while_the_clock_was_ahead_keeps_nobody_waiting(store: Store) -> None:
    store.reserve_turn("slack", "#a", T0 + HOUR, SECOND)
    assert store.reserve_turn("slack", "#a", T0, SECOND) == T0


def test_a_turn_does_not_come_before_the_end_of_a_pause_that_the_channel_asked_for(store: Store) -> None:
    store.hold_channel("slack", T0 + MINUTE)
    assert store.reserve_turn("slack", "#a", T0, SECOND) == T0 + MINUTE
    assert store.reserve_turn("webhook", "", T0, SECOND) == T0
    assert store.reserve_turn("slack", "#a", T0 + MINUTE, SECOND) == T0 + MINUTE


def test_nothing_is_leased_for_a_place_that_is_not_free(store: Store) -> None:
    commit(store, outbox=[message("a", "a", address="#a"), message("b", "b", address="#b")])
    store.reserve_turn("slack", "#a", T0, SECOND)
    assert leased_steps(store) == ["b"]
    assert store.next_turn(T0) == T0 + SECOND
    assert [one.step_key for one in store.lease(T0 + SECOND, 10, LEASE)] == ["a"]
    assert store.next_turn(T0 + SECOND) is None


def test_a_channel_that_is_held_back_is_held_back_as_a_whole_and_no_other_is(store: Store) -> None:
    commit(store, outbox=[message("a"), message("b", "b", address="#b"), message("c", "c", channel="email")])
    store.hold_channel("slack", T0 + MINUTE)
    store.hold_channel("slack", T0 + SECOND)  # a longer hold stays
    assert leased_steps(store) == ["c"]
    assert store.next_turn(T0, channels={"slack"}) == T0 + MINUTE
    assert store.next_turn(T0, but={"slack"}) is None
    assert [one.step_key for one in store.lease(T0 + MINUTE, 10, Duration(1), but={"email"})] == ["a", "b"]


def test_of_a_paced_channel_one_message_a_place_is_leased(store: Store) -> None:
    commit(store, outbox=[message(step, step) for step in "abc"] + [message("d", "d", address="#other")])
    assert leased_steps(store, paced={"slack"}) == ["a", "d"]
    assert leased_steps(store) == ["b", "c"]


def test_many_are_marked_at_once_and_one_that_is_anothers_by_now_is_told(store: Store) -> None:
    commit(store, outbox=[message(step, step) for step in "abc"])
    batch = store.lease(T0, 3, LEASE)
    late = store.lease(T0 + HOUR, 1, LEASE)[0]
    marks = [Sent(leased=one, at=T0, reference=f"ref {one.step_key}", seconds=0.5) for one in batch]
    assert store.mark_all_sent(marks) == [False, True, True]
    rows = {row.step_key: row for row in store.notifications()}
    assert {step: row.status for step, row in rows.items()} == {"a": "waiting", "b": "sent", "c": "sent"}
    assert (rows["b"].reference, rows["b"].sent_at) == ("ref b", T0)
    assert [one.outcome for one in store.attempts(rows["a"].delivery_id)] == ["unknown", "refused"]
    assert [(one.outcome, one.seconds) for one in store.attempts(rows["c"].delivery_id)] == [("sent", 0.5)]
    assert store.mark_all_sent([Sent(leased=late, at=T0, reference="r", reconciled=True)]) == [True]
    assert store.outbox_counts()["ambiguous"] == 0


def test_what_is_known_to_live_is_not_taken_over_whatever_the_clock_says(store: Store) -> None:
    commit(store, outbox=[message("a")])
    mine = store.lease(T0, 1, LEASE)[0]
    assert store.lease(T0 + HOUR, 1, LEASE, held={mine.token}) == []
    assert len(store.lease(T0 + HOUR, 1, LEASE, held={"another's"})) == 1


def test_a_lease_from_a_clock_that_was_ahead_does_not_last_for_hours(store: Store) -> None:
    commit(store, outbox=[message("a")])
    store.lease(T0 + HOUR, 1, LEASE)
    assert [one.outgoing.ambiguous for one in store.lease(T0, 1, LEASE)] == [True]
