"""What was known when: values with the span of time in which they held."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.store import statements
from pql.store.tables import validity
from pql.store.values import chunks, clean, coded, framed, loads


def write(connection: sa.Connection, entity: str, known: pd.DataFrame, as_of: datetime) -> int:
    """Write what changed of all entities of a kind; how many values ended or began.

    One query a name reads what held so far, whatever the number of entities.
    """
    named = {clean(name): known[name] for name in known.columns}
    table = validity.c
    still = sa.select(table.name).distinct().where(table.entity == entity, table.valid_to.is_(None))
    dropped = sorted(set(connection.scalars(still)) - named.keys())
    ids = pd.Index([clean(entity_id) for entity_id in known.index])
    changes = sum(_write_name(connection, entity, name, pd.Series(dtype=object), as_of) for name in dropped)
    for name, column in named.items():
        texts = _texts(column).set_axis(ids).dropna()
        changes += _write_name(connection, entity, name, texts, as_of)
    return changes


def _texts(column: "pd.Series[Any]") -> "pd.Series[Any]":
    codes, uniques = coded(column)
    # Infinite numbers are null in JSON: not known.
    texts = np.array([None if text == "null" else text for text in uniques] + [None], dtype=object)
    return pd.Series(texts[codes], dtype=object)


def _write_name(connection: sa.Connection, entity: str, name: str, texts: "pd.Series[Any]", as_of: datetime) -> int:
    table, at = validity.c, to_micros(as_of)
    still = (table.entity == entity, table.name == name, table.valid_to.is_(None))
    rows = connection.execute(sa.select(table.entity_id, table.value).where(*still)).all()
    before = framed(rows, ["id", "value"]).set_index("id")["value"].astype(object)
    places = texts.index.get_indexer(before.index)
    # At place -1, for what is not known now, stands nothing.
    now = np.array([*texts, None], dtype=object)
    same = (places >= 0) & (now[places] == before.to_numpy())
    new = np.ones(len(texts), dtype=bool)
    new[places[same]] = False
    ended, begun = before.index[~same].tolist(), texts[new]
    for chunk in chunks(ended, statements.ROWS):
        mine = (*still, table.entity_id.in_(chunk))
        # What began at this very instant leaves no trace; a span is never empty.
        connection.execute(sa.delete(validity).where(*mine, table.valid_from >= at))
        connection.execute(sa.update(validity).where(*mine).values(valid_to=at))
    what = {"entity": entity, "name": name, "valid_from": at}
    began = [{**what, "entity_id": entity_id, "value": text} for entity_id, text in begun.items()]
    statements.insert(connection, validity, began)
    return len(ended) + len(begun)


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
    query = sa.select(table.entity_id, table.name, table.value)
    query = query.where(table.entity == entity, table.valid_from <= micros, held)
    if names is not None:
        query = query.where(table.name.in_(list(names)))
    rows: list[Any] = []
    for part in [None] if ids is None else list(chunks(ids, statements.ROWS)):
        rows += connection.execute(query if part is None else query.where(table.entity_id.in_(part))).all()
    frame = _wide(rows, names)
    frame.attrs["since"] = connection.scalar(sa.select(sa.func.min(table.valid_from)).where(table.entity == entity))
    return frame


def _wide(rows: Sequence[Any], names: Collection[str] | None) -> pd.DataFrame:
    columns = list(names) if names is not None else sorted({row.name for row in rows})
    cells: dict[str, dict[str, object]] = {name: {} for name in columns}
    for row in rows:
        cells[row.name][row.entity_id] = loads(row.value)
    index = pd.Index(sorted({row.entity_id for row in rows}), name="entity_id", dtype=object)
    return pd.DataFrame({name: pd.Series(cells[name], dtype=object) for name in columns}, index=index)
