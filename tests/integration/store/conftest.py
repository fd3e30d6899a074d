"""Every test that asks for `settings` or `store` runs on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pql.config.settings import StateSettings
from pql.store import Store, open_store

DATABASES = ("sqlite", "postgresql")


@pytest.fixture(params=DATABASES)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> StateSettings:
    """A state database with all tables and nothing in them."""
    if request.param == "postgresql":
        return StateSettings(url=request.getfixturevalue("postgres_state"))
    (tmp_path / "var").mkdir()
    shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "var" / "state.db")
    return StateSettings(url="sqlite:///var/state.db")


@pytest.fixture
def store(settings: StateSettings, tmp_path: Path) -> Iterator[Store]:
    """A store with all tables."""
    opened = open_store(settings, tmp_path)
    yield opened
    opened.close()
