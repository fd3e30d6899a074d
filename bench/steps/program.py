"""What the program does."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb_engine  # noqa: F401 - drivers load before the stopwatch runs, as those of the rivals do
import pandas as pd
import psycopg  # noqa: F401

from bench.projects import ROLLUP_FILE, project_over
from bench.signals import TWELVE, plan
from bench.steps import Told, keep, step, watch
from bench.worlds import CALENDAR
from pql.config.settings import Project, RollupSettings
from pql.domain.calendar import to_micros
from pql.warehouse import open_warehouse

SAMPLED = 12


def project_of(settings: dict[str, Any]) -> Project:
    """The project that a step works on."""
    return project_over(Path(settings["folder"]), settings["url"], **settings.get("more", {}))


def _kept(frame: pd.DataFrame, out: str | None) -> dict[str, object]:
    keep(frame[list(TWELVE)], out)
    return {"leads": len(frame)}


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
    return _kept(frame.droplevel("as_of"), out)


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
    return _kept(frame.droplevel("as_of"), out)


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
    return {**_kept(chosen.set_axis(pd.Index(names, name="lead_id")), out), "leads": len(frame)}


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
    return _kept(frame.droplevel("as_of"), out)


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
    log = file.with_name(f"{file.name}.wal")
    return {"rows": rows, "bytes": file.stat().st_size + (log.stat().st_size if log.exists() else 0)}
