"""The watch without databases: rows in a frame that arrive one by one, and what is remembered in dictionaries."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from pql.config.settings import WatchSettings
from pql.domain.calendar import Calendar, from_micros, to_micros
from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.moments import Moment, Urgency
from pql.domain.partials import Level
from pql.domain.patterns import Pattern, PatternRows
from pql.domain.patterns.timing import no_timers
from pql.jobs.looking import Mark, Seen, look
from pql.store.records import TimerRecord
from pql.warehouse.watching import Fresh, Watching

ZERO = from_micros(1_770_000_000_000_000)
COLUMNS = ["lead_id", "user_id", "at", "event", "feature"]


def moment(pattern: Pattern, name: str = "it") -> Moment:
    return Moment(name=name, title="It", why="It helps.", pattern=pattern, urgency=Urgency.NOW, play="Help.")


class FrameWatching(Watching):
    """The rows of a frame: `COLUMNS` and `arrived`, of which those before `until` have arrived."""

    def __init__(self, rows: pd.DataFrame, moments: Sequence[Moment], *, until: int) -> None:
        self._calendar, self._lead, self._moments = Calendar(ZoneInfo("UTC")), Level.ACCOUNT, moments
        self._frame = rows[rows["arrived"] < until].assign(account_id=rows["lead_id"])

    @property
    def by_arrival(self) -> bool:
        return True

    def fresh(self, *, since: datetime, oldest: datetime, as_of: datetime) -> Fresh:
        new = self._between(oldest, as_of)
        new = new[new["arrived"] >= to_micros(since)].drop_duplicates("id")
        passes = {f"passes.{m.name}": (m.pattern.event_filter or Where()).holds(new) for m in self._moments}
        newest = from_micros(new["arrived"].max()) if len(new) else None
        hashes = new["id"].to_numpy().astype(np.uint64)
        return Fresh(rows=new.assign(**passes), newest=newest, count=len(new), hashes=hashes)

    def rows_of(
        self, moments: Sequence[Moment], leads: Sequence[str], *, start: datetime, as_of: datetime
    ) -> Mapping[str, pd.DataFrame]:
        rows = self._between(start, as_of).drop_duplicates("id")
        rows = rows[rows["lead_id"].isin(list(leads))]
        filters = {m.name: m.pattern.event_filter or Where() for m in moments}
        return {name: rows[where.holds(rows)].reset_index(drop=True) for name, where in filters.items()}

    def latest_of_each(self, moment: Moment, *, start: datetime, end: datetime) -> pd.DataFrame:
        rows = self._between(start, end)
        rows = rows[(moment.pattern.event_filter or Where()).holds(rows)]
        return rows.groupby(["lead_id", "user_id"])["at"].max().reset_index()

    def first_of_each(self, moment: Moment, leads: Sequence[str], *, as_of: datetime) -> pd.DataFrame:
        rows = self._between(from_micros(0), as_of)
        rows = rows[(moment.pattern.event_filter or Where()).holds(rows) & rows["lead_id"].isin(list(leads))]
        firsts = rows.groupby(["lead_id", "user_id"])["at"].min().rename("first_at")
        return firsts.reset_index()

    def _between(self, start: datetime, end: datetime) -> pd.DataFrame:
        at = self._frame["at"]
        return self._frame[(at >= to_micros(start)) & (at < to_micros(end))]


@dataclass
class InMemory:
    """What is remembered, and how often each occurrence was found."""

    keys: dict[tuple[str, str, str], Mapping[str, object]] = field(default_factory=dict)
    kept: dict[tuple[str, str, str], TimerRecord] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)

    def known_occurrences(self, keys: Collection[tuple[str, str, str]]) -> set[tuple[str, str, str]]:
        return {key for key in keys if key in self.keys}

    def occurrences(self, moments: Collection[str], lead_ids: Collection[str], since: datetime) -> pd.DataFrame:
        rows = [
            {**row, "moment": name}
            for (name, lead_id, _), row in self.keys.items()
            if name in moments and lead_id in lead_ids and int(str(row["at"])) >= to_micros(since)
        ]
        return pd.DataFrame(rows, columns=["moment", "lead_id", "key", "at", "user_id", "feature"])

    def timers(self, moments: Collection[str], lead_ids: Collection[str]) -> pd.DataFrame:
        return self._timers(lambda timer: timer.moment in moments and timer.lead_id in lead_ids)

    def waiting_timers(self, moments: Collection[str], *, due_before: datetime | None = None) -> pd.DataFrame:
        return self._timers(
            lambda timer: (
                timer.moment in moments
                and timer.status.value == "waiting"
                and (due_before is None or timer.due_at < due_before)
            )
        )

    def _timers(self, wanted: object) -> pd.DataFrame:
        assert callable(wanted)
        rows = [
            {
                "lead_id": timer.lead_id,
                "key": timer.key,
                "user_id": timer.user_id or None,
                "set_at": to_micros(timer.set_at),
                "due_at": to_micros(timer.due_at),
                "feature": timer.feature or None,
                "status": timer.status,
            }
            for timer in self.kept.values()
            if wanted(timer)
        ]
        return pd.DataFrame(rows) if rows else no_timers()

    def keep(self, seen: Seen) -> None:
        """Write what a look found."""
        for moment, found in (*seen.found, *seen.known):
            for row in found.to_dict("records"):
                key = (moment.name, str(row["lead_id"]), str(row["key"]))
                assert key not in self.keys
                self.keys[key] = {str(name): value for name, value in row.items()}
        self.told += [
            (str(row["lead_id"]), str(row["key"])) for _, found in seen.found for row in found.to_dict("records")
        ]
        self.kept |= {(timer.moment, timer.lead_id, timer.key): timer for timer in seen.timers}


def framed(rows: Sequence[tuple[str, str, int, str]], arrived: Sequence[int] | None = None) -> pd.DataFrame:
    """Rows of (lead, user, minute, event), and the minute of their arrival: by default when they happened."""
    zero = to_micros(ZERO)
    table = [(lead, user, zero + at * 60_000_000, event, "f") for lead, user, at, event in rows]
    frame = pd.DataFrame(table, columns=COLUMNS).astype({"at": "int64"})
    late = [row[2] for row in rows] if arrived is None else arrived
    arrivals = [zero + at * 60_000_000 for at in late]
    return frame.assign(arrived=arrivals, id=range(len(rows))).astype({"arrived": "int64"})


def at(minute: float) -> datetime:
    return ZERO + timedelta(minutes=minute)


def looked(
    pattern: Pattern, rows: pd.DataFrame, ticks: Sequence[int], *, overlap: int = 5, crash: Collection[int] = ()
) -> InMemory:
    """What is remembered after looks at these minutes; those of `crash` end before anything is written."""
    memory, mark, moments = InMemory(), Mark(looked_at=at(-1), arrived_at=at(-1)), [moment(pattern)]
    settings = WatchSettings(overlap=Duration(overlap * 60), late=Duration.of_days(30))
    known: frozenset[int] = frozenset()
    for tick in sorted(set(ticks)):
        watching = FrameWatching(rows, moments, until=to_micros(at(tick)))
        seen = look(watching, memory, moments, settings, mark=mark, run_at=ZERO, as_of=at(tick), known=known)
        if tick not in crash:
            memory.keep(seen)
            mark, known = seen.mark, seen.hashes
        else:
            known = frozenset()  # it has begun anew
    return memory


def whole(pattern: Pattern, rows: pd.DataFrame, until: int) -> set[tuple[str, str]]:
    """The lead and key of all that one look at every row that has arrived before a minute finds."""
    there = FrameWatching(rows, [moment(pattern)], until=to_micros(at(until)))
    one = moment(pattern)
    leads = sorted(rows["lead_id"].unique())
    given = PatternRows(
        events=there.rows_of([one], leads, start=at(-1), as_of=at(until))["it"],
        allowances=pd.DataFrame(columns=["lead_id", "meter", "allowed", "used", "period"]),
        subscriptions=pd.DataFrame(),
        first_seen=there.first_of_each(one, leads, as_of=at(until)),
        since=0,
        as_of=to_micros(at(until)),
    )
    found = pattern.find(given)
    return set(zip(found["lead_id"], found["key"], strict=True))
