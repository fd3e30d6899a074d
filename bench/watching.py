"""The watch over a world: fresh rows land, and one look is measured, in a process of its own.

python -m bench.watching JSON
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from bench.projects import project_over
from pql.app import App
from pql.config.settings import Project
from pql.domain.conditions import Condition, Where
from pql.domain.durations import Duration
from pql.domain.moments import Moment, Urgency
from pql.domain.patterns import Pattern
from pql.domain.patterns.first import First
from pql.domain.patterns.returned import Returned
from pql.domain.patterns.sequence import Sequence
from pql.domain.patterns.silence import Silence
from pql.domain.patterns.stuck import Stuck
from pql.domain.patterns.times import Times
from pql.domain.patterns.without import Without
from pql.notify import open_channels
from pql.store import is_new, migrate, open_store

HOUR, DAY = Duration(3600), Duration.of_days(1)
# The fresh rows are the first of the day that lands next, as if they happened and arrived within the last minute.
FRESH = """
    SELECT account_id, user_id,
        CAST($as_of AS TIMESTAMPTZ) - to_microseconds(1000 + (n - $skip) * 59000000 // $rows) AS occurred_at,
        event, feature, quantity,
        CAST($as_of AS TIMESTAMPTZ) - to_microseconds(500 + (n - $skip) * 59000000 // $rows) AS ingested_at
    FROM (SELECT *, row_number() OVER () - 1 AS n FROM landing LIMIT $rows OFFSET $skip)
    ORDER BY ingested_at
"""


def named(event: str) -> Where:
    """The filter for an event."""
    return Where.parse({"event": event})


PATTERNS: dict[str, Pattern] = {
    "paywall": Times(event="paywall_viewed", within=HOUR),
    "invites": Times(event="member_invited", at_least=3, within=DAY),
    "stuck": Stuck(failure=named("filter_set"), success=named("chart_built"), at_least=5, within=HOUR),
    "prices": Sequence(steps=(named("pricing_viewed"), named("member_invited")), within=Duration.of_days(2)),
    "first_share": First(event="report_shared"),
    "not_shared": Without(after=named("chart_built"), without=named("report_shared"), within=DAY),
    "silent": Silence(quiet_for=Duration.of_days(5), at_least=20),
    "back": Returned(away_for=Duration.of_days(14)),
}


def moments() -> tuple[Moment, ...]:
    """One of each pattern over events."""
    return tuple(
        Moment(
            name=name,
            title=name,
            why="It is measured.",
            pattern=pattern,
            urgency=Urgency.NOW,
            play="Help.",
            only_if={"tier": Condition.parse(["hot", "warm"])},
        )
        for name, pattern in PATTERNS.items()
    )


def project_of(settings: dict[str, Any]) -> Project:
    """The project, with its moments."""
    project = project_over(Path(settings["folder"]), settings["url"], **settings.get("more", {}))
    return replace(project, definitions=replace(project.definitions, moments=moments()))


def opened(project: Project) -> App:
    """The program."""
    if is_new(project.state, project.folder):
        migrate(project.state, project.folder)
    store = open_store(project.state, project.folder)
    return App(project=project, store=store, channels=open_channels(project.notifiers))


def looks(
    *, project: dict[str, Any], file: str, as_of: str, rows: int, repeats: int, url: str = ""
) -> dict[str, object]:
    """The first run of the main job and the first look; then each minute fresh rows land, and a look is measured.

    All in one process, as a service does it: what a look read again behind the last one is known to it.
    """
    given, at = project_of(project), datetime.fromisoformat(as_of)
    app = opened(given)
    app.run(as_of=at)
    first, report = measured(app, at + timedelta(seconds=1))
    seconds, told = [], [report]
    for number in range(repeats):
        at += timedelta(minutes=1)
        arrive(file=file, as_of=at.isoformat(), rows=rows, number=number, url=url)
        taken, report = measured(app, at)
        seconds.append(taken)
        told.append(report)
    app.close()
    return {"seconds": min(seconds), "looks": seconds, "first": first, "told": told}


def measured(app: App, at: datetime) -> tuple[float, dict[str, object]]:
    """One look, from opening the usage tables to closing them: its seconds, and what it found."""
    began = time.perf_counter()
    report = app.watch(as_of=at)
    seconds = time.perf_counter() - began
    found = {"arrived": report.arrived, "timers": report.timers, "found": dict(report.found), "told": dict(report.told)}
    return seconds, found


def arrive(*, file: str, as_of: str, rows: int, number: int, url: str = "") -> None:
    """Let fresh rows land, in the world itself or in a PostgreSQL database that was loaded from it."""
    given = {"as_of": as_of, "rows": rows, "skip": number * rows}
    with duckdb.connect(file) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        if not url:
            connection.execute(f"INSERT INTO events {FRESH}", given)
        texts = "CAST(occurred_at AS VARCHAR) AS occurred_at, CAST(ingested_at AS VARCHAR) AS ingested_at"
        found = connection.execute(f"SELECT * REPLACE ({texts}) FROM ({FRESH})", given).fetchall() if url else []
    if url:
        with psycopg.connect(url) as target, target.cursor() as cursor:
            cursor.executemany("INSERT INTO events VALUES (%s, %s, %s, %s, %s, %s, %s)", found)


def index(*, url: str) -> dict[str, object]:
    """The index that finds a lead's rows; the one on the arrival is there."""
    began = time.perf_counter()
    with psycopg.connect(url, autocommit=True) as target:
        target.execute("CREATE INDEX ON events (account_id, occurred_at)")
        target.execute("VACUUM (ANALYZE) events")
    return {"seconds": time.perf_counter() - began}


STEPS: dict[str, Callable[..., dict[str, object]]] = {"looks": looks, "index": index}

if __name__ == "__main__":
    print(json.dumps(STEPS[sys.argv[1]](**json.loads(sys.argv[2]))))
