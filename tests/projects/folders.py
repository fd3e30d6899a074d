"""Where the projects and their data lie, and a copy of a project to work in."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECTS = ROOT / "tests" / "projects"
SHARED = ROOT.parent / "shared" / "data"


def sources(folder: str) -> list[object]:
    """The parameters of a fixture: the generated sample, and the shared data where they are."""
    absent = pytest.mark.skipif(
        not (SHARED / folder).is_dir(),
        reason=f"../shared/data/{folder} is not here: only the small generated sample is tested",
    )
    return ["sample", pytest.param("shared", marks=absent)]


def copied(name: str, target: Path, edit: Callable[[str], str] = str) -> Path:
    """A project's folder, copied, with the message templates of the starter.

    Args:
        name: Of the project.
        target: The new folder.
        edit: What becomes of the text of config/pql.yml.
    """
    shutil.copytree(PROJECTS / name, target)
    for channel in ("slack", "email"):
        shutil.copytree(ROOT / "notifiers" / channel, target / "notifiers" / channel)
    settings = target / "config" / "pql.yml"
    settings.write_text(edit(settings.read_text(encoding="utf-8")), encoding="utf-8")
    return target
