"""The statements of the measures for engines that nothing here can run: compiled, parsed, and held by golden files.

`PQL_UPDATE_GOLDEN=1 pytest tests/unit/warehouse/test_compiled.py` writes them anew.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
import sqlalchemy as sa
import sqlglot

from pql.config.settings import UsageSettings
from pql.domain.calendar import Calendar
from pql.domain.measures import Measure
from pql.domain.partials import Level
from pql.domain.partials import Relation as Happening
from pql.domain.plan import Plan, PlanItem
from pql.errors import SourceMismatch
from pql.warehouse import open_warehouse
from pql.warehouse.engines import ENGINES, Described, Kind, engine_for
from pql.warehouse.engines.base import WHITE_SPACE
from pql.warehouse.kept import Kept
from pql.warehouse.relations import Relations
from pql.warehouse.rollup.columns import Layout, columns_of
from pql.warehouse.rollup.rolling import Batch
from pql.warehouse.rollup.staging import stage
from pql.warehouse.rollup.user_days import facts_of, needs_rows
from pql.warehouse.source import Source
from tests.integration.warehouse.conftest import COLUMNS
from tests.integration.warehouse.test_measures import MEASURES, RELATIONS
from tests.sources import TYPES, project_over

GOLDEN = Path(__file__).parents[2] / "testdata" / "sql"
UPDATE = os.environ.get("PQL_UPDATE_GOLDEN") == "1"
AS_OF = [datetime(2024, 4, 2, 9, tzinfo=UTC), datetime(2024, 4, 3, tzinfo=UTC)]
URLS = {
    "mysql": "mysql://reader@host/product",
    "redshift": "redshift://reader@host:5439/product",
    "snowflake": "snowflake://reader@account/product/public",
    "bigquery": "bigquery://project/product",
    "trino": "trino://reader@host:8080/hive/product",
    "databricks": "databricks://token:x@host?http_path=/sql",
}


# Where each dialect is; those of the first two come with SQLAlchemy itself.
DIALECTS = {
    "mysql": ("sqlalchemy.dialects.mysql.pymysql", "dialect"),
    "redshift": ("sqlalchemy.dialects.postgresql.psycopg", "dialect"),
    "snowflake": ("snowflake.sqlalchemy.snowdialect", "SnowflakeDialect"),
    "bigquery": ("sqlalchemy_bigquery", "BigQueryDialect"),
    "trino": ("trino.sqlalchemy.dialect", "TrinoDialect"),
    "databricks": ("databricks.sqlalchemy", "DatabricksDialect"),
}


def _dialect(engine: str) -> Any:
    module, name = DIALECTS[engine]
    dialect = getattr(pytest.importorskip(module, reason="pip install -e '.[dev,dialects]'"), name)()
    if engine == "mysql":
        dialect.server_version_info = (8, 4, 0)  # what it asks a server when it connects
    return dialect


CASES = ("count_property", "distinct", "sum", "active_time_filtered", "active_days", "recency", "share", "trend_days")
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.parametrize("engine", DIALECTS)]


class WrittenDown(Source):
    """A source that keeps the statements that it is asked, and knows nothing but its columns.

    Args:
        doubled: Whether some rows repeat an id, and some lack an account: the statements for these come as well.
    """

    def __init__(self, engine: str, *, doubled: bool) -> None:
        self.found = [1] if doubled else []
        self.usage = UsageSettings(
            url=URLS[engine],
            relations=project_over(URLS[engine], _texts(), folder=Path()).usage.relations,
        )
        self.engine = ENGINES[engine](self.usage)
        self.dialect = _dialect(engine)
        self.statements: list[str] = []

    def close(self) -> None:
        """There is no connection."""

    def describe(self, sql: str, path: str) -> Mapping[str, Described]:
        kinds = {"instant": Kind.INSTANT, "double precision": Kind.NUMBER}
        return {name: Described(kinds.get(TYPES.get(name, ""), Kind.TEXT)) for name in COLUMNS[Path(path).stem]}

    def fetch(self, statement: Any, what: str, parameters: Mapping[str, object] | None = None) -> pd.DataFrame:
        self._keep(statement)
        names = [column.name for column in statement.selected_columns]
        if names == ["repeats"]:
            return pd.DataFrame({"repeats": self.found or [0]})
        return pd.DataFrame({name: self.found if name == "found" else [] for name in names})

    def fill(self, name: str, columns: Sequence[sa.Column[Any]], select: sa.Select[Any], what: str) -> sa.Table | None:
        if not self.engine.allows_temporary:
            return None
        table = sa.Table(name, sa.MetaData(), *columns)
        self._keep(table.insert().from_select([column.name for column in columns], select))
        return table

    def drop(self, name: str) -> None:
        """There is no table."""

    def _keep(self, statement: Any) -> None:
        compiled = statement.compile(dialect=self.dialect, compile_kwargs={"literal_binds": True})
        self.statements.append(str(compiled).strip())


def _texts() -> Mapping[str, str]:
    return {name: f"SELECT * FROM {name}" for name in RELATIONS}


def _asked(engine: str, measure: Measure, *, doubled: bool = False) -> list[str]:
    source = WrittenDown(engine, doubled=doubled)
    # A zone whose clock does not change: the changes of others would be most of the text.
    warehouse = open_warehouse(project_over("duckdb:///:memory:", _texts(), folder=Path(), time_zone="Asia/Kolkata"))
    warehouse._source, warehouse._relations = source, Relations(source)
    warehouse._kept = Kept(source, warehouse._relations, warehouse._definitions, warehouse._calendar)
    with suppress(ValueError):  # what is found is nothing, and nothing can be made of it
        warehouse.measures(Plan(lead=warehouse._lead, items=(PlanItem(name="m", measure=measure),)), AS_OF)
    return list(dict.fromkeys(source.statements))


def _rolled(engine: str) -> list[str]:
    """What fills the rollup with one day."""
    source = WrittenDown(engine, doubled=False)
    relations, calendar = Relations(source), Calendar(ZoneInfo("Asia/Kolkata"))
    plan = Plan(lead=Level.ACCOUNT, items=tuple(PlanItem(name=name, measure=MEASURES[name]) for name in CASES))
    columns = [one for one in columns_of([plan], Layout()) if one.relation is Happening.EVENTS]
    facts, (start, end) = facts_of(columns), AS_OF
    events, users = relations.needed("events"), relations.get("users")
    listed = [column for column in columns if needs_rows(column)]
    rows, _ = stage(source, events, Happening.EVENTS, users, facts, calendar, start=start, end=end, again=bool(listed))
    batch = Batch(rows, facts, columns, {"feature": {"a": 0, "b": 70}}, source.engine)
    for select in (batch.by_user(), *map(batch.values, listed)):
        source.fetch(select, "sql/events.sql")
    return list(dict.fromkeys(source.statements))


@cache
def _of_members(engine: str) -> list[str]:
    return _asked(engine, MEASURES["country"])


def test_what_fills_the_rollup_compiles_and_parses(engine: str) -> None:
    _is_golden(engine, "rollup_of_a_day", _rolled(engine))


def _is_golden(engine: str, case: str, statements: Sequence[str]) -> None:
    assert statements
    for statement in statements:
        sqlglot.parse_one(statement, read=engine)
    # Three dozen characters of which most cannot be seen.
    text = ";\n\n".join(statements).replace(WHITE_SPACE, "<white space>") + ";\n"
    path = GOLDEN / engine / f"{case}.sql"
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text, f"{path} differs; look, then PQL_UPDATE_GOLDEN=1 writes it anew"


def test_accounts_compile_and_parse(engine: str) -> None:
    _is_golden(engine, "accounts", _of_members(engine))


@pytest.mark.parametrize("case", CASES)
def test_a_measure_compiles_and_parses(engine: str, case: str) -> None:
    known = _of_members(engine)
    _is_golden(engine, case, [statement for statement in _asked(engine, MEASURES[case]) if statement not in known])


def test_doubled_ids_and_rows_without_an_account_compile_and_parse(engine: str) -> None:
    known = _of_members(engine)
    asked = _asked(engine, MEASURES["count"], doubled=True)
    _is_golden(engine, "count_doubled", [statement for statement in asked if statement not in known])


def test_without_its_package_an_engine_says_what_to_install(engine: str) -> None:
    packages = ENGINES[engine].packages
    try:
        for package in packages:
            import_module(package)
    except ImportError:
        with pytest.raises(SourceMismatch, match=r"is not installed; run pip install 'pql\[dialects\]'"):
            engine_for(UsageSettings(url=URLS[engine]))
    else:
        assert engine_for(UsageSettings(url=URLS[engine])).name == engine
