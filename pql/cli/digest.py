"""`pql digest`: the digests that are due, or what one would say; `pql remind`: leads that nobody took."""

from typing import Annotated

import typer

from pql.cli.common import HERE, AsJson, ProjectFolder, opened, print_json, say


def digest(
    project: ProjectFolder = HERE,
    rep: Annotated[str | None, typer.Option(help="Preview this rep's digest, by email.")] = None,
    weekly: Annotated[bool, typer.Option("--weekly", help="Preview the team's week.")] = False,
    preview: Annotated[bool, typer.Option("--preview", help="Only show; write and send nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the digests that are due, each once; or show what one would say now."""
    if preview or rep or weekly:
        _show(project, rep, weekly=weekly, preview=preview)
        return
    with opened(project) as app:
        done = app.digest()
    if as_json:
        print_json(done)
        return
    silent = f"; nothing to say to {', '.join(done.nothing_to_say)}" if done.nothing_to_say else ""
    say(f"Wrote {done.written} messages{silent}." if done.written or silent else "No digest is due.")


def _show(project: ProjectFolder, rep: str | None, *, weekly: bool, preview: bool) -> None:
    if not preview:
        raise typer.BadParameter("--rep and --weekly choose what to show: add --preview")
    with opened(project) as app:
        reps = [rep] if rep else [one.email for one in app.project.definitions.routing.reps if one.active]
        texts = [app.preview_weekly()] if weekly else [_text(app.preview_digest(email), email) for email in reps]
    say("\n\n".join(texts))


def _text(text: str | None, email: str) -> str:
    return f"To {email}\n{text}" if text else f"To {email}: nothing to say."


def remind(project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Remind reps of leads that nobody took, and tell the fallback of those that still nobody took."""
    with opened(project) as app:
        done = app.remind()
    if as_json:
        print_json(done)
        return
    say(f"Wrote {done.reminders} reminders and {done.escalations} messages to the fallback.")
