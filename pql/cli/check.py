"""`pql check`: every problem of what a team writes, at once."""

from typing import Annotated

import typer

from pql.cli.common import HERE, AsJson, ProjectFolder, environment, note, print_json, say
from pql.jobs.collecting import loading


def check(
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
    source: Annotated[bool, typer.Option(help="Also ask the usage database about the SQL.")] = True,
) -> None:
    """Print every problem in the project's files, one a line; exit 1 if there is any."""
    with loading():
        from pql.app import check_project

    problems = check_project(project, environment(project), source=source)
    if as_json:
        print_json(problems)
    else:
        for problem in problems:
            say(str(problem))
    if problems:
        note(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}; each code is explained in docs/problems.md")
        raise typer.Exit(1)
    note("No problems.")
