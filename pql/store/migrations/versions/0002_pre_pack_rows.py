# ruff: noqa: INP001 - Alembic runs the files of this folder by their path
"""Keep the verdicts of a lead as bytes, and all that is known of an entity in one row a span of time.

Leads, scores and validity are made anew, since SQLite cannot alter what they need; their rows are carried over.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice, pairwise
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa
from alembic import op

from pql.store.layout import Layout, SignalColumns, pack

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BATCH = 5_000
_STILL = sa.text("valid_to IS NULL")
# What a verdict was in JSON: what is 0, false or unknown at its end was left out.
_CELL: tuple[Any, ...] = (0, None, None, 0, False, 0.0, 0.0, 0.0, 0.0)


def upgrade() -> None:
    """Make the change."""
    for name in ("leads", "scores", "validity"):
        op.execute(sa.text(f"CREATE TEMPORARY TABLE old_{name} AS SELECT * FROM {name}"))
        op.drop_table(name)
    layouts = op.create_table(
        "layouts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layouts")),
        sa.UniqueConstraint("text", name=op.f("uq_layouts_text")),
    )
    _carry_leads(layouts, _create_leads())
    _carry_scores(_create_scores())
    _carry_validity(_create_validity())
    for name in ("leads", "scores", "validity"):
        op.drop_table(f"old_{name}")


def downgrade() -> None:
    """Take it back: what is in bytes cannot be told to an older program."""
    raise NotImplementedError("restore the backup of before this step")


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=False)


def _number(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float(precision=53), server_default="0", nullable=False)


def _create_leads() -> sa.Table:
    leads = op.create_table(
        "leads",
        sa.Column("lead_id", sa.Text(), nullable=False),
        *map(_text, ("name", "domain", "search", "stage", "plan", "owner_email", "success_owner_email")),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        _text("attributes", "{}"),
        sa.Column("eligible", sa.Boolean(), server_default=sa.false(), nullable=False),
        _text("ineligible_why"),
        *map(_number, ("fit", "coverage")),
        _text("fit_grade"),
        _number("behaviour"),
        sa.Column("band", sa.Integer(), server_default="0", nullable=False),
        *map(_text, ("grade", "tier")),
        sa.Column("row_hash", sa.BigInteger(), nullable=False),
        sa.Column("score_hash", sa.BigInteger(), nullable=False),
        _text("run_id"),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("layout", sa.BigInteger(), nullable=False),
        sa.Column("packed", sa.LargeBinary(), nullable=False),
        _text("verdict_texts", "{}"),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_leads")),
    )
    op.create_index("ix_leads_behaviour", "leads", ["behaviour"], unique=False)
    op.create_index("ix_leads_hashes", "leads", ["lead_id", "row_hash", "score_hash", "gone"], unique=False)
    return leads


def _create_scores() -> sa.Table:
    return op.create_table(
        "scores",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), autoincrement=False, nullable=False),
        _text("run_id"),
        sa.Column("eligible", sa.Boolean(), server_default=sa.false(), nullable=False),
        _number("fit"),
        _text("fit_grade"),
        _number("behaviour"),
        sa.Column("band", sa.Integer(), server_default="0", nullable=False),
        *map(_text, ("grade", "tier")),
        sa.PrimaryKeyConstraint("lead_id", "as_of", name=op.f("pk_scores")),
    )


def _create_validity() -> sa.Table:
    validity = op.create_table(
        "validity",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("known", sa.Text(), nullable=False),
        sa.Column("hash", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "entity_id", "valid_from", name=op.f("pk_validity")),
    )
    op.create_index(
        "uq_validity_still",
        "validity",
        ["entity", "entity_id"],
        unique=True,
        sqlite_where=_STILL,
        postgresql_where=_STILL,
    )
    return validity


def _old(name: str, *order: str) -> Iterator[Mapping[str, Any]]:
    """The rows of an old table, in batches, so that they need not all be in memory."""
    start = 0
    ordered = sa.select(sa.text("*")).select_from(sa.table(f"old_{name}")).order_by(*map(sa.column, order))
    while rows := op.get_bind().execute(ordered.limit(_BATCH).offset(start)).mappings().all():
        yield from map(dict, rows)
        start += _BATCH


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    source: Iterator[Any] = iter(rows)
    while batch := list(islice(source, _BATCH)):
        yield batch


def _carry_scores(scores: sa.Table) -> None:
    names = [column.name for column in scores.columns]
    columns: list[sa.ColumnClause[Any]] = [sa.column(name) for name in names]
    source = sa.select(*columns).select_from(sa.table("old_scores"))
    op.execute(sa.insert(scores).from_select(names, source))


# --- leads ------------------------------------------------------------------------------------------------------


def _carry_leads(layouts: sa.Table, leads: sa.Table) -> None:
    numbers: dict[str, int] = {}
    for batch in _batches(_old("leads", "lead_id")):
        for row in batch:
            row["verdicts"], row["fit_parts"] = json.loads(row["verdicts"]), json.loads(row["fit_parts"])
        marks = sorted({name for row in batch for name in row["fit_parts"] if not name.startswith("criterion.")})
        for names, group in groupby(batch, key=_names):
            rows, layout = list(group), Layout(*names, tuple(marks))
            if layout.text not in numbers:
                numbers[layout.text] = len(numbers) + 1
                op.execute(sa.insert(layouts).values(text=layout.text))
            op.bulk_insert(leads, [*_packed(rows, layout, numbers[layout.text])], multiinsert=False)


def _names(row: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(row["verdicts"]), tuple(name for name in row["fit_parts"] if name.startswith("criterion."))


def _packed(rows: Sequence[dict[str, Any]], layout: Layout, number: int) -> Iterator[dict[str, Any]]:
    packed = pack(
        layout,
        [_signal([row["verdicts"][signal] for row in rows]) for signal in layout.signals],
        [np.array([row["fit_parts"][name] for row in rows], dtype=float) for name in layout.criteria],
        [np.array([name in row["fit_parts"] for row in rows], dtype=bool) for name in layout.marks],
        len(rows),
    )
    for row, content in zip(rows, packed, strict=True):
        verdicts, _ = row.pop("verdicts"), row.pop("fit_parts")
        texts = {signal: cells[1] for signal, cells in verdicts.items() if len(cells) > 1 and isinstance(cells[1], str)}
        flags = {name: bool(row[name]) for name in ("eligible", "gone")}
        # A hash of another making: the next run writes every lead again.
        yield {**row, **flags, "row_hash": 0, "layout": number, "packed": content, "verdict_texts": json.dumps(texts)}


def _signal(cells: Sequence[Sequence[Any]]) -> SignalColumns:
    parts = list(zip(*((*cell, *_CELL[len(cell) :]) for cell in cells), strict=True))
    outcome, value, latest, missing, gated, *fired = parts
    numbers = (np.array([part or 0.0 for part in column], dtype=float) for column in fired)
    strengths, decays, points, counted = numbers
    return SignalColumns(
        outcomes=np.array(outcome, dtype=np.int8),
        missing=np.array([code or 0 for code in missing], dtype=np.int8),
        gated=np.array([bool(one) for one in gated], dtype=bool),
        values=np.array([np.nan if isinstance(one, str) else one for one in value], dtype=float),
        latest_at=np.array([one or np.nan for one in latest], dtype=float),
        strengths=strengths,
        decays=decays,
        points=points,
        counted=counted,
    )


# --- validity ---------------------------------------------------------------------------------------------------


def _carry_validity(validity: sa.Table) -> None:
    rows = _old("validity", "entity", "entity_id", "valid_from", "name")
    by_entity = groupby(rows, key=lambda row: (row["entity"], row["entity_id"]))
    spans = (span for (entity, entity_id), group in by_entity for span in _spans(entity, entity_id, list(group)))
    for batch in _batches(spans):
        hashes = pd.util.hash_array(np.array([span["known"] for span in batch], dtype=object), categorize=False)
        written = zip(batch, hashes.astype(np.uint64).view(np.int64).tolist(), strict=True)
        op.bulk_insert(validity, [{**span, "hash": number} for span, number in written], multiinsert=False)


def _spans(entity: str, entity_id: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """One row for each span in which all values of one entity stayed the same."""
    ends = {row["valid_to"] for row in rows if row["valid_to"] is not None}
    instants = [*sorted({row["valid_from"] for row in rows} | ends), np.inf]
    for start, end in pairwise(instants):
        held = [row for row in rows if row["valid_from"] <= start and (row["valid_to"] or np.inf) > start]
        if held:
            known = ",".join(f"{json.dumps(row['name'], ensure_ascii=False)}:{row['value']}" for row in _by_name(held))
            span = {
                "entity": entity,
                "entity_id": entity_id,
                "valid_from": start,
                "valid_to": None if end == np.inf else end,
            }
            yield {**span, "known": f"{{{known}}}"}


def _by_name(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: str(row["name"]))
