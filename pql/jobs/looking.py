"""One look: what fresh rows, and timers that are due, have brought about. It reads; it decides and writes nothing."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Protocol

import pandas as pd

from pql.config.settings import WatchSettings
from pql.domain.calendar import from_micros, to_micros
from pql.domain.conditions import BoolArray
from pql.domain.moments import Moment
from pql.domain.patterns import PatternRows
from pql.domain.patterns.first import First
from pql.domain.patterns.occurrences import moved_back, none_found
from pql.domain.patterns.stuck import Stuck
from pql.domain.patterns.timing import Turned, ended, no_timers, turned
from pql.domain.texts import among
from pql.domain.timers import TimerStatus, timer_frame
from pql.store.records import TimerRecord
from pql.warehouse.watching import Fresh, Watching

MARK = "watch.mark"  # the setting


@dataclass(frozen=True, kw_only=True)
class Mark:
    """How far the watch has looked.

    Args:
        looked_at: The instant of the last look.
        arrived_at: All that arrived before was seen; nothing is later than `looked_at`.
        run_at: The main job's run after which tables without instants were last looked at.
        seeded: For each moment whose timers were set for everybody once, its pattern in words.
        orphans: Whether rows that name a user and no account were ever seen.
    """

    looked_at: datetime
    arrived_at: datetime
    run_at: datetime | None = None
    seeded: Mapping[str, str] = field(default_factory=dict)
    orphans: bool = False

    def as_json(self) -> dict[str, object]:
        """What is kept."""
        run_at = None if self.run_at is None else to_micros(self.run_at)
        instants = {"looked_at": to_micros(self.looked_at), "arrived_at": to_micros(self.arrived_at)}
        return {**instants, "run_at": run_at, "seeded": dict(self.seeded), "orphans": self.orphans}

    @classmethod
    def read(cls, kept: object) -> "Mark | None":
        """What `as_json` gave; None where nothing is kept."""
        if not isinstance(kept, dict):
            return None
        return cls(
            looked_at=from_micros(kept["looked_at"]),
            arrived_at=from_micros(kept["arrived_at"]),
            run_at=None if kept["run_at"] is None else from_micros(kept["run_at"]),
            seeded=kept["seeded"],
            orphans=kept["orphans"],
        )


class Remembered(Protocol):
    """What is remembered of moments; the store."""

    def known_occurrences(self, keys: Collection[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        """Those of (moment, lead, key) that are stored."""
        ...

    def occurrences(self, moments: Collection[str], lead_ids: Collection[str], since: datetime) -> pd.DataFrame:
        """The stored occurrences of these moments and leads since an instant."""
        ...

    def timers(self, moments: Collection[str], lead_ids: Collection[str]) -> pd.DataFrame:
        """All timers of these moments and leads."""
        ...

    def waiting_timers(self, moments: Collection[str], *, due_before: datetime | None = None) -> pd.DataFrame:
        """The waiting timers of these moments."""
        ...


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a look found.

    Args:
        found: For each moment its new occurrences, as `Pattern.find` gives them.
        known: Occurrences that are none to speak of, and are remembered only so that they stay known: a first time
            long ago, and one that late rows moved.
        timers: Those that are set, moved or ended.
        mark: How far the watch has looked now.
        count: How many rows had arrived.
        hashes: Of all rows that were looked at, and of those before them that the next look reads again.
    """

    found: Sequence[tuple[Moment, pd.DataFrame]]
    known: Sequence[tuple[Moment, pd.DataFrame]]
    timers: Sequence[TimerRecord]
    mark: Mark
    count: int
    hashes: frozenset[int] = frozenset()


