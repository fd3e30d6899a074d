"""The current row of each lead, and its history."""

from collections.abc import Collection
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.evaluation import Evaluation
from pql.store import statements
from pql.store.packing import Packed, unpack_verdicts
from pql.store.records import Found, LeadRecord, Run, ScoreRecord
from pql.store.tables import leads, qualifications, scores
from pql.store.values import chunks, framed, instant, loads

ROWS = 10_000  # leads packed at a time
_SHOWN = (
    *("name", "domain", "stage", "plan", "owner_email", "success_owner_email", "eligible", "ineligible_why"),
    *("fit", "coverage", "fit_grade", "behaviour", "band", "grade", "tier", "updated_at"),
)
_SCORED = ("lead_id", "run_id", "eligible", "fit", "fit_grade", "behaviour", "band", "grade", "tier")
_NEAR = 0.6
_CANDIDATES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How many leads were written, are gone, and how many steps of history there are more."""

    leads: int
    gone: int
    scores: int


def write(connection: sa.Connection, run: Run, evaluation: Evaluation, shown: Collection[str]) -> Written:
    """Write the leads that differ from what is stored; one query reads the hashes of all."""
    packed = Packed(evaluation, list(shown))
    stored = _stored(connection)
    before = stored.reindex(packed.ids)
    changed = _differs(before["row_hash"], packed.row_hashes)
    scored = _differs(before["score_hash"], packed.score_hashes)
    for start in range(0, len(changed), ROWS):
        rows = packed.rows(changed[start : start + ROWS], run_id=run.id, updated_at=to_micros(run.as_of))
        statements.upsert(connection, leads, rows, key=["lead_id"])
    _write_history(connection, run, [packed.ids[position] for position in scored])
    gone = _mark_gone(connection, run, stored[~stored["gone"]].index.difference(packed.ids))
    return Written(leads=len(changed), gone=gone, scores=len(scored))


def _stored(connection: sa.Connection) -> pd.DataFrame:
    columns = ("lead_id", "row_hash", "score_hash", "gone")
    rows = connection.execute(sa.select(*(leads.c[name] for name in columns))).all()
    frame = framed(rows, list(columns)).set_index("lead_id")
    return frame.astype({"row_hash": "Int64", "score_hash": "Int64", "gone": bool})


def _differs(before: "pd.Series[Any]", now: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    # No hash is 0, so a lead that is new differs.
    known = before.fillna(0).to_numpy(dtype=np.int64)
    return np.flatnonzero(known != now)


def _write_history(connection: sa.Connection, run: Run, ids: list[str]) -> None:
    as_of = sa.literal(to_micros(run.as_of), sa.BigInteger).label("as_of")
    columns = [leads.c[name] for name in _SCORED]
    for chunk in chunks(ids, statements.ROWS):
        # What was just written, copied inside the database. A lead whose score changed was written in this run.
        source = sa.select(*columns, as_of).where(leads.c.lead_id.in_(chunk))
        connection.execute(sa.delete(scores).where(scores.c.lead_id.in_(chunk), scores.c.as_of == to_micros(run.as_of)))
        connection.execute(sa.insert(scores).from_select([*_SCORED, "as_of"], source))


def _mark_gone(connection: sa.Connection, run: Run, ids: "pd.Index[Any]") -> int:
    values = {"gone": True, "row_hash": 0, "run_id": run.id, "updated_at": to_micros(run.as_of)}
    for chunk in chunks(ids.tolist(), statements.ROWS):
        connection.execute(sa.update(leads).where(leads.c.lead_id.in_(chunk)).values(values))
    return len(ids)


def read(connection: sa.Connection, lead_id: str) -> LeadRecord | None:
    """A lead as the last run left it."""
    row = connection.execute(sa.select(leads).where(leads.c.lead_id == lead_id)).one_or_none()
    if row is None:
        return None
    fields = dict(row._mapping)  # noqa: SLF001 - the public name of a row's mapping begins so
    for name in ("search", "row_hash", "score_hash"):
        del fields[name]
    fields |= {name: loads(fields[name]) for name in ("attributes", "fit_parts")}
    fields["verdicts"] = unpack_verdicts(fields["verdicts"])
    fields["created_at"] = instant(fields["created_at"])
    fields["updated_at"] = from_micros(fields["updated_at"])
    return LeadRecord(**fields)


def table(
    connection: sa.Connection,
    *,
    wanted: dict[str, Collection[str] | None],
    owner_email: str | None,
    eligible: bool | None,
    live: bool | None,
    limit: int | None,
) -> pd.DataFrame:
    """The leads that meet all filters, the highest behaviour first; `wanted`: column to allowed values."""
    episode = qualifications.c
    columns = [leads.c.lead_id, *(leads.c[name] for name in _SHOWN)]
    of_episode = [sa.func.coalesce(episode.status, "").label("status"), episode.opened_at, episode.claimed_by]
    joined = leads.outerjoin(qualifications, sa.and_(episode.lead_id == leads.c.lead_id, episode.closed_at.is_(None)))
    query = sa.select(*columns, *of_episode).select_from(joined).where(leads.c.gone == sa.false())
    for name, values in wanted.items():
        if values is not None:
            query = query.where(leads.c[name].in_(list(values)))
    if owner_email is not None:
        query = query.where(sa.func.lower(leads.c.owner_email) == owner_email.lower())
    if eligible is not None:
        query = query.where(leads.c.eligible == sa.literal(eligible))
    if live is not None:
        query = query.where(episode.id.is_not(None) if live else episode.id.is_(None))
    query = query.order_by(leads.c.behaviour.desc(), leads.c.lead_id).limit(limit)
    names = ["lead_id", *_SHOWN, "status", "opened_at", "claimed_by"]
    frame = framed(connection.execute(query).all(), names).set_index("lead_id")
    frame["claimed_by"] = frame["claimed_by"].fillna("")
    return frame.astype({"opened_at": float, "eligible": bool})


def history(connection: sa.Connection, lead_id: str) -> list[ScoreRecord]:
    """The steps of a lead's history, the oldest first."""
    steps = sa.select(scores).where(scores.c.lead_id == lead_id).order_by(scores.c.as_of)
    return [
        ScoreRecord(**{**row._mapping, "as_of": from_micros(row.as_of)})  # noqa: SLF001
        for row in connection.execute(steps)
    ]


