# ruff: noqa: INP001 - Alembic runs the files of this folder by their path
"""Create all tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the change."""
    _create_check_ins()
    _create_definitions()
    _create_lead_states()
    _create_settings()
    _create_validity()
    _create_runs()
    _create_decisions()
    _create_leads()
    _create_occurrences()
    _create_outbox()
    _create_qualifications()
    _create_run_locks()
    _create_scores()
    _create_conversions()
    _create_deliveries()
    _create_outcomes()


def downgrade() -> None:
    """Take it back."""
    for table in (
        "outcomes",
        "deliveries",
        "conversions",
        "scores",
        "run_locks",
        "qualifications",
        "outbox",
        "occurrences",
        "leads",
        "decisions",
        "runs",
        "validity",
        "settings",
        "lead_states",
        "definitions",
        "check_ins",
    ):
        op.drop_table(table)


def _create_check_ins() -> None:
    op.create_table(
        "check_ins",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", "name", name=op.f("pk_check_ins")),
    )
    op.create_index("ix_check_ins_due_at", "check_ins", ["due_at"], unique=False)


def _create_definitions() -> None:
    op.create_table(
        "definitions",
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("content_hash", name=op.f("pk_definitions")),
    )


def _create_lead_states() -> None:
    op.create_table(
        "lead_states",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("above_since", sa.BigInteger(), nullable=True),
        sa.Column("below_since", sa.BigInteger(), nullable=True),
        sa.Column("cooldown_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_lead_states")),
    )


def _create_settings() -> None:
    op.create_table(
        "settings",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_settings")),
    )


