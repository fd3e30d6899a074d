"""Timers by themselves: set, moved, cancelled, due."""

import pandas as pd

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.patterns.base import Pattern
from pql.domain.patterns.silence import Silence
from pql.domain.patterns.timing import Turned, no_timers, turned
from pql.domain.patterns.without import Without
from pql.domain.timers import TimerStatus, newly_set, settled, timer_frame
from tests.unit.domain.patterns.rows import MINUTE, Row, events, seen

HOUR = Duration(3600)
SILENCE = Silence(quiet_for=HOUR)
WITHOUT = Without(after=Where.parse({"event": "a"}), without=Where.parse({"event": "b"}), within=HOUR)


def timer(lead: str, key: str, set_at: int, due_at: int, status: str = "waiting") -> pd.DataFrame:
    """A stored timer; instants in minutes."""
    instants = {"set_at": set_at * MINUTE, "due_at": due_at * MINUTE}
    row = {"lead_id": lead, "key": key, "user_id": None, "feature": None, **instants, "status": TimerStatus(status)}
    return pd.DataFrame([row])


def turn(pattern: Pattern, *rows: Row, stored: pd.DataFrame | None = None, as_of: int = 10) -> Turned:
    kept = no_timers() if stored is None else stored
    return turned(pattern, seen(events(rows)), kept, seeds=timer_frame(), as_of=as_of * MINUTE)


def shown(timers: pd.DataFrame) -> list[tuple[str, float, str]]:
    """Lead, when it is due in minutes, and what became of it."""
    return [(row["lead_id"], row["due_at"] / MINUTE, str(row["status"])) for row in timers.to_dict("records")]


def test_the_latest_row_of_a_lead_sets_its_timer() -> None:
    found = turn(SILENCE, ("a", "u", 1, "x", None), ("a", "v", 3, "x", None), ("b", "u", 2, "x", None))
    assert shown(found.changed) == [("a", 63, "waiting"), ("b", 62, "waiting")]
    assert found.passed.empty


def test_a_later_row_moves_a_timer_and_an_earlier_one_does_not() -> None:
    kept = timer("a", "", 5, 65)
    assert shown(turn(SILENCE, ("a", "u", 7, "x", None), stored=kept).changed) == [("a", 67, "waiting")]
    assert turn(SILENCE, ("a", "u", 3, "x", None), stored=kept).changed.empty


def test_a_timer_that_ended_is_set_again_by_a_later_row_alone() -> None:
    kept = timer("a", "", 5, 65, "fired")
    assert turn(SILENCE, ("a", "u", 5, "x", None), stored=kept, as_of=80).changed.empty
    assert shown(turn(SILENCE, ("a", "u", 70, "x", None), stored=kept, as_of=80).changed) == [("a", 130, "waiting")]


def test_a_timer_is_due_when_its_instant_has_passed_and_not_at_it() -> None:
    kept = timer("a", "", 5, 65)
    assert turn(SILENCE, stored=kept, as_of=65).passed.empty
    assert shown(turn(SILENCE, stored=kept, as_of=66).passed) == [("a", 65, "waiting")]


def test_a_timer_that_was_due_before_a_row_moved_it_is_still_looked_at() -> None:
    found = turn(SILENCE, ("a", "u", 70, "x", None), stored=timer("a", "", 5, 65), as_of=80)
    assert shown(found.changed) == [("a", 130, "waiting")]
    assert shown(found.overtaken) == [("a", 65, "waiting")]


def test_what_resolves_a_wait_cancels_it_at_both_of_its_ends_too() -> None:
    for at, status in ((4, None), (5, "cancelled"), (65, "cancelled"), (66, None)):
        found = turn(WITHOUT, ("a", "u", at, "b", None), stored=timer("a", str(5 * MINUTE), 5, 65), as_of=60)
        assert shown(found.changed) == ([] if status is None else [("a", 65, status)])


def test_a_step_that_comes_again_does_not_wait_again() -> None:
    kept = timer("a", str(5 * MINUTE), 5, 65, "cancelled")
    assert turn(WITHOUT, ("a", "u", 5, "a", None), stored=kept).changed.empty


def test_a_first_step_and_its_answer_in_one_look_leave_nothing_waiting() -> None:
    found = turn(WITHOUT, ("a", "u", 5, "a", None), ("a", "u", 6, "b", None))
    assert shown(found.changed) == [("a", 65, "cancelled")]


def test_seeds_replace_what_another_definition_has_left() -> None:
    seeds = timer_frame(pd.DataFrame([{"lead_id": "a", "key": "", "set_at": 5 * MINUTE, "due_at": 65 * MINUTE}]))
    found = turned(SILENCE, None, timer("a", "", 5, 305), seeds=seeds, as_of=10 * MINUTE)
    assert shown(found.changed) == [("a", 65, "waiting")]


def test_a_due_timer_fires_where_its_very_occurrence_was_found() -> None:
    due = pd.concat([timer("a", "", 5, 65), timer("b", "", 5, 65)])
    found = SILENCE.find(seen(events([("a", "u", 5, "x", None), ("b", "u", 30, "x", None)]), as_of=200))
    assert settled(due, found, per_user=False) == [TimerStatus.FIRED, TimerStatus.CANCELLED]


def test_of_several_timers_with_one_key_the_latest_counts() -> None:
    rows = pd.concat([timer("a", "", 5, 65), timer("a", "", 9, 69), timer("a", "", 7, 67)])
    assert timer_frame(rows)["set_at"].tolist() == [9 * MINUTE]
    assert newly_set(timer_frame(rows), timer("a", "", 9, 69)).empty
