"""What has just arrived: fresh rows, and of the leads that they touch the rows that their moments look back on.

No relation is read as a whole: fresh rows are bounded by their arrival (`ingested_at`, else `occurred_at`), all others
by the leads that are asked for and by the pattern's span.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import DAY_MICROS, Calendar, from_micros, to_micros
from pql.domain.conditions import Where
from pql.domain.measures import Measure
from pql.domain.moments import Moment
from pql.domain.partials import Level
from pql.domain.partials import Relation as Happening
from pql.domain.patterns import PatternRows
from pql.domain.texts import among
from pql.warehouse import inputs as own
from pql.warehouse import leads as known
from pql.warehouse.days import whole
from pql.warehouse.engines import Expr, Kind
from pql.warehouse.happenings import ID_COLUMNS, Reader, Survey, Usable, one_a_key
from pql.warehouse.members import Members
from pql.warehouse.recent import LATEST_COLUMNS, latest_rows, value_reader, where_reader
from pql.warehouse.relations import Relations, Rows
from pql.warehouse.source import Source

# More than these are not named in a statement: the rows of all are read, and those of others dropped.
MOST_NAMED = 2_000
_PASSES = "passes."
_ID = ID_COLUMNS[Happening.EVENTS]


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """What has arrived.

    Args:
        rows: `lead_id`, `account_id`, `user_id`, `at` and what the moments read; one boolean column for each moment.
        newest: When the newest of all rows arrived; None: none did.
        count: How many rows arrived, whether a moment asks for them or not.
        orphans: Whether one of them names a user and no account.
        hashes: For each of `rows` a number that no other has, the same in every look.
    """

    rows: pd.DataFrame
    newest: datetime | None
    count: int
    orphans: bool = False
    hashes: npt.NDArray[np.uint64] = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))

    def without(self, seen: Collection[int]) -> "Fresh":
        """Those that were not seen before."""
        if not seen:
            return self
        new = ~np.isin(self.hashes, np.fromiter(seen, dtype=np.uint64, count=len(seen)))
        return replace(self, rows=self.rows[new].reset_index(drop=True), hashes=self.hashes[new])

    def of(self, moment: Moment) -> pd.DataFrame:
        """The rows that this moment's filter lets pass."""
        return self.rows[self.rows[f"{_PASSES}{moment.name}"].to_numpy(dtype=bool)].reset_index(drop=True)


