"""`pql mute | mutes | unmute`: what somebody does not want to hear of for a while."""

from typing import Annotated

import typer

from pql.cli.common import HERE, AsJson, ProjectFolder, opened, print_json, print_table, say


def mute(
    lead: Annotated[str, typer.Argument(help="The lead's id, name or domain; none: every lead.")] = "",
    *,
    rep: Annotated[str, typer.Option(help="Only for this rep, by address or name.")] = "",
    about: Annotated[str, typer.Option(help="Only this signal or moment, by name.")] = "",
    for_: Annotated[str, typer.Option("--for", help="How long, like '14 days'.")] = "7 days",
    reason: Annotated[str, typer.Option(help="Why; it is shown to whoever asks.")],
    by: Annotated[str, typer.Option(help="Who mutes.", envvar="USER")] = "somebody",
    project: ProjectFolder = HERE,
) -> None:
    """Tell nothing of a lead, to a rep, or about a signal or moment, for a while; what is still true is told then."""
    from pql.domain.durations import Duration

    try:
        duration = Duration.parse(for_)
    except ValueError as exc:
        raise typer.BadParameter(str(exc)) from exc
    if not (lead or rep or about):
        raise typer.BadParameter("name a lead, --rep or --about; `pql pause` stops all sending")
    with opened(project) as app:
        kept = app.mute(lead=lead, rep=rep, about=about, for_=duration, reason=reason, by=by)
    say(f"Mute {kept.number} holds until {kept.until:%Y-%m-%d %H:%M} UTC. `pql unmute {kept.number}` ends it.")


def mutes(project: ProjectFolder = HERE, *, as_json: AsJson = False) -> None:
    """The mutes that hold, and what they hold back."""
    with opened(project) as app:
        held = app.store.mutes(app.clock())
        waiting = [one for one in app.store.held() if one.why == "MUTED"]
    if as_json:
        print_json(held)
        return
    rows = [
        [
            one.number,
            one.lead_id or "any",
            one.recipient or "any",
            one.topic or "any",
            f"{one.until:%Y-%m-%d %H:%M} UTC",
            one.by,
            one.reason,
        ]
        for one in held
    ]
    print_table(["no.", "lead", "rep", "about", "until", "by", "reason"], rows, empty="Nothing is muted.")
    if waiting:
        say(f"\n{len(waiting):,} held back by mutes; what is still true is told when they end.")


def unmute(
    number: Annotated[int, typer.Argument(help="The mute's number, as `pql mutes` shows it.")],
    project: ProjectFolder = HERE,
) -> None:
    """Take a mute back: what it held is decided anew at once."""
    with opened(project) as app:
        ended = app.store.unmute(number, app.clock())
    if ended is None:
        raise typer.BadParameter(f"no mute {number} holds; `pql mutes` lists them")
    say(f"Mute {number} is over. What it held is decided anew at the next look or run.")