def look(
    watching: Watching,
    remembered: Remembered,
    moments: Sequence[Moment],
    settings: WatchSettings,
    *,
    mark: Mark,
    run_at: datetime,
    as_of: datetime,
    known: frozenset[int] = frozenset(),
) -> Seen:
    """Look at what is new since the last look.

    Args:
        watching: The rows.
        remembered: What is stored.
        moments: What is looked for.
        settings: How far each look overlaps the last.
        mark: How far the last look came.
        run_at: The last run of the main job.
        as_of: The instant.
        known: Hashes of rows that an earlier look has looked at and remembered; they are left out.
    """
    since = mark.arrived_at - timedelta(seconds=settings.overlap.seconds)
    oldest = as_of - timedelta(seconds=settings.late.seconds)
    fresh = watching.fresh(since=since, oldest=oldest, as_of=as_of)
    one = _Look(watching, remembered, fresh.without(known), mark, run_at, as_of)
    judged = list(one.judged([one.asked(moment) for moment in moments]))
    split = [(asked.moment, one.split(asked, found)) for asked, found in judged if len(found)]
    arrived = min(fresh.newest or mark.arrived_at, as_of) if watching.by_arrival else as_of
    return Seen(
        found=[(moment, new) for moment, (new, _) in split if len(new)],
        known=[(moment, old) for moment, (_, old) in split if len(old)],
        timers=[record for asked, found in judged for record in asked.records(found, as_of)],
        mark=replace(
            mark,
            looked_at=as_of,
            arrived_at=max(mark.arrived_at, arrived),
            run_at=run_at,
            orphans=fresh.orphans,
            seeded={moment.name: repr(moment.pattern) for moment in moments if moment.pattern.seed_span is not None},
        ),
        count=fresh.count,
        hashes=frozenset(fresh.hashes.tolist()),
    )


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What must be read for a moment.

    Args:
        leads: Whose rows.
        since: Microseconds; what became complete before is no news.
        turned: What became of its timers; None where it has none.
    """

    moment: Moment
    leads: Sequence[str]
    since: int
    turned: Turned | None = None

    def records(self, found: pd.DataFrame, now: datetime) -> list[TimerRecord]:
        """All timers of the moment that are others than before."""
        if self.turned is None:
            return []
        passed = ended(self.moment.pattern, self.turned.passed, found, per_user=per_user(self.moment))
        over = passed.set_index(["lead_id", "key"]).index
        changed = self.turned.changed
        changed = changed[~changed.set_index(["lead_id", "key"]).index.isin(over)]
        return [_record(self.moment.name, row, now) for part in (changed, passed) for row in part.to_dict("records")]


class _Look:
    """The parts of one look."""

    def __init__(
        self, watching: Watching, remembered: Remembered, fresh: Fresh, mark: Mark, run_at: datetime, as_of: datetime
    ) -> None:
        self._watching, self._remembered, self._fresh = watching, remembered, fresh
        self._mark, self._run_at, self._as_of = mark, run_at, as_of

    # --- whom to look at ---

    def asked(self, moment: Moment) -> _Asked:
        """Whom to look at for a moment."""
        pattern = moment.pattern
        if pattern.timed:
            return self._asked_timed(moment)
        rows = self._fresh.of(moment)
        if pattern.state:
            return _Asked(moment=moment, leads=_leads(rows), since=to_micros(self._as_of) - 1)
        if isinstance(pattern, First):
            rows = rows[~self._seen_first(moment.name, pattern, rows)]
        return _Asked(moment=moment, leads=_leads(rows), since=self._earliest(rows))

    def _seen_first(self, name: str, pattern: First, rows: pd.DataFrame) -> "pd.Series[bool]":
        keys = list(zip([name] * len(rows), rows["lead_id"].astype(str), pattern.keys(rows), strict=True))
        known = self._remembered.known_occurrences(set(keys)) if keys else set()
        return pd.Series([key in known for key in keys], index=rows.index, dtype=bool)

    def _asked_timed(self, moment: Moment) -> _Asked:
        rows = self._rows_for_timers(moment)
        stored = self._stored_timers(moment, rows)
        turn = turned(moment.pattern, rows, stored, seeds=self._seeds(moment), as_of=to_micros(self._as_of))
        passed = pd.concat([turn.passed, turn.overtaken])
        passed = passed if moment.pattern.fires else passed.iloc[:0]
        since = min([*passed["due_at"].astype(int), self._earliest(turn.needed)])
        return _Asked(moment=moment, leads=sorted({*_leads(turn.needed), *_leads(passed)}), since=since, turned=turn)

    def _rows_for_timers(self, moment: Moment) -> PatternRows | None:
        since = to_micros(self._mark.looked_at)
        if not moment.pattern.state:
            return self._watching.rows(self._fresh.of(moment), since=since, as_of=self._as_of)
        # Its table tells no arrivals: it is looked at once after each run of the main job.
        if self._mark.run_at == self._run_at:
            return None
        since = min(since, to_micros(self._run_at))
        every = self._watching.subscriptions(None)
        return self._watching.rows(self._watching.no_rows(), since=since, as_of=self._as_of, subscriptions=every)

    def _stored_timers(self, moment: Moment, rows: PatternRows | None) -> pd.DataFrame:
        whole = rows is not None and bool(moment.pattern.state)
        waiting = self._remembered.waiting_timers([moment.name], due_before=None if whole else self._as_of)
        table = rows if rows is None else (rows.subscriptions if whole else rows.events)
        leads = [] if table is None else _leads(table)
        parts = [waiting, self._remembered.timers([moment.name], leads)] if leads else [waiting]
        both = pd.concat([part for part in parts if len(part)] or [no_timers()], ignore_index=True)
        return both.drop_duplicates(["lead_id", "key"], ignore_index=True)

    def _seeds(self, moment: Moment) -> pd.DataFrame:
        """Once for each pattern: a timer for everybody who was there shortly before the first look."""
        pattern = moment.pattern
        if pattern.seed_span is None or self._mark.seeded.get(moment.name) == repr(pattern):
            return timer_frame()
        end = self._mark.looked_at
        start = end - timedelta(microseconds=pattern.seed_span.micros)
        rows = self._watching.latest_of_each(moment, start=start, end=end)
        return pattern.timers(self._watching.rows(rows, since=to_micros(start), as_of=self._as_of))

    def _earliest(self, rows: pd.DataFrame) -> int:
        return int(rows["at"].min()) if len(rows) else to_micros(self._as_of)

    # --- what is found ---

    def judged(self, asked: Sequence[_Asked]) -> Iterator[tuple[_Asked, pd.DataFrame]]:
        """What is found for each moment; those that look equally far back are read together."""
        by_span = sorted(asked, key=lambda one: (one.moment.pattern.span.seconds, bool(one.moment.pattern.state)))
        for _, together in groupby(by_span, key=lambda one: one.moment.pattern.span.seconds):
            part = list(together)
            events = self._read([one for one in part if one.leads])
            for one in part:
                yield one, self._find(one, events.get(one.moment.name))

    def _read(self, asked: Sequence[_Asked]) -> Mapping[str, pd.DataFrame]:
        reading = [one for one in asked if one.moment.pattern.event_filter is not None]
        if not reading:
            return {}
        first = min(one.since for one in reading) - reading[0].moment.pattern.span.micros
        leads = sorted({lead_id for one in reading for lead_id in one.leads})
        moments = [one.moment for one in reading]
        return self._watching.rows_of(moments, leads, start=from_micros(first), as_of=self._as_of)

    def _find(self, one: _Asked, events: pd.DataFrame | None) -> pd.DataFrame:
        if not one.leads:
            return none_found()
        pattern, watching = one.moment.pattern, self._watching
        own = watching.no_rows() if events is None else events[among(events["lead_id"], one.leads)]
        rows = watching.rows(
            own.reset_index(drop=True),
            # A first time long ago is found too, so that it is known and not looked for again.
            since=0 if pattern.asks_first else one.since,
            as_of=self._as_of,
            firsts=watching.first_of_each(one.moment, one.leads, as_of=self._as_of) if pattern.asks_first else None,
            allowances=watching.allowances(one.leads) if pattern.state == "allowances" else None,
            subscriptions=watching.subscriptions(one.leads) if pattern.state == "subscriptions" else None,
        )
        return pattern.find(rows)

    def split(self, one: _Asked, found: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """What is new of the occurrences, and what is only to be remembered."""
        name = one.moment.name
        keys = list(zip([name] * len(found), found["lead_id"], found["key"], strict=True))
        known = self._remembered.known_occurrences(set(keys))
        new = found[[key not in known for key in keys]]
        if not len(new):
            return new, new
        old = (new["at"] < one.since).to_numpy(dtype=bool) | self._moved(one, found, new)
        return new[~old].reset_index(drop=True), new[old].reset_index(drop=True)

    def _moved(self, one: _Asked, found: pd.DataFrame, new: pd.DataFrame) -> BoolArray:
        since = from_micros(one.since)
        stored = self._remembered.occurrences([one.moment.name], sorted({*new["lead_id"]}), since)
        there = pd.MultiIndex.from_frame(found[["lead_id", "key"]].astype(str))
        gone = stored[~pd.MultiIndex.from_frame(stored[["lead_id", "key"]].astype(str)).isin(there)]
        by = ["lead_id", "user_id"] if per_user(one.moment) else ["lead_id"]
        by += ["feature"] if isinstance(one.moment.pattern, Stuck) else []
        return moved_back(new, gone, by=by, within=one.moment.pattern.span.micros)


def per_user(moment: Moment) -> bool:
    """Whether each user is looked at alone."""
    return getattr(moment.pattern, "per", "lead") == "user"


def _leads(rows: pd.DataFrame) -> list[str]:
    return sorted(rows["lead_id"].astype(str).unique()) if len(rows) else []


def _record(moment: str, row: Mapping[Any, Any], now: datetime) -> TimerRecord:
    status = TimerStatus(row["status"])
    return TimerRecord(
        moment=moment,
        lead_id=str(row["lead_id"]),
        key=str(row["key"]),
        set_at=from_micros(row["set_at"]),
        due_at=from_micros(row["due_at"]),
        status=status,
        ended_at=None if status is TimerStatus.WAITING else now,
        user_id=_text(row["user_id"]),
        feature=_text(row["feature"]),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
