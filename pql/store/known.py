"""What is known of leads: as long as it lasts it stands in the lead's own row, and when it is over in `validity`.

A row holds what is known where its `known_hash` is not 0: the values of the attributes that its layout names, since
`known_since` (null: since the row was written). An empty text in a column of its own is unknown.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.store import fingerprints, statements
from pql.store.layout import read_layouts
from pql.store.packing import TEXTS
from pql.store.records import Run
from pql.store.tables import leads, validity
from pql.store.values import chunks, encoded, loads, text_hashes

LEAD = "lead"
COLUMNS = ("entity", "entity_id", "valid_from", "valid_to", "known", "hash")
_Span: TypeAlias = tuple[str, int, dict[str, object]]  # lead, since when, what is known of it by name
_SINCE: sa.ColumnElement[Any] = sa.func.coalesce(leads.c.known_since, leads.c.updated_at)
_HELD = leads.c.known_hash != 0
_OPEN = sa.and_(validity.c.entity == LEAD, validity.c.valid_to.is_(None))


def kept(connection: sa.Connection) -> Mapping[str, sa.ColumnElement[Any]]:
    """What an upsert of a row puts into `known_since`: what it was, or nothing where something else is known."""
    lasts = leads.c.known_hash == statements.new(connection, leads, "known_hash")
    return {"known_since": sa.case((lasts, _SINCE), else_=sa.null())}


def end(connection: sa.Connection, run: Run, ids: Sequence[str]) -> None:
    """Copy what was known of leads whose rows are about to be written; what began at this instant leaves no trace."""
    at = to_micros(run.as_of)
    for chunk in chunks(ids, statements.ROWS):
        _write(connection, _held(connection, leads.c.lead_id.in_(chunk), sa.literal(at) > _SINCE), at)


def at(connection: sa.Connection, micros: int, ids: Collection[str] | None) -> dict[str, dict[str, object]]:
    """What the rows hold that was known at an instant, by lead."""
    chosen = [] if ids is None else [leads.c.lead_id.in_(list(ids))]
    return {lead_id: values for lead_id, _, values in _held(connection, sa.literal(micros) >= _SINCE, *chosen)}


def since(connection: sa.Connection) -> int | None:
    """The first instant since which a row holds what is known."""
    first: int | None = connection.scalar(sa.select(sa.func.min(_SINCE)).where(_HELD))
    return first


def is_loose(connection: sa.Connection) -> bool:
    """Whether what lasts stands in `validity`: before the first run after an upgrade, or when rows do not hold it."""
    return connection.scalar(sa.select(sa.literal(1)).select_from(validity).where(_OPEN).limit(1)) is not None


def loosen(connection: sa.Connection) -> None:
    """Put what rows hold into `validity`, where it goes on."""
    _write(connection, _held(connection), None)
    nothing = {"known_hash": 0, "known_since": None, "row_hash": 0}
    if connection.execute(sa.update(leads).where(_HELD).values(nothing)).rowcount:
        fingerprints.forget(connection, "leads", f"validity:{LEAD}")


def fasten(connection: sa.Connection) -> None:
    """Let the rows, which hold the same, go on from `validity`."""
    table = validity.c
    begun = sa.select(table.valid_from).where(_OPEN, table.entity_id == leads.c.lead_id).scalar_subquery()
    some = sa.select(table.entity_id).where(_OPEN)
    connection.execute(sa.update(leads).where(leads.c.lead_id.in_(some)).values(known_since=begun))
    connection.execute(sa.delete(validity).where(_OPEN))
    fingerprints.forget(connection, f"validity:{LEAD}")


def _held(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> Iterator[_Span]:
    columns = [leads.c.lead_id, _SINCE.label("since"), leads.c.layout, leads.c.attributes]
    query = sa.select(*columns, *(leads.c[name] for name in TEXTS)).where(_HELD, *conditions)
    rows = connection.execute(query).all()
    layouts = read_layouts(connection, {row.layout for row in rows})
    for row in rows:
        texts = {name: text or None for name, text in zip(TEXTS, row[len(columns) :], strict=True)}
        values = {**loads(row.attributes), **texts}
        named = {name: values.get(name) for name in layouts[row.layout].known}
        yield row.lead_id, row.since, {name: value for name, value in named.items() if value is not None}


def _write(connection: sa.Connection, spans: Iterable[_Span], end: int | None) -> None:
    whole = list(spans)
    texts = [encoded(values) for _, _, values in whole]
    hashes = text_hashes(texts).view(np.int64).tolist() if texts else []
    rows = [
        (LEAD, lead_id, begun, end, text, number)
        for (lead_id, begun, _), text, number in zip(whole, texts, hashes, strict=True)
    ]
    statements.write_rows(connection, validity, COLUMNS, rows, key=COLUMNS[:3])
