"""A process that serves as `pql serve` does: the leader writes notifications, and all deliver them.

Read from stdin, one order a line, by a process that has imported everything: it forks a child for each, so that a
killed one is replaced at once.
"""

import json
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from pql.app import utc_now
from pql.config.settings import EmailSettings, Notifiers, SlackSettings, StateSettings, WebhookSettings
from pql.domain.durations import Duration
from pql.errors import RunConflict
from pql.jobs.clocks import SharedClock
from pql.jobs.deliver import Courier, deliver
from pql.jobs.leading import Leadership
from pql.jobs.serve import serve
from pql.notify import open_channels
from pql.store import Store, open_store
from pql.store.records import RunResults, Sent
from tests.faults.notifications import START, notification
from tests.faults.troubles import flag_of
from tests.servers.slack import TOKEN
from tests.servers.smtp import PASSWORD, USERNAME
from tests.servers.webhook import SECRET

# Serialisation failure, full disk, shut down by the operator; as the drivers name them.
CODES = ("40001", "53100", "57P01")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a process is to do.

    Args:
        total: How many notifications there are in all; `chunk` a run.
        trouble: The share of statements and commits that fail.
        kill_at: The process kills itself at the point of this number; 0: it does not. See `points`.
        once: Write and deliver once, by the machine's clock, and end.
    """

    name: str
    url: str
    folder: str
    slack: str
    smtp: int
    webhook: str
    ca_file: str
    total: int
    chunk: int
    lease: int
    longest: int
    gap: float
    workers: int = 4
    trouble: float = 0.0
    seed: int = 0
    kill_at: int = 0
    once: bool = False
    statements: bool = False  # they are points too, and not only commits and sends
    die_after: str = ""  # the channel that took a message, when the process kills itself


class Fault(Exception):
    """What the driver would say."""

    def __init__(self, code: str) -> None:
        super().__init__(f"made to fail: {code}")
        self.sqlstate = code


class Points:
    """Every statement, every commit and every send, before and after; at one of them the process is killed."""

    def __init__(self, kill_at: int) -> None:
        self.seen = 0
        self._kill_at = kill_at
        self._lock = threading.Lock()

    def __call__(self, *_: object) -> None:
        with self._lock:
            self.seen += 1
            if self.seen == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(10)


def hooked(store: Store, order: Order, points: Points) -> None:
    """Let statements and commits fail, or the process die at them."""
    chance = random.Random(order.seed)
    engine = store._database.engine
    do_commit = engine.dialect.do_commit

    def fail(statement: str) -> None:
        if chance.random() < order.trouble:
            raise OperationalError(statement, None, Fault(chance.choice(CODES)))

    def commit(connection: Any) -> None:
        points()
        fail("COMMIT")
        do_commit(connection)
        points()
        fail("COMMIT")  # it was done, but the answer is lost

    engine.dialect.do_commit = commit  # type: ignore[method-assign, assignment]
    if order.trouble:
        event.listen(engine, "before_cursor_execute", lambda *given: fail(given[2]))
    if order.statements:
        event.listen(engine, "after_cursor_execute", points)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "begin", lambda connection: limited(connection, flag_of(Path(order.folder))))


def limited(connection: Any, flag: Path) -> None:
    """Let SQLite have no further page while the file says so, or as many as it likes."""
    most = 1 if flag.exists() else 1_000_000_000  # never fewer than there are
    connection.exec_driver_sql(f"PRAGMA max_page_count = {most}")


class Watched:
    """A channel whose sends are points too."""

    def __init__(self, channel: Any, points: Points, *, die_after: bool) -> None:
        self._channel = channel
        self._points = points
        self._die_after = die_after
        self.name = channel.name

    def send(self, outgoing: Any) -> Any:
        self._points()
        receipt = self._channel.send(outgoing)
        self._points()
        if self._die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        return receipt

    def render(self, alert: Any) -> Any:
        return self._channel.render(alert)


def machine_clock(order: Order) -> Callable[[], datetime]:
    """The machine's clock, by as much wrong as the file says."""

    def now() -> datetime:
        try:
            wrong = float((Path(order.folder) / "clock.txt").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            wrong = 0.0
        return utc_now() + timedelta(seconds=wrong)

    return now


def feed(store: Store, order: Order, clock: Callable[[], datetime], stopping: Callable[[], bool]) -> None:
    """The leader's job: write the notifications, a run for each chunk, until all are written."""
    while not stopping():
        last = store.last_as_of("run")
        done = 0 if last is None else round((last - START) / timedelta(minutes=1)) * order.chunk
        if done >= order.total:
            return
        as_of = START + timedelta(minutes=done // order.chunk + 1)
        run = store.begin_run("run", as_of, clock())
        numbers = range(done, min(done + order.chunk, order.total))
        try:
            records = [notification(number, clock()) for number in numbers]
            store.commit_run(run, RunResults(definitions_hash="h", outbox=records), clock())
        except Exception as exc:
            store.fail_run(run, str(exc), clock())
            raise


def channels_of(order: Order, clock: Callable[[], datetime], points: Points) -> dict[str, Any]:
    """Slack, email and the webhook, pointed to the test's servers."""
    slack = SlackSettings(token=TOKEN, base_url=order.slack, timeout=Duration(1))
    email = EmailSettings(
        host="localhost",
        port=order.smtp,
        security="starttls",
        sender="PQL <pql@plotline.test>",
        username=USERNAME,
        password=PASSWORD,
        ca_file=order.ca_file,
        timeout=Duration(1),
    )
    webhook = WebhookSettings(
        url=order.webhook, secrets=(SECRET,), allow_http=True, allow_private=("localhost",), timeout=Duration(1)
    )
    opened = open_channels(Notifiers(slack=slack, email=email, webhook=webhook), clock)
    return {name: Watched(channel, points, die_after=name == order.die_after) for name, channel in opened.items()}


def courier_of(
    order: Order, store: Store, clock: Callable[[], datetime], points: Points, stop: threading.Event
) -> Courier:
    """As `App` makes it, with a shorter lease; what was found in Slack is written down."""
    found = Path(order.folder) / "found.txt"

    def took(sent: Sent) -> None:
        if sent.reconciled and sent.leased.outgoing.channel == "slack":
            with found.open("a", encoding="utf-8") as file:
                file.write(f"{sent.leased.outgoing.delivery_id}\n")

    return Courier(
        store=store,
        channels=channels_of(order, clock, points),
        clock=clock,
        wait=time.sleep,
        stopping=stop.is_set,
        workers=order.workers,
        lease=Duration(order.lease),
        longest=Duration(order.longest),
        gaps={"slack": timedelta(seconds=order.gap), "webhook": timedelta(seconds=order.gap / 10)},
        took=took,
    )


def work(order: Order) -> None:
    """The whole life of a process."""
    logging.raiseExceptions = False  # the log lies on the disk that is full
    logging.basicConfig(filename=Path(order.folder) / "log.txt", level=logging.ERROR)
    store = open_store(StateSettings(url=order.url), Path(order.folder))
    points, stop = Points(order.kill_at), threading.Event()
    hooked(store, order, points)
    machine = machine_clock(order)
    clock = machine if order.once else SharedClock(store, machine, time.monotonic)
    courier = courier_of(order, store, clock, points, stop)
    if order.once:
        feed(store, order, clock, stop.is_set)
        deliver(courier)
        return
    leadership = Leadership(
        store,
        holder=f"{order.name}:{os.getpid()}",
        clock=clock,
        monotonic=time.monotonic,
        lease=Duration(2),
        beat=0.3,
    )
    store.fence_runs(leadership.required)
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def run() -> None:
        try:
            feed(store, order, clock, stop.is_set)
        except RunConflict:
            return  # another leads by now, or its run is under way

    jobs: dict[str, tuple[str, Callable[[], object]]] = {
        "run": ("1 second", run),
        **{f"deliver {name}": ("1 second", partial(deliver, courier, only={name})) for name in courier.channels},
        "deliver": ("1 second", partial(deliver, courier, but={*courier.channels})),
    }
    serve(jobs, ZoneInfo("Europe/Berlin"), until_stopped=stop.wait, leadership=leadership, everywhere={*jobs} - {"run"})


def main() -> None:
    """Fork a child for each order, tell its number; a line that is no order waits for a child and tells its end."""
    for line in sys.stdin:
        given = json.loads(line)
        if isinstance(given, int):
            _, status = os.waitpid(given, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)
            continue
        child = os.fork()
        if child == 0:
            try:
                work(Order(**{each.name: given[each.name] for each in fields(Order)}))
            except BaseException:
                logging.getLogger("pql").exception("The process ended")
                os._exit(1)
            os._exit(0)
        print(child, flush=True)


if __name__ == "__main__":
    main()
