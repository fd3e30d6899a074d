"""`pql run`: the main job, once."""

from typing import Annotated

import typer

from pql.cli.common import HERE, AsJson, AsOf, ProjectFolder, opened, print_json, read_instant


def run(
    project: ProjectFolder = HERE,
    as_of: AsOf = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and show, remember and send nothing.")] = False,
    explain_cost: Annotated[
        bool, typer.Option("--explain-cost", help="Show each statement and the bytes that it reads; decide nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read the usage, evaluate every lead, decide who is told, and remember it."""
    from pql.cli.progress import bars
    from pql.cli.report import report_json, show_cost, show_report

    instant = read_instant(as_of) if as_of else None
    if explain_cost:
        with opened(project) as app, bars() as progress:
            asked = app.explain_cost(as_of=instant, progress=progress)
        if as_json:
            print_json(asked)
        else:
            show_cost(asked)
        return
    with opened(project) as app, bars() as progress:
        report = app.run(as_of=instant, dry_run=dry_run, progress=progress)
    if as_json:
        print_json(report_json(report))
    else:
        show_report(report)
    if report.stopped:
        raise typer.Exit(1)
