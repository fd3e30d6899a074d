"""A run's results, all in the transaction that is handed over."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.domain.durations import Duration
from pql.domain.messages import Subject
from pql.store import episodes, held, known, leads, leases, outbox, runs, settings, statements, timers, told, turns
from pql.store import validity as spans
from pql.store.known import LEAD
from pql.store.packing import TEXTS
from pql.store.records import Committed, DecisionRecord, OccurrenceRecord, Run, RunResults
from pql.store.tables import decisions, occurrences
from pql.store.values import clean, dumps, micros


def write(connection: sa.Connection, run: Run, results: RunResults, now: datetime, lease: Duration) -> Committed:
    """Write everything; see `Store.commit_run`."""
    leases.require(connection, run.fence)
    runs.require_lock(connection, run, now, lease)
    runs.keep_definitions(connection, results.definitions_hash, results.sources, now)
    written, validity_changes = _write_leads(connection, run, results)
    if results.hysteresis is not None:
        episodes.write_states(connection, results.hysteresis)
    # An episode may close and, after no cooldown, another open: the old one first.
    closed = episodes.close(connection, results.closed)
    episodes.open_(connection, run, results.opened)
    episodes.write_conversions(connection, run, results.conversions)
    episodes.write_check_ins(connection, results.check_ins)
    messages, decided = told.claim(connection, run, results.outbox, results.decisions)
    _write_decisions(connection, run, decided)
    held.write(connection, run, results.held)
    held.settle(connection, results.settled, now)
    _write_marks(connection, run, results, now)
    enqueued = outbox.enqueue(connection, run, messages, now)
    turns.write(connection, results.turns, run.as_of)
    committed = Committed(
        leads_written=written.changed if written else 0,
        leads_gone=written.gone if written else 0,
        scores_written=written.scores if written else 0,
        opened=len(results.opened),
        closed=closed,
        closed_before=len(results.closed) - closed,
        occurrences=_write_occurrences(connection, run, results.occurrences),
        decisions=len(decided),
        enqueued=enqueued,
        enqueued_before=len(results.outbox) - enqueued,
        validity_changes=validity_changes
        + sum(spans.write(connection, run, kind, values) for kind, values in results.validity.items() if kind != LEAD),
    )
    _finish(connection, run, results, committed, now)
    leases.require(connection, run.fence, until_the_end=True)
    return committed


def write_quietly(connection: sa.Connection, run: Run, results: RunResults, now: datetime, lease: Duration) -> None:
    """Write the timers and settings alone; see `Store.commit_quietly`."""
    runs.require_lock(connection, run, now, lease)
    _write_marks(connection, run, results, now)
    runs.drop(connection, run)


def _write_marks(connection: sa.Connection, run: Run, results: RunResults, now: datetime) -> None:
    timers.write(connection, run.id, results.timers)
    for key, value in results.settings.items():
        settings.put(connection, key, value, now)


def _write_leads(connection: sa.Connection, run: Run, results: RunResults) -> tuple[leads.Written | None, int]:
    """Write the leads and what is known of them; and of how many something else is known."""
    evaluation, values = results.evaluation, results.validity.get(LEAD)
    if evaluation is not None and values is not None and _rows_hold(results, values):
        loose = known.is_loose(connection)
        changes = spans.write(connection, run, LEAD, _as_in_rows(values)) if loose else 0
        kept = [str(name) for name in values]
        written = leads.write(connection, run, evaluation, results.shown, kept, results.hashes)
        if not loose:
            return written, written.known
        known.fasten(connection)
        return written, changes
    if evaluation is not None or values is not None:
        known.loosen(connection)
    changes = spans.write(connection, run, LEAD, values) if values is not None else 0
    return None if evaluation is None else leads.write(connection, run, evaluation, results.shown), changes


def _rows_hold(results: RunResults, values: pd.DataFrame) -> bool:
    """Whether what is known of leads is what their rows hold anyway."""
    if results.evaluation is None:
        return False
    own = {*results.evaluation.leads.columns} & {*results.shown, *TEXTS}
    return values.index.equals(results.evaluation.leads.index) and own.issuperset(values.columns)


def _as_in_rows(values: pd.DataFrame) -> pd.DataFrame:
    """Without empty texts in columns of their own: there they are unknown."""
    return values.assign(**{name: values[name].where(values[name] != "") for name in TEXTS if name in values})


def _finish(connection: sa.Connection, run: Run, results: RunResults, committed: Committed, now: datetime) -> None:
    own = {name: getattr(committed, name) for name in Committed.__slots__}
    evaluation = results.evaluation
    runs.finish(
        connection,
        run,
        now,
        definitions_hash=results.definitions_hash,
        counts={**results.counts, **own},
        norms=evaluation.norms.to_dict("index") if evaluation is not None else {},
        cuts=evaluation.cuts if evaluation is not None else {},
    )


def _write_occurrences(connection: sa.Connection, run: Run, records: Sequence[OccurrenceRecord]) -> int:
    rows = [
        {
            "moment": clean(record.moment),
            "lead_id": clean(record.lead_id),
            "key": clean(record.key),
            "run_id": run.id,
            "at": to_micros(record.at),
            "user_id": clean(record.user_id),
            "count": int(record.count),
            "feature": clean(record.feature),
            "detail": clean(record.detail),
        }
        for record in records
    ]
    return statements.insert_new(connection, occurrences, rows)


def _write_decisions(connection: sa.Connection, run: Run, records: Sequence[DecisionRecord]) -> None:
    rows = [_decision(run, record) for record in records]
    latest = ("run_id", "words", "last_at", "due_at", "evidence")
    replaced = {name: statements.new(connection, decisions, name) for name in latest}
    replaced["times"] = decisions.c.times + 1
    key = ["step_key", "recipient", "channel", "outcome", "why"]
    statements.upsert(connection, decisions, rows, key=key, replaced=replaced)
    qualified = [
        (record.lead_id, to_micros(record.at))
        for record in records
        if record.outcome == "sent" and record.subject is Subject.QUALIFICATION
    ]
    episodes.tell(connection, qualified)


def _decision(run: Run, record: DecisionRecord) -> dict[str, object]:
    return {
        "run_id": run.id,
        "lead_id": clean(record.lead_id),
        "subject": str(record.subject),
        "topic": clean(record.topic),
        "step_key": clean(record.step_key),
        "recipient": clean(record.recipient),
        "channel": str(record.channel),
        "outcome": record.outcome,
        "why": record.why,
        "words": clean(record.words),
        "at": to_micros(record.at),
        "last_at": to_micros(record.at),
        "times": 1,
        "due_at": micros(record.due_at),
        "evidence": dumps(record.evidence),
    }
