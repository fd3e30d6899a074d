"""What digests, reminders and the weekly summary read, on SQLite and on PostgreSQL."""

from datetime import timedelta
from typing import Any, Literal

from pql.domain.durations import Duration
from pql.domain.messages import Subject
from pql.store import Store
from pql.store.records import CheckInRecord, EpisodeClosed, OccurrenceRecord
from tests.integration.store.samples import HOUR, T0, commit, decision, evaluation, message, opened

MIA, TOM = "mia@plotline.test", "tom@plotline.test"
DAY = timedelta(days=1)
LEASE = Duration(60)


def digest(step: str, at_: timedelta = timedelta(), **values: Any) -> dict[str, Any]:
    """A digest that was decided on and filed."""
    given: dict[str, Any] = {"subject": Subject.DIGEST, "lead_id": "", **values}
    until = T0 + at_ + DAY
    return {
        "decisions": [decision(step, at=T0 + at_, **given)],
        "outbox": [message(step, at=T0 + at_, valid_until=until, **given)],
    }


def test_a_step_is_decided_whether_it_was_sent_or_not(store: Store) -> None:
    commit(store, decisions=[decision("a"), decision("b", outcome="withheld", recipient="")])
    assert store.digests.decided(["a", "b", "c"]) == {"a": T0, "b": T0}
    assert store.digests.decided([]) == {}


def test_the_last_digest_is_the_last_that_arrived_or_still_can(store: Store) -> None:
    commit(store, job="digest", **digest("digest:1"))
    commit(store, T0 + DAY, job="digest", **digest("digest:2", DAY))
    reads = store.digests
    now = T0 + DAY + HOUR
    assert reads.last_delivered([MIA, TOM], Subject.DIGEST, now) == {MIA: T0 + DAY}
    # The second one was never taken, and is not worth sending any more; nor was the first.
    assert reads.last_delivered([MIA], Subject.DIGEST, T0 + 3 * DAY) == {}
    assert reads.last_delivered([MIA], Subject.WEEKLY, now) == {}
    (leased,) = store.lease(T0, 1, LEASE)
    store.mark_sent(leased, T0, "ts")
    assert reads.last_delivered([MIA], Subject.DIGEST, T0 + 3 * DAY) == {MIA: T0}


def test_a_digest_that_was_given_up_does_not_count(store: Store) -> None:
    commit(store, job="digest", **digest("digest:1"))
    (leased,) = store.lease(T0, 1, LEASE)
    store.mark_failed(leased, T0, "channel_not_found")
    assert store.digests.last_delivered([MIA], Subject.DIGEST, T0) == {}


def test_episodes_are_found_by_their_state_and_their_time(store: Store) -> None:
    commit(store, opened=[opened("a"), opened("b")])
    ended = EpisodeClosed(lead_id="a", status="expired", closed_at=T0 + HOUR, reason="too long")
    commit(store, T0 + HOUR, closed=[ended])
    reads = store.digests
    assert [one.lead_id for one in reads.live_episodes()] == ["b"]
    assert [one.lead_id for one in reads.ended_between(T0, T0 + HOUR)] == ["a"]
    assert reads.ended_between(T0 + HOUR, T0 + DAY) == []
    assert [one.lead_id for one in reads.opened_between(T0 - HOUR, T0)] == ["a", "b"]
    assert reads.opened_between(T0, T0 + DAY) == []


def test_a_lead_belongs_to_who_was_told_of_it_last_or_wants_it_in_the_digest(store: Store) -> None:
    told = [
        decision("a1", "a", recipient=TOM),
        decision("a2", "a", at=T0 + HOUR, recipient=MIA.upper()),
        decision("b", "b", outcome="withheld", why="PREFERS_DIGEST", recipient=TOM),
        decision("c", "c", outcome="held", why="QUIET"),
        decision("d", "d", subject=Subject.MOMENT),
    ]
    commit(store, decisions=told)
    assert store.digests.told_of(["a", "b", "c", "d"]) == {"a": MIA, "b": TOM}


def test_a_lead_is_read_with_its_attributes_and_without_its_verdicts(store: Store) -> None:
    commit(store, evaluation=evaluation({"a": {"name": "Acme", "grade": "A1"}}), shown=["employees", "open_deal"])
    facts = store.digests.leads(["a", "unknown"])
    assert [*facts] == ["a"]
    assert (facts["a"].name, facts["a"].grade, facts["a"].attributes["employees"]) == ("Acme", "A1", 120.0)


def test_a_past_grade_is_the_newest_that_is_not_after_the_instant(store: Store) -> None:
    commit(store, evaluation=evaluation({"a": {"grade": "B3", "behaviour": 40}}))
    commit(store, T0 + HOUR, evaluation=evaluation({"a": {"grade": "A1", "behaviour": 80}}, T0 + HOUR))
    at = [store.digests.scores_at(["a"], T0 + hours * HOUR) for hours in (-1, 0, 1, 2)]
    assert at == [{}, {"a": ("B3", 40.0)}, {"a": ("A1", 80.0)}, {"a": ("A1", 80.0)}]


