"""A leader is killed: how long until another leads, and until it has run the jobs, with the default lease.

Two processes of `pql serve` over one PostgreSQL, each as if on a machine of its own: on the same machine a dead leader
is known to be gone at once, and its lease is not waited for.

python -m bench.failover JSON
"""

import json
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from bench.latency import pick_step, service, state_of, until, write_project
from pql.store import Store
from tests.servers.slack import TOKEN, slack_server

LOST, SEEN = 60.0, 300.0  # seconds until somebody leads, and until the first run is done, at most


def kills(*, folder: str, url: str, times: int) -> dict[str, object]:
    """Kill the leader so many times; the seconds until another leads, and until its first run is committed."""
    usage = url.replace("postgresql://", "postgresql+psycopg://", 1)
    led, ran = [], []
    with ExitStack() as stack:
        state, store = stack.enter_context(state_of(url, Path(folder)))
        slack = stack.enter_context(slack_server())
        environ = {"PQL_USAGE_URL": usage, "PQL_STATE_URL": state, "SLACK_BOT_TOKEN": TOKEN}
        serving: dict[str, subprocess.Popen[bytes]] = {}

        def start(host: str) -> None:
            place = Path(folder) / host
            if not place.exists():
                write_project(place, slack.base_url)
            serving[host] = stack.enter_context(service(place, environ, host=host))

        start("host0")
        until(lambda: runs_done(store) > 0, SEEN, "no run was done")
        for number in range(1, times + 1):
            start(f"host{number}")
            # It has to be up before the leader dies, as a standing replica is.
            time.sleep(8)
            leader, before = holder(store), runs_done(store)
            killed = time.monotonic()
            serving[leader].send_signal(signal.SIGKILL)
            until(lambda leader=leader: holder(store) not in {leader, ""}, LOST, "nobody leads", every=0.05)  # type: ignore[misc]
            led.append(time.monotonic() - killed)
            until(lambda before=before: runs_done(store) > before, SEEN, "the new leader ran nothing", every=0.05)  # type: ignore[misc]
            ran.append(time.monotonic() - killed)
        doubled = len(slack.messages) - len({str(message["metadata"]) for message in slack.messages})
    return {"seconds": 0.0, "led": led, "ran": ran, "doubled": doubled}


def holder(store: Store) -> str:
    """The host of the process that leads."""
    lease = store.read_lease("leader")
    return lease.holder.partition(":")[0] if lease else ""


def runs_done(store: Store) -> int:
    """How many runs of the main job were committed."""
    return sum(run.status == "done" for run in store.runs(job="run", limit=1000))


STEPS = {"kills": kills}

if __name__ == "__main__":
    print(json.dumps(pick_step(STEPS)))
