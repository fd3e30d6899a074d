"""The words of a reminder: of one lead, or of several at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pql.domain.digests import when_words
from pql.domain.messages import Alert, Line, Reason, Section, Subject
from pql.domain.reminders import Action, Step, Untaken, escalate_key, remind_key
from pql.domain.rules import Reminders, Rep
from pql.jobs.summaries import Desk, links_of, reason_titles
from pql.store.records import Episode, LeadFacts, SentMessage

REASONS_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Untold:
    """A qualification that nobody took, and what is due about it.

    Args:
        first: The messages that told of it.
        reader: Who hears of it now: the rep, or the fallback.
    """

    episode: Episode
    facts: LeadFacts
    rep: Rep
    reader: Rep
    first: Sequence[SentMessage]
    untaken: Untaken
    step: Step

    @property
    def key(self) -> str:
        if self.step.action is Action.ESCALATE:
            return escalate_key(self.episode.id)
        return remind_key(self.episode.id, self.step.number)


def reasons_of(episode: Episode) -> Sequence[Mapping[str, object]]:
    """The signals that an episode was opened with."""
    reasons = episode.evidence.get("reasons", ())
    return [reason for reason in reasons if isinstance(reason, Mapping)] if isinstance(reasons, list) else []


def lead_alert(desk: Desk, rule: Reminders, case: Untold, as_of: datetime) -> Alert:
    """The message about one lead."""
    facts, zone = case.facts, case.reader.time_zone
    name = facts.name or facts.lead_id
    escalates = case.step.action is Action.ESCALATE
    return Alert(
        subject=Subject.REMINDER,
        lead_id=facts.lead_id,
        lead_name=name,
        title=f"Nobody has taken {name} yet" if escalates else f"{name} still waits for you",
        why_now=_why_now(case, zone),
        as_of=as_of,
        time_zone=zone,
        recipient_name=case.reader.name,
        domain=facts.domain,
        plan="" if facts.plan == facts.stage else facts.plan,
        stage=facts.stage,
        grade=facts.grade,
        tier=facts.tier,
        urgency="today",
        reasons=_said_reasons(desk, case.episode),
        play=_play(case, facts.lead_id),
        links=links_of(desk.project, facts),
        decided=_decided(rule, case),
    )


def _why_now(case: Untold, zone: str) -> str:
    told = when_words(case.first[0].at, zone)
    if case.step.action is Action.REMIND:
        return f"You were told on {told}, and nobody has claimed it since."
    if case.untaken.absent:
        return f"{case.rep.name} was told on {told} and is away; nobody has claimed it."
    times = len(case.untaken.reminded)
    reminded = f", was reminded {'once' if times == 1 else f'{times} times'}" if times else ""
    return f"{case.rep.name} was told on {told}{reminded} and has not answered."


def _play(case: Untold, lead_id: str) -> str:
    if case.step.action is Action.ESCALATE:
        return f"Take it, or ask who has time: pql claim {lead_id} --by {case.reader.email}"
    return f"Claim it, snooze it or reject it, and this stops: pql claim {lead_id} --by {case.reader.email}"


def _decided(rule: Reminders, case: Untold) -> str:
    if case.step.action is Action.ESCALATE:
        return f"Sent to {case.reader.name} once, as the fallback."
    return f"Reminder {case.step.number} of at most {rule.most} to {case.reader.name}."


def _said_reasons(desk: Desk, episode: Episode) -> tuple[Reason, ...]:
    signals = {signal.name: signal for signal in desk.project.definitions.signals}
    known = [(signals.get(str(reason["signal"])), reason.get("value")) for reason in reasons_of(episode)]
    return tuple(
        Reason(title=signal.title, words=signal.measure.words(value), signal=signal.name)
        for signal, value in known[:REASONS_SHOWN]
        if signal is not None
    )


def list_alert(desk: Desk, cases: Sequence[Untold], as_of: datetime) -> Alert:
    """One message about several leads, the best first. All have the same reader, and the same is done about them."""
    first, number = cases[0], len(cases)
    escalates, zone = first.step.action is Action.ESCALATE, first.reader.time_zone
    lines = tuple(
        Line(name=case.facts.name or case.facts.lead_id, grade=case.facts.grade, words=words, url=_url(desk, case))
        for case in cases
        if (words := "; ".join(part for part in (_told(case, zone), _titles(desk, case)) if part))
    )
    return Alert(
        subject=Subject.REMINDER,
        lead_id="",
        lead_name="",
        title=f"Nobody has taken {number} leads yet" if escalates else f"{number} leads still wait for you",
        why_now="Their reps have not answered." if escalates else "You were told of them, and nobody has claimed them.",
        as_of=as_of,
        time_zone=zone,
        recipient_name=first.reader.name,
        play="Take them, or ask who has time." if escalates else "Claim, snooze or reject each, and this stops.",
        decided=f"Sent to {first.reader.name} once, as the fallback."
        if escalates
        else f"Reminders to {first.reader.name}, gathered.",
        sections=(Section(title="Not claimed", lines=lines),),
    )


def _told(case: Untold, zone: str) -> str:
    told = when_words(case.first[0].at, zone)
    if case.step.action is Action.REMIND:
        return f"told {told}"
    return f"{case.rep.name}, {'away, ' if case.untaken.absent else ''}told {told}"


def _titles(desk: Desk, case: Untold) -> str:
    return reason_titles(desk.project, case.episode.evidence)


def _url(desk: Desk, case: Untold) -> str:
    links = links_of(desk.project, case.facts)
    return links[0].url if links else ""
