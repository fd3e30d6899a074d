"""Definitions come, go and return; the rollup is looked after, and tells when it is wrong."""

import random
from datetime import timedelta

import pytest

from pql.domain.measures import Missing
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.measures.time_to import TimeTo
from pql.domain.partials import Level
from pql.domain.plan import Plan
from tests.integration.warehouse.conftest import COLUMNS
from tests.integration.warehouse.rollup.conftest import (
    DAY,
    DAYS,
    HOUR,
    NOON,
    PAYWALL,
    PLAN,
    Scene,
    a_month,
    event,
    planned,
    without,
)
from tests.sources import Row

# Kept by account, user and day, and nothing else is.
OF_USERS = planned({"n": Count(window=DAYS(30)), "f": Distinct(of="user_id", window=DAYS(9))}, Level.USER)


def with_gaps() -> list[Row]:
    """Rows on days that do not touch, so that each is a batch of its own."""
    return [row for row in a_month()[:52] if (NOON - row["occurred_at"]) // DAY % 3 == 0]


@pytest.fixture
def a_day_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pql.warehouse.rollup.staging.MOST_ROWS", 1)


def no_time() -> bool:
    return False


@pytest.mark.usefixtures("a_day_a_batch")
def test_a_new_definition_is_filled_in_by_several_runs_while_the_others_stay_live(either: Scene) -> None:
    either.fill(with_gaps())
    old = without(PLAN, "features", "until_paywall")
    either.refresh(NOON, old)
    first = either.refresh(NOON, PLAN, keep_on=no_time)
    assert len(first.waiting) == 3
    assert "still being filled in" in first.notes[0]
    frame = either.measured(plan=PLAN)
    assert set(frame["features.missing"]) == {Missing.BUILDING}
    assert set(frame["until_paywall.missing"]) == {Missing.BUILDING}
    either.assert_right(plan=old)
    runs = 1
    while either.refresh(NOON, PLAN, keep_on=no_time).waiting:
        either.assert_right(plan=old)
        runs += 1
    assert runs > 1
    either.assert_right(NOON, NOON - 5 * DAY)


@pytest.mark.usefixtures("a_day_a_batch")
def test_a_late_row_counts_at_once_although_there_is_no_time_to_fill_in_what_is_new(scene: Scene) -> None:
    # With arrival times, so that the new column does not make other days look changed.
    columns = (*COLUMNS["events"], "ingested_at")
    rows = [{**row, "ingested_at": row["occurred_at"]} for row in with_gaps()]
    scene.fill(rows, columns=columns)
    old = without(PLAN, "features")
    scene.refresh(NOON, old)
    scene.fill([*rows, event(NOON - HOUR, "a3"), event(NOON - 6 * DAY, "a3")], columns=columns)
    report = scene.refresh(NOON, PLAN, keep_on=no_time)
    assert scene.day(NOON - 6 * DAY) in report.rolled
    assert report.waiting
    scene.assert_right(plan=old)
    while scene.refresh(NOON, PLAN, keep_on=no_time).waiting:
        pass
    scene.assert_right()


def test_a_definition_that_was_away_for_a_while_is_right_when_it_returns(either: Scene) -> None:
    rows = a_month()
    either.fill(rows)
    either.refresh()
    other = planned({"n": Count(window=DAYS(30))})
    late = event(NOON - 2 * DAY, "a3", "u1", "paywall", feature="late")
    either.fill([*rows, late])
    either.refresh(NOON, other)
    either.assert_right(plan=other)
    either.refresh()
    either.assert_right(NOON, NOON - DAY)


def test_rows_that_went_while_a_definition_was_away_are_gone_when_it_returns(either: Scene) -> None:
    goes = [event(NOON - 3 * DAY, "a1", "u1", "paywall"), event(NOON - 3 * DAY + HOUR, "a2", "u2", "paywall")]
    stays = [event(NOON - 2 * DAY, "a1", "u1"), event(NOON - DAY, "a2", "u2", "paywall")]
    plans = [PLAN, OF_USERS]
    either.fill([*goes, *stays])
    either.refresh(NOON, *plans)
    either.fill(stays)
    either.refresh(NOON, planned({"n": Count(window=DAYS(30))}))
    either.refresh(NOON, *plans)
    either.assert_right(NOON)
    either.assert_right(NOON, plan=OF_USERS)


def test_other_sql_for_the_events_rolls_all_days_anew(scene: Scene) -> None:
    rows = a_month()
    scene.fill(rows)
    scene.refresh()
    scene.sql["events"] = "SELECT * FROM events WHERE event <> 'paywall'"
    report = scene.refresh()
    assert (report.first_build, len(report.rolled)) == (True, 27)
    frame = scene.measured()
    scene.events = [row for row in rows if row["event"] != "paywall"]
    scene.assert_equal(frame, PLAN)


def test_another_zone_rolls_all_days_anew(scene: Scene) -> None:
    scene.fill(a_month())
    scene.refresh()
    scene.zone = "America/New_York"
    assert scene.refresh().first_build
    scene.assert_right(NOON, NOON - 12 * HOUR)


def test_prune_drops_what_no_definition_needs_and_what_stays_is_right(either: Scene) -> None:
    either.fill(a_month())
    either.refresh(NOON, PLAN, OF_USERS)
    fewer = without(PLAN, "features", "people", "until_paywall", "minutes")
    dropped = either.open().prune_rollup([fewer])
    assert {column.name.partition("_")[0] for column in dropped} >= {"bits", "values", "first", "active", "n"}
    assert either.open().prune_rollup([fewer]) == []
    either.refresh(NOON, fewer)
    either.assert_right(NOON, NOON - HOUR, plan=fewer)
    assert len(either.refresh(NOON, PLAN, OF_USERS).rolled) == 27
    either.assert_right()
    either.assert_right(plan=OF_USERS)


def nine_days() -> list[Row]:
    return a_month()[:32]


def verified(scene: Scene, plan: Plan = PLAN) -> list[str]:
    found = scene.open().verify_rollup([plan], days=100, leads=100, chance=random.Random(1))
    assert (found.days, found.leads) == (9, 3)
    return [difference.what for difference in found.differences]


def test_verify_finds_nothing_where_nothing_is_wrong(either: Scene) -> None:
    either.fill(nine_days())
    either.refresh()
    assert verified(either) == []


def test_verify_says_where_a_spoiled_number_stands(either: Scene) -> None:
    either.fill(nine_days())
    either.refresh()
    status = either.open().rollup_status([PLAN])
    assert status is not None
    counted = next(column.name for column in status.columns if column.name.startswith("n_"))
    day = either.day(NOON - 2 * DAY)
    either.in_rollup(f"UPDATE pql_rollup.events_by_account SET {counted} = 50 WHERE day = {day} AND account_id = 'a1'")
    assert set(verified(either)) == {"events of 2024-05-13, account", "n of lead a1"}


def test_what_comes_first_is_verified_by_the_leads(scene: Scene) -> None:
    scene.fill(nine_days())
    scene.refresh()
    scene.in_rollup("DELETE FROM pql_rollup.firsts WHERE account_id = 'a1'")
    assert "until_paywall of lead a1" in verified(scene)


def test_a_plan_of_another_job_in_between_spoils_neither(scene: Scene) -> None:
    one = planned({"n": Count(window=DAYS(30)), "first": TimeTo(where=PAYWALL)})
    other = planned({"f": Distinct(of="feature", window=DAYS(30))})
    rows = a_month()
    for day in range(4):
        as_of = NOON + day * DAY
        scene.fill([*rows, *(event(as_of - number * HOUR, feature=f"k{number}") for number in range(1, 30))])
        plan = one if day % 2 else other
        scene.refresh(as_of, plan)
        scene.assert_right(as_of, as_of - timedelta(hours=5), plan=plan)
