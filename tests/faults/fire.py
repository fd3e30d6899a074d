"""The fire: servers that fail, processes that are killed, disks that are full, clocks that step."""

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from pql.app import utc_now
from pql.config.settings import StateSettings
from pql.store import Store, migrate, open_store
from tests.faults.counting import Outcome, Servers, counted
from tests.faults.notifications import CHANNELS, GONE, PLACES
from tests.faults.troubles import Disk, kindle, put_out
from tests.faults.worker import Order
from tests.servers.certificates import Authority
from tests.servers.slack import Conversation, slack_server
from tests.servers.smtp import mail_server
from tests.servers.webhook import webhook_server

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Fire:
    """How much goes wrong.

    Args:
        notifications: How many must arrive.
        processes: How many serve at once; on SQLite one.
        share: The share of calls that a server fails.
        trouble: The share of statements and commits that fail.
        every: Seconds between two kills, clock steps or restarts of the database, on average.
        patience: Seconds after which what has not arrived counts as lost.
        steps: By how many seconds the machine's clock is wrong, one after another.
        begins: What the machine's clock shows at first; None: the time. Where the database has a clock, that counts.
    """

    notifications: int
    processes: int = 3
    share: float = 0.03
    trouble: float = 0.002
    every: float = 1.0
    patience: float = 60.0
    seed: int = 1
    chunk: int = 50
    steps: tuple[int, ...] = (-1800, -60, 0, 60, 1800)
    begins: datetime | None = None


class Nursery:
    """Forks the processes, which have all imports done."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "tests.faults.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            text=True,
        )

    def _told(self, what: object) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, order: Order) -> int:
        """The number of a new process."""
        return self._told(asdict(order))

    def ended(self, child: int) -> int:
        """Wait for its end; its exit code, negative for a signal."""
        return self._told(child)

    def close(self) -> None:
        self._process.communicate()


@dataclass(kw_only=True)
class Scene:
    """The servers, the state and the processes."""

    folder: Path
    url: str
    store: Store
    servers: Servers
    ca_file: str
    nursery: Nursery

    def order(self, name: str, fire: Fire, **more: object) -> Order:
        """What a process is told."""
        given = {
            "name": name,
            "url": self.url,
            "folder": str(self.folder),
            "slack": self.servers.slack.base_url,
            "smtp": self.servers.mail.port,
            "webhook": self.servers.webhook.url,
            "ca_file": self.ca_file,
            "total": fire.notifications,
            "chunk": fire.chunk,
            "lease": 7,
            "longest": 6,
            "gap": 0.02,
            **more,
        }
        return Order(**given)  # type: ignore[arg-type]

    def set_clock(self, ahead: float) -> None:
        """From now on the machine's clock is so many seconds ahead of the time."""
        new = self.folder / "clock.new"
        new.write_text(str(ahead), encoding="utf-8")
        new.replace(self.folder / "clock.txt")

    def run_ahead(self, seconds: Callable[[], float]) -> None:
        """Slack's clock is so far ahead too, and the webhook does not look at the time."""
        self.servers.slack.time = lambda: utc_now().timestamp() + seconds()
        self.servers.webhook.any_age = True

    def count(self, notifications: int, outcome: Outcome) -> Outcome:
        """What came of it."""
        counted(self.servers, self.store, self.folder, notifications, outcome)
        return outcome


