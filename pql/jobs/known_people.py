"""Whom to talk to, as the main job ranked them last: only it measures the use of users. Else by their roles alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from pql.domain.champions import rank
from pql.domain.messages import Person, Subject
from pql.domain.rules import Champions
from pql.jobs.compose import Briefing, people
from pql.jobs.waiting import PEOPLE, people_of
from pql.notify.alerts import alert_of
from pql.store import Store
from pql.store.erasure import ERASED
from pql.store.records import HeldRecord
from pql.warehouse.watching import Watching

_COLUMNS = ("lead_id", "user_id", "name", "email", "role", "rank", "why")
_MOST = 20  # of a lead's latest messages so many are looked at


def with_people(held: Sequence[HeldRecord], briefing: Briefing) -> list[HeldRecord]:
    """What is held, with whom to talk to when it is told: the watch, which may tell it, ranks nobody."""
    return [_with_people(record, briefing) for record in held]


def _with_people(record: HeldRecord, briefing: Briefing) -> HeldRecord:
    found = [] if record.subject == Subject.MOMENT else people(briefing, record.lead_id)
    if not found:
        return record
    kept = [{"name": one.name, "email": one.email, "role": one.role, "why": one.why} for one in found]
    return replace(record, about={**record.about, PEOPLE: kept})


def known_champions(
    store: Store, watching: Watching, rules: Champions, lead_ids: Sequence[str], held: Sequence[HeldRecord]
) -> pd.DataFrame:
    """The champions of leads, as `Briefing.champions`: those remembered, else those whose role gives points.

    Args:
        store: With the messages.
        watching: For the users of leads of which nobody is remembered.
        rules: Which roles give points.
        lead_ids: The leads that are told about.
        held: All that waited.
    """
    kept = _remembered(store, lead_ids, held)
    others = sorted({*lead_ids} - {*kept["lead_id"]})
    by_role = _by_role(rules, watching.members(others)) if others and rules.roles else kept.iloc[:0]
    return pd.concat([part for part in (kept, by_role) if len(part)] or [kept], ignore_index=True)


def _by_role(rules: Champions, members: pd.DataFrame) -> pd.DataFrame:
    unmeasured = pd.DataFrame({one.name: pd.Series(dtype=float) for one in rules.measures})
    ranked = rank(rules, members, unmeasured)
    known = ranked[ranked["score"] > 0].merge(members, on=["lead_id", "user_id"])
    return known[list(_COLUMNS)]


def _remembered(store: Store, lead_ids: Collection[str], held: Sequence[HeldRecord]) -> pd.DataFrame:
    """Those kept with what is held, else those of the lead's last message."""
    waited = {record.lead_id: found for record in held if (found := people_of(record))}
    rows = [
        {"lead_id": lead_id, "user_id": f"{lead_id}:{rank}", "rank": rank, **person}
        for lead_id in lead_ids
        for rank, person in enumerate(_known(store, lead_id, waited.get(lead_id, ())), 1)
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def _known(store: Store, lead_id: str, kept: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    found = kept or [_row(one) for one in _last_told(store, lead_id)]
    return [one for one in found if ERASED not in one.values()]


def _row(person: Person) -> Mapping[str, Any]:
    return {"name": person.name, "email": person.email, "role": person.role, "why": person.why}


def _last_told(store: Store, lead_id: str) -> Sequence[Person]:
    """Of the last message that named champions; one about a moment names first who it was."""
    for message in store.notifications(lead_id=lead_id, limit=_MOST):
        if message.subject in {Subject.QUALIFICATION, Subject.CHECK_IN, Subject.USAGE_DROP}:
            alert = alert_of(message.payload)
            return () if alert is None else alert.people
    return ()
