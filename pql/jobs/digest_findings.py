"""What a rep's digest speaks of, read from the state."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pql.domain.decisions import Why
from pql.domain.digests import (
    ENDED,
    Entry,
    Findings,
    OpenLead,
    start_of_next_day,
    when_words,
)
from pql.domain.messages import Subject
from pql.domain.rules import Rep
from pql.jobs.summaries import Desk, name_of, reason_titles
from pql.store.records import Episode, LeadFacts, StoredDecision

# Meant for the digest; that of them which is a qualification stands among the open leads.
FOR_DIGEST = frozenset({"FOR_DIGEST", "PREFERS_DIGEST"})
# What nobody was asked for yet still concerns the lead's rep for these reasons.
OF_THE_LEADS_REP = frozenset({*FOR_DIGEST, "COOLING_DOWN", "LEAD_COOLING_DOWN", "MUTED"})
_ABOUT = {"qualification": "it qualified", "usage_drop": "their use fell", "check_in": "a check-in is due"}
_TO_THE_REP = {
    "OVER_BUDGET": "you have had the day's messages",
    "OVER_URGENT_BUDGET": "you have had the day's urgent messages",
    "QUIET": "it was outside your working hours",
    "GATHERING": "gathered with other news of the lead",
    "CLOSED": "you closed this lead: it cools down",
}
_LATE = timedelta(days=2)  # an occurrence may be older than the run that finds it
_SAID_ELSEWHERE = frozenset({"ALREADY_TOLD", "BASELINE"})


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What the digests of one round have in common.

    Args:
        live, ended: Episodes; `ended` since the earliest instant that any of the digests covers.
        rep_of: By lead id the email, in small letters, of who holds the live or ended episode, or was told of it, else
            of a moment of the lead.
        unassigned: Decisions that concern the rep of their lead: of nobody yet, or what a team's channel did not take.
        undelivered: What was decided to be told to a rep and never arrived.
        check_ins: Lead, name and due date.
        leads: Every lead that any of this names.
    """

    as_of: datetime
    live: Sequence[Episode]
    ended: Sequence[Episode]
    rep_of: Mapping[str, str]
    unassigned: Sequence[StoredDecision]
    undelivered: Sequence[StoredDecision]
    check_ins: Sequence[tuple[str, str, datetime]]
    leads: dict[str, LeadFacts]


def shared_of(desk: Desk, *, since: datetime, as_of: datetime) -> Shared:
    """Read once what all digests of a round need."""
    reads = desk.store.digests
    live, ended = reads.live_episodes(), reads.ended_between(since, as_of)
    undelivered = reads.undelivered(since, as_of)
    unassigned = reads.kept_back([""], since, as_of, whys=OF_THE_LEADS_REP)
    unassigned += [one for one in undelivered if "@" not in one.recipient]
    # No date of a rep lasts longer; each cuts out its own.
    check_ins = reads.check_ins(since, as_of + timedelta(hours=26))
    named = {episode.lead_id for episode in (*live, *ended)} | {one.lead_id for one in unassigned}
    leads = reads.leads(named | {lead_id for lead_id, _, _ in check_ins})
    holders = {one.lead_id: one.claimed_by.lower() for one in (*ended, *live) if one.claimed_by}
    owners = {lead_id: facts.owner_email.lower() for lead_id, facts in leads.items() if facts.owner_email}
    fallback = dict.fromkeys((one.lead_id for one in unassigned), desk.project.definitions.routing.fallback.lower())
    # Who was told of a moment alone has the lead too: what qualified at the first run nobody was told of.
    having = {lead_id: email.lower() for lead_id, email in desk.store.holders(named).items()}
    active = {rep.email.lower() for rep in desk.project.definitions.routing.reps if rep.active}
    owned = {one.lead_id: owners[one.lead_id] for one in unassigned if owners.get(one.lead_id) in active}
    return Shared(
        as_of=as_of,
        live=live,
        ended=ended,
        rep_of={**fallback, **owned, **having, **reads.told_of(named), **holders},
        unassigned=unassigned,
        undelivered=undelivered,
        check_ins=check_ins,
        leads=leads,
    )


