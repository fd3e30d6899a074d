"""YAML as plain data, with places."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.config.yaml import Document, Spot, read_yaml


def read(text: str) -> Document:
    document, problems = read_yaml("a.yml", text)
    assert document is not None
    assert problems == []
    return document


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("off", "off"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("'true'", "true"),
        ("6", 6),
        ("-6", -6),
        ("007", "007"),
        ("0o17", 15),
        ("0xff", 255),
        ("1_000", "1_000"),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ('"6"', "6"),
        ("!!str 6", "6"),
        ("2026-01-31", "2026-01-31"),
        ("12:30", "12:30"),
        ("99999999999999999999", 1e20),
        ("14 days", "14 days"),
    ],
)
def test_a_plain_scalar_means_what_yaml_1_2_says(written: str, value: object) -> None:
    assert read(f"key: {written}\n").data == {"key": value}
    assert type(read(f"key: {written}\n").data["key"]) is type(value)


def test_nothing_after_a_key_is_null() -> None:
    assert read("a:\nb: ~\nc: null\n").data == {"a": None, "b": None, "c": None}


def test_keys_are_text_as_written() -> None:
    assert read("1: one\non: two\nNO: three\n").data == {"1": "one", "on": "two", "NO": "three"}


def test_keys_and_values_know_their_places() -> None:
    document = read("a: 1\nb:\n  - {c: x, d: [y, z]}\n")
    assert document.spot(("b", 0, "d"), key=True) == Spot(3, 12)
    assert document.spot(("b", 0, "d", 1)) == Spot(3, 19)
    assert document.spot(("a",)) == Spot(1, 4)


def test_what_is_missing_is_placed_at_what_should_hold_it() -> None:
    document = read("a: 1\nb: {c: 2}\n")
    assert document.spot(("b", "nothing")) == Spot(2, 1)
    assert document.spot(("nothing",)) == Spot(1, 1)


def test_an_alias_stands_for_the_value_of_its_anchor() -> None:
    assert read("a: &x {b: 1}\nc: *x\n").data == {"a": {"b": 1}, "c": {"b": 1}}


def test_the_first_of_two_equal_keys_counts_and_the_second_is_a_problem() -> None:
    document, problems = read_yaml("a.yml", "a: 1\nb: 2\na: 3\n")
    assert document is not None
    assert document.data == {"a": 1, "b": 2}
    assert [(problem.line, problem.code) for problem in problems] == [(3, "C005")]


def test_a_file_beyond_the_size_limit_is_not_parsed() -> None:
    document, problems = read_yaml("a.yml", "a: " + "x" * 1_000_001)
    assert document is None
    assert [problem.code for problem in problems] == ["C007"]


def test_a_long_list_of_plain_values_is_refused() -> None:
    _, problems = read_yaml("a.yml", "[" + "1," * 20_001 + "]")
    assert [problem.code for problem in problems] == ["C007"]


def test_a_place_in_crlf_text_counts_lines_alike() -> None:
    _, problems = read_yaml("a.yml", "a: 1\nb: [\n")
    assert [problem.line for problem in problems] == [3]


@pytest.mark.parametrize("tagged", ["!!python/object {}", "!mine [1]", "!!int 5", "!!binary aGk="])
def test_a_tag_is_refused_wherever_it_stands(tagged: str) -> None:
    _, problems = read_yaml("a.yml", f"a: {tagged}\n")
    assert [(problem.code, problem.column) for problem in problems] == [("C004", 4)]


def test_the_tags_of_plain_text_lists_and_mappings_change_nothing() -> None:
    assert read("a: ! 5\nb: !!seq [1]\nc: !!map {d: 1}\n").data == {"a": "5", "b": [1], "c": {"d": 1}}


@pytest.mark.parametrize("number", ["1e999", "-.inf", ".NaN", "9" * 400])
def test_a_number_that_is_not_finite_is_refused(number: str) -> None:
    _, problems = read_yaml("a.yml", f"a: {number}\n")
    assert [problem.code for problem in problems] == ["C010"]


def test_half_of_a_surrogate_pair_is_refused() -> None:
    _, problems = read_yaml("a.yml", 'a: "\\ud800"\n')
    assert [problem.code for problem in problems] == ["C004"]


def test_a_path_that_is_not_there_has_no_data() -> None:
    document = read("a: [1]\n")
    assert document.get("a", 0) == 1
    assert document.get("a", 1) is None
    assert document.get("b", "c") is None


YAML_LIKE = st.text(st.sampled_from("ab01 :-{}[]&*!|>'\"#,%@`?\n\t\\.~=<$"), max_size=80)


@given(st.one_of(st.text(max_size=200), YAML_LIKE))
def test_any_text_is_either_a_document_or_a_problem(text: str) -> None:
    document, problems = read_yaml("a.yml", text)
    assert (document is None) <= bool(problems)
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert "\n" not in str(problem)


def test_a_value_that_is_not_written_stands_at_its_key() -> None:
    document = read("a:\n\n# a comment\nb: {c: , d: ''}\n")
    assert document.spot(("a",)) == Spot(1, 1)
    assert document.spot(("b", "c")) == Spot(4, 5)
    assert document.spot(("b", "d")) == Spot(4, 13)


def test_an_escape_beyond_unicode_is_a_problem() -> None:
    _, problems = read_yaml("a.yml", 'a: "\\U00110000"\n')
    assert [problem.code for problem in problems] == ["C004"]


def test_a_file_without_a_place_has_its_problems_at_its_beginning() -> None:
    assert Document(path="a.yml", text="", data={}).spot(("a", "b")) == Spot(1, 1)
