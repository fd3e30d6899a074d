import math
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.conditions import OPERATORS, Attributes, Condition, Where, fold, say_scalar


def holds(written: object, *values: Any, dtype: Any = None) -> list[bool]:
    return [bool(met) for met in Condition.parse(written).holds(pd.Series(list(values), dtype=dtype))]


@pytest.mark.parametrize(
    ("written", "meets", "fails"),
    [
        pytest.param("pro", ["pro", " PRO "], ["probe", ""], id="a value is equality, without case"),
        pytest.param(3, [3, 3.0, "3"], [4, "three"], id="a number equals its text"),
        pytest.param(True, [True, "true"], [False], id="true is true"),
        pytest.param(["trial", "free"], ["Trial", "free"], ["paid"], id="a list is any of it"),
        pytest.param({"equals": "a"}, ["A"], ["b"], id="equals"),
        pytest.param({"not": "a"}, ["b"], ["A"], id="not"),
        pytest.param({"in": [1, 2]}, [1.0, "2"], [3], id="in"),
        pytest.param({"not_in": ["a", "b"]}, ["c"], ["B"], id="not_in"),
        pytest.param({"at_least": 6}, [6, 7, "8"], [5.9, "few"], id="at_least"),
        pytest.param({"at_most": 6}, [6, -1], [6.1], id="at_most"),
        pytest.param({"above": 6}, [6.1], [6], id="above"),
        pytest.param({"below": 6}, [5.9], [6], id="below"),
        pytest.param({"between": [3, 5]}, [3, 5], [2.9, 5.1], id="between counts both ends"),
        pytest.param({"exists": True}, ["x", 0, False], [None, math.nan], id="exists"),
        pytest.param({"exists": False}, [None, math.nan], ["x", 0], id="exists: false"),
        pytest.param({"words": ["VP", "C++"]}, ["the vp, sales", "C++ dev"], ["vps", "evp"], id="whole words"),
        pytest.param({"words": "Größe"}, ["GRÖSSE größe"], ["Größen"], id="words in other letters"),
        pytest.param({"matches": "^(head|lead) of"}, ["Head of Data"], ["the head of"], id="a regular expression"),
        pytest.param({"at_least": 3, "not": 5}, [4], [5, 2], id="all parts must hold"),
    ],
)
def test_an_operator_tells_what_meets_it(written: object, meets: list[Any], fails: list[Any]) -> None:
    for value in meets:
        assert holds(written, value, dtype=object) == [True], value
    for value in fails:
        assert holds(written, value, dtype=object) == [False], value


@pytest.mark.parametrize(
    "written", ["x", {"not": "x"}, {"not_in": ["x"]}, {"at_most": 5}, {"words": "x"}, {"matches": ""}]
)
def test_what_is_unknown_meets_nothing(written: object) -> None:
    assert holds(written, None, math.nan, dtype=object) == [False, False]


@pytest.mark.parametrize(
    "column",
    [
        pytest.param(pd.Series(["a", "b", None, "a"], dtype="str"), id="text"),
        pytest.param(pd.Series(["a", "b", None, "a"], dtype="category"), id="categories"),
        pytest.param(pd.Series(["a", "b", None, "a"], dtype=object), id="objects"),
    ],
)
def test_how_a_column_is_stored_changes_nothing(column: "pd.Series[Any]") -> None:
    assert Condition.parse("A").holds(column).tolist() == [True, False, False, True]


def test_numbers_are_compared_in_every_numeric_column() -> None:
    for dtype in ("float32", "Int64", "int8", "float64"):
        assert holds({"at_least": 3}, 2, 3, dtype=dtype) == [False, True]
        assert holds(3, 2, 3, dtype=dtype) == [False, True]


def test_true_is_not_1_even_in_a_mixed_column() -> None:
    assert holds(True, 1, True, 1.0, False, dtype=object) == [False, True, False, False]
    assert holds(1, 1, True, "1", dtype=object) == [True, False, True]


def test_no_values_meet_no_condition() -> None:
    assert holds("x", dtype=object) == []
    assert holds({"words": "x"}, None, dtype=object) == [False]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.one_of(st.none(), st.booleans(), st.integers(0, 2), st.sampled_from(["0", "1", "TRUE", "x"])), max_size=8
    )
)
def test_a_column_is_judged_as_its_values_one_by_one(values: list[Any]) -> None:
    for written in (1, True, "x", ["x", 0], {"not": "true"}):
        alone = [holds(written, value, dtype=object)[0] for value in values]
        assert holds(written, *values, dtype=object) == alone


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({}, "needs at least one of equals, not, in"),
        ({"atleast": 3}, "'atleast' is no operator; use one of equals"),
        ({"at_least": "3"}, "'3' must be a number"),
        ({"at_least": True}, "'True' must be a number"),
        ({"at_least": math.inf}, "'inf' must be a number"),
        ({"between": [3]}, "must be two numbers, like [3, 10]"),
        ({"between": [5, 3]}, "the bounds cross"),
        ({"above": 3, "at_most": 3}, "the bounds cross"),
        ({"at_least": 3, "below": 3}, "the bounds cross"),
        ({"in": []}, "must be a list of at least one value"),
        ({"in": "x"}, "must be a list of at least one value"),
        ({"exists": "yes"}, "must be true or false"),
        ({"matches": "("}, "is no regular expression"),
        (None, "'None' is neither text nor a number"),
        ([[1]], "is neither text nor a number"),
    ],
)
def test_what_cannot_be_read_says_what_to_write(written: object, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        Condition.parse(written)


def test_a_condition_that_is_read_already_stays_as_it_is() -> None:
    condition = Condition.parse({"at_least": 6})
    assert Condition.parse(condition) is condition
    where = Where.parse({"event": "x"})
    assert Where.parse(where) is where


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ({"at_least": 6}, "at least 6"),
        ({"at_least": 0.5, "below": 2}, "at least 0.5 and below 2"),
        ({"between": [3, 10]}, "between 3 and 10"),
        (["trial", "free"], "one of trial, free"),
        (True, "true"),
        ({"not": "x"}, "not x"),
        ({"exists": True}, "known"),
        ({"exists": False}, "unknown"),
        ({"words": ["VP"]}, "has the word VP"),
        ({"matches": "^a"}, "matches ^a"),
    ],
)
def test_a_condition_can_be_read_aloud(written: object, words: str) -> None:
    assert str(Condition.parse(written)) == words


