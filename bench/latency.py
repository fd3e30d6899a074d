"""From the watch's tick to Slack's acceptance: `pql serve` over PostgreSQL, while events land as they do in life.

One process of `pql serve` leads and delivers, with the starter's definitions and schedule; only the watch begins on the
full minute in place of any second, so that its ticks are known. Events land each second. Some of them are the paywall,
which is told at once, of accounts that fit and have not met it lately. They are told to many reps, since Slack takes
one message a second a channel, and Slack takes a while to answer, as the real one does.

python -m bench.latency JSON
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import duckdb
import psycopg
import sqlalchemy as sa

from bench.harness import ROOT
from bench.projects import PRUNED
from bench.worlds import COLUMNS
from pql.app import utc_now
from pql.config.settings import StateSettings
from pql.config.starter import copy_starter
from pql.domain.calendar import from_micros
from pql.errors import StateError
from pql.jobs.looking import MARK
from pql.store import Store, migrate, open_store
from pql.store.tables import decisions, occurrences, outbox, runs
from tests.servers.slack import TOKEN, SlackServer, slack_server

REPS, MOMENT, EVENT = 24, "paywall_hit", "paywall_viewed"
MINUTE = timedelta(minutes=1)
PATIENCE = 120.0  # seconds after the last tick, until what landed counts as untold
RELATIONS = {
    "events": f"SELECT {', '.join(COLUMNS)} FROM events {PRUNED}",
    "accounts": "SELECT * FROM accounts",
    "users": "SELECT * FROM users",
}
SETTINGS = """
project: Bench
time_zone: UTC
lead: account
usage: {url: "${PQL_USAGE_URL}", rollup: {home: local}}
state: {url: "${PQL_STATE_URL}"}
delivery: {mode: on}
metrics: {listen: off}
schedules: {run: 15 minutes, watch: "* * * * *"}
"""
WHOLE_DAY = '{days: [mon, tue, wed, thu, fri, sat, sun], start: "00:00", end: "00:00"}'
# As the starter's icp.yml sees it: fits of A and B; they have a user, and have not met the paywall for as long as the
# moment's cooldown.
FITTING = """
    SELECT account_id, min(user_id) AS user_id FROM accounts JOIN users USING (account_id)
    WHERE employees BETWEEN 50 AND 1000 AND industry IN ('software', 'fintech')
        AND account_id NOT IN (
            SELECT account_id FROM events WHERE event = $event AND account_id IS NOT NULL
                AND occurred_at > (SELECT max(occurred_at) FROM events) - INTERVAL 9 DAY
        )
    GROUP BY account_id ORDER BY hash(account_id)
"""


@dataclass(frozen=True, kw_only=True)
class Told:
    """One message that was told at once: the instants on its way, and Slack's acceptance."""

    account_id: str
    landed: datetime
    tick: datetime
    committed: datetime
    accepted: datetime


def shift(*, file: str) -> dict[str, object]:
    """Move the world in time, so that its history ends now."""
    with duckdb.connect(file) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        ((last,),) = connection.execute("SELECT epoch_us(max(ingested_at)) FROM events").fetchall()
        by = {"by": utc_now() - from_micros(last)}
        for table, columns in {"events": ("occurred_at", "ingested_at"), "accounts": ("created_at",)}.items():
            moved = ", ".join(f"{column} + $by AS {column}" for column in columns)
            connection.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * REPLACE ({moved}) FROM {table}", by)
    return {"seconds": 0.0}


