"""Every test that asks for `settings` or `store` runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pql.config.settings import StateSettings
from pql.store import Store, migrate, open_store


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest) -> StateSettings:
    """An empty state database."""
    if request.param == "postgresql":
        return StateSettings(url=request.getfixturevalue("postgres_url"))
    return StateSettings(url="sqlite:///var/state.db")


@pytest.fixture
def store(settings: StateSettings, tmp_path: Path) -> Iterator[Store]:
    """A store with all tables."""
    migrate(settings, tmp_path)
    opened = open_store(settings, tmp_path)
    yield opened
    opened.close()
