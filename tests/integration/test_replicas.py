"""Several real processes over one PostgreSQL: one leads, and is killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pql.config.settings import StateSettings
from pql.store import Store, migrate, open_store

ROOT = Path(__file__).parents[2]
# As `pql serve` leads, with a lease of 2 seconds in place of 20; the leader's job commits a run again and again.
REPLICA = """
import sys, threading, time
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo
from pql.app import utc_now
from pql.config.settings import StateSettings
from pql.domain.durations import Duration
from pql.jobs.clocks import SharedClock
from pql.jobs.leading import Leadership
from pql.jobs.serve import serve
from pql.store import open_store
from pql.store.records import RunResults

url, name = sys.argv[1:3]
store = open_store(StateSettings(url=url), Path())
clock = SharedClock(store, utc_now, time.monotonic)
leadership = Leadership(
    store, holder=name, clock=clock, monotonic=time.monotonic, lease=Duration(2), beat=0.3
)
leadership.try_once()
store.fence_runs(leadership.required)

def run():
    begun = store.begin_run(name, clock(), clock())
    store.commit_run(begun, RunResults(definitions_hash="h"), clock())

def wait():
    sys.stdin.read()

serve({"run": ("1 second", run)}, ZoneInfo("UTC"), until_stopped=wait, leadership=leadership)
"""


def replica(url: str, name: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", REPLICA, url, name], stdin=subprocess.PIPE, cwd=ROOT)


def waited(condition: Callable[[], bool], seconds: float = 20.0) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - begun


def ran(store: Store, name: str) -> int:
    return sum(run.status == "done" for run in store.runs(job=name, limit=100))


def leader(store: Store) -> str:
    lease = store.read_lease("leader")
    return lease.holder if lease else ""


def test_a_leader_that_is_killed_is_replaced_and_the_jobs_go_on_in_one_process_alone(postgres_state: str) -> None:
    settings = StateSettings(url=postgres_state)
    migrate(settings, Path())
    store = open_store(settings, Path())
    processes = {name: replica(postgres_state, name) for name in ("one", "two")}
    try:
        waited(lambda: sum(ran(store, name) for name in processes) > 0)
        first = leader(store)
        other = "two" if first == "one" else "one"
        assert ran(store, other) == 0
        processes[first].send_signal(signal.SIGKILL)
        processes[first].communicate()
        assert waited(lambda: leader(store) == other) < 2 + 0.3 + 2  # the lease, a beat, and a busy machine
        waited(lambda: ran(store, other) > 0)
        # A process that is asked to stop hands the lead on at once.
        processes[first] = replica(postgres_state, first)
        processes[other].communicate(b"")
        assert processes[other].returncode == 0
        waited(lambda: leader(store) in {first, ""})
        waited(lambda: leader(store) == first)
        lease = store.read_lease("leader")
        assert lease is not None
        assert lease.fence == 3
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()
        store.close()
