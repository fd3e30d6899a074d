"""`pql doctor`: everything that the project needs, looked at before anyone relies on it."""

from typing import Annotated

import typer

from pql.cli.common import HERE, AsJson, ProjectFolder, environment, note, print_json, print_table
from pql.jobs.collecting import loading


def doctor(
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
    send: Annotated[bool, typer.Option("--send", help="Also send one test message a channel.")] = False,
) -> None:
    """Test connections, permissions, addresses and templates; exit 1 if anything fails. Sends nothing."""
    with loading():
        from pql.app import diagnose

    found = diagnose(project, environment(project), send=send)
    if as_json:
        print_json(found)
    else:
        rows = [(one.state.value, one.what, one.words, one.cure) for one in found]
        print_table(("", "what", "found", "what to do"), rows, empty="Nothing to look at.")
    states = [one.state.value for one in found]
    note(", ".join(f"{states.count(state)} {state}" for state in ("ok", "warning", "failed")))
    if "failed" in states:
        raise typer.Exit(1)
