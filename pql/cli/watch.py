"""`pql watch`: one look for moments in what has just arrived."""

from typing import TYPE_CHECKING, Annotated

import typer

from pql.cli.common import HERE, AsJson, AsOf, ProjectFolder, opened, print_json, read_instant, say

if TYPE_CHECKING:
    from pql.jobs.watch import WatchReport


def watch(
    project: ProjectFolder = HERE,
    as_of: AsOf = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Decide and show, remember and send nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look once for moments in what has arrived since the last look, and at what waited; decide who is told."""
    instant = read_instant(as_of) if as_of else None
    with opened(project) as app:
        report = app.watch(as_of=instant, dry_run=dry_run)
    if as_json:
        print_json(report)
    else:
        _show(report)


def _show(report: "WatchReport") -> None:
    if report.idle:
        say(f"Nothing was looked at: {report.idle}.")
        return
    kind = ", a dry run: nothing is remembered" if report.dry_run else ""
    say(f"As of {report.as_of:%Y-%m-%d %H:%M:%S} UTC{kind}")
    say(f"  {report.arrived:,} rows arrived since shortly before the last look")
    found = ", ".join(f"{count:,} {name}" for name, count in sorted(report.found.items()))
    say(f"  {sum(report.found.values()):,} moments" + (f": {found}" if found else ""))
    if report.unknown:
        say(f"  {report.unknown:,} moments of leads that no run has seen yet: the next run decides on them")
    if report.unsettled:
        say(f"  {report.unsettled:,} moments that are defined anew: the next run decides on them")
    if report.waited:
        say(f"  {report.waited:,} qualifications and news of customers that had waited")
    say(f"  {report.timers:,} timers set or ended")
    say(f"  {len(report.notifications):,} notifications")
