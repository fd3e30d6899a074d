"""`pql why LEAD REP`: why a rep did, or did not, hear of a lead."""

from typing import TYPE_CHECKING, Annotated

import typer

from pql.cli.common import HERE, AsJson, ProjectFolder, opened, print_json, print_table, say

if TYPE_CHECKING:
    from pql.jobs.why import Answer


def why(
    lead: Annotated[str, typer.Argument(help="A lead's id, name or domain.")],
    rep: Annotated[str, typer.Argument(help="A rep's email or name.")],
    project: ProjectFolder = HERE,
    every: Annotated[bool, typer.Option("--all", help="Show all decisions, not only the latest.")] = False,
    as_json: AsJson = False,
) -> None:
    """Answer "why did I (not) get this?" for a rep and a lead."""
    with opened(project) as app:
        answer = app.why(lead, rep, every=every)
    if as_json:
        print_json(answer)
    else:
        _show(answer)


def _show(answer: "Answer") -> None:
    say(f"{answer.lead_name} ({answer.lead_id}) and {answer.rep.name} <{answer.rep.email}>")
    say(answer.headline)
    for note in answer.notes:
        say(f"Also: {note}.")
    say()
    rows = [
        [f"{line.at:%Y-%m-%d %H:%M}", line.about, line.outcome, line.to, "; ".join((line.words, *line.became))]
        for line in answer.lines
    ]
    print_table(["first (UTC)", "about", "outcome", "to", "why, and what became of it"], rows, empty="No decisions.")
    if answer.more:
        say(f"{answer.more:,} older decisions are not shown; --all shows them")
