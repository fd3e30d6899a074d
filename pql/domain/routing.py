"""Who is told about a lead. Every answer bears the path that led to it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from pql.domain.conditions import Condition, say_scalar
from pql.domain.rules import Absence, Branch, Channel, InTurn, Rep, Routing
from pql.domain.turns import Taking, Turn, take_turn

PERSONAL = (Channel.SLACK, Channel.EMAIL)
SKIPPED_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a message about a lead goes.

    Args:
        rep: Who is told.
        slack_channel: A team channel that is told too; "" for none.
        path: The steps that led here, in words.
        pool: Where turns are counted, if one was taken; else "".
        takings: How the counts of the pool change if the rep is told.
        stands_for: The address of the rep who has the lead and is away; "" for none.
    """

    rep: Rep
    slack_channel: str
    path: tuple[str, ...]
    pool: str = ""
    takings: tuple[Taking, ...] = ()
    stands_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """How the reps stand at an instant; all addresses in lower case.

    Args:
        away: Until when those are away who are.
        open_leads: How many open leads each has.
        turns: By pool and rep.
        reasons: Why those are away of whom it was said.
    """

    away: Mapping[str, datetime] = field(default_factory=dict)
    open_leads: Mapping[str, int] = field(default_factory=dict)
    turns: Mapping[tuple[str, str], Turn] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A branch that was looked at.

    Args:
        depth: 0 at the top of the tree.
        matches: Whether the lead went into it.
        why_not: What did not hold, in words; "" where it matches.
    """

    branch: Branch
    depth: int
    matches: bool
    why_not: str = ""


def meets(facts: Mapping[str, object], conditions: Mapping[str, Condition]) -> bool:
    """Whether all conditions hold for one lead's facts; an absent fact is unknown."""
    return all(_holds(condition, facts.get(name)) for name, condition in conditions.items())


def _holds(condition: Condition, value: object) -> bool:
    """Whether a condition holds; of several values (fired signals) for one of them, and `not` for all of them."""
    if not isinstance(value, tuple):
        return condition.met_by(value)
    if not value:
        return condition.exists is False or condition.not_equals is not None or condition.not_among is not None
    refuses = condition.not_equals is not None or condition.not_among is not None
    return (all if refuses else any)(condition.met_by(one) for one in value)


def walk(branches: Sequence[Branch], facts: Mapping[str, object], depth: int = 0) -> Iterator[Step]:
    """The branches that a lead's facts are held against, in order, down to the last that they match."""
    for branch in branches:
        failing = next((name for name in branch.match if not meets(facts, {name: branch.match[name]})), None)
        if failing is None:
            yield Step(branch=branch, depth=depth, matches=True)
            yield from walk(branch.branches, facts, depth + 1)
            return
        words = f"{failing} is {_said(failing, facts.get(failing))}, and should be {branch.match[failing]}"
        yield Step(branch=branch, depth=depth, matches=False, why_not=words)


