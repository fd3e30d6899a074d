"""What was known when: for each entity one row a span of time in which all that was known of it stayed the same.

What lasts of leads stands in their own rows, wherever these hold the same; see known.py.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.store import fingerprints, known, statements
from pql.store.fingerprints import Fingerprints
from pql.store.known import COLUMNS, LEAD
from pql.store.records import Run
from pql.store.tables import validity
from pql.store.values import chunks, clean_texts, loads, objects, text_hashes

ROWS = 10_000  # entities put into words at a time
_NOTHING = "{}"


def write(connection: sa.Connection, run: Run, entity: str, values: pd.DataFrame) -> int:
    """Write what changed of all entities of a kind; how many of them have other values now, or none any more."""
    ids = clean_texts(values.index.to_series())
    stored = _stored(connection, run, entity)
    places = stored.places(ids)
    ended = stored.others(places)
    changes = _close(connection, entity, stored.names(ended), run.as_of)
    values = values.reset_index(drop=True)[sorted(values.columns)]  # to slice an index of texts is slow
    hashes = np.zeros(len(ids), dtype=np.int64)
    for start in range(0, len(ids), ROWS):
        rows = slice(start, start + ROWS)
        hashes[rows], changed = _write_part(connection, run, entity, ids[rows], values.iloc[rows], stored, places[rows])
        changes += changed
    here = fingerprints.of(ids, hash=hashes).without(np.flatnonzero(hashes == 0))
    fingerprints.keep(connection, f"validity:{entity}", run, here)
    return changes


def _stored(connection: sa.Connection, run: Run, entity: str) -> Fingerprints:
    """The hashes of what still holds."""
    rows = sa.select(validity.c.entity_id, validity.c.hash)
    rows = rows.where(validity.c.entity == entity, validity.c.valid_to.is_(None))
    return fingerprints.stored(connection, f"validity:{entity}", run, rows, {"hash": np.int64})


def _write_part(
    connection: sa.Connection,
    run: Run,
    entity: str,
    ids: list[str],
    values: pd.DataFrame,
    stored: Fingerprints,
    places: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], int]:
    """The hashes, 0 where nothing is known, and how many changed."""
    texts = objects({str(name): values[name] for name in values}, len(ids))
    empty = np.array([text == _NOTHING for text in texts], dtype=bool)
    hashes = np.where(empty, 0, text_hashes(texts).view(np.int64))
    here = places >= 0
    same = np.append(stored.columns["hash"], 0)[places] == hashes
    _close(connection, entity, stored.names(places[here & ~same]), run.as_of)
    at = to_micros(run.as_of)
    begun = np.flatnonzero(~same & ~empty).tolist()
    rows = [(entity, ids[row], at, None, texts[row], int(hashes[row])) for row in begun]
    statements.write_rows(connection, validity, COLUMNS, rows, key=COLUMNS[:3])
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
    query = query.where(table.entity == entity, table.valid_from <= micros, held)
    found: dict[str, dict[str, object]] = {}
    for part in [None] if ids is None else list(chunks(sorted(set(ids)), statements.ROWS)):
        rows = connection.execute(query if part is None else query.where(table.entity_id.in_(part)))
        found |= {row.entity_id: loads(row.known) for row in rows}
        if entity == LEAD:
            found |= known.at(connection, micros, part)
    frame = _wide(dict(sorted(found.items())), names)
    frame.attrs["since"] = _since(connection, entity)
    return frame


def _since(connection: sa.Connection, entity: str) -> int | None:
    first = connection.scalar(sa.select(sa.func.min(validity.c.valid_from)).where(validity.c.entity == entity))
    instants = [first, known.since(connection) if entity == LEAD else None]
    return min((one for one in instants if one is not None), default=None)


def _wide(found: dict[str, dict[str, object]], names: Collection[str] | None) -> pd.DataFrame:
    columns = list(names) if names is not None else sorted({name for values in found.values() for name in values})
    index = pd.Index([entity_id for entity_id, values in found.items() if values.keys() & columns], dtype=object)
    return pd.DataFrame(
        {name: pd.Series([found[one].get(name) for one in index], index=index, dtype=object) for name in columns},
        index=index.rename("entity_id"),
    )
