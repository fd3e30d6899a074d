"""Whose turn it is and who is away, over restarts and several jobs at once."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from pql.domain.messages import Subject
from pql.domain.rules import Absence
from pql.domain.turns import Taking, Turn
from pql.store import Store
from pql.store.records import STANDS_FOR, RunResults
from tests.integration.store.samples import HOUR, T0, commit, decision, opened

MIA, OWEN = "mia@plotline.test", "owen@plotline.test"
DAY = timedelta(days=1)


def taking(email: str = MIA, **values: float) -> Taking:
    return Taking(pool="team emea", email=email, floor=values.get("floor", 0), taken=int(values.get("taken", 0)))


def test_turns_are_added_to_what_stands_there(store: Store) -> None:
    commit(store, turns=[taking(taken=1), taking(OWEN, floor=0)])
    commit(store, T0 + HOUR, turns=[taking(taken=2), taking(OWEN, floor=2)])
    assert store.turns() == {
        ("team emea", MIA): Turn(taken=3, last_at=T0 + HOUR),
        ("team emea", OWEN): Turn(taken=2),
    }


def test_who_is_ahead_is_not_put_back(store: Store) -> None:
    commit(store, turns=[taking(floor=7, taken=1)])
    commit(store, T0 + HOUR, turns=[taking(floor=3)])
    assert store.turns() == {("team emea", MIA): Turn(taken=8, last_at=T0)}


def test_jobs_that_take_turns_at_the_same_moment_lose_none(store: Store) -> None:
    jobs = [store.begin_run(f"job{number}", T0, T0) for number in range(4)]

    def take(number: int) -> None:
        results = RunResults(definitions_hash="hash", turns=[taking(taken=1), taking(OWEN, taken=2)])
        store.commit_run(jobs[number], results, T0)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(take, range(4)))
    assert [turn.taken for _, turn in sorted(store.turns().items())] == [4, 8]


def test_a_run_that_fails_takes_no_turn(store: Store) -> None:
    run = store.begin_run("run", T0, T0)
    store.fail_run(run, "no reason", T0)
    assert store.turns() == {}


def away(email: str, first: int, last: int) -> Absence:
    return Absence(email=email, since=T0 + first * DAY, until=T0 + last * DAY)


def test_an_absence_lasts_until_its_end_or_until_somebody_is_back(store: Store) -> None:
    for absence in (away("Mia@plotline.test", 0, 5), away(MIA, 8, 9), away(OWEN, 0, 3)):
        store.add_absence(absence, by="ops", at=T0)
    assert store.absences(T0) == [away(MIA, 0, 5), away(OWEN, 0, 3), away(MIA, 8, 9)]
    assert store.absences(T0 + 3 * DAY) == [away(MIA, 0, 5), away(MIA, 8, 9)]
    assert len(store.end_absences("MIA@plotline.test", T0 + DAY)) == 2
    assert store.absences(T0 + DAY) == [away(OWEN, 0, 3)]
    assert store.end_absences(MIA, T0 + DAY) == []


def test_a_lead_stays_with_the_rep_for_whom_a_stand_in_was_told(store: Store) -> None:
    stood_in: Mapping[str, Any] = {"evidence": {STANDS_FOR: MIA, "score": 80}, "recipient": OWEN, "topic": "paywall"}
    commit(store, opened=[opened("a"), opened("b")], decisions=[decision("q"), decision("q-b", "b", recipient=OWEN)])
    later = T0 + HOUR
    commit(store, later, decisions=[decision("m", at=later, subject=Subject.MOMENT, **stood_in)])
    assert store.holders() == {"a": MIA, "b": OWEN}
    # Who claims it has it.
    store.record_outcome("a", "claim", OWEN, later)
    assert store.holders() == {"a": OWEN, "b": OWEN}