def _said(name: str, value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    if value is None:
        return "none" if name == "moment" else "unknown"
    return say_scalar(value)


def leaf_of(routing: Routing, facts: Mapping[str, object]) -> Branch:
    """What holds for a lead: the last branch that it matches, with what those above say; named by the way there."""
    leaf = Branch(name="", owner=routing.owner)
    for step in walk(routing.branches, facts):
        if step.matches:
            leaf = _below(leaf, step.branch)
    return leaf


def _below(above: Branch, branch: Branch) -> Branch:
    own = bool(branch.reps or branch.team)
    return replace(
        branch,
        name=f"{above.name} > {branch.name}" if above.name else branch.name,
        reps=branch.reps if own else above.reps,
        team=branch.team if own else above.team,
        turns=branch.turns if own else above.turns,
        owner=above.owner if branch.owner is None else branch.owner,
        slack_channel=branch.slack_channel or above.slack_channel,
        fallback=branch.fallback or above.fallback,
    )


def route(
    routing: Routing, facts: Mapping[str, object], roster: Roster, *, held_by: str | None = None, turns: bool = True
) -> Route:
    """The rep for a lead: who has it, else its owner, else the next of its branch, else the fallback.

    Who has it or owns it and is away leaves it to their stand-in meanwhile; they are told whatever their capacity.

    Args:
        routing: The reps, the tree and the fallback.
        facts: The lead's: `owner_email`, attributes, `fit`, `fit_grade`, `grade`, `tier`, `band`, `stage`, `plan`,
            `signal` (the names of the fired ones, a tuple) and `moment` (the name; None where it is not about one).
        roster: How the reps stand now.
        held_by: The email of the rep who was told about or claimed this lead before.
        turns: False: nobody is given the lead for this, so what nobody has or owns goes to the fallback.
    """
    leaf = leaf_of(routing, facts)
    way = _Way(routing=routing, roster=roster, leaf=leaf)
    path: list[str] = [f"route {leaf.name}"] if leaf.name else ["no route matches"] if routing.branches else []
    owner = facts.get("owner_email") if leaf.owner else None
    for email, role in ((held_by, "already with"), (owner, "the owner is")):
        if isinstance(email, str) and email:
            found = way.with_somebody(email, role, path)
            if found is not None:
                return found
    return (way.in_turn(path) if turns else None) or way.fallback(path)


def covered(routing: Routing, roster: Roster, chosen: Route) -> Route:
    """A route that leads to one rep whoever is there (the success owner): while they are away, to their stand-in."""
    way = _Way(routing=routing, roster=roster, leaf=Branch(name=""))
    return way.covered(chosen)


def beyond(routing: Routing, facts: Mapping[str, object], roster: Roster, *, rep: str) -> Rep:
    """Who hears of a lead that a rep did not take: the fallback of its branch, else the project's.

    Whoever of them is away leaves it to the next, or to a stand-in. The answer may be the rep: there is nobody further.

    Args:
        routing: The reps, the tree and the fallback.
        facts: The lead's, as for `route`.
        roster: How the reps stand now.
        rep: The email of the rep.
    """
    leaf = leaf_of(routing, facts)
    leaf = replace(leaf, fallback="") if leaf.fallback.casefold() == rep.casefold() else leaf
    return _Way(routing=routing, roster=roster, leaf=leaf).fallback([]).rep


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """The last part of a route, from a leaf of the tree to a rep; the steps are added to `path`."""

    routing: Routing
    roster: Roster
    leaf: Branch

    def with_somebody(self, email: str, role: str, path: list[str]) -> Route | None:
        rep = rep_of(self.routing, email)
        if rep is None:
            path.append(f"{role} {email}, who is not among the active reps")
            return None
        if not self._away(rep):
            return self._to(rep, path, f"{role} {rep.name}")
        path.append(f"{role} {rep.name}, who is {self._why_not(rep)}")
        stand_in = self._stand_in(rep)
        if stand_in is None:
            return None
        return self._to(stand_in, path, f"{stand_in.name} stands in", stands_for=rep.email)

    def covered(self, chosen: Route) -> Route:
        if not self._away(chosen.rep):
            return chosen
        path = (*chosen.path, f"{chosen.rep.name} is {self._why_not(chosen.rep)}")
        stand_in = self._stand_in(chosen.rep)
        if stand_in is None:
            return replace(chosen, path=path)
        return replace(chosen, rep=stand_in, path=(*path, f"{stand_in.name} stands in"), stands_for=chosen.rep.email)

    def in_turn(self, path: list[str]) -> Route | None:
        if not (self.leaf.reps or self.leaf.team):
            return None
        members = self._members()
        free = [rep for rep in members if not self._why_not(rep)]
        skipped = [f"{rep.name} is {why}" for rep in members if (why := self._why_not(rep))]
        path += skipped[:SKIPPED_SHOWN]
        path += [f"{len(skipped) - SKIPPED_SHOWN} more cannot"] if len(skipped) > SKIPPED_SHOWN else []
        if not free:
            path.append(f"nobody of {self._pool_words()} can take it")
            return None
        if self.leaf.turns is InTurn.FIRST:
            return self._to(free[0], path, f"{free[0].name} is the first who can")
        pool = f"team {self.leaf.team}" if self.leaf.team else f"route {self.leaf.name.rpartition(' > ')[2]}"
        emails = [rep.email.casefold() for rep in members]
        turns = {email: turn for email in emails if (turn := self.roster.turns.get((pool, email))) is not None}
        able = {rep.email.casefold(): rep for rep in free}
        chosen, takings = take_turn(pool, emails, able, turns)
        rep = able[chosen]
        return replace(self._to(rep, path, f"{rep.name} is next in turn"), pool=pool, takings=takings)

    def fallback(self, path: list[str]) -> Route:
        own = rep_of(self.routing, self.leaf.fallback)
        if own is not None and not self._away(own):
            return self._to(own, path, f"fallback of the route: {own.name}")
        path += [f"the route's fallback {own.name} is {self._why_not(own)}"] if own else []
        last = last_resort(self.routing)
        stand_in = self._stand_in(last) if self._away(last) else None
        if stand_in is not None:
            path.append(f"the fallback {last.name} is {self._why_not(last)}")
            return self._to(stand_in, path, f"{stand_in.name} stands in")
        return self._to(last, path, f"fallback: {last.name}")

    def _to(self, rep: Rep, path: Sequence[str], step: str, *, stands_for: str = "") -> Route:
        return Route(rep=rep, slack_channel=self.leaf.slack_channel, path=(*path, step), stands_for=stands_for)

    def _members(self) -> list[Rep]:
        if self.leaf.team:
            return [rep for rep in self.routing.reps if rep.active and rep.team == self.leaf.team]
        found = (rep_of(self.routing, email) for email in self.leaf.reps)
        return [rep for rep in found if rep is not None]

    def _stand_in(self, rep: Rep) -> Rep | None:
        """Who is named for it, else the next one after them on the list of the leaf, or of their team, who is there.

        Who is at capacity is passed over as long as there is another.
        """
        named = rep_of(self.routing, rep.stand_in)
        if named is not None and not self._away(named):
            return named
        members = self._members()
        if rep not in members:
            members = [one for one in self.routing.reps if one.active and one.team and one.team == rep.team]
        place = members.index(rep) if rep in members else 0
        there = [one for one in (*members[place:], *members[:place]) if one != rep and not self._away(one)]
        return next((one for one in there if not self._why_not(one)), there[0] if there else None)

    def _away(self, rep: Rep) -> bool:
        return rep.email.casefold() in self.roster.away

    def _why_not(self, rep: Rep) -> str:
        """Why a rep can take no turn, in words; "" where they can."""
        until = self.roster.away.get(rep.email.casefold())
        if until is not None:
            reason = self.roster.reasons.get(rep.email.casefold(), "")
            why = f" ({reason})" if reason else ""
            return f"away until {until.astimezone(ZoneInfo(rep.time_zone)):%d %b %Y}{why}"
        has = self.roster.open_leads.get(rep.email.casefold(), 0)
        return f"at capacity with {has} open leads" if rep.capacity is not None and has >= rep.capacity else ""

    def _pool_words(self) -> str:
        return f"team {self.leaf.team}" if self.leaf.team else f"route {self.leaf.name}"


def rep_of(routing: Routing, email: str) -> Rep | None:
    """The active rep with an address."""
    wanted = email.casefold()
    return next((rep for rep in routing.reps if rep.active and rep.email.casefold() == wanted), None)


def last_resort(routing: Routing) -> Rep:
    """The project's fallback; somebody who is none of the reps works as the project does."""
    found = next((rep for rep in routing.reps if rep.email.casefold() == routing.fallback.casefold()), None)
    name = routing.fallback.partition("@")[0].replace(".", " ").title()
    working = routing.working
    return found or Rep(email=routing.fallback, name=name, time_zone=working.zone, working=working)


def away_at(absences: Sequence[Absence], at: datetime) -> dict[str, datetime]:
    """Until when each rep is away who is away at an instant; absences that touch or overlap are one."""
    away: dict[str, datetime] = {}
    for absence in sorted(absences, key=lambda one: one.since):
        email = absence.email.casefold()
        if absence.since <= max(at, away.get(email, at)) and absence.until > at:
            away[email] = max(absence.until, away.get(email, absence.until))
    return away


def away_for(absences: Sequence[Absence], at: datetime) -> dict[str, str]:
    """Why each rep is away who is away at an instant, where it was said; of several reasons the latest to begin."""
    lasting = sorted((one for one in absences if one.since <= at < one.until and one.reason), key=lambda one: one.since)
    return {one.email.casefold(): one.reason for one in lasting}


def channels_for(routing: Routing, chosen: Route, urgency: str) -> tuple[Channel, ...]:
    """The channels for a message: as the routing says for its urgency, but a rep's own where they have named some.

    A team channel in Slack is told where the routing says so, whatever the rep would rather have.
    """
    general = routing.channels.get(urgency, ())
    if not chosen.rep.channels:
        return general
    team = {Channel.SLACK} if chosen.slack_channel else set()
    others = [channel for channel in general if channel not in PERSONAL or channel in team]
    return tuple(dict.fromkeys([*chosen.rep.channels, *others]))