@contextmanager
def scene(folder: Path, url: str) -> Iterator[Scene]:
    """Servers, an empty state and a nursery, for the block."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the library tells of each session that broke
    settings, authority = StateSettings(url=url), Authority(folder)
    migrate(settings, folder)
    with ExitStack() as stack:
        store = open_store(settings, folder)
        stack.callback(store.close)
        servers = Servers(
            slack=stack.enter_context(slack_server()),
            mail=stack.enter_context(mail_server("starttls", authority.server_context(), auth=True)),
            webhook=stack.enter_context(webhook_server()),
        )
        servers.slack.conversations = {f"C{number:04}": Conversation(f"C{number:04}") for number in range(PLACES)}
        servers.slack.time = lambda: utc_now().timestamp()
        servers.mail.nobody = frozenset({GONE})
        # With SQLite, webhooks are signed by the machine's clock, and that is wrong on purpose.
        servers.webhook.any_age = url.startswith("sqlite")
        nursery = Nursery()
        stack.callback(nursery.close)
        ca_file = str(authority.ca_file)
        yield Scene(folder=folder, url=url, store=store, servers=servers, ca_file=ca_file, nursery=nursery)


class Arsonist:
    """Starts the processes of a fire, and lets things go wrong with them, as a seed says."""

    def __init__(self, at: Scene, fire: Fire, trouble: Callable[[], None], disks: Sequence[Disk]) -> None:
        self.outcome = Outcome()
        self._at, self._fire, self._trouble, self._disks = at, fire, trouble, disks
        self._chance = random.Random(fire.seed)
        self._seeds = iter(range(fire.seed * 1000, fire.seed * 1000 + 100_000))
        self._ahead = (fire.begins - utc_now()).total_seconds() if fire.begins else 0.0
        at.set_clock(self._ahead)
        at.servers.slack.time = lambda: utc_now().timestamp() + self._ahead
        self.children = [self._started(number) for number in range(fire.processes)]

    def _started(self, number: int) -> int:
        order = self._at.order(f"replica{number}", self._fire, trouble=self._fire.trouble, seed=next(self._seeds))
        return self._at.nursery.start(order)

    def wait(self) -> None:
        time.sleep(self._chance.uniform(0.2, 1.8) * self._fire.every)

    def strike(self) -> None:
        """Let something go wrong. A kill and a full disk come first, so that a short fire has them."""
        faults = self.outcome.faults
        if not faults["killed"]:
            self._kill()
        elif self._disks and not faults.keys() & {disk.name for disk in self._disks}:
            self._fill()
        else:
            filling = [self._fill, self._fill] if self._disks else []
            self._chance.choice([self._kill, self._kill, self._step, self._restart, *filling])()

    def _kill(self) -> None:
        number = self._chance.randrange(len(self.children))
        os.kill(self.children[number], signal.SIGKILL)
        self._at.nursery.ended(self.children[number])
        self.children[number] = self._started(number)
        self.outcome.faults["killed"] += 1

    def _step(self) -> None:
        self._at.set_clock(self._ahead + self._chance.choice(self._fire.steps))
        self.outcome.faults["clock set"] += 1

    def _restart(self) -> None:
        with suppress(sa.exc.SQLAlchemyError):
            self._trouble()
        self.outcome.faults["database restarted"] += 1

    def _fill(self) -> None:
        disk = self._chance.choice(self._disks)
        disk.fill(self.children, self._chance)
        try:
            time.sleep(self._chance.uniform(0.1, 1.5))
            if self._chance.random() < 0.3:
                self._kill()
        finally:
            disk.free(self.children)
        self.outcome.faults[disk.name] += 1

    def stop(self) -> None:
        """End the processes as an operator does."""
        for child in self.children:
            os.kill(child, signal.SIGTERM)
        for child in self.children:
            self._at.nursery.ended(child)


def burn(at: Scene, fire: Fire, *, trouble: Callable[[], None] = lambda: None, disks: Sequence[Disk] = ()) -> Outcome:
    """Let the processes work until all is delivered, while things go wrong.

    Args:
        at: Where.
        fire: What.
        trouble: Restarts the database.
        disks: What is full now and then.
    """
    begun, arsonist = time.monotonic(), Arsonist(at, fire, trouble, disks)
    kindle(at.servers, fire.seed, fire.share, arsonist.outcome.faults)
    try:
        while not over(at.store, fire) and time.monotonic() - begun < fire.patience:
            arsonist.wait()
            if not over(at.store, fire):
                arsonist.strike()
    finally:
        arsonist.stop()
        put_out(at.servers)
    arsonist.outcome.seconds = time.monotonic() - begun
    return at.count(fire.notifications, arsonist.outcome)


def over(store: Store, fire: Fire) -> bool:
    """Whether all was written and nothing waits."""
    try:
        counts = store.outbox_counts()
    except Exception:  # noqa: BLE001 - the database is away for a moment
        return False
    return sum(counts[name] for name in ("sent", "failed", "expired")) >= fire.notifications


def quiet(at: Scene, fire: Fire) -> Outcome:
    """One process writes and delivers all, and nothing goes wrong."""
    if _once(at, fire) != 0:
        raise AssertionError((at.folder / "log.txt").read_text(encoding="utf-8")[-2000:])
    return at.count(fire.notifications, Outcome())


def died_after(at: Scene, channel: str) -> Outcome:
    """A process dies when a channel has taken a message, before it can mark it; another does what it left."""
    wrong = 300  # until its leases have ended
    fire = Fire(notifications=2 * CHANNELS)
    at.run_ahead(lambda: wrong)
    if _once(at, fire, die_after=channel) != -signal.SIGKILL:
        raise AssertionError("the process lives")
    at.set_clock(wrong)
    return quiet(at, fire)


def points(at: Scene, *, statements: bool = False, step: int = 1) -> tuple[int, Outcome]:
    """Kill a process at each commit and each send in turn (or each statement), and let another do what it left.

    Returns:
        How many notifications there were, one a channel for each kill; and what came of them.
    """
    wrong, begun, number = 0, time.monotonic(), 0
    at.run_ahead(lambda: wrong)
    killed = True
    while killed:
        number += 1
        fire = Fire(notifications=CHANNELS * number, chunk=CHANNELS)
        killed = _once(at, fire, kill_at=1 + (number - 1) * step, statements=statements) == -signal.SIGKILL
        wrong += 300  # until the lock of its run and its leases have ended
        at.set_clock(wrong)
        if _once(at, fire) != 0:
            raise AssertionError((at.folder / "log.txt").read_text(encoding="utf-8")[-2000:])
    outcome = Outcome(seconds=time.monotonic() - begun)
    outcome.faults["killed"] = number - (not killed)
    return fire.notifications, at.count(fire.notifications, outcome)


def _once(at: Scene, fire: Fire, **more: object) -> int:
    return at.nursery.ended(at.nursery.start(at.order("one", fire, once=True, workers=1, gap=0.0, **more)))
