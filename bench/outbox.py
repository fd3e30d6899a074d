"""How many messages a second leave the outbox, against a channel that answers at once: lease, send, mark.

Each row is a process of its own with a database of its own. `paced` is the same over a channel with one message a
second a place, ten thousand places: what the turns of Slack cost.

    python -m bench.outbox [--messages 20_000] [--database postgresql] [--workers 4] [--paced]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bench.state import _url
from pql.app import utc_now
from pql.config.settings import StateSettings
from pql.domain.messages import Alert, Outgoing, Receipt, Rendered, Subject
from pql.jobs.clocks import SharedClock
from pql.jobs.deliver import Courier, deliver
from pql.store import Store, migrate, open_store
from pql.store.records import OutboxRecord, RunResults

MESSAGES = 20_000
TEXT = "Acme (A1) uses 6 features in 14 days. " * 40  # 1.5 kB, about what a message to Slack takes


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement: seconds to deliver so many messages that waited."""

    database: str
    workers: int
    paced: bool
    messages: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


class Instant:
    """A channel that takes all at once."""

    def __init__(self, name: str) -> None:
        self.name = name

    def render(self, alert: Alert) -> Rendered:
        """Not asked for."""
        raise NotImplementedError

    def send(self, outgoing: Outgoing) -> Receipt:
        """Taken."""
        return Receipt(reference=outgoing.delivery_id)


def filled(store: Store, messages: int, channel: str, now: datetime) -> None:
    """Put messages into the outbox: each to a lead of its own."""
    records = [
        OutboxRecord(
            step_key=f"episode:{number}",
            lead_id=f"lead{number}",
            subject=Subject.QUALIFICATION,
            recipient=f"rep{number % 50}@plotline.test",
            channel=channel,
            address=f"U{number % 10_000:05}",
            payload={"text": TEXT, "number": number},
            due_at=now,
            valid_until=now + timedelta(days=3),
        )
        for number in range(messages)
    ]
    run = store.begin_run("run", now, now)
    store.commit_run(run, RunResults(definitions_hash="h", outbox=records), now)


def measure(database: str, workers: int, messages: int, *, paced: bool) -> Row:
    """Fill an outbox and deliver it, in this process."""
    with tempfile.TemporaryDirectory() as temporary, _url(database, Path(temporary)) as url:
        settings = StateSettings(url=url)
        migrate(settings, Path(temporary))
        store = open_store(settings, Path(temporary))
        channel = "slack" if paced else "instant"
        filled(store, messages, channel, utc_now())
        courier = Courier(
            store=store,
            channels={channel: Instant(channel)},
            clock=SharedClock(store, utc_now, time.monotonic),
            wait=time.sleep,
            workers=workers,
        )
        wall, cpu = time.perf_counter(), time.process_time()
        done = deliver(courier)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        if done.sent != messages or store.outbox_counts()["sent"] != messages:
            raise RuntimeError(f"{messages} messages waited, and {done} was done")
        store.close()
    return Row(database=database, workers=workers, paced=paced, messages=messages, seconds=wall, cpu_seconds=cpu)


def row(database: str, workers: int, messages: int, *, paced: bool = False) -> Row:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "bench.outbox", "--messages", str(messages), "--json"]
    command += ["--database", database, "--workers", str(workers), *(["--paced"] if paced else [])]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Row(**json.loads(said.splitlines()[-1]))


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    print(f"{'database':12}{'workers':>8}{'paced':>7}{'messages':>10}{'seconds':>9}{'CPU s':>8}{'a second':>10}")
    for one in rows:
        paced = "yes" if one.paced else "no"
        print(
            f"{one.database:12}{one.workers:8}{paced:>7}{one.messages:10,}"
            f"{one.seconds:9.2f}{one.cpu_seconds:8.2f}{one.rate:10,.0f}"
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Messages a second out of the outbox.")
    parser.add_argument("--messages", type=int, default=MESSAGES)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    measured = measure(given.database, given.workers, given.messages, paced=given.paced)
    if given.json:
        print(json.dumps(asdict(measured)))
    else:
        show([measured])


if __name__ == "__main__":
    main()
