"""`pql explain LEAD`: every number, every reason, every message sent or withheld."""

from typing import Annotated

import typer

from pql.cli.common import HERE, AsJson, AsOf, ProjectFolder, opened, print_json, read_instant


def explain(
    lead: Annotated[str, typer.Argument(help="A lead's id, name or domain.")],
    project: ProjectFolder = HERE,
    as_of: AsOf = None,
    every: Annotated[bool, typer.Option("--all", help="Show all decisions ever made, not only the latest.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show each measure, verdict, point, criterion, grade, episode and message of a lead."""
    from pql.cli.explained import show_explained

    instant = read_instant(as_of) if as_of else None
    with opened(project) as app:
        explained = app.explain(lead, as_of=instant, every=every)
    if as_json:
        print_json(explained)
    else:
        show_explained(explained)
