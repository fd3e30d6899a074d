"""Runs and the lock that lets only one run of a job be under way."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.durations import Duration
from pql.errors import RunConflict
from pql.store import statements
from pql.store.records import Fence, Run, RunRecord
from pql.store.tables import definitions, run_locks, runs
from pql.store.values import clean, dumps, instant, loads

OUTSIDE = "outside"


def last_as_of(connection: sa.Connection, job: str) -> datetime | None:
    """The `as_of` of the last committed run of a job."""
    done = sa.select(sa.func.max(runs.c.as_of)).where(runs.c.job == job, runs.c.status == "done")
    return instant(connection.scalar(done))


def begin(
    connection: sa.Connection, job: str, as_of: datetime, now: datetime, lease: Duration, fence: Fence | None = None
) -> Run:
    """Take the lock, then look at what was committed: in this order no other run can commit in between."""
    run = Run(id=str(uuid4()), job=job, as_of=as_of, started_at=now, fence=fence)
    connection.execute(sa.insert(runs).values(_row(run)))
    _lock(connection, run, now, lease)
    last = last_as_of(connection, job)
    if last is not None and as_of < last:
        raise RunConflict(
            f"run '{job}' as of {as_of.isoformat()} would go back in time: {last.isoformat()} is committed; "
            "run a later instant, or look at this one with --dry-run"
        )
    if last == as_of:
        drop(connection, run)
        return Run(id="", job=job, as_of=as_of, started_at=now, already_committed=True)
    return run


def outside(connection: sa.Connection, now: datetime) -> Run:
    """The run that messages belong to which no run has found: what the operator is told."""
    run = Run(id=OUTSIDE, job=OUTSIDE, as_of=now, started_at=now)
    done = {**_row(run), "finished_at": to_micros(now), "status": "done"}
    statements.insert_new(connection, runs, [done], key=["id"])
    return run


def drop(connection: sa.Connection, run: Run) -> None:
    """Give up the lock of a run, and forget that there was one."""
    connection.execute(sa.delete(run_locks).where(run_locks.c.run_id == run.id))
    connection.execute(sa.delete(runs).where(runs.c.id == run.id))


def _row(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "job": run.job,
        "as_of": to_micros(run.as_of),
        "started_at": to_micros(run.started_at),
        "status": "running",
        "counts": dumps({"fence": run.fence.number} if run.fence else {}),
    }


def _lock(connection: sa.Connection, run: Run, now: datetime, lease: Duration) -> None:
    expires = to_micros(now) + lease.micros
    mine = {"job": run.job, "run_id": run.id, "expires_at": expires}
    if statements.insert_new(connection, run_locks, [mine]):
        return
    # FOR UPDATE: of two that find a dead holder only one takes over; SQLite lets one writer in anyway.
    held = sa.select(run_locks.c.run_id, run_locks.c.expires_at).where(run_locks.c.job == run.job).with_for_update()
    holder = connection.execute(held).one_or_none()
    fenced_off = holder is not None and run.fence is not None and _led_before(connection, holder.run_id, run.fence)
    if holder is None or (holder.expires_at > to_micros(now) and not fenced_off):
        raise RunConflict(_conflict(connection, run.job, holder.run_id if holder else None))
    late = f"it gave no sign of life until {from_micros(holder.expires_at).isoformat()}"
    fault = f"{'its process no longer leads' if fenced_off else late}; run {run.id} took over"
    _finish(connection, holder.run_id, "failed", now, error=fault)
    connection.execute(sa.update(run_locks).where(run_locks.c.job == run.job).values(run_id=run.id, expires_at=expires))


def _led_before(connection: sa.Connection, run_id: str, fence: Fence) -> bool:
    """Whether a run is of an earlier leader, so that its commit would be refused: nobody need wait for it."""
    begun_as = loads(connection.scalar(sa.select(runs.c.counts).where(runs.c.id == run_id)) or "{}").get("fence")
    return isinstance(begun_as, int) and begun_as < fence.number


def _conflict(connection: sa.Connection, job: str, holder: str | None) -> str:
    started = connection.scalar(sa.select(runs.c.started_at).where(runs.c.id == holder))
    if started is None:
        return f"another run of '{job}' has just ended: try again"
    since = from_micros(started).isoformat(timespec="seconds")
    return (
        f"run {holder} of '{job}' is under way since {since}: wait until it is done; "
        "if its process died, its lock ends by itself within minutes"
    )


def heartbeat(connection: sa.Connection, run: Run, now: datetime, lease: Duration) -> bool:
    """Move the end of the lock; False if the lock is another's."""
    kept = (
        sa.update(run_locks)
        .where(run_locks.c.job == run.job, run_locks.c.run_id == run.id)
        .values(expires_at=to_micros(now) + lease.micros)
    )
    return connection.execute(kept).rowcount == 1


