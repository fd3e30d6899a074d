"""`pql leads`: who stands where."""

from typing import Annotated

import typer

from pql.cli.common import HERE, AsJson, ProjectFolder, opened, print_json, print_table


def leads(
    project: ProjectFolder = HERE,
    tier: Annotated[list[str] | None, typer.Option(help="Only this tier; may be repeated.")] = None,
    grade: Annotated[list[str] | None, typer.Option(help="Only this grade, like A1; may be repeated.")] = None,
    stage: Annotated[list[str] | None, typer.Option(help="Only this stage; may be repeated.")] = None,
    qualified: Annotated[bool, typer.Option("--qualified", help="Only product-qualified leads.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List leads, the highest score first."""
    with opened(project) as app:
        rows = app.store.leads_table(
            tiers=tier, grades=grade, stages=stage, live=True if qualified else None, limit=limit
        ).reset_index()
    if as_json:
        print_json(rows.astype(object).where(rows.notna(), None).to_dict("records"))
        return
    shown = ["lead_id", "name", "grade", "tier", "behaviour", "stage", "plan", "status", "claimed_by"]
    cells = [[*row] for row in rows[shown].assign(behaviour=rows["behaviour"].round()).itertuples(index=False)]
    print_table(shown, cells, empty="No leads. `pql run` finds them.")
