"""The rows that count of a relation whose rows happen at an instant: events and touches.

A row counts when its instant can be read, lies before the newest instant asked for, and its account is known from
the row itself or through its user. Of rows with one id the earliest counts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

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


@dataclass(frozen=True, slots=True)
class Survey:
    """What is found out about a relation before its rows are read.

    Args:
        twice: A temporary table (or a subquery) of the ids that occur more than once; None: there are none.
        orphans: Whether some rows lack an account and name a user.
    """

    twice: Any
    orphans: bool


def survey(source: Source, relation: Relation, happening: Happening, users: Relation | None) -> Survey:
    """Look for ids that occur twice, and for rows that must be attributed through users."""
    rows, path = relation.rows(), relation.file.path
    orphans = False
    if users is not None and relation.has("user_id"):
        lost = rows.clean("account_id").expr.is_(None) & rows.clean("user_id").expr.is_not(None)
        orphans = not source.fetch(sa.select(sa.literal(1).label("found")).where(lost).limit(1), path).empty
    return Survey(_twice(source, relation, ID_COLUMNS[happening]), orphans)


def _twice(source: Source, relation: Relation, id_column: str) -> Any:
    if not relation.has(id_column):
        return None
    select = _ids_twice(relation, id_column)
    name = f"pql_twice_{relation.name}"
    table = source.fill(name, [sa.Column(id_column, sa.Text)], select, relation.file.path)
    twice: Any = select.subquery(name) if table is None else table
    counted = source.fetch(sa.select(sa.func.count().label("n")).select_from(twice), relation.file.path)
    return twice if int(counted["n"].iloc[0]) else None


def _ids_twice(relation: Relation, id_column: str) -> sa.Select[Any]:
    engine = relation.engine
    ids = sa.select(relation.rows().clean(id_column).expr.label(id_column)).subquery()
    id_text = ids.c[id_column]
    select = sa.select(id_text).where(id_text.is_not(None)).group_by(id_text).having(sa.func.count() > 1)
    hashed = engine.hashed(id_text)
    if hashed is id_text:
        return select
    # Numbers group in a fraction of the memory of texts; the few that meet are then compared as texts.
    met = sa.select(hashed).where(id_text.is_not(None)).group_by(hashed).having(sa.func.count() > 1)
    return select.where(hashed.in_(met))


@dataclass(frozen=True, slots=True)
class Usable:
    """The rows that count, as SQL.

    Args:
        users: The relation through which rows without an account find theirs; None without one.
        survey: What was found out about the relation.
        accounts: Only rows of these accounts, or of `user_ids`; None: all.
    """

    relation: Relation
    happening: Happening
    users: Relation | None
    survey: Survey
    accounts: Sequence[str] | None = None
    user_ids: Sequence[str] | None = None

    def select(
        self, readers: Mapping[str, Reader], *, start: datetime | None, end: datetime, where: Reader | None = None
    ) -> sa.Select[Any]:
        """The rows of [start, end).

        Args:
            readers: Further columns by label, each made from the relation's own columns.
            start: None: from the first row on.
            where: A filter that rows must pass.

        Returns:
            A SELECT of `account_id`, `user_id` (text), `at_micros` (microseconds) and the further columns.
        """
        # Which copy of a doubled row is the earliest shows only in all of them.
        whole = self.survey.twice is not None
        rows = self.relation.rows(start=None if whole else start, end=end)
        cleaned = self._cleaned(rows, readers, start=None if whole else start, end=end, where=where)
        names = ["account_id", "user_id", "at_micros", *readers]
        if whole:
            cleaned = self._once(cleaned, names)
        found = cleaned.subquery()
        select = sa.select(*(found.c[name] for name in names)).where(found.c.at_micros < to_micros(end))
        if where is not None:
            select = select.where(found.c.pql_passes)
        return select if start is None else select.where(found.c.at_micros >= to_micros(start))

    def _cleaned(
        self, rows: Rows, readers: Mapping[str, Reader], *, start: datetime | None, end: datetime, where: Reader | None
    ) -> sa.Select[Any]:
        engine, id_column = self.relation.engine, ID_COLUMNS[self.happening]
        occurred = rows.column("occurred_at")
        user_id = rows.clean("user_id").expr if self.relation.has("user_id") else sa.cast(sa.null(), sa.Text)
        columns = {
            "account_id": rows.clean("account_id").expr,
            "user_id": user_id,
            "at_micros": engine.micros(occurred),
            **{label: reader(rows) for label, reader in readers.items()},
        }
        if where is not None:
            columns["pql_passes"] = where(rows)
        if self.survey.twice is not None:
            columns[id_column] = rows.clean(id_column).expr
            columns |= {f"pql_tie_{number}": part for number, part in enumerate(tie_order(engine, rows))}
        select = sa.select(*(expr.label(label) for label, expr in columns.items()))
        inner = select.where(*engine.within(occurred, start, end)).subquery()
        return self._attributed(inner)

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
        return select.where(*self._wanted(account, inner.c.user_id))

    def _wanted(self, account: Expr, user_id: Expr) -> list[Expr]:
        if self.accounts is None:
            return []
        wanted = account.in_(self.accounts)
        return [wanted if self.user_ids is None else wanted | user_id.in_(self.user_ids)]

    def _once(self, cleaned: sa.Select[Any], names: Sequence[str]) -> Any:
        id_column, twice = ID_COLUMNS[self.happening], self.survey.twice
        base = cleaned.subquery()
        kept = [*names, *(["pql_passes"] if "pql_passes" in base.c else [])]
        doubled = base.c[id_column].in_(sa.select(twice.c[id_column]))
        plain = sa.select(*(base.c[name] for name in kept)).where(base.c[id_column].is_(None) | sa.not_(doubled))
        ties = [column for column in base.c if column.name.startswith("pql_tie_")]
        number = sa.func.row_number().over(partition_by=base.c[id_column], order_by=[base.c.at_micros, *ties])
        numbered = sa.select(*(base.c[name] for name in kept), number.label("pql_number")).where(doubled).subquery()
        first = sa.select(*(numbered.c[name] for name in kept)).where(numbered.c.pql_number == 1)
        return sa.union_all(plain, first)
