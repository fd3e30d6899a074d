"""The current row of each lead."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.evaluation import Evaluation, Rows
from pql.domain.overview import SLICE, Overview
from pql.store import fingerprints, known, statements, steps
from pql.store.fingerprints import Fingerprints
from pql.store.layout import Layout, read_layouts, unpack_fit, unpack_verdicts
from pql.store.packing import COLUMNS, Packed, hashes_of, layout_of, texts_of
from pql.store.records import Found, LeadHashes, LeadRecord, Run
from pql.store.tables import layouts, leads, qualifications
from pql.store.values import chunks, framed, instant, loads

__all__ = ["Written", "find", "read", "table", "write"]

ROWS = 10_000  # leads packed at a time
_SHOWN = (
    *("name", "domain", "stage", "plan", "owner_email", "success_owner_email", "eligible", "ineligible_why"),
    *("fit", "coverage", "fit_grade", "behaviour", "band", "grade", "tier", "updated_at"),
)
_WRITTEN = (*COLUMNS, "run_id", "updated_at", "gone", "layout")
_KIND = "leads"
_HASHES = ("row_hash", "score_hash", "known_hash")
_BESIDE = ("search", *_HASHES, "scored_at", "scored_by", "scored_fit", "scored_behaviour", "known_since")
_NEAR = 0.6
_Rows: TypeAlias = list[tuple[Any, ...]]
_Made = TypeVar("_Made")
_CANDIDATES = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written of the leads.

    Args:
        changed: How many leads were written.
        gone: How many the source no longer has.
        scores: How many steps of history there are more.
        known: Of how many something else is known, or nothing any more.
    """

    changed: int
    gone: int
    scores: int
    known: int


def write(
    connection: sa.Connection,
    run: Run,
    evaluation: Evaluation | Overview,
    shown: Sequence[str],
    kept: Sequence[str] = (),
    hashes: LeadHashes | None = None,
) -> Written:
    """Write the leads that differ from what is stored, part by part.

    `kept`: the attributes of which is kept when they were known; where these become others, every lead differs.
    `hashes`: those of all leads, with `shown` and `kept`; None: they are worked out.
    """
    here = hashes or hashes_of(evaluation.part(slice(0, len(evaluation.leads))), shown, _live(connection), kept=kept)
    stored = _stored(connection, run)
    ids = texts_of(evaluation.leads.index)
    places = stored.places(ids)
    differing = _Differing.of(stored, places, here)
    layout = _layout_id(connection, layout_of(evaluation.part(slice(0, 0)), kept))
    of_run = (run.id, to_micros(run.as_of), False, layout)
    lasting = {**steps.kept(connection), **known.kept(connection)}
    steps.end(connection, run, differing.stepped)
    known.end(connection, run, differing.unlike)
    for rows in _one_ahead(_rows(evaluation, here, differing.rows, shown, kept, of_run)):
        statements.write_rows(connection, leads, _WRITTEN, rows, key=["lead_id"], also=lasting)
    gone = _end(connection, run, stored, places)
    now = dict(zip(_HASHES, (here.rows, here.scores, here.known), strict=True))
    everyone = Fingerprints(ids, {**now, "gone": np.zeros(len(ids), dtype=bool)})
    fingerprints.keep(connection, _KIND, run, everyone + _as_gone(stored.without(places)))
    _, scores, others = differing.counts
    return Written(changed=len(differing.rows), gone=gone.leads, scores=scores, known=others + gone.known)


