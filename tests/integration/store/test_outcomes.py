from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from pql.domain.calendar import to_micros
from pql.domain.durations import Duration
from pql.errors import OutcomeRefused
from pql.store import Store
from pql.store.records import OutcomeKind
from tests.integration.store.samples import HOUR, T0, commit, decision, opened

DAY = timedelta(days=1)
MIA, TOM = "mia@plotline.test", "tom@plotline.test"


@pytest.fixture
def qualified(store: Store) -> Store:
    commit(store, opened=[opened("a")])
    return store


def test_a_rep_claims_a_lead(qualified: Store) -> None:
    result = qualified.record_outcome("a", "claim", " Mia@Plotline.test ", T0 + HOUR)
    assert (result.status, result.claimed_by, result.changed) == ("claimed", MIA, True)
    episode = qualified.episodes("a")[0]
    assert (episode.status, episode.claimed_by, episode.claimed_at) == ("claimed", MIA, T0 + HOUR)
    assert [(said.kind, said.by, said.at) for said in qualified.outcomes("a")] == [("claimed", MIA, T0 + HOUR)]
    assert qualified.holders() == {"a": MIA}


def test_a_lead_that_is_held_tells_by_whom(qualified: Store) -> None:
    qualified.record_outcome("a", "claim", MIA, T0)
    kinds: tuple[OutcomeKind, ...] = ("claim", "accept", "reject", "won", "lost")
    for kind in kinds:
        with pytest.raises(OutcomeRefused, match=f"a is held by {MIA} since 2026-03-02 09:00 UTC"):
            qualified.record_outcome("a", kind, TOM, T0 + HOUR)
    with pytest.raises(OutcomeRefused, match="is held by"):
        qualified.record_outcome("a", "snooze", TOM, T0 + HOUR, until=T0 + DAY)
    assert len(qualified.outcomes("a")) == 1


@pytest.mark.parametrize("kind", ["claim", "accept", "reject", "won", "lost"])
def test_a_second_click_changes_nothing(qualified: Store, kind: OutcomeKind) -> None:
    first = qualified.record_outcome("a", kind, MIA, T0 + HOUR, "because")
    episodes = qualified.episodes("a")
    second = qualified.record_outcome("a", kind, MIA, T0 + 2 * HOUR, "because")
    assert (first.changed, second.changed) == (True, False)
    assert (second.status, second.qualification_id) == (first.status, first.qualification_id)
    assert qualified.episodes("a") == episodes
    assert len(qualified.outcomes("a")) == 1


def test_claiming_what_one_accepted_leaves_it_accepted(qualified: Store) -> None:
    qualified.record_outcome("a", "accept", MIA, T0)
    assert qualified.record_outcome("a", "claim", MIA, T0 + HOUR).status == "accepted"


@pytest.mark.parametrize(("kind", "status"), [("reject", "rejected"), ("lost", "lost"), ("won", "converted")])
def test_what_closes_an_episode_starts_the_cooldown(qualified: Store, kind: OutcomeKind, status: str) -> None:
    qualified.record_outcome("a", "claim", MIA, T0)
    done = T0 + 2 * DAY
    qualified.record_outcome("a", kind, MIA, done, "too small", cooldown=Duration.of_days(10))
    episode = qualified.episodes("a")[0]
    assert (episode.status, episode.closed_at, episode.close_reason) == (status, done, "too small")
    assert qualified.open_episodes().empty
    state = qualified.hysteresis().loc["a"]
    assert (state["open"], state["cooldown_until"]) == (False, to_micros(done + 10 * DAY))


def test_a_lead_that_was_won_has_a_lead_time(qualified: Store) -> None:
    qualified.record_outcome("a", "won", MIA, T0 + 2 * DAY)
    assert qualified.episodes("a")[0].lead_time_micros == 2 * DAY // timedelta(microseconds=1)


def test_a_snooze_keeps_the_episode_open_until_then(qualified: Store) -> None:
    result = qualified.record_outcome("a", "snooze", MIA, T0, until=T0 + 3 * DAY)
    assert (result.status, result.words) == ("open", "a is snoozed until 2026-03-05 09:00 UTC")
    assert qualified.open_episodes().loc["a", "snoozed_until"] == to_micros(T0 + 3 * DAY)
    assert not qualified.record_outcome("a", "snooze", MIA, T0 + HOUR, until=T0 + 3 * DAY).changed
    assert qualified.record_outcome("a", "snooze", MIA, T0 + HOUR, until=T0 + 4 * DAY).changed


@pytest.mark.parametrize("until", [None, T0, T0 - HOUR])
def test_a_snooze_needs_an_end(qualified: Store, until: Any) -> None:
    with pytest.raises(OutcomeRefused, match="needs an end"):
        qualified.record_outcome("a", "snooze", MIA, T0, until=until)


def test_a_lead_without_an_open_qualification_says_what_became_of_it(qualified: Store) -> None:
    with pytest.raises(OutcomeRefused, match="b has never qualified: there is nothing to claim"):
        qualified.record_outcome("b", "claim", MIA, T0)
    qualified.record_outcome("a", "reject", MIA, T0, "too small")
    with pytest.raises(OutcomeRefused, match=r"was rejected on 2026-03-02 09:00 UTC \(too small\)"):
        qualified.record_outcome("a", "claim", MIA, T0 + HOUR)
    with pytest.raises(OutcomeRefused, match="no open qualification"):
        qualified.record_outcome("a", "reject", TOM, T0 + HOUR)


def test_an_outcome_needs_a_rep_and_a_known_kind(qualified: Store) -> None:
    with pytest.raises(OutcomeRefused, match="say who"):
        qualified.record_outcome("a", "claim", " ", T0)
    unknown: Any = "steal"
    with pytest.raises(OutcomeRefused, match="'steal' is no outcome; use one of claim"):
        qualified.record_outcome("a", unknown, MIA, T0)


def test_of_many_reps_who_claim_at_once_one_gets_the_lead(qualified: Store) -> None:
    def claim(number: int) -> bool:
        try:
            qualified.record_outcome("a", "claim", f"rep{number}@plotline.test", T0)
        except OutcomeRefused:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(claim, range(12))) == 1
    assert len(qualified.outcomes("a")) == 1


def test_who_was_last_told_holds_a_lead_that_nobody_claimed(qualified: Store) -> None:
    told = [decision("1", at=T0, recipient=MIA), decision("2", at=T0 + HOUR, recipient=TOM)]
    commit(qualified, T0 + HOUR, decisions=[*told, decision("3", "b", at=T0, recipient=MIA)])
    assert qualified.holders() == {"a": TOM, "b": MIA}
    qualified.record_outcome("a", "claim", MIA, T0 + 2 * HOUR)
    assert qualified.holders(["a"]) == {"a": MIA}


def test_outcomes_since_an_instant_come_newest_first(qualified: Store) -> None:
    qualified.record_outcome("a", "claim", MIA, T0)
    qualified.record_outcome("a", "accept", MIA, T0 + HOUR)
    qualified.record_outcome("a", "won", MIA, T0 + 2 * HOUR, "signed")
    assert [said.kind for said in qualified.outcomes()] == ["won", "accepted", "claimed"]
    assert [said.reason for said in qualified.outcomes(since=T0 + 2 * HOUR)] == ["signed"]
