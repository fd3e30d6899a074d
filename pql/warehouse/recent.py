"""Rows of events themselves, for messages and moments: a short stretch, or the latest of a few leads."""

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import Calendar
from pql.domain.conditions import Where
from pql.domain.measures import Measure
from pql.domain.moments import Moment
from pql.domain.partials import Level, Partial
from pql.domain.partials import Relation as Happening
from pql.warehouse.filters import where_sql
from pql.warehouse.happenings import Reader, Usable
from pql.warehouse.members import value
from pql.warehouse.relations import Rows
from pql.warehouse.source import Source

LATEST_COLUMNS = ("signal", "lead_id", "latest", "latest_at")


def latest_row(
    source: Source,
    usable: Usable,
    measure: Measure,
    *,
    pairs: pd.DataFrame,
    lead: Level,
    calendar: Calendar,
    as_of: datetime,
) -> pd.DataFrame:
    """The latest row behind a measure, for each lead: `lead_id`, `latest` (text), `latest_at` (microseconds).

    Args:
        usable: Rows of the leads that are wanted.
        pairs: Which accounts, or for user leads which users, a lead has: `key` and `lead_id`.
    """
    evidence = measure.evidence
    if evidence is None:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in LATEST_COLUMNS[1:]})
    partial, rule = evidence
    span = rule.bounds(calendar, as_of)
    rows = usable.select(
        {"latest": _shown_reader(usable, partial)},
        start=span.start,
        end=span.end,
        where=where_reader(usable, partial.where),
    ).subquery()
    key = rows.c.user_id if lead is Level.USER else rows.c.account_id
    order = [rows.c.at_micros.desc(), rows.c.latest.is_(None), usable.relation.engine.ordered(rows.c.latest)]
    number = sa.func.row_number().over(partition_by=key, order_by=order)
    numbered = sa.select(key.label("key"), rows.c.latest, rows.c.at_micros, number.label("pql_number")).subquery()
    select = sa.select(numbered.c.key, numbered.c.latest, numbered.c.at_micros).where(numbered.c.pql_number == 1)
    frame = source.fetch(select, usable.relation.file.path).astype(
        {"key": "str", "latest": "str", "at_micros": "float64"}
    )
    joined = frame.merge(pairs, on="key")
    newest = joined.sort_values(["lead_id", "at_micros", "latest"], ascending=[True, False, True], kind="stable")
    chosen = newest.drop_duplicates("lead_id", ignore_index=True)
    return chosen[["lead_id", "latest", "at_micros"]].rename(columns={"at_micros": "latest_at"})


def _shown_reader(usable: Usable, partial: Partial) -> Reader:
    """What of a row is shown: the value that is counted, else the feature, else what happened."""

    def read(rows: Rows) -> Any:
        engine = usable.relation.engine
        names = ("feature", "event") if usable.happening is Happening.EVENTS else ("touch",)
        if partial.of is not None and partial.aggregate.value == "distinct":
            names = (partial.of,)
        return sa.func.coalesce(
            *[engine.text(rows.clean(name)) for name in names if rows.relation.has(name)], sa.null()
        )

    return read


def where_reader(usable: Usable, where: Where) -> Reader:
    """A filter on the rows of a relation."""
    return lambda rows: where_sql(usable.relation.engine, where, rows)


def pattern_rows(
    source: Source,
    usable: Usable,
    moment: Moment,
    *,
    pairs: pd.DataFrame,
    lead: Level,
    since: datetime,
    as_of: datetime,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that a moment's pattern reads, and the firsts that it asks for.

    Args:
        pairs: As for `latest_row`.

    Returns:
        `lead_id`, `user_id`, `at`, `event`, `feature` and the pattern's columns, sorted by `at`; and `lead_id`,
        `user_id`, `first_at` of the leads in these rows.
    """
    pattern = moment.pattern
    names = ["event", "feature", *pattern.columns]
    empty = pd.DataFrame({name: pd.Series(dtype=object) for name in ("lead_id", "user_id", "at", *names)})
    no_firsts = pd.DataFrame({name: pd.Series(dtype=object) for name in ("lead_id", "user_id", "first_at")})
    if pattern.event_filter is None:
        return empty, no_firsts
    passing = where_reader(usable, pattern.event_filter)
    start = since - timedelta(microseconds=pattern.span.micros)
    known = {
        name: _value_reader(name) for name in dict.fromkeys(names) if usable.relation.has(name) and name != "user_id"
    }
    select = usable.select(known, start=start, end=as_of, where=passing)
    frame = _with_leads(source.fetch(select, usable.relation.file.path), pairs, lead)
    rows = frame.reindex(columns=list(empty.columns.unique())).sort_values(
        ["at", "lead_id", "user_id", "event"], ignore_index=True
    )
    firsts = _firsts(source, usable, passing, as_of, pairs, lead, rows) if pattern.asks_first else no_firsts
    return rows, firsts


def _value_reader(name: str) -> Reader:
    def read(rows: Rows) -> Any:
        return value(rows, rows.clean(name))

    return read


def _firsts(
    source: Source,
    usable: Usable,
    passing: Reader,
    as_of: datetime,
    pairs: pd.DataFrame,
    lead: Level,
    rows: pd.DataFrame,
) -> pd.DataFrame:
    if rows.empty:
        return pd.DataFrame({name: pd.Series(dtype=object) for name in ("lead_id", "user_id", "first_at")})
    found = usable.select({}, start=None, end=as_of, where=passing).subquery()
    first = sa.func.min(found.c.at_micros).label("at_micros")
    select = sa.select(found.c.account_id, found.c.user_id, first).group_by(found.c.account_id, found.c.user_id)
    frame = _with_leads(source.fetch(select, usable.relation.file.path), pairs, lead)
    wanted = frame[frame["lead_id"].isin(rows["lead_id"])].assign(user_id=lambda part: part["user_id"].fillna(""))
    first_at = wanted.groupby(["lead_id", "user_id"], sort=True)["at"].min().rename("first_at").reset_index()
    return first_at.assign(user_id=first_at["user_id"].where(first_at["user_id"] != "", None))


def _with_leads(frame: pd.DataFrame, pairs: pd.DataFrame, lead: Level) -> pd.DataFrame:
    typed = frame.rename(columns={"at_micros": "at"}).astype({"account_id": "str", "user_id": "str", "at": np.int64})
    return typed.merge(pairs, left_on="user_id" if lead is Level.USER else "account_id", right_on="key")
