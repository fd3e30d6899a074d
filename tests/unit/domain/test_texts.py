"""Which ids are among others."""

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.domain.texts import among, arrow_texts

IDS = st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=8)


@pytest.mark.parametrize("kind", ["str", "object"])
@given(texts=IDS, wanted=st.lists(st.text(max_size=3), max_size=8))
def test_a_text_is_among_others_if_it_equals_one_of_them(kind: str, texts: list[str | None], wanted: list[str]) -> None:
    expected = [text in wanted for text in texts]
    for column in (pd.Series(texts, dtype=kind), pd.Index(texts, dtype=kind)):
        for others in (wanted, {*wanted}, pd.Series(wanted, dtype=kind), pd.Index(wanted, dtype=kind)):
            assert among(column, others).tolist() == expected


def test_what_is_unknown_is_never_among_others() -> None:
    assert among(pd.Series(["a", None]), pd.Series(["a", None])).tolist() == [True, False]


def test_a_column_without_rows_has_no_texts_whatever_its_type() -> None:
    for kind in (float, "int64", "object", "str"):
        empty = pd.Index([], dtype=kind)
        assert arrow_texts(empty).type == pa.large_string()
        assert among(empty, ["a"]).tolist() == []
        assert among(pd.Series(["a"]), empty).tolist() == [False]


def test_texts_in_pieces_become_one_array() -> None:
    pieces = [pd.Series(["a", "b"]), pd.Series([None, "c"], dtype="str")]
    assert arrow_texts(pd.concat(pieces, ignore_index=True).iloc[1:]).to_pylist() == ["b", None, "c"]
