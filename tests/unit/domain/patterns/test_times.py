from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.patterns import OCCURRENCE_COLUMNS
from pql.domain.patterns.times import Times
from tests.unit.domain.patterns.rows import MINUTE, Row, events, from_span, minutes, seen

HOUR = Duration(3600)
ONCE = Times(event="paywall")
THRICE = Times(event="invite", at_least=3, within=HOUR)


def views(*at: int, lead: str = "a", user: str | None = "u") -> list[Row]:
    return [(lead, user, minute, "paywall", "reports") for minute in at]


def test_a_single_row_is_enough_for_at_least_one() -> None:
    found = ONCE.find(seen(events(views(5))))
    assert tuple(found.columns) == OCCURRENCE_COLUMNS
    assert found.iloc[0].to_dict() == {
        "lead_id": "a",
        "user_id": "u",
        "key": str(5 * MINUTE),
        "at": 5 * MINUTE,
        "count": 1,
        "feature": "reports",
        "detail": "1 time within 1 hour",
    }


def test_rows_that_follow_within_the_span_are_the_same_occurrence() -> None:
    assert minutes(ONCE.find(seen(events(views(0, 50, 100, 160))))) == [("a", 0)]


def test_a_pause_longer_than_the_span_makes_a_new_occurrence() -> None:
    assert minutes(ONCE.find(seen(events(views(0, 60, 121))))) == [("a", 0), ("a", 121)]


def test_it_is_complete_at_the_row_that_makes_the_number_full() -> None:
    found = THRICE.find(seen(events(views(0, 30, 60, 70))))
    assert minutes(found) == [("a", 60)]
    assert found["count"].tolist() == [3]


def test_rows_further_apart_than_the_span_never_add_up() -> None:
    assert minutes(THRICE.find(seen(events(views(0, 30, 61))))) == []


def test_it_can_be_complete_again_after_the_number_fell_below() -> None:
    assert minutes(THRICE.find(seen(events(views(0, 1, 2, 63, 64, 65))))) == [("a", 2), ("a", 65)]


def test_rows_of_different_leads_do_not_add_up() -> None:
    rows = [*views(0, 10), *views(20, lead="b")]
    assert minutes(THRICE.find(seen(events(rows)))) == []


def test_per_user_each_user_counts_alone_and_stands_in_the_key() -> None:
    per_user = Times(event="paywall", at_least=2, per="user")
    rows = [*views(0, 20, user="u"), *views(10, user="v"), *views(11, 12, user=None)]
    found = per_user.find(seen(events(rows)))
    assert found[["user_id", "key"]].values.tolist() == [["u", f"{20 * MINUTE}:u"]]


def test_distinct_values_count_once_each_and_null_is_none() -> None:
    rows = views(0, 10, 20, 30, 40)
    frame = events(rows, invitee_id=["x", "x", None, "y", "z"])
    distinct = Times(event="invite", at_least=3, within=HOUR, distinct="invitee_id")
    found = distinct.find(seen(frame))
    assert minutes(found) == [("a", 40)]
    assert found["detail"].tolist() == ["3 invitees within 1 hour"]


def test_a_distinct_value_counts_as_long_as_its_latest_row_is_in_the_span() -> None:
    frame = events(views(0, 50, 100), invitee_id=["x", "x", "y"])
    distinct = Times(event="invite", at_least=2, within=HOUR, distinct="invitee_id")
    assert minutes(distinct.find(seen(frame))) == [("a", 100)]


def test_distinct_values_are_counted_in_rows_of_any_order_and_numbering() -> None:
    rows = [events(views(minute), invitee_id=[name]) for minute, name in ((40, "y"), (0, "x"), (20, "x"))]
    distinct = Times(event="invite", at_least=2, within=HOUR, distinct="invitee_id")
    assert minutes(distinct.find(seen(pd.concat(rows)))) == [("a", 40)]


def test_only_what_became_complete_since_is_told() -> None:
    rows = events(views(0, 100))
    assert minutes(ONCE.find(seen(rows, since=1, as_of=101))) == [("a", 100)]
    assert minutes(ONCE.find(seen(rows, since=0, as_of=100))) == [("a", 0)]


def test_no_rows_give_no_occurrence() -> None:
    found = ONCE.find(seen())
    assert tuple(found.columns) == OCCURRENCE_COLUMNS
    assert found.empty


def test_it_asks_for_its_events_and_the_rest_of_the_filter() -> None:
    pattern = Times(event=("a", "b"), where=Where.parse({"feature": "x"}), distinct="invitee")
    assert str(pattern.event_filter) == "event one of a, b and feature x"
    assert pattern.columns == ("invitee",)
    assert ONCE.columns == ()
    assert ONCE.span == Duration(7200)


def test_fewer_than_one_row_is_no_pattern() -> None:
    with pytest.raises(ValueError, match="'at_least: 0' must be 1 or more"):
        Times(event="x", at_least=0)


ROWS = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["u", "v"]), st.integers(0, 400)).map(
        lambda row: (row[0], row[1], row[2], "paywall", "f")
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=25)
@given(ROWS, st.integers(0, 9999), st.integers(1, 3), st.sampled_from([None, "user_id"]))
def test_the_order_of_rows_and_a_longer_look_back_change_nothing(
    rows: list[Row], seed: int, at_least: int, distinct: str | None
) -> None:
    pattern = Times(event="paywall", at_least=at_least, within=HOUR, distinct=distinct)
    ordered = events(sorted(rows, key=lambda row: row[2]))
    shuffled = ordered.sample(frac=1, random_state=seed)
    whole = pattern.find(seen(shuffled, since=200, as_of=500))
    pd.testing.assert_frame_equal(whole, from_span(pattern, ordered, 200, 500))


@settings(deadline=None, max_examples=25)
@given(ROWS, st.lists(st.integers(1, 499), max_size=5), st.integers(1, 3))
def test_many_short_runs_find_what_one_long_run_finds(rows: list[Row], stops: list[int], at_least: int) -> None:
    pattern = Times(event="paywall", at_least=at_least, within=HOUR)
    frame = events(rows)
    edges = [0, *sorted(stops), 500]
    runs = [from_span(pattern, frame, since, until) for since, until in pairwise(edges)]
    keys = [(lead, key) for run in runs for lead, key in zip(run["lead_id"], run["key"], strict=True)]
    whole = pattern.find(seen(frame, as_of=500))
    assert sorted(keys) == sorted(zip(whole["lead_id"], whole["key"], strict=True))
    assert len(keys) == len(set(keys))


@settings(deadline=None, max_examples=25)
@given(ROWS, st.integers(1, 4))
def test_what_is_found_is_what_counting_one_by_one_finds(rows: list[Row], at_least: int) -> None:
    found = Times(event="paywall", at_least=at_least, within=HOUR).find(seen(events(rows)))
    expected = []
    for lead in sorted({row[0] for row in rows if row[0]}):
        at = sorted(row[2] for row in rows if row[0] == lead)
        before: tuple[int, bool] | None = None
        for now in sorted(set(at)):
            full = sum(now - 60 <= other <= now for other in at) >= at_least
            if full and not (before and before[1] and now - before[0] <= 60):
                expected.append((lead, now))
            before = (now, full)
    assert sorted(minutes(found)) == sorted(expected)
