"""Rows of events themselves, for messages and moments: a short stretch, or the latest of a few leads."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import Calendar, Span, to_micros
from pql.domain.conditions import Where
from pql.domain.measures import Measure
from pql.domain.moments import Moment
from pql.domain.partials import Level, Partial
from pql.domain.partials import Relation as Happening
from pql.domain.texts import among
from pql.warehouse.filters import where_sql
from pql.warehouse.happenings import Reader, Usable
from pql.warehouse.members import value
from pql.warehouse.relations import Rows
from pql.warehouse.source import Source

LATEST_COLUMNS = ("signal", "lead_id", "latest", "latest_at")


def latest_rows(
    source: Source,
    usable: Usable,
    measures: Mapping[str, Measure],
    *,
    pairs: pd.DataFrame,
    lead: Level,
    calendar: Calendar,
    as_of: datetime,
    only: Reader | None = None,
) -> pd.DataFrame:
    """The latest row behind measures, for each lead: `signal`, `lead_id`, `latest` (text), `latest_at` (microseconds).

    Args:
        usable: Rows of the leads that are wanted.
        measures: Measures of the same relation, with evidence, by the name of their signal.
        pairs: Which accounts, or for user leads which users, a lead has: `key` and `lead_id`.
        only: What rows must pass beside, where an index finds them by it.
    """
    behind = {name: measure.evidence for name, measure in measures.items() if measure.evidence is not None}
    spans = {name: rule.bounds(calendar, as_of) for name, (_, rule) in behind.items()}
    frames = []
    # What reaches back to the beginning would have all others read it too.
    for names in ([n for n, s in spans.items() if s.start is None], [n for n, s in spans.items() if s.start]):
        if names:
            wanted = {name: (behind[name][0], spans[name]) for name in names}
            frames.append(_latest_of(source, usable, wanted, lead, only))
    found = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["signal", "key", "latest", "at"])
    joined = found.astype({"key": "str", "latest": "str", "at": "float64"}).merge(pairs, on="key")
    order = ["signal", "lead_id", "at", "latest"]
    newest = joined.sort_values(order, ascending=[True, True, False, True], kind="stable")
    chosen = newest.drop_duplicates(["signal", "lead_id"], ignore_index=True)
    return chosen.rename(columns={"at": "latest_at"})[list(LATEST_COLUMNS)]


def _latest_of(
    source: Source, usable: Usable, wanted: Mapping[str, tuple[Partial, Span]], lead: Level, only: Reader | None
) -> pd.DataFrame:
    """The latest row of each key for each signal: the rows are read once for all."""
    readers: dict[str, Reader] = {}
    columns: list[sa.Column[Any]] = [sa.Column("key", sa.Text), sa.Column("at_micros", sa.BigInteger)]
    for number, (partial, _) in enumerate(wanted.values()):
        readers |= {
            f"shown_{number}": _shown_reader(usable, partial),
            f"passes_{number}": where_reader(usable, partial.where),
        }
        columns += [sa.Column(f"shown_{number}", sa.Text), sa.Column(f"passes_{number}", sa.Boolean)]
    starts = [span.start for _, span in wanted.values()]
    start, end = (None if None in starts else min(s for s in starts if s)), max(span.end for _, span in wanted.values())
    rows = usable.select(readers, start=start, end=end, where=only).subquery()
    key = rows.c.user_id if lead is Level.USER else rows.c.account_id
    select = sa.select(key.label("key"), rows.c.at_micros, *(rows.c[name] for name in readers))
    name, path = f"pql_latest_{usable.relation.name}", usable.relation.file.path
    table = source.fill(name, columns, select, path)
    stage: Any = select.subquery(name) if table is None else table
    parts = [
        _latest_one(usable, stage, number, signal, span) for number, (signal, (_, span)) in enumerate(wanted.items())
    ]
    try:
        return source.fetch(sa.union_all(*parts), path)
    finally:
        source.drop(name)


def _latest_one(usable: Usable, stage: Any, number: int, signal: str, span: Span) -> sa.Select[Any]:
    shown, at = stage.c[f"shown_{number}"], stage.c.at_micros
    order = [at.desc(), shown.is_(None), usable.relation.engine.ordered(shown)]
    place = sa.func.row_number().over(partition_by=stage.c.key, order_by=order)
    select = sa.select(stage.c.key, shown.label("latest"), at.label("at"), place.label("pql_number"))
    inside = [at < to_micros(span.end), *([] if span.start is None else [at >= to_micros(span.start)])]
    numbered = select.where(stage.c[f"passes_{number}"], *inside).subquery()
    named = sa.literal(signal, sa.Text).label("signal")
    columns = (numbered.c.key, numbered.c.latest, numbered.c["at"].label("at"))
    return sa.select(named, *columns).where(numbered.c.pql_number == 1)


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
        name: value_reader(name) for name in dict.fromkeys(names) if usable.relation.has(name) and name != "user_id"
    }
    select = usable.select(known, start=start, end=as_of, where=passing)
    frame = _with_leads(source.fetch(select, usable.relation.file.path), pairs, lead)
    rows = frame.reindex(columns=list(empty.columns.unique())).sort_values(
        ["at", "lead_id", "user_id", "event"], ignore_index=True
    )
    firsts = _firsts(source, usable, passing, as_of, pairs, lead, rows) if pattern.asks_first else no_firsts
    return rows, firsts


def value_reader(name: str) -> Reader:
    """A column's value, as every engine gives it."""

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
    # Doubled rows are no earlier than the one that counts.
    every = replace(usable, survey=replace(usable.survey, twice=None, orphans=usable.users is not None))
    found = every.select({}, start=None, end=as_of, where=passing).subquery()
    first = sa.func.min(found.c.at_micros).label("at_micros")
    select = sa.select(found.c.account_id, found.c.user_id, first).group_by(found.c.account_id, found.c.user_id)
    frame = _with_leads(source.fetch(select, usable.relation.file.path), pairs, lead)
    wanted = frame[among(frame["lead_id"], rows["lead_id"])].assign(user_id=lambda part: part["user_id"].fillna(""))
    first_at = wanted.groupby(["lead_id", "user_id"], sort=True)["at"].min().rename("first_at").reset_index()
    return first_at.assign(user_id=first_at["user_id"].where(first_at["user_id"] != "", None))


def _with_leads(frame: pd.DataFrame, pairs: pd.DataFrame, lead: Level) -> pd.DataFrame:
    typed = frame.rename(columns={"at_micros": "at"}).astype({"account_id": "str", "user_id": "str", "at": np.int64})
    return typed.merge(pairs, left_on="user_id" if lead is Level.USER else "account_id", right_on="key")
