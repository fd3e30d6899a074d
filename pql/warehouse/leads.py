"""The leads as they are known at an instant: accounts with their subscription and deals, by lead."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.domain.conditions import fold
from pql.domain.partials import Level
from pql.domain.texts import among
from pql.warehouse.members import Members
from pql.warehouse.relations import Relations
from pql.warehouse.source import Source

# What subscriptions and deals tell of an account; they are attributes like any other.
SUBSCRIPTION_COLUMNS = ("plan", "status", "mrr", "in_trial", "trial_ends_at", "converted_at")
TEXTS = ("name", "domain", "plan", "owner_email", "success_owner_email", "status")


def subscriptions(source: Source, relations: Relations, accounts: Sequence[str] | None = None) -> pd.DataFrame:
    """All rows: `account_id`, `plan`, `status`, `mrr`, `started_at`, `ended_at`, `trial_ends_at` (microseconds).

    `accounts`: of these alone.
    """
    names = ("plan", "status", "mrr", "started_at", "ended_at", "trial_ends_at")
    relation = relations.get("subscriptions")
    if relation is None:
        return pd.DataFrame({"account_id": pd.Series(dtype="str")} | {name: pd.Series(dtype=float) for name in names})
    rows, engine = relation.rows(), relation.engine
    columns = {"account_id": rows.clean("account_id").expr}
    for name in names:
        if not relation.has(name):
            columns[name] = sa.cast(sa.null(), sa.Double)
        elif name in ("plan", "status"):
            columns[name] = engine.text(rows.column(name))
        else:
            columns[name] = (engine.number if name == "mrr" else engine.micros)(rows.column(name))
    wanted = columns["account_id"].is_not(None) if accounts is None else columns["account_id"].in_(accounts)
    select = sa.select(*(expr.label(name) for name, expr in columns.items())).where(wanted)
    frame = source.fetch(select, relation.file.path)
    kinds = {"account_id": "str", "plan": "str", "status": "str"}
    return frame.astype(kinds | dict.fromkeys(names[2:], "float64"))


def with_pays(rows: pd.DataFrame, converts: Sequence[str]) -> pd.DataFrame:
    """The subscriptions with `pays`: whether their status is one of those that mean that the account pays."""
    return rows.assign(pays=rows["status"].map(fold, na_action="ignore").isin([fold(status) for status in converts]))


def subscribed(rows: pd.DataFrame, converts: Sequence[str], as_of: datetime) -> pd.DataFrame:
    """What each account's subscriptions say at an instant.

    Args:
        rows: As `subscriptions` gives them; a status is that of the row's own stretch of time.
        converts: The statuses that mean that the account pays.
        as_of: The state is that of the last instant before.

    Returns:
        Index `account_id`: `plan`, `status`, `mrr`, `in_trial` (bool), `trial_ends_at`, `converted_at` (when it
        first paid, NaN never). Of several rows at once a paying one tells, then the newest; `mrr` is added up.
    """
    now = to_micros(as_of)
    begun = rows[rows["started_at"] < now]
    pays = with_pays(begun, converts)["pays"]
    converted = begun[pays].groupby("account_id")["started_at"].min()
    live = begun.assign(pays=pays)[~(begun["ended_at"] < now)]
    live = live.assign(in_trial=(live["trial_ends_at"] >= now) & ~live["pays"])
    order = ["account_id", "pays", "in_trial", "started_at", "plan", "status"]
    ordered = live.sort_values(order, ascending=[True, False, False, False, True, True], kind="stable")
    told = ordered.drop_duplicates("account_id").set_index("account_id")
    told = told.assign(mrr=ordered.groupby("account_id")["mrr"].sum(min_count=1))
    told = told.reindex(sorted(set(told.index) | set(converted.index)))
    told["in_trial"] = told["in_trial"].eq(True)
    return told.assign(converted_at=converted)[list(SUBSCRIPTION_COLUMNS)]


def open_deals(source: Source, relations: Relations) -> "pd.Index[str]":
    """The accounts with an open deal."""
    relation = relations.get("deals")
    if relation is None:
        return pd.Index([], dtype="str")
    rows = relation.rows()
    is_open = relation.engine.folded(rows.column("status")) == "open"
    select = sa.select(rows.clean("account_id").expr.label("account_id")).where(is_open).distinct()
    return pd.Index(source.fetch(select, relation.file.path)["account_id"].dropna().astype("str"))


def account_facts(
    members: Members, subscription_rows: pd.DataFrame, deals: "pd.Index[str]", converts: Sequence[str], as_of: datetime
) -> pd.DataFrame:
    """All that is known of each account: its attributes, subscription and deals; index `account_id`, sorted."""
    accounts = members.accounts.copy()
    for name in TEXTS:
        if name not in accounts:
            accounts[name] = pd.Series(None, index=accounts.index, dtype="str")
    for name in ("mrr", "trial_ends_at", "converted_at"):
        if name not in accounts:
            accounts[name] = np.nan
    accounts["in_trial"] = False
    if len(subscription_rows):
        told = subscribed(subscription_rows, converts, as_of).reindex(accounts.index)
        for name in ("status", "mrr", "trial_ends_at", "converted_at"):
            accounts[name] = told[name]
        accounts["plan"] = told["plan"].where(told["plan"].notna(), accounts["plan"])
        accounts["in_trial"] = told["in_trial"].eq(True)
    accounts["open_deal"] = among(accounts.index, deals)
    return accounts


def by_lead(members: Members, facts: pd.DataFrame, lead: Level) -> pd.DataFrame:
    """The facts of accounts as those of leads; index `lead_id`, sorted.

    A company is told of by its accounts in the order in which they were created: the first that knows an attribute.
    Its `mrr` is the sum, and it is in trial, or has an open deal, if one of them is or has; its plan and status are
    those of the account that pays most. A user has the attributes of the account, and then those of its own.
    """
    if lead is Level.ACCOUNT:
        return facts.rename_axis("lead_id")
    if lead is Level.COMPANY:
        return _companies(facts.assign(company_id=members.companies_of_accounts.set_index("account_id")["company_id"]))
    return _users(members, facts)


def _companies(facts: pd.DataFrame) -> pd.DataFrame:
    ordered = facts.reset_index().sort_values(["company_id", "created_at", "account_id"], kind="stable")
    groups = ordered.groupby("company_id", sort=True)
    merged = groups.first().drop(columns="account_id")
    # groups.first() takes the first that is known, column by column; a plan belongs to its status.
    payers = ordered.sort_values(["company_id", "mrr"], ascending=[True, False], kind="stable")
    paid = payers.drop_duplicates("company_id").set_index("company_id")
    for name in ("plan", "status", "trial_ends_at"):
        merged[name] = paid[name]
    merged["mrr"] = groups["mrr"].sum(min_count=1)
    merged["converted_at"] = groups["converted_at"].min()
    for name in ("open_deal", "in_trial"):
        merged[name] = groups[name].any()
    merged["in_trial"] &= merged["converted_at"].isna()
    return merged.rename_axis("lead_id")


def _users(members: Members, facts: pd.DataFrame) -> pd.DataFrame:
    users = members.users.set_index("user_id")
    of_account = facts.drop(columns="created_at").reindex(users["account_id"]).set_axis(users.index)
    merged = of_account.assign(account_id=users["account_id"], created_at=users["created_at"])
    for name in ("open_deal", "in_trial"):
        merged[name] = merged[name].eq(True)
    for own in [str(column) for column in users if column not in ("account_id", "created_at", "name")]:
        merged[own] = users[own]
    called = pd.Series(users.index, index=users.index, dtype="str")
    for known in [users[column] for column in ("email", "name") if column in users]:
        called = called.where(known.isna(), known)
    merged["name"] = called
    return merged.rename_axis("lead_id").sort_index()


def answers(source: Source, relations: Relations, pairs: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The answers given before an instant: `lead_id`, `question`, `answer`, sorted.

    Args:
        pairs: `account_id` and `lead_id`.
    """
    names = ["lead_id", "question", "answer"]
    relation = relations.get("answers")
    if relation is None:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in names})
    rows, engine = relation.rows(), relation.engine
    columns = {
        "account_id": rows.clean("account_id").expr,
        "question": engine.folded(rows.column("question")),
        "answer": engine.text(rows.column("answer")),
    }
    select = sa.select(*(expr.label(name) for name, expr in columns.items()))
    if relation.has("answered_at"):
        answered = engine.micros(rows.column("answered_at"))
        select = select.where(answered.is_(None) | (answered < to_micros(as_of)))
    frame = source.fetch(select, relation.file.path).astype("str")
    merged = frame.dropna().merge(pairs, on="account_id")[names]
    return merged.sort_values(names, ignore_index=True)


def reps(source: Source, relations: Relations) -> pd.DataFrame:
    """The reps: `email`, `name`, `team`, `time_zone`, `slack_id`, `active` (bool; unknown is active), sorted."""
    names = ("email", "name", "team", "time_zone", "slack_id", "active")
    relation = relations.get("reps")
    if relation is None:
        return pd.DataFrame({name: pd.Series(dtype="bool" if name == "active" else "str") for name in names})
    rows = relation.rows()
    known = [name for name in names if relation.has(name)]
    columns = [relation.engine.text(rows.column(name)).label(name) for name in known]
    frame = source.fetch(sa.select(*columns), relation.file.path).reindex(columns=list(names)).astype("str")
    frame["active"] = ~frame["active"].map(fold, na_action="ignore").isin(["false", "0", "no", "f", "n"])
    known_reps = frame.dropna(subset=["email"]).sort_values(["email", "name"], kind="stable")
    filled = known_reps.fillna({"name": "", "team": "", "time_zone": "UTC", "slack_id": ""})
    return filled.drop_duplicates("email", ignore_index=True)
