"""Two made-up worlds: a small one, and the one that `pql demo` makes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from pql.demo import DemoTruth, generate


@dataclass(frozen=True)
class World:
    made: DemoTruth

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.made.usage), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def number(self, sql: str) -> float:
        return float(self.rows(sql)[0][0])

    def by_account(self, sql: str) -> "pd.Series[float]":
        """The second column by the first, a workspace_uid."""
        rows = self.rows(sql)
        return pd.Series([row[1] for row in rows], index=[row[0] for row in rows], dtype=float)

    def truth(self) -> pd.DataFrame:
        told = json.loads(self.made.truth.read_text(encoding="utf-8"))
        return pd.DataFrame.from_dict(told["accounts"], orient="index").astype(float)


Small = Callable[..., World]


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    def make(*, seed: int = 3, accounts: int = 200) -> World:
        folder: Path = tmp_path_factory.mktemp("small")
        return World(generate(folder / "usage.duckdb", seed=seed, accounts=accounts, days=40))

    return make


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(generate(tmp_path_factory.mktemp("demo") / "usage.duckdb"))
