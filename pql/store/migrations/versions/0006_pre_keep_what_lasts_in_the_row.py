# ruff: noqa: INP001 - Alembic runs the files of this folder by their path
"""Let the step of a lead's history that lasts, and what is known of it, stand in the lead's own row.

What is known moves there with the next run, which writes every lead once: until then it goes on in `validity`.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SCORED: dict[str, tuple[str, sa.types.TypeEngine[Any]]] = {
    "scored_at": ("as_of", sa.BigInteger()),
    "scored_by": ("run_id", sa.Text()),
    "scored_fit": ("fit", sa.Float(precision=53)),
    "scored_behaviour": ("behaviour", sa.Float(precision=53)),
}


def upgrade() -> None:
    """Make the change."""
    for name, (_, kind) in _SCORED.items():
        op.add_column("leads", sa.Column(name, kind, nullable=True))
    op.add_column("leads", sa.Column("known_hash", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("leads", sa.Column("known_since", sa.BigInteger(), nullable=True))
    _move_steps()


def _move_steps() -> None:
    """The newest step of each lead lasts."""
    names = ("lead_id", *_SCORED, *(source for source, _ in _SCORED.values()))
    leads, scores = (sa.table(table, *(sa.column(name) for name in names)) for table in ("leads", "scores"))
    past = scores.alias()
    newest = sa.select(sa.func.max(past.c.as_of)).where(past.c.lead_id == scores.c.lead_id).scalar_subquery()
    values = {name: scores.c[source] for name, (source, _) in _SCORED.items()}
    op.execute(sa.update(leads).values(values).where(leads.c.lead_id == scores.c.lead_id, scores.c.as_of == newest))
    moved = sa.exists().where(leads.c.lead_id == scores.c.lead_id, leads.c.scored_at == scores.c.as_of)
    op.execute(sa.delete(scores).where(moved))


def downgrade() -> None:
    """Take it back: what is known stands in rows that an older program cannot read."""
    raise NotImplementedError("restore the backup of before this step")
