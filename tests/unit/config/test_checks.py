"""The checks that look at meaning."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pql.config.checks.thresholds import always, never
from pql.config.cron import check_cron
from pql.domain.conditions import Condition, Where
from pql.domain.durations import Duration
from pql.domain.measures import MEASURE_KINDS, Measure
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.count import Count
from pql.domain.measures.recency import Recency
from pql.domain.measures.share import Share
from pql.domain.measures.statement import Statement
from pql.domain.measures.total import Sum
from pql.domain.measures.trend import Trend

Change = Callable[..., Path]
Problems = Callable[..., Sequence[str]]

DAYS = Duration.of_days(14)
COUNT, DAYS_USED, SUM = Count(window=DAYS), ActiveDays(window=DAYS), Sum(window=DAYS)
SHARE, TREND = Share(window=DAYS, where=Where.parse({"event": "x"})), Trend(window=DAYS)
SQL, ATTRIBUTE, USERS = Statement(file="x.sql"), Attribute(of="sector"), Attribute(users=Where.parse({"role": "VP"}))
RECENCY = Recency(window=DAYS)


@pytest.mark.parametrize(
    ("measure", "written"),
    [
        pytest.param(COUNT, {"at_least": 0}, id="a count is never below 0"),
        pytest.param(COUNT, {"above": -1}, id="nor at -1"),
        pytest.param(DAYS_USED, {"between": [0, 14]}, id="14 days hold at most 14 active ones"),
        pytest.param(SHARE, {"at_most": 1}, id="a share is at most 1"),
        pytest.param(COUNT, {"exists": True}, id="a count always has a value"),
        pytest.param(USERS, {"at_least": 0}, id="users are counted"),
    ],
)
def test_what_every_value_meets_always_holds(measure: Measure, written: object) -> None:
    assert always(Condition.parse(written), measure)
    assert not never(Condition.parse(written), measure)


@pytest.mark.parametrize(
    ("measure", "written"),
    [
        pytest.param(DAYS_USED, {"at_least": 20}, id="20 active days of 14"),
        pytest.param(DAYS_USED, {"above": 14}, id="above the most"),
        pytest.param(COUNT, {"below": 0}, id="below the least"),
        pytest.param(COUNT, {"at_most": -1}, id="less than none"),
        pytest.param(SHARE, {"at_least": 1.5}, id="a share above 1"),
        pytest.param(SHARE, 50, id="a share in percent"),
        pytest.param(COUNT, [-1, -2], id="negative counts"),
        pytest.param(COUNT, "many", id="a word for a number"),
        pytest.param(COUNT, {"matches": "^1"}, id="a pattern for a number"),
        pytest.param(COUNT, {"exists": False}, id="without a value nothing is evaluated"),
        pytest.param(RECENCY, {"at_least": 30}, id="longer ago than the window"),
    ],
)
def test_what_no_value_meets_never_holds(measure: Measure, written: object) -> None:
    assert never(Condition.parse(written), measure)
    assert not always(Condition.parse(written), measure)


@pytest.mark.parametrize(
    ("measure", "written"),
    [
        pytest.param(COUNT, {"at_least": 1}, id="some"),
        pytest.param(COUNT, {"above": 0}, id="above none"),
        pytest.param(COUNT, 0, id="none"),
        pytest.param(COUNT, [0, 1], id="none or one"),
        pytest.param(COUNT, {"at_least": 0, "not": 3}, id="all but one number"),
        pytest.param(DAYS_USED, 14, id="every day"),
        pytest.param(SUM, {"at_least": 0}, id="a sum may be negative"),
        pytest.param(SQL, {"at_least": -5}, id="SQL may give any number"),
        pytest.param(TREND, {"below": 1}, id="less than before"),
        pytest.param(SHARE, {"at_least": 1}, id="all of it"),
        pytest.param(ATTRIBUTE, {"words": ["retail"]}, id="an attribute may be text"),
        pytest.param(ATTRIBUTE, {"exists": True}, id="an attribute may be unknown"),
        pytest.param(RECENCY, {"exists": True}, id="seen in the window"),
    ],
)
def test_what_some_values_meet_is_fine(measure: Measure, written: object) -> None:
    assert not never(Condition.parse(written), measure)
    assert not always(Condition.parse(written), measure)


def test_the_kinds_that_know_no_latest_row_exist() -> None:
    assert {"allowance", "attribute", "sql", "python"} <= set(MEASURE_KINDS)


@pytest.mark.parametrize(
    "text",
    ["0 8 * * *", "*/15 * * * *", "0 8-18/2 * * mon-fri", "0,30 0 1,15 jan,JUL 0", "59 23 31 12 6"],
)
def test_a_cron_expression_of_five_fields_is_read(text: str) -> None:
    assert check_cron(text) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0 8 * *", "an interval, or five fields (minute hour day month weekday); it has 4"),
        ("60 * * * *", "'60' is no minute (0-59)"),
        ("0 24 * * *", "'24' is no hour (0-23)"),
        ("0 0 0 * *", "'0' is no day of the month (1-31)"),
        ("0 0 1 13 *", "'13' is no month (1-12)"),
        ("0 0 * * 7", "'7' is no day of the week (0-6)"),
        ("0 18-8 * * *", "'18-8' is no hour (0-23)"),
        ("*/0 * * * *", "'*/0' is no minute (0-59)"),
        ("a * * * *", "'a' is no minute (0-59)"),
        ("0 8 * * fri-", "'fri-' is no day of the week (0-6)"),
        ("² * * * *", "'²' is no minute (0-59)"),
    ],
)
def test_a_wrong_field_of_a_cron_expression_is_named(text: str, words: str) -> None:
    assert check_cron(text) == words


def test_points_per_occurrence_fade_over_whole_days(change: Change, problems: Problems) -> None:
    change("signals/breadth.yml", "{kind: distinct, of: feature, window: 14 days}", "{kind: count, window: 14 days}")
    change("signals/breadth.yml", "half_life: 14 days", "per_occurrence: true, lifespan: 36 hours")
    assert problems() == [
        "signals/breadth.yml:7:79: C016 'lifespan: 36 hours' must be whole days with 'per_occurrence'"
    ]


def test_every_column_and_operator_of_a_bad_filter_is_told(change: Change, problems: Problems) -> None:
    where = "where: {event: {words: [a], matches: b}, feature: {matches: c}}"
    change("signals/breadth.yml", "window: 14 days", f"window: 14 days, {where}")
    assert [line.split(" ")[1] for line in problems()] == ["C055", "C055", "C055"]


def test_filters_on_users_may_ask_for_words(change: Change, problems: Problems) -> None:
    change(
        "signals/breadth.yml",
        "{kind: distinct, of: feature, window: 14 days}",
        "{kind: attribute, users: {role: {words: VP}}}",
    )
    change("signals/breadth.yml", ", half_life: 14 days", "")
    assert problems() == []


def test_the_steps_of_a_sequence_are_looked_at(change: Change, problems: Problems) -> None:
    steps = "{kind: sequence, within: 1 day, steps: [{event: a}, {feature: {words: b}}]}"
    change("signals/paywall.yml", "{event: paywall_viewed, within: 1 hour}", steps)
    assert [line.split(" ")[:2] for line in problems()] == [["signals/paywall.yml:4:73:", "C055"]]


@pytest.mark.parametrize(
    ("bands", "found"),
    [
        ("[{when: {at_least: 50}, points: 9}, {when: {at_least: 20}, points: 5}]", 0),
        ("[{when: {at_least: 20}, points: 5}, {when: {above: 20}, points: 9}]", 1),
        ("[{when: {above: 20}, points: 5}, {when: {at_least: 20}, points: 9}]", 0),
        ("[{when: {below: 20}, points: 5}, {when: {at_most: 20}, points: 9}]", 0),
        ("[{when: {at_most: 20}, points: 5}, {when: {below: 20}, points: 9}]", 1),
        ("[{when: a, points: 5}, {when: a, points: 9}]", 1),
        ("[{when: a, points: 5}, {when: [a, b], points: 9}]", 0),
        ("[{when: {at_least: 5, not: 7}, points: 5}, {when: {at_least: 6}, points: 9}]", 0),
    ],
)
def test_a_fit_band_that_an_earlier_one_covers_is_found(
    bands: str, found: int, change: Change, problems: Problems
) -> None:
    change("config/icp.yml", "in: [software, fintech], points: 20", f"bands: {bands}", "A: 40, B: 25", "A: 34, B: 25")
    assert len(problems()) == found


def test_group_caps_bound_what_a_grade_can_ask_for(change: Change, problems: Problems) -> None:
    change("config/icp.yml", "firmographics: 50", "firmographics: 10")
    assert problems() == ["config/icp.yml:2:15: C051 grade A needs 40 points, and all criteria together give 30"]


def test_stages_are_compared_without_case_as_conditions_are(change: Change, problems: Problems) -> None:
    change("signals/breadth.yml", "[trial, free]", "{not: Trial}")
    assert problems() == []


def test_other_operators_on_a_stage_are_left_alone(change: Change, problems: Problems) -> None:
    change("signals/breadth.yml", "[trial, free]", "{matches: '^tri'}")
    assert problems() == []


def test_checks_go_on_without_the_files_that_cannot_be_read(project: Path, problems: Problems) -> None:
    for path in (project / "config").iterdir():
        path.write_text("[")
    (project / "signals" / "breadth.yml").write_text("[")
    assert {line.split(" ")[1] for line in problems()} == {"C004"}


def test_a_project_without_signals_and_notifiers_is_empty_and_sound(project: Path, problems: Problems) -> None:
    for folder in ("signals", "notifiers", "sql/measures"):
        for path in sorted((project / folder).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (project / folder).rmdir()
    assert problems() == []


def test_hidden_files_and_folders_are_left_alone(project: Path, problems: Problems) -> None:
    (project / "config" / ".pql.yml.swp").write_bytes(b"\xff")
    (project / "signals" / "notes.txt").write_text("to do")
    (project / "notifiers" / ".git").mkdir()
    (project / "notifiers" / "__pycache__").mkdir()
    assert problems() == []


def test_a_half_set_url_is_no_secret_and_no_problem(change: Change, problems: Problems) -> None:
    change("config/pql.yml", "duckdb:///data/usage.duckdb", "postgresql://reader:${PASSWORD}@db/usage")
    assert problems(PASSWORD="hunter2") == []


def test_a_number_as_a_token_is_a_secret_too(project: Path, problems: Problems) -> None:
    (project / "notifiers" / "slack" / "channel.yml").write_text("token: 12345\n")
    assert [line.split(" ")[1] for line in problems()] == ["C010", "C071"]
    assert "12345" not in "".join(problems())


def test_a_variable_of_settings_that_cannot_be_read_is_not_asked_for(
    project: Path, change: Change, problems: Problems
) -> None:
    change("sql/events.sql", "FROM activity", "FROM {{ tables.activity }}")
    change("config/pql.yml", "usage:", "usage: [")
    assert {line.split(" ")[1] for line in problems()} == {"C004"}


def test_files_in_sql_that_are_no_sql_are_passed_over(project: Path, problems: Problems) -> None:
    (project / "sql" / "README.md").write_text("How our tables are mapped.")
    assert problems() == []


def test_a_criterion_with_a_condition_needs_points(change: Change, problems: Problems) -> None:
    change("config/icp.yml", "in: [software, fintech], points: 20", "in: [software, fintech]")
    assert problems() == ["config/icp.yml:12:5: C012 the key 'points' is missing (how many points the condition gives)"]


def test_a_file_name_that_no_system_takes_is_a_file_that_is_not_there(change: Change, problems: Problems) -> None:
    change("signals/stickiness.yml", "stickiness.py:", f"{'x' * 300}.py:")
    change("signals/seats.yml", "seats.sql", f"{'x' * 300}.sql")
    assert [line.split(" ")[1] for line in problems()] == ["C024", "C025"]


def test_a_number_that_sql_gives_may_be_any_but_it_is_no_word(change: Change, problems: Problems) -> None:
    change("signals/seats.yml", "at_least: 5", "equals: five")
    assert problems() == ["signals/seats.yml:5:8: C051 'fires' can never hold: sql gives numbers"]
