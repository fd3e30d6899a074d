"""What waits, what is muted, who may tell, and in whose thread."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from pql.domain.messages import Subject
from pql.domain.mutes import Mute
from pql.errors import RunConflict
from pql.store import Store
from pql.store.records import RunResults
from tests.integration.store.samples import HOUR, LEASE, MINUTE, T0, commit, decision, held_back, message

MIA, OWEN = "mia@plotline.test", "owen@plotline.test"


# --- who may tell -----------------------------------------------------------------------------------------------


def test_of_two_runs_that_tell_the_same_thing_to_two_reps_the_first_alone_does(store: Store) -> None:
    watch, run = store.begin_run("watch", T0, T0), store.begin_run("run", T0, T0)
    results = [
        RunResults(
            definitions_hash="hash",
            decisions=[decision("moment:1", recipient=rep)],
            outbox=[message("moment:1", recipient=rep)],
        )
        for rep in (MIA, OWEN)
    ]
    assert store.commit_run(watch, results[0], T0).enqueued == 1
    late = store.commit_run(run, results[1], T0)
    assert (late.enqueued, late.enqueued_before, late.decisions) == (0, 1, 0)
    assert [one.recipient for one in store.notifications()] == [MIA]
    assert [one.recipient for one in store.decisions()] == [MIA]


def test_of_runs_that_commit_at_the_same_moment_one_alone_tells(store: Store) -> None:
    jobs = [store.begin_run(f"job{number}", T0, T0) for number in range(4)]

    def tell(number: int) -> int:
        results = RunResults(definitions_hash="hash", outbox=[message("m", recipient=f"rep{number}@plotline.test")])
        return store.commit_run(jobs[number], results, T0).enqueued

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(tell, range(4))) == [0, 0, 0, 1]
    assert len(store.notifications()) == 1


def test_what_was_gathered_is_told_whole_or_not_at_all(store: Store) -> None:
    commit(store, outbox=[message("moment:2")])
    run = store.begin_run("watch", T0, T0)
    gathered = RunResults(definitions_hash="hash", outbox=[message("moment:1", steps=("moment:2", "moment:3"))])
    with pytest.raises(RunConflict, match="another run told 'moment:2'"):
        store.commit_run(run, gathered, T0)
    assert store.told_keys(["moment:1", "moment:2", "moment:3"]) == {"moment:2"}


def test_all_that_a_message_tells_of_counts_as_told(store: Store) -> None:
    commit(store, outbox=[message("moment:1", steps=("moment:2",))])
    assert store.told_keys(["moment:1", "moment:2", "moment:3"]) == {"moment:1", "moment:2"}


# --- what waits -------------------------------------------------------------------------------------------------


def test_what_is_held_is_given_when_it_is_due_and_until_it_is_settled(store: Store) -> None:
    about = {"moment": "paywall", "occurrence": {"key": "1", "user_id": None}}
    commit(store, held=[held_back("m", about=about), held_back("n", recipient=OWEN, due_at=T0 + 3 * HOUR)])
    assert store.held(due_before=T0) == []
    due = store.held(due_before=T0 + HOUR)
    assert [(one.step_key, one.about, one.happened_at, one.due_at) for one in due] == [("m", about, T0, T0 + HOUR)]
    assert [one.step_key for one in store.held(recipient="OWEN@plotline.test")] == ["n"]
    commit(store, T0 + HOUR, settled={"m": "sent", "gone": "dropped"})
    assert store.held(due_before=T0 + HOUR) == []
    assert [one.step_key for one in store.held(status="sent")] == ["m"]


def test_what_is_held_again_waits_anew_and_keeps_since_when(store: Store) -> None:
    commit(store, held=[held_back("m")])
    commit(store, T0 + HOUR, settled={"m": "digest"})
    commit(store, T0 + 2 * HOUR, held=[held_back("m", at=T0 + 2 * HOUR, why="MUTED")])
    [again] = store.held()
    assert (again.held_at, again.due_at, again.why) == (T0, T0 + 3 * HOUR, "MUTED")


# --- mutes ------------------------------------------------------------------------------------------------------


def muted(**values: object) -> Mute:
    given = {"by": MIA, "reason": "they asked us to wait", "at": T0, "until": T0 + HOUR, **values}
    return Mute(**given)  # type: ignore[arg-type]


def test_a_mute_holds_until_its_end(store: Store) -> None:
    kept = store.mute(muted(lead_id="a"))
    assert kept.number > 0
    assert store.mutes(T0 + HOUR - MINUTE) == [kept]
    assert store.mutes(T0 + HOUR) == []


def test_a_mute_that_is_taken_back_lets_what_it_held_be_decided_at_once(store: Store) -> None:
    kept = store.mute(muted(lead_id="a", until=T0 + 9 * HOUR))
    commit(store, held=[held_back("m", why="MUTED", due_at=T0 + 9 * HOUR), held_back("n", due_at=T0 + 9 * HOUR)])
    assert store.unmute(kept.number, T0 + HOUR) == kept
    assert [one.step_key for one in store.held(due_before=T0 + HOUR)] == ["m"]
    assert store.mutes(T0 + HOUR) == []
    assert store.unmute(kept.number, T0 + HOUR) is None


# --- threads ----------------------------------------------------------------------------------------------------


def test_news_goes_under_the_newest_message_that_opened_a_thread(store: Store) -> None:
    commit(store, outbox=[message("one"), message("two", channel="email", address=MIA), message("x", recipient=OWEN)])
    commit(store, T0 + HOUR, outbox=[message("three"), message("check", subject=Subject.CHECK_IN)])
    root = next(one for one in store.threads(["a"], since=T0) if (one.recipient, one.channel) == (MIA, "slack"))
    three = next(one for one in store.notifications() if one.step_key == "three")
    assert (root.delivery_id, root.address, root.created_at) == (three.delivery_id, "#pql", T0 + HOUR)
    commit(store, T0 + 2 * HOUR, outbox=[message("four", reply_to=root.delivery_id)])
    assert root in store.threads(["a"], since=T0)
    assert next(one for one in store.notifications() if one.step_key == "four").reply_to == root.delivery_id
    assert len(store.threads(["a", "b"], since=T0)) == 3
    assert store.threads(["a"], since=T0 + timedelta(days=1)) == []


def test_a_message_that_could_not_be_sent_opens_no_thread(store: Store) -> None:
    commit(store, outbox=[message("one")])
    [leased] = store.lease(T0, 1, LEASE)
    store.mark_failed(leased, T0, "channel_not_found")
    assert store.threads(["a"], since=T0) == []
