"""The engines that there are. A new one is a file here and a line below; the conformance tests run on each."""

import sqlalchemy as sa

from pql.config.settings import UsageSettings
from pql.errors import SourceMismatch
from pql.warehouse.engines.base import Column, Described, Engine, Expr, Kind
from pql.warehouse.engines.bigquery import BigQuery
from pql.warehouse.engines.clickhouse import ClickHouse
from pql.warehouse.engines.databricks import Databricks
from pql.warehouse.engines.duckdb import DuckDB
from pql.warehouse.engines.mysql import MySQL
from pql.warehouse.engines.postgresql import PostgreSQL
from pql.warehouse.engines.redshift import Redshift
from pql.warehouse.engines.snowflake import Snowflake
from pql.warehouse.engines.spark import Spark
from pql.warehouse.engines.sqlite import SQLite
from pql.warehouse.engines.trino import Trino

_RUN = (DuckDB, PostgreSQL, SQLite, ClickHouse, Spark)
# Their statements are compiled and parsed, and have not been run: docs/engines.md.
_COMPILED = (MySQL, Snowflake, BigQuery, Redshift, Trino, Databricks)
ENGINES: dict[str, type[Engine]] = {engine.name: engine for engine in (*_RUN, *_COMPILED)}


def engine_for(usage: UsageSettings) -> Engine:
    """The engine of the settings' URL.

    Raises:
        SourceMismatch: The URL cannot be read, or names a database that we cannot read; the URL is not shown.
    """
    try:
        backend = sa.make_url(usage.url).get_backend_name()
    except sa.exc.ArgumentError:
        raise SourceMismatch(
            "usage.url in config/pql.yml is no database URL; write one like duckdb:///data/usage.duckdb"
        ) from None
    if backend not in ENGINES:
        raise SourceMismatch(
            f"usage.url in config/pql.yml names a '{backend}' database; PQL reads {', '.join(ENGINES)} "
            "(others: export to Parquet and read it through DuckDB)"
        )
    engine = ENGINES[backend]
    if usage.files and not engine.reads_files:
        readers = " and ".join(name for name, kind in ENGINES.items() if kind.reads_files)
        raise SourceMismatch(
            f"usage.files in config/pql.yml are read by {readers} only, and usage.url names '{backend}'"
        )
    made = engine(usage)
    made.check_installed()
    return made


__all__ = ["ENGINES", "Column", "Described", "Engine", "Expr", "Kind", "engine_for"]
