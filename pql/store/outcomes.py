"""What reps say of a lead: the one function behind commands and buttons."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.durations import Duration
from pql.errors import OutcomeRefused
from pql.store import episodes
from pql.store.records import Outcome, OutcomeKind, OutcomeResult
from pql.store.tables import outcomes, qualifications
from pql.store.values import instant, micros

_STORED = {
    "claim": "claimed",
    "snooze": "snoozed",
    "accept": "accepted",
    "reject": "rejected",
    "won": "won",
    "lost": "lost",
}
_CLOSES = {"reject": "rejected", "won": "converted", "lost": "lost"}
_DONE = {
    "claim": "{by} holds {lead}",
    "snooze": "{lead} is snoozed until {until}",
    "accept": "{by} accepted {lead}",
    "reject": "{lead} is rejected; it may qualify again from {again} on",
    "won": "{lead} is won",
    "lost": "{lead} is lost; it may qualify again from {again} on",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a rep says: `by` is the email in small letters."""

    kind: OutcomeKind
    by: str
    at: datetime
    reason: str = ""
    until: datetime | None = None


def record(connection: sa.Connection, lead_id: str, said: Said, cooldown: Duration) -> OutcomeResult:
    """Record an outcome of the lead's live episode; see `Store.record_outcome`."""
    _check(said)
    # FOR UPDATE: of two clicks at once the second sees what the first did.
    live = sa.select(qualifications).where(qualifications.c.lead_id == lead_id, qualifications.c.closed_at.is_(None))
    episode = connection.execute(live.with_for_update()).one_or_none()
    again = from_micros(to_micros(said.at) + cooldown.micros)
    if episode is None:
        return _repeated(connection, lead_id, said)
    if episode.claimed_by and episode.claimed_by != said.by:
        raise OutcomeRefused(f"{lead_id} is held by {episode.claimed_by} since {_day(instant(episode.claimed_at))}")
    values = _values(episode, said)
    changed = any(getattr(episode, name) != value for name, value in values.items())
    if changed:
        connection.execute(sa.update(qualifications).where(qualifications.c.id == episode.id).values(values))
        _note(connection, episode, said)
    if said.kind in _CLOSES:
        episodes.cool_down(connection, [{"lead_id": lead_id, "cooldown_until": to_micros(again)}])
    return OutcomeResult(
        lead_id=lead_id,
        qualification_id=episode.id,
        status=values.get("status", episode.status),
        claimed_by=values.get("claimed_by", episode.claimed_by),
        changed=changed,
        words=_DONE[said.kind].format(by=said.by, lead=lead_id, until=_day(said.until), again=_day(again)),
    )


def _check(said: Said) -> None:
    if said.kind not in _STORED:
        raise OutcomeRefused(f"'{said.kind}' is no outcome; use one of {', '.join(_STORED)}")
    if not said.by:
        raise OutcomeRefused("say who: an outcome needs the rep's email")
    if said.kind == "snooze" and (said.until is None or said.until <= said.at):
        raise OutcomeRefused(f"a snooze needs an end after {_day(said.at)}")


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC" if at is not None else ""


def _values(episode: sa.Row[*tuple[Any, ...]], said: Said) -> dict[str, Any]:
    """What changes; a second time the same changes nothing."""
    at = to_micros(said.at)
    if said.kind == "snooze":
        return {"snoozed_until": micros(said.until)}
    values: dict[str, Any] = {}
    if not episode.claimed_by:
        values |= {"claimed_by": said.by, "claimed_at": at}
    if said.kind == "claim":
        return values | ({"status": "claimed"} if episode.status == "open" else {})
    if said.kind == "accept":
        return values | {"status": "accepted"}
    values |= {"status": _CLOSES[said.kind], "closed_at": at, "close_reason": said.reason or _STORED[said.kind]}
    if said.kind == "won":
        values["lead_time"] = max(0, at - episode.opened_at)
    return values


def _note(connection: sa.Connection, episode: sa.Row[*tuple[Any, ...]], said: Said) -> None:
    row = {
        "lead_id": episode.lead_id,
        "qualification_id": episode.id,
        "kind": _STORED[said.kind],
        "by": said.by,
        "reason": said.reason,
        "at": to_micros(said.at),
        "until": micros(said.until) if said.kind == "snooze" else None,
    }
    connection.execute(sa.insert(outcomes).values(row))


def _repeated(connection: sa.Connection, lead_id: str, said: Said) -> OutcomeResult:
    """The second click on what closed the last episode; anything else has no episode to speak of."""
    last = sa.select(qualifications).where(qualifications.c.lead_id == lead_id)
    episode = connection.execute(last.order_by(qualifications.c.opened_at.desc()).limit(1)).one_or_none()
    if episode is None:
        raise OutcomeRefused(f"{lead_id} has never qualified: there is nothing to {said.kind}")
    noted = sa.select(outcomes.c.kind, outcomes.c.by).where(outcomes.c.qualification_id == episode.id)
    ending = connection.execute(noted.order_by(outcomes.c.seq.desc()).limit(1)).one_or_none()
    same = ending is not None and (ending.kind, ending.by) == (_STORED[said.kind], said.by)
    if said.kind not in _CLOSES or not same:
        closed = _day(instant(episode.closed_at))
        raise OutcomeRefused(
            f"{lead_id} has no open qualification: the last one was {episode.status} on {closed} "
            f"({episode.close_reason})"
        )
    return OutcomeResult(
        lead_id=lead_id,
        qualification_id=episode.id,
        status=episode.status,
        claimed_by=episode.claimed_by,
        changed=False,
        words=f"{lead_id} is {episode.status} already",
    )


def read(connection: sa.Connection, lead_id: str | None, since: datetime | None) -> list[Outcome]:
    """Outcomes, the newest first."""
    query = sa.select(outcomes).order_by(outcomes.c.at.desc(), outcomes.c.seq.desc())
    if lead_id is not None:
        query = query.where(outcomes.c.lead_id == lead_id)
    if since is not None:
        query = query.where(outcomes.c.at >= to_micros(since))
    return [
        Outcome(
            lead_id=row.lead_id,
            qualification_id=row.qualification_id,
            kind=row.kind,
            by=row.by,
            at=from_micros(row.at),
            reason=row.reason,
            until=instant(row.until),
        )
        for row in connection.execute(query)
    ]
