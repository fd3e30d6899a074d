"""The same conformance on Apache Spark: a real cluster of a master and two workers. Slow, so only when asked for."""

import math
import os
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pql.domain.partials import Level
from pql.domain.plan import Plan
from pql.warehouse import open_warehouse
from tests.integration.warehouse.conftest import COLUMNS
from tests.integration.warehouse.test_measures import (
    ACCOUNTS,
    PLAN_ITEMS,
    RELATIONS,
    USERS,
    assert_equal_to_reference,
)
from tests.reference import Usage
from tests.servers.spark import cluster
from tests.sources import TYPES, Row, project_over, stored

pytestmark = [
    pytest.mark.skipif(
        os.environ.get("PQL_TEST_SPARK") != "1" or find_spec("pyspark") is None,
        reason="Spark takes minutes: pip install -e '.[dev,spark]', then PQL_TEST_SPARK=1",
    ),
    pytest.mark.filterwarnings("ignore::FutureWarning:pyspark"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # pyspark leaves its sockets to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
_ARROW = {"instant": pa.timestamp("us", tz="UTC"), "double precision": pa.float64()}


@pytest.fixture(scope="module")
def spark_url() -> Iterator[str]:
    with cluster(workers=2) as url:
        yield url


def write_files(folder: Path, tables: Mapping[str, Sequence[Row]]) -> Mapping[str, str]:
    """Tables as Parquet files; what `usage.files` says of them."""
    for name, rows in tables.items():
        columns = {
            column: pa.array(
                [stored("parquet", row.get(column)) for row in rows],
                _ARROW.get(TYPES.get(column, ""), pa.string()),
            )
            for column in COLUMNS[name]
        }
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return {name: f"{name}.parquet" for name in tables}


def rich_world(chance: random.Random) -> tuple[Usage, list[datetime]]:
    """Some of everything around a change of the clock: one world, since a run takes Spark a minute."""
    pivot = datetime(2024, 3, 31, 1, tzinfo=UTC)

    def at() -> datetime:
        return pivot + timedelta(minutes=chance.randint(-9 * 1440, 2 * 1440), microseconds=chance.choice([0, 1, -1]))

    events = [
        {
            "event_id": chance.choice([None, "e1", "e2", f"n{number}"]),
            "account_id": chance.choice([*ACCOUNTS, "stranger", None]),
            "user_id": chance.choice([*USERS, None]),
            "occurred_at": at(),
            "event": chance.choice(["paywall", "PAYWALL ", "export", "login"]),
            "feature": chance.choice(["a", "b", "A", None]),
            "quantity": chance.choice([None, math.nan, math.inf, 0.1, 0.2, 3.0, -1.5]),
            "properties": chance.choice([None, {"size": 1}, {"size": 2.0}, {"size": "2"}, {"size": None}, {"x": True}]),
        }
        for number in range(120)
    ]
    domains, roles = ["acme.test", "ACME.test ", "gmail.com"], ["CTO", "cto ", "VP"]
    created = [None, pivot - timedelta(days=3), datetime(2023, 1, 1, tzinfo=UTC)]
    usage = Usage(
        zone=ZoneInfo("Europe/Berlin"),
        accounts=[
            {"account_id": key, "name": key, "domain": domain, "created_at": since, "country": "de", "employees": 3.0}
            for key, domain, since in zip(ACCOUNTS, domains, created, strict=True)
        ],
        users=[
            {"user_id": key, "account_id": account, "email": None, "name": None, "role": role}
            for key, account, role in zip(USERS, [*ACCOUNTS[:2], None], roles, strict=False)
        ],
        events=events,
        touches=[
            {"touch_id": None, "account_id": key, "user_id": None, "occurred_at": at(), "touch": "webinar"}
            for key in ACCOUNTS
        ],
        allowances=[
            {"account_id": key, "meter": meter, "allowed": 10.0, "used": used, "period": period}
            for key, used, period in zip(ACCOUNTS, [None, 1.0, 4.0], ["month", "week", "day"], strict=True)
            for meter in ("exports", "calls")
        ],
        free_mail=frozenset({"gmail.com"}),
    )
    return usage, [at() for _ in range(3)]


@pytest.mark.parametrize("level", list(Level))
def test_every_kind_gives_what_plain_python_gives(spark_url: str, tmp_path: Path, level: Level) -> None:
    usage, instants = rich_world(random.Random(7))
    project = project_over(
        spark_url,
        {name: f"SELECT * FROM {name}" for name in RELATIONS},
        folder=tmp_path,
        lead=level,
        time_zone=usage.zone.key,
        files=write_files(tmp_path, {name: getattr(usage, name) or () for name in RELATIONS}),
    )
    warehouse = open_warehouse(project)
    try:
        frame = warehouse.measures(Plan(lead=level, items=PLAN_ITEMS), instants)
    finally:
        warehouse.close()
    assert_equal_to_reference(frame, usage, level.value, instants)
