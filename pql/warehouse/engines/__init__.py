"""The engines that there are. A new one is a file here and a line below; the conformance tests run on each."""

import sqlalchemy as sa

from pql.config.settings import UsageSettings
from pql.errors import SourceMismatch
from pql.warehouse.engines.base import Column, Described, Engine, Expr, Kind
from pql.warehouse.engines.duckdb import DuckDB
from pql.warehouse.engines.postgresql import PostgreSQL
from pql.warehouse.engines.sqlite import SQLite

ENGINES: dict[str, type[Engine]] = {engine.name: engine for engine in (DuckDB, PostgreSQL, SQLite)}


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
    if usage.files and backend != DuckDB.name:
        raise SourceMismatch(f"usage.files in config/pql.yml are read by duckdb only, and usage.url names '{backend}'")
    return ENGINES[backend](usage)


__all__ = ["ENGINES", "Column", "Described", "Engine", "Expr", "Kind", "engine_for"]