def minutes(
    *, file: str, folder: str, url: str, ticks: int, fresh: int, moments: int, takes: float
) -> dict[str, object]:
    """Serve for so many minutes while events land, and read off what came of it.

    Args:
        file: The world, moved; where the landing rows come from.
        folder: For the project.
        url: Of the PostgreSQL server that has the world.
        ticks: Minutes.
        fresh: Rows a minute.
        moments: How many of these are told at once.
        takes: Seconds that Slack needs for an answer.
    """
    place = Path(folder) / "service"
    usage = url.replace("postgresql://", "postgresql+psycopg://", 1)
    with state_of(url, Path(folder)) as (state, store), slack_server() as slack:
        slack.chance = lambda _method: time.sleep(takes)
        slack.users = {f"rep{number}@bench.test": f"U{number:03}" for number in range(REPS)}
        write_project(place, slack.base_url)
        with service(place, {"PQL_USAGE_URL": usage, "PQL_STATE_URL": state, "SLACK_BOT_TOKEN": TOKEN}) as served:
            until(lambda: served.poll() is not None or looked(store), 900, "the first look was not done")
            if served.returncode is not None:
                raise SystemExit(f"`pql serve` ended with {served.returncode}")
            landed = land(file, url, ticks=ticks, fresh=fresh, moments=moments)
            with suppress(TimeoutError):
                until(lambda: len(told(store, slack, landed)) >= len(landed), PATIENCE, "not all was told")
        found = told(store, slack, landed)
        looks = _seconds_of(store)
        others = _reasons(store, landed.keys() - {one.account_id for one in found})
    return {
        "seconds": 0.0,
        "landed": len(landed),
        "others": others,
        "tick": [(one.accepted - one.tick).total_seconds() for one in found],
        "landing": [(one.accepted - one.landed).total_seconds() for one in found],
        "commit": [(one.committed - one.tick).total_seconds() for one in found],
        "ticks": len({one.tick for one in found}),
        "looks": looks,
    }


@contextmanager
def state_of(url: str, folder: Path) -> Iterator[tuple[str, Store]]:
    """A state database of its own on a PostgreSQL server, and the store over it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE state")
        info = connection.info
        state = f"postgresql+psycopg://{info.user}@/state?host={info.host}&port={info.port}"
    migrate(StateSettings(url=state), folder)
    store = open_store(StateSettings(url=state), folder)
    try:
        yield state, store
    finally:
        store.close()


def write_project(place: Path, slack: str) -> None:
    """The starter over the world's tables, told on Slack at all hours, with reps who never have too much."""
    copy_starter(place)
    shutil.rmtree(place / "sql")
    (place / "signals" / "activated_not_expanded.yml").unlink()  # it is measured by SQL over the demo's tables
    for name, text in RELATIONS.items():
        (place / "sql" / f"{name}.sql").parent.mkdir(exist_ok=True)
        (place / "sql" / f"{name}.sql").write_text(text, encoding="utf-8")
    reps = "\n".join(
        f"  - {{email: rep{n}@bench.test, name: Rep {n}, time_zone: UTC, team: sales}}" for n in range(REPS)
    )
    routing = (
        f"working_hours: {WHOLE_DAY}\nreps:\n{reps}\nroutes:\n  - {{route: all, team: sales}}\n"
        "fallback: rep0@bench.test\nchannels: {now: [slack], today: [slack], digest: [slack]}\n"
        "max_per_rep_a_day: 200\nmax_urgent_per_rep_a_day: 200\n"
    )
    (place / "config" / "routing.yml").write_text(routing, encoding="utf-8")
    (place / "config" / "pql.yml").write_text(SETTINGS, encoding="utf-8")
    channel = f"token: ${{SLACK_BOT_TOKEN}}\nbase_url: {slack}\n"
    (place / "notifiers" / "slack" / "channel.yml").write_text(channel, encoding="utf-8")


