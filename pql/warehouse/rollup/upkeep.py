"""Looking after the rollup: what it holds, what it no longer needs, and whether it is still true."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pql.domain.partials import Level
from pql.domain.partials import Relation as Happening
from pql.warehouse.rollup.columns import Stored
from pql.warehouse.rollup.homes import Home
from pql.warehouse.rollup.states import COMPLETE, States, key_of


@dataclass(frozen=True, kw_only=True)
class ColumnStatus:
    """One column of the rollup.

    Args:
        described: Which rows it counts, in words; "" for all.
        built_from: The day number from which on it is filled in; None: not at all yet.
        complete: Whether it goes back as far as the source.
        used: Whether a definition needs it.
    """

    relation: Happening
    grain: Level
    name: str
    described: str
    built_from: int | None
    complete: bool
    used: bool


@dataclass(frozen=True, kw_only=True)
class RollupStatus:
    """What the rollup holds.

    Args:
        place: Where it lives, in words.
        columns: All columns.
        days: By relation: index `day`; `row_count`, `newest`, `mark`, `last_at`, `orphans`, `until`.
        rows: How many rows each of its tables has.
    """

    place: str
    columns: Sequence[ColumnStatus] = ()
    days: dict[Happening, pd.DataFrame] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


def status(home: Home, wanted: Sequence[Stored]) -> RollupStatus:
    """What an open home holds; `wanted` is what definitions need."""
    states, used = States(home), {key_of(column) for column in wanted}
    columns = [
        ColumnStatus(
            relation=Happening(relation),
            grain=Level(grain),
            name=name,
            described=described,
            built_from=None if built == COMPLETE else built,
            complete=built == COMPLETE,
            used=(relation, grain, name) in used,
        )
        for (relation, grain, name), (built, described) in sorted(states.kept().items())
    ]
    days = {happening: states.days(happening) for happening in Happening}
    return RollupStatus(place=home.place, columns=columns, days=days, rows=_sizes(home, columns))


def _sizes(home: Home, columns: Sequence[ColumnStatus]) -> dict[str, int]:
    own = {(column.relation, column.grain) for column in columns}
    tables = [home.tables.slices(relation, grain, []) for relation, grain in sorted(own)]
    for relation in sorted({relation for relation, _ in own}):
        tables += [home.tables.values(relation), home.tables.edges(relation), home.tables.lasts(relation)]
    tables.append(home.tables.firsts)
    return {
        table.name: int(home.fetch(sa.select(sa.func.count().label("n")).select_from(table))["n"].iloc[0])
        for table in tables
    }


def prune(home: Home, wanted: Sequence[Stored]) -> Sequence[ColumnStatus]:
    """Drop the columns that no definition needs; returns them."""
    unused = [column for column in status(home, wanted).columns if not column.used]
    with home.transaction() as connection:
        for column in unused:
            _drop(home, connection, column)
    return unused


def _drop(home: Home, connection: sa.Connection, column: ColumnStatus) -> None:
    tables, kept = home.tables, home.tables.kept
    own = (kept.c.name == column.name) & (kept.c.grain == column.grain.value)
    connection.execute(sa.delete(kept).where(own, kept.c.relation == column.relation.value))
    lists = (tables.values, tables.edges, tables.lasts)
    for table in (tables.firsts, *(own_table(column.relation) for own_table in lists)):
        connection.execute(sa.delete(table).where(table.c.name == column.name))
    table = tables.slices(column.relation, column.grain, [])
    # Not by inspection, which not every driver can.
    there = connection.execute(sa.select(sa.text("*")).select_from(table).limit(0)).keys()
    quote = connection.dialect.identifier_preparer
    for name in there:
        if name == column.name or name.startswith(f"{column.name}_"):
            connection.exec_driver_sql(
                f"ALTER TABLE {quote.format_table(table)} DROP COLUMN {quote.quote_identifier(name)}"
            )


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where the rollup and the rows do not agree.

    Args:
        what: A day and table, or a lead and measure, in words.
        kept: What the rollup says.
        rows: What the rows say.
    """

    what: str
    kept: str
    rows: str


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a comparison with the rows found.

    Args:
        days: How many days were computed anew.
        leads: How many leads.
        differences: Empty where all agree.
    """

    days: int
    leads: int
    differences: Sequence[Difference]


def sampled(days: pd.DataFrame, number: int, chance: random.Random) -> list[int]:
    """Some days that have rows."""
    there = [int(str(day)) for day in days.index[days["row_count"] > 0]]
    return sorted(chance.sample(there, min(number, len(there))))


def compared(kept: pd.DataFrame, rows: pd.DataFrame, what: str) -> list[Difference]:
    """Where two tables with the same columns differ, whatever the order of their rows; at most the first few."""
    columns = sorted(rows.columns)
    sides = [_ordered(frame, columns) for frame in (kept, rows)]
    if sides[0].equals(sides[1]):
        return []
    both = sides[0].merge(sides[1], how="outer", indicator=True)
    only = both[both["_merge"] != "both"].head(6)
    return [
        Difference(
            what=what,
            kept=_said(row, columns) if row["_merge"] == "left_only" else "no such row",
            rows=_said(row, columns) if row["_merge"] == "right_only" else "no such row",
        )
        for row in only.to_dict("records")
    ]


def _ordered(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    # Null and 0 are the same for a partial result, and the databases give whole numbers as different types.
    texts = {"account_id", "user_id", "value", "name"}
    typed = {
        name: frame[name].astype(str) if name in texts else frame[name].astype("Int64").fillna(0) for name in columns
    }
    return pd.DataFrame(typed).sort_values(list(columns), ignore_index=True)


def _said(row: Mapping[Any, object], columns: Sequence[str]) -> str:
    return ", ".join(f"{name}={row[name]}" for name in columns)
