"""What was known when: for each entity one row a span of time in which all that was known of it stayed the same."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.store import statements
from pql.store.tables import validity
from pql.store.values import chunks, clean_texts, loads, objects, text_hashes

ROWS = 10_000  # entities put into words at a time
FEW = 20_000  # of more, all are read at once
_WRITTEN = ("entity", "entity_id", "valid_from", "known", "hash")
_NOTHING = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Differing:
    """What is known to be the only ones that may have changed: positions among those known, and ids that are gone."""

    known: npt.NDArray[np.int64]
    gone: Sequence[str]


def write(
    connection: sa.Connection, entity: str, known: pd.DataFrame, as_of: datetime, differing: Differing | None = None
) -> int:
    """Write what changed of all entities of a kind; how many of them have other values now, or none any more.

    One query reads the hashes of what held so far, whatever the number of entities; where few can have changed,
    only theirs.
    """
    if differing is not None:
        known = known.iloc[differing.known]
    ids = clean_texts(known.index.to_series())
    stored = _stored(connection, entity, None if differing is None else [*ids, *differing.gone])
    places = stored.index.get_indexer(pd.Index(ids, dtype=object))
    unseen = np.ones(len(stored), dtype=bool)
    unseen[places[places >= 0]] = False
    changes = _end(connection, entity, stored.index[unseen], as_of)
    known = known.reset_index(drop=True)[sorted(known.columns)]  # to slice an index of texts is slow
    for start in range(0, len(ids), ROWS):
        rows = slice(start, start + ROWS)
        changes += _write_part(connection, entity, ids[rows], known.iloc[rows], stored, places[rows], as_of)
    return changes


def _stored(connection: sa.Connection, entity: str, ids: Sequence[str] | None) -> pd.DataFrame:
    """Index `entity_id`; the hashes of what still holds, of these entities or of all."""
    query = sa.select(validity.c.entity_id, validity.c.hash)
    query = query.where(validity.c.entity == entity, validity.c.valid_to.is_(None))
    if ids is None or len(ids) > FEW:
        found = statements.fetched(connection, query, (object, np.int64)).set_index("entity_id")
        return found if ids is None else found[found.index.isin(ids)]
    parts = [query.where(validity.c.entity_id.in_(part)) for part in chunks(ids, statements.ROWS)]
    frames = [statements.fetched(connection, part, (object, np.int64)) for part in parts]
    empty = pd.DataFrame({"entity_id": pd.Series(dtype=object), "hash": pd.Series(dtype=np.int64)})
    return (pd.concat(frames) if frames else empty).set_index("entity_id")


def _write_part(
    connection: sa.Connection,
    entity: str,
    ids: list[str],
    known: pd.DataFrame,
    stored: pd.DataFrame,
    places: npt.NDArray[np.intp],
    as_of: datetime,
) -> int:
    texts = objects({str(name): known[name] for name in known}, len(ids))
    hashes = text_hashes(texts).view(np.int64)
    here, empty = places >= 0, np.array([text == _NOTHING for text in texts], dtype=bool)
    same = here & (np.append(stored["hash"].to_numpy(), 0)[places] == hashes)
    _end(connection, entity, stored.index[places[here & ~same]], as_of)
    at = to_micros(as_of)
    begun = np.flatnonzero(~same & ~empty).tolist()
    rows = [(entity, ids[row], at, texts[row], int(hashes[row])) for row in begun]
    statements.write_rows(connection, validity, _WRITTEN, rows, key=_WRITTEN[:3])
    return int(np.count_nonzero(~same & (here | ~empty)))


def _end(connection: sa.Connection, entity: str, ids: "pd.Index[Any]", as_of: datetime) -> int:
    table, at = validity.c, to_micros(as_of)
    for chunk in chunks(ids.tolist(), statements.ROWS):
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
