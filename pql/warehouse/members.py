"""Who there is: accounts with their company, users with their account, and which of them make up which lead."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.domain.free_mail import FREE_MAIL_DOMAINS
from pql.domain.partials import Level
from pql.warehouse.engines import Column, Expr, Kind
from pql.warehouse.happenings import one_a_key
from pql.warehouse.relations import Relation, Relations, Rows
from pql.warehouse.source import Source

# So many accounts are named in one statement.
NAMED_AT_ONCE = 2_500
KEYS = {Level.ACCOUNT: "account_id", Level.USER: "user_id", Level.COMPANY: "company_id"}

# These become columns of fixed types; all others are attributes.
_FIXED = {"account_id", "user_id", "created_at"}


class Members:
    """Accounts, users and companies as they are known, created before an instant.

    Args:
        own_free_mail: The project's additions to the list of free-mail domains.
        until: Who was created at or after this instant is not there yet.
        seen: Finds the users that events name; asked only where no relation lists them.
    """

    def __init__(
        self,
        source: Source,
        relations: Relations,
        *,
        own_free_mail: Sequence[str],
        until: datetime,
        seen: Callable[[], "Seen"],
    ) -> None:
        self._source = source
        self._relations = relations
        self._free_mail = sorted({domain.strip().lower() for domain in own_free_mail} | FREE_MAIL_DOMAINS)
        self._until = until
        self._find_seen = seen
        self._pairs: dict[tuple[Level, Level], pd.DataFrame] = {}
        self._keys: dict[Level, pd.DataFrame] = {}
        self._only: Sequence[str] | None = None
        self._once = False

    def among(self, accounts: Sequence[str], *, once: bool = False) -> "Members":
        """The same accounts, and only the users who are listed with one of these: for few, no more is read.

        Args:
            accounts: Whose users.
            once: It is known that every user is listed once.
        """
        if "users" in self.__dict__ or self._relations.get("users") is None:
            return self
        few = copy(self)
        few._only, few._once, few._pairs, few._keys = accounts, once, {}, {}  # noqa: SLF001 - of its own class
        return few

    @cached_property
    def _seen(self) -> "Seen":
        return self._find_seen()

    def companies(self) -> Any:
        """A SELECT of `account_id` and `company_id`."""
        rows = self._relations.needed("accounts").rows()
        created = self._created(rows)
        columns = {"company_id": self._company(rows), "created_at": created}
        each = one_a_key(rows, "account_id", columns, [created]).subquery()
        there = each.c.created_at.is_(None) | (each.c.created_at < to_micros(self._until))
        return sa.select(each.c.account_id, each.c.company_id).where(there)

    def accounts_of_users(self) -> sa.Select[Any] | None:
        """A SELECT of `user_id` and `account_id` of the users whose account is known; None without users."""
        users = self._relations.get("users")
        if users is None:
            return None
        rows = users.rows()
        each = one_a_key(rows, "user_id", {"account_id": rows.clean("account_id").expr}).subquery()
        return sa.select(each.c.user_id, each.c.account_id).where(each.c.account_id.is_not(None))

    @cached_property
    def accounts(self) -> pd.DataFrame:
        """Index `account_id`, sorted: `created_at` (microseconds, NaN unknown) and all attributes."""
        relation = self._relations.needed("accounts")
        rows = relation.rows()
        frame = self._each(rows, "account_id", {"created_at": self._created(rows), **attributes(rows)})
        return self._there_yet(typed(frame, relation)).set_index("account_id")

    @cached_property
    def companies_of_accounts(self) -> pd.DataFrame:
        """Sorted by `account_id`: `account_id`, `company_id`, `created_at`; read only where companies are asked for."""
        relation = self._relations.needed("accounts")
        rows = relation.rows()
        columns = {"company_id": self._company(rows), "created_at": self._created(rows)}
        return self._there_yet(typed(self._each(rows, "account_id", columns), relation))

    @cached_property
    def users(self) -> pd.DataFrame:
        """Sorted by `user_id`: `user_id`, `account_id`, `created_at` and all attributes.

        Without a users relation: the users that events name, each with the account of their earliest event.
        """
        relation = self._relations.get("users")
        if relation is None:
            return self._seen.users.assign(created_at=float("nan"))
        rows = relation.rows()
        created = self._created(rows) if relation.has("created_at") else sa.cast(sa.null(), sa.BigInteger)
        account_id = rows.clean("account_id").expr
        columns = {"account_id": account_id, "created_at": created, **attributes(rows)}
        if self._only is None:
            return self._there_yet(typed(self._each(rows, "user_id", columns), relation))
        starts = range(0, max(len(self._only), 1), NAMED_AT_ONCE)
        chosen = [self._listed_with(rows, self._only[start : start + NAMED_AT_ONCE]) for start in starts]
        parts = [self._each(rows, "user_id", columns, theirs) for theirs in chosen]
        found = parts[0] if len(parts) == 1 else pd.concat(parts).drop_duplicates("user_id")
        return self._there_yet(typed(found, relation))

    def _listed_with(self, rows: Rows, accounts: Sequence[str]) -> Expr:
        """What tells the users who are listed with one of these accounts."""
        theirs = rows.clean("account_id").expr.in_(accounts)
        if self._once:
            return theirs
        # All rows of these users, since an earlier one may name another account.
        user_id = rows.clean("user_id").expr
        return user_id.in_(sa.select(user_id).where(theirs).correlate(None))

    def _each(self, rows: Rows, key: str, columns: Mapping[str, Expr], *wanted: Expr) -> pd.DataFrame:
        """One row for each id: as they come where each has one, else the earliest created."""
        path, id_text = rows.relation.file.path, rows.clean(key).expr
        plain = sa.select(id_text.label(key), *(expr.label(name) for name, expr in columns.items()))
        if wanted:
            # Of few rows, to leave out those without an id costs less here than to look at the ids of all.
            frame = self._source.fetch(plain.where(*wanted), path).dropna(subset=[key])
        else:
            frame = self._source.fetch(plain.where(id_text.is_not(None)), path)
        if frame[key].is_unique:
            return frame
        return self._source.fetch(one_a_key(rows, key, columns, [columns["created_at"]], wanted), path)

    def keys(self, level: Level) -> pd.DataFrame:
        """Whom a level measures: `key`, sorted, and `created_at`; of a company, the earliest of its accounts."""
        if level not in self._keys:
            self._keys[level] = self._found(level)
        return self._keys[level]

    def _found(self, level: Level) -> pd.DataFrame:
        if level is Level.USER:
            return self.users[["user_id", "created_at"]].set_axis(["key", "created_at"], axis=1)
        if level is Level.ACCOUNT:
            return self._created_accounts().set_axis(["key", "created_at"], axis=1)
        first = self.companies_of_accounts.groupby(KEYS[level], sort=True)["created_at"].min()
        return first.rename_axis("key").reset_index()

    def _created_accounts(self) -> pd.DataFrame:
        """`account_id`, sorted, and `created_at`; without the attributes, if nobody asked for them yet."""
        if "accounts" in self.__dict__:
            return self.accounts["created_at"].reset_index()
        relation = self._relations.needed("accounts")
        rows = relation.rows()
        return self._there_yet(typed(self._each(rows, "account_id", {"created_at": self._created(rows)}), relation))

    def pairs(self, level: Level, lead: Level) -> pd.DataFrame:
        """Which keys of a level belong to which lead: `key` and `lead_id`."""
        if (level, lead) not in self._pairs:
            self._pairs[level, lead] = self._paired(level, lead)
        return self._pairs[level, lead]

    def _paired(self, level: Level, lead: Level) -> pd.DataFrame:
        if level is lead:
            keys = self.keys(level)["key"]
            return pd.DataFrame({"key": keys, "lead_id": keys})
        linked = self._linked({level, lead})
        pairs = linked[[KEYS[level], KEYS[lead]]].set_axis(["key", "lead_id"], axis=1).dropna()
        # Only a user of two accounts of one company belongs to it twice.
        twice = {level, lead} == {Level.USER, Level.COMPANY}
        return pairs.drop_duplicates(ignore_index=True) if twice else pairs.reset_index(drop=True)

    def accounts_of(self, lead: Level) -> pd.DataFrame:
        """Which accounts a lead has: `account_id` and `lead_id`."""
        return self.pairs(Level.ACCOUNT, lead).rename(columns={"key": "account_id"})

    def lead_ids(self, lead: Level) -> list[str]:
        """All leads, sorted."""
        return self.keys(lead)["key"].tolist()

    def _linked(self, levels: set[Level]) -> pd.DataFrame:
        """Which user, account and company belong together, of two of these levels."""
        if Level.USER not in levels:
            return self.companies_of_accounts
        known = self._relations.get("users") is not None
        belongs = self.users[["user_id", "account_id"]] if known else self._seen.pairs
        if Level.COMPANY not in levels:
            return belongs
        return belongs.merge(self.companies_of_accounts[["account_id", "company_id"]], on="account_id", how="left")

    def _there_yet(self, frame: pd.DataFrame) -> pd.DataFrame:
        frame["created_at"] = frame["created_at"].astype(float)
        there = frame[~(frame["created_at"] >= to_micros(self._until))]
        return there.sort_values(frame.columns[0], ignore_index=True)

    def _created(self, rows: Rows) -> Expr:
        return rows.relation.engine.micros(rows.column("created_at"))

    def _company(self, rows: Rows) -> Expr:
        account_id = rows.clean("account_id").expr
        if not rows.relation.has("domain"):
            return account_id
        engine, column = rows.relation.engine, rows.column("domain")
        domain = engine.folded(column)
        own = (domain != "") & domain.not_in(self._free_mail)
        return sa.case((own, domain), else_=account_id)


@dataclass(frozen=True, slots=True)
class Seen:
    """The users that events name, where no relation lists them.

    Args:
        pairs: `user_id` and `account_id`, sorted, each pair once.
        users: The same with one row a user: the account of the earliest event.
    """

    pairs: pd.DataFrame
    users: pd.DataFrame

    @classmethod
    def of(cls, first_events: pd.DataFrame) -> "Seen":
        """From `user_id`, `account_id` and `at_micros`, the earliest event of each pair."""
        ordered = first_events.sort_values(["user_id", "at_micros", "account_id"], ignore_index=True)
        pairs = ordered[["user_id", "account_id"]]
        return cls(pairs, pairs.drop_duplicates("user_id", ignore_index=True))


def attributes(rows: Rows) -> dict[str, Expr]:
    """All further columns of a relation, as values that every engine gives alike."""
    return {
        name: value(rows, rows.column(name))
        for name in sorted(rows.relation.kinds)
        if name not in _FIXED and not name.startswith("pql_")
    }


def value(rows: Rows, column: Column) -> Expr:
    """A column's value: text, a number, a truth, or the microseconds of a time."""
    engine = rows.relation.engine
    match column.kind:
        case Kind.INSTANT | Kind.WALL | Kind.DATE:
            return engine.micros(column)
        case Kind.WHOLE | Kind.NUMBER:
            return engine.number(column)
        case Kind.TRUTH | Kind.ANY:
            return column.expr
        case _:
            return engine.text(column)


def typed(frame: pd.DataFrame, relation: Relation) -> pd.DataFrame:
    """A fetched frame with its types fixed: text as str, numbers and times as float, truths as objects."""
    fixed: dict[str, pd.Series[Any]] = {}
    for name in frame.columns:
        kind = relation.kinds.get(name, Kind.TEXT)
        if name in ("account_id", "user_id", "company_id") or kind in (Kind.TEXT, Kind.JSON, Kind.NESTED, Kind.OTHER):
            fixed[name] = frame[name].astype("str")
        elif kind in (Kind.TRUTH, Kind.ANY):
            fixed[name] = frame[name].astype(object).infer_objects()
        else:
            fixed[name] = frame[name].astype(float)
    return pd.DataFrame(fixed, index=frame.index)
