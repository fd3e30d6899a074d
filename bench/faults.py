"""Many notifications under fire, and what came of them, counted twice: in the state database and at the servers.

Processes that serve as `pql serve` does write and deliver, to Slack, by email and by webhook in turn, while they are
killed, the servers fail and keep what they took, the clock is set wrong and right (with SQLite: in a night in which it
changes), statements and commits fail, the disk is full, and the database goes down and recovers. What is promised must
hold: 0 lost, 0 doubled in Slack and for a receiver of webhooks that keeps the keys, both counts alike; it exits with 1
otherwise. `--points` kills a process at every statement, commit and send in turn instead.

The full disk is a small one of its own (tmpfs), which takes root to make; without that, files that cannot grow and
SQLite's own limit stand in for it.

    python -m bench.faults [--notifications 10000] [--seed 1] [--database sqlite | postgresql] [--points]
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from bench.state import DATABASES, _url
from tests.faults.counting import Outcome
from tests.faults.fire import Fire, burn, points, scene
from tests.faults.notifications import refused
from tests.faults.troubles import Ballast, Disk, LongFiles, NoPages

# A minute before clocks change: in Berlin backward and forward, in New York backward.
NIGHTS = tuple(datetime.fromisoformat(f"{at}Z") for at in ("2026-10-25T00:59", "2026-03-29T00:59", "2026-11-01T05:59"))


def crashed(url: str) -> Callable[[], None]:
    """One of PostgreSQL's processes dies, so that the server ends all connections and recovers from its log."""

    def crash() -> None:
        with suppress(psycopg.Error, ProcessLookupError), psycopg.connect(url, autocommit=True) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            connection.execute("SELECT 1")

    return crash if url.startswith("postgresql") else lambda: None


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Ballast | None]:
    """A small disk at a folder, and what fills it; None where it cannot be made."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "pql-faults", str(folder)],
        check=False,
        capture_output=True,
    )
    if made.returncode:
        yield None
        return
    try:
        yield Ballast(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def on_small_disk(url: str, folder: Path) -> Iterator[tuple[str, Ballast | None]]:
    """A database of the same server whose tables lie on a small disk; its log does not, or the server would end."""
    folder.mkdir()
    with small_disk(folder, 256) as ballast:
        if ballast is None:
            yield url, None
            return
        with psycopg.connect(url, autocommit=True) as server:
            data = server.execute("SHOW data_directory").fetchone()
            tables, owner = folder / "tables", Path(str(data[0] if data else "")).stat()
            tables.mkdir(mode=0o700)
            os.chown(tables, owner.st_uid, owner.st_gid)
            server.execute(sql.SQL("CREATE TABLESPACE small LOCATION {}").format(str(tables)))
            server.execute("CREATE DATABASE burning TABLESPACE small")
            info = server.info
            burning = f"postgresql://{info.user}@/burning?host={info.host}&port={info.port}"
        try:
            yield burning, ballast
        finally:
            with psycopg.connect(url, autocommit=True) as server:
                server.execute("DROP DATABASE burning WITH (FORCE)")
                server.execute("DROP TABLESPACE small")


def burnt(database: str, fire: Fire, folder: Path) -> Outcome:
    """One fire, with a state of its own."""
    with ExitStack() as stack:
        url, place, disks = stack.enter_context(_url(database, folder)), folder, list[Disk]()
        if database == "sqlite":
            place = folder / "small"
            place.mkdir()
            ballast = stack.enter_context(small_disk(place, 256))
            disks = [LongFiles(), NoPages(place)]
        else:
            url, ballast = stack.enter_context(on_small_disk(url, folder / "small"))
        at = stack.enter_context(scene(place, url))
        return burn(at, fire, trouble=crashed(url), disks=[*disks, *([ballast] if ballast else [])])


def killed_everywhere(database: str, folder: Path) -> tuple[int, Outcome]:
    """A process killed at every point in turn."""
    with _url(database, folder) as url, scene(folder, url) as at:
        return points(at, statements=True)


def show(database: str, notifications: int, outcome: Outcome) -> bool:
    """Print what came of it; whether all that is promised held."""
    gone = sum(refused(number) for number in range(notifications))
    promised = {
        "lost": len(outcome.lost),
        "doubled in Slack": len(outcome.doubled_in_slack),
        "with a server, but not marked as sent": outcome.unmarked,
        "marked as sent, but with no server": outcome.invented,
        "about one lead, out of order": outcome.out_of_order,
        "emails under another Message-ID": outcome.other_ids,
        "webhooks of one webhook-id with another body": outcome.other_bodies,
        "missing in the database": notifications - sum(outcome.statuses.values()),
        "difference of both counts": outcome.arrived - (notifications - gone),
    }
    told = {
        "notifications": notifications,
        "seconds": round(outcome.seconds),
        **{f"in the database: {status}": number for status, number in sorted(outcome.statuses.items())},
        "held by the Slack server": outcome.slack,
        "held by the mail server": outcome.emails,
        "of these sent again, under the same Message-ID": outcome.repeated_emails,
        "answers to DATA that never came": outcome.unanswered_data,
        "held by the webhook": outcome.webhooks,
        "of these sent again, under the same webhook-id": outcome.repeated_webhooks,
        "in doubt, found in Slack and not sent again": outcome.reconciled,
        **{f"tries: {name}": number for name, number in sorted(outcome.attempts.items())},
        **{f"fault: {name}": number for name, number in sorted(outcome.faults.items())},
    }
    print(f"\n{database}")
    for name, number in {**told, **{f"MUST BE 0: {name}": number for name, number in promised.items()}}.items():
        print(f"  {name:58}{number:>10,}")
    return not any(promised.values())


def main() -> None:
    """Burn and print."""
    parser = argparse.ArgumentParser(description="Notifications under fire.")
    parser.add_argument("--notifications", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--database", choices=DATABASES)
    parser.add_argument("--points", action="store_true")
    parser.add_argument("--patience", type=float, default=3600.0)
    parser.add_argument("--every", type=float, default=4.0, help="seconds between two disturbances, on average")
    given = parser.parse_args()
    held = True
    for database in (given.database,) if given.database else DATABASES:
        fire = Fire(
            notifications=given.notifications,
            processes=1 if database == "sqlite" else 3,
            seed=given.seed,
            patience=given.patience,
            every=given.every,
            chunk=200,
            begins=NIGHTS[given.seed % len(NIGHTS)] if database == "sqlite" else None,
        )
        with tempfile.TemporaryDirectory(prefix="pql-faults-") as folder:
            begun = time.monotonic()
            number, outcome = fire.notifications, Outcome()
            if given.points:
                number, outcome = killed_everywhere(database, Path(folder))
            else:
                outcome = burnt(database, fire, Path(folder))
            outcome.seconds = time.monotonic() - begun
            held &= show(database, number, outcome)
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