def findings_of(desk: Desk, shared: Shared, rep: Rep, day: date, since: datetime) -> Findings:
    """What a rep's digest of a date may speak of."""
    email = rep.email.lower()
    decided = desk.store.digests.kept_back({rep.email, email}, since, shared.as_of)
    mine = [one for one in shared.unassigned if shared.rep_of.get(one.lead_id) == email and one.last_at > since]
    mine += [one for one in shared.undelivered if one.recipient.lower() == email and one.last_at > since]
    decisions = [one for one in (*decided, *mine) if one.why not in _SAID_ELSEWHERE]
    shared.leads.update(desk.store.digests.leads({one.lead_id for one in decisions} - {*shared.leads}))
    held = [one for one in shared.live if shared.rep_of.get(one.lead_id) == email and _known(shared, one.lead_id)]
    awake = [one for one in held if one.snoozed_until is None or one.snoozed_until <= shared.as_of]
    return Findings(
        open=_open(desk, shared, awake, since),
        ended=[_ended(shared, one) for one in shared.ended if _news(shared, one, email, since)],
        check_ins=_check_ins(desk, shared, rep, day, since),
        moments=_moments(desk, shared, rep, decisions, since),
        kept_back=_kept_back(desk, shared, rep, decisions),
        snoozed=len(held) - len(awake),
    )


def _known(shared: Shared, lead_id: str) -> bool:
    return lead_id in shared.leads and not shared.leads[lead_id].gone


def _open(desk: Desk, shared: Shared, episodes: Sequence[Episode], since: datetime) -> list[OpenLead]:
    tiers = desk.project.definitions.scoring.tiers
    before = desk.store.digests.scores_at([one.lead_id for one in episodes if one.opened_at < since], since)
    paired = [(one, shared.leads[one.lead_id]) for one in episodes]
    return [
        OpenLead(
            lead_id=one.lead_id,
            name=facts.name or one.lead_id,
            grade=facts.grade,
            tier_rank=tiers.index(facts.tier) if facts.tier in tiers else len(tiers),
            behaviour=facts.behaviour,
            opened_at=one.opened_at,
            grade_before=_moved(before.get(one.lead_id, ("", 0.0))[0], facts.grade),
            why=reason_titles(desk.project, one.evidence),
            claimed_at=one.claimed_at,
        )
        for one, facts in paired
    ]


def _moved(before: str, now: str) -> str:
    return before if before != now else ""


def _news(shared: Shared, episode: Episode, email: str, since: datetime) -> bool:
    """Whether the end of an episode is news to its rep: what they closed themselves is none."""
    ended = episode.closed_at is not None and episode.closed_at > since
    own = episode.status in {"rejected", "lost"} and episode.claimed_by.lower() == email
    return ended and not own and shared.rep_of.get(episode.lead_id) == email


def _ended(shared: Shared, episode: Episode) -> Entry:
    words = ENDED.get(episode.status, episode.status)
    if episode.status == "converted" and episode.lead_time_micros is not None:
        words += f", {_days(episode.lead_time_micros)} after they qualified"
    elif episode.close_reason:
        words += f": {episode.close_reason}"
    return Entry(
        lead_id=episode.lead_id,
        name=name_of(shared.leads, episode.lead_id),
        words=words,
        grade=shared.leads[episode.lead_id].grade if episode.lead_id in shared.leads else "",
        at=episode.closed_at or shared.as_of,
    )


def _days(micros: int) -> str:
    days = round(micros / 86_400_000_000)
    return "a day" if days == 1 else f"{days} days" if days else "hours"


