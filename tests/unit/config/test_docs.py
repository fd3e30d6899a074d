"""The pages about definitions: complete, true, and with examples that load."""

import re
from pathlib import Path

import pytest

from pql.config import check, load
from pql.config.keys import keys_of
from pql.config.reference import main, page
from pql.config.shapes import FILE_KINDS
from pql.config.shapes.measures import PythonMeasure
from pql.domain.measures import MEASURE_KINDS
from pql.domain.patterns import PATTERN_KINDS
from tests.unit.config.examples import DOCS, examples, pages


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(DOCS)))
def test_the_examples_of_a_page_load_without_a_problem(path: Path, project: Path) -> None:
    found = list(examples(path))
    assert found
    (project / "config" / "scoring.yml").write_text(
        (project / "config" / "scoring.yml").read_text().replace("{product: 100}", "{product: 100, marketing: 60}")
    )
    for name, text in found:
        (project / name).write_text(text)
    assert check(project, {}) == ()


@pytest.mark.parametrize("kind", sorted(MEASURE_KINDS))
def test_a_measure_kind_has_a_page_whose_example_is_of_that_kind(kind: str, project: Path) -> None:
    text = (DOCS / "measures" / f"{kind}.md").read_text()
    assert text.startswith(f"# {kind}\n")
    assert "**Not evaluated**" in text
    assert "**Traps.**" in text
    for name, example in examples(DOCS / "measures" / f"{kind}.md"):
        (project / name).write_text(example)
    before = {"breadth", "seats", "stickiness"}
    added = [signal for signal in load(project, {}).definitions.signals if signal.name not in before]
    assert [signal.measure.kind for signal in added] == [kind]


@pytest.mark.parametrize("kind", sorted(PATTERN_KINDS))
def test_a_pattern_kind_has_a_page_whose_example_is_of_that_kind(kind: str, project: Path) -> None:
    text = (DOCS / "moments" / f"{kind}.md").read_text()
    assert text.startswith(f"# {kind}\n")
    assert "**When.**" in text
    assert "**Traps.**" in text
    for name, example in examples(DOCS / "moments" / f"{kind}.md"):
        (project / name).write_text(example)
    added = [moment for moment in load(project, {}).definitions.moments if moment.name != "paywall"]
    assert [moment.pattern.kind for moment in added] == [kind]


@pytest.mark.parametrize("folder", ["measures", "moments"])
def test_there_is_no_page_of_a_kind_that_is_not(folder: str) -> None:
    kinds = MEASURE_KINDS if folder == "measures" else PATTERN_KINDS
    assert {path.stem for path in (DOCS / folder).glob("*.md")} == set(kinds)


KINDS: list[tuple[str, type[object]]] = [
    (f"measures/{kind}.md", PythonMeasure if kind == "python" else shape) for kind, shape in MEASURE_KINDS.items()
]
KINDS += [(f"moments/{kind}.md", shape) for kind, shape in PATTERN_KINDS.items()]
INHERITED = {"kind", "level", "take", "window", "where", "relation"}


@pytest.mark.parametrize(("path", "shape"), KINDS)
def test_the_page_of_a_kind_names_each_key_of_its_own(path: str, shape: type[object]) -> None:
    text = (DOCS / path).read_text()
    assert [name for name in keys_of(shape) if f"`{name}`" not in text and name not in INHERITED] == []


def test_the_reference_is_up_to_date(tmp_path: Path) -> None:
    assert (DOCS / "reference.md").read_text(encoding="utf-8") == page(), "run: python -m pql.config.reference"
    assert main(tmp_path / "reference.md") == 0
    assert (tmp_path / "reference.md").read_text(encoding="utf-8") == page()


def test_the_reference_says_what_each_key_means() -> None:
    for row in re.findall(r"^\| `.*$", page(), re.MULTILINE):
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert all(cells), row


def test_the_reference_has_a_section_for_every_file_and_kind() -> None:
    headings = re.findall(r"^#+ (.*)$", page(), re.MULTILINE)
    for kind, (_, place) in FILE_KINDS.items():
        assert place in headings or f"{place}: a {kind}" in headings
    assert {f"Measure {kind}" for kind in MEASURE_KINDS} <= set(headings)
    assert {f"Pattern {kind}" for kind in PATTERN_KINDS} <= set(headings)


def test_links_between_the_pages_lead_somewhere() -> None:
    for path in [*pages(), DOCS / "reference.md", DOCS / "problems.md"]:
        for target, _, anchor in re.findall(r"\]\(([\w./-]*\.md)?(#)?([\w-]*)\)", path.read_text()):
            there = path if not target else (path.parent / target)
            assert there.exists(), f"{path.name}: {target}"
            anchors = [re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings(there)]
            assert not anchor or anchor in anchors, f"{path.name}: {target}#{anchor}"


def headings(path: Path) -> list[str]:
    return re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE)
