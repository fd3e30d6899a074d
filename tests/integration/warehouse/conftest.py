"""A source on each engine, empty at first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pql.config.settings import Project
from pql.warehouse import Warehouse, open_warehouse
from tests.sources import ENGINES, Row, make_tables, project_over, writable

COLUMNS: Mapping[str, Sequence[str]] = {
    "events": ("event_id", "account_id", "user_id", "occurred_at", "event", "feature", "quantity", "properties"),
    "accounts": ("account_id", "name", "domain", "created_at", "country", "employees"),
    "users": ("user_id", "account_id", "email", "name", "role", "created_at"),
    "touches": ("touch_id", "account_id", "user_id", "occurred_at", "touch"),
    "allowances": ("account_id", "meter", "allowed", "used", "period"),
    "subscriptions": ("account_id", "plan", "status", "mrr", "started_at", "ended_at", "trial_ends_at"),
    "answers": ("account_id", "user_id", "question", "answer", "answered_at"),
    "deals": ("account_id", "deal_id", "status", "owner_email"),
    "reps": ("email", "name", "team", "time_zone", "slack_id", "active"),
}


@dataclass
class Database:
    """One database, written by the test and read by the warehouse."""

    engine: str
    url: str
    folder: Path
    opened: list[Warehouse] = field(default_factory=list)

    def write(
        self,
        columns: Mapping[str, Sequence[str]] | None = None,
        types: Mapping[str, str] | None = None,
        **tables: Sequence[Row],
    ) -> None:
        self.close()
        make_tables(writable(self.url, self.folder), tables, {**COLUMNS, **(columns or {})}, types or {})

    def execute(self, statement: str) -> None:
        """Run a statement of the test's own."""
        self.close()
        engine = sa.create_engine(writable(self.url, self.folder), poolclass=NullPool)
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def drop_schema(self, schema: str) -> None:
        """Drop a schema and all in it."""
        self.close()
        engine = sa.create_engine(writable(self.url, self.folder), poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(sa.schema.DropSchema(schema, cascade=True, if_exists=True))

    def project(self, *relations: str, sql: Mapping[str, str] | None = None, **options: Any) -> Project:
        texts = {name: f"SELECT * FROM {name}" for name in relations} | dict(sql or {})
        return project_over(self.url, texts, folder=self.folder, **options)

    def open(self, *relations: str, sql: Mapping[str, str] | None = None, **options: Any) -> Warehouse:
        self.close()
        warehouse = open_warehouse(self.project(*relations, sql=sql, **options))
        self.opened.append(warehouse)
        return warehouse

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()


def database_on(engine: str, folder: Path, request: pytest.FixtureRequest) -> Database:
    urls = {
        "duckdb": "duckdb:///usage.duckdb",
        "sqlite": "sqlite:///usage.db",
        "clickhouse": "clickhouse:///usage.chdb",
    }
    url = request.getfixturevalue("postgres_url") if engine == "postgresql" else urls[engine]
    return Database(engine, url, folder)


WITH_CHDB = pytest.mark.skipif(
    find_spec("chdb") is None, reason="ClickHouse runs where chdb is installed: pip install -e '.[dev,clickhouse]'"
)


@pytest.fixture(params=[*ENGINES, pytest.param("clickhouse", marks=WITH_CHDB)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    made = database_on(request.param, tmp_path, request)
    yield made
    made.close()
