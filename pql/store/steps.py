"""The steps of the leads' histories: the one that lasts stands in the lead's own row, those that are over in `scores`.

Where `scored_at`, `scored_by`, `scored_fit` and `scored_behaviour` of a row are null, the step began when the row was
written, so that its own `updated_at`, `run_id`, `fit` and `behaviour` are the step's.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.store import statements
from pql.store.records import Run, ScoreRecord
from pql.store.tables import leads, scores
from pql.store.values import chunks

# What the beginning of a step is kept in, and where it stands as long as the row is as the step began.
_BEGUN = {"scored_at": "updated_at", "scored_by": "run_id", "scored_fit": "fit", "scored_behaviour": "behaviour"}


def begun() -> dict[str, sa.ColumnElement[Any]]:
    """What an update of a row puts into the columns of its step, while the step lasts."""
    return {name: sa.func.coalesce(leads.c[name], leads.c[source]) for name, source in _BEGUN.items()}


def kept(connection: sa.Connection) -> Mapping[str, sa.ColumnElement[Any]]:
    """What an upsert of a row puts there: the same, or nothing where another step begins."""
    lasts = leads.c.score_hash == statements.new(connection, leads, "score_hash")
    return {name: sa.case((lasts, value), else_=sa.null()) for name, value in begun().items()}


def _lasting() -> dict[str, sa.ColumnElement[Any]]:
    """The steps that last, as the columns of `scores`."""
    of_row = {source: value for value, source in zip(begun().values(), _BEGUN.values(), strict=True)}
    of_row["as_of"] = of_row["updated_at"]
    return {column.name: of_row[column.name] if column.name in of_row else leads.c[column.name] for column in scores.c}


def end(connection: sa.Connection, run: Run, ids: Sequence[str]) -> None:
    """Copy the steps of leads whose rows are about to be written with others; one of this instant leaves no trace."""
    columns = _lasting()
    old = sa.select(*(value.label(name) for name, value in columns.items()))
    old = old.where(columns["as_of"] != to_micros(run.as_of))
    for chunk in chunks(ids, statements.ROWS):
        statements.upsert_from(connection, scores, old.where(leads.c.lead_id.in_(chunk)))


def _steps(ids: Collection[str]) -> sa.Subquery:
    """All steps of these leads, those that are over and those that last."""
    columns = _lasting()
    last = sa.select(*(value.label(name) for name, value in columns.items())).where(leads.c.lead_id.in_(list(ids)))
    again = sa.exists().where(leads.c.lead_id == scores.c.lead_id, columns["as_of"] == scores.c.as_of)
    return sa.union_all(sa.select(scores).where(scores.c.lead_id.in_(list(ids)), ~again), last).subquery()


def history(connection: sa.Connection, lead_id: str) -> list[ScoreRecord]:
    """The steps of a lead's history, the oldest first."""
    steps = _steps([lead_id])
    return [
        ScoreRecord(**{**row._mapping, "as_of": from_micros(row.as_of)})  # noqa: SLF001
        for row in connection.execute(sa.select(steps).order_by(steps.c.as_of))
    ]


def at(connection: sa.Connection, ids: Collection[str], micros: int) -> dict[str, tuple[str, float]]:
    """The grade and the behaviour score that each of these leads had at an instant; absent where none is known."""
    steps = _steps(ids)
    query = sa.select(steps.c.lead_id, steps.c.grade, steps.c.behaviour).where(steps.c.as_of <= micros)
    return {row[0]: (row[1], float(row[2])) for row in connection.execute(query.order_by(steps.c.as_of))}
