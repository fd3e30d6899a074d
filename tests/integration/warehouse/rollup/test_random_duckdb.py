"""Incremental equals plain Python on random cases, for a fixed time: a DuckDB source."""

from pathlib import Path
from typing import Literal

import pytest

from pql.config.settings import RollupSettings
from pql.domain.durations import Duration
from pql.warehouse.rollup import touched
from tests.integration.warehouse.conftest import database_on
from tests.integration.warehouse.rollup.cases import case, names_within, run_case
from tests.integration.warehouse.rollup.test_same_numbers import forget


@pytest.mark.parametrize(("home", "seconds"), [("local", 8), ("source", 4)])
def test_random_runs_give_what_plain_python_gives(
    home: Literal["local", "source"],
    seconds: float,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = database_on("duckdb", tmp_path, request)
    rollup = RollupSettings(home=home, late=Duration.of_days(60))
    # However many rows of a day are fresh: the days here are small.
    monkeypatch.setattr(touched, "MOST_FRESH", 1.0)
    cases = compared = 0
    for name in names_within(seconds):
        forget(database, rollup)
        compared += run_case(case(name), database, rollup)
        cases += 1
    print(f"{cases} cases, {compared} numbers")
    assert compared