def test_what_was_never_delivered_is_told_from_the_instant_at_which_its_last_way_failed(store: Store) -> None:
    decided = [decision("m", channel=channel) for channel in ("slack", "email")]
    commit(
        store, decisions=decided, outbox=[message("m", channel=one.channel, valid_until=T0 + HOUR) for one in decided]
    )
    slack, email = store.lease(T0, 1, LEASE, channels={"slack"}) + store.lease(T0, 1, LEASE, channels={"email"})
    store.mark_failed(slack, T0, "no such channel")
    store.release([email])
    assert store.digests.undelivered(T0 - HOUR, T0 + HOUR) == []  # the email may arrive yet
    store.expire(T0 + HOUR)
    (found,) = store.digests.undelivered(T0, T0 + HOUR)
    assert (found.step_key, found.why, found.last_at) == ("m", "UNDELIVERED", T0 + HOUR)
    assert found.words == "it could not be delivered while it was true"
    assert store.digests.undelivered(T0 + HOUR, T0 + 2 * HOUR) == []


def test_what_was_kept_back_is_what_was_never_told_after_all(store: Store) -> None:
    commit(
        store,
        decisions=[
            decision("told", outcome="held", why="QUIET"),
            decision("waits", outcome="held", why="QUIET"),
            decision("old", at=T0 - DAY, outcome="withheld", why="MUTED"),
            decision("theirs", outcome="withheld", why="MUTED", recipient=TOM),
            decision("nobodys", outcome="withheld", why="FOR_DIGEST", recipient=""),
        ],
    )
    commit(store, T0 + HOUR, decisions=[decision("told", at=T0 + HOUR)])
    reads, before, after = store.digests, T0 - HOUR, T0 + HOUR
    assert [one.step_key for one in reads.kept_back([MIA], before, after)] == ["waits"]
    assert [one.step_key for one in reads.kept_back([""], before, after, whys=["FOR_DIGEST"])] == ["nobodys"]
    assert reads.kept_back([""], before, after, whys=["MUTED"]) == []
    assert reads.kept_back([MIA], T0, after) == []


def test_occurrences_check_ins_messages_and_sinking_leads_are_found(store: Store) -> None:
    commit(
        store,
        evaluation=evaluation({"a": {}}),
        occurrences=[
            OccurrenceRecord(moment="paywall", lead_id="a", key="1", at=T0, feature="export", detail="3 times")
        ],
        check_ins=[
            CheckInRecord(lead_id="a", name="day_7", due_at=T0),
            CheckInRecord(lead_id="b", name="day_7", due_at=T0 + DAY),
        ],
        outbox=[message("episode:1"), message("episode:1", channel="email", address=MIA), message("episode:2")],
    )
    reads = store.digests
    assert reads.occurred(["a"], T0) == {("paywall", "a", "1"): ("export", "3 times")}
    assert reads.occurred(["a"], T0 + HOUR) == {}
    assert reads.check_ins(T0, T0 + DAY) == [("a", "day_7", T0)]
    assert [(one.step_key, one.channel, one.status, one.at) for one in reads.messages(["episode:1"])] == [
        ("episode:1", "slack", "waiting", T0),
        ("episode:1", "email", "waiting", T0),
    ]
    assert reads.sinking(["a"]) == set()


def test_the_week_counts_each_episode_once_by_the_last_word_on_it(store: Store) -> None:
    evidence = {"reasons": [{"signal": "breadth", "value": 3, "points": 9.0}]}
    commit(
        store,
        evaluation=evaluation({"a": {"behaviour": 50}, "b": {"behaviour": 90}, "c": {"eligible": False}}),
        opened=[opened("a", evidence=evidence), opened("b", evidence=evidence)],
        decisions=[decision("m", "a", subject=Subject.MOMENT, topic="paywall")],
    )
    kinds: tuple[Literal["claim", "accept"], ...] = ("claim", "accept")
    for kind in kinds:
        store.record_outcome("a", kind, MIA, T0 + HOUR)
    store.record_outcome("a", "reject", MIA, T0 + 2 * HOUR, "no budget")
    store.record_outcome("b", "accept", TOM, T0 + HOUR)
    weeks = store.weeks
    counts = weeks.outcome_counts(T0, T0 + DAY)
    assert (counts["claimed"], counts["accepted"], counts["rejected"], counts["won"]) == (1, 2, 1, 0)
    assert weeks.outcome_counts(T0 + 2 * HOUR, T0 + DAY) == {}
    assert sorted(weeks.judged(T0)) == [("a", ("breadth",), True), ("b", ("breadth",), False)]
    assert weeks.best_leads(5) == ["b", "a"]
    assert weeks.moments_told(["a", "b"], T0 - HOUR) == {("a", "paywall")}
