"""What the program remembers, as tables.

All instants are BIGINT microseconds since 1970 in UTC (columns named `..._at`, `..._until`, `..._since`, `as_of`).
Kinds and statuses are text, so that a new one needs no migration. JSON stands in TEXT and is read as a whole.
"""

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, default: str = "", *, primary_key: bool = False) -> sa.Column[str]:
    return sa.Column(
        name, sa.Text, nullable=False, primary_key=primary_key, server_default=None if primary_key else default
    )


def _json(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default="{}")


def _instant(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)


def _maybe(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=True)


def _number(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Float(53), nullable=False, server_default="0")


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, nullable=False, server_default="0")


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _of(name: str, target: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey(target), nullable=nullable)


def _counter(name: str) -> sa.Column[int]:
    # SQLite counts only for a key of type INTEGER.
    return sa.Column(name, sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)


# --- runs and what they used ------------------------------------------------------------------------------------

definitions = sa.Table(
    "definitions",
    metadata,
    _text("content_hash", primary_key=True),
    sa.Column("sources", sa.Text, nullable=False),  # JSON: [[path, text], ...]
    _instant("first_used_at"),
)

runs = sa.Table(
    "runs",
    metadata,
    _text("id", primary_key=True),
    _text("job"),
    _instant("as_of"),
    _instant("started_at"),
    _maybe("finished_at"),
    _text("status"),  # running, done, failed, stopped
    _of("definitions_hash", "definitions.content_hash", nullable=True),
    _json("counts"),
    _json("norms"),
    _json("cuts"),
    _text("error"),
)
sa.Index("ix_runs_job_as_of", runs.c.job, runs.c.as_of)
_DONE = sa.text("status = 'done'")
sa.Index("uq_runs_done", runs.c.job, runs.c.as_of, unique=True, sqlite_where=_DONE, postgresql_where=_DONE)

run_locks = sa.Table(
    "run_locks",
    metadata,
    _text("job", primary_key=True),
    _of("run_id", "runs.id"),
    _instant("expires_at"),
)

# --- leads ------------------------------------------------------------------------------------------------------

leads = sa.Table(
    "leads",
    metadata,
    _text("lead_id", primary_key=True),
    _text("name"),
    _text("domain"),
    _text("search"),  # id, name and domain, casefolded
    _text("stage"),
    _text("plan"),
    _text("owner_email"),
    _text("success_owner_email"),
    _maybe("created_at"),
    _json("attributes"),
    _flag("eligible"),
    _text("ineligible_why"),
    _number("fit"),
    _number("coverage"),
    _text("fit_grade"),
    _number("behaviour"),
    _whole("band"),
    _text("grade"),
    _text("tier"),
    sa.Column("row_hash", sa.BigInteger, nullable=False),
    sa.Column("score_hash", sa.BigInteger, nullable=False),
    _text("run_id"),  # no foreign key: to look it up a million times costs more than to write the rows
    _instant("updated_at"),  # the run's as_of
    _flag("gone"),
    sa.Column("layout", sa.BigInteger, nullable=False),  # which of `layouts` says what stands in `packed`
    sa.Column("packed", sa.LargeBinary, nullable=False),  # verdicts and parts of the fit; see layout.py
    _json("verdict_texts"),  # the values that are text, by signal
    # The step of the history that lasts (see steps.py), as it began; null: as the row was written.
    _maybe("scored_at"),
    sa.Column("scored_by", sa.Text),  # the run
    sa.Column("scored_fit", sa.Float(53)),
    sa.Column("scored_behaviour", sa.Float(53)),
    # What is known (see known.py): its hash, 0 where the row holds nothing of it, and since when; null: likewise.
    sa.Column("known_hash", sa.BigInteger, nullable=False, server_default="0"),
    _maybe("known_since"),
)
sa.Index("ix_leads_behaviour", leads.c.behaviour)

# The hashes of all rows of a kind, which a run compares with its own; they follow from the rows.
fingerprints = sa.Table(
    "fingerprints",
    metadata,
    _text("kind", primary_key=True),
    _text("run_id"),
    sa.Column("content", sa.LargeBinary, nullable=False),  # an Arrow stream: ids and hashes
)

layouts = sa.Table("layouts", metadata, _counter("id"), sa.Column("text", sa.Text, nullable=False, unique=True))

# The steps of leads' histories that are over.
scores = sa.Table(
    "scores",
    metadata,
    _text("lead_id", primary_key=True),
    sa.Column("as_of", sa.BigInteger, primary_key=True, autoincrement=False),
    _text("run_id"),  # likewise without a foreign key
    _flag("eligible"),
    _number("fit"),
    _text("fit_grade"),
    _number("behaviour"),
    _whole("band"),
    _text("grade"),
    _text("tier"),
)

lead_states = sa.Table(
    "lead_states",
    metadata,
    _text("lead_id", primary_key=True),
    _maybe("above_since"),
    _maybe("below_since"),
    _maybe("cooldown_until"),
)

