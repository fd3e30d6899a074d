"""The rows that count of a relation whose rows happen at an instant: events and touches.

A row counts when its instant can be read, lies before the newest instant asked for, and its account is known from
the row itself or through its user. Of the rows of one calendar day that share an id the earliest counts: so a day can
be counted without the others.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from pql.domain.calendar import Calendar
from pql.domain.partials import Relation as Happening
from pql.warehouse.days import day_number, inside
from pql.warehouse.engines import Engine, Expr, Kind
from pql.warehouse.relations import Relation, Rows, prepared
from pql.warehouse.source import Source

ID_COLUMNS = {Happening.EVENTS: "event_id", Happening.TOUCHES: "touch_id"}
Reader: TypeAlias = Callable[[Rows], Expr]

_UNORDERED = (Kind.JSON, Kind.NESTED)


def one_a_key(
    rows: Rows, key: str, columns: Mapping[str, Expr], first: Sequence[Expr] = (), wanted: Sequence[Expr] = ()
) -> Any:
    """A relation with one row for each id, whatever the order of rows; rows without an id are left out.

    Args:
        key: The id's column.
        columns: What is wanted of the row.
        first: The row that is least in these stays; then the least in all columns as text.
        wanted: What must hold of a row to be looked at.
    """
    engine = rows.relation.engine
    id_text = rows.clean(key).expr
    order = [*(part for expr in first for part in (expr.is_(None), expr)), *tie_order(engine, rows)]
    number = sa.func.row_number().over(partition_by=id_text, order_by=order)
    labelled = [expr.label(name) for name, expr in columns.items()]
    numbered = sa.select(id_text.label(key), *labelled, number.label("pql_number"))
    numbered = numbered.where(id_text.is_not(None), *wanted)
    inner = numbered.subquery()
    return sa.select(*(inner.c[name] for name in (key, *columns))).where(inner.c.pql_number == 1)


def tie_order(engine: Engine, rows: Rows) -> list[Expr]:
    """An order that no two different rows share, but for columns that hold documents."""
    kinds = rows.relation.kinds
    texts = [engine.text(rows.column(name)) for name in sorted(kinds) if kinds[name] not in _UNORDERED]
    return [part for text in texts for part in (text.is_(None), engine.ordered(text))]


class _Raw(sa.types.UserDefinedType[Any]):
    """A type as the source writes it."""

    cache_ok = True

    def __init__(self, written: str) -> None:
        self.written = written

    def get_col_spec(self, **_options: object) -> str:
        return self.written


@dataclass(frozen=True, slots=True)
class Survey:
    """What is found out about a relation before its rows are read.

    Args:
        twice: A table of the ids that occur more than once a day; None: there are none.
        kept: The rows with these ids that count, one an id and day: a table with the relation's own columns.
        orphans: Whether some rows lack an account and name a user.
        repeats: How many rows repeat an id.
    """

    twice: Any
    kept: Any
    orphans: bool
    repeats: int


@dataclass(frozen=True, slots=True)
class Surveyor:
    """Looks for ids that occur twice on a day, and for rows that must be attributed through users.

    Args:
        start: Only rows from here on are looked at; None: from the first.
        end: Exclusive; None: to the last.
    """

    source: Source
    relation: Relation
    happening: Happening
    calendar: Calendar
    start: datetime | None = None
    end: datetime | None = None

    def survey(self, *, orphans: bool = True) -> Survey:
        """What there is; `orphans`: whether to look for rows that lack an account."""
        path = self.relation.file.path
        rows, wanted = self._rows(), orphans
        orphans = False
        if wanted and self.relation.has("user_id"):
            lost = rows.clean("account_id").expr.is_(None) & rows.clean("user_id").expr.is_not(None)
            found = sa.select(sa.literal(1).label("found")).where(lost, *self._within(rows)).limit(1)
            orphans = not self.source.fetch(found, path).empty
        twice, repeats = self._twice()
        if not repeats:
            return Survey(None, None, orphans, 0)
        return Survey(twice, self._kept(twice), orphans, repeats)

    def repeats(self) -> int:
        """How many rows repeat an id; replaces the tables of a survey of the same relation."""
        return self._twice()[1]

    @property
    def _id_column(self) -> str:
        return ID_COLUMNS[self.happening]

    def _rows(self) -> Rows:
        return self.relation.rows(start=self.start, **({} if self.end is None else {"end": self.end}))

    def _within(self, rows: Rows) -> Sequence[Expr]:
        engine = self.relation.engine
        return [] if self.end is None else engine.within(rows.column("occurred_at"), self.start, self.end)

    def _inside(self, at: Expr) -> Sequence[Expr]:
        """What `_within` lets through beside them does not count: its days may be numbered by another offset."""
        return [] if self.end is None else inside(at, self.start, self.end)

    def _day(self, at: Expr) -> Expr:
        return day_number(self.relation.engine, self.calendar, at, self.start, self.end)

    def _twice(self) -> tuple[Any, int]:
        """The ids that occur more than once a day, and how many rows are too many."""
        if not self.relation.has(self._id_column):
            return None, 0
        select, path = self._ids_twice(), self.relation.file.path
        name = f"pql_twice_{self.relation.name}"
        columns: list[sa.Column[Any]] = [sa.Column(self._id_column, sa.Text), sa.Column("n", sa.BigInteger)]
        table = self.source.fill(name, columns, select, path)
        twice: Any = select.subquery(name) if table is None else table
        repeats = sa.cast(sa.func.coalesce(sa.func.sum(twice.c.n - 1), 0), sa.BigInteger)
        counted = self.source.fetch(sa.select(repeats.label("repeats")), path)
        return twice, int(counted["repeats"].iloc[0])

    def _ids_twice(self) -> sa.Select[Any]:
        engine, rows = self.relation.engine, self._rows()
        at = engine.micros(rows.column("occurred_at"))
        labelled = [rows.clean(self._id_column).expr.label("id"), at.label("at_micros")]
        ids = sa.select(*labelled).where(*self._within(rows)).subquery()
        id_text, many = ids.c.id, sa.func.count()
        select = sa.select(id_text.label(self._id_column), many.label("n"))
        select = select.where(id_text.is_not(None), *self._inside(ids.c.at_micros))
        select = select.group_by(id_text, self._day(ids.c.at_micros)).having(many > 1)
        hashed = engine.hashed(id_text)
        if hashed is id_text:
            return select
        # Numbers group in a fraction of the memory of texts; the few that meet are then compared as texts.
        met = sa.select(hashed).where(id_text.is_not(None)).group_by(hashed).having(sa.func.count() > 1)
        return select.where(hashed.in_(met))

    def _kept(self, twice: Any) -> Any:
        """Of the rows with one id on one day the one that counts: the earliest that names an account or a user."""
        rows, engine = self._rows(), self.relation.engine
        id_text, at = rows.clean(self._id_column).expr, engine.micros(rows.column("occurred_at"))
        named = [rows.clean(name).expr.is_not(None) for name in ("account_id", "user_id") if self.relation.has(name)]
        # A CASE, since what is asked of a null is null, and engines put nulls at different ends.
        unknown = sa.case(*((known, sa.literal_column("0")) for known in named), else_=sa.literal_column("1"))
        number = sa.func.row_number().over(
            partition_by=[id_text, self._day(at)], order_by=[at.is_(None), unknown, at, *tie_order(engine, rows)]
        )
        columns = list(rows.subquery.c)
        doubled = sa.select(*columns, number.label("pql_number")).where(
            id_text.in_(sa.select(twice.c[self._id_column])), *self._within(rows), *self._inside(at)
        )
        numbered = doubled.subquery()
        select = sa.select(*(numbered.c[column.name] for column in columns)).where(numbered.c.pql_number == 1)
        types = [_Raw(self.relation.types[name]) for name in self.relation.names]
        named_columns = [
            sa.Column(quoted_name(spelled, quote=True), kind)
            for spelled, kind in zip(self.relation.names.values(), types, strict=True)
        ]
        name = f"pql_kept_{self.relation.name}"
        table = self.source.fill(name, named_columns, select, self.relation.file.path)
        return select.subquery(name) if table is None else table


@dataclass(frozen=True, slots=True)
class Usable:
    """The rows that count, as SQL.

    Args:
        users: The relation through which rows without an account find theirs; None without one.
        survey: What was found out about the relation.
        accounts: Only rows of these accounts; None: all.
    """

    relation: Relation
    happening: Happening
    users: Relation | None
    survey: Survey
    accounts: Sequence[str] | None = None

    def select(
        self,
        readers: Mapping[str, Reader],
        *,
        start: datetime | None,
        end: datetime,
        where: Reader | None = None,
        attributed: bool = True,
        folded: Iterable[str] | None = None,
    ) -> sa.Select[Any]:
        """The rows of [start, end).

        Args:
            readers: Further columns by label, each made from the relation's own columns.
            start: None: from the first row on.
            end: Exclusive.
            where: A filter that rows must pass.
            attributed: Whether rows without an account get that of their user (those without either are left out);
                else all rows that name an account or a user, with `account_id` as they say it.
            folded: Where all rows are read and much is asked of each: the columns whose texts the readers compare.

        Returns:
            A SELECT of `account_id`, `user_id` (text), `at_micros`, the further columns and, where some rows get
            their user's account, `orphan`: whether this one did.
        """
        rows, engine = self._once(self.relation.rows(start=start, end=end)), self.relation.engine
        within = engine.within(rows.column("occurred_at"), start, end)
        passing = within if where is None else [*within, where(rows)]
        if folded is not None:
            rows, passing = prepared(rows, folded, passing), []
        user_id = rows.clean("user_id").expr if self.relation.has("user_id") else sa.cast(sa.null(), sa.Text)
        columns = {
            "account_id": rows.clean("account_id").expr,
            "user_id": user_id,
            "at_micros": engine.micros(rows.column("occurred_at")) if folded is None else rows.clean("at_micros").expr,
            **{label: reader(rows) for label, reader in readers.items()},
        }
        cleaned = sa.select(*(expr.label(label) for label, expr in columns.items()))
        cleaned = cleaned.where(*passing)
        inner = cleaned.subquery()
        found = (self._attributed(inner) if attributed else _named(inner)).subquery()
        # To ask once more lets a database believe that hardly any row is left.
        again = [] if self.relation.exact else inside(found.c.at_micros, start, end)
        return sa.select(*found.c).where(*again)

    def _once(self, rows: Rows) -> Rows:
        """The rows with each id once."""
        if self.survey.twice is None:
            return rows
        id_column = ID_COLUMNS[self.happening]
        id_text = rows.clean(id_column).expr
        doubled = id_text.in_(sa.select(self.survey.twice.c[id_column]))
        plain = sa.select(*rows.subquery.c).where(id_text.is_(None) | sa.not_(doubled))
        union = sa.union_all(plain, sa.select(*self.survey.kept.c))
        return Rows(self.relation, union.subquery(f"pql_{self.relation.name}_once"))

    def _attributed(self, inner: Any) -> sa.Select[Any]:
        account: Expr = inner.c.account_id
        select = sa.select()
        if self.survey.orphans and self.users is not None:
            rows = self.users.rows()
            members = one_a_key(rows, "user_id", {"account_id": rows.clean("account_id").expr}).subquery()
            joined = inner.outerjoin(members, inner.c.account_id.is_(None) & (members.c.user_id == inner.c.user_id))
            select, account = select.select_from(joined), sa.func.coalesce(inner.c.account_id, members.c.account_id)
            select = select.add_columns(inner.c.account_id.is_(None).label("orphan"))
        others = [column for column in inner.c if column.name != "account_id"]
        select = select.add_columns(account.label("account_id"), *others)
        select = select.where(inner.c.at_micros.is_not(None), account.is_not(None))
        return select if self.accounts is None else select.where(account.in_(self.accounts))


def _named(inner: Any) -> sa.Select[Any]:
    named = inner.c.account_id.is_not(None) | inner.c.user_id.is_not(None)
    return sa.select(*inner.c).where(inner.c.at_micros.is_not(None), named)