def _check_ins(desk: Desk, shared: Shared, rep: Rep, day: date, since: datetime) -> list[Entry]:
    customers = desk.project.definitions.customers
    asked = {one.name: one for one in customers.check_ins}
    end = start_of_next_day(rep.time_zone, day)
    found = []
    for lead_id, name, due_at in shared.check_ins:
        facts = shared.leads.get(lead_id)
        owner = (facts.success_owner_email if facts else "") or customers.success_fallback
        if since <= due_at < end and name in asked and owner.lower() == rep.email.lower():
            words = f"a customer for {asked[name].after}: {asked[name].ask}"
            found.append(Entry(lead_id=lead_id, name=name_of(shared.leads, lead_id), words=words, at=due_at))
    return found


def _moments(desk: Desk, shared: Shared, rep: Rep, decisions: Sequence[StoredDecision], since: datetime) -> list[Entry]:
    """One line a lead and moment: how often, when last, and what."""
    groups: dict[tuple[str, str], list[StoredDecision]] = defaultdict(list)
    for one in decisions:
        if one.subject == Subject.MOMENT.value and one.why in FOR_DIGEST:
            groups[one.lead_id, one.topic].append(one)
    details = desk.store.digests.occurred({lead_id for lead_id, _ in groups}, since - _LATE) if groups else {}
    titles = _titles(desk)
    return [
        Entry(
            lead_id=lead_id,
            name=name_of(shared.leads, lead_id),
            words=_moment_words(titles.get(topic, topic), group, details, rep.time_zone),
            grade=shared.leads[lead_id].grade if lead_id in shared.leads else "",
            at=max(one.last_at for one in group),
        )
        for (lead_id, topic), group in groups.items()
    ]


def _moment_words(
    title: str, group: Sequence[StoredDecision], details: Mapping[tuple[str, str, str], tuple[str, str]], zone: str
) -> str:
    newest = max(group, key=lambda one: one.last_at)
    key = newest.step_key.removeprefix(f"moment:{newest.topic}:{newest.lead_id}:")
    feature, detail = details.get((newest.topic, newest.lead_id, key), ("", ""))
    often = f"{len(group)} times, last " if len(group) > 1 else ""
    said = f"{title}: {often}{when_words(newest.at, zone)}"
    return f"{said} ({detail or feature})" if detail or feature else said


def _kept_back(desk: Desk, shared: Shared, rep: Rep, decisions: Sequence[StoredDecision]) -> list[Entry]:
    """One line a lead, topic and reason."""
    groups: dict[tuple[str, str, str, str], list[StoredDecision]] = defaultdict(list)
    for one in decisions:
        if one.why not in FOR_DIGEST and one.subject != Subject.REMINDER.value:
            groups[one.lead_id, one.subject, one.topic, one.why].append(one)
    titles = _titles(desk)
    return [
        Entry(
            lead_id=lead_id,
            name=name_of(shared.leads, lead_id),
            words=_kept_words(titles.get(topic) or topic or _ABOUT.get(subject, subject), group, rep.time_zone),
            at=max(one.last_at for one in group),
        )
        for (lead_id, subject, topic, _), group in groups.items()
    ]


def _kept_words(what: str, group: Sequence[StoredDecision], zone: str) -> str:
    newest = max(group, key=lambda one: one.last_at)
    often = f" ({len(group)} times)" if len(group) > 1 else ""
    waits = f"; looked at anew {when_words(newest.due_at, zone)}" if newest.outcome == "held" and newest.due_at else ""
    return f"{what}{often}: {_why_words(newest)}{waits}"


def _why_words(decision: StoredDecision) -> str:
    """The reason as its rep reads it. A mute's own words say who muted it."""
    if decision.why == "MUTED" or decision.why not in Why.__members__:
        return decision.words.partition(" (")[0]
    return _TO_THE_REP.get(decision.why, Why[decision.why].value)


def _titles(desk: Desk) -> dict[str, str]:
    definitions = desk.project.definitions
    moments = {moment.name: moment.title for moment in definitions.moments}
    return moments | {one.name: f"check-in after {one.after}" for one in definitions.customers.check_ins}
