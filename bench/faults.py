"""Many notifications under fire, and what came of them, counted twice: in the state database and at the servers.

Processes that serve as `pql serve` does write and deliver, half to Slack and half by email, while they are killed, the
servers fail and keep what they took, the clock is set wrong and right, statements and commits fail, and the database
goes down and recovers. What is promised must hold: 0 lost, 0 doubled in Slack, both counts alike; it exits with 1
otherwise. `--points` kills a process at every statement, commit and send in turn instead.

    python -m bench.faults [--notifications 10000] [--seed 1] [--database sqlite | postgresql] [--points]
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg

from bench.state import DATABASES, _url
from tests.faults.fire import Fire, Outcome, burn, points, scene
from tests.faults.notifications import refused


def crashed(url: str) -> Callable[[], None]:
    """One of PostgreSQL's processes dies, so that the server ends all connections and recovers from its log."""

    def crash() -> None:
        with suppress(psycopg.Error, ProcessLookupError), psycopg.connect(url, autocommit=True) as connection:
            os.kill(connection.info.backend_pid, signal.SIGKILL)
            connection.execute("SELECT 1")

    return crash if url.startswith("postgresql") else lambda: None


def burnt(database: str, fire: Fire, folder: Path) -> Outcome:
    """One fire, with a state of its own."""
    with _url(database, folder) as url, scene(folder, url) as at:
        return burn(at, fire, trouble=crashed(url))


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
        "about one lead, out of order in Slack": outcome.out_of_order,
        "emails under another Message-ID": outcome.other_ids,
        "missing in the database": notifications - sum(outcome.statuses.values()),
        "difference of both counts": outcome.slack + outcome.emails - outcome.repeated_emails - (notifications - gone),
    }
    told = {
        "notifications": notifications,
        "seconds": round(outcome.seconds),
        **{f"in the database: {status}": number for status, number in sorted(outcome.statuses.items())},
        "held by the Slack server": outcome.slack,
        "held by the mail server": outcome.emails,
        "of these sent again, under the same Message-ID": outcome.repeated_emails,
        "answers to DATA that never came": outcome.unanswered_data,
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
