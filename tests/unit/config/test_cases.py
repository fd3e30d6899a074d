"""Every problem code has a bad file whose whole output is written down beside it."""

import shutil
from pathlib import Path

import pytest

from pql.config import CODES, check
from pql.notify.checking import check_templates

CASES = Path(__file__).parents[2] / "testdata" / "config"
FOLDERS = sorted(folder.name for folder in CASES.iterdir() if folder.name.startswith("C"))


def spoil(project: Path, case: Path) -> None:
    """Lay a case over the sound project."""
    for file in sorted(path for path in case.rglob("*") if path.is_file()):
        place = project / file.relative_to(case)
        if file.name in {"expected.txt", "remove.txt"}:
            continue
        for parent in place.parents:
            if parent.is_file():
                parent.unlink()
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    removed = case / "remove.txt"
    for path in removed.read_text().split() if removed.exists() else ():
        (project / path).unlink()


@pytest.mark.parametrize("case", FOLDERS)
def test_a_bad_project_prints_exactly_what_is_expected(case: str, project: Path) -> None:
    spoil(project, CASES / case)
    found = check(project, {}, check_templates)
    assert "".join(f"{problem}\n" for problem in found) == (CASES / case / "expected.txt").read_text()
    assert case.split("-", maxsplit=1)[0] in {problem.code for problem in found}


def test_every_code_that_the_files_alone_show_has_a_case() -> None:
    assert {code for code, about in CODES.items() if not about.source} == {name.split("-")[0] for name in FOLDERS}


def test_the_project_that_the_cases_spoil_is_sound(project: Path) -> None:
    assert check(project, {}, check_templates) == ()
