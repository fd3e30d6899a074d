"""Making worlds, and comparing numbers."""

from pathlib import Path
from typing import Any

import pandas as pd

from bench.compare import same
from bench.rivals.raw import text
from bench.signals import TWELVE
from bench.steps import Told, step, watch
from bench.worlds import World, build_duckdb, build_parquet, land


@step
def world(*, parameters: dict[str, Any], file: str) -> Told:
    """Make a world as a DuckDB file."""
    with watch:
        events = build_duckdb(World(**parameters), Path(file))
    return {"events": events, "bytes": Path(file).stat().st_size}


@step
def parquet_world(*, parameters: dict[str, Any], folder: str) -> Told:
    """Make a world as a folder of Parquet files."""
    with watch:
        events = build_parquet(World(**parameters), Path(folder))
    return {"events": events, "bytes": sum(file.stat().st_size for file in Path(folder).rglob("*.parquet"))}


@step
def landing(*, file: str, number: int) -> Told:
    """Let one more day land."""
    with watch:
        return {"events": land(Path(file), number)}


@step
def day_counts(*, file: str) -> Told:
    """How many account-days, user-days and account-feature-days a world has."""
    import duckdb  # noqa: PLC0415 - other steps do without it

    with duckdb.connect(file, read_only=True) as connection, watch:
        found = connection.execute(text("day_counts"))
        names = [column[0] for column in found.description or ()]
        return dict(zip(names, found.fetchall()[0], strict=True))


@step
def compare(*, ours: str, theirs: str, what: str) -> Told:
    """Compare the numbers of every lead."""
    with watch:
        compared = same(pd.read_parquet(ours), pd.read_parquet(theirs), list(TWELVE), what)
    return {"compared": compared}
