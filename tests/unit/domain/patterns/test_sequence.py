import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.patterns.sequence import Sequence
from tests.unit.domain.patterns.rows import MINUTE, Row, events, from_span, minutes, seen

STEPS = tuple(Where.parse({"event": name}) for name in ("pricing", "invite", "pay"))
TWO = Sequence(steps=STEPS[:2], within=Duration(3600))
THREE = Sequence(steps=STEPS, within=Duration(3600))


def done(*rows: tuple[int, str], lead: str = "a", user: str | None = "u") -> list[Row]:
    return [(lead, user, at, event, "f") for at, event in rows]


def test_steps_in_order_complete_at_the_last() -> None:
    found = THREE.find(seen(events(done((0, "pricing"), (10, "invite"), (60, "pay")))))
    assert minutes(found) == [("a", 60)]
    assert found["count"].tolist() == [3]
    assert found["detail"].tolist() == ["3 steps within 1 hour"]
    assert found["key"].tolist() == [str(60 * MINUTE)]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(done((0, "invite"), (10, "pricing"), (20, "pay")), id="out of order"),
        pytest.param(done((0, "pricing"), (10, "invite"), (61, "pay")), id="too slow"),
        pytest.param(done((0, "pricing"), (0, "invite"), (5, "pay")), id="two steps at one instant"),
        pytest.param(done((0, "pricing"), (5, "pay")), id="a step is missing"),
        pytest.param([*done((0, "pricing"), (1, "invite")), *done((5, "pay"), lead="b")], id="of different leads"),
    ],
)
def test_anything_else_is_no_sequence(rows: list[Row]) -> None:
    assert THREE.find(seen(events(rows))).empty


def test_the_latest_beginning_counts() -> None:
    found = THREE.find(seen(events(done((0, "pricing"), (5, "invite"), (30, "pricing"), (40, "invite"), (80, "pay")))))
    assert minutes(found) == [("a", 80)]


def test_of_several_ends_the_first_completes_it() -> None:
    rows = done((0, "pricing"), (5, "invite"), (6, "invite"), (10, "pricing"), (12, "invite"))
    assert minutes(TWO.find(seen(events(rows)))) == [("a", 5), ("a", 12)]


def test_per_user_all_steps_are_of_one_user() -> None:
    rows = [*done((0, "pricing"), (9, "invite")), *done((5, "invite"), user="v")]
    assert minutes(TWO.find(seen(events(rows)))) == [("a", 5)]
    per_user = Sequence(steps=STEPS[:2], within=Duration(3600), per="user")
    assert per_user.find(seen(events(rows)))["key"].tolist() == [f"{9 * MINUTE}:u"]


def test_one_step_is_no_sequence() -> None:
    with pytest.raises(ValueError, match="at least two steps"):
        Sequence(steps=STEPS[:1], within=Duration(60))


def test_it_reads_the_events_and_columns_of_all_steps() -> None:
    pattern = Sequence(
        steps=(Where.parse({"event": ["a", "b"]}), Where.parse({"event": "c", "plan": "x"})), within=Duration(60)
    )
    assert str(pattern.event_filter) == "event one of a, b, c"
    assert pattern.columns == ("event", "plan")
    assert pattern.span == Duration(60)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from(["pricing", "invite", "pay"])), max_size=25),
    st.integers(0, 9999),
)
def test_the_order_of_rows_and_a_longer_look_back_change_nothing(rows: list[tuple[int, str]], seed: int) -> None:
    ordered = events(done(*sorted(rows)))
    whole = THREE.find(seen(ordered.sample(frac=1, random_state=seed), since=150, as_of=301))
    pd.testing.assert_frame_equal(whole, from_span(THREE, ordered, 150, 301))
