"""A company on each engine; the state lies in SQLite, and beside a source in PostgreSQL in another database there."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pql.config.settings import StateSettings
from pql.domain.moments import Moment
from tests.integration.watch.company import Company

Making = Callable[..., Company]


def company_on(engine: str, folder: Path, request: pytest.FixtureRequest) -> Making:
    urls = {"duckdb": "duckdb:///usage.duckdb", "sqlite": "sqlite:///usage.db"}
    url = request.getfixturevalue("postgres_state") if engine == "postgresql" else urls[engine]
    state = url if engine == "postgresql" else "sqlite:///state.db"
    if engine != "postgresql":
        shutil.copy(request.getfixturevalue("sqlite_template"), folder / "state.db")

    def make(*moments: Moment, **rest: Any) -> Company:
        return Company(url, folder, StateSettings(url=state), moments, **rest)

    return make


@pytest.fixture(params=["duckdb", "postgresql", "sqlite"])
def on_each(request: pytest.FixtureRequest, tmp_path: Path) -> Making:
    return company_on(request.param, tmp_path, request)


@pytest.fixture(params=["duckdb", "postgresql"])
def on_both(request: pytest.FixtureRequest, tmp_path: Path) -> Making:
    return company_on(request.param, tmp_path, request)


@pytest.fixture
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Making:
    return company_on("duckdb", tmp_path, request)
