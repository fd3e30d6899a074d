"""What the usage database says of a project's files: the codes that files alone cannot show."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from pql.config import CODES, load
from pql.jobs.check import check_source
from tests.unit.config.conftest import GOOD

TABLES = {
    "activity": "account_id text, user_id text, occurred_at timestamp, event text, feature text",
    "workspaces": "account_id text, name text, domain text, created_at timestamp",
    "seats": "account_id text, added_at timestamp",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return shutil.copytree(GOOD, tmp_path / "project")


def found(project: Path, **tables: str) -> Sequence[tuple[str, str]]:
    """The code and path of each problem, with these tables in the database; none: no database."""
    if tables:
        (project / "data").mkdir()
        with duckdb.connect(project / "data" / "usage.duckdb") as connection:
            for name, columns in tables.items():
                connection.execute(f"CREATE TABLE {name} ({columns})")
    return [(problem.code, problem.path) for problem in check_source(load(project, {}))]


def test_a_database_that_fits_has_no_problem(project: Path) -> None:
    assert found(project, **TABLES) == []


def test_a_database_that_is_not_there_is_one_problem(project: Path) -> None:
    assert found(project) == [("C083", "config/pql.yml")]


def test_sql_that_the_database_rejects_is_told_of_its_file(project: Path) -> None:
    tables = TABLES | {"seats": "workspace text"}
    assert found(project, **tables) == [("C080", "sql/measures/seats.sql")]


def test_a_column_that_a_relation_must_have_is_missed_in_its_file(project: Path) -> None:
    (project / "sql" / "accounts.sql").write_text("SELECT account_id, name FROM workspaces\n")
    assert found(project, **TABLES) == [("C081", "sql/accounts.sql")]


def test_a_column_that_a_definition_reads_is_missed_in_the_definition(project: Path) -> None:
    (project / "sql" / "events.sql").write_text("SELECT account_id, user_id, occurred_at, event FROM activity\n")
    assert ("C084", "signals/breadth.yml") in found(project, **TABLES)


def test_a_column_of_the_wrong_type_is_told_of_its_file(project: Path) -> None:
    tables = TABLES | {"workspaces": "account_id text, name text, domain text, created_at boolean"}
    assert found(project, **tables) == [("C085", "sql/accounts.sql")]


def test_a_meter_of_whose_use_nothing_is_told_is_missed_by_its_moment(project: Path) -> None:
    moment = (
        "moment: full\ntitle: Full\nwhy: It stops.\npattern: {kind: allowance, meter: [seats, calls]}\nplay: Help.\n"
    )
    (project / "signals" / "full.yml").write_text(moment)
    rows = "('a', 'seats', 5, NULL), ('b', 'seats', 5, 3), ('a', 'calls', 9, NULL), ('a', 'other', 9, NULL)"
    select = f"SELECT * FROM (VALUES {rows}) AS t(account_id, meter, allowed, used)\n"
    (project / "sql" / "allowances.sql").write_text(select)
    assert found(project, **TABLES) == [("C086", "signals/full.yml")]
    (said,) = check_source(load(project, {}))
    assert "every account's 'calls'" in said.message
    (project / "sql" / "allowances.sql").write_text("SELECT 'a' AS account_id, 'calls' AS meter, 1 AS allowed\n")
    assert [problem.code for problem in check_source(load(project, {}))] == ["C084"]


def test_every_code_of_a_source_is_tried_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [code for code, about in CODES.items() if about.source and f'"{code}"' not in text] == []