def find(connection: sa.Connection, text: str, limit: int) -> list[Found]:
    """Exact ones if any, else those that contain the text, else near ones."""
    wanted = text.strip().casefold()
    if not wanted:
        return []
    parts = _matching(connection, [wanted])
    exact = [found for row in parts if (found := _exact(row, wanted)) is not None]
    if exact or parts:
        return (exact or [_found(row, "part") for row in parts])[:limit]
    windows = {wanted[start : start + 3] for start in range(max(1, len(wanted) - 2))}
    rated = [(_likeness(row, wanted), row) for row in _matching(connection, sorted(windows))]
    near = sorted((pair for pair in rated if pair[0] >= _NEAR), key=lambda pair: (-pair[0], pair[1].lead_id))
    return [_found(row, "near") for _, row in near[:limit]]


def _matching(connection: sa.Connection, texts: list[str]) -> list[sa.Row[*tuple[Any, ...]]]:
    contains = [leads.c.search.contains(text, autoescape=True) for text in texts]
    query = sa.select(leads.c.lead_id, leads.c.name, leads.c.domain, leads.c.search)
    # Short rows first: an exact match is the shortest row that contains its text, or close to it.
    shortest = query.where(sa.or_(*contains)).order_by(sa.func.length(leads.c.search), leads.c.lead_id)
    return list(connection.execute(shortest.limit(_CANDIDATES)).all())


def _exact(row: sa.Row[*tuple[Any, ...]], wanted: str) -> Found | None:
    lead_id, name, domain = row.search.split("\n", 1)[0], row.name.casefold(), row.domain.casefold()
    if wanted == lead_id:
        return _found(row, "id")
    if wanted == name:
        return _found(row, "name")
    return _found(row, "domain") if wanted == domain else None


def _likeness(row: sa.Row[*tuple[Any, ...]], wanted: str) -> float:
    texts = (row.name.casefold(), row.domain.casefold(), row.domain.casefold().partition(".")[0])
    return max(SequenceMatcher(None, wanted, text).ratio() for text in texts)


def _found(row: sa.Row[*tuple[Any, ...]], how: Any) -> Found:
    return Found(lead_id=row.lead_id, name=row.name, domain=row.domain, how=how)
