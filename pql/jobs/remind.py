"""Qualifications that nobody took: the rep is reminded, then the fallback is told; both a few times at most."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pql.domain.messages import Subject
from pql.domain.mutes import muting
from pql.domain.reminders import Action, Untaken, escalate_key, next_step, remind_key
from pql.domain.routing import Roster, beyond
from pql.domain.rules import Reminders, Rep, all_branches
from pql.jobs.remind_alerts import Untold, lead_alert, list_alert, reasons_of
from pql.jobs.routes import facts_remembered
from pql.jobs.summaries import Desk, Filed, away, committed, filed, rep_named, to_rep
from pql.jobs.tell import Target, start_of_day
from pql.store.records import Episode, LeadFacts, SentMessage

JOB = "remind"
VALID_FOR = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Reminded:
    """What one round did: new messages to reps, and to the fallback."""

    reminders: int = 0
    escalations: int = 0


def remind(desk: Desk, *, as_of: datetime) -> Reminded:
    """Write the reminders that are due as of an instant.

    Raises:
        RunConflict: Another process is at it.
        StateError: The state cannot be read or written; nothing was written.
        ConfigError: No channel is set up, or a template cannot be used.
    """
    rule = desk.project.definitions.routing.reminders
    if rule is None or not _due(desk, rule, as_of):
        return Reminded()
    cases: list[Untold] = []

    def think() -> Sequence[Filed]:
        cases.extend(_due(desk, rule, as_of))
        return [_filed(desk, rule, group, as_of) for group in _gathered(cases)]

    if committed(desk, JOB, as_of, think) is None:
        return Reminded()
    done = Counter(case.step.action for case in cases)
    return Reminded(reminders=done[Action.REMIND], escalations=done[Action.ESCALATE])


def _due(desk: Desk, rule: Reminders, as_of: datetime) -> list[Untold]:
    """What is due, the best leads first, within what each reader may get in a day and when they work."""
    cases = [case for case in _cases(desk, rule, as_of) if case.step.due_at <= as_of]
    budget = desk.project.definitions.routing.max_per_rep_a_day
    left: Counter[str] = Counter()
    found = []
    for case in sorted(cases, key=lambda case: (-case.facts.behaviour, case.episode.lead_id)):
        email = case.reader.email
        if not case.reader.working.is_open(as_of):
            continue
        if email not in left:
            had = desk.store.sent_today(email, start_of_day(case.reader, as_of), subjects=[Subject.REMINDER])
            left[email] = budget - had
        if left[email] > 0:
            left[email] -= 1
            found.append(case)
    return found


def _cases(desk: Desk, rule: Reminders, as_of: datetime) -> list[Untold]:
    reads = desk.store.digests
    untaken = [one for one in reads.live_episodes() if _awake(one, as_of)]
    steps = {step for one in untaken for step in _steps(rule, one.id)}
    decided = reads.decided(steps)
    open_ones = [one for one in untaken if escalate_key(one.id) not in decided]
    first = _first_messages(desk, open_ones)
    lead_ids = [one.lead_id for one in open_ones if one.id in first]
    leads, sinking = reads.leads(lead_ids), reads.sinking(lead_ids)
    mutes, absent = desk.store.mutes(as_of), away(desk, as_of)
    records = _facts(desk, lead_ids)
    found = []
    for one in open_ones:
        facts = leads.get(one.lead_id)
        if one.id not in first or facts is None or one.lead_id in sinking or not _good(facts):
            continue
        email = first[one.id][0].recipient
        signals = {str(reason["signal"]) for reason in reasons_of(one)}
        if muting(mutes, lead_id=one.lead_id, recipient=email, topics=signals) is None:
            further = beyond(
                desk.project.definitions.routing, records.get(one.lead_id, {}), Roster(away=absent), rep=email
            )
            case = _case(desk, rule, one, facts, first=first[one.id], decided=decided, absent=absent, further=further)
            found += [case] if case else []
    return found


def _facts(desk: Desk, lead_ids: Sequence[str]) -> dict[str, Mapping[str, object]]:
    """What the tree may ask of leads, where any of its routes has a fallback of its own."""
    branches = desk.project.definitions.routing.branches
    if not any(branch.fallback for branch in all_branches(branches)):
        return {}
    return {record.lead_id: facts_remembered(record) for record in desk.store.lead_records(lead_ids)}


def _steps(rule: Reminders, episode_id: str) -> list[str]:
    return [escalate_key(episode_id), *(remind_key(episode_id, number) for number in range(1, rule.most + 1))]


def _awake(episode: Episode, as_of: datetime) -> bool:
    asleep = episode.snoozed_until is not None and episode.snoozed_until > as_of
    return episode.status == "open" and episode.told_at is not None and not asleep


def _good(facts: LeadFacts) -> bool:
    return facts.eligible and not facts.gone and not facts.attributes.get("open_deal")


def _first_messages(desk: Desk, episodes: Sequence[Episode]) -> dict[str, list[SentMessage]]:
    """The messages that told of each episode: those that arrived; while delivery is off, those that were kept."""
    arrived = {"sent", "shadow"} if desk.project.delivery.mode == "off" else {"sent"}
    ids = {f"episode:{one.id}": one.id for one in episodes}
    found: dict[str, list[SentMessage]] = {}
    for message in desk.store.digests.messages(ids):
        if message.status in arrived:
            found.setdefault(ids[message.step_key], []).append(message)
    return found


def _case(
    desk: Desk,
    rule: Reminders,
    episode: Episode,
    facts: LeadFacts,
    *,
    first: Sequence[SentMessage],
    decided: Mapping[str, datetime],
    absent: Collection[str],
    further: Rep,
) -> Untold | None:
    routing = desk.project.definitions.routing
    rep = rep_named(desk.project, first[0].recipient)
    known = {one.email.casefold() for one in routing.reps if one.active}
    untaken = Untaken(
        told_at=max(first[0].at, episode.snoozed_until or first[0].at),
        reminded=tuple(
            decided[key] for number in range(1, rule.most + 1) if (key := remind_key(episode.id, number)) in decided
        ),
        absent=rep.email.casefold() in absent or rep.email.casefold() not in known,
        is_fallback=rep.email.casefold() == further.email.casefold(),
    )
    step = next_step(rule, untaken, rep.working)
    if step is None:
        return None
    reader = further if step.action is Action.ESCALATE else rep
    return Untold(episode=episode, facts=facts, rep=rep, reader=reader, first=first, untaken=untaken, step=step)


def _gathered(cases: Sequence[Untold]) -> list[list[Untold]]:
    """What one reader hears of at once, by reader and action, in order: several leads make one message."""
    groups: dict[tuple[str, Action], list[Untold]] = {}
    for case in cases:
        groups.setdefault((case.reader.email, case.step.action), []).append(case)
    return [*groups.values()]


def _filed(desk: Desk, rule: Reminders, cases: Sequence[Untold], as_of: datetime) -> Filed:
    first, *others = cases
    places, replies = _places(desk, first) if not others else (to_rep(desk, first.reader, "today"), {})
    alert = list_alert(desk, cases, as_of) if others else lead_alert(desk, rule, first, as_of)
    written = filed(
        desk,
        alert,
        first.key,
        first.reader.email,
        places,
        why=first.step.action.name,
        words=_decided_words(rule, first),
        valid_until=as_of + VALID_FOR,
        replies=replies,
    )
    steps = tuple(case.key for case in cases)
    decisions = [
        replace(record, step_key=case.key, lead_id=case.episode.lead_id, words=_decided_words(rule, case))
        for case in cases
        for record in written.decisions
    ]
    return Filed(decisions=decisions, messages=[replace(message, steps=steps) for message in written.messages])


def _decided_words(rule: Reminders, case: Untold) -> str:
    number = f" (reminder {case.step.number} of {rule.most})" if case.step.number else ""
    return case.step.action.value + number


def _places(desk: Desk, case: Untold) -> tuple[list[Target], dict[Target, str]]:
    """Where it goes: for the rep into the thread of the first message, wherever that one can still be reached."""
    places = to_rep(desk, case.reader, "today")
    if case.step.action is Action.ESCALATE:
        return places, {}
    first = {message.channel: message for message in reversed(case.first)}
    found: dict[Target, str] = {}
    for place in places:
        message = first.get(place.channel)
        if message and (message.address == place.address or _may_address(desk, message)):
            found[Target(channel=place.channel, address=message.address)] = message.delivery_id
        else:
            found[place] = ""
    return [*found], found


def _may_address(desk: Desk, message: SentMessage) -> bool:
    # What was redirected then is addressed anew now, and nothing leaves the redirection while it lasts.
    return desk.project.delivery.mode != "redirect" and message.address not in desk.project.delivery.redirect.values()
