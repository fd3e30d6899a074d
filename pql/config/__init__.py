"""YAML to checked values: a project's folder in, a `Project` or all of its problems out.

The loader needs pydantic and pandas, which take half a second to import, so it is imported when it is called.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pql.config.problems import CODES, ConfigProblems, Problem

if TYPE_CHECKING:
    from pql.config.loader import TemplateCheck
    from pql.config.settings import Project

__all__ = ["CODES", "ConfigProblems", "Problem", "check", "load"]


def load(folder: Path, environ: Mapping[str, str], templates: "TemplateCheck | None" = None) -> "Project":
    """The project in a folder.

    Args:
        folder: The project's folder.
        environ: Where `${NAME}` in the configuration is looked up.
        templates: Renders message templates against samples: `pql.notify.checking.check_templates`. None: they are
            not looked at.

    Raises:
        ConfigProblems: The files have problems; carries all of them.
    """
    from pql.config.loader import load_project  # noqa: PLC0415  # half a second that `pql --help` need not wait

    return load_project(folder, environ, templates)


def check(folder: Path, environ: Mapping[str, str], templates: "TemplateCheck | None" = None) -> tuple[Problem, ...]:
    """All problems of the project in a folder, in the order of files and lines; none is a sound project.

    Args:
        folder: The project's folder.
        environ: Where `${NAME}` in the configuration is looked up.
        templates: As for `load`.
    """
    from pql.config.loader import check_project  # noqa: PLC0415  # as above

    return check_project(folder, environ, templates)
