"""`pql reps`, `pql absent` and `pql back`: who is there, and who is not."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from pql.cli.common import HERE, AsJson, ProjectFolder, opened, print_json, print_table, say

if TYPE_CHECKING:
    from pql.jobs.routes import RepStanding

RepText = Annotated[str, typer.Argument(help="A rep's address or name.")]
By = Annotated[str, typer.Option(help="Who says so.", envvar="USER")]


def reps(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """List the reps: who works now, who is away, what each has."""
    with opened(project) as app:
        found = app.reps()
    if as_json:
        print_json([_json(one) for one in found])
        return
    columns = ["rep", "team", "local time", "works", "away until", "open leads", "turns", "told today"]
    print_table(columns, [_row(one) for one in found], empty="No reps. config/routing.yml lists them.")


def absent(
    rep: RepText,
    until: Annotated[str, typer.Option(help="The day they are back, like 2026-08-14; or an instant.")],
    project: ProjectFolder = HERE,
    since: Annotated[str | None, typer.Option("--from", help="The first day away; by default from now on.")] = None,
    reason: Annotated[str, typer.Option(help="Why; it stands wherever they are passed over.")] = "",
    by: By = "somebody",
) -> None:
    """Say that a rep is away: new leads go to the next in turn, theirs to a stand-in until they are back."""
    with opened(project) as app:
        absence, standing = app.absent(rep, since=since, until=until, by=by, reason=reason)
    local = standing.working.local
    begins = f"from {local(absence.since):%Y-%m-%d %H:%M} " if since else ""
    why = f": {absence.reason}" if absence.reason else ""
    say(f"{standing.name} is away {begins}until {local(absence.until):%Y-%m-%d %H:%M} ({standing.time_zone}){why}.")
    say("`pql back` ends it sooner.")


def back(rep: RepText, project: ProjectFolder = HERE) -> None:
    """Say that a rep is back: their leads are theirs again."""
    with opened(project) as app:
        who = app.back(rep)
    say(f"{who.name} is back.")


def _row(one: "RepStanding") -> list[object]:
    rep = one.rep
    works = "now" if one.quiet_until is None else f"from {rep.working.local(one.quiet_until):%a %d %b %H:%M}"
    most = "" if rep.capacity is None else f" of {rep.capacity}"
    return [
        f"{rep.name} <{rep.email}>",
        rep.team,
        f"{one.local:%a %H:%M} {rep.time_zone}",
        works if rep.active else "not active",
        "" if one.away_until is None else _away(one, one.away_until),
        f"{one.open_leads}{most}",
        ", ".join(f"{pool}: {taken:g}" for pool, taken in sorted(one.turns.items())),
        one.sent_today,
    ]


def _away(one: "RepStanding", until: datetime) -> str:
    return f"{one.rep.working.local(until):%a %d %b %H:%M}" + (f", {one.away_for}" if one.away_for else "")


def _json(one: "RepStanding") -> dict[str, object]:
    rep = one.rep
    return {
        "email": rep.email,
        "name": rep.name,
        "team": rep.team,
        "active": rep.active,
        "time_zone": rep.time_zone,
        "local": _local(one.local),
        "quiet_until": one.quiet_until,
        "away_until": one.away_until,
        "away_for": one.away_for,
        "open_leads": one.open_leads,
        "capacity": rep.capacity,
        "turns": dict(one.turns),
        "sent_today": one.sent_today,
    }


def _local(at: datetime) -> str:
    return at.isoformat(timespec="minutes")
