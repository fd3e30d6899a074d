"""A log that nobody here wrote, as a project: a lead is a user, the upgrade page the paywall, paying the conversion.

Every measure of every user is held against plain SQL over the raw file.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import pandas as pd
import psycopg
import pytest
from psycopg import sql

from pql.app import open_app
from pql.config import check, load
from pql.config.settings import Project
from pql.domain.calendar import to_micros
from pql.domain.plan import Plan
from pql.domain.verdicts import needed
from pql.errors import RunConflict
from pql.warehouse import Warehouse, open_warehouse
from tests.projects import samples
from tests.projects.eventsim_sql import LEADS, OCCURRENCES, QUALITY, REFERENCES, ZONE, views
from tests.projects.folders import PROJECTS, SHARED, copied, sources
from tests.projects.reference import Reference, unequal
from tests.projects.running import Clock, History, two_runs

HERE = ZoneInfo(ZONE)
MIDDAY = datetime(2018, 10, 20, 16, 0, tzinfo=UTC)
MIDNIGHT = datetime(2018, 11, 4, tzinfo=HERE)
AFTER_LONG_DAY = datetime(2018, 11, 18, tzinfo=HERE)
INSTANTS = (
    datetime(2018, 9, 1, tzinfo=UTC),  # before all
    MIDDAY,
    MIDNIGHT,
    datetime(2018, 11, 5, 7, 30, tzinfo=HERE),  # the day of 25 hours lies in every window
    AFTER_LONG_DAY,
    datetime(2018, 12, 24, 12, 0, tzinfo=UTC),  # weeks after the last row
)
LATER = datetime(2018, 11, 16, 16, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Eventsim:
    """The project over one file, and the same file read by plain SQL."""

    file: Path
    project: Project
    reference: Reference

    def plan(self) -> Plan:
        definitions = self.project.definitions
        return Plan(lead=definitions.lead, items=needed(definitions.signals))

    def everybody(self, as_of: datetime) -> list[str]:
        return self.reference.ids("SELECT DISTINCT id FROM log WHERE registration < as_of()", as_of)

    def leads(self, as_of: datetime) -> pd.DataFrame:
        return self.reference.rows(LEADS, as_of).set_index("id")


@pytest.fixture(scope="module", params=sources("eventsim"))
def eventsim(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Eventsim:
    sample = tmp_path_factory.mktemp("eventsim") / "events.parquet"
    file = SHARED / "eventsim" / "events.parquet" if request.param == "shared" else samples.eventsim(sample)
    project = load(PROJECTS / "eventsim", {"EVENTSIM_FILE": str(file)})
    return Eventsim(file, project, Reference.over(views(file), ZONE))


@pytest.fixture(scope="module")
def warehouse(eventsim: Eventsim) -> Iterator[Warehouse]:
    opened = open_warehouse(eventsim.project)
    yield opened
    opened.close()


def test_the_project_has_no_problems(eventsim: Eventsim) -> None:
    assert check(PROJECTS / "eventsim", {"EVENTSIM_FILE": str(eventsim.file)}) == ()


def test_the_source_gives_all_that_the_project_asks_for(warehouse: Warehouse) -> None:
    assert list(warehouse.inspect()) == []


def test_every_signal_has_a_reference_in_plain_sql(eventsim: Eventsim) -> None:
    assert {signal.name for signal in eventsim.project.definitions.signals} == set(REFERENCES)


def test_the_references_tell_of_something(eventsim: Eventsim) -> None:
    """Two empty answers would be equal too."""
    lead_ids = eventsim.everybody(AFTER_LONG_DAY)
    for name, told in REFERENCES.items():
        values = eventsim.reference.measure(told, lead_ids, AFTER_LONG_DAY)["value"]
        assert len(values.dropna().unique()) > 1, name


@pytest.mark.parametrize("as_of", [MIDDAY, MIDNIGHT], ids=["midday", "midnight"])
def test_every_measure_of_every_user_is_what_plain_sql_says(
    eventsim: Eventsim, warehouse: Warehouse, as_of: datetime
) -> None:
    measured = warehouse.measures(eventsim.plan(), [as_of])
    assert unequal(eventsim.reference, REFERENCES, measured, eventsim.everybody(as_of), as_of) == []


def test_several_instants_at_once_are_each_what_plain_sql_says(eventsim: Eventsim, warehouse: Warehouse) -> None:
    lead_ids = eventsim.everybody(INSTANTS[-1])
    measured = warehouse.measures(eventsim.plan(), INSTANTS)
    for as_of in INSTANTS:
        assert unequal(eventsim.reference, REFERENCES, measured, lead_ids, as_of) == []


@pytest.mark.parametrize("as_of", [MIDDAY, AFTER_LONG_DAY], ids=["midday", "midnight"])
def test_leads_are_the_registered_users_with_the_level_of_the_instant(
    eventsim: Eventsim, warehouse: Warehouse, as_of: datetime
) -> None:
    leads, told = warehouse.leads(as_of=as_of), eventsim.leads(as_of)
    assert list(leads.index) == list(told.index)
    for column in ("created_at", "name", "plan"):
        assert leads[column].tolist() == told[column].tolist()
    pd.testing.assert_series_equal(
        leads["converted_at"], told["converted_at"].astype(float), check_names=False, check_index_type=False
    )
    assert set(leads["status"]) == {"active", "free"}


@pytest.mark.parametrize("name", OCCURRENCES)
def test_moments_are_where_plain_sql_finds_them(eventsim: Eventsim, warehouse: Warehouse, name: str) -> None:
    as_of, since = AFTER_LONG_DAY, AFTER_LONG_DAY - timedelta(days=12)
    moment = next(moment for moment in eventsim.project.definitions.moments if moment.name == name)
    found = moment.pattern.find(warehouse.pattern_rows(moment, since=since, as_of=as_of))
    told = eventsim.reference.rows(
        f"SELECT id, us FROM ({OCCURRENCES[name]}) WHERE us >= {to_micros(since)} AND us < as_of() "
        "AND id IN (SELECT id FROM log WHERE registration < as_of()) ORDER BY us, id",
        as_of,
    )
    pairs = found[["lead_id", "at"]].sort_values(["at", "lead_id"])
    assert list(pairs.itertuples(index=False, name=None)) == list(told.itertuples(index=False, name=None))
    assert len(told) > 0


def test_guests_and_rows_before_registration_are_counted(eventsim: Eventsim, warehouse: Warehouse) -> None:
    quality = warehouse.quality(as_of=MIDNIGHT)
    told = {key: eventsim.reference.number(sql, MIDNIGHT) for key, sql in QUALITY.items()}
    assert {(fact.name, fact.relation): fact.count for fact in quality.facts} == told
    assert all(told.values())


# --- the main job ---


@pytest.fixture(scope="module")
def history(eventsim: Eventsim, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    folder = copied("eventsim", tmp_path_factory.mktemp("job") / "project")
    with two_runs(folder, {"EVENTSIM_FILE": str(eventsim.file)}, MIDDAY, LATER) as runs:
        yield runs


def test_the_first_run_opens_free_users_and_tells_them_in_one_summary(eventsim: Eventsim, history: History) -> None:
    plans = eventsim.leads(MIDDAY)["plan"]
    assert history.first.baseline
    assert history.first.counts["leads"] == len(plans)
    assert len(history.first.opened) > 0
    assert set(plans[list(history.first.opened)]) == {"free"}
    assert [record.subject.value for record in history.first.notifications] == ["baseline"]
    assert history.first_delivered.sent == 1


@pytest.mark.parametrize(
    ("signal", "least", "as_of"), [("songs_played", 40, MIDDAY), ("plans_looked_at", 1, LATER), ("sessions", 5, LATER)]
)
def test_signals_fire_for_the_free_users_that_plain_sql_finds(
    eventsim: Eventsim, history: History, signal: str, least: int, as_of: datetime
) -> None:
    plans = eventsim.leads(as_of)["plan"]
    free = sorted(plans.index[plans == "free"])
    values = eventsim.reference.measure(REFERENCES[signal], free, as_of)["value"]
    report = history.first if as_of == MIDDAY else history.later
    assert report.fired[signal] == int((values >= least).sum()) > 0


def test_open_episodes_of_users_who_came_to_pay_are_converted(eventsim: Eventsim, history: History) -> None:
    leads = eventsim.leads(LATER)
    paid = leads["converted_at"].dropna().astype("int64") - to_micros(MIDDAY)
    came_to_pay = {lead_id: time for lead_id, time in paid.items() if time >= 0 and lead_id in history.first.opened}
    # Who had paid before, fell back to free and pays again: the later run is the first to see it.
    pays_again = leads.index[(leads["plan"] == "paid") & leads.index.isin(history.first.opened)]
    again = dict.fromkeys({*pays_again} - {*came_to_pay}, to_micros(LATER) - to_micros(MIDDAY))
    came_to_pay |= again
    assert history.lead_times() == came_to_pay
    assert len(came_to_pay) > 0


def test_customers_are_those_who_ever_paid(eventsim: Eventsim, history: History) -> None:
    told = eventsim.leads(LATER)["converted_at"].dropna().astype("int64")
    assert dict(history.app.store.customers()["converted_at"].astype("int64")) == dict(told)


def test_the_upgrade_page_is_told_of_only_while_it_is_fresh(eventsim: Eventsim, history: History) -> None:
    fresh = f"SELECT DISTINCT id FROM ({OCCURRENCES['paywall_hit']}) WHERE us >= as_of() - 172800000000"
    told = {
        record.lead_id for record in history.later.notifications if record.step_key.startswith("moment:paywall_hit:")
    }
    assert told <= set(eventsim.reference.ids(f"{fresh} AND us < as_of()", LATER))
    assert len(told) > 0


def test_every_message_lies_in_the_folder_once(history: History) -> None:
    rows = history.messages()
    assert {row.status for row in rows} == {"sent"}
    assert len(rows) == len({(row.step_key, row.recipient, row.channel) for row in rows})
    assert len(rows) == history.first_delivered.sent + history.later_delivered.sent
    written = sorted(path.parent for path in history.app.project.folder.glob("var/outbox/*/message.json"))
    assert written == sorted(Path(row.reference) for row in rows)
    told = [json.loads((path / "message.json").read_text(encoding="utf-8")) for path in written]
    assert sorted(one["to"] for one in told) == sorted(row.recipient for row in rows)
    assert {row.subject for row in rows} >= {"baseline", "qualification", "moment", "check_in"}


def test_a_run_at_the_same_instant_does_nothing(history: History) -> None:
    store = history.app.store
    counts, runs, state = store.outbox_counts(), len(store.runs(limit=100)), store.hysteresis()
    assert history.app.run(as_of=LATER).already_committed
    assert history.app.deliver().sent == 0
    assert (store.outbox_counts(), len(store.runs(limit=100))) == (counts, runs)
    pd.testing.assert_frame_equal(store.hysteresis(), state)


def test_a_run_at_an_earlier_instant_is_refused(history: History) -> None:
    with pytest.raises(RunConflict):
        history.app.run(as_of=MIDDAY)


def test_the_command_runs_it_and_the_second_time_does_nothing(tmp_path: Path) -> None:
    folder = copied("eventsim", tmp_path / "project")
    environ = {**os.environ, "EVENTSIM_FILE": str(samples.eventsim(tmp_path / "events.parquet"))}
    command = [sys.executable, "-m", "pql", "run", "--as-of", "2018-10-20T16:00Z", "--json", "--project", str(folder)]
    first, second = (
        json.loads(subprocess.run(command, check=True, capture_output=True, env=environ, timeout=120).stdout)
        for _ in range(2)
    )
    assert first["baseline"]
    assert first["counts"]["leads"] > 0
    assert any("name no account" in sentence for sentence in first["quality"])
    assert second["already_committed"]
    assert second["notifications"] == []


# --- from PostgreSQL ---


def filled(url: str, file: Path, scratch: Path) -> None:
    """A table `log` with the rows of a Parquet file; what is null there is null here, and empty text empty."""
    types = {"BIGINT": "int8", "VARCHAR": "text", "DOUBLE": "float8"}
    with duckdb.connect() as source:
        columns = source.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()
        source.execute(f"COPY (SELECT * FROM '{file}') TO '{scratch}' (FORMAT csv, HEADER false)")
    named = [sql.SQL("{} {}").format(sql.Identifier(name), sql.Identifier(types[kind])) for name, kind, *_ in columns]
    with psycopg.connect(url) as target, target.cursor() as cursor:
        cursor.execute(sql.SQL("CREATE TABLE log ({})").format(sql.SQL(", ").join(named)))
        with cursor.copy("COPY log FROM STDIN (FORMAT csv)") as copy:
            copy.write(scratch.read_bytes())
        cursor.execute("ANALYZE log")


def test_postgresql_gives_the_frames_that_duckdb_gives(
    eventsim: Eventsim, warehouse: Warehouse, postgres_url: str, tmp_path: Path
) -> None:
    folder = on_postgres(eventsim, postgres_url, tmp_path)
    with closing(open_warehouse(load(folder, {"EVENTSIM_URL": postgres_url}))) as from_postgres:
        assert_same(from_postgres, warehouse, eventsim)


@pytest.mark.parametrize("eventsim", ["sample"], indirect=True)
def test_a_run_from_postgresql_finds_what_one_from_duckdb_finds(
    eventsim: Eventsim, history: History, postgres_url: str, tmp_path: Path
) -> None:
    folder = on_postgres(eventsim, postgres_url, tmp_path)
    app = open_app(folder, {"EVENTSIM_URL": postgres_url}, clock=Clock(MIDDAY))
    try:
        report = app.run()
    finally:
        app.close()
    for part in ("counts", "fired", "opened", "told", "quality"):
        assert getattr(report, part) == getattr(history.first, part)


def on_postgres(eventsim: Eventsim, url: str, folder: Path) -> Path:
    filled(url.replace("+psycopg", ""), eventsim.file, folder / "log.csv")
    return copied("eventsim", folder / "project", lambda text: text.replace('{log: "${EVENTSIM_FILE}"}', "{}"))


def assert_same(one: Warehouse, other: Warehouse, eventsim: Eventsim) -> None:
    plan, as_of = eventsim.plan(), AFTER_LONG_DAY
    lead_ids = eventsim.everybody(as_of)
    pd.testing.assert_frame_equal(one.leads(as_of=as_of), other.leads(as_of=as_of))
    pd.testing.assert_frame_equal(one.users(lead_ids), other.users(lead_ids))
    instants = (MIDNIGHT, AFTER_LONG_DAY)
    pd.testing.assert_frame_equal(one.measures(plan, instants), other.measures(plan, instants), check_exact=True)
    assert one.quality(as_of=as_of) == other.quality(as_of=as_of)
    since = as_of - timedelta(days=12)
    for moment in eventsim.project.definitions.moments:
        found, expected = (
            moment.pattern.find(each.pattern_rows(moment, since=since, as_of=as_of)) for each in (one, other)
        )
        pd.testing.assert_frame_equal(found, expected)
