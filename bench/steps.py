"""The steps that are measured, each run in a process of its own: `python -m bench.steps NAME JSON`.

A step does what it must to get ready, measures its part with the stopwatch, and writes the numbers that others
compare as Parquet. It ends by printing one JSON line with `seconds`.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Self

import pandas as pd

from bench.compare import same
from bench.projects import ROLLUP_FILE, project_over
from bench.rivals import postgres
from bench.rivals.frames import Frames, Plain
from bench.rivals.raw import Raw, text
from bench.signals import TWELVE, plan
from bench.worlds import CALENDAR, World, build_duckdb, build_parquet, land
from pql.config.settings import Project, RollupSettings
from pql.domain.calendar import to_micros
from pql.warehouse import open_warehouse

Told = Mapping[str, object] | None
SAMPLED = 12
STEPS: dict[str, Callable[..., Told]] = {}


class Stopwatch:
    """Measures a block; several blocks add up."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.seconds += time.perf_counter() - self._began


watch = Stopwatch()


def step(function: Callable[..., Told]) -> Callable[..., Told]:
    """Make a function a step, by its name."""
    STEPS[function.__name__] = function
    return function


def keep(frame: pd.DataFrame, out: str | None) -> None:
    """Write the numbers of every lead for `compare`, unless nobody asks for them."""
    if out:
        frame[list(TWELVE)].astype(float).to_parquet(out)


# --- the world ---


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


# --- the program ---


def project_of(settings: dict[str, Any]) -> Project:
    """The project that a step works on."""
    return project_over(Path(settings["folder"]), settings["url"], **settings.get("more", {}))


@step
def refresh(*, project: dict[str, Any], as_of: str, number: int = 12) -> Told:
    """Bring the rollup up to date; the first time it is built."""
    opened = project_of(project)
    with watch:
        warehouse = open_warehouse(opened)
        reports = warehouse.refresh([plan(number)], as_of=datetime.fromisoformat(as_of))
        warehouse.close()
    return {"rolled": [len(report.rolled) for report in reports], **rollup_size(opened)}


@step
def evaluate(*, project: dict[str, Any], as_of: str, out: str | None = None) -> Told:
    """The twelve measures of all leads, over a rollup that is up to date."""
    at = datetime.fromisoformat(as_of)
    warehouse = open_warehouse(project_of(project))
    # Nothing has arrived: this only opens the rollup. What it costs to find that out is part of an increment.
    warehouse.refresh([plan()], as_of=at)
    with watch:
        frame = warehouse.measures(plan(), [at])
        warehouse.close()
    keep(frame.droplevel("as_of"), out)
    return {"leads": len(frame)}


@step
def increment(*, project: dict[str, Any], as_of: str, out: str | None = None) -> Told:
    """What has arrived is rolled up, and all leads are measured: one incremental run without scoring."""
    opened = project_of(project)
    at = datetime.fromisoformat(as_of)
    with watch:
        warehouse = open_warehouse(opened)
        warehouse.refresh([plan()], as_of=at)
        frame = warehouse.measures(plan(), [at])
        warehouse.close()
    keep(frame.droplevel("as_of"), out)
    return {"leads": len(frame)}


