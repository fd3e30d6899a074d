"""Who is told about a lead. Every answer bears the path that led to it."""

from collections.abc import Mapping
from dataclasses import dataclass

from pql.domain.conditions import Condition
from pql.domain.rules import Rep, Routing, Territory


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a message about a lead goes.

    Args:
        rep: Who is told.
        slack_channel: A team channel that is told too; "" for none.
        path: The steps that led here, in words.
    """

    rep: Rep
    slack_channel: str
    path: tuple[str, ...]


def meets(facts: Mapping[str, object], conditions: Mapping[str, Condition]) -> bool:
    """Whether all conditions hold for one lead's facts; an absent fact is unknown."""
    return all(condition.met_by(facts.get(name)) for name, condition in conditions.items())


def route(
    routing: Routing, lead: Mapping[str, object], *, assigned: Mapping[str, int], held_by: str | None = None
) -> Route:
    """The rep for a lead: who holds it, else its owner, else the next of its territory, else the fallback.

    Args:
        routing: The reps, territories and fallback.
        lead: The lead's facts: `owner_email`, attributes, `fit_grade`, `grade`, `tier`, `stage`, `plan`.
        assigned: How many leads each rep (by email) was given before; the one with the fewest is next, so that
            turns stay fair over restarts and absences.
        held_by: The email of the rep who was told about or claimed this lead before.
    """
    active = {rep.email.casefold(): rep for rep in routing.reps if rep.active}
    path: list[str] = []
    territory = next((area for area in routing.territories if meets(lead, area.when)), None)
    channel = territory.slack_channel if territory else ""
    for email, role in ((held_by, "already with"), (lead.get("owner_email"), "the owner is")):
        if isinstance(email, str) and email:
            if rep := active.get(email.casefold()):
                return Route(rep=rep, slack_channel=channel, path=(*path, f"{role} {rep.name}"))
            path.append(f"{role} {email}, who is not among the active reps")
    if territory is not None and (rep := _next_in(territory, active, assigned)):
        return Route(rep=rep, slack_channel=channel, path=(*path, f"territory {territory.name}: {rep.name} is next"))
    if territory is not None:
        path.append(f"territory {territory.name} has no active rep")
    fallback = next(rep for rep in routing.reps if rep.email.casefold() == routing.fallback.casefold())
    return Route(rep=fallback, slack_channel=channel, path=(*path, f"fallback: {fallback.name}"))


def _next_in(territory: Territory, active: Mapping[str, Rep], assigned: Mapping[str, int]) -> Rep | None:
    reps = [active[email.casefold()] for email in territory.reps if email.casefold() in active]
    return min(reps, key=lambda rep: assigned.get(rep.email, 0), default=None)
