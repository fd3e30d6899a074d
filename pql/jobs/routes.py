"""For people: how the reps stand, who is away, and where a message about a lead would go."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

from pql.config.settings import Project
from pql.domain.moments import Urgency
from pql.domain.mutes import muting
from pql.domain.routing import Roster, Route, Step, away_at, route, walk
from pql.domain.rules import Absence, Rep, Routing
from pql.domain.working_time import midnight
from pql.errors import PqlError
from pql.jobs.explain import known_lead
from pql.jobs.routing import absences_of, standing_of
from pql.jobs.tell import Target, start_of_day, targets
from pql.notify import Channel
from pql.store import Store
from pql.store.records import LeadRecord

FIRED = 1
NAMED = 3  # of many reps so many are named in an error


class RepUnknown(PqlError):
    """No rep has this address or name."""


class AbsenceRefused(PqlError):
    """An absence that cannot be, or one that cannot be ended."""


class MomentUnknown(PqlError):
    """No moment has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepStanding:
    """How a rep stands at an instant.

    Args:
        local: Their wall clock.
        quiet_until: When their working time begins; None: it is now.
        away_until: None: they are not away.
        away_for: Why they are away; "" where nobody said.
        open_leads: Live qualifications that they have.
        turns: Turns taken or let pass, by pool.
        sent_today: Messages since their midnight.
    """

    rep: Rep
    local: datetime
    quiet_until: datetime | None
    away_until: datetime | None
    away_for: str
    open_leads: int
    turns: Mapping[str, float]
    sent_today: int


def reps_at(store: Store, routing: Routing, at: datetime) -> list[RepStanding]:
    """How all reps stand at an instant, in the order of the file."""
    roster = standing_of(store, routing, as_of=at).now
    return [_standing(store, rep, roster, at) for rep in routing.reps]


def _standing(store: Store, rep: Rep, roster: Roster, at: datetime) -> RepStanding:
    email = rep.email.casefold()
    opens = rep.working.next_open(at)
    return RepStanding(
        rep=rep,
        local=rep.working.local(at),
        quiet_until=opens if opens > at else None,
        away_until=roster.away.get(email),
        away_for=roster.reasons.get(email, ""),
        open_leads=roster.open_leads.get(email, 0),
        turns={pool: turn.taken for (pool, whose), turn in roster.turns.items() if whose == email},
        sent_today=store.sent_today(rep.email, start_of_day(rep, at)),
    )


