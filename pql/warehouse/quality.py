"""What the source's rows are like: how many could not be used, and why. Nothing of it is guessed or mended."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.domain.measures.base import plural
from pql.domain.partials import Relation as Happening
from pql.warehouse.engines import Expr
from pql.warehouse.happenings import ID_COLUMNS, one_a_key
from pql.warehouse.relations import LATEST, Relation, Relations, Rows
from pql.warehouse.slices import GREATEST_SUMMAND
from pql.warehouse.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityFact:
    """One kind of row that needs a look.

    Args:
        name: What is counted, as a word for machines: `null_account_ids`.
        relation: In which relation.
        count: How many rows; at least 1.
        sentence: The same for a person, with what happens to these rows.
    """

    name: str
    relation: str
    count: int
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DataQuality:
    """All that needs a look; empty where the rows are as they should be."""

    facts: tuple[QualityFact, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """One line a fact."""
        return tuple(fact.sentence for fact in self.facts)

    def count(self, name: str, relation: str = "events") -> int:
        """How many rows of a kind there are."""
        return sum(fact.count for fact in self.facts if (fact.name, fact.relation) == (name, relation))


_SENTENCES = {
    "unreadable_times": "{n} of {relation} have no time that can be read, and are left out",
    "after_now": "{n} of {relation} lie at or after the instant of the evaluation, and are left out",
    "unattributed": "{n} of {relation} name no account, nor a user whose account is known, and are left out",
    "attributed": "{n} of {relation} name no account, and count for the account of their user",
    "null_user_ids": "{n} of {relation} name no user, and count for their account alone",
    "unknown_accounts": "{n} of {relation} name an account that the accounts do not have, and count for no lead",
    "duplicates": "{n} of {relation} repeat the {id} of another row, and are left out",
    "before_account": "{n} of {relation} happened before their account was created; they count",
    "not_finite": "{n} of {relation} have a quantity that is no finite number, and add nothing to sums",
    "null_ids": "{n} of {relation} have no {id}, and are left out",
    "duplicate_ids": "{n} of {relation} repeat the {id} of another row; the earliest is used",
    "unreadable_created_at": "{n} of {relation} have no created_at that can be read; their age is unknown",
    "created_after_now": "{n} of {relation} are created at or after the instant of the evaluation, and are left out",
}


def look(
    source: Source,
    relations: Relations,
    as_of: datetime,
    repeats: Callable[[Happening], int],
    since: datetime | None = None,
) -> DataQuality:
    """Count what needs a look, with a query a relation.

    Args:
        source: Where.
        relations: Which.
        as_of: What lies at or after it is left out.
        repeats: How many rows of a relation repeat an id.
        since: Of events and touches, only those from here on are looked at; None: all.
    """
    facts: list[QualityFact] = []
    for name, id_column in (("accounts", "account_id"), ("users", "user_id")):
        relation = relations.get(name)
        if relation is not None:
            facts += _subjects(source, relation, id_column, as_of)
    for happening in Happening:
        relation = relations.get(happening.value)
        if relation is not None:
            known = _Known(relations, as_of, accounts_once=not _has(facts, "duplicate_ids", "accounts"))
            facts += _happenings(source, relation, happening, known, repeats(happening), since)
    return DataQuality(facts=tuple(facts))


def _subjects(source: Source, relation: Relation, id_column: str, as_of: datetime) -> Iterable[QualityFact]:
    rows, engine = relation.rows(), relation.engine
    # An id is cleaned once, beneath: it is counted in three ways.
    cleaned = {"id": rows.clean(id_column).expr}
    if relation.has("created_at"):
        cleaned["created"] = engine.micros(rows.column("created_at"))
    inner = sa.select(*_labelled(cleaned)).subquery()
    columns: dict[str, Expr] = {
        "null_ids": _count(inner.c.id.is_(None)),
        "duplicate_ids": sa.func.count(inner.c.id) - sa.func.count(sa.distinct(inner.c.id)),
    }
    if "created" in cleaned:
        if relation.name == "accounts":
            columns["unreadable_created_at"] = _count(inner.c.created.is_(None))
        columns["created_after_now"] = _count(inner.c.created >= to_micros(as_of))
    return _facts(_counted(source, relation, sa.select(*_labelled(columns))), relation, id_column)


def _has(facts: Iterable[QualityFact], name: str, relation: str) -> bool:
    return any((fact.name, fact.relation) == (name, relation) for fact in facts)


@dataclass(frozen=True, slots=True)
class _Known:
    """What rows are compared with.

    Args:
        accounts_once: Whether each account is there once.
    """

    relations: Relations
    as_of: datetime
    accounts_once: bool

    def accounts(self) -> Any:
        """A subquery of `account_id` and when it was `created`, one row an account."""
        rows = self.relations.needed("accounts").rows()
        account_id, created = rows.clean("account_id").expr, rows.relation.engine.micros(rows.column("created_at"))
        each = sa.select(account_id.label("account_id")).where(account_id.is_not(None))
        if self.accounts_once:
            return each.add_columns(created.label("created")).subquery()
        return each.add_columns(sa.func.min(created).label("created")).group_by(account_id).subquery()

    def members(self, inner: Any) -> Any | None:
        """A subquery of `user_id` and `member_of`, of the users that rows without an account name; None without any."""
        users = self.relations.get("users")
        if users is None:
            return None
        rows = users.rows()
        alone = sa.select(inner.c.user_id).where(inner.c.account_id.is_(None)).correlate(None)
        asked = rows.clean("user_id").expr.in_(alone)
        return one_a_key(rows, "user_id", {"member_of": rows.clean("account_id").expr}, wanted=[asked]).subquery()


def _happenings(
    source: Source,
    relation: Relation,
    happening: Happening,
    known: _Known,
    repeats: int,
    since: datetime | None,
) -> Iterable[QualityFact]:
    rows, engine = relation.rows(start=since), relation.engine
    occurred, words = rows.column("occurred_at"), "" if since is None else f" since {since:%Y-%m-%d}"
    id_column, has_users = ID_COLUMNS[happening], relation.has("user_id")
    columns = {
        "account_id": rows.clean("account_id").expr,
        "user_id": rows.clean("user_id").expr if has_users else sa.cast(sa.null(), sa.Text),
        "at_micros": engine.micros(occurred),
        "bad": _bad_quantity(rows) if relation.has("quantity") else sa.false(),
    }
    recent = [] if since is None else engine.within(occurred, since, LATEST)
    inner = sa.select(*_labelled(columns)).where(*recent).subquery()
    counted = _counted(source, relation, _counts(known, inner, None, has_users=has_users))
    members = known.members(inner) if counted.pop("lost", 0) else None
    if members is not None:
        # Only where rows lack an account and name a user: to find theirs, all users are looked at.
        counted = _counted(source, relation, _counts(known, inner, members, has_users=has_users))
        counted.pop("lost")
    yield from _facts(counted, relation, id_column, words)
    if repeats:
        yield _fact("duplicates", repeats, relation, id_column, words)


def _counts(known: _Known, inner: Any, members: Any | None, *, has_users: bool) -> sa.Select[Any]:
    """Counts of a relation's rows, and of those that lack an account and name a user: `lost`."""
    joined: Any = inner
    account: Expr = inner.c.account_id
    if members is not None:
        joined = joined.outerjoin(members, account.is_(None) & (members.c.user_id == inner.c.user_id))
        account = sa.func.coalesce(inner.c.account_id, members.c.member_of)
    accounts = known.accounts()
    joined = joined.outerjoin(accounts, accounts.c.account_id == account)
    usable, alone = inner.c.at_micros < to_micros(known.as_of), inner.c.account_id.is_(None)
    counts: dict[str, Expr] = {
        "unreadable_times": _count(inner.c.at_micros.is_(None)),
        "after_now": _count(inner.c.at_micros >= to_micros(known.as_of)),
        "unattributed": _count(usable & account.is_(None)),
        "unknown_accounts": _count(usable & account.is_not(None) & accounts.c.account_id.is_(None)),
        "before_account": _count(usable & (inner.c.at_micros < accounts.c.created)),
        "not_finite": _count(usable & inner.c.bad),
    }
    if members is not None:
        counts["attributed"] = _count(usable & alone & account.is_not(None))
    if has_users:
        counts["null_user_ids"] = _count(usable & inner.c.user_id.is_(None) & account.is_not(None))
        counts["lost"] = _count(usable & alone & inner.c.user_id.is_not(None))
    return sa.select(*_labelled(counts)).select_from(joined)


