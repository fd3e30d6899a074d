import numpy as np
import pandas as pd
import pytest

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures import MEASURE_KINDS, MISSING_WORDS, Measure, Missing, measured
from pql.domain.measures.base import plural, plural_noun, with_unit
from pql.domain.measures.count import Count
from tests.unit.domain.measures.frames import merged


def test_every_kind_is_registered_under_its_own_name() -> None:
    for kind, measure in MEASURE_KINDS.items():
        assert issubclass(measure, Measure)
        assert measure.__dataclass_fields__["kind"].default == kind


def test_every_reason_to_miss_has_words() -> None:
    assert set(MISSING_WORDS) == set(Missing)
    assert all(words for code, words in MISSING_WORDS.items() if code is not Missing.NONE)


def test_a_kind_must_say_what_it_is() -> None:
    bare = Measure(kind="bare")
    assert bare.bounds == (0.0, float("inf"))
    assert bare.evidence is None
    for call in (bare.inputs, lambda: bare.finish(merged()), lambda: bare.words(1)):
        with pytest.raises(NotImplementedError):
            call()


@pytest.mark.parametrize("window", ["12 hours", "0 days"])
def test_a_window_that_is_not_whole_days_is_refused(window: str) -> None:
    with pytest.raises(ValueError, match="must be a whole number of days"):
        Count(window=Duration.parse(window), where=Where())


def test_a_value_that_is_not_finite_is_missing() -> None:
    found = measured(pd.Series([1, np.inf, -np.inf, np.nan]))
    assert found["missing"].tolist() == [0, *[Missing.NOT_A_NUMBER] * 3]
    assert found["value"].tolist()[0] == 1
    assert found["value"].isna().tolist() == [False, True, True, True]
    assert found["latest_at"].isna().all()


def test_what_is_missing_has_no_value_and_keeps_its_reason() -> None:
    codes = np.array([Missing.TOO_YOUNG, Missing.NONE], dtype=np.int8)
    found = measured(pd.Series([np.nan, 2.0]), missing=codes, latest_at=pd.Series([5, 6]))
    assert found["missing"].tolist() == [Missing.TOO_YOUNG, Missing.NONE]
    assert found["latest_at"].tolist() == [5.0, 6.0]


def test_text_and_truth_stay_what_they_are() -> None:
    assert measured(pd.Series(["a", "b"]))["value"].tolist() == ["a", "b"]
    assert measured(pd.Series([True, False]))["value"].tolist() == [True, False]
    assert pd.api.types.is_bool_dtype(measured(pd.Series([True, False]))["value"])


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (1, "feature", "1 feature"),
        (6, "feature", "6 features"),
        (0, "day", "0 days"),
        (2.5, "day", "2.5 days"),
        (1200, "company", "1,200 companies"),
        (2, "box", "2 boxes"),
        (2, "search", "2 searches"),
        (2, "wish", "2 wishes"),
        (2, "class", "2 classes"),
    ],
)
def test_numbers_come_with_their_noun(number: float, noun: str, words: str) -> None:
    assert plural(number, noun) == words
    assert plural_noun("key") == "keys"


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (1250.0, "credits", "1,250 credits"),
        (2.5, "", "2.50"),
        (0, "EUR", "0 EUR"),
        (1, "days a week", "1 day a week"),
        (1, "credits", "1 credit"),
        (1, "glass", "1 glass"),
        (1, "", "1"),
    ],
)
def test_amounts_come_with_their_unit(value: float, unit: str, words: str) -> None:
    assert with_unit(value, unit) == words
