"""The bounds of days reach the base tables: partitions and files of other days are not read."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa

from pql.warehouse.rollup.refresh import REPORTED
from tests.integration.warehouse.rollup.conftest import DAY, DAYS, HOUR, NOON, Scene, event, scene_on
from tests.sources import Row

HISTORY = 60
# What a refresh looks at to find changes: what may still change, what is reported, and a day of margin at both ends.
LOOKED_AT = 2 + REPORTED.days + 4


def history() -> list[Row]:
    return [event(NOON - back * DAY - HOUR, feature=f"f{back % 3}") for back in range(HISTORY)]


# --- PostgreSQL ---


@pytest.fixture
def partitioned(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    """Events in a table with a partition a day."""
    scene = scene_on("postgresql", "source", tmp_path, request)
    scene.rollup = replace(scene.rollup, late=DAYS(2))
    scene.fill(history())
    first = (NOON - (HISTORY - 1) * DAY).date()
    scene.statement("ALTER TABLE events RENAME TO landed")
    scene.statement("CREATE TABLE events (LIKE landed) PARTITION BY RANGE (occurred_at)")
    for number in range(HISTORY + 1):
        day = first + timedelta(days=number)
        scene.statement(
            f"CREATE TABLE {partition(day)} PARTITION OF events "
            f"FOR VALUES FROM ('{day} 00:00+00') TO ('{day + timedelta(days=1)} 00:00+00')"
        )
    scene.statement("INSERT INTO events SELECT * FROM landed")
    yield scene
    scene.close()


def partition(day: date) -> str:
    return f"events_on_{day:%Y%m%d}"


def explaining(connection: sa.Connection) -> list[tuple[str, set[str]]]:
    """Explain each statement before it runs; returns statements and the partitions that their plans read."""
    plans: list[tuple[str, set[str]]] = []

    def explain(
        connection: sa.Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool
    ) -> None:
        # The relation's columns are asked for without a row.
        reads = re.search(r"\bFROM events\b", statement) and "LIMIT 0" not in statement
        if reads and statement.startswith(("SELECT", "INSERT", "WITH")):
            raw: Any = connection.connection.dbapi_connection
            lines = raw.cursor().execute("EXPLAIN " + statement, parameters).fetchall()
            plans.append((statement, set(re.findall(r"events_on_\d+", "\n".join(line for (line,) in lines)))))

    sa.event.listen(connection, "before_cursor_execute", explain)
    return plans


def test_a_refresh_of_one_day_reads_few_partitions_of_postgresql(partitioned: Scene) -> None:
    partitioned.refresh()
    late = NOON - DAY - 2 * HOUR
    partitioned.statement(
        "INSERT INTO events (account_id, user_id, occurred_at, event) "
        f"VALUES ('a1', 'u1', '{late.isoformat()}', 'paywall')"
    )
    warehouse = partitioned.open()
    plans = explaining(warehouse._source.connection())
    report = warehouse.refresh([partitioned.plan], as_of=NOON)[0]
    assert list(report.rolled) == [partitioned.day(late)]
    days = {partition((late + move * DAY).date()) for move in (-2, -1, 0, 1, 2)}
    # The second look of a day is at the days that may still change, and no others.
    may_change = {partition((NOON + move * DAY).date()) for move in range(-9, 3)}
    looked = [read for _, read in plans if not read <= days]
    rolled = [read for _, read in plans if read <= days]
    assert len(looked) <= 1
    assert all(read <= may_change for read in looked)
    assert rolled
    for read in rolled:
        assert read <= days
    assert any(partition(late.date()) in read for read in rolled)
    partitioned.events = [*history(), event(late, name="paywall", quantity=None)]
    partitioned.assert_right(NOON, NOON - 3 * DAY)


# --- Parquet ---

PARQUET = """
SELECT account_id, user_id, occurred_at, event, feature, quantity FROM lake
WHERE day >= CAST(CAST({{ start }} AS timestamptz) AS date) AND day <= CAST(CAST({{ end }} AS timestamptz) AS date)
"""


@pytest.fixture
def lake(scene: Scene) -> Scene:
    """Events in a folder of Parquet files, one a day."""
    scene.rollup = replace(scene.rollup, late=DAYS(2))
    scene.fill(history())
    land(scene, scene.events)
    scene.sql["events"] = PARQUET
    scene.options["files"] = {"lake": "lake/*/*.parquet"}
    return scene


def land(scene: Scene, rows: Sequence[Row]) -> None:
    names = ("account_id", "user_id", "occurred_at", "event", "feature", "quantity")
    folder = scene.database.folder / "lake"
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE TABLE t (account_id text, user_id text, occurred_at timestamptz, event text, feature text, "
            "quantity double)"
        )
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", [[row.get(n) for n in names] for row in rows])
        connection.execute(
            f"COPY (SELECT *, CAST(occurred_at AS date) AS day FROM t) TO '{folder}' "
            "(FORMAT parquet, PARTITION_BY (day), OVERWRITE_OR_IGNORE)"
        )


def files_read(scene: Scene, late: datetime) -> list[tuple[int, int]]:
    """Refresh one day; of each statement over the lake, how many of how many files its plan reads."""
    warehouse = scene.open()
    source = warehouse._source
    raw: Any = source.connection().connection.dbapi_connection
    found: list[tuple[int, int]] = []

    def explain(statement: str, values: Sequence[object]) -> None:
        if "FROM lake" in statement:
            plan = raw.sql("EXPLAIN " + statement, params=list(values)).fetchall()[0][1]
            found.extend((int(part), int(whole)) for part, whole in re.findall(r"Scanning Files:\s*(\d+)/(\d+)", plan))

    def send(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: object) -> None:
        explain(statement, values)

    sa.event.listen(source.connection(), "before_cursor_execute", send)
    fetch = source.engine.fetch_arrow

    def fetch_arrow(connection: sa.Connection, statement: Any, parameters: Any) -> Any:
        compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        values = compiled.construct_params(escape_names=False)
        explain(str(compiled), [values[name] for name in compiled.positiontup or ()])
        return fetch(connection, statement, parameters)

    # What DuckDB fetches as Arrow does not pass SQLAlchemy's events.
    object.__setattr__(source.engine, "fetch_arrow", fetch_arrow)
    report = warehouse.refresh([scene.plan], as_of=NOON)[0]
    assert list(report.rolled) == [scene.day(late)]
    return found


def test_a_refresh_of_one_day_reads_few_files_of_a_parquet_folder(lake: Scene) -> None:
    lake.refresh()
    late = NOON - DAY - 2 * HOUR
    rows = [*history(), event(late, name="paywall")]
    land(lake, rows)
    read = files_read(lake, late)
    assert {whole for _, whole in read} == {HISTORY}
    assert sorted(part for part, _ in read)[-2] <= 5
    assert max(part for part, _ in read) <= LOOKED_AT
    assert len(read) >= 2
    lake.events = rows
    lake.assert_right(NOON, NOON - 3 * DAY)
