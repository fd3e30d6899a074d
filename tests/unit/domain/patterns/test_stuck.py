import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.conditions import Where
from pql.domain.patterns.stuck import Stuck
from tests.unit.domain.patterns.rows import MINUTE, Row, events, from_span, minutes, seen

STUCK = Stuck(failure=Where.parse({"event": "failed"}), success=Where.parse({"event": "done"}))


def tries(*rows: tuple[int, str], user: str | None = "u", feature: str | None = "import") -> list[Row]:
    return [("a", user, at, event, feature) for at, event in rows]


def test_three_failures_within_an_hour_are_stuck() -> None:
    found = STUCK.find(seen(events(tries((0, "failed"), (10, "failed"), (20, "failed")))))
    assert minutes(found) == [("a", 20)]
    assert found.iloc[0][["key", "user_id", "feature", "detail"]].tolist() == [
        f"{20 * MINUTE}:u:import",
        "u",
        "import",
        "3 failures with import within 1 hour",
    ]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(tries((0, "failed"), (10, "failed"), (15, "done"), (20, "failed")), id="a success in between"),
        pytest.param(tries((0, "failed"), (10, "failed"), (20, "failed"), (25, "done")), id="a success since"),
        pytest.param(tries((0, "failed"), (10, "failed"), (20, "failed"), (20, "done")), id="a success at once"),
        pytest.param(tries((0, "failed"), (10, "failed"), (80, "failed")), id="too far apart"),
        pytest.param(
            [*tries((0, "failed"), (10, "failed")), *tries((20, "failed"), user="v")], id="of different users"
        ),
        pytest.param(
            [*tries((0, "failed"), (10, "failed")), *tries((20, "failed"), feature="export")], id="of two features"
        ),
        pytest.param(tries((0, "failed"), (1, "failed"), (2, "failed"), user=None), id="of nobody"),
        pytest.param(tries((0, "failed"), (1, "failed"), (2, "failed"), feature=None), id="of no feature"),
    ],
)
def test_nobody_is_stuck_where_it_worked_or_nothing_adds_up(rows: list[Row]) -> None:
    assert STUCK.find(seen(events(rows))).empty


def test_the_success_of_another_feature_helps_nobody() -> None:
    rows = [*tries((0, "failed"), (10, "failed"), (20, "failed")), *tries((21, "done"), feature="export")]
    assert minutes(STUCK.find(seen(events(rows)))) == [("a", 20)]


def test_per_lead_the_tries_of_all_users_add_up() -> None:
    team = Stuck(failure=STUCK.failure, success=STUCK.success, per="lead")
    found = team.find(seen(events([*tries((0, "failed"), (10, "failed")), *tries((20, "failed"), user="v")])))
    assert found["key"].tolist() == [f"{20 * MINUTE}:import"]


def test_another_column_can_tell_what_was_tried() -> None:
    pattern = Stuck(failure=STUCK.failure, success=STUCK.success, feature_column="page", at_least=2)
    rows = events(tries((0, "failed"), (1, "failed"), feature=None), page=["/x", "/x"])
    assert pattern.find(seen(rows))["feature"].tolist() == ["/x"]


def test_it_reads_failures_and_successes_and_their_columns() -> None:
    assert str(STUCK.event_filter) == "event one of failed, done"
    pattern = Stuck(failure=Where.parse({"event": "act", "properties.ok": False}), success=Where.parse({"ok": True}))
    assert pattern.event_filter == Where()
    assert pattern.columns == ("feature", "event", "properties.ok", "ok")
    assert pattern.span.seconds == 7200


def test_fewer_than_one_failure_is_no_pattern() -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        Stuck(failure=Where(), success=Where(), at_least=0)


ROWS = st.lists(
    st.tuples(st.sampled_from("uv"), st.integers(0, 400), st.sampled_from(["failed", "failed", "done"])).map(
        lambda row: ("a", row[0], row[1], row[2], "import")
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=25)
@given(ROWS, st.integers(0, 9999))
def test_the_order_of_rows_and_a_longer_look_back_change_nothing(rows: list[Row], seed: int) -> None:
    ordered = events(sorted(rows, key=lambda row: row[2]))
    whole = STUCK.find(seen(ordered.sample(frac=1, random_state=seed), since=200, as_of=401))
    pd.testing.assert_frame_equal(whole, from_span(STUCK, ordered, 200, 401))


@settings(deadline=None, max_examples=25)
@given(ROWS)
def test_whoever_is_stuck_failed_often_enough_and_has_not_succeeded_since(rows: list[Row]) -> None:
    found = STUCK.find(seen(events(rows)))
    for user, at in zip(found["user_id"], found["at"] / MINUTE, strict=True):
        own = [(row[2], row[3]) for row in rows if row[1] == user]
        last = max((minute for minute, event in own if event == "done"), default=-1)
        assert last < at
        assert sum(at - 60 <= minute <= at and minute > last for minute, event in own if event == "failed") >= 3