@step
def instants(
    *, project: dict[str, Any], as_of: str, number: int, only: int | None = None, out: str | None = None
) -> Told:
    """The measures at so many daily instants in one evaluation; with `only`, so many of them one by one."""
    end = datetime.fromisoformat(as_of)
    last = CALENDAR.day_of(end)
    every = [CALENDAR.start_of(last - back) for back in range(number)]
    warehouse = open_warehouse(project_of(project))
    warehouse.refresh([plan()], as_of=end)
    there = warehouse.leads(as_of=end)["created_at"] < to_micros(every[-1])
    leads = there.index[there].tolist()  # who came later has no number at first, one by one, and 0 at once
    with watch:
        if only is None:
            frame = warehouse.measures(plan(), every, leads)
        else:
            frame = pd.concat(warehouse.measures(plan(), [at], leads) for at in every[:: number // only][:only])
        warehouse.close()
    # Those that both ways have, so that they can be compared.
    sample = [to_micros(at) for at in every[:: number // SAMPLED][:SAMPLED]]
    chosen = frame[frame.index.get_level_values("as_of").isin(sample)]
    names = chosen.index.get_level_values("as_of").astype(str) + " " + chosen.index.get_level_values("lead_id")
    keep(chosen.set_axis(pd.Index(names, name="lead_id")), out)
    return {"leads": len(frame)}


@step
def on_spark(
    *, project: dict[str, Any], as_of: str, workers: int, files: dict[str, str], out: str | None = None
) -> Told:
    """The first build by a Spark cluster, into an empty rollup, and the measures from it."""
    from tests.servers.spark import cluster  # noqa: PLC0415 - only here, and only with pyspark

    at, folder = datetime.fromisoformat(as_of), Path(project["folder"])
    with cluster(workers=workers) as url:
        opened = project_over(folder, url, files=files)
        rollup = replace(opened.usage.rollup or RollupSettings(), path=f"var/spark_{workers}.duckdb")
        (folder / rollup.path).unlink(missing_ok=True)
        opened = replace(opened, usage=replace(opened.usage, rollup=rollup))
        warehouse = open_warehouse(opened)
        warehouse.relations()  # the session is up before the stopwatch runs
        with watch:
            warehouse.refresh([plan()], as_of=at)
        frame = warehouse.measures(plan(), [at])
        warehouse.close()
    keep(frame.droplevel("as_of"), out)
    return {"leads": len(frame)}


@step
def job(*, project: dict[str, Any], as_of: str) -> Told:
    """The main job: find, roll up, evaluate, score, decide, store."""
    from pql.app import App  # noqa: PLC0415 - other steps do without it
    from pql.notify import open_channels  # noqa: PLC0415
    from pql.store import is_new, migrate, open_store  # noqa: PLC0415

    opened = project_of(project)
    if is_new(opened.state, opened.folder):
        migrate(opened.state, opened.folder)
    with watch:
        store = open_store(opened.state, opened.folder)
        app = App(project=opened, store=store, channels=open_channels(opened.notifiers))
        report = app.run(as_of=datetime.fromisoformat(as_of))
        app.close()
    return {"counts": dict(report.counts), "fired": dict(report.fired)}


def rollup_size(project: Project) -> dict[str, object]:
    """The rows of the rollup's tables and its bytes, where it is a local file."""
    import duckdb  # noqa: PLC0415 - other steps do without it

    file = project.folder / ROLLUP_FILE
    if not file.is_file():
        return {}
    with duckdb.connect(str(file), read_only=True) as connection:
        tables = connection.execute(
            "SELECT schema_name, table_name, estimated_size FROM duckdb_tables() WHERE NOT temporary"
        ).fetchall()
    rows = {f"{schema}.{name}": int(size) for schema, name, size in tables}
    return {"rows": rows, "bytes": file.stat().st_size}


# --- the hand-written queries ---


@step
def scan(*, file: str, folder: str) -> Told:
    """The bare scan."""
    with watch:
        raw = Raw(Path(file), Path(folder))
        frame = raw.scan()
        raw.close()
    return {"accounts": len(frame)}


@step
def raw_state(*, file: str, folder: str) -> Told:
    """Make the state of first-ever facts."""
    with watch:
        raw = Raw(Path(file), Path(folder))
        raw.remember()
        raw.close()
    return None


@step
def raw_query(
    *, file: str, folder: str, as_of: str, variant: str, since: str | None = None, out: str | None = None
) -> Told:
    """The best query over raw events, and before it the upkeep of its state."""
    with watch:
        raw = Raw(Path(file), Path(folder))
        if since:
            raw.remember(datetime.fromisoformat(since))
        frame = raw.evaluate(datetime.fromisoformat(as_of), variant)
        raw.close()
    keep(frame, out)
    return {"accounts": len(frame)}


# --- dbt and pandas ---


@step
def dbt_numbers(*, folder: str, out: str) -> Told:
    """The numbers that dbt left in its database, for `compare`."""
    import duckdb  # noqa: PLC0415 - other steps do without it

    with duckdb.connect(f"{folder}/dbt.duckdb", read_only=True) as connection, watch:
        keep(connection.execute("SELECT * FROM signals").df().set_index("account_id"), out)
    return None


@step
def pandas_build(*, file: str, folder: str, first_day: int, as_of: str) -> Told:
    """The daily aggregates of all of a history."""
    with watch:
        newest = CALENDAR.last_day_before(datetime.fromisoformat(as_of))
        Frames(Path(file), Path(folder)).build(range(first_day, newest + 1))
    return None


@step
def pandas_increment(*, file: str, folder: str, as_of: str, out: str | None = None) -> Told:
    """The newest days rolled up, and the twelve numbers."""
    return _with_pandas(Frames, file, folder, as_of, out)


@step
def pandas_plain(*, file: str, folder: str, as_of: str, out: str | None = None) -> Told:
    """The twelve numbers from the events themselves."""
    return _with_pandas(Plain, file, folder, as_of, out)


def _with_pandas(kind: type[Frames], file: str, folder: str, as_of: str, out: str | None) -> Told:
    at = datetime.fromisoformat(as_of)
    with watch:
        frames = kind(Path(file), Path(folder))
        frames.increment(at)
        frame = frames.evaluate(at)
    keep(frame, out)
    return {"accounts": len(frame)}


# --- PostgreSQL ---


@step
def postgres_load(*, file: str, url: str, folder: str) -> Told:
    """Load a world."""
    with watch:
        return {"events": postgres.load(Path(file), url, Path(folder))}


@step
def postgres_land(*, file: str, url: str, folder: str, number: int) -> Told:
    """Let one more day land."""
    with watch:
        return {"events": postgres.land(Path(file), url, Path(folder), number)}


@step
def postgres_scan(*, url: str) -> Told:
    """The bare scan."""
    with watch:
        return {"accounts": postgres.scan(url)}


@step
def postgres_twelve(*, url: str, as_of: str, out: str | None = None) -> Told:
    """Twelve queries."""
    with watch:
        frame = postgres.twelve(url, datetime.fromisoformat(as_of))
    keep(frame, out)
    return {"accounts": len(frame)}


def main() -> None:
    """Run the step that is named."""
    name, arguments = sys.argv[1:]
    told = STEPS[name](**json.loads(arguments))
    print(json.dumps({**(told or {}), "seconds": watch.seconds}, default=str))


if __name__ == "__main__":
    main()
