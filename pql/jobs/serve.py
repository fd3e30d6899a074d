"""The schedule: each job at its time, one at once, until asked to stop."""

import logging
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from pql.domain.durations import Duration
from pql.errors import PqlError

log = logging.getLogger(__name__)


def trigger_of(schedule: str, zone: ZoneInfo) -> BaseTrigger:
    """An interval ("15 minutes") or a cron expression in the project's zone as a trigger.

    Raises:
        ValueError: It is neither.
    """
    try:
        return IntervalTrigger(seconds=Duration.parse(schedule).seconds)
    except ValueError:
        return CronTrigger.from_crontab(schedule, timezone=zone)


def guarded(name: str, job: Callable[[], object]) -> Callable[[], None]:
    """A job that logs what goes wrong, so that its next turn comes."""

    def run() -> None:
        try:
            job()
        except PqlError as exc:
            log.error("The job '%s' failed: %s", name, exc, extra={"action": "job_failed", "job": name})  # noqa: TRY400 - the message is for people
        except Exception:
            log.exception("The job '%s' failed", name, extra={"action": "job_failed", "job": name})

    return run


def serve(
    jobs: Mapping[str, tuple[str, Callable[[], object]]], zone: ZoneInfo, *, until_stopped: Callable[[], object]
) -> None:
    """Run each job on its schedule, and at once at the start, until told to stop.

    A job never overlaps itself; turns that were missed become one. On stopping, what is being done is finished.

    Args:
        jobs: By name, the schedule and what to do.
        zone: Cron expressions are read in it.
        until_stopped: Returns when the program should end.
    """
    scheduler = BackgroundScheduler(
        timezone=zone,
        executors={"default": ThreadPoolExecutor(max(len(jobs), 1))},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for name, (schedule, job) in jobs.items():
        scheduler.add_job(guarded(name, job), id=name, name=name)
        scheduler.add_job(guarded(name, job), trigger_of(schedule, zone), id=f"{name} on schedule", name=name)
    scheduler.start()
    log.info("Serving: %s", ", ".join(jobs), extra={"action": "serving"})
    try:
        until_stopped()
    finally:
        log.info("Stopping: what is being done is finished first", extra={"action": "stopping"})
        scheduler.shutdown(wait=True)
        log.info("Stopped", extra={"action": "stopped"})
