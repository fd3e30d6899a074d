"""What `pql check` hears of a source, before a row is read."""

from dataclasses import replace

import pytest

from pql.config.settings import Project
from pql.domain.conditions import Condition, Where
from pql.domain.durations import Duration
from pql.domain.measures import Measure
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.measures.statement import Statement
from pql.domain.signals import Points, Signal
from pql.warehouse import open_warehouse
from tests.integration.warehouse.conftest import Database
from tests.integration.warehouse.test_cleaning import account
from tests.sources import project_over

WEEK = Duration.of_days(7)


def with_signal(project: Project, measure: Measure) -> Project:
    signal = Signal(
        name="s", title="", why="", measure=measure, fires=Condition(at_least=1.0), points=Points(worth=1.0)
    )
    return replace(project, definitions=replace(project.definitions, signals=(signal,)))


def found(project: Project) -> list[tuple[str, int, str]]:
    warehouse = open_warehouse(project)
    findings = warehouse.inspect()
    warehouse.close()
    return [(finding.path, finding.line, finding.what) for finding in findings]


@pytest.fixture
def filled(database: Database) -> Database:
    database.write(accounts=[account("a")], events=[], users=[])
    return database


def test_a_source_that_is_as_it_should_be_has_no_findings(filled: Database) -> None:
    project = filled.project("accounts", "events", "users")
    assert found(with_signal(project, Count(window=WEEK, where=Where.parse({"properties.x": 1})))) == []


def test_relations_are_listed_with_their_columns(filled: Database) -> None:
    relations = filled.open("accounts", "users").relations()
    assert relations["users"] == ("user_id", "account_id", "email", "name", "role", "created_at")
    assert list(relations) == ["accounts", "users"]


def test_a_missing_relation_and_a_missing_column_are_found(filled: Database) -> None:
    project = filled.project("accounts", sql={"users": "SELECT user_id FROM users"})
    assert found(project) == [("sql/events.sql", 1, "relation"), ("sql/users.sql", 1, "column")]


def test_rejected_sql_is_found_at_its_line(filled: Database) -> None:
    project = filled.project("events", sql={"accounts": "SELECT account_id,\n\n nowhere FROM accounts"})
    line = 1 if filled.engine in ("sqlite", "clickhouse") else 3  # these do not tell
    assert found(project) == [("sql/accounts.sql", line, "sql")]


def test_a_template_that_fails_is_found_at_its_line(filled: Database) -> None:
    project = filled.project("events", sql={"accounts": "SELECT *\nFROM {{ nowhere }}"})
    assert found(project) == [("sql/accounts.sql", 2, "sql")]


@pytest.mark.parametrize(
    ("measure", "what"),
    [
        pytest.param(Count(window=WEEK, where=Where.parse({"region": "EU"})), "column", id="filter"),
        pytest.param(Distinct(window=WEEK, of="region"), "column", id="of"),
        pytest.param(Count(window=WEEK, where=Where.parse({"event": {"words": ["x"]}})), "filter", id="words"),
        pytest.param(Attribute(of="nowhere"), "column", id="attribute"),
        pytest.param(Attribute(users=Where.parse({"nowhere": 1})), "column", id="users"),
        pytest.param(Statement(file="sql/measures/nowhere.sql"), "relation", id="statement"),
    ],
)
def test_what_a_signal_asks_in_vain_is_found_once(filled: Database, measure: Measure, what: str) -> None:
    project = filled.project("accounts", "events", "users")
    assert found(with_signal(project, measure)) == [("signals/s.yml", 1, what)]


@pytest.mark.parametrize(
    ("sql", "line", "what"),
    [
        ("SELECT account_id, 1 AS value FROM accounts", 1, "as_of"),
        ("SELECT account_id FROM accounts WHERE created_at < :as_of", 1, "column"),
        ("SELECT account_id, 1 AS value FROM accounts WHERE created_at < :as_of", 0, ""),
    ],
)
def test_statements_are_looked_over(filled: Database, sql: str, line: int, what: str) -> None:
    project = filled.project("accounts", "events", statements={"sql/measures/n.sql": sql})
    assert found(project) == ([("sql/measures/n.sql", line, what)] if what else [])


def test_a_time_that_can_be_none_is_found(filled: Database) -> None:
    if filled.engine == "sqlite":
        pytest.skip("SQLite tells no types")
    text = "SELECT account_id, name, true AS created_at FROM accounts"
    assert found(filled.project("events", sql={"accounts": text})) == [("sql/accounts.sql", 1, "type")]


def test_a_source_that_does_not_answer_is_the_only_finding(filled: Database) -> None:
    project = project_over("duckdb:///nowhere.duckdb", {"accounts": "SELECT 1"}, folder=filled.folder)
    assert found(project) == [("config/pql.yml", 1, "connection")]