qualifications = sa.Table(
    "qualifications",
    metadata,
    _text("id", primary_key=True),
    _text("lead_id"),
    _of("run_id", "runs.id"),
    _instant("opened_at"),
    _text("tier"),
    _text("grade"),
    _number("behaviour"),
    _number("fit"),
    _text("status", "open"),  # open, claimed, accepted, rejected, converted, lost, expired
    _text("claimed_by"),
    _maybe("claimed_at"),
    _maybe("closed_at"),
    _text("close_reason"),
    _maybe("lead_time"),  # microseconds from the opening to the conversion
    _maybe("snoozed_until"),
    _maybe("told_at"),
    _json("evidence"),
)
sa.Index("ix_qualifications_lead_id_opened_at", qualifications.c.lead_id, qualifications.c.opened_at)
_LIVE = sa.text("closed_at IS NULL")
sa.Index("uq_qualifications_live", qualifications.c.lead_id, unique=True, sqlite_where=_LIVE, postgresql_where=_LIVE)

outcomes = sa.Table(
    "outcomes",
    metadata,
    _counter("seq"),
    _text("lead_id"),
    _of("qualification_id", "qualifications.id"),
    _text("kind"),  # claimed, snoozed, accepted, rejected, won, lost, converted
    _text("by"),
    _text("reason"),
    _instant("at"),
    _maybe("until"),
    sa.Index("ix_outcomes_lead_id_at", "lead_id", "at"),
    sa.Index("ix_outcomes_qualification_id", "qualification_id"),
)

conversions = sa.Table(
    "conversions",
    metadata,
    _text("lead_id", primary_key=True),
    _of("run_id", "runs.id"),
    _instant("converted_at"),
    _text("plan"),
    _of("qualification_id", "qualifications.id", nullable=True),
    _maybe("lead_time"),
    sa.Column("use_before", sa.Float(53)),
    sa.Column("use_now", sa.Float(53)),
    _maybe("use_at"),
)

check_ins = sa.Table(
    "check_ins",
    metadata,
    _text("lead_id", primary_key=True),
    _text("name", primary_key=True),
    _instant("due_at"),
    _maybe("decided_at"),
)
sa.Index("ix_check_ins_due_at", check_ins.c.due_at)

# --- moments, decisions, messages -------------------------------------------------------------------------------

occurrences = sa.Table(
    "occurrences",
    metadata,
    _text("moment", primary_key=True),
    _text("lead_id", primary_key=True),
    _text("key", primary_key=True),
    _of("run_id", "runs.id"),
    _instant("at"),
    _text("user_id"),
    _whole("count"),
    _text("feature"),
    _text("detail"),
    sa.Index("ix_occurrences_lead_id_at", "lead_id", "at"),
)

