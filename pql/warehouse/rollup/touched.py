"""Which keys a few fresh rows touch: theirs alone are rolled again, in place of whole days.

A day's rows are those that it was rolled from and the fresh ones, if counts and checksums of arrivals add up; then
only the accounts that fresh rows name can have changed. Else the day is rolled as a whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import Calendar, from_micros
from pql.domain.partials import Relation as Happening
from pql.warehouse.days import OLDEST_DAY, inside, rolled_day
from pql.warehouse.engines import Expr
from pql.warehouse.happenings import ID_COLUMNS, Reader
from pql.warehouse.relations import Relation, Rows
from pql.warehouse.slices import total
from pql.warehouse.source import Source


class Overtaken(Exception):
    """Another job rolled a day while we looked."""


# With more keys than this a statement that names them costs what it spares.
MOST_KEYS = 500
# Of a day with a greater share of fresh rows nearly all keys are touched.
MOST_FRESH = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Touched:
    """The keys of some days that are rolled again; of all other days every key is.

    Args:
        orphans: How many fresh rows of each of these days name no account.
        accounts: The accounts.
        users: The users of rows that name no account.
    """

    orphans: Mapping[int, int] = field(default_factory=dict)
    accounts: tuple[str, ...] = ()
    users: tuple[str, ...] = ()

    def of(self, days: Sequence[int]) -> tuple[list[int], list[int]]:
        """Those of some days that are rolled as a whole, and those of which only these keys are."""
        return [day for day in days if day not in self.orphans], [day for day in days if day in self.orphans]

    def keys(self, account: Expr, user: Expr, unnamed: Expr) -> Expr:
        """Whether a row is of one of the keys; `unnamed`: whether it names no account."""
        return sa.or_(account.in_(self.accounts), unnamed & user.in_(self.users))

    def beneath(self, calendar: Calendar, days: Sequence[int]) -> Reader:
        """What the source may leave out before it looks at rows more closely; nothing of what `within` keeps.

        Where instants are compared exactly, it is all that `within` leaves out.
        """
        whole, part = self.of(days)

        def wanted(rows: Rows) -> Expr:
            account = rows.clean("account_id").expr
            user = rows.clean("user_id").expr if rows.relation.has("user_id") else sa.cast(sa.null(), sa.Text)
            named = [sa.and_(_on(rows, calendar, part), self.keys(account, user, account.is_(None)))] if part else []
            return sa.or_(_on(rows, calendar, whole), *named)

        return wanted

    def within(self, day: Expr, days: Sequence[int], key: Expr) -> Expr:
        """Whether a row of some days is rolled again; `key`: what `keys` says of it."""
        whole, part = self.of(days)
        return day.in_(whole) if not part else sa.or_(day.in_(whole), day.in_(part) & key)


WHOLE = Touched()


def _on(rows: Rows, calendar: Calendar, days: Sequence[int]) -> Expr:
    """Whether a row occurred on one of some days, as near as the bare column tells."""
    within, occurred = rows.relation.engine.within, rows.column("occurred_at")
    spans = [(calendar.start_of(first), calendar.start_of(last + 1)) for first, last in _runs(days)]
    return sa.or_(sa.false(), *(sa.and_(sa.true(), *within(occurred, *span)) for span in spans))


def _runs(days: Sequence[int]) -> list[tuple[int, int]]:
    """The first and last of each run of days."""
    runs: list[tuple[int, int]] = []
    for day in sorted(days):
        runs = [*runs[:-1], (runs[-1][0], day)] if runs and runs[-1][1] == day - 1 else [*runs, (day, day)]
    return runs


def figure(frame: pd.DataFrame, day: int, name: str) -> int:
    """A whole number of a day."""
    return int(str(frame.at[day, name]))


@dataclass(frozen=True, kw_only=True)
class Finder:
    """Looks for the fresh rows of days that were rolled before.

    Args:
        relation: Its rows tell when they arrived.
        found: What there is of each day, as `survey_days`.
        known: The same of the rolled days, with `until`.
        end: No row at or after it counts.
    """

    source: Source
    relation: Relation
    happening: Happening
    calendar: Calendar
    found: pd.DataFrame
    known: pd.DataFrame
    end: datetime

    def find(self, days: Sequence[int]) -> Touched:
        """Of the days that changed, those of which few keys did."""
        grown = [day for day in days if self._grew_a_little(day)]
        if not grown:
            return WHOLE
        fresh = self.source.fetch(self._counted(grown), self.relation.file.path)
        if len(fresh) > MOST_KEYS * len(grown):
            return WHOLE
        sums = fresh.groupby("day")[["n", "mark"]].sum().reindex(grown, fill_value=0).astype("int64")
        explained = [day for day in grown if self._explains(day, sums)]
        own = fresh[fresh["day"].isin(explained)]
        keys = self._with_twins(own[["account_id", "user_id"]], explained)
        if not explained or len(keys) > MOST_KEYS:
            return WHOLE
        unnamed = own[own["account_id"].isna()].groupby("day")["n"].sum()
        return Touched(
            orphans={day: int(unnamed.get(day, 0)) for day in explained},
            accounts=tuple(sorted(set(keys["account_id"].dropna()))),
            users=tuple(sorted(set(keys.loc[keys["account_id"].isna(), "user_id"].dropna()))),
        )

    def _grew_a_little(self, day: int) -> bool:
        there = day > OLDEST_DAY and day in self.found.index and day in self.known.index
        if not there or not figure(self.known, day, "newest"):
            return False
        now, before = (figure(frame, day, "row_count") for frame in (self.found, self.known))
        return 0 < now - before <= MOST_FRESH * now

    def _explains(self, day: int, sums: pd.DataFrame) -> bool:
        pairs = (("row_count", "n"), ("mark", "mark"))
        return all(
            figure(self.found, day, kept) == figure(self.known, day, kept) + figure(sums, day, new)
            for kept, new in pairs
        )

    def _counted(self, days: Sequence[int]) -> sa.Select[Any]:
        """The fresh rows of each day and key: how many, and the checksum of their arrivals."""
        rows = self._rows(days)
        arrived, at = rows.column("ingested_at"), self.source.engine.micros(rows.column("occurred_at"))
        user = rows.clean("user_id").expr if self.relation.has("user_id") else sa.cast(sa.null(), sa.Text)
        labelled = [
            rolled_day(self.source.engine, self.calendar, at, *self._bounds(days)).label("day"),
            rows.clean("account_id").expr.label("account_id"),
            user.label("user_id"),
            self.source.engine.mark(arrived).label("mark"),
        ]
        each = sa.select(*labelled).where(*self._fresh(rows, days)).subquery()
        unnamed = sa.case((each.c.account_id.is_(None), each.c.user_id)).label("user_id")
        keyed = sa.select(each.c.day, each.c.account_id, unnamed, each.c.mark).subquery()
        key = (keyed.c.day, keyed.c.account_id, keyed.c.user_id)
        select = sa.select(*key, sa.func.count().label("n"), total(keyed.c.mark).label("mark")).group_by(*key)
        return select.limit(MOST_KEYS * len(days) + 1)

    def _with_twins(self, keys: pd.DataFrame, days: Sequence[int]) -> pd.DataFrame:
        """The keys, and those of rows that share an id with a fresh row: another of them may count now."""
        row_id = ID_COLUMNS[self.happening]
        if not days or not self.relation.has(row_id):
            return keys.drop_duplicates()
        rows, others = self._rows(days), self._rows(days)
        fresh = sa.select(rows.clean(row_id).expr).where(*self._fresh(rows, days))
        user = others.clean("user_id").expr if self.relation.has("user_id") else sa.cast(sa.null(), sa.Text)
        named = [others.clean("account_id").expr.label("account_id"), user.label("user_id")]
        within = self.source.engine.within(others.column("occurred_at"), *self._bounds(days))
        select = sa.select(*named).where(*within, others.clean(row_id).expr.in_(fresh)).distinct()
        twins = self.source.fetch(select.limit(MOST_KEYS + 1), self.relation.file.path)
        return pd.concat([keys, twins]).drop_duplicates()

    def _bounds(self, days: Sequence[int]) -> tuple[datetime, datetime]:
        return self.calendar.start_of(min(days)), min(self.end, self.calendar.start_of(max(days) + 1))

    def _rows(self, days: Sequence[int]) -> Rows:
        start, end = self._bounds(days)
        return self.relation.rows(start=start, end=end)

    def _fresh(self, rows: Rows, days: Sequence[int]) -> Sequence[Expr]:
        """Which rows arrived since each day was rolled, or lie beyond what was rolled of it."""
        engine, (start, end) = self.source.engine, self._bounds(days)
        occurred, arrived = rows.column("occurred_at"), rows.column("ingested_at")
        at = engine.micros(occurred)
        parts, oldest = [], min(from_micros(figure(self.known, day, "newest")) for day in days)
        closed = True
        for day in days:
            bounds = self.calendar.start_of(day), min(self.end, self.calendar.start_of(day + 1))
            until = from_micros(figure(self.known, day, "until"))
            came = engine.micros(arrived) > figure(self.known, day, "newest")
            if until < bounds[1]:
                closed, came = False, sa.or_(came, *inside(at, until, bounds[1])[1:])
            parts.append(sa.and_(*engine.within(occurred, *bounds), *inside(at, *bounds), came))
        since = engine.not_before(arrived, oldest) if closed else []
        return [*engine.within(occurred, start, end), *since, sa.or_(*parts)]


def arrived_days(
    source: Source, relation: Relation, calendar: Calendar, *, start: datetime, end: datetime, since: datetime
) -> list[int]:
    """The days of [start, end) of which rows arrived at or after an instant; all of them where nothing tells."""
    engine, rows = source.engine, relation.rows(start=start, end=end)
    arrived, occurred = rows.column("ingested_at"), rows.column("occurred_at")
    came = engine.not_before(arrived, since)
    if not came:
        return list(range(calendar.day_of(start), calendar.last_day_before(end) + 1))
    at = engine.micros(occurred)
    inner = sa.select(at.label("at_micros")).where(*engine.within(occurred, start, end), *came).subquery()
    day = rolled_day(engine, calendar, inner.c.at_micros, start, end).label("day")
    dated = sa.select(day).where(*inside(inner.c.at_micros, start, end)).distinct()
    return sorted(int(day) for day in source.fetch(dated, relation.file.path)["day"])
