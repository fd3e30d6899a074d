"""The registry of codes and its page."""

import re
from pathlib import Path

import pytest

from pql.config import CODES
from pql.config.problems import source_code
from tests.unit.config.conftest import CASES

PAGE = (Path(__file__).parents[3] / "docs" / "problems.md").read_text()
SECTIONS = {part.split(" ", 1)[0]: part for part in PAGE.split("\n### ")[1:]}


def test_the_page_has_every_code_once_in_order_and_no_other() -> None:
    assert re.findall(r"^### (C\d\d\d)", PAGE, re.MULTILINE) == sorted(CODES)


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_is_explained_under_its_title(code: str) -> None:
    heading, _, text = SECTIONS[code].partition("\n\n")
    assert heading == f"{code} {CODES[code].title}"
    assert len(text.split("```")[0].strip()) > 40


@pytest.mark.parametrize("code", sorted(code for code, about in CODES.items() if not about.source))
def test_the_example_of_a_code_is_what_one_of_its_bad_files_prints(code: str) -> None:
    example = SECTIONS[code].split("```\n")[1].strip()
    printed = "".join(path.read_text() for path in CASES.glob(f"{code}-*/expected.txt")).splitlines()
    assert example in printed


def test_what_a_source_says_has_a_code() -> None:
    words = ("connection", "relation", "sql", "column", "type", "as_of", "filter")
    assert {source_code(word, "sql/events.sql") for word in words} <= set(CODES)
    assert source_code("column", "sql/events.sql") == "C081"
    assert source_code("column", "signals/breadth.yml") == "C084"
