from pql.store import Store
from tests.integration.store.samples import LEASE, MINUTE, T0, commit, message

ROOT = message("root", payload={"subject": "Acme is ready"})


def test_a_reply_is_leased_with_the_reference_and_the_subject_line_of_what_it_follows(store: Store) -> None:
    commit(store, outbox=[ROOT, message("news", reply_to=ROOT.delivery_id)])
    (first,) = store.lease(T0, 10, LEASE)  # the reply waits for it
    assert store.mark_sent(first, T0, "C1:17.000100")
    (second,) = store.lease(T0, 10, LEASE)
    assert (second.outgoing.thread, second.outgoing.thread_subject) == ("C1:17.000100", "Acme is ready")


def test_a_reply_to_what_was_never_sent_stands_alone(store: Store) -> None:
    commit(store, outbox=[ROOT, message("news", reply_to=ROOT.delivery_id)])
    (first,) = store.lease(T0, 10, LEASE)
    assert store.mark_failed(first, T0, "not_in_channel")
    (second,) = store.lease(T0, 10, LEASE)
    assert (second.outgoing.thread, second.outgoing.thread_subject) == ("", "")


def test_a_reply_in_another_channel_than_what_it_follows_stands_alone(store: Store) -> None:
    commit(store, outbox=[ROOT, message("news", channel="email", reply_to=ROOT.delivery_id)])
    first, _ = store.lease(T0, 10, LEASE)
    assert store.mark_sent(first, T0, "C1:17.000100")
    (second,) = store.lease(T0 + MINUTE, 10, LEASE)
    assert (second.step_key, second.outgoing.thread) == ("news", "")
