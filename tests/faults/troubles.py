"""What goes wrong by chance: the servers' answers, and the disk."""

import errno
import os
import random
import resource
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from tests.faults.counting import Servers
from tests.servers import slack, webhook

SLACK_FAULTS = (
    slack.Fault(status=500),
    slack.Fault(status=503, accept=True),
    slack.Fault(html=True),
    slack.Fault(html=True, accept=True),
    slack.Fault(half=True, accept=True),
    slack.Fault(drop=True),
    slack.Fault(drop=True, accept=True),
    slack.Fault(hang=True),
    slack.Fault(hang=True, accept=True),
    slack.Fault(error="ratelimited", retry_after="1"),
    slack.Fault(error="internal_error"),
    slack.Fault(error="fatal_error", accept=True),
)
MAIL_FAULTS: Mapping[str, tuple[str, ...]] = {
    "STARTTLS": ("454 4.7.0 TLS not available for now",),
    "MAIL": ("421 4.3.2 closing", "451 4.3.0 try later", "DROP"),
    "RCPT": ("451 4.3.0 try later",),
    "DATA": ("451 4.3.0 try later", "DROP", "DROP KEPT"),
}
WEBHOOK_FAULTS = (
    webhook.Fault(status=500),
    webhook.Fault(status=500, accept=True),
    webhook.Fault(status=503, accept=True),
    webhook.Fault(half=True),
    webhook.Fault(half=True, accept=True),
    webhook.Fault(drop=True),
    webhook.Fault(drop=True, accept=True),
    webhook.Fault(hang=True, accept=True),
    webhook.Fault(status=429, headers={"Retry-After": "1"}),
)


def kindle(servers: Servers, seed: int, share: float, counted: Counter[str]) -> None:
    """From now on the servers fail by chance."""
    chance = random.Random(seed)

    def slack_fault(method: str) -> slack.Fault | None:
        if chance.random() >= share:
            return None
        # Answers that keep a worker waiting for a second, and pauses for all, are as rare as they are costly.
        rare = chance.random() < 0.1
        counted[f"slack {method}"] += 1
        return chance.choice([one for one in SLACK_FAULTS if rare or not (one.hang or one.retry_after)])

    def mail_fault(step: str) -> str | None:
        faults = MAIL_FAULTS.get(step, ())
        if not faults or chance.random() >= share:
            return None
        said = chance.choice(faults)
        counted[f"smtp {step} {said.partition(' ')[0] if said[0].isdigit() else said}"] += 1
        return said

    def webhook_fault() -> webhook.Fault | None:
        if chance.random() >= share:
            return None
        rare = chance.random() < 0.1
        fault = chance.choice([one for one in WEBHOOK_FAULTS if rare or not (one.hang or one.headers)])
        counted["webhook, kept and not answered" if fault.accept else "webhook, not kept"] += 1
        return fault

    servers.slack.chance, servers.mail.chance, servers.webhook.chance = slack_fault, mail_fault, webhook_fault


def put_out(servers: Servers) -> None:
    """The servers work again."""
    servers.slack.chance, servers.mail.chance = (lambda _method: None), (lambda _step: None)
    servers.webhook.chance = lambda: None


class Disk(Protocol):
    """What can be full."""

    name: str

    def fill(self, processes: Sequence[int], chance: random.Random) -> None:
        """From now on nothing more fits."""

    def free(self, processes: Sequence[int]) -> None:
        """There is room again."""


class LongFiles:
    """The operating system lets no file of a process grow, the database's and its log's least of all."""

    name = "files could not grow"

    def fill(self, processes: Sequence[int], chance: random.Random) -> None:
        self._limit(processes, chance.choice((1, 4_096, 40_000, 400_000)))

    def free(self, processes: Sequence[int]) -> None:
        self._limit(processes, resource.RLIM_INFINITY)

    def _limit(self, processes: Sequence[int], most: int) -> None:
        for process in processes:
            with suppress(ProcessLookupError):
                resource.prlimit(process, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


class NoPages:
    """SQLite itself finds no room for another page: SQLITE_FULL. The processes look for a file that says so."""

    name = "SQLite was full"

    def __init__(self, folder: Path) -> None:
        self._file = flag_of(folder)

    def fill(self, processes: Sequence[int], chance: random.Random) -> None:
        del processes, chance
        self._file.touch()

    def free(self, processes: Sequence[int]) -> None:
        del processes
        self._file.unlink(missing_ok=True)


def flag_of(folder: Path) -> Path:
    """The file that says that SQLite is full."""
    return folder / "full.txt"


class Ballast:
    """A disk of its own, filled to the last byte by a file."""

    name = "the disk was full"

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ballast"

    def fill(self, processes: Sequence[int], chance: random.Random) -> None:
        del processes, chance
        with self._file.open("wb", buffering=0) as file:
            block = 1 << 20
            while block:
                try:
                    file.write(b"\0" * block)
                except OSError as exc:
                    if exc.errno != errno.ENOSPC:
                        raise
                    block //= 4
            os.fsync(file.fileno())

    def free(self, processes: Sequence[int]) -> None:
        del processes
        self._file.unlink(missing_ok=True)
