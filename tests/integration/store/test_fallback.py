"""A message that cannot be delivered and the one in its place, and what the operator is told, on both databases."""

from concurrent.futures import ThreadPoolExecutor

from pql.store import Store
from pql.store.records import Leased, Notification, OutboxRecord
from tests.integration.store.samples import HOUR, LEASE, MINUTE, T0, commit, message

KEY = "slack:#sales:not_in_channel"


def by_email(step: str = "m", recipient: str = "mia@plotline.test") -> OutboxRecord:
    return message(step, channel="email", recipient=recipient, address="there")


def leased(store: Store) -> list[Leased]:
    return store.lease(T0, 10, LEASE)


def rows(store: Store) -> list[tuple[str, str, str]]:
    return sorted((row.channel, row.recipient, row.status) for row in store.notifications())


def only(store: Store, channel: str) -> Notification:
    (found,) = [row for row in store.notifications() if row.channel == channel]
    return found


def test_the_message_in_its_place_is_written_with_the_failure(store: Store) -> None:
    commit(store, outbox=[message("m")])
    (one,) = leased(store)
    sent = store.fall_back(one, T0, "not_in_channel", instead=[by_email()])
    assert sent is not None
    assert (only(store, "slack").status, only(store, "email").status) == ("failed", "waiting")
    assert only(store, "email").fallback_of == only(store, "slack").delivery_id
    assert only(store, "slack").last_error == "not_in_channel"
    assert [attempt.outcome for attempt in store.attempts(one.outgoing.delivery_id)] == ["failed"]


def test_where_it_is_on_its_way_already_nothing_goes_in_its_place(store: Store) -> None:
    commit(store, outbox=[message("m"), by_email()])
    slack, email = leased(store)
    assert store.mark_sent(email, T0, "ref")
    assert store.fall_back(slack, T0, "no", instead=[by_email(), by_email(recipient="operator")]) is None
    assert rows(store) == [("email", "mia@plotline.test", "sent"), ("slack", "mia@plotline.test", "failed")]


def test_what_failed_there_too_goes_on_to_the_next_and_never_back(store: Store) -> None:
    commit(store, outbox=[message("m"), by_email()])
    slack, email = leased(store)
    places = [message("m"), by_email(), by_email(recipient="operator")]
    assert store.fall_back(email, T0, "550", instead=places) is None  # Slack is about to be tried
    last = store.fall_back(slack, T0, "no", instead=places)
    assert last is not None
    assert last.recipient == "operator"
    (third,) = leased(store)
    assert store.fall_back(third, T0, "550", instead=places) is None
    assert {status for _, _, status in rows(store)} == {"failed"}


def test_a_worker_that_lost_its_lease_writes_nothing_in_its_place(store: Store) -> None:
    commit(store, outbox=[message("m")])
    (slow,) = leased(store)
    assert store.lease(T0 + MINUTE, 10, LEASE)
    assert store.fall_back(slow, T0 + MINUTE, "no", instead=[by_email()]) is None
    assert rows(store) == [("slack", "mia@plotline.test", "waiting")]


def test_two_channels_that_fail_at_once_leave_one_message_for_the_operator(store: Store) -> None:
    for number in range(5):
        step = f"m{number}"
        commit(store, T0 + number * MINUTE, outbox=[message(step, f"lead{number}"), by_email(step)])
        both = store.lease(T0 + number * MINUTE, 10, LEASE)
        places = [message(step), by_email(step), by_email(step, "operator")]

        def fail(one: Leased, places: list[OutboxRecord] = places) -> OutboxRecord | None:
            return store.fall_back(one, T0, "no", instead=places)

        with ThreadPoolExecutor(2) as pool:
            sent = [record for record in pool.map(fail, both) if record is not None]
        assert [record.recipient for record in sent] == ["operator"]
        (last,) = [one for one in store.lease(T0 + number * MINUTE, 10, LEASE) if one.recipient == "operator"]
        store.mark_sent(last, T0, "ref")


def test_messages_given_back_until_an_instant_are_not_leased_before(store: Store) -> None:
    commit(store, outbox=[message("m")])
    assert store.release(leased(store), due=T0 + HOUR) == 1
    assert store.lease(T0 + HOUR - MINUTE, 10, LEASE) == []
    (one,) = store.lease(T0 + HOUR, 10, LEASE)
    assert one.outgoing.attempts == 0


# --- notices ----------------------------------------------------------------------------------------------------


def test_a_notice_is_new_once_while_it_lasts(store: Store) -> None:
    assert store.notice(KEY, "no", "invite it", T0)
    assert not store.notice(KEY, "still no", "invite it", T0 + MINUTE)
    (notice,) = store.notices()
    assert (notice.words, notice.times, notice.first_at, notice.last_at) == ("still no", 2, T0, T0 + MINUTE)
    assert store.notice_over(KEY, T0 + HOUR)
    assert not store.notice_over(KEY, T0 + HOUR)
    assert not store.notice_over("never:was:so", T0)
    assert store.notices() == []
    assert store.notice(KEY, "again", "invite it", T0 + HOUR)


def test_the_operator_is_told_of_its_beginning_and_of_its_end_once_each(store: Store) -> None:
    store.notice(KEY, "no", "invite it", T0)
    (begun,) = store.untold_notices()
    assert store.tell_notice(begun, [by_email("begun", "operator")], T0)
    assert not store.tell_notice(begun, [by_email("twice", "operator")], T0)
    assert store.untold_notices() == []
    store.notice_over(KEY, T0)  # at the very instant
    (over,) = store.untold_notices()
    assert over.ended_at is not None
    assert store.tell_notice(over, [by_email("over", "operator")], T0)
    assert store.untold_notices() == []
    assert sorted(row.step_key for row in store.notifications()) == ["begun", "over"]


def test_what_was_over_before_it_was_told_is_not_told(store: Store) -> None:
    store.notice(KEY, "no", "invite it", T0)
    (begun,) = store.untold_notices()
    store.notice_over(KEY, T0 + MINUTE)
    assert store.untold_notices() == []
    assert not store.tell_notice(begun, [by_email("late", "operator")], T0 + MINUTE)


def test_it_is_told_anew_when_it_comes_back(store: Store) -> None:
    for at in (T0, T0 + HOUR):
        store.notice(KEY, "no", "invite it", at)
        (begun,) = store.untold_notices()
        assert store.tell_notice(begun, [by_email(f"begun {at}", "operator")], at)
        store.notice_over(KEY, at + MINUTE)
        (over,) = store.untold_notices()
        assert store.tell_notice(over, [], at + MINUTE)
    assert len(store.notifications()) == 2
