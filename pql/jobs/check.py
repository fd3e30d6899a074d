"""What the usage database says of a project's SQL, as problems with file and line."""

from collections.abc import Sequence

from pql.config import Problem
from pql.config.problems import source_code
from pql.config.settings import Project
from pql.warehouse import Finding, open_warehouse


def check_source(project: Project) -> Sequence[Problem]:
    """Ask the usage database about every relation and statement; reads no rows."""
    warehouse = open_warehouse(project)
    try:
        return tuple(sorted({_problem(finding) for finding in warehouse.inspect()}))
    finally:
        warehouse.close()


def _problem(finding: Finding) -> Problem:
    return Problem(
        path=finding.path,
        line=finding.line,
        column=finding.column,
        code=source_code(finding.what, finding.path),
        message=finding.message,
        hint=finding.hint,
    )
