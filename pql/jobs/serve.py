"""The schedule: each job at its time, one at once, until asked to stop; most jobs only in the process that leads."""

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC
from threading import Lock
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import BasePoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from pql.domain.durations import Duration
from pql.errors import PqlError
from pql.jobs.leading import Leadership

log = logging.getLogger(__name__)


def trigger_of(schedule: str, zone: ZoneInfo) -> BaseTrigger:
    """An interval ("15 minutes") or a cron expression in the project's zone as a trigger.

    Raises:
        ValueError: It is neither.
    """
    try:
        return IntervalTrigger(seconds=Duration.parse(schedule).seconds, timezone=UTC)
    except ValueError:
        return CronTrigger.from_crontab(schedule, timezone=zone)


class _Pool(BasePoolExecutor):  # type: ignore[misc]  # the library has no types
    """Runs jobs in a pool that is ours to wait for."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        super().__init__(pool)


def new_scheduler(pool: ThreadPoolExecutor) -> BackgroundScheduler:
    """A scheduler that runs jobs in a pool.

    It thinks in UTC: it compares instants, and within the hour that a zone has twice those of the zone do not compare.
    In the project's zone all jobs stood still in that hour, or a cron expression was looked for without an end.
    """
    return BackgroundScheduler(
        timezone=UTC,
        executors={"default": _Pool(pool)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )


def guarded(name: str, job: Callable[[], object]) -> Callable[[], None]:
    """A job that logs what goes wrong, so that its next turn comes; a turn while it is under way is left out."""
    under_way = Lock()

    def run() -> None:
        if not under_way.acquire(blocking=False):
            return
        try:
            job()
        except PqlError as exc:
            log.error("The job '%s' failed: %s", name, exc, extra={"action": "job_failed", "job": name})  # noqa: TRY400 - the message is for people
        except Exception:
            log.exception("The job '%s' failed", name, extra={"action": "job_failed", "job": name})
        finally:
            under_way.release()

    return run


def led(leadership: Leadership | None, job: Callable[[], object]) -> Callable[[], object]:
    """A job that is left to the process that leads."""
    return lambda: job() if leadership is None or leadership.fence() is not None else None


def waking(job: Callable[[], object], others: Callable[[], None]) -> Callable[[], object]:
    """A job after which others run at once, since it may have made work for them."""

    def run() -> None:
        try:
            job()
        finally:
            others()

    return run


def serve(
    jobs: Mapping[str, tuple[str, Callable[[], object]]],
    zone: ZoneInfo,
    *,
    until_stopped: Callable[[], object],
    leadership: Leadership | None = None,
    everywhere: Collection[str] = (),
) -> None:
    """Run each job on its schedule, and at once at the start, until told to stop.

    A job never overlaps itself; turns that were missed become one. On stopping, what is being done is finished, and
    then the lead is given up. Who takes the lead runs the leader's jobs at once: the turn of one may have been missed.
    After each of the leader's jobs those that run everywhere have a turn at once here: what was decided is sent without
    waiting for their schedule.

    Args:
        jobs: By name, the schedule and what to do.
        zone: Cron expressions are read in it.
        until_stopped: Returns when the program should end.
        leadership: Of several processes one leads; None: this is the only one.
        everywhere: The jobs that run in each process, and not only in the one that leads.
    """
    pool = ThreadPoolExecutor(max(len(jobs), 1), thread_name_prefix="pql-job")
    scheduler = new_scheduler(pool)
    turns: dict[str, Callable[[], None]] = {}

    def now(names: Collection[str], why: str) -> None:
        for name in names:
            scheduler.add_job(turns[name], id=f"{name} {why}", name=name, replace_existing=True)

    def wake() -> None:
        now(everywhere, "on new work")

    for name, (schedule, job) in jobs.items():
        turns[name] = guarded(name, job if name in everywhere else led(leadership, waking(job, wake)))
        scheduler.add_job(turns[name], id=name, name=name)
        scheduler.add_job(turns[name], trigger_of(schedule, zone), id=f"{name} on schedule", name=name)
    if leadership is not None:
        leadership.on_gain = lambda: now([*jobs.keys() - {*everywhere}], "on taking the lead")
    scheduler.start()
    log.info("Serving: %s", ", ".join(jobs), extra={"action": "serving"})
    with leadership.kept() if leadership is not None else nullcontext():
        try:
            until_stopped()
        finally:
            log.info("Stopping: what is being done is finished first", extra={"action": "stopping"})
            # Not while the scheduler waits: it would keep the lock that a job needs to wake another.
            scheduler.shutdown(wait=False)
            pool.shutdown(wait=True)
            log.info("Stopped", extra={"action": "stopped"})
