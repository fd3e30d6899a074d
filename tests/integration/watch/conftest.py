"""A company on each engine; the state lies in SQLite, and beside a source in PostgreSQL in another database there."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pql.config.settings import StateSettings
from pql.domain.moments import Moment
from pql.store import migrate
from tests.integration.watch.company import Company

Making = Callable[..., Company]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state database with all tables: to make them takes longer than a look."""
    folder = tmp_path_factory.mktemp("migrated")
    migrate(StateSettings(url="sqlite:///state.db"), folder)
    return folder / "state.db"


def company_on(engine: str, folder: Path, request: pytest.FixtureRequest) -> Making:
    urls = {"duckdb": "duckdb:///usage.duckdb", "sqlite": "sqlite:///usage.db"}
    url = request.getfixturevalue("postgres_url") if engine == "postgresql" else urls[engine]
    state = url if engine == "postgresql" else "sqlite:///state.db"
    if engine == "postgresql":
        migrate(StateSettings(url=state), folder)
    else:
        shutil.copy(request.getfixturevalue("migrated"), folder / "state.db")

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
