# ruff: noqa: INP001 - Alembic runs the files of this folder by their path
"""Remember who is muted or away, what waits and for when, who leads, and what the operator was told."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    _create_absences()
    _create_held()
    _create_leases()
    _create_mutes()
    _create_notices()
    _create_paces()
    _create_source_checks()
    _create_timers()
    _create_told_steps()
    _create_turns()
    op.add_column("outbox", sa.Column("reply_to", sa.Text(), server_default="", nullable=False))
    op.add_column("outbox", sa.Column("fallback_of", sa.Text(), server_default="", nullable=False))
    op.create_index("ix_outbox_thread", "outbox", ["lead_id", "recipient", "channel", "seq"], unique=False)
    op.execute(
        "INSERT INTO told_steps (step_key, run_id, at) "
        "SELECT step_key, max(run_id), max(at) FROM decisions WHERE outcome = 'sent' GROUP BY step_key"
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_outbox_thread", "outbox")
    op.drop_column("outbox", "fallback_of")
    op.drop_column("outbox", "reply_to")
    for table in (
        "turns",
        "told_steps",
        "timers",
        "source_checks",
        "paces",
        "notices",
        "mutes",
        "leases",
        "held",
        "absences",
    ):
        op.drop_table(table)


def _create_absences() -> None:
    op.create_table(
        "absences",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("email", sa.Text(), server_default="", nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_absences"),
    )
    op.create_index("ix_absences_email", "absences", ["email", "until"], unique=False)


def _create_held() -> None:
    op.create_table(
        "held",
        sa.Column("step_key", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), server_default="", nullable=False),
        sa.Column("recipient", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("topic", sa.Text(), server_default="", nullable=False),
        sa.Column("urgency", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("happened_at", sa.BigInteger(), nullable=False),
        sa.Column("held_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("about", sa.Text(), server_default="{}", nullable=False),
        sa.Column("run_id", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("step_key", name="pk_held"),
    )
    op.create_index(
        "ix_held_due_at",
        "held",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_index("ix_held_recipient", "held", ["recipient", "status"], unique=False)


def _create_leases() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), server_default="", nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _create_mutes() -> None:
    op.create_table(
        "mutes",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("lead_id", sa.Text(), server_default="", nullable=False),
        sa.Column("recipient", sa.Text(), server_default="", nullable=False),
        sa.Column("topic", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", name="pk_mutes"),
    )
    op.create_index("ix_mutes_until", "mutes", ["until"], unique=False)


def _create_notices() -> None:
    op.create_table(
        "notices",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("cure", sa.Text(), server_default="", nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.Integer(), server_default="0", nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key", name="pk_notices"),
    )


def _create_paces() -> None:
    op.create_table(
        "paces",
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("free_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("place", name="pk_paces"),
    )


def _create_source_checks() -> None:
    op.create_table(
        "source_checks",
        sa.Column("relation", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("newest_at", sa.BigInteger(), nullable=True),
        sa.Column("row_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("shares", sa.Text(), server_default="{}", nullable=False),
        sa.Column("verdict", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("relation", "at", name="pk_source_checks"),
    )


def _create_timers() -> None:
    op.create_table(
        "timers",
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), server_default="", nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("feature", sa.Text(), server_default="", nullable=False),
        sa.Column("about", sa.Text(), server_default="{}", nullable=False),
        sa.Column("run_id", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("moment", "lead_id", "key", name="pk_timers"),
    )
    op.create_index(
        "ix_timers_due_at",
        "timers",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_index("ix_timers_lead_id", "timers", ["lead_id", "moment"], unique=False)


def _create_told_steps() -> None:
    op.create_table(
        "told_steps",
        sa.Column("step_key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("step_key", name="pk_told_steps"),
    )


def _create_turns() -> None:
    op.create_table(
        "turns",
        sa.Column("pool", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("taken", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("pool", "email", name="pk_turns"),
    )
