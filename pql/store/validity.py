"""What was known when: for each entity one row a span of time in which all that was known of it stayed the same."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.store import fingerprints, statements
from pql.store.fingerprints import Fingerprints
from pql.store.records import Run
from pql.store.tables import validity
from pql.store.values import chunks, clean_texts, loads, objects, text_hashes

ROWS = 10_000  # entities put into words at a time
_WRITTEN = ("entity", "entity_id", "valid_from", "known", "hash")
_NOTHING = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """What is known to be the only ones that may have changed: positions among those known, and ids that are gone."""

    known: npt.NDArray[np.int64]
    gone: Sequence[str]


def write(
    connection: sa.Connection, run: Run, entity: str, known: pd.DataFrame, differing: Differing | None = None
) -> int:
    """Write what changed of all entities of a kind; how many of them have other values now, or none any more."""
    if differing is not None:
        known = known.iloc[differing.known]
    ids = clean_texts(known.index.to_series())
    stored = _stored(connection, run, entity)
    places = stored.places(ids)
    ended = _unseen(stored, places, differing)
    changes = _close(connection, entity, stored.names(ended), run.as_of)
    known = known.reset_index(drop=True)[sorted(known.columns)]  # to slice an index of texts is slow
    hashes = np.zeros(len(ids), dtype=np.int64)
    for start in range(0, len(ids), ROWS):
        rows = slice(start, start + ROWS)
        hashes[rows], changed = _write_part(connection, run, entity, ids[rows], known.iloc[rows], stored, places[rows])
        changes += changed
    here = fingerprints.of(ids, hash=hashes).without(np.flatnonzero(hashes == 0))
    left = stored.without(np.concatenate([ended, places]))
    fingerprints.keep(connection, f"validity:{entity}", run, left + here)
    return changes


def _stored(connection: sa.Connection, run: Run, entity: str) -> Fingerprints:
    """The hashes of what still holds."""
    rows = sa.select(validity.c.entity_id, validity.c.hash)
    rows = rows.where(validity.c.entity == entity, validity.c.valid_to.is_(None))
    return fingerprints.stored(connection, f"validity:{entity}", run, rows, {"hash": np.int64})


def _unseen(stored: Fingerprints, places: npt.NDArray[np.int64], differing: Differing | None) -> npt.NDArray[np.int64]:
    """Where those stand of which nothing is known any more."""
    if differing is None:
        return stored.others(places)
    gone = stored.places(differing.gone)
    return gone[gone >= 0]


def _write_part(
    connection: sa.Connection,
    run: Run,
    entity: str,
    ids: list[str],
    known: pd.DataFrame,
    stored: Fingerprints,
    places: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], int]:
    """The hashes, 0 where nothing is known, and how many changed."""
    texts = objects({str(name): known[name] for name in known}, len(ids))
    empty = np.array([text == _NOTHING for text in texts], dtype=bool)
    hashes = np.where(empty, 0, text_hashes(texts).view(np.int64))
    here = places >= 0
    same = np.append(stored.columns["hash"], 0)[places] == hashes
    _close(connection, entity, stored.names(places[here & ~same]), run.as_of)
    at = to_micros(run.as_of)
    begun = np.flatnonzero(~same & ~empty).tolist()
    rows = [(entity, ids[row], at, texts[row], int(hashes[row])) for row in begun]
    statements.write_rows(connection, validity, _WRITTEN, rows, key=_WRITTEN[:3])
    return hashes, int(np.count_nonzero(~same))


def _close(connection: sa.Connection, entity: str, ids: Sequence[str], as_of: datetime) -> int:
    table, at = validity.c, to_micros(as_of)
    for chunk in chunks(ids, statements.ROWS):
        mine = (table.entity == entity, table.entity_id.in_(chunk), table.valid_to.is_(None))
        # What began at this very instant leaves no trace; a span is never empty.
        connection.execute(sa.delete(validity).where(*mine, table.valid_from >= at))
        connection.execute(sa.update(validity).where(*mine).values(valid_to=at))
    return len(ids)


def at(
    connection: sa.Connection,
    entity: str,
    instant: datetime,
    names: Collection[str] | None,
    ids: Collection[str] | None,
) -> pd.DataFrame:
    """What was known at an instant; see `Store.validity_at`."""
    table, micros = validity.c, to_micros(instant)
    held = sa.or_(table.valid_to.is_(None), table.valid_to > micros)
    query = sa.select(table.entity_id, table.known)
    query = query.where(table.entity == entity, table.valid_from <= micros, held).order_by(table.entity_id)
    known: dict[str, dict[str, object]] = {}
    for part in [None] if ids is None else list(chunks(sorted(set(ids)), statements.ROWS)):
        rows = connection.execute(query if part is None else query.where(table.entity_id.in_(part)))
        known |= {row.entity_id: loads(row.known) for row in rows}
    frame = _wide(known, names)
    frame.attrs["since"] = connection.scalar(sa.select(sa.func.min(table.valid_from)).where(table.entity == entity))
    return frame


def _wide(known: dict[str, dict[str, object]], names: Collection[str] | None) -> pd.DataFrame:
    columns = list(names) if names is not None else sorted({name for values in known.values() for name in values})
    index = pd.Index([entity_id for entity_id, values in known.items() if values.keys() & columns], dtype=object)
    return pd.DataFrame(
        {name: pd.Series([known[one].get(name) for one in index], index=index, dtype=object) for name in columns},
        index=index.rename("entity_id"),
    )
