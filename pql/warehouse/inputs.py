"""The inputs of a plan that are not made of rows in time: attributes, users, allowances, and a team's own SQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.sql import quoted_name

from pql.domain.conditions import fold
from pql.domain.partials import AllowanceInput, Level, StatementInput, UserCountInput
from pql.errors import SourceMismatch
from pql.warehouse.engines import Column, Described
from pql.warehouse.measuring import Floats, Grid
from pql.warehouse.members import KEYS, Members
from pql.warehouse.relations import LATEST, Relations
from pql.warehouse.source import Source
from pql.warehouse.statements import binds_as_of, escaped, render, with_as_of

# As plans name their periods, in the words that the measures know.
_PERIODS = {
    "daily": "day",
    "weekly": "week",
    "monthly": "month",
    **dict.fromkeys(("lifetime", "all", "ever", "none", ""), "total"),
}


def user_counts(source: UserCountInput, members: Members, level: Level, grid: Grid) -> Floats:
    """How many users pass a filter, for each instant and key; who was created later is not counted yet."""
    users = members.users
    passing = users[source.where.holds(users)][["user_id", "created_at"]]
    pairs = members.pairs(Level.USER, level)
    counted = passing.merge(pairs, left_on="user_id", right_on="key").drop(columns="key")
    columns = []
    for instant in grid.instants:
        there = counted[~(counted["created_at"] >= instant)]
        sizes = there.groupby("lead_id").size()
        columns.append(sizes.reindex(grid.keys, fill_value=0).to_numpy(dtype=float))
    return np.concatenate(columns)


def attribute_column(name: str, by_instant: Sequence[pd.DataFrame], grid: Grid) -> "pd.Series[Any]":
    """An attribute for each instant and key.

    Args:
        by_instant: For each instant the facts; the index has the keys.
    """
    return pd.concat([facts[name].reindex(grid.keys) for facts in by_instant], ignore_index=True)


def allowances(source: Source, relations: Relations, accounts: Sequence[str] | None = None) -> pd.DataFrame:
    """All rows: `account_id`, `meter`, `allowed`, `used` (NaN: not told), `period` (day, week, month, total).

    `accounts`: of these alone.
    """
    relation = relations.get("allowances")
    types = {"account_id": "str", "meter": "str", "period": "str", "allowed": "float64", "used": "float64"}
    if relation is None:
        return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in types.items()})
    rows, engine = relation.rows(), relation.engine
    columns = {
        "account_id": rows.clean("account_id").expr,
        "meter": engine.text(rows.column("meter")),
        "allowed": engine.number(rows.column("allowed")),
        "used": engine.number(rows.column("used")) if relation.has("used") else sa.cast(sa.null(), sa.Double),
        "period": engine.folded(rows.column("period")) if relation.has("period") else sa.literal("total"),
    }
    wanted = columns["account_id"].is_not(None) if accounts is None else columns["account_id"].in_(accounts)
    select = sa.select(*(expr.label(name) for name, expr in columns.items())).where(wanted)
    frame = source.fetch(select, relation.file.path).astype(types)
    period = frame["period"].fillna("total")
    return frame.assign(period=period.map(lambda name: _PERIODS.get(name, name)).astype("str"))


def allowance_columns(
    wanted: AllowanceInput, rows: pd.DataFrame, pairs: pd.DataFrame, grid: Grid
) -> Mapping[str, "pd.Series[Any]"]:
    """`allowed`, `used` and `period` of a meter for each instant and key: of several accounts the one nearest to full.

    Args:
        rows: As `allowances` gives them.
        pairs: Which accounts a key has: `key` (an account) and `lead_id` (the key).
    """
    own = rows[rows["meter"].map(fold, na_action="ignore") == fold(wanted.meter)]
    joined = own.merge(pairs, left_on="account_id", right_on="key")
    full = joined.assign(ratio=joined["used"] / joined["allowed"].where(joined["allowed"] > 0))
    order = ["lead_id", "ratio", "allowed", "used", "period", "account_id"]
    # Nearest to full first; where nothing is told, the least allowance.
    nearest = full.sort_values(order, ascending=[True, False, True, True, True, True], kind="stable")
    chosen = nearest.drop_duplicates("lead_id").set_index("lead_id")[["allowed", "used", "period"]]
    aligned = chosen.reindex(grid.keys)
    repeated = pd.concat([aligned] * len(grid.instants), ignore_index=True)
    return {name: repeated[name] for name in ("allowed", "used", "period")}


def statement_column(
    wanted: StatementInput, source: Source, level: Level, grid: Grid, instants: Sequence[datetime]
) -> Floats:
    """The `value` of a team's SELECT for each instant and key; NaN for keys without a row.

    Raises:
        SourceMismatch: It does not bind `:as_of`, lacks a column, is rejected, or gives a key twice.
    """
    return np.concatenate([_values_at(wanted.file, source, level, grid, instant) for instant in instants])


def statement_kinds(source: Source, file: str) -> tuple[str, Mapping[str, Described]]:
    """A statement's SQL and columns.

    Raises:
        SourceMismatch: It does not bind `:as_of`, or is rejected.
    """
    written = source.usage.statements[file]
    sql = render(written, source.usage.variables, start=None, end=LATEST)
    if not binds_as_of(sql):
        raise SourceMismatch(
            f"{file}:1: the SQL does not bind :as_of; bound its rows by it, like `WHERE created_at < :as_of`, "
            "so that the past can be evaluated too"
        )
    # A statement that is only described takes no parameters, so a literal stands in.
    return sql, source.describe(with_as_of(sql, source.engine.some_instant), file)


def _values_at(file: str, source: Source, level: Level, grid: Grid, instant: datetime) -> Floats:
    sql, kinds = statement_kinds(source, file)
    names = {column.lower(): column for column in kinds}
    key = KEYS[level]
    for needed in (key, "value"):
        if needed not in names:
            raise SourceMismatch(f"{file}:1: the SQL has no column '{needed}'; it has {', '.join(kinds)}")
    columns: list[sa.ColumnClause[Any]] = [sa.column(quoted_name(column, quote=True)) for column in kinds]
    text = sa.text(escaped(sql, keep=frozenset({"as_of"})) + "\n")
    text = text.bindparams(sa.bindparam("as_of", source.engine.instant(instant)))
    rows = text.columns(*columns).subquery("pql_statement")
    key_column = Column(rows.c[names[key]], kinds[names[key]].kind)
    value = Column(rows.c[names["value"]], kinds[names["value"]].kind)
    select = sa.select(source.engine.id_text(key_column).label("key"), source.engine.number(value).label("value"))
    frame = source.fetch(select, file).dropna(subset=["key"])
    if frame["key"].duplicated().any():
        twice = frame.loc[frame["key"].duplicated(), "key"].iloc[0]
        raise SourceMismatch(f"{file}:1: the SQL gives more than one row for {key} '{twice}'; group by {key}")
    column = np.full(len(grid.keys), np.nan)
    places = grid.keys.get_indexer(pd.Index(frame["key"].astype("str")))
    values = frame["value"].to_numpy(dtype=float, na_value=np.nan)
    column[places[places >= 0]] = values[places >= 0]
    return column
