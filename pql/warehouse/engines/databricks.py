"""Databricks: the SQL of Spark through Databricks's own dialect; compiled, not run."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pql.warehouse.engines.base import Described, Engine
from pql.warehouse.engines.spark import Spark, kind_of


class Databricks(Spark):
    """`databricks://token:...@host?http_path=...&catalog=...&schema=...`; subqueries for temporary tables."""

    name: ClassVar[str] = "databricks"
    packages: ClassVar[tuple[str, ...]] = ("databricks.sqlalchemy",)
    extra: ClassVar[str] = "dialects"
    reads_files: ClassVar[bool] = False
    allows_temporary: ClassVar[bool] = False

    def create(self) -> sa.Engine:
        return sa.create_engine(self.usage.url, poolclass=NullPool)

    def prepare(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET TIME ZONE 'UTC'")

    def describe(self, connection: sa.Connection, statement: str) -> Mapping[str, Described]:
        bare = connection.execution_options(no_parameters=True)
        result = bare.exec_driver_sql(f"DESCRIBE QUERY SELECT * FROM (\n{statement}\n) AS relation")
        rows: Sequence[Any] = result.fetchall()
        return {str(row[0]): Described(kind_of(str(row[1])), str(row[1])) for row in rows}

    def fetch(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pd.DataFrame:
        return Engine.fetch(self, connection, statement, parameters)

    def fetch_arrow(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pa.Table:
        return Engine.fetch_arrow(self, connection, statement, parameters)
