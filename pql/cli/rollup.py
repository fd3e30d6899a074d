"""`pql rollup`: what the daily partial results hold, and their upkeep."""

from typing import TYPE_CHECKING, Annotated

import typer

from pql.cli.common import HERE, AsJson, ProjectFolder, opened, print_json, print_table, say

if TYPE_CHECKING:
    from pql.app import RollupStatus
    from pql.domain.calendar import Calendar

rollup = typer.Typer(help="The daily partial results: what they hold, and their upkeep.", no_args_is_help=True)


@rollup.command()
def status(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Show which days and columns are kept, and from when on."""
    with opened(project) as app:
        found = app.rollup_status()
        calendar = app.calendar
    if found is None:
        say("This project has no rollup; see usage.rollup in config/pql.yml.")
    elif as_json:
        print_json(_status_json(found, calendar))
    else:
        _show_status(found, calendar)


def _status_json(found: "RollupStatus", calendar: "Calendar") -> dict[str, object]:
    return {
        "place": found.place,
        "rows": found.rows,
        "relations": {
            relation.value: {
                "days": len(days),
                "events": int(days["row_count"].sum()),
                "first": calendar.words(int(days.index.min())) if len(days) else None,
                "last": calendar.words(int(days.index.max())) if len(days) else None,
            }
            for relation, days in found.days.items()
        },
        "columns": [
            {
                "name": column.name,
                "relation": column.relation.value,
                "grain": column.grain.value,
                "counts": column.described,
                "complete": column.complete,
                "from": None if column.built_from is None else calendar.words(column.built_from),
                "used": column.used,
            }
            for column in found.columns
        ],
    }


def _show_status(found: "RollupStatus", calendar: "Calendar") -> None:
    from pql.domain.calendar import from_micros

    say(f"{found.place[0].upper()}{found.place[1:]} holds:")
    for relation, days in found.days.items():
        if len(days):
            first, last = (calendar.words(int(day)) for day in (days.index.min(), days.index.max()))
            until = from_micros(float(days["until"].max()))
            rows = int(days["row_count"].sum())
            say(f"  {relation.value}: {rows:,} rows, {first} to {last}, up to {until:%Y-%m-%d %H:%M} UTC")
    print_table(["table", "rows"], [[name, f"{rows:,}"] for name, rows in found.rows.items()], empty="")
    columns = [
        [
            column.name,
            column.grain.value,
            column.described,
            _since(column.complete, None if column.built_from is None else calendar.words(column.built_from)),
            "yes" if column.used else "no: `pql rollup prune` drops it",
        ]
        for column in found.columns
    ]
    print_table(["column", "by", "of rows with", "kept from", "used"], columns, empty="It holds nothing yet.")


def _since(complete: bool, day: str | None) -> str:
    return "the beginning" if complete else day or "not filled in yet"


@rollup.command()
def rebuild(project: ProjectFolder = HERE) -> None:
    """Forget all days, and roll them anew from the events that the source still has."""
    from pql.cli.progress import bars

    with opened(project) as app, bars() as progress:
        rolled = app.rebuild_rollup(progress=progress)
    for report in rolled:
        say(f"{report.relation.value}: {len(report.rolled):,} days, {sum(report.rolled.values()):,} rows")


@rollup.command()
def prune(project: ProjectFolder = HERE) -> None:
    """Drop the columns that no definition needs any more."""
    with opened(project) as app:
        dropped = app.prune_rollup()
    for column in dropped:
        say(
            f"dropped {column.name} ({column.relation.value} by {column.grain.value}: {column.described or 'all rows'})"
        )
    if not dropped:
        say("Every column is used: nothing to drop.")


@rollup.command()
def verify(
    project: ProjectFolder = HERE,
    days: Annotated[int, typer.Option(min=0, help="How many days of each relation are computed anew.")] = 5,
    leads: Annotated[int, typer.Option(min=0, max=500, help="How many leads are measured anew.")] = 50,
    seed: Annotated[int | None, typer.Option(help="The same seed chooses the same days and leads.")] = None,
) -> None:
    """Compute a random sample of days and leads anew from the events, and compare; exit code 1 if any differs."""
    with opened(project) as app:
        found = app.verify_rollup(days=days, leads=leads, seed=seed)
    for difference in found.differences:
        say(f"! {difference.what}: the rollup has {difference.kept}, the events say {difference.rows}")
    say(f"{found.days} days and {found.leads} leads computed anew: {len(found.differences)} differences")
    if found.differences:
        say("`pql rollup rebuild` rolls all days anew.")
        raise typer.Exit(1)