def known_rep(routing: Routing, text: str) -> Rep:
    """The rep that an address or a name means.

    Raises:
        RepUnknown: None does, or several do; names them.
    """
    wanted = text.strip().casefold()
    exact = [rep for rep in routing.reps if wanted in {rep.email.casefold(), rep.name.casefold()}]
    found = exact or [rep for rep in routing.reps if wanted and wanted in f"{rep.name} {rep.email}".casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        raise RepUnknown(f"'{text}' could be several reps: {_named(found)}; give the address")
    near = get_close_matches(wanted, [word.casefold() for rep in routing.reps for word in (rep.email, rep.name)], n=3)
    close = [rep for rep in routing.reps if {rep.email.casefold(), rep.name.casefold()} & {*near}]
    hint = f"did you mean {_named(close)}?" if close else f"`pql reps` lists them, like {_named(routing.reps)}"
    raise RepUnknown(f"'{text}' is none of the reps; {hint}")


def _named(reps: Sequence[Rep]) -> str:
    return ", ".join(f"{rep.name} ({rep.email})" for rep in reps[:NAMED])


def away(store: Store, rep: Rep, *, since: str | None, until: str, reason: str, by: str, at: datetime) -> Absence:
    """Keep that a rep is away, from now on or from a day, until the day on which they are back.

    Raises:
        AbsenceRefused: The text is no day or instant, or the end is not ahead or not after the beginning.
    """
    first = _instant(rep, since) if since else at
    absence = Absence(email=rep.email, since=first, until=_instant(rep, until), reason=reason.strip())
    if absence.until <= max(absence.since, at):
        raise AbsenceRefused(f"The end, {until}, must lie ahead and after the beginning; it is the day they are back")
    store.add_absence(absence, by=by, at=at)
    return absence


def _instant(rep: Rep, text: str) -> datetime:
    """A day's midnight in a rep's zone, or an instant with its zone."""
    try:
        if len(text) == len("2026-08-14"):
            return midnight(text, rep.time_zone)
        instant = datetime.fromisoformat(text)
    except ValueError as exc:
        raise AbsenceRefused(f"'{text}' is no day; write one like 2026-08-14") from exc
    if instant.tzinfo is None:
        raise AbsenceRefused(f"'{text}' has no time zone; write one like {text}Z, or a day")
    return instant.astimezone(UTC)


def back(store: Store, routing: Routing, rep: Rep, at: datetime) -> Sequence[Absence]:
    """A rep is back: what was said by command ends.

    Raises:
        AbsenceRefused: They were not away, or by config/routing.yml, which no command changes.
    """
    ended = store.end_absences(rep.email, at)
    still = away_at(absences_of(store, routing, at), at).get(rep.email.casefold())
    if still is not None:
        raise AbsenceRefused(f"{rep.name} is absent in config/routing.yml until {still:%Y-%m-%d}; change it there")
    if not ended:
        raise AbsenceRefused(f"{rep.name} is not away")
    return ended


@dataclass(frozen=True, kw_only=True)
class RouteTested:
    """Where a message about a lead would go.

    Args:
        steps: The branches of the tree that were looked at.
        targets: The channels and addresses.
        quiet_until: When it would be decided anew, the rep's working time beginning; None: it is now.
        to_digest: It would go to the rep's digest, which they want, or which the moment is meant for.
        mode: off, redirect or on.
        against: What speaks against telling it now, in words: a mute, a deal, not eligible.
    """

    lead: LeadRecord
    moment: str
    steps: Sequence[Step]
    route: Route
    targets: Sequence[Target]
    quiet_until: datetime | None
    to_digest: bool
    mode: str
    against: tuple[str, ...] = ()


def try_route(
    store: Store, project: Project, channels: Mapping[str, Channel], text: str, *, moment: str = "", at: datetime
) -> RouteTested:
    """Find the route of a lead as the last run left it, and tell nobody.

    Args:
        store: What is remembered.
        project: For its rules and its delivery mode.
        channels: Those that are set up.
        text: The lead's id, name or domain.
        moment: What it would be about; "" for a qualification.
        at: The instant.

    Raises:
        LeadUnknown: No lead is meant, or several are; names near ones.
        MomentUnknown: There is no such moment; names those that there are.
        ConfigError: No channel is set up.
    """
    definitions = project.definitions
    moments = {one.name: one for one in definitions.moments}
    if moment and moment not in moments:
        raise MomentUnknown(f"There is no moment '{moment}'; there are {', '.join(moments) or 'none'}")
    lead = store.lead(known_lead(store, text))
    if lead is None:
        raise AssertionError("a lead that was found is there")
    urgency = moments[moment].urgency if moment else Urgency.TODAY
    facts = facts_remembered(lead, moment)
    roster = standing_of(store, definitions.routing, as_of=at).now
    held_by = store.holders([lead.lead_id]).get(lead.lead_id)
    chosen = route(definitions.routing, facts, roster, held_by=held_by)
    opens = chosen.rep.working.next_open(at)
    wants = chosen.rep.at_once or urgency is Urgency.NOW
    return RouteTested(
        lead=lead,
        moment=moment,
        steps=tuple(walk(definitions.routing.branches, facts)),
        route=chosen,
        targets=targets(project, channels, chosen, urgency.value),
        quiet_until=opens if opens > at else None,
        to_digest=not wants or urgency is Urgency.DIGEST,
        mode=project.delivery.mode,
        against=tuple(_against(store, lead, chosen.rep, moment, at)),
    )


def _against(store: Store, lead: LeadRecord, rep: Rep, moment: str, at: datetime) -> Iterator[str]:
    if lead.gone:
        yield "the source no longer has this lead"
    if not lead.eligible:
        yield f"it is not eligible: {lead.ineligible_why or 'no reason was kept'}"
    if lead.attributes.get("open_deal"):
        yield "there is an open deal"
    signals = {verdict.signal for verdict in lead.verdicts if verdict.outcome == FIRED}
    mute = muting(store.mutes(at), lead_id=lead.lead_id, recipient=rep.email, topics={moment} if moment else signals)
    if mute is not None:
        about = f", as far as it rests on {mute.topic}" if mute.topic and not moment else ""
        yield f"it is {mute.words}, until {mute.until:%Y-%m-%d %H:%M} UTC{about}"


def facts_remembered(lead: LeadRecord, moment: str = "") -> dict[str, object]:
    """What the routing tree may ask of a lead that is remembered: as `routed_facts`, without an evaluation."""
    own = ("name", "domain", "stage", "plan", "owner_email", "success_owner_email", "eligible", "behaviour", "band")
    scores = ("fit_grade", "grade", "tier")
    return {
        **lead.attributes,
        **{name: None if (known := getattr(lead, name)) == "" else known for name in (*own, *scores)},
        "id": lead.lead_id,
        "fit": lead.fit_grade,
        "signal": tuple(verdict.signal for verdict in lead.verdicts if verdict.outcome == FIRED),
        "moment": moment or None,
    }
