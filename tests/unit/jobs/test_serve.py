"""The schedule: what a job makes for others is done at once, and it goes on when clocks change."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from pql.jobs.serve import new_scheduler, serve, trigger_of


def served(jobs: dict[str, tuple[str, Callable[[], object]]], until: Callable[[], bool]) -> None:
    """Serve until it holds; of these jobs `deliver` runs everywhere."""

    def wait() -> None:
        end = time.monotonic() + 5
        while not until():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.01)

    serve(jobs, ZoneInfo("UTC"), until_stopped=wait, everywhere={"deliver"})


def test_what_a_job_decided_is_delivered_at_once_and_not_at_the_next_turn() -> None:
    waiting, delivered, begun = threading.Event(), threading.Event(), threading.Event()

    def deliver() -> None:
        begun.set()
        if waiting.is_set():
            delivered.set()

    def watch() -> None:
        assert begun.wait(5)  # the turn at the start has nothing to send
        waiting.set()

    served({"watch": ("1 hour", watch), "deliver": ("1 hour", deliver)}, delivered.is_set)


def test_a_job_that_fails_after_it_wrote_something_wakes_delivery_too(caplog: pytest.LogCaptureFixture) -> None:
    failed, delivered, begun = threading.Event(), threading.Event(), threading.Event()

    def deliver() -> None:
        begun.set()
        if failed.is_set():
            delivered.set()

    def watch() -> None:
        assert begun.wait(5)
        failed.set()
        raise ValueError("after the commit")

    served({"watch": ("1 hour", watch), "deliver": ("1 hour", deliver)}, delivered.is_set)
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == ["The job 'watch' failed"]


def test_what_is_under_way_when_the_program_should_stop_is_finished_and_then_it_stops() -> None:
    begun, stopping, done = threading.Event(), threading.Event(), threading.Event()

    def watch() -> None:
        begun.set()
        assert stopping.wait(5)
        time.sleep(0.2)  # by then the scheduler is being shut down
        done.set()

    def wait() -> None:
        assert begun.wait(5)
        time.sleep(0.2)  # the scheduler is done with the start
        stopping.set()

    jobs: dict[str, tuple[str, Callable[[], object]]] = {"watch": ("1 hour", watch), "deliver": ("1 hour", list)}
    serving = threading.Thread(
        target=lambda: serve(jobs, ZoneInfo("UTC"), until_stopped=wait, everywhere={"deliver"}), daemon=True
    )
    serving.start()
    serving.join(10)
    assert (serving.is_alive(), done.is_set()) == (False, True)


def run_at(schedule: str, since: datetime, hours: float) -> list[str]:
    """When a scheduler of ours runs a job in Berlin, if it looks each minute: as it compares, and no more often."""
    trigger, scheduler = trigger_of(schedule, ZoneInfo("Europe/Berlin")), new_scheduler(ThreadPoolExecutor(1))
    if hasattr(trigger, "start_date"):
        trigger.start_date = since if "minutes" in schedule else None
    due, found = trigger.get_next_fire_time(None, since.astimezone(scheduler.timezone)), []
    for minute in range(round(hours * 60)):
        now = (since + timedelta(minutes=minute)).astimezone(scheduler.timezone)
        turns = 0
        while due <= now:
            turns += 1
            assert turns < 100, f"it never ends, at {now}"
            due = trigger.get_next_fire_time(due, now)
        if turns:
            found.append(f"{now.astimezone(UTC):%d %H:%M}")
    return found


@pytest.mark.parametrize(
    ("schedule", "begin", "hours", "expected"),
    [
        # The clock goes from 03:00 back to 02:00 at 01:00 UTC.
        pytest.param(
            "*/30 * * * *", "2026-10-25T00:10", 2.5, ["25 00:30", "25 01:00", "25 01:30", "25 02:00", "25 02:30"]
        ),
        pytest.param("30 minutes", "2026-10-25T00:15", 2, ["25 00:15", "25 00:45", "25 01:15", "25 01:45"]),
        # What is due at an hour that the night has twice runs twice: better than not at all.
        pytest.param("30 2 * * *", "2026-10-24T12:00", 48, ["25 00:30", "25 01:30", "26 01:30"]),
        # And from 02:00 on to 03:00 at 01:00 UTC; an hour that is not there is the one after it.
        pytest.param("*/30 * * * *", "2026-03-29T00:10", 2, ["29 00:30", "29 01:00", "29 01:30", "29 02:00"]),
        pytest.param("30 minutes", "2026-03-29T00:15", 2, ["29 00:15", "29 00:45", "29 01:15", "29 01:45"]),
        pytest.param("30 2 * * *", "2026-03-28T12:00", 48, ["29 01:30", "30 00:30"]),
    ],
)
def test_jobs_run_through_the_nights_in_which_clocks_change(
    schedule: str, begin: str, hours: float, expected: list[str]
) -> None:
    assert run_at(schedule, datetime.fromisoformat(begin).replace(tzinfo=UTC), hours) == expected
