"""Why a rep did, or did not, get a message about a lead: from what was decided, never by deciding anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pql.config.settings import Project
from pql.domain.routing import rep_of
from pql.domain.rules import Rep, Routing
from pql.domain.standing import standing_words
from pql.jobs.explain import EVERY, known_lead
from pql.jobs.routes import known_rep
from pql.jobs.tell import instants_of
from pql.store import Store
from pql.store.records import HeldRecord, Notification, StoredDecision

SHOWN = 20  # decisions, unless all are asked for
_ABOUT = {"check_in": "check-in", "usage_drop": "drop in use"}
_SETTLED = {"sent": "told since", "digest": "left to the digest", "dropped": "dropped: it is no longer so"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One decision, in words.

    Args:
        at: When it was first taken.
        about: What it is about: `qualification`, `moment paywall_hit`.
        outcome: sent, held or withheld.
        to: The rep's email; "" where nobody was chosen yet.
        words: Why, and by which path.
        became: What became of its messages, or of its waiting.
        mine: Whether it is this rep's, or was taken before anybody was chosen.
        lost: Whether it was to be told, and none of its messages arrived or can any more.
    """

    at: datetime
    about: str
    outcome: str
    to: str
    words: str
    became: tuple[str, ...]
    mine: bool
    lost: bool = False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Why a rep did, or did not, hear of a lead.

    Args:
        headline: The answer in one sentence.
        lines: All decisions about the lead: this rep's first, then those before a rep was chosen, then others'.
        notes: What else bears on it: mutes, and why it does not qualify now.
        more: How many older decisions are not shown.
    """

    lead_id: str
    lead_name: str
    rep: Rep
    headline: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    more: int = 0


def why(store: Store, project: Project, lead: str, rep: str, *, now: datetime, most: int = SHOWN) -> Answer:
    """Answer "why did I (not) get this?".

    Args:
        store: What was decided.
        project: For the reps and the bars.
        lead: The lead's id, name or domain.
        rep: The rep's email or name.
        now: For what is muted and cools down.
        most: So many of the latest decisions are shown.

    Raises:
        LeadUnknown: No lead or several are meant.
        RepUnknown: No rep or several are meant; names them.
    """
    lead_id = known_lead(store, lead)
    told = known_rep(project.definitions.routing, rep)
    decisions = store.decisions(lead_id, limit=EVERY)
    shown = decisions[:most]
    lines = _lines(store, lead_id, shown, told)
    record = store.lead(lead_id)
    return Answer(
        lead_id=lead_id,
        lead_name=record.name if record and record.name else lead_id,
        rep=told,
        headline=_headline(lines, told, project.definitions.routing),
        lines=lines,
        notes=(*_muted(store, lead_id, told, now), *_standing(store, project, lead_id, now)),
        more=len(decisions) - len(shown),
    )


def _lines(store: Store, lead_id: str, decisions: Sequence[StoredDecision], rep: Rep) -> tuple[Line, ...]:
    messages: dict[str, list[Notification]] = {}
    for message in store.notifications(lead_id=lead_id, limit=EVERY):
        messages.setdefault(message.step_key, []).append(message)
    held = {record.step_key: record for record in store.held(status=None) if record.lead_id == lead_id}
    lines = [_line(one, rep, messages, held) for one in decisions]
    own = rep.email.casefold()
    return tuple(sorted(lines, key=lambda line: (line.to.casefold() != own, bool(line.to), -line.at.timestamp())))


def _line(
    decision: StoredDecision,
    rep: Rep,
    messages: Mapping[str, Sequence[Notification]],
    held: Mapping[str, HeldRecord],
) -> Line:
    about = _ABOUT.get(decision.subject, decision.subject)
    return Line(
        at=decision.at,
        about=f"{about} {decision.topic}".strip() if decision.topic != decision.subject else about,
        outcome=decision.outcome,
        to=decision.recipient,
        words=decision.words,
        became=tuple(_became(decision, messages, held.get(decision.step_key))),
        mine=decision.recipient.casefold() in {"", rep.email.casefold()},
        lost=_lost(decision, messages),
    )


def _lost(decision: StoredDecision, messages: Mapping[str, Sequence[Notification]]) -> bool:
    """Whether every message of it ran out or was given up, on whatever channel."""
    kept = messages.get(str(decision.evidence.get("message", decision.step_key)), ())
    own = [one for one in kept if one.recipient.casefold() == decision.recipient.casefold()]
    return decision.outcome == "sent" and bool(own) and all(one.status in {"failed", "expired"} for one in own)


def _became(
    decision: StoredDecision, messages: Mapping[str, Sequence[Notification]], held: HeldRecord | None
) -> list[str]:
    if decision.outcome == "held":
        return [_waits(decision, held)]
    if decision.outcome != "sent":
        return []
    key = str(decision.evidence.get("message", decision.step_key))
    own = [one for one in messages.get(key, ()) if one.channel == decision.channel or not decision.channel]
    return [_delivered(message) for message in own] or ["no message of it is kept"]


def _waits(decision: StoredDecision, held: HeldRecord | None) -> str:
    if held is not None and held.status != "waiting":
        return _SETTLED.get(held.status, held.status)
    due = held.due_at if held is not None else decision.due_at
    return "it waits" if due is None else f"it waits until {due:%Y-%m-%d %H:%M} UTC, and is decided anew then"


def _delivered(message: Notification) -> str:
    where = f"{message.channel} to {message.address}"
    match message.status:
        case "sent":
            at = f" on {message.sent_at:%Y-%m-%d %H:%M} UTC" if message.sent_at else ""
            return f"{where}: delivered{at}"
        case "failed":
            return f"{where}: could not be delivered: {message.last_error}"
        case "expired":
            return f"{where}: was not delivered in time: {message.last_error or 'nothing was sent'}"
        case "shadow":
            return f"{where}: kept and not sent, since delivery is off"
        case _:
            tried = f" after {message.attempts} tries" if message.attempts else ""
            return f"{where}: waits to be sent{tried}"


def _headline(lines: Sequence[Line], rep: Rep, routing: Routing) -> str:
    own = [line for line in lines if line.to.casefold() == rep.email.casefold()]
    sent = [line for line in own if line.outcome == "sent" and not line.lost]
    others = [line for line in lines if line.to and line not in own and line.outcome == "sent"]
    open_ = [line for line in lines if not line.to]
    if sent:
        return f"{rep.name} was told {len(sent)} {'time' if len(sent) == 1 else 'times'}, last on {_day(sent)}."
    if own and own[0].lost:
        return f"{rep.name} was to be told, and nothing arrived: {own[0].became[0]}."
    if own:
        return f"{rep.name} was not told: {own[0].words}."
    if others:
        other = rep_of(routing, others[0].to)
        return f"It went to {other.name if other else others[0].to}: {others[0].words}."
    if open_:
        return f"Nobody was told: {open_[0].words}."
    return "It was never a candidate: nothing about this lead was ever there to tell."


def _day(lines: Sequence[Line]) -> str:
    return f"{max(line.at for line in lines):%Y-%m-%d %H:%M} UTC"


def _muted(store: Store, lead_id: str, rep: Rep, now: datetime) -> list[str]:
    return [
        f"{mute.words}, until {mute.until:%Y-%m-%d %H:%M} UTC"
        + (f" (only what is about {mute.topic})" if mute.topic else "")
        for mute in store.mutes(now)
        if mute.lead_id in {"", lead_id} and mute.recipient.casefold() in {"", rep.email.casefold()}
    ]


def _standing(store: Store, project: Project, lead_id: str, now: datetime) -> list[str]:
    record, definitions = store.lead(lead_id), project.definitions
    if record is None:
        return ["no run has seen this lead"]
    if record.gone:
        return ["the source no longer has this lead"]
    if record.stage in definitions.stages.customer:
        return ["it does not qualify now: it is a customer already"]
    live = next((one for one in store.episodes(lead_id) if one.closed_at is None), None)
    if live is not None:
        held = f", held by {live.claimed_by}" if live.claimed_by else ""
        return [f"it qualifies since {live.opened_at:%Y-%m-%d %H:%M} UTC{held}"]
    row = store.hysteresis([lead_id])
    words = standing_words(
        definitions.qualification,
        definitions.scoring.tiers,
        eligible=record.eligible,
        ineligible_why=record.ineligible_why,
        behaviour=record.behaviour,
        tier=record.tier,
        above_since=instants_of(row, "above_since").get(lead_id),
        cooldown_until=instants_of(row, "cooldown_until").get(lead_id),
        as_of=now,
    )
    return [f"it does not qualify now: {words}"] if words else []