@contextmanager
def service(place: Path, environ: dict[str, str], *, host: str = "") -> Iterator["subprocess.Popen[bytes]"]:
    """`pql serve` in a process of its own, its log beside the project; as if on a machine of that name."""
    named = f"import socket; socket.gethostname = lambda: {host!r}; " if host else ""
    code = f"{named}from pql.cli import main; main()"
    command = [sys.executable, "-W", "ignore", "-c", code, "serve", "--project", str(place), "--json-log"]
    with (place.parent / f"{place.name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, env={**os.environ, **environ}, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(180)


def land(file: str, url: str, *, ticks: int, fresh: int, moments: int) -> dict[str, datetime]:
    """Let rows land, a few each second; when each account's paywall was committed."""
    chance, landed = random.Random(1), {}
    with duckdb.connect(file, read_only=True) as world:
        others = world.execute(
            "SELECT account_id, user_id, event, feature, quantity FROM landing WHERE event <> $event LIMIT $rows",
            {"event": EVENT, "rows": fresh * ticks},
        ).fetchall()
        fitting = world.execute(FITTING, {"event": EVENT}).fetchmany(moments * ticks)
    seconds = 60 * ticks
    due = sorted(chance.uniform(0, seconds) for _ in fitting)
    begun, written, met = time.monotonic(), 0, 0
    with psycopg.connect(url, autocommit=True) as target, target.cursor() as cursor:
        for second in range(1, seconds + 1):
            time.sleep(max(begun + second - time.monotonic(), 0))
            upto = len(others) * second // seconds
            now = utc_now()
            cursor.executemany(_INSERT, [(*_row(other, now), now) for other in others[written:upto]])
            written = upto
            while met < len(due) and due[met] <= second:
                account_id, user_id = fitting[met]
                now = utc_now()
                cursor.execute(_INSERT, (account_id, user_id, now, EVENT, "export", None, now))
                landed[account_id] = utc_now()
                met += 1
    return landed


_INSERT = f"INSERT INTO events VALUES ({', '.join(['%s'] * len(COLUMNS))})"


def _row(other: tuple[Any, ...], at: datetime) -> tuple[object, ...]:
    account_id, user_id, event, feature, quantity = other
    return account_id, user_id, at, event, feature, quantity


def told(store: Store, slack: SlackServer, landed: dict[str, datetime]) -> list[Told]:
    """What the watch told at once and Slack took, of the accounts whose paywall landed."""
    accepted = {_delivery(message): slack.kept_at[message["ts"]] for message in slack.messages}
    asked = (
        sa.select(outbox.c.delivery_id, outbox.c.lead_id, runs.c.as_of, runs.c.finished_at)
        .join(runs, runs.c.id == outbox.c.run_id)
        .join(occurrences, sa.and_(occurrences.c.run_id == runs.c.id, occurrences.c.lead_id == outbox.c.lead_id))
        .where(runs.c.job == "watch", outbox.c.subject == "moment", occurrences.c.moment == MOMENT)
    )
    with store._database.reads() as connection:  # noqa: SLF001 - what it keeps is what is measured
        rows = connection.execute(asked).all()
    return [
        Told(
            account_id=row.lead_id,
            landed=landed[row.lead_id],
            tick=from_micros(row.as_of).replace(second=0, microsecond=0),
            committed=from_micros(row.finished_at),
            accepted=datetime.fromtimestamp(accepted[row.delivery_id], UTC),
        )
        for row in rows
        if row.lead_id in landed and row.delivery_id in accepted
    ]


def _reasons(store: Store, account_ids: Collection[str]) -> dict[str, int]:
    """What was decided of the paywalls of these accounts, by reason."""
    asked = sa.select(decisions.c.why, sa.func.count()).where(
        decisions.c.topic == MOMENT, decisions.c.lead_id.in_(sorted(account_ids))
    )
    with store._database.reads() as connection:  # noqa: SLF001 - what it keeps is what is measured
        return {row[0]: row[1] for row in connection.execute(asked.group_by(decisions.c.why))}


def _delivery(message: dict[str, Any]) -> str:
    return str(message["metadata"]["event_payload"]["delivery_id"])


def looked(store: Store) -> bool:
    """Whether the first look was done, which sets a timer for everybody."""
    try:
        return store.setting(MARK) is not None
    except StateError:
        return False


def _seconds_of(store: Store) -> list[float]:
    """Of each look that told something, from its begin to its end."""
    asked = sa.select(runs.c.as_of, runs.c.finished_at).where(runs.c.job == "watch", runs.c.status == "done")
    with store._database.reads() as connection:  # noqa: SLF001 - what it keeps is what is measured
        rows = connection.execute(asked.order_by(runs.c.as_of)).all()
    return [(row.finished_at - row.as_of) / 1e6 for row in rows]


def until(holds: Callable[[], bool], seconds: float, otherwise: str, *, every: float = 0.5) -> None:
    """Wait until it holds.

    Raises:
        TimeoutError: It did not, for so many seconds.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(otherwise)
        time.sleep(every)


def percentile(numbers: Sequence[float], share: float) -> float:
    """The least number that so large a share does not exceed."""
    ordered = sorted(numbers)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


Steps: TypeAlias = Mapping[str, Callable[..., dict[str, object]]]
STEPS: Steps = {"shift": shift, "minutes": minutes}


def pick_step(steps: Steps) -> dict[str, object]:
    """Run the step that the command line names, with the arguments that it gives as JSON."""
    return steps[sys.argv[1]](**json.loads(sys.argv[2]))


if __name__ == "__main__":
    print(json.dumps(pick_step(STEPS)))
