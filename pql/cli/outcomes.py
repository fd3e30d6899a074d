"""`pql claim | snooze | reject | won | lost LEAD --by REP`: what a rep says of a lead."""

from typing import Annotated

import typer

from pql.cli.common import HERE, ProjectFolder, opened, say

Lead = Annotated[str, typer.Argument(help="The lead's id, name or domain.")]
By = Annotated[str, typer.Option("--by", help="The rep's email.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it teaches the definitions.")]
For = Annotated[str, typer.Option("--for", help="How long, like '7 days'.")]


def claim(lead: Lead, by: By, project: ProjectFolder = HERE) -> None:
    """Take a lead: nobody else is told about it."""
    with opened(project) as app:
        say(app.outcome(lead, "claim", by=by).words)


def snooze(lead: Lead, by: By, for_: For = "7 days", project: ProjectFolder = HERE) -> None:
    """Hear of a lead again later."""
    from pql.domain.durations import Duration

    try:
        duration = Duration.parse(for_)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc
    with opened(project) as app:
        say(app.outcome(lead, "snooze", by=by, snooze_for=duration).words)


def reject(lead: Lead, by: By, reason: Reason = "", project: ProjectFolder = HERE) -> None:
    """Say that a lead is none; it cools down."""
    with opened(project) as app:
        say(app.outcome(lead, "reject", by=by, reason=reason).words)


def won(lead: Lead, by: By, project: ProjectFolder = HERE) -> None:
    """Say that a lead became a customer."""
    with opened(project) as app:
        say(app.outcome(lead, "won", by=by).words)


def lost(lead: Lead, by: By, reason: Reason = "", project: ProjectFolder = HERE) -> None:
    """Say that a lead was lost."""
    with opened(project) as app:
        say(app.outcome(lead, "lost", by=by, reason=reason).words)