decisions = sa.Table(
    "decisions",
    metadata,
    _counter("seq"),
    _of("run_id", "runs.id"),
    _text("lead_id"),
    _text("subject"),
    _text("topic"),
    _text("step_key"),
    _text("recipient"),
    _text("channel"),
    _text("outcome"),  # sent, held, withheld
    _text("why"),
    _text("words"),
    _instant("at"),
    _instant("last_at"),
    _whole("times"),
    _maybe("due_at"),
    _json("evidence"),
    sa.UniqueConstraint("step_key", "recipient", "channel", "outcome", "why"),
    sa.Index("ix_decisions_lead_id_at", "lead_id", "at"),
    sa.Index("ix_decisions_recipient_at", "recipient", "at"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    _counter("seq"),  # the order of sending
    sa.Column("delivery_id", sa.Text, nullable=False, unique=True),
    _of("run_id", "runs.id"),
    _text("step_key"),
    _text("lead_id"),
    _text("subject"),
    _text("recipient"),
    _text("channel"),
    _text("address"),
    _json("payload"),
    _instant("created_at"),
    _instant("due_at"),
    _maybe("valid_until"),
    _text("status", "waiting"),  # waiting, sent, failed, expired, shadow
    _whole("attempts"),
    _flag("ambiguous"),
    _maybe("first_tried_at"),
    _maybe("leased_until"),
    sa.Column("lease_token", sa.Text),
    _maybe("sent_at"),
    _text("reference"),
    _text("last_error"),
    _text("reply_to"),  # the delivery_id of the message in whose thread it goes; "" for none
    _text("fallback_of"),  # the delivery_id of the message that could not be delivered, in whose place this one goes
    sa.UniqueConstraint("step_key", "recipient", "channel"),
    sa.Index("ix_outbox_created_at", "created_at"),
    sa.Index("ix_outbox_thread", "lead_id", "recipient", "channel", "seq"),
)
_WAITING = sa.text("status = 'waiting'")
sa.Index("ix_outbox_due", outbox.c.due_at, outbox.c.seq, sqlite_where=_WAITING, postgresql_where=_WAITING)
sa.Index(
    "ix_outbox_order",
    outbox.c.lead_id,
    outbox.c.recipient,
    outbox.c.channel,
    outbox.c.seq,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    _counter("seq"),
    _of("delivery_id", "outbox.delivery_id"),
    _instant("at"),
    _text("outcome"),  # sent, retry, failed, unknown, refused, expired
    _text("error"),
    sa.Column("seconds", sa.Float(53)),
    sa.Index("ix_deliveries_delivery_id", "delivery_id"),
)

# Whoever adds a row here may tell; so two runs at once cannot tell the same to two reps.
told_steps = sa.Table(
    "told_steps",
    metadata,
    _text("step_key", primary_key=True),
    _text("run_id"),
    _instant("at"),
)

# What waits for its hour, its rep's next day or the end of a gathering, and is decided anew then.
held = sa.Table(
    "held",
    metadata,
    _text("step_key", primary_key=True),
    _text("lead_id"),
    _text("recipient"),
    _text("subject"),
    _text("topic"),
    _text("urgency"),
    _text("why"),
    _instant("happened_at"),
    _instant("held_at"),
    _instant("due_at"),
    _maybe("decided_at"),
    _text("status", "waiting"),  # waiting, sent, dropped, digest
    _json("about"),  # what its message is made of: an occurrence, a check-in, a drop in use
    _text("run_id"),
)
sa.Index("ix_held_due_at", held.c.due_at, sqlite_where=_WAITING, postgresql_where=_WAITING)
sa.Index("ix_held_recipient", held.c.recipient, held.c.status)

timers = sa.Table(
    "timers",
    metadata,
    _text("moment", primary_key=True),
    _text("lead_id", primary_key=True),
    _text("key", primary_key=True),
    _text("user_id"),
    _instant("set_at"),
    _instant("due_at"),
    _maybe("ended_at"),
    _text("status", "waiting"),  # waiting, fired, cancelled
    _text("feature"),
    _json("about"),
    _text("run_id"),
)
sa.Index("ix_timers_due_at", timers.c.due_at, sqlite_where=_WAITING, postgresql_where=_WAITING)
sa.Index("ix_timers_lead_id", timers.c.lead_id, timers.c.moment)

# --- people -----------------------------------------------------------------------------------------------------

mutes = sa.Table(
    "mutes",
    metadata,
    _counter("seq"),
    _text("lead_id"),  # these three: what it names, all of which must be so; "" for any
    _text("recipient"),
    _text("topic"),  # a signal's or a moment's name
    _text("by"),
    _text("reason"),
    _instant("at"),
    _instant("until"),
    _maybe("ended_at"),  # taken back before its end
    sa.Index("ix_mutes_until", "until"),
)

absences = sa.Table(
    "absences",
    metadata,
    _counter("seq"),
    _text("email"),
    _instant("since"),
    _instant("until"),
    _text("by"),
    _instant("at"),
    _maybe("ended_at"),  # came back before its end
    _text("reason"),
    sa.Index("ix_absences_email", "email", "until"),
)

turns = sa.Table(
    "turns",
    metadata,
    _text("pool", primary_key=True),  # the node of the routing tree
    _text("email", primary_key=True),
    _number("taken"),  # turns had, or let pass while absent
    _instant("last_at"),
)

# --- several processes, channels and sources --------------------------------------------------------------------

leases = sa.Table(
    "leases",
    metadata,
    _text("name", primary_key=True),
    _text("holder"),
    sa.Column("fence", sa.BigInteger, nullable=False),  # grows with each new holder
    _instant("since"),
    _instant("expires_at"),
)

paces = sa.Table(
    "paces",
    metadata,
    _text("place", primary_key=True),  # a channel and an address, or a channel alone
    _instant("free_at"),
)

# What the operator was told: once while it lasts, and again when it is over.
notices = sa.Table(
    "notices",
    metadata,
    _text("key", primary_key=True),  # "slack:#sales:not_in_channel", "source:events:stale"
    _text("words"),
    _text("cure"),
    _instant("first_at"),
    _instant("last_at"),
    _whole("times"),
    _maybe("told_at"),
    _maybe("ended_at"),
)

source_checks = sa.Table(
    "source_checks",
    metadata,
    _text("relation", primary_key=True),
    sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
    _maybe("newest_at"),
    sa.Column("row_count", sa.BigInteger, nullable=False, server_default="0"),
    _json("shares"),  # of nulls, by column
    _text("verdict"),  # "" where all is well; else stale, fewer, more, nulls
)

# --- what was known when, and settings --------------------------------------------------------------------------

# Of leads only what is over: what lasts stands in their own rows.
validity = sa.Table(
    "validity",
    metadata,
    _text("entity", primary_key=True),
    _text("entity_id", primary_key=True),
    sa.Column("valid_from", sa.BigInteger, primary_key=True, autoincrement=False),
    _maybe("valid_to"),  # exclusive; null: still so
    sa.Column("known", sa.Text, nullable=False),  # JSON: all values that are known, by name
    sa.Column("hash", sa.BigInteger, nullable=False),  # of `known` as it was written
)
_STILL = sa.text("valid_to IS NULL")
sa.Index(
    "uq_validity_still",
    validity.c.entity,
    validity.c.entity_id,
    unique=True,
    sqlite_where=_STILL,
    postgresql_where=_STILL,
)

settings = sa.Table(
    "settings",
    metadata,
    _text("key", primary_key=True),
    sa.Column("value", sa.Text, nullable=False),  # JSON
    _instant("changed_at"),
)
