"""The rows that count of a relation whose rows happen at an instant: events and touches.

A row counts when its instant can be read, lies before the newest instant asked for, and its account is known from
the row itself or through its user. Of rows with one id the earliest counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from pql.domain.calendar import to_micros
from pql.domain.partials import Relation as Happening
from pql.warehouse.engines import Engine, Expr, Kind
from pql.warehouse.relations import Relation, Rows
from pql.warehouse.source import Source

ID_COLUMNS = {Happening.EVENTS: "event_id", Happening.TOUCHES: "touch_id"}
Reader: TypeAlias = Callable[[Rows], Expr]

_UNORDERED = (Kind.JSON, Kind.NESTED)


def one_a_key(rows: Rows, key: str, columns: Mapping[str, Expr], first: Sequence[Expr] = ()) -> Any:
    """A relation with one row for each id, whatever the order of rows; rows without an id are left out.

    Args:
        key: The id's column.
        columns: What is wanted of the row.
        first: The row that is least in these stays; then the least in all columns as text.
    """
    engine = rows.relation.engine
    id_text = rows.clean(key).expr
    order = [*(part for expr in first for part in (expr.is_(None), expr)), *tie_order(engine, rows)]
    number = sa.func.row_number().over(partition_by=id_text, order_by=order)
    labelled = [expr.label(name) for name, expr in columns.items()]
    numbered = sa.select(id_text.label(key), *labelled, number.label("pql_number")).where(id_text.is_not(None))
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
        twice: A table of the ids that occur more than once; None: there are none.
        kept: The rows, one for each of these ids, that count: a table with the relation's own columns.
        orphans: Whether some rows lack an account and name a user.
        repeats: How many rows repeat an id.
    """

    twice: Any
    kept: Any
    orphans: bool
    repeats: int


def survey(source: Source, relation: Relation, happening: Happening, users: Relation | None) -> Survey:
    """Look for ids that occur twice, and for rows that must be attributed through users."""
    rows, path = relation.rows(), relation.file.path
    orphans = False
    if users is not None and relation.has("user_id"):
        lost = rows.clean("account_id").expr.is_(None) & rows.clean("user_id").expr.is_not(None)
        orphans = not source.fetch(sa.select(sa.literal(1).label("found")).where(lost).limit(1), path).empty
    twice, repeats = _twice(source, relation, ID_COLUMNS[happening])
    if not repeats:
        return Survey(None, None, orphans, 0)
    kept = _kept(source, relation, ID_COLUMNS[happening], twice, users if orphans else None)
    return Survey(twice, kept, orphans, repeats)


def _twice(source: Source, relation: Relation, id_column: str) -> tuple[Any, int]:
    """The ids that occur more than once, and how many rows are too many."""
    if not relation.has(id_column):
        return None, 0
    select = _ids_twice(relation, id_column)
    name = f"pql_twice_{relation.name}"
    columns: list[sa.Column[Any]] = [sa.Column(id_column, sa.Text), sa.Column("n", sa.BigInteger)]
    table = source.fill(name, columns, select, relation.file.path)
    twice: Any = select.subquery(name) if table is None else table
    repeats = sa.cast(sa.func.coalesce(sa.func.sum(twice.c.n - 1), 0), sa.BigInteger)
    counted = source.fetch(sa.select(repeats.label("repeats")), relation.file.path)
    return twice, int(counted["repeats"].iloc[0])


def _ids_twice(relation: Relation, id_column: str) -> sa.Select[Any]:
    engine = relation.engine
    ids = sa.select(relation.rows().clean(id_column).expr.label(id_column)).subquery()
    id_text = ids.c[id_column]
    many = sa.func.count()
    select = sa.select(id_text, many.label("n")).where(id_text.is_not(None)).group_by(id_text).having(many > 1)
    hashed = engine.hashed(id_text)
    if hashed is id_text:
        return select
    # Numbers group in a fraction of the memory of texts; the few that meet are then compared as texts.
    met = sa.select(hashed).where(id_text.is_not(None)).group_by(hashed).having(sa.func.count() > 1)
    return select.where(hashed.in_(met))


def _kept(source: Source, relation: Relation, id_column: str, twice: Any, users: Relation | None) -> Any:
    """Of the rows with one id the one that counts: the earliest that has a time and an account."""
    rows, engine = relation.rows(), relation.engine
    id_text, at = rows.clean(id_column).expr, engine.micros(rows.column("occurred_at"))
    usable = [rows.clean("account_id").expr.is_not(None)]
    if users is not None:
        usable.append(rows.clean("user_id").expr.in_(_members(users)))
    # A CASE, since what is asked of a null is null, and engines put nulls at different ends.
    unknown = sa.case(*((known, sa.literal_column("0")) for known in usable), else_=sa.literal_column("1"))
    number = sa.func.row_number().over(
        partition_by=id_text, order_by=[at.is_(None), unknown, at, *tie_order(engine, rows)]
    )
    columns = list(rows.subquery.c)
    doubled = sa.select(*columns, number.label("pql_number")).where(id_text.in_(sa.select(twice.c[id_column])))
    numbered = doubled.subquery()
    select = sa.select(*(numbered.c[column.name] for column in columns)).where(numbered.c.pql_number == 1)
    types = [_Raw(relation.types[name]) for name in relation.names]
    named = [
        sa.Column(quoted_name(spelled, quote=True), kind)
        for spelled, kind in zip(relation.names.values(), types, strict=True)
    ]
    name = f"pql_kept_{relation.name}"
    table = source.fill(name, named, select, relation.file.path)
    return select.subquery(name) if table is None else table


def _members(users: Relation) -> sa.Select[Any]:
    """The users whose account is known."""
    rows = users.rows()
    user_id = rows.clean("user_id").expr
    return sa.select(user_id).where(user_id.is_not(None), rows.clean("account_id").expr.is_not(None))


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
        self, readers: Mapping[str, Reader], *, start: datetime | None, end: datetime, where: Reader | None = None
    ) -> sa.Select[Any]:
        """The rows of [start, end).

        Args:
            readers: Further columns by label, each made from the relation's own columns.
            start: None: from the first row on.
            end: Exclusive.
            where: A filter that rows must pass.

        Returns:
            A SELECT of `account_id`, `user_id` (text), `at_micros` and the further columns.
        """
        rows, engine = self._once(self.relation.rows(start=start, end=end)), self.relation.engine
        occurred = rows.column("occurred_at")
        user_id = rows.clean("user_id").expr if self.relation.has("user_id") else sa.cast(sa.null(), sa.Text)
        columns = {
            "account_id": rows.clean("account_id").expr,
            "user_id": user_id,
            "at_micros": engine.micros(occurred),
            **{label: reader(rows) for label, reader in readers.items()},
        }
        cleaned = sa.select(*(expr.label(label) for label, expr in columns.items()))
        cleaned = cleaned.where(*engine.within(occurred, start, end), *([] if where is None else [where(rows)]))
        found = self._attributed(cleaned.subquery()).subquery()
        select = sa.select(*found.c).where(found.c.at_micros < to_micros(end))
        return select if start is None else select.where(found.c.at_micros >= to_micros(start))

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
        others = [column for column in inner.c if column.name != "account_id"]
        select = select.add_columns(account.label("account_id"), *others)
        select = select.where(inner.c.at_micros.is_not(None), account.is_not(None))
        return select if self.accounts is None else select.where(account.in_(self.accounts))
