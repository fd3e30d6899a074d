"""The fire: servers that fail, processes that are killed, clocks that step; and the two counts at its end."""

import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pql.app import utc_now
from pql.config.settings import StateSettings
from pql.store import Store, migrate, open_store
from pql.store.tables import deliveries, outbox
from tests.faults.notifications import GONE, LEADS, PLACES, START, notification, refused
from tests.faults.worker import Order
from tests.servers import slack as slack_module
from tests.servers.certificates import Authority
from tests.servers.slack import Conversation, SlackServer, slack_server
from tests.servers.smtp import MailServer, mail_server

ROOT = Path(__file__).parents[2]
SLACK_FAULTS = (
    slack_module.Fault(status=500),
    slack_module.Fault(status=503, accept=True),
    slack_module.Fault(html=True),
    slack_module.Fault(html=True, accept=True),
    slack_module.Fault(half=True, accept=True),
    slack_module.Fault(drop=True),
    slack_module.Fault(drop=True, accept=True),
    slack_module.Fault(hang=True),
    slack_module.Fault(hang=True, accept=True),
    slack_module.Fault(error="ratelimited", retry_after="1"),
    slack_module.Fault(error="internal_error"),
    slack_module.Fault(error="fatal_error", accept=True),
)
MAIL_FAULTS: Mapping[str, tuple[str, ...]] = {
    "STARTTLS": ("454 4.7.0 TLS not available for now",),
    "MAIL": ("421 4.3.2 closing", "451 4.3.0 try later", "DROP"),
    "RCPT": ("451 4.3.0 try later",),
    "DATA": ("451 4.3.0 try later", "DROP", "DROP KEPT"),
}


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


@dataclass(kw_only=True)
class Outcome:
    """What came of it, by the state database and, apart from it, by the servers' records."""

    seconds: float = 0.0
    statuses: Mapping[str, int] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    slack: int = 0  # messages that the server holds
    emails: int = 0
    lost: tuple[str, ...] = ()
    doubled_in_slack: tuple[str, ...] = ()
    repeated_emails: int = 0  # beyond the first, all with the same Message-ID
    other_ids: int = 0  # emails of one delivery under different Message-IDs
    unmarked: int = 0  # taken by a server, and not `sent` in the database
    invented: int = 0  # `sent` in the database, and with no server
    out_of_order: int = 0
    reconciled: int = 0  # found in Slack and not sent again
    unanswered_data: int = 0
    faults: Counter[str] = field(default_factory=Counter)


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
    slack: SlackServer
    mail: MailServer
    ca_file: str
    nursery: Nursery

    def order(self, name: str, fire: Fire, **more: object) -> Order:
        """What a process is told."""
        given = {
            "name": name,
            "url": self.url,
            "folder": str(self.folder),
            "slack": self.slack.base_url,
            "smtp": self.mail.port,
            "ca_file": self.ca_file,
            "total": fire.notifications,
            "chunk": fire.chunk,
            "clock": str(self.folder / "clock.txt"),
            "lease": 7,
            "longest": 6,
            "gap": 0.02,
            **more,
        }
        return Order(**given)  # type: ignore[arg-type]


