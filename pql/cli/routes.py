"""`pql routes`: the routing tree, and a lead's way through it."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from pql.cli.common import HERE, AsJson, ProjectFolder, opened, print_json, say

if TYPE_CHECKING:
    from pql.domain.rules import Branch, Routing
    from pql.jobs.routes import RouteTested

routes = typer.Typer(help="Show who is told about which leads, and why.")


@routes.callback(invoke_without_command=True)
def show(context: typer.Context, project: ProjectFolder = HERE) -> None:
    """Print the routing tree; `pql routes test LEAD` shows a lead's way through it."""
    if context.invoked_subcommand is None:
        with opened(project) as app:
            for line in _tree(app.project.definitions.routing):
                say(line)


@routes.command("test")
def tried(
    lead: Annotated[str, typer.Argument(help="A lead's id, name or domain.")],
    project: ProjectFolder = HERE,
    moment: Annotated[str, typer.Option(help="A moment that it would be about.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print a lead's way through the tree, and what would be sent where; nothing is sent or remembered."""
    with opened(project) as app:
        tested = app.try_route(lead, moment=moment)
    if as_json:
        print_json(_json(tested))
    else:
        _show(tested)


def _tree(routing: "Routing") -> Iterator[str]:
    yield "Who has the lead already" + (", else the account's owner, else:" if routing.owner else ", else:")
    yield from _branches(routing.branches, 1)
    yield f"else {routing.fallback}"


def _branches(branches: "Sequence[Branch]", depth: int) -> Iterator[str]:
    for branch in branches:
        conditions = " and ".join(f"{name} {condition}" for name, condition in branch.match.items())
        yield f"{'  ' * depth}{branch.name}: {conditions or 'every lead'}"
        for words in _what(branch):
            yield f"{'  ' * depth}    {words}"
        yield from _branches(branch.branches, depth + 1)


def _what(branch: "Branch") -> Iterator[str]:
    who = f"team {branch.team}" if branch.team else ", ".join(branch.reps)
    if who:
        yield f"{who}, {'in turn' if branch.turns.value == 'round_robin' else 'the first who can'}"
    if branch.owner is not None:
        yield "the owner first" if branch.owner else "whoever the owner is"
    if branch.slack_channel:
        yield f"and {branch.slack_channel}"
    if branch.fallback:
        yield f"else {branch.fallback}"


def _show(tested: "RouteTested") -> None:
    about = f"moment {tested.moment}" if tested.moment else "qualification"
    say(f"{tested.lead.name or tested.lead.lead_id} ({tested.lead.lead_id}), {about}")
    for step in tested.steps:
        said = "matches" if step.matches else f"no: {step.why_not}"
        say(f"  {'  ' * step.depth}{step.branch.name}: {said}")
    say("Path")
    for words in tested.route.path:
        say(f"  {words}")
    say(f"Told: {tested.route.rep.name} <{tested.route.rep.email}>, {_when(tested)}")
    for target in tested.targets:
        say(f"  {target.channel}: {target.address}")
    for words in tested.against:
        say(f"But now it would not be told: {words}")
    say("Nothing was sent or remembered.")


def _when(tested: "RouteTested") -> str:
    if tested.to_digest:
        return "in the digest"
    if tested.quiet_until is not None:
        local = tested.route.rep.working.local(tested.quiet_until)
        when = f"when quiet time ends: {local:%A, %d %b %H:%M} ({tested.route.rep.time_zone})"
    else:
        when = "now"
    return f"{when}; delivery is off, so it would be kept and not sent" if tested.mode == "off" else when


def _json(tested: "RouteTested") -> dict[str, object]:
    steps = [
        {"route": one.branch.name, "depth": one.depth, "matches": one.matches, "why_not": one.why_not}
        for one in tested.steps
    ]
    return {
        "lead_id": tested.lead.lead_id,
        "moment": tested.moment,
        "steps": steps,
        "path": tested.route.path,
        "rep": tested.route.rep.email,
        "stands_for": tested.route.stands_for,
        "targets": [{"channel": one.channel, "address": one.address} for one in tested.targets],
        "quiet_until": tested.quiet_until,
        "to_digest": tested.to_digest,
        "delivery": tested.mode,
        "against": tested.against,
    }
