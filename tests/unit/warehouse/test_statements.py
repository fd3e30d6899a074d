"""A team's SQL files: what the template sees, what it may not, and what the database gets."""

from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from pql.config.settings import SqlFile
from pql.errors import SourceMismatch
from pql.warehouse.statements import binds_as_of, escaped, render, with_as_of

END = datetime(2024, 3, 1, 12, 30, tzinfo=UTC)


def rendered(text: str, **variables: object) -> str:
    return render(SqlFile(path="sql/events.sql", text=text), variables, start=None, end=END)


def test_a_template_sees_its_variables_and_the_bounds_as_quoted_utc_instants() -> None:
    sql = rendered("SELECT * FROM {{ table }} WHERE at >= {{ start }} AND at < {{ end }}", table="log")
    assert sql == ("SELECT * FROM log WHERE at >= '1970-01-01 00:00:00+00:00' AND at < '2024-03-01 12:30:00+00:00'")


def test_a_semicolon_at_the_end_is_taken_off() -> None:
    assert rendered("SELECT 1 ;\n") == "SELECT 1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(
            "SELECT 1\nFROM {{ tabel }}", "sql/events.sql:2: the template fails: 'tabel'", id="unknown variable"
        ),
        pytest.param("SELECT\n\n{% if %}", "sql/events.sql:3: the template cannot be read", id="syntax"),
        pytest.param("\n{{ start.__class__.__mro__ }}", "sql/events.sql:2: the template", id="outside the sandbox"),
        pytest.param("{{ 1 / 0 }}", "sql/events.sql:1: the template fails: division by zero", id="an error of its own"),
    ],
)
def test_a_template_that_fails_says_where(text: str, says: str) -> None:
    with pytest.raises(SourceMismatch) as caught:
        rendered(text, table="log")
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'a:b', ':c', x::text, '12:30' FROM t",
        r"SELECT regexp_matches(x, '\d\:\w') , '\:y'",
        "SELECT 1 -- :not_a_parameter",
        "SELECT json_extract(x, '$.a:b') WHERE y LIKE '50%'",
    ],
)
def test_colons_percent_signs_and_backslashes_of_a_team_arrive_as_written(sql: str) -> None:
    compiled = sa.text(escaped(sql)).compile()
    assert str(compiled) == sql
    assert compiled.params == {}


def test_only_as_of_stays_a_parameter_of_a_statement() -> None:
    compiled = sa.text(escaped("SELECT ':x' WHERE at < :as_of", keep=frozenset({"as_of"}))).compile()
    assert list(compiled.params) == ["as_of"]


@pytest.mark.parametrize(
    ("sql", "binds"),
    [
        ("SELECT 1 WHERE at < :as_of", True),
        ("SELECT 1 WHERE at < :as_of_date", False),
        ("SELECT 1 -- WHERE at < :as_of", False),
        ("SELECT x::as_of", False),
        ("SELECT 1 /* :as_of */", False),
    ],
)
def test_a_statement_binds_as_of_only_where_it_is_a_parameter(sql: str, binds: bool) -> None:
    assert binds_as_of(sql) is binds


def test_a_literal_can_stand_for_as_of() -> None:
    assert with_as_of("at < :as_of AND b < :as_of_b", "'x'") == "at < 'x' AND b < :as_of_b"
