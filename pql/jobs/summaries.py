"""What digests, reminders and the weekly summary share: how leads are named and linked, and how messages are filed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pql.config.settings import Project
from pql.config.templates import render_text
from pql.domain.messages import Alert, Link
from pql.domain.routing import Route, away_at
from pql.domain.rules import Rep
from pql.errors import PqlError
from pql.jobs.routing import absences_of
from pql.jobs.tell import Target, targets
from pql.notify import Channel
from pql.store import Store
from pql.store.records import Committed, DecisionRecord, LeadFacts, OutboxRecord, RunResults


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What a job works with that needs no usage tables."""

    project: Project
    store: Store
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class Filed:
    """Decisions and their messages, to be written in one transaction."""

    decisions: Sequence[DecisionRecord] = ()
    messages: Sequence[OutboxRecord] = ()


class _Facts(dict[str, object]):
    # An attribute that is not known of a lead is not stored with it; a template sees it as empty.
    def __missing__(self, _name: str) -> None:
        return None


def links_of(project: Project, facts: LeadFacts) -> tuple[Link, ...]:
    """The project's links for a lead."""
    attributes = _Facts(facts.attributes)
    columns = {name: getattr(facts, name) for name in LeadFacts.__dataclass_fields__ if name != "attributes"}
    lead = _Facts({**attributes, **columns, "id": facts.lead_id, "fit": facts.fit_grade, "attributes": attributes})
    return tuple(
        Link(label=label, url=render_text(url, {"lead": lead}, what=f"link '{label}'"))
        for label, url in project.links.items()
    )


def urls_of(project: Project, leads: Mapping[str, LeadFacts]) -> dict[str, str]:
    """Where each lead's name leads: the first of the project's links."""
    linked = {lead_id: links_of(project, facts) for lead_id, facts in leads.items()}
    return {lead_id: links[0].url for lead_id, links in linked.items() if links}


def name_of(leads: Mapping[str, LeadFacts], lead_id: str) -> str:
    """A lead's name, else its id."""
    return leads[lead_id].name or lead_id if lead_id in leads else lead_id


def reason_titles(project: Project, evidence: Mapping[str, Any], *, shown: int = 2) -> str:
    """The titles of the strongest signals that an episode was opened with."""
    titles = {signal.name: signal.title for signal in project.definitions.signals}
    named = [str(reason["signal"]) for reason in evidence.get("reasons", ())[:shown]]
    first, *others = [titles.get(name, name) for name in named] or [""]
    return ", ".join([first, *(f"{title[:1].lower()}{title[1:]}" for title in others)])


def rep_named(project: Project, email: str) -> Rep:
    """The rep of an email; somebody who is none is named by the email."""
    known = {rep.email.casefold(): rep for rep in project.definitions.routing.reps}
    return known.get(email.casefold()) or Rep(email=email, name=email, time_zone=project.definitions.time_zone)


def to_rep(desk: Desk, rep: Rep, urgency: str) -> list[Target]:
    """Where a message to one rep alone goes: the rep's own channels, else those of the urgency.

    Raises:
        ConfigError: None of them is set up, nor the channel `file`.
    """
    return targets(desk.project, desk.channels, Route(rep=rep, slack_channel="", path=()), urgency)


def away(desk: Desk, as_of: datetime) -> Mapping[str, datetime]:
    """The emails, in small letters, of those who are away, and until when."""
    return away_at(absences_of(desk.store, desk.project.definitions.routing, as_of), as_of)


def place_of(desk: Desk, channel: str, address: str) -> Target | None:
    """Where a message for a place named in a file goes, after `delivery.mode`; None where no channel is set up."""
    delivery = desk.project.delivery
    if delivery.mode == "redirect":
        channel = "file" if "file" in delivery.redirect else channel
        address = address if channel == "file" else delivery.redirect.get(channel, "")
    if channel not in desk.channels:
        channel = "file"
    return Target(channel=channel, address=address) if address and channel in desk.channels else None


def filed(
    desk: Desk,
    alert: Alert,
    key: str,
    recipient: str,
    places: Collection[Target],
    *,
    why: str,
    words: str,
    valid_until: datetime,
    replies: Mapping[Target, str] | None = None,
) -> Filed:
    """An alert as its final messages, each with its decision."""
    shadow = desk.project.delivery.mode == "off"
    messages = [
        OutboxRecord(
            step_key=key,
            lead_id=alert.lead_id,
            subject=alert.subject,
            recipient=recipient,
            channel=place.channel,
            address=place.address,
            payload=desk.channels[place.channel].render(alert).payload,
            due_at=alert.as_of,
            valid_until=valid_until,
            shadow=shadow,
            reply_to=(replies or {}).get(place, ""),
        )
        for place in places
    ]
    kept = "; delivery is off, so it was kept and not sent" if shadow else ""
    decisions = [
        DecisionRecord(
            lead_id=alert.lead_id,
            subject=alert.subject,
            step_key=key,
            at=alert.as_of,
            outcome="sent",
            why=why,
            words=words + kept,
            recipient=recipient,
            channel=message.channel,
        )
        for message in messages
    ]
    return Filed(decisions=decisions, messages=messages)


def committed(desk: Desk, job: str, as_of: datetime, think: Callable[[], Sequence[Filed]]) -> Committed | None:
    """Think and write under the job's lock, all in one transaction.

    Returns:
        What was written; None where there was nothing to write, or this instant or a later one was done before: the
        clock stepped back, or another process was quicker.

    Raises:
        RunConflict: Another process is at this very job.
        StateError: The state cannot be read or written; it is as it was.
    """
    last = desk.store.last_as_of(job)
    if last is not None and as_of <= last:
        return None
    run = desk.store.begin_run(job, as_of, desk.clock())
    if run.already_committed:
        return None
    try:
        with desk.store.alive(run, desk.clock):
            found = think()
            results = RunResults(
                definitions_hash=desk.project.definitions.content_hash,
                sources=desk.project.definitions.sources,
                decisions=[record for one in found for record in one.decisions],
                outbox=[record for one in found for record in one.messages],
            )
            return desk.store.commit_run(run, results, desk.clock())
    except BaseException as exc:
        words = str(exc) if isinstance(exc, PqlError) else f"{type(exc).__name__}: {exc}"
        desk.store.fail_run(run, words, desk.clock())
        raise
