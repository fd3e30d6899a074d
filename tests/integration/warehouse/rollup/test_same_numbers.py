"""Every measure kind in every home: incremental equals plain Python over rows as they arrive.

Few examples of everything at once; `test_random_duckdb.py` and `test_random_postgres.py` look at far more cases.
"""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pql.config.settings import RollupSettings
from pql.domain.durations import Duration
from pql.domain.partials import Level
from pql.domain.plan import Plan
from tests.integration.warehouse.conftest import WITH_CHDB, Database, database_on
from tests.integration.warehouse.test_measures import (
    PLAN_ITEMS,
    RELATIONS,
    assert_equal_to_reference,
    fill,
    worlds,
)
from tests.reference import Usage
from tests.sources import Row

HOMES = [
    ("duckdb", "local", Level.ACCOUNT),
    ("duckdb", "source", Level.COMPANY),
    ("postgresql", "local", Level.USER),
    ("postgresql", "source", Level.ACCOUNT),
    ("sqlite", "local", Level.COMPANY),
    *(pytest.param(("clickhouse", "local", level), marks=WITH_CHDB) for level in Level),
]


@pytest.fixture(params=HOMES, ids="-".join)
def housed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, RollupSettings, Level]]:
    """A database, where the rollup of its rows lives, and what a lead is; `test_random_*` draws all levels."""
    engine, home, level = request.param
    made = database_on(engine, tmp_path, request)
    yield made, RollupSettings(home=home, late=Duration.of_days(60)), level
    made.close()


@given(world=worlds(), chance=st.randoms(use_true_random=False))
@settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_runs_over_rows_as_they_arrive_give_what_plain_python_gives(
    housed: tuple[Database, RollupSettings, Level],
    world: tuple[Usage, list[datetime]],
    chance: random.Random,
) -> None:
    database, rollup, level = housed
    usage, instants = world
    forget(database, rollup)
    plan = Plan(lead=level, items=PLAN_ITEMS)
    arrived: list[Row] = []
    runs = sorted(instants)
    for number, as_of in enumerate(runs):
        arrived = arrive(arrived, usage.events, chance, last=number == len(runs) - 1)
        seen = Usage(usage.zone, usage.accounts, usage.users, arrived, usage.touches, usage.allowances, usage.free_mail)
        fill(database, seen)
        warehouse = database.open(*RELATIONS, lead=level, time_zone=usage.zone.key, rollup=rollup)
        warehouse.refresh([plan], as_of=as_of)
        asked = [as_of, *chance.sample(runs[:number], chance.randint(0, number))]
        frame = warehouse.measures(plan, asked)
        assert_equal_to_reference(frame, seen, level.value, asked)


def arrive(before: Sequence[Row], rows: Sequence[Row], chance: random.Random, *, last: bool) -> list[Row]:
    """More rows, some of them gone again; at last all of them, in another order."""
    if last:
        return chance.sample(list(rows), len(rows))
    kept = [row for row in before if chance.random() > 0.1]
    return [*kept, *(row for row in rows if not any(row is other for other in kept) and chance.random() < 0.5)]


def forget(database: Database, rollup: RollupSettings) -> None:
    """Begin without a rollup."""
    database.close()
    for file in database.folder.glob("var/*"):
        file.unlink()
    if rollup.home == "source":
        database.drop_schema(rollup.schema)
