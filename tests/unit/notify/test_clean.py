"""Data made fit to be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.notify.clean import clip, one_line, paragraph, safe_url


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param("  Acme \t Corp\r\n", "Acme Corp", id="blanks become one"),
        pytest.param("a\u2028b\u2029c\x85d", "a b c d", id="breaks of other alphabets are blanks"),
        pytest.param("a\0b\x1b[31mc\x7f", "ab[31mc", id="control characters go"),
        pytest.param("half \ud83d", "half \ufffd", id="half a character is marked"),
        pytest.param("\u202eevil\u2066", "evil", id="marks that turn text around go"),
        pytest.param("\ufdd0a\uffff", "a", id="noncharacters go"),
        pytest.param("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧", id="joined emoji stay"),
        pytest.param("שלום", "שלום", id="right-to-left letters stay"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_line_is_one_line_of_plain_characters(text: str, cleaned: str) -> None:
    assert one_line(text) == cleaned


def test_a_paragraph_keeps_its_lines() -> None:
    assert paragraph(" one \r\n\ttwo\n\n\n\nthree  ") == "one\ntwo\n\nthree"


@given(st.text(), st.integers(1, 50))
def test_a_line_is_never_longer_than_asked(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1
    assert one_line(line, limit) == line


@pytest.mark.parametrize(
    ("text", "limit", "clipped"),
    [
        pytest.param("exact", 5, "exact", id="what fits stays"),
        pytest.param("longer", 5, "long…", id="what does not ends in an ellipsis"),
        pytest.param("two words", 5, "two…", id="no blank before the ellipsis"),
        pytest.param("abe\u0301def", 4, "ab…", id="a letter keeps its accent"),
        pytest.param("ab👩\u200d👩\u200d👧cd", 5, "ab…", id="joined emoji are one"),
        pytest.param("ab👍🏽cd", 4, "ab…", id="an emoji keeps its skin"),
        pytest.param("e" + "\u0301" * 20, 5, "…", id="a letter with more marks than room"),
    ],
)
def test_nothing_is_cut_in_the_middle_of_a_letter(text: str, limit: int, clipped: str) -> None:
    assert clip(text, limit) == clipped


@given(st.text(), st.integers(1, 30))
def test_what_was_clipped_begins_like_the_text(text: str, limit: int) -> None:
    kept = clip(text, limit)
    assert text.startswith((kept, kept.removesuffix("…")))
    assert len(kept) <= limit


@pytest.mark.parametrize("url", ["https://a.test/x?y=1&z=%20#f", "http://a.test", "mailto:mia@plotline.test"])
def test_a_whole_link_is_kept(url: str) -> None:
    assert safe_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        *("", "/a", "a.test", "javascript:alert(1)", "data:text/html,x", "https://", "https://[", "mailto:"),
        *('https://a.test/"x', "https://a.test/<b>", "https://a.test/|x", "https://a.test/ x", "https://a.test/\nx"),
        "https://a.test/" + "x" * 3000,
    ],
)
def test_what_leads_nowhere_safe_is_no_link(url: str) -> None:
    assert safe_url(url) == ""
