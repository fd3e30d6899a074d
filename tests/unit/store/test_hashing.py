"""What tells rows apart."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.store.hashing import column_hashes, combined, joined_hashes

TEXTS = st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=20), min_size=1, max_size=12)
LONG = "x" * 511


def column(values: list[str | None]) -> "pd.Series[str]":
    return pd.Series(values, dtype="str")


@given(TEXTS)
def test_equal_texts_have_equal_hashes_and_no_others(values: list[str | None]) -> None:
    hashes = column_hashes(column(values)).tolist()

    of = dict(zip(values, hashes, strict=True))
    assert hashes == [of[value] for value in values]
    assert len({*of.values()}) == len(of)


@given(TEXTS, st.integers(0, 12), st.integers(0, 12))
def test_a_hash_does_not_depend_on_the_rows_around_it(values: list[str | None], start: int, stop: int) -> None:
    whole = column(values)

    assert column_hashes(whole.iloc[start:stop]).tolist() == column_hashes(whole)[start:stop].tolist()
    halves = pd.concat([whole.iloc[:start], whole.iloc[start:]])
    assert column_hashes(halves).tolist() == column_hashes(whole).tolist()


@pytest.mark.parametrize(
    "change", ["y" + LONG, LONG + "y", LONG[:-1] + "y", LONG + "x" * 2, LONG * 3, LONG * 3 + "y", ""]
)
def test_each_byte_counts_also_of_long_texts(change: str) -> None:
    first, second = column_hashes(column([LONG, change])).tolist()

    assert first != second


def test_what_is_no_text_is_told_apart_by_its_json() -> None:
    hashes = column_hashes(pd.Series([["a"], ["a"], ["b"], None, "a", True, 1], dtype=object))

    assert hashes[0] == hashes[1]
    assert len({*hashes.tolist()}) == 6


def test_texts_side_by_side_do_not_run_into_one_another() -> None:
    left, right = column(["ab", "a", "ab"]), column(["c", "bc", "c"])

    hashes = joined_hashes([left, right])

    assert hashes[0] == hashes[2] != hashes[1]


def test_zero_has_no_sign_nan_is_one_and_no_hash_is_zero() -> None:
    quiet, other = np.array([np.nan]), np.array([np.nan]).view(np.uint64) ^ np.uint64(1)

    assert combined(1, [np.array([0.0])], 1) == combined(1, [np.array([-0.0])], 1)
    assert combined(1, [quiet], 1) == combined(1, [other.view(np.float64)], 1)
    assert combined(0, [np.array([0])], 1) != 0