def _create_validity() -> None:
    op.create_table(
        "validity",
        sa.Column("entity", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("entity_id", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("entity", "name", "entity_id", "valid_from", name=op.f("pk_validity")),
    )
    op.create_index(
        "uq_validity_still",
        "validity",
        ["entity", "name", "entity_id"],
        unique=True,
        sqlite_where=sa.text("valid_to IS NULL"),
        postgresql_where=sa.text("valid_to IS NULL"),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), server_default="", nullable=False),
        sa.Column("as_of", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("finished_at", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), server_default="", nullable=False),
        sa.Column("definitions_hash", sa.Text(), nullable=True),
        sa.Column("counts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("norms", sa.Text(), server_default="{}", nullable=False),
        sa.Column("cuts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["definitions_hash"], ["definitions.content_hash"], name=op.f("fk_runs_definitions_hash")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index("ix_runs_job_as_of", "runs", ["job", "as_of"], unique=False)
    op.create_index(
        "uq_runs_done",
        "runs",
        ["job", "as_of"],
        unique=True,
        sqlite_where=sa.text("status = 'done'"),
        postgresql_where=sa.text("status = 'done'"),
    )


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("topic", sa.Text(), server_default="", nullable=False),
        sa.Column("step_key", sa.Text(), server_default="", nullable=False),
        sa.Column("recipient", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("times", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_decisions_run_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_decisions")),
        sa.UniqueConstraint(
            "step_key",
            "recipient",
            "channel",
            "outcome",
            "why",
            name=op.f("uq_decisions_step_key_recipient_channel_outcome_why"),
        ),
    )
    op.create_index("ix_decisions_lead_id_at", "decisions", ["lead_id", "at"], unique=False)
    op.create_index("ix_decisions_recipient_at", "decisions", ["recipient", "at"], unique=False)


def _create_leads() -> None:
    op.create_table(
        "leads",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("domain", sa.Text(), server_default="", nullable=False),
        sa.Column("search", sa.Text(), server_default="", nullable=False),
        sa.Column("stage", sa.Text(), server_default="", nullable=False),
        sa.Column("plan", sa.Text(), server_default="", nullable=False),
        sa.Column("owner_email", sa.Text(), server_default="", nullable=False),
        sa.Column("success_owner_email", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=True),
        sa.Column("attributes", sa.Text(), server_default="{}", nullable=False),
        sa.Column("eligible", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("ineligible_why", sa.Text(), server_default="", nullable=False),
        sa.Column("fit", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("coverage", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("fit_grade", sa.Text(), server_default="", nullable=False),
        sa.Column("fit_parts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("behaviour", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("band", sa.Integer(), server_default="0", nullable=False),
        sa.Column("grade", sa.Text(), server_default="", nullable=False),
        sa.Column("tier", sa.Text(), server_default="", nullable=False),
        sa.Column("verdicts", sa.Text(), server_default="{}", nullable=False),
        sa.Column("row_hash", sa.BigInteger(), nullable=False),
        sa.Column("score_hash", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_leads_run_id")),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_leads")),
    )
    op.create_index("ix_leads_behaviour", "leads", ["behaviour"], unique=False)


def _create_occurrences() -> None:
    op.create_table(
        "occurrences",
        sa.Column("moment", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("user_id", sa.Text(), server_default="", nullable=False),
        sa.Column("count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("feature", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_occurrences_run_id")),
        sa.PrimaryKeyConstraint("moment", "lead_id", "key", name=op.f("pk_occurrences")),
    )
    op.create_index("ix_occurrences_lead_id_at", "occurrences", ["lead_id", "at"], unique=False)


def _create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("step_key", sa.Text(), server_default="", nullable=False),
        sa.Column("lead_id", sa.Text(), server_default="", nullable=False),
        sa.Column("subject", sa.Text(), server_default="", nullable=False),
        sa.Column("recipient", sa.Text(), server_default="", nullable=False),
        sa.Column("channel", sa.Text(), server_default="", nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("payload", sa.Text(), server_default="{}", nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("valid_until", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("ambiguous", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("first_tried_at", sa.BigInteger(), nullable=True),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("lease_token", sa.Text(), nullable=True),
        sa.Column("sent_at", sa.BigInteger(), nullable=True),
        sa.Column("reference", sa.Text(), server_default="", nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_outbox_run_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outbox")),
        sa.UniqueConstraint("delivery_id", name=op.f("uq_outbox_delivery_id")),
        sa.UniqueConstraint("step_key", "recipient", "channel", name=op.f("uq_outbox_step_key_recipient_channel")),
    )
    op.create_index("ix_outbox_created_at", "outbox", ["created_at"], unique=False)
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at", "seq"],
        unique=False,
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )
    op.create_index(
        "ix_outbox_order",
        "outbox",
        ["lead_id", "recipient", "channel", "seq"],
        unique=False,
        sqlite_where=sa.text("status = 'waiting'"),
        postgresql_where=sa.text("status = 'waiting'"),
    )


def _create_qualifications() -> None:
    op.create_table(
        "qualifications",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), server_default="", nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("tier", sa.Text(), server_default="", nullable=False),
        sa.Column("grade", sa.Text(), server_default="", nullable=False),
        sa.Column("behaviour", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("fit", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("claimed_by", sa.Text(), server_default="", nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("close_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("lead_time", sa.BigInteger(), nullable=True),
        sa.Column("snoozed_until", sa.BigInteger(), nullable=True),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("evidence", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_qualifications_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qualifications")),
    )
    op.create_index("ix_qualifications_lead_id_opened_at", "qualifications", ["lead_id", "opened_at"], unique=False)
    op.create_index(
        "uq_qualifications_live",
        "qualifications",
        ["lead_id"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )


def _create_run_locks() -> None:
    op.create_table(
        "run_locks",
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_run_locks_run_id")),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_run_locks")),
    )


def _create_scores() -> None:
    op.create_table(
        "scores",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("as_of", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("eligible", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("fit", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("fit_grade", sa.Text(), server_default="", nullable=False),
        sa.Column("behaviour", sa.Float(precision=53), server_default="0", nullable=False),
        sa.Column("band", sa.Integer(), server_default="0", nullable=False),
        sa.Column("grade", sa.Text(), server_default="", nullable=False),
        sa.Column("tier", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_scores_run_id")),
        sa.PrimaryKeyConstraint("lead_id", "as_of", name=op.f("pk_scores")),
    )


def _create_conversions() -> None:
    op.create_table(
        "conversions",
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("converted_at", sa.BigInteger(), nullable=False),
        sa.Column("plan", sa.Text(), server_default="", nullable=False),
        sa.Column("qualification_id", sa.Text(), nullable=True),
        sa.Column("lead_time", sa.BigInteger(), nullable=True),
        sa.Column("use_before", sa.Float(precision=53), nullable=True),
        sa.Column("use_now", sa.Float(precision=53), nullable=True),
        sa.Column("use_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["qualification_id"], ["qualifications.id"], name=op.f("fk_conversions_qualification_id")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_conversions_run_id")),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_conversions")),
    )


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["outbox.delivery_id"], name=op.f("fk_deliveries_delivery_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_deliveries")),
    )
    op.create_index("ix_deliveries_delivery_id", "deliveries", ["delivery_id"], unique=False)


def _create_outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("lead_id", sa.Text(), server_default="", nullable=False),
        sa.Column("qualification_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("by", sa.Text(), server_default="", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["qualification_id"], ["qualifications.id"], name=op.f("fk_outcomes_qualification_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_outcomes")),
    )
    op.create_index("ix_outcomes_lead_id_at", "outcomes", ["lead_id", "at"], unique=False)
    op.create_index("ix_outcomes_qualification_id", "outcomes", ["qualification_id"], unique=False)
