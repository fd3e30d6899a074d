"""What the usage database says of a project's SQL, as problems with file and line."""

from collections.abc import Iterator, Sequence

from pql.config import Problem
from pql.config.problems import source_code
from pql.config.settings import Project
from pql.domain.patterns.allowance import AllowanceReached
from pql.warehouse import Finding, Warehouse, open_warehouse


def check_source(project: Project) -> Sequence[Problem]:
    """Ask the usage database about every relation and statement; of rows only what is needed to say `C086`."""
    warehouse = open_warehouse(project)
    try:
        found = warehouse.inspect() or [*_never_found(project, warehouse)]
        return tuple(sorted({_problem(finding) for finding in found}))
    finally:
        warehouse.close()


def _never_found(project: Project, warehouse: Warehouse) -> Iterator[Finding]:
    """The moments about meters of whose use the relation tells nothing; a signal would count it from events."""
    asking = {one.name: one.pattern for one in project.definitions.moments if isinstance(one.pattern, AllowanceReached)}
    rows = warehouse.allowances() if asking else None
    for name, pattern in asking.items():
        for meter in pattern.untold(rows) if rows is not None else ():
            yield Finding(
                path=f"signals/{name}.yml",
                message=f"`used` is empty for every account's '{meter}' in the relation 'allowances', so the moment is "
                "never found for it",
                hint="fill it in sql/allowances.sql, or use the measure `allowance` in a signal, which counts events",
                what="empty",
            )


def _problem(finding: Finding) -> Problem:
    return Problem(
        path=finding.path,
        line=finding.line,
        column=finding.column,
        code=source_code(finding.what, finding.path),
        message=finding.message,
        hint=finding.hint,
    )