class Watching:
    """The rows of moments for one look.

    Args:
        members: Who belongs to whom; asked only where leads are not accounts.
        orphans: Whether rows that name a user and no account were ever seen. They are looked for only then: no index
            finds them.
        converts: The statuses of subscriptions that mean that a lead pays.
    """

    def __init__(
        self,
        source: Source,
        relations: Relations,
        calendar: Calendar,
        lead: Level,
        moments: Sequence[Moment],
        members: Callable[[], Members],
        *,
        orphans: bool = False,
        converts: Sequence[str] = (),
    ) -> None:
        self._converts = converts
        self._source, self._relations, self._calendar, self._lead = source, relations, calendar, lead
        self._moments = moments
        self._members = members
        self._events = relations.needed("events")
        users = relations.get("users") if self._events.has("user_id") else None
        self._orphans = orphans and users is not None
        self._users = users
        self._written: dict[str, set[str]] = {}

    @property
    def _usable(self) -> Usable:
        survey = Survey(None, None, orphans=self._orphans, repeats=0)
        return Usable(self._events, Happening.EVENTS, self._users, survey)

    @property
    def by_arrival(self) -> bool:
        """Whether rows tell when they arrived."""
        return self._events.has("ingested_at")

    # --- what is new ---

    def fresh(self, *, since: datetime, oldest: datetime, as_of: datetime) -> Fresh:
        """The rows that arrived (or, where they do not tell, happened) since an instant.

        Args:
            since: By their arrival.
            oldest: Rows that happened before are left out, whenever they arrived.
            as_of: Rows from it on are left out.
        """
        start = oldest if self.by_arrival else since
        arrived = self._arrived(since)
        count, newest, lost = self._newest(arrived, start, as_of)
        self._orphans = self._orphans or (lost > 0 and self._users is not None)
        filters = {m.name: where for m in self._moments if (where := _touching(m)) is not None}
        if not count or not filters:
            empty = {name: pd.Series(dtype=bool) for name in (f"{_PASSES}{name}" for name in filters)}
            none = _empty(self._names(self._moments)).assign(**empty)
            return Fresh(rows=none, newest=newest, count=count, orphans=self._orphans)
        rows = self._read(self._moments, filters, arrived, start, as_of)
        self._remember_written(rows)
        return Fresh(rows=rows, newest=newest, count=count, orphans=self._orphans, hashes=_hashes(rows))

    def _remember_written(self, rows: pd.DataFrame) -> None:
        """How the source writes the ids of accounts: so they are looked up, that an index finds them."""
        for account, written in rows[["account_id", "pql_account"]].drop_duplicates().itertuples(index=False):
            self._written.setdefault(str(account), set()).add(str(written))

    def _arrived(self, since: datetime) -> Reader:
        def read(rows: Rows) -> Expr:
            if not self.by_arrival:
                return sa.true()
            engine, column = rows.relation.engine, rows.column("ingested_at")
            return sa.and_(*engine.not_before(column, since), engine.micros(column) >= to_micros(since))

        return read

    def _newest(self, arrived: Reader, start: datetime, as_of: datetime) -> tuple[int, datetime | None, int]:
        column = "ingested_at" if self.by_arrival else "occurred_at"
        reader: Mapping[str, Reader] = {"arrived": lambda rows: rows.relation.engine.micros(rows.column(column))}
        found = self._usable.select(reader, start=start, end=as_of, where=arrived, attributed=False).subquery()
        lost = sa.func.coalesce(
            sa.func.sum(sa.case((found.c.account_id.is_(None), whole(1)), else_=whole(0))), whole(0)
        )
        numbers = {"n": sa.func.count(), "newest": sa.func.max(found.c.arrived), "lost": sa.cast(lost, sa.BigInteger)}
        select = sa.select(*(number.label(name) for name, number in numbers.items()))
        row = self._source.fetch(select, self._events.file.path).iloc[0]
        newest = None if pd.isna(row["newest"]) else from_micros(float(row["newest"]))
        return int(row["n"]), newest, int(row["lost"])

    # --- what leads did before ---

    def rows_of(
        self, moments: Sequence[Moment], leads: Sequence[str], *, start: datetime, as_of: datetime
    ) -> Mapping[str, pd.DataFrame]:
        """The rows of [start, as_of) of these leads that each moment's filter lets pass, by the moment's name."""
        filters = {moment.name: where for moment in moments if (where := moment.pattern.event_filter) is not None}
        rows = self._read(moments, filters, self._of_leads(leads), start, as_of)
        rows = rows[among(rows["lead_id"], leads)]
        return {name: rows[rows[f"{_PASSES}{name}"].to_numpy(dtype=bool)].reset_index(drop=True) for name in filters}

    def latest_of_each(self, moment: Moment, *, start: datetime, end: datetime) -> pd.DataFrame:
        """The latest row of each lead and user in [start, end) that the moment's filter lets pass; of all leads."""
        usable = self._usable
        passing = where_reader(usable, moment.pattern.event_filter or Where())
        found = usable.select({}, start=start, end=end, where=passing).subquery()
        by = (found.c.account_id, found.c.user_id)
        return self._grouped(sa.select(*by, sa.func.max(found.c.at_micros).label("at")).group_by(*by))

    def first_of_each(self, moment: Moment, leads: Sequence[str], *, as_of: datetime) -> pd.DataFrame:
        """The earliest row ever of these leads and their users: `lead_id`, `user_id`, `first_at`."""
        usable = self._usable
        passing, ours = where_reader(usable, moment.pattern.event_filter or Where()), self._of_leads(leads)
        found = usable.select({}, start=None, end=as_of, where=lambda rows: sa.and_(ours(rows), passing(rows)))
        rows = found.subquery()
        by = (rows.c.account_id, rows.c.user_id)
        frame = self._grouped(sa.select(*by, sa.func.min(rows.c.at_micros).label("at")).group_by(*by))
        wanted = frame[among(frame["lead_id"], leads)].rename(columns={"at": "first_at"})
        return wanted[["lead_id", "user_id", "first_at"]].reset_index(drop=True)

    def latest(self, items: Mapping[str, Measure], leads: Sequence[str], as_of: datetime) -> pd.DataFrame:
        """The latest row of these leads behind each signal's measure, as `Warehouse.latest`; of events alone."""
        measures = {
            name: measure
            for name, measure in items.items()
            if (behind := measure.evidence) is not None
            and behind[0].relation is Happening.EVENTS
            and self._events.has_all(behind[0])
        }
        if not measures or not leads:
            return pd.DataFrame(columns=list(LATEST_COLUMNS))
        return latest_rows(
            self._source,
            self._usable,
            measures,
            pairs=self._pairs(leads),
            lead=self._lead,
            calendar=self._calendar,
            as_of=as_of,
            only=self._of_leads(leads),
        )

    def _pairs(self, leads: Sequence[str]) -> pd.DataFrame:
        """Which accounts, or for user leads which users, these leads have."""
        if self._lead is Level.COMPANY:
            pairs = self._members().pairs(Level.ACCOUNT, self._lead)
            return pairs[among(pairs["lead_id"], leads)]
        return pd.DataFrame({"key": [*leads], "lead_id": [*leads]}, dtype="str")

    def _grouped(self, select: sa.Select[Any]) -> pd.DataFrame:
        frame = self._source.fetch(select, self._events.file.path)
        return self._with_leads(frame.astype({"account_id": "str", "user_id": "str", "at": np.int64}))

    # --- what stands now ---

    def allowances(self, leads: Sequence[str]) -> pd.DataFrame:
        """The allowances of these leads: `lead_id`, `meter`, `allowed`, `used`, `period`."""
        accounts = self._accounts(leads)
        return self._by_lead(own.allowances(self._source, self._relations, accounts), leads)

    def subscriptions(self, leads: Sequence[str] | None) -> pd.DataFrame:
        """The subscriptions of these leads, or of all."""
        accounts = None if leads is None else self._accounts(leads)
        rows = known.subscriptions(self._source, self._relations, accounts)
        return self._by_lead(known.with_pays(rows, self._converts), leads)

    def people(self, user_ids: Sequence[str]) -> pd.DataFrame:
        """Index `user_id`: `name`, `email` and `role` of these users, null where the source does not tell."""
        relation, names = self._relations.get("users"), ("name", "email", "role")
        if relation is None or not user_ids:
            return pd.DataFrame({name: pd.Series(dtype=object) for name in names})
        rows = relation.rows()
        columns = {
            name: relation.engine.text(rows.column(name)) if relation.has(name) else sa.cast(sa.null(), sa.Text)
            for name in names
        }
        each = one_a_key(rows, "user_id", columns).subquery()
        named = sa.select(*each.c).where(each.c.user_id.in_(sorted(set(user_ids))))
        return self._source.fetch(named, relation.file.path).astype({"user_id": "str"}).set_index("user_id")

    def members(self, leads: Sequence[str]) -> pd.DataFrame:
        """The users of these leads, as the users relation has them: `lead_id`, `user_id`, `name`, `email`, `role`."""
        relation, names = self._relations.get("users"), ("name", "email", "role")
        columns = ["lead_id", "user_id", *names]
        if relation is None or self._lead is Level.USER or not leads:
            return pd.DataFrame(columns=columns)
        rows = relation.rows()
        told = {
            name: relation.engine.text(rows.column(name)) if relation.has(name) else sa.cast(sa.null(), sa.Text)
            for name in names
        }
        keys = {name: rows.clean(name).expr for name in ("account_id", "user_id")}
        select = sa.select(*(expr.label(name) for name, expr in {**keys, **told}.items()))
        found = self._source.fetch(select.where(keys["account_id"].in_(self._accounts(leads))), relation.file.path)
        known = self._by_lead(found.dropna(subset=["account_id", "user_id"]).astype({"account_id": "str"}), leads)
        return known[columns].drop_duplicates(["lead_id", "user_id"], ignore_index=True)

    # --- how rows are read ---

    def rows(
        self,
        events: pd.DataFrame,
        *,
        since: int,
        as_of: datetime,
        firsts: pd.DataFrame | None = None,
        allowances: pd.DataFrame | None = None,
        subscriptions: pd.DataFrame | None = None,
    ) -> PatternRows:
        """What a pattern sees."""
        table = {
            "allowances": (allowances, ("lead_id", "meter", "allowed", "used", "period")),
            "subscriptions": (subscriptions, ("lead_id", "plan", "status", "started_at", "ended_at", "trial_ends_at")),
            "first_seen": (firsts, ("lead_id", "user_id", "first_at")),
        }
        given = {name: pd.DataFrame(columns=list(cols)) if f is None else f for name, (f, cols) in table.items()}
        return PatternRows(events=events, since=since, as_of=to_micros(as_of), calendar=self._calendar, **given)

    def no_rows(self) -> pd.DataFrame:
        """No row of events."""
        return _empty(self._names(self._moments))

    def _names(self, moments: Sequence[Moment]) -> list[str]:
        named = ("event", "feature", *(name for moment in moments for name in moment.pattern.columns))
        return [name for name in dict.fromkeys(named) if name not in ("user_id", "account_id")]

    def _read(
        self, moments: Sequence[Moment], filters: Mapping[str, Where], chosen: Reader, start: datetime, end: datetime
    ) -> pd.DataFrame:
        """The rows of [start, end) that are chosen and pass any filter, with whether they pass each."""
        names, has_id = self._names(moments), self._events.has(_ID)
        passing = {f"{_PASSES}{name}": where_reader(self._usable, where) for name, where in filters.items()}
        passes = {name: _as_number(reader) for name, reader in passing.items()}

        def wanted(rows: Rows) -> Expr:
            return sa.and_(chosen(rows), sa.or_(*(reader(rows) for reader in passing.values())))

        readers = {name: value_reader(name) for name in names if self._events.has(name)} | passes
        readers["pql_account"] = lambda rows: rows.relation.engine.text(rows.column("account_id"))
        if has_id:
            readers["pql_id"] = lambda rows: rows.clean(_ID).expr
        select = self._usable.select(readers, start=start, end=end, where=wanted)
        frame = self._source.fetch(select, self._events.file.path).rename(columns={"at_micros": "at"})
        types: dict[str, Any] = {"account_id": "str", "user_id": "str", "at": np.int64} | dict.fromkeys(passes, bool)
        frame = frame.astype(types)
        once = self._once(frame, start, end) if has_id else frame
        columns = ["lead_id", "account_id", "user_id", "at", *names, *passes, "pql_account", "pql_id"]
        ordered = self._with_leads(once).reindex(columns=columns)
        return ordered.sort_values(["at", "lead_id", "user_id", "event"], kind="stable", ignore_index=True)

    def _once(self, frame: pd.DataFrame, start: datetime, end: datetime) -> pd.DataFrame:
        """Of the rows of one day that share an id the earliest, among those that were read."""
        at, days = frame["at"].to_numpy(), np.zeros(len(frame), dtype=np.int64)
        before = np.iinfo(np.int64).min
        for step in self._calendar.offsets(start, end):
            until = np.iinfo(np.int64).max if step.until is None else step.until
            inside = (at >= before) & (at < until)
            days[inside], before = (at[inside] + step.offset) // DAY_MICROS, until
        told = frame.assign(pql_day=days).sort_values(["pql_id", "at", "account_id", "user_id"], kind="stable")
        return told[told["pql_id"].isna() | ~told.duplicated(["pql_id", "pql_day"])]

    def _of_leads(self, leads: Sequence[str]) -> Reader:
        """Whether a row may be of one of these leads."""
        if len(leads) > MOST_NAMED:
            return lambda _rows: sa.true()
        if self._lead is Level.USER:
            return lambda rows: rows.clean("user_id").expr.in_(sorted(leads))
        accounts = sorted(self._accounts(leads))
        written = sorted({form for account in accounts for form in self._written.get(account, {account})})

        def ours(rows: Rows) -> Expr:
            column, account = rows.column("account_id"), rows.clean("account_id").expr
            named = column.expr.in_(written) if column.kind is Kind.TEXT else account.in_(accounts)
            return named | account.is_(None) if self._orphans else named

        return ours

    def _accounts(self, leads: Sequence[str]) -> list[str]:
        if self._lead is Level.ACCOUNT:
            return [*leads]
        pairs = self._members().pairs(Level.ACCOUNT, self._lead)
        return [*pairs.loc[among(pairs["lead_id"], leads), "key"].unique()]

    def _with_leads(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows with their `lead_id`. An account, or a user, is its own lead, whether a run knows it or not."""
        if self._lead is Level.COMPANY:
            pairs = self._members().pairs(Level.ACCOUNT, Level.COMPANY)
            return frame.merge(pairs, left_on="account_id", right_on="key").drop(columns="key")
        own_id = "user_id" if self._lead is Level.USER else "account_id"
        return frame[frame[own_id].notna()].assign(lead_id=lambda part: part[own_id])

    def _by_lead(self, rows: pd.DataFrame, leads: Sequence[str] | None) -> pd.DataFrame:
        if self._lead is Level.ACCOUNT:
            return rows.rename(columns={"account_id": "lead_id"})
        pairs = self._members().pairs(Level.ACCOUNT, self._lead)
        joined = rows.merge(pairs, left_on="account_id", right_on="key").drop(columns=["account_id", "key"])
        return joined if leads is None else joined[among(joined["lead_id"], leads)]


def _touching(moment: Moment) -> Where | None:
    """The filter for the rows that make a lead worth a look; what stands in a table may have changed with any row."""
    return Where() if moment.pattern.state == "allowances" else moment.pattern.event_filter


def _as_number(reader: Reader) -> Reader:
    """Whether a row passes as 1 or 0, which no engine has of two minds."""
    return lambda rows: sa.case((reader(rows), whole(1)), else_=whole(0))


def _hashes(rows: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """A number for each row; of equal rows without ids the second has another than the first."""
    told = rows.drop(columns=[name for name in rows if str(name).startswith(_PASSES)])
    texts = told.astype(object).where(told.notna(), None).astype(str)
    first = pd.util.hash_pandas_object(texts, index=False)
    again = first.groupby(first).cumcount()
    both = pd.DataFrame({"first": first, "again": again})
    return pd.util.hash_pandas_object(both, index=False).to_numpy().astype(np.uint64)


def _empty(names: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=object) for name in ("lead_id", "account_id", "user_id", "at", *names)})
