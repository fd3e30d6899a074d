"""CSV exports that nobody here wrote, as a project: accounts with seats and plans, and all the dirt of real exports.

Every measure of every account is held against plain SQL over the raw files.
"""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from pql.config import check, load
from pql.config.settings import Project
from pql.domain.calendar import to_micros
from pql.domain.plan import Plan
from pql.domain.verdicts import needed
from pql.errors import RunConflict
from pql.warehouse import Warehouse, open_warehouse
from tests.projects import samples
from tests.projects.folders import PROJECTS, SHARED, copied, sources
from tests.projects.ravenstack_sql import LEADS, OCCURRENCES, QUALITY, REFERENCES, ZONE, views
from tests.projects.reference import Reference, unequal
from tests.projects.running import History, two_runs

HERE = ZoneInfo(ZONE)
MIDDAY = datetime(2024, 3, 1, 12, 0, tzinfo=HERE)
MIDNIGHT = datetime(2024, 7, 1, tzinfo=HERE)
# A summer's day in New York begins at 09:30 in Pune: the rows of that day lie on this very instant.
ON_THE_ROWS = datetime(2024, 7, 15, 9, 30, tzinfo=HERE)
YEARS_END = datetime(2025, 1, 1, tzinfo=HERE)
INSTANTS = (datetime(2022, 12, 1, tzinfo=UTC), MIDDAY, MIDNIGHT, ON_THE_ROWS, YEARS_END)
BASELINE = datetime(2023, 10, 1, 12, 0, tzinfo=UTC)
LATER = datetime(2024, 1, 15, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Ravenstack:
    """The project over a folder of files, and the same files read by plain SQL."""

    folder: Path
    project: Project
    reference: Reference

    def plan(self) -> Plan:
        definitions = self.project.definitions
        return Plan(lead=definitions.lead, items=needed(definitions.signals))

    def everybody(self, as_of: datetime) -> list[str]:
        return self.reference.ids("SELECT id FROM accounts WHERE created < as_of()", as_of)

    def leads(self, as_of: datetime) -> pd.DataFrame:
        return self.reference.rows(LEADS, as_of).set_index("id")


@pytest.fixture(scope="module", params=sources("ravenstack"))
def ravenstack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ravenstack:
    sample = tmp_path_factory.mktemp("ravenstack")
    folder = SHARED / "ravenstack" if request.param == "shared" else samples.ravenstack(sample)
    project = load(PROJECTS / "ravenstack", {"RAVENSTACK_FOLDER": str(folder)})
    return Ravenstack(folder, project, Reference.over(views(folder), ZONE))


@pytest.fixture(scope="module")
def warehouse(ravenstack: Ravenstack) -> Iterator[Warehouse]:
    opened = open_warehouse(ravenstack.project)
    yield opened
    opened.close()


def test_the_project_has_no_problems(ravenstack: Ravenstack) -> None:
    assert check(PROJECTS / "ravenstack", {"RAVENSTACK_FOLDER": str(ravenstack.folder)}) == ()


def test_the_source_gives_all_that_the_project_asks_for(warehouse: Warehouse) -> None:
    assert list(warehouse.inspect()) == []


def test_every_signal_has_a_reference_in_plain_sql(ravenstack: Ravenstack) -> None:
    assert {signal.name for signal in ravenstack.project.definitions.signals} == set(REFERENCES)


def test_the_references_tell_of_something(ravenstack: Ravenstack) -> None:
    """Two empty answers would be equal too."""
    lead_ids = ravenstack.everybody(YEARS_END)
    for name, told in REFERENCES.items():
        values = ravenstack.reference.measure(told, lead_ids, MIDNIGHT)["value"]
        assert len(values.dropna().unique()) > 1, name


def test_every_measure_of_every_account_is_what_plain_sql_says(ravenstack: Ravenstack, warehouse: Warehouse) -> None:
    measured = warehouse.measures(ravenstack.plan(), [MIDNIGHT])
    assert unequal(ravenstack.reference, REFERENCES, measured, ravenstack.everybody(MIDNIGHT), MIDNIGHT) == []


def test_several_instants_at_once_are_each_what_plain_sql_says(ravenstack: Ravenstack, warehouse: Warehouse) -> None:
    lead_ids = ravenstack.everybody(INSTANTS[-1])
    measured = warehouse.measures(ravenstack.plan(), INSTANTS)
    for as_of in INSTANTS:
        assert unequal(ravenstack.reference, REFERENCES, measured, lead_ids, as_of) == []


@pytest.mark.parametrize("as_of", [MIDDAY, ON_THE_ROWS], ids=["midday", "on_the_rows"])
def test_leads_have_the_subscriptions_of_the_instant(
    ravenstack: Ravenstack, warehouse: Warehouse, as_of: datetime
) -> None:
    leads, told = warehouse.leads(as_of=as_of), ravenstack.leads(as_of)
    assert list(leads.index) == list(told.index)
    assert leads["created_at"].tolist() == told["created"].tolist()
    assert leads["name"].tolist() == told["account_name"].tolist()
    assert leads["in_trial"].tolist() == told["in_trial"].tolist()
    assert (leads["status"] == "active").tolist() == told["pays"].tolist()
    for column in ("mrr", "converted_at"):
        pd.testing.assert_series_equal(
            leads[column], told[column].astype(float), check_index_type=False, check_names=False
        )
    assert told["in_trial"].any()
    assert told["pays"].any()


def test_ids_keep_their_zeros_and_na_stays_a_country(ravenstack: Ravenstack, warehouse: Warehouse) -> None:
    countries = warehouse.leads(as_of=YEARS_END)["country"]
    told = ravenstack.reference.rows("SELECT account_id AS id, country FROM raw_accounts ORDER BY 1", YEARS_END)
    assert countries.index.tolist() == told["id"].tolist()
    assert countries.fillna("unknown").tolist() == told["country"].fillna("unknown").tolist()


def test_the_sample_has_ids_with_zeros_and_the_country_na(tmp_path: Path) -> None:
    folder = samples.ravenstack(tmp_path)
    with closing(open_warehouse(load(PROJECTS / "ravenstack", {"RAVENSTACK_FOLDER": str(folder)}))) as warehouse:
        leads = warehouse.leads(as_of=YEARS_END)
    assert {"0", "00001", "2", "00007"} <= set(leads.index)
    assert (leads["country"] == "NA").any()
    assert leads["country"].isna().any()


def test_the_dirt_is_counted(ravenstack: Ravenstack, warehouse: Warehouse) -> None:
    quality = warehouse.quality(as_of=MIDNIGHT)
    told = {key: ravenstack.reference.number(sql, MIDNIGHT) for key, sql in QUALITY.items()}
    found = {(fact.name, fact.relation): fact.count for fact in quality.facts}
    assert found == {key: count for key, count in told.items() if count}
    assert told["before_account", "events"] > 0
    said = any("repeat the event_id of another row" in sentence for sentence in quality.sentences())
    assert said == (told["duplicates", "events"] > 0)


def test_usage_outside_of_its_subscription_is_there_and_told_apart(ravenstack: Ravenstack) -> None:
    for side in ("in_subscription", "NOT in_subscription"):
        assert ravenstack.reference.number(f"SELECT count(*) FROM uses WHERE {side}", MIDNIGHT) > 0


@pytest.mark.parametrize("name", OCCURRENCES)
def test_moments_are_where_plain_sql_finds_them(ravenstack: Ravenstack, warehouse: Warehouse, name: str) -> None:
    as_of, since = MIDNIGHT, MIDNIGHT - timedelta(days=400)
    moment = next(moment for moment in ravenstack.project.definitions.moments if moment.name == name)
    found = moment.pattern.find(warehouse.pattern_rows(moment, since=since, as_of=as_of))
    told = ravenstack.reference.rows(
        f"SELECT id, us FROM ({OCCURRENCES[name]}) WHERE us >= {to_micros(since)} AND us < as_of() "
        "AND id IN (SELECT id FROM accounts WHERE created < as_of()) ORDER BY us, id",
        as_of,
    )
    pairs = found[["lead_id", "at"]].sort_values(["at", "lead_id"])
    assert list(pairs.itertuples(index=False, name=None)) == list(told.itertuples(index=False, name=None))
    assert len(told) > 0


# --- the main job ---


@pytest.fixture(scope="module")
def history(ravenstack: Ravenstack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[History]:
    folder = copied("ravenstack", tmp_path_factory.mktemp("job") / "project")
    with two_runs(folder, {"RAVENSTACK_FOLDER": str(ravenstack.folder)}, BASELINE, LATER) as runs:
        yield runs


def test_the_first_run_opens_accounts_that_do_not_pay(ravenstack: Ravenstack, history: History) -> None:
    told = ravenstack.leads(BASELINE)
    assert history.first.baseline
    assert history.first.counts["leads"] == len(told)
    assert len(history.first.opened) > 0
    assert not told.loc[list(history.first.opened), "pays"].any()
    assert [record.subject.value for record in history.first.notifications] == ["baseline"]
    assert history.first_delivered.sent == 1


def test_open_episodes_of_accounts_that_came_to_pay_are_converted(ravenstack: Ravenstack, history: History) -> None:
    paid = ravenstack.leads(LATER)["converted_at"].dropna().astype("int64") - to_micros(BASELINE)
    came_to_pay = {lead_id: time for lead_id, time in paid.items() if time >= 0 and lead_id in history.first.opened}
    assert history.lead_times() == came_to_pay
    assert len(came_to_pay) > 0


def test_customers_are_the_accounts_that_ever_paid(ravenstack: Ravenstack, history: History) -> None:
    told = ravenstack.leads(LATER)["converted_at"].dropna().astype("int64")
    assert dict(history.app.store.customers()["converted_at"].astype("int64")) == dict(told)


def test_every_message_lies_in_the_folder_once(history: History) -> None:
    rows = history.messages()
    written = sorted(path.parent for path in history.app.project.folder.glob("var/outbox/*/message.json"))
    assert {row.status for row in rows} == {"sent"}
    assert written == sorted(Path(row.reference) for row in rows)
    assert len(rows) == history.first_delivered.sent + history.later_delivered.sent
    assert {row.subject for row in rows} >= {"baseline", "qualification", "moment", "check_in"}


def test_a_message_bears_the_name_that_the_export_gives(ravenstack: Ravenstack, history: History) -> None:
    names = ravenstack.leads(LATER)["account_name"]
    rows = [row for row in history.messages() if row.subject == "qualification"]
    for row in rows:
        told = json.loads((Path(row.reference) / "message.json").read_text(encoding="utf-8"))
        assert told["lead_name"] == names[row.lead_id]
    assert len(rows) > 0


def test_a_run_at_the_same_instant_does_nothing_and_an_earlier_one_is_refused(history: History) -> None:
    store = history.app.store
    before = (store.outbox_counts(), len(store.runs(limit=100)))
    assert history.app.run(as_of=LATER).already_committed
    assert history.app.deliver().sent == 0
    with pytest.raises(RunConflict):
        history.app.run(as_of=BASELINE)
    assert (store.outbox_counts(), len(store.runs(limit=100))) == before
