"""`pql pause` and `pql resume`: the switch for all sending."""

from typing import Annotated

import typer

from pql.cli.common import HERE, ProjectFolder, opened, say


def pause(
    project: ProjectFolder = HERE,
    by: Annotated[str, typer.Option(help="Who pauses.", envvar="USER")] = "somebody",
) -> None:
    """Stop sending at once; what is decided waits in the outbox."""
    with opened(project) as app:
        paused = app.store.pause(by, app.clock())
    say(f"Sending is paused by {paused.by} since {paused.at:%Y-%m-%d %H:%M} UTC. `pql resume` ends it.")


def resume(project: ProjectFolder = HERE) -> None:
    """Send again what waits and is still true."""
    with opened(project) as app:
        app.store.resume(app.clock())
    say("Sending again.")