@contextmanager
def scene(folder: Path, url: str) -> Iterator[Scene]:
    """Servers, an empty state and a nursery, for the block."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # the library tells of each session that broke
    settings, authority = StateSettings(url=url), Authority(folder)
    migrate(settings, folder)
    with ExitStack() as stack:
        store = open_store(settings, folder)
        stack.callback(store.close)
        slack = stack.enter_context(slack_server())
        slack.conversations = {f"C{number:04}": Conversation(f"C{number:04}") for number in range(PLACES)}
        slack.time = lambda: utc_now().timestamp()
        mail = stack.enter_context(mail_server("starttls", authority.server_context(), auth=True))
        mail.nobody = frozenset({GONE})
        nursery = Nursery()
        stack.callback(nursery.close)
        yield Scene(
            folder=folder,
            url=url,
            store=store,
            slack=slack,
            mail=mail,
            ca_file=str(authority.ca_file),
            nursery=nursery,
        )


def kindle(at: Scene, fire: Fire, counted: Counter[str]) -> None:
    """From now on the servers fail by chance."""
    chance = random.Random(fire.seed)

    def slack(method: str) -> slack_module.Fault | None:
        if chance.random() >= fire.share:
            return None
        # Answers that keep a worker waiting for a second, and pauses for all, are as rare as they are costly.
        rare = chance.random() < 0.1
        fault = chance.choice([one for one in SLACK_FAULTS if rare or not (one.hang or one.retry_after)])
        counted[f"slack {method}"] += 1
        return fault

    def mail(step: str) -> str | None:
        faults = MAIL_FAULTS.get(step, ())
        if not faults or chance.random() >= fire.share:
            return None
        said = chance.choice(faults)
        counted[f"smtp {step} {said.partition(' ')[0] if said[0].isdigit() else said}"] += 1
        return said

    at.slack.chance, at.mail.chance = slack, mail


def put_out(at: Scene) -> None:
    """The servers work again."""
    at.slack.chance, at.mail.chance = (lambda _method: None), (lambda _step: None)


def burn(at: Scene, fire: Fire, *, trouble: Callable[[], None] = lambda: None) -> Outcome:
    """Let the processes work until all is delivered, while things go wrong.

    Args:
        at: Where.
        fire: What.
        trouble: Restarts the database.
    """
    outcome, chance, begun = Outcome(), random.Random(fire.seed), time.monotonic()
    kindle(at, fire, outcome.faults)
    seeds = iter(range(fire.seed * 1000, fire.seed * 1000 + 100_000))

    def started(number: int) -> int:
        seed = next(seeds)
        return at.nursery.start(at.order(f"replica{number}", fire, trouble=fire.trouble, seed=seed))

    children = [started(number) for number in range(fire.processes)]
    try:
        while not over(at.store, fire) and time.monotonic() - begun < fire.patience:
            time.sleep(chance.uniform(0.2, 1.8) * fire.every)
            if over(at.store, fire):
                break
            # A kill comes first, so that a short fire has one.
            match chance.choice(("kill", "kill", "clock", "database")) if outcome.faults["killed"] else "kill":
                case "kill":
                    number = chance.randrange(len(children))
                    os.kill(children[number], signal.SIGKILL)
                    at.nursery.ended(children[number])
                    children[number] = started(number)
                    outcome.faults["killed"] += 1
                case "clock":
                    wrong = chance.choice(fire.steps)
                    (at.folder / "clock.txt").write_text(str(wrong), encoding="utf-8")
                    outcome.faults["clock set"] += 1
                case "database":
                    with suppress(sa.exc.SQLAlchemyError):
                        trouble()
                    outcome.faults["database restarted"] += 1
    finally:
        for child in children:
            os.kill(child, signal.SIGTERM)
        for child in children:
            at.nursery.ended(child)
        put_out(at)
    outcome.seconds = time.monotonic() - begun
    counted(at, fire, outcome)
    return outcome


def over(store: Store, fire: Fire) -> bool:
    """Whether all was written and nothing waits."""
    try:
        counts = store.outbox_counts()
    except Exception:  # noqa: BLE001 - the database is away for a moment
        return False
    return sum(counts[name] for name in ("sent", "failed", "expired")) >= fire.notifications


def counted(at: Scene, fire: Fire, outcome: Outcome) -> None:
    """The two counts, and what differs between them."""
    with at.store._database.reads() as connection:
        asked = sa.select(outbox.c.step_key, outbox.c.delivery_id, outbox.c.status, outbox.c.seq)
        rows = {row.delivery_id: row for row in connection.execute(asked)}
        by_outcome = sa.select(deliveries.c.outcome, sa.func.count()).group_by(deliveries.c.outcome)
        outcome.attempts = {row[0]: row[1] for row in connection.execute(by_outcome)}
    outcome.statuses = Counter(row.status for row in rows.values())
    posted = [message["metadata"]["event_payload"]["delivery_id"] for message in at.slack.messages]
    mailed = [(str(message["X-PQL-Delivery"]), str(message["Message-ID"])) for message in at.mail.messages]
    slack, emails = Counter(posted), Counter(delivery_id for delivery_id, _ in mailed)
    arrived = slack.keys() | emails.keys()
    expected = [notification(number, START).delivery_id for number in range(fire.notifications) if not refused(number)]
    outcome.slack, outcome.emails = len(posted), len(mailed)
    outcome.lost = tuple(one for one in expected if one not in arrived)
    outcome.doubled_in_slack = tuple(one for one, times in slack.items() if times > 1)
    outcome.repeated_emails = sum(times - 1 for times in emails.values())
    outcome.other_ids = len({*mailed}) - len(emails)
    outcome.unmarked = sum(one not in rows or rows[one].status != "sent" for one in arrived)
    outcome.invented = sum(row.status == "sent" and one not in arrived for one, row in rows.items())
    outcome.out_of_order = _out_of_order([rows[one].seq for one in posted if one in rows], posted, rows)
    outcome.unanswered_data = outcome.faults["smtp DATA DROP"] + outcome.faults["smtp DATA DROP KEPT"]
    found = at.folder / "found.txt"
    outcome.reconciled = len({*found.read_text(encoding="utf-8").split()}) if found.exists() else 0


def quiet(at: Scene, fire: Fire) -> Outcome:
    """One process writes and delivers all, and nothing goes wrong."""
    outcome = Outcome()
    if _once(at, fire) != 0:
        raise AssertionError((at.folder / "log.txt").read_text(encoding="utf-8")[-2000:])
    counted(at, fire, outcome)
    return outcome


def died_after(at: Scene, channel: str) -> Outcome:
    """A process dies when a channel has taken a message, before it can mark it; another does what it left."""
    wrong = 300  # until its leases have ended
    fire = Fire(notifications=4)  # two a channel
    at.slack.time = lambda: utc_now().timestamp() + wrong
    if _once(at, fire, die_after=channel) != -signal.SIGKILL:
        raise AssertionError("the process lives")
    (at.folder / "clock.txt").write_text(str(wrong), encoding="utf-8")
    return quiet(at, fire)


def points(at: Scene, *, statements: bool = False, step: int = 1) -> tuple[int, Outcome]:
    """Kill a process at each commit and each send in turn (or each statement), and let another do what it left.

    Returns:
        How many notifications there were, two for each kill; and what came of them.
    """
    wrong, begun, number = 0, time.monotonic(), 0
    at.slack.time = lambda: utc_now().timestamp() + wrong
    killed = True
    while killed:
        number += 1
        fire = Fire(notifications=2 * number, chunk=2)
        killed = _once(at, fire, kill_at=1 + (number - 1) * step, statements=statements) == -signal.SIGKILL
        wrong += 300  # until the lock of its run and its leases have ended
        (at.folder / "clock.txt").write_text(str(wrong), encoding="utf-8")
        if _once(at, fire) != 0:
            raise AssertionError((at.folder / "log.txt").read_text(encoding="utf-8")[-2000:])
    outcome = Outcome(seconds=time.monotonic() - begun)
    outcome.faults["killed"] = number - (not killed)
    counted(at, fire, outcome)
    return fire.notifications, outcome


def _once(at: Scene, fire: Fire, **more: object) -> int:
    return at.nursery.ended(at.nursery.start(at.order("one", fire, once=True, workers=1, gap=0.0, **more)))


def _out_of_order(seqs: list[int], posted: list[str], rows: Mapping[str, Any]) -> int:
    """How many messages came after a later one about the same lead."""
    last: dict[int, int] = {}
    late = 0
    for seq, delivery_id in zip(seqs, posted, strict=True):
        lead = int(rows[delivery_id].step_key.partition(":")[2]) % LEADS
        late += seq < last.get(lead, 0)
        last[lead] = max(seq, last.get(lead, 0))
    return late
