"""YAML to checked values: a project's folder in, a `Project` or all of its problems out.

The loader needs pydantic and pandas, which take half a second to import, so it is imported when it is called.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pql.config.problems import CODES, ConfigProblems, Problem

if TYPE_CHECKING:
    from pql.config.loader import TemplateCheck
    from pql.config.settings import Project
    from pql.domain.definitions import Definitions

__all__ = ["CODES", "ConfigProblems", "Problem", "check", "load", "rules_of"]


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


def rules_of(sources: Iterable[tuple[str, str]], now: "Definitions") -> "Definitions":
    """Definitions with the rules of kept files, and with all that is no rule from the present ones.

    Args:
        sources: `Definitions.sources` of then.
        now: The present definitions.

    Raises:
        ConfigProblems: The files cannot be read any more.
    """
    from pql.config.loader import rules_of as read_rules  # noqa: PLC0415  # as above

    return read_rules(sources, now)
