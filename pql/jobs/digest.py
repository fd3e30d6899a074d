"""The digests: each rep's own morning, and the team's week; each once, however often this runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from pql.domain.digests import LONGEST, Telling, covers_since, digest_key, digest_of, due_day, until_next, when_words
from pql.domain.messages import Alert, Subject
from pql.domain.rules import Rep
from pql.jobs.digest_findings import Shared, findings_of, shared_of
from pql.jobs.summaries import Desk, Filed, away, committed, filed, to_rep, urls_of
from pql.jobs.weekly import due_week, weekly_of
from pql.store.records import DecisionRecord

JOB = "digest"


@dataclass(frozen=True, kw_only=True)
class Digested:
    """What one round of digests did.

    Args:
        written: New messages.
        nothing_to_say: Reps whose day has nothing to tell.
    """

    written: int = 0
    nothing_to_say: tuple[str, ...] = ()


def digest(desk: Desk, *, as_of: datetime) -> Digested:
    """Write the digests that are due as of an instant and were not decided on before.

    Raises:
        RunConflict: Another process is at it.
        StateError: The state cannot be read or written; nothing was written.
        ConfigError: No channel is set up, or a template cannot be used.
    """
    if not due_reps(desk, as_of) and due_week(desk, as_of) is None:
        return Digested()
    found: list[Filed] = []

    def think() -> Sequence[Filed]:
        # Asked again under the lock: another process may have been at it meanwhile.
        found.extend(_rep_digests(desk, as_of))
        found.extend(weekly_of(desk, as_of))
        return found

    written = committed(desk, JOB, as_of, think)
    if written is None:
        return Digested()
    silent = [record.recipient for one in found for record in one.decisions if record.outcome == "withheld"]
    return Digested(written=written.enqueued, nothing_to_say=tuple(silent))


def due_reps(desk: Desk, as_of: datetime) -> list[tuple[Rep, date]]:
    """The reps whose digest is due and was not decided on, each with the rep's own date."""
    routing = desk.project.definitions.routing
    days = [(rep, due_day(rep, as_of)) for rep in routing.reps if rep.active and _wanted(desk, rep)]
    keys = {digest_key(rep.email, day): (rep, day) for rep, day in days if day is not None}
    if not keys:
        return []
    absent, decided = away(desk, as_of), desk.store.digests.decided(keys)
    return [due for key, due in keys.items() if key not in decided and due[0].email.casefold() not in absent]


def _wanted(desk: Desk, rep: Rep) -> bool:
    return bool(rep.channels or desk.project.definitions.routing.channels.get("digest"))


def _rep_digests(desk: Desk, as_of: datetime) -> list[Filed]:
    due = due_reps(desk, as_of)
    if not due:
        return []
    since = _since(desk, due, as_of)
    shared = shared_of(desk, since=min(since.values()), as_of=as_of)
    return [_filed(desk, shared, rep, day, since[rep.email]) for rep, day in due]


def _since(desk: Desk, due: Sequence[tuple[Rep, date]], as_of: datetime) -> dict[str, datetime]:
    """From when on each rep's digest tells what changed, by email; never after now."""
    emails, reads = [rep.email for rep, _ in due], desk.store.digests
    last = reads.last_delivered(emails, Subject.DIGEST, as_of)
    tried = reads.first_written(emails, Subject.DIGEST, as_of - LONGEST)
    covered = {rep.email: covers_since(rep, day, last.get(rep.email), tried.get(rep.email)) for rep, day in due}
    return {email: min(since, as_of) for email, since in covered.items()}


def _filed(desk: Desk, shared: Shared, rep: Rep, day: date, since: datetime) -> Filed:
    alert = _alert(desk, shared, rep, day, since)
    key = digest_key(rep.email, day)
    if alert is None:
        return Filed(decisions=[_nothing(rep, key, since, shared.as_of)])
    return filed(
        desk,
        alert,
        key,
        rep.email,
        to_rep(desk, rep, "digest"),
        why="DIGEST",
        words=f"the digest of {day.isoformat()}",
        valid_until=until_next(rep, day),
    )


def _nothing(rep: Rep, key: str, since: datetime, as_of: datetime) -> DecisionRecord:
    return DecisionRecord(
        lead_id="",
        subject=Subject.DIGEST,
        step_key=key,
        at=as_of,
        outcome="withheld",
        why="NOTHING_TO_SAY",
        words=f"nothing to say since {when_words(since, rep.time_zone)}",
        recipient=rep.email,
    )


def _alert(desk: Desk, shared: Shared, rep: Rep, day: date, since: datetime) -> Alert | None:
    findings = findings_of(desk, shared, rep, day, since)
    if not findings:
        return None
    named = {lead_id: facts for lead_id in findings.lead_ids if (facts := shared.leads.get(lead_id))}
    urls = urls_of(desk.project, named)
    said = digest_of(findings, Telling(since=since, at=shared.as_of, zone=rep.time_zone, urls=urls))
    return Alert(
        subject=Subject.DIGEST,
        lead_id="",
        lead_name="",
        title=said.title,
        why_now=said.why_now,
        as_of=shared.as_of,
        time_zone=rep.time_zone,
        recipient_name=rep.name,
        urgency="digest",
        sections=said.sections,
        decided=f"Sent to {rep.name} every working day at {rep.digest_at:%H:%M}.",
    )


def preview(desk: Desk, rep: Rep, *, as_of: datetime) -> Alert | None:
    """A rep's digest as it would be at an instant, due or not; None where there is nothing to say. Writes nothing."""
    local = Telling(since=as_of, at=as_of, zone=rep.time_zone, urls={}).local_date
    since = _since(desk, [(rep, local)], as_of)[rep.email]
    return _alert(desk, shared_of(desk, since=since, as_of=as_of), rep, local, since)
