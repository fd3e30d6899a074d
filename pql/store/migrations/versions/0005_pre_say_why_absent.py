# ruff: noqa: INP001 - Alembic runs the files of this folder by their path
"""Remember why a rep is away."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    op.add_column("absences", sa.Column("reason", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("absences", "reason")