def _bad_quantity(rows: Rows) -> Expr:
    engine, column = rows.relation.engine, rows.column("quantity")
    number = engine.number(column)
    fits = sa.func.abs(number) <= sa.literal(GREATEST_SUMMAND, sa.Double)
    return column.expr.is_not(None) & sa.func.coalesce(sa.not_(fits), sa.true())


def _count(condition: Expr) -> Expr:
    return sa.func.count(sa.case((condition, sa.literal_column("1"))))


def _labelled(columns: dict[str, Expr]) -> list[Any]:
    return [expr.label(name) for name, expr in columns.items()]


def _counted(source: Source, relation: Relation, select: sa.Select[Any]) -> dict[str, int]:
    counted = source.fetch(select, relation.file.path).iloc[0]
    return {str(name): int(value) for name, value in counted.items()}


def _facts(counted: Mapping[str, int], relation: Relation, id_column: str, since: str = "") -> Iterable[QualityFact]:
    return [_fact(name, value, relation, id_column, since) for name, value in counted.items() if value]


def _fact(name: str, count: int, relation: Relation, id_column: str, since: str) -> QualityFact:
    words = _SENTENCES[name].format(n=plural(count, "row"), relation=relation.name + since, id=id_column)
    return QualityFact(name=name, relation=relation.name, count=count, sentence=words)