def test_bounds_are_the_numbers_that_can_meet_it() -> None:
    assert Condition.parse({"above": 1, "between": [0, 9], "at_most": 5}).bounds == (1, 5)
    assert Condition.parse("x").bounds == (-math.inf, math.inf)
    assert not Condition.parse("x").numeric


def test_values_fold_to_what_is_compared() -> None:
    assert [fold(value) for value in (True, np.False_, 3.0, 3.5, " Ab ", 7)] == ["true", "false", "3", "3.5", "ab", "7"]
    assert [say_scalar(value) for value in (True, 0.75, 6.0, "x", 3)] == ["true", "0.75", "6", "x", "3"]


ROWS = pd.DataFrame({"event": ["a", "b", "a"], "n": [1, 5, 5]})


def test_a_filter_lets_pass_where_all_conditions_hold() -> None:
    where = Where.parse({"event": "a", "n": {"at_least": 2}})
    assert where.holds(ROWS).tolist() == [False, False, True]
    assert where.columns == ("event", "n")
    assert str(where) == "event a and n at least 2"


def test_a_column_that_is_not_there_is_unknown() -> None:
    assert Where.parse({"plan": "x"}).holds(ROWS).tolist() == [False] * 3
    assert Where.parse({"plan": {"exists": False}}).holds(ROWS).tolist() == [True] * 3


def test_an_empty_filter_lets_everything_pass() -> None:
    assert Where().holds(ROWS).tolist() == [True] * 3


def test_a_filter_that_cannot_be_read_names_the_column() -> None:
    with pytest.raises(ValueError, match="n: 'x' is no operator"):
        Where.parse({"n": {"x": 1}})
    with pytest.raises(ValueError, match="a filter is a mapping of column to condition"):
        Where.parse("event")


def test_editors_get_a_schema_that_knows_every_operator() -> None:
    schema = Condition.__get_pydantic_json_schema__(None, None)
    assert set(schema["anyOf"][2]["properties"]) == set(OPERATORS)
    assert Where.__get_pydantic_json_schema__(None, None)["additionalProperties"] == schema


def test_pydantic_reads_them_as_people_write_them() -> None:
    for kind, written in ((Condition, {"at_least": 6}), (Where, {"event": "x"})):
        read = kind.__get_pydantic_core_schema__(None, None)["function"]["function"]
        assert read(written) == kind.parse(written)


@given(
    st.one_of(st.none(), st.booleans(), st.integers(-20, 20), st.floats(), st.text(max_size=6)),
    st.sampled_from(
        [
            "Pro",
            {"in": ["pro", 3, True]},
            {"not": "3"},
            {"not_in": ["", "x"]},
            {"at_least": 3},
            {"between": [0, 5], "not": 4},
            {"above": 1, "below": 9},
            {"exists": False},
            {"exists": True},
            {"words": ["vp", "3"]},
            {"matches": "^[a-p]"},
        ]
    ),
)
def test_one_value_is_judged_as_in_a_column(value: object, written: object) -> None:
    condition = Condition.parse(written)
    assert condition.met_by(value) == bool(condition.holds(pd.Series([value], dtype=object))[0])


@given(
    st.lists(st.none() | st.text("aAßſıİ \t\x1c\x85ÄQqm.", max_size=4), min_size=1, max_size=6),
    st.sampled_from(
        [
            {"in": ["A", "ß", " "]},
            {"exists": False},
            {"not": "a"},
            {"not_in": ["ss", "Ä"]},
            {"matches": "^q"},
            {"words": "qm"},
            "ä",
        ]
    ),
)
def test_a_column_of_text_is_compared_as_each_of_its_values(values: list[str | None], written: object) -> None:
    alone = [holds(written, value, dtype=object)[0] for value in values]
    assert holds(written, *values, dtype="str") == alone
    condition, attributes = Condition.parse(written), Attributes(pd.DataFrame({"plan": pd.Series(values, dtype="str")}))
    assert attributes.meet("plan", condition).tolist() == alone
    assert attributes.meet("plan", condition).tolist() == alone  # from what is told apart by then
