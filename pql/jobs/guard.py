"""Before a run evaluates anything: are the sources as they should be? What depends on a broken one keeps its state."""

import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from pql.config.settings import Project
from pql.domain.calendar import Calendar
from pql.domain.definitions import Definitions
from pql.domain.measures.base import Missing
from pql.domain.moments import Moment
from pql.domain.qualification import Closing, Transitions
from pql.domain.signals import Signal
from pql.domain.source_health import ALWAYS, OF_ALL, UNASKED, Expectation, Health, Observation, Past, cure, judge
from pql.domain.used import relations_of, relations_of_pattern
from pql.errors import SourceMismatch, StateError, WarehouseError
from pql.jobs.operator import Recourse, tell_operator
from pql.jobs.reading import Reading
from pql.notify import Channel
from pql.store import Store
from pql.store.records import SourceCheck
from pql.warehouse import Warehouse

log = logging.getLogger(__name__)
LOOKED_BACK = timedelta(days=60)
UNREADABLE = "source:unreadable"
ACCEPTED = "sources.accepted"  # the setting: from when on a relation's past counts


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """What was found of the relations."""

    health: tuple[Health, ...] = ()

    @property
    def ailing(self) -> tuple[Health, ...]:
        """The relations that are not as they should be."""
        return tuple(health for health in self.health if not health.well)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What is wrong."""
        return tuple(words for health in self.ailing for words in health.ailments.values())

    @property
    def cures(self) -> tuple[str, ...]:
        """What can be done, a sentence for each ailing relation."""
        return tuple(f"{health.relation}: {cure(health)}" for health in self.ailing)

    @property
    def stops(self) -> bool:
        """Whether nothing can be evaluated: what every lead is made of is broken."""
        return any(health.relation in OF_ALL for health in self.ailing)

    @property
    def blind(self) -> frozenset[str]:
        """The relations that only some signals and moments read, and that cannot be relied on."""
        return frozenset(health.relation for health in self.ailing) - OF_ALL


UNGUARDED = Guarded()


def expectations(project: Project) -> Mapping[str, Expectation]:
    """What is looked at: what the team expects, and always what would make leads vanish."""
    return {**dict.fromkeys(ALWAYS, UNASKED), **project.usage.expect}


def look(project: Project, warehouse: Warehouse, store: Store, *, as_of: datetime) -> Guarded:
    """Look at the relations, and compare them with what is expected and with their own past.

    Raises:
        WarehouseError: They cannot be read at all.
    """
    expected, accepted = expectations(project), accepted_at(store)
    checks = [
        check
        for check in store.source_checks(expected, since=as_of - LOOKED_BACK, until=as_of)
        if not check.verdict and check.at >= accepted.get(check.relation, check.at)
    ]
    return Guarded(
        health=tuple(
            _judged(project, seen, checks, since=accepted.get(seen.relation), as_of=as_of)
            for seen in warehouse.seen(expected, as_of=as_of)
        )
    )


def _judged(
    project: Project, seen: Observation, checks: Sequence[SourceCheck], *, since: datetime | None, as_of: datetime
) -> Health:
    calendar = Calendar(ZoneInfo(project.definitions.time_zone))
    if since is not None:
        first = calendar.day_of(since)
        seen = replace(seen, days={day: rows for day, rows in seen.days.items() if day >= first})
    past = [
        Past(at=check.at, row_count=check.row_count, shares=check.shares)
        for check in checks
        if check.relation == seen.relation
    ]
    return judge(expectations(project)[seen.relation], seen, past, as_of=as_of, calendar=calendar)


def remember(store: Store, guarded: Guarded, now: datetime) -> tuple[str, ...]:
    """Keep what was seen, as the past of later looks, and note for the operator what is new: broken, or well again.

    Returns:
        What is new, in sentences; nothing for what lasts.
    """
    store.keep_source_checks([_check(health) for health in guarded.health])
    store.notice_over(UNREADABLE, now)
    news = [words for health in guarded.health if (words := _noted(store, health, now))]
    for words in news:
        log.info("%s", words, extra={"action": "source_news"})
    return tuple(news)


def unreliable(store: Store) -> frozenset[str]:
    """The relations that only some signals and moments read, and that the last run found broken."""
    found = {notice.key.removeprefix("source:") for notice in store.notices() if notice.key.startswith("source:")}
    return frozenset(found) - OF_ALL


def _noted(store: Store, health: Health, now: datetime) -> str:
    key = f"source:{health.relation}"
    if not health.well:
        words = "; ".join(health.ailments.values())
        return words if store.notice(key, words, cure(health), now) else ""
    return f"{health.relation}: all is well again; runs go on" if store.notice_over(key, now) else ""


def tell(project: Project, store: Store, channels: Mapping[str, Channel], now: datetime) -> None:
    """Tell the operator what is noted and untold: once when it breaks, and once when it is well again."""
    if project.delivery.mode == "off":
        return  # nothing is sent; what lasts until then is told when sending begins
    recourse = Recourse(
        delivery=project.delivery, reps=project.definitions.routing.reps, time_zone=project.definitions.time_zone
    )
    tell_operator(store, channels, recourse, now)


def note_unreadable(store: Store, fault: BaseException, now: datetime) -> bool:
    """Note for the operator that the usage cannot be read at all; True where that is new."""
    if not isinstance(fault, WarehouseError):
        return False
    with suppress(StateError):
        return store.notice(UNREADABLE, str(fault), "see usage in config/pql.yml; pql check tells more", now)
    return False


def _check(health: Health) -> SourceCheck:
    return SourceCheck(
        relation=health.relation,
        at=health.as_of,
        newest_at=health.seen.newest_at,
        row_count=health.seen.row_count,
        shares=health.seen.shares,
        verdict=health.verdict,
    )


# --- what is taken as it is from now on ---


def accepted_at(store: Store) -> dict[str, datetime]:
    """From when on the past of relations counts, for those that the operator accepted as they are."""
    kept = store.setting(ACCEPTED)
    entries = kept.items() if isinstance(kept, dict) else ()
    return {str(relation): datetime.fromisoformat(str(at)) for relation, at in entries}


def accept(store: Store, project: Project, relation: str, *, at: datetime, now: datetime) -> None:
    """Take a relation as it is: only what is seen from `at` on is its past.

    Raises:
        SourceMismatch: No such relation is looked at.
    """
    known = expectations(project)
    if relation not in known:
        raise SourceMismatch(f"'{relation}' is not looked at; there are {', '.join(sorted(known))}")
    kept = {**accepted_at(store), relation: at}
    store.set_setting(ACCEPTED, {name: since.isoformat() for name, since in kept.items()}, now)


# --- what is left out while a relation is broken ---


def blinded(signals: Sequence[Signal], blind: Collection[str]) -> tuple[Signal, ...]:
    """The signals that read one of the relations."""
    return tuple(signal for signal in signals if relations_of(signal.measure) & {*blind})


def without(reading: Reading, signals: Sequence[Signal]) -> Reading:
    """The reading with signals that are not evaluated, since their source cannot be relied on."""
    if not signals:
        return reading
    measured = reading.measured.copy()
    for name in (signal.name for signal in signals):
        measured[name] = measured[name].where(np.zeros(len(measured), dtype=bool))
        measured[f"{name}.missing"] = np.int8(Missing.STALE)
    return replace(reading, measured=measured)


def steady(transitions: Transitions, blind: Sequence[Signal]) -> Transitions:
    """The transitions that hold whatever signals that cannot be evaluated would say; all else stays as it was.

    A lead opens where signals can only add to what it has; it never leaves for want of their points.
    """
    if not blind:
        return transitions
    opened = transitions.opened if all(signal.points.worth >= 0 for signal in blind) else ()
    closed = transitions.closed[transitions.closed["reason"] != Closing.LEFT]
    return replace(transitions, opened=opened, closed=closed, changed=pd.Index([*opened, *closed.index]))


def watchable(definitions: Definitions, blind: Collection[str]) -> Definitions:
    """The definitions without the moments that read one of the relations."""
    if not blind:
        return definitions
    return replace(definitions, moments=tuple(one for one in definitions.moments if not _reads(one, blind)))


def _reads(moment: Moment, blind: Collection[str]) -> bool:
    return bool(relations_of_pattern(moment.pattern) & {*blind})