def require_lock(connection: sa.Connection, run: Run, now: datetime, lease: Duration) -> None:
    """Refuse a run that has lost its lock; while the transaction lasts no other can take it.

    Raises:
        RunConflict: Another run took the lock over.
    """
    if not heartbeat(connection, run, now, lease):
        raise RunConflict(
            f"run {run.id} of '{run.job}' lost its lock: it gave no sign of life in time and another took over; "
            "nothing of it was written"
        )


def finish(
    connection: sa.Connection,
    run: Run,
    now: datetime,
    *,
    definitions_hash: str,
    counts: object,
    norms: object,
    cuts: object,
) -> None:
    """Mark a run as done and give up its lock."""
    values = {"definitions_hash": definitions_hash, "counts": counts, "norms": norms, "cuts": cuts}
    texts = {name: value if name == "definitions_hash" else dumps(value) for name, value in values.items()}
    _finish(connection, run.id, "done", now, **texts)
    connection.execute(sa.delete(run_locks).where(run_locks.c.run_id == run.id))


def fail(connection: sa.Connection, run: Run, error: str, now: datetime, *, status: str = "failed") -> None:
    """Mark a run as failed (or stopped) and give up its lock, if it has it still."""
    ours = sa.delete(run_locks).where(run_locks.c.run_id == run.id)
    if connection.execute(ours).rowcount:
        _finish(connection, run.id, status, now, error=clean(error))


def _finish(connection: sa.Connection, run_id: str, status: str, now: datetime, **values: object) -> None:
    finished = {"status": status, "finished_at": to_micros(now), **values}
    connection.execute(sa.update(runs).where(runs.c.id == run_id).values(finished))


def keep_definitions(
    connection: sa.Connection, content_hash: str, sources: Sequence[tuple[str, str]], now: datetime
) -> None:
    """Keep the files of definitions that were never used before."""
    row = {"content_hash": content_hash, "sources": dumps(sources), "first_used_at": to_micros(now)}
    statements.insert_new(connection, definitions, [row])


def sources_of(connection: sa.Connection, content_hash: str) -> tuple[tuple[str, str], ...]:
    """The files of the definitions with that hash."""
    stored = sa.select(definitions.c.sources).where(definitions.c.content_hash == content_hash)
    text = connection.scalar(stored)
    return tuple((path, source) for path, source in loads(text)) if text else ()


def read(
    connection: sa.Connection,
    *,
    run_id: str | None = None,
    job: str | None = None,
    status: str | None = None,
    limit: int = 1,
) -> list[RunRecord]:
    """The latest runs, the newest first."""
    latest = sa.select(runs).order_by(runs.c.started_at.desc(), runs.c.as_of.desc()).limit(limit)
    if run_id is not None:
        latest = latest.where(runs.c.id == run_id)
    if job is not None:
        latest = latest.where(runs.c.job == job)
    if status is not None:
        latest = latest.where(runs.c.status == status)
    return [_record(row) for row in connection.execute(latest)]


def _record(row: sa.Row[*tuple[Any, ...]]) -> RunRecord:
    return RunRecord(
        id=row.id,
        job=row.job,
        as_of=from_micros(row.as_of),
        started_at=from_micros(row.started_at),
        finished_at=instant(row.finished_at),
        status=row.status,
        definitions_hash=row.definitions_hash or "",
        counts=loads(row.counts),
        norms=loads(row.norms),
        cuts=loads(row.cuts),
        error=row.error,
    )


def beat(lease: Duration) -> float:
    """How many seconds lie between two signs of life."""
    return timedelta(seconds=lease.seconds).total_seconds() / 4
