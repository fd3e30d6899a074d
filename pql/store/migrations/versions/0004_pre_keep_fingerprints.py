# ruff: noqa: INP001 - Alembic runs the files of this folder by their path
"""Keep the hashes of all rows of a kind in one piece, in place of an index."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.create_table(
        "fingerprints",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_fingerprints")),
    )
    op.drop_index("ix_leads_hashes", "leads")


def downgrade() -> None:
    """Take it back."""
    op.create_index("ix_leads_hashes", "leads", ["lead_id", "row_hash", "score_hash", "gone"], unique=False)
    op.drop_table("fingerprints")