def _live(connection: sa.Connection) -> Sequence[str]:
    return [*connection.scalars(sa.select(qualifications.c.lead_id).where(qualifications.c.closed_at.is_(None)))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Differing:
    """Which leads are not as they are stored, and what ends with it.

    Args:
        rows: The positions of those that differ.
        stepped: The ids of those that are stored with another step of the history.
        unlike: The ids of those of which the rows hold something else as known.
        counts: How many differ, begin a step, and have other things known.
    """

    rows: npt.NDArray[np.int64]
    stepped: Sequence[str]
    unlike: Sequence[str]
    counts: tuple[int, int, int]

    @classmethod
    def of(cls, stored: Fingerprints, places: npt.NDArray[np.int64], hashes: LeadHashes) -> "_Differing":
        """What differs from what is stored at these places."""
        now = (hashes.rows, hashes.scores, hashes.known)
        before = [np.append(stored.columns[name], 0)[places] for name in _HASHES]
        # No hash of a row or a step is 0, so a lead that is new (at place -1) differs.
        rows, begun, others = (np.flatnonzero(was != is_) for was, is_ in zip(before, now, strict=True))
        return cls(
            rows=rows,
            stepped=stored.names(places[begun[places[begun] >= 0]]),
            unlike=stored.names(places[others[before[2][others] != 0]]),
            counts=(len(rows), len(begun), len(others)),
        )


def _rows(
    evaluation: Evaluation | Overview,
    hashes: LeadHashes,
    differing: npt.NDArray[np.int64],
    shown: Sequence[str],
    kept: Sequence[str],
    of_run: tuple[Any, ...],
) -> Iterator[_Rows]:
    """The rows of the leads that differ, a part at a time."""
    for begin in range(0, len(differing), SLICE):
        positions = differing[begin : begin + SLICE]
        packed = Packed(evaluation.part(_as_rows(positions)), shown, kept=kept, hashes=hashes.of(positions))
        for start in range(0, len(positions), ROWS):
            yield packed.rows(slice(start, start + ROWS), of_run)


def _as_rows(positions: npt.NDArray[np.int64]) -> Rows:
    """A slice where they follow one another: of frames it takes no copy."""
    whole = len(positions) and positions[-1] - positions[0] + 1 == len(positions)
    return slice(int(positions[0]), int(positions[-1]) + 1) if whole else positions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gone:
    """How many leads are gone, and of how many of them something was known."""

    leads: int
    known: int


def _end(connection: sa.Connection, run: Run, stored: Fingerprints, places: npt.NDArray[np.int64]) -> _Gone:
    """Mark those that the source no longer has."""
    unseen = stored.others(places)
    unseen = unseen[~stored.columns["gone"][unseen]]
    held = unseen[stored.columns["known_hash"][unseen] != 0]
    known.end(connection, run, stored.names(held))
    _mark_gone(connection, run, stored.names(unseen))
    return _Gone(leads=len(unseen), known=len(held))


def _as_gone(left: Fingerprints) -> Fingerprints:
    """As `_mark_gone` leaves them."""
    nothing = np.zeros(len(left), dtype=np.int64)
    everyone = {"row_hash": nothing, "known_hash": nothing, "gone": np.ones(len(left), dtype=bool)}
    return Fingerprints(left.ids, {**left.columns, **everyone})


def _one_ahead(parts: Iterator[_Made]) -> Iterator[_Made]:
    """While one is used, the next is made by another thread."""
    with ThreadPoolExecutor(1, thread_name_prefix="pql-pack") as pool:
        coming: Future[_Made | None] = pool.submit(next, parts, None)
        while (made := coming.result()) is not None:
            coming = pool.submit(next, parts, None)
            yield made


def _layout_id(connection: sa.Connection, layout: Layout) -> int:
    statements.insert_new(connection, layouts, [{"text": layout.text}], key=["text"])
    number: int = connection.execute(sa.select(layouts.c.id).where(layouts.c.text == layout.text)).scalar_one()
    return number


def _stored(connection: sa.Connection, run: Run) -> Fingerprints:
    """The hashes, and who is gone."""
    types = {**dict.fromkeys(_HASHES, np.int64), "gone": bool}
    rows = sa.select(leads.c.lead_id, *(leads.c[name] for name in types))
    return fingerprints.stored(connection, _KIND, run, rows, types)


def _mark_gone(connection: sa.Connection, run: Run, ids: Sequence[str]) -> None:
    values = {"gone": True, "row_hash": 0, "run_id": run.id, "updated_at": to_micros(run.as_of)}
    values |= {**steps.begun(), "known_hash": 0, "known_since": None}
    for chunk in chunks(ids, statements.ROWS):
        connection.execute(sa.update(leads).where(leads.c.lead_id.in_(chunk)).values(values))


def read(connection: sa.Connection, lead_id: str) -> LeadRecord | None:
    """A lead as the last run left it."""
    row = connection.execute(sa.select(leads).where(leads.c.lead_id == lead_id)).one_or_none()
    return None if row is None else _record(row, read_layouts(connection, {row.layout}))


def read_many(connection: sa.Connection, lead_ids: Collection[str]) -> list[LeadRecord]:
    """The leads of these that are there, as the last run left them, sorted."""
    query = sa.select(leads).where(leads.c.gone == sa.false())
    rows = statements.rows_of_leads(connection, query, leads.c.lead_id, lead_ids)
    numbered = read_layouts(connection, {row.layout for row in rows})
    return sorted((_record(row, numbered) for row in rows), key=lambda record: record.lead_id)


def _record(row: sa.Row[*tuple[Any, ...]], numbered: Mapping[int, Layout]) -> LeadRecord:
    fields = dict(row._mapping)  # noqa: SLF001 - the public name of a row's mapping begins so
    for name in _BESIDE:
        del fields[name]
    layout, packed = numbered[fields.pop("layout")], fields.pop("packed")
    fields["attributes"] = loads(fields["attributes"])
    fields["fit_parts"] = unpack_fit(layout, packed)
    fields["verdicts"] = unpack_verdicts(layout, packed, loads(fields.pop("verdict_texts")))
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
