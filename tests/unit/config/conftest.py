"""A small sound project, copied for each test, and its bad variants."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pql.config import check
from pql.notify.checking import check_templates

CASES = Path(__file__).parents[2] / "testdata" / "config"
GOOD = CASES / "good"
NOT_COPIED = ("expected.txt", "remove.txt")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The small project, in a folder of its own."""
    return shutil.copytree(GOOD, tmp_path / "project")


@pytest.fixture
def change(project: Path) -> Callable[..., Path]:
    """Replaces text in a file of the project: `change("config/pql.yml", "Acme", "Other")`."""

    def replace(path: str, *pairs: str) -> Path:
        text = (project / path).read_text()
        for old, new in zip(pairs[::2], pairs[1::2], strict=True):
            assert old in text, f"{path} has no {old!r}"
            text = text.replace(old, new, 1)
        (project / path).write_text(text)
        return project / path

    return replace


@pytest.fixture
def problems(project: Path) -> Callable[..., Sequence[str]]:
    """The problems of the project, as text, one a line."""

    def found(**environ: str) -> Sequence[str]:
        return [str(problem) for problem in check(project, environ, check_templates)]

    return found
