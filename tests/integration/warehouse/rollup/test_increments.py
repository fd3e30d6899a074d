"""A refresh rolls the days that changed, no others, and what it leaves is what the rows say."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from pql.domain.measures.count import Count
from pql.warehouse.source import Asked
from tests.integration.warehouse.conftest import COLUMNS
from tests.integration.warehouse.rollup.conftest import (
    DAY,
    DAYS,
    HOUR,
    NOON,
    PLAN,
    Scene,
    a_month,
    event,
    planned,
)
from tests.sources import Row

ARRIVING = (*COLUMNS["events"], "ingested_at")


def test_the_first_refresh_rolls_every_day_and_the_second_none(either: Scene) -> None:
    either.fill(a_month())
    first = either.refresh()
    assert first.first_build
    assert len(first.rolled) == 27
    assert sum(first.rolled.values()) == 104
    either.assert_right(NOON, NOON - 3 * DAY, NOON - HOUR)
    assert either.refresh().rolled == {}
    either.assert_right(NOON)


def test_a_late_event_makes_only_its_own_day_be_rolled_again(either: Scene) -> None:
    rows = a_month()
    either.fill(rows)
    either.refresh()
    late = event((NOON - 3 * DAY).replace(hour=0, minute=20), "a2", "u2", "paywall", quantity=7)
    either.fill([*rows, late])
    assert list(either.refresh().rolled) == [either.day(NOON - 3 * DAY)]
    either.assert_right(NOON)


def test_a_batch_that_came_twice_changes_no_number(scene: Scene) -> None:
    rows = [{**row, "event_id": f"z{number}"} for number, row in enumerate(a_month())]
    scene.fill(rows)
    scene.refresh()
    before = scene.measured()
    scene.fill([*rows, *rows[:40]])
    scene.refresh()
    assert scene.measured().equals(before)
    scene.assert_right()


CHANGES: dict[str, Callable[[Row], Row]] = {
    "event": lambda row: {**row, "event": "paywall" if row["event"] == "login" else "login"},
    "feature": lambda row: {**row, "feature": "q"},
    "quantity": lambda row: {**row, "quantity": 2.5},
    "user": lambda row: {**row, "user_id": "u9"},
    "account": lambda row: {**row, "account_id": "a3"},
    "instant": lambda row: {**row, "occurred_at": row["occurred_at"] - timedelta(minutes=1)},
    "its id": lambda row: {**row, "event_id": "twin"},
}


@pytest.mark.parametrize(("engine", "change"), [*(("sqlite", name) for name in CHANGES), ("duckdb", "its id")])
def test_a_row_edited_in_place_is_found_without_an_arrival_time(engine: str, change: str, scene: Scene) -> None:
    if engine == "sqlite":
        scene.database.engine, scene.database.url = "sqlite", "sqlite:///usage.db"
    at = NOON - 2 * DAY - HOUR
    twin = event(at, event_id="twin", feature="f2")
    rows: list[Row] = [event(NOON - DAY), twin, {**twin, "event_id": "tw2n"}, event(NOON - HOUR)]
    scene.fill(rows)
    scene.refresh()
    rows[2] = CHANGES[change](rows[2])
    scene.fill(rows)
    assert list(scene.refresh().rolled) == [scene.day(at)]
    scene.assert_right()


def test_a_row_edited_in_place_is_found_by_the_newest_arrival(scene: Scene) -> None:
    rows = [{**row, "ingested_at": row["occurred_at"] + HOUR} for row in a_month()]
    scene.fill(rows, columns=ARRIVING)
    scene.refresh()
    edited = {**rows[8], "event": "paywall", "ingested_at": NOON}
    scene.fill([*rows[:8], edited, *rows[9:]], columns=ARRIVING)
    assert list(scene.refresh().rolled) == [scene.day(rows[8]["occurred_at"])]
    scene.assert_right()


def test_rows_that_are_gone_from_a_day_no_longer_count(either: Scene) -> None:
    rows = a_month()
    either.fill(rows)
    either.refresh()
    gone = either.day(NOON - 4 * DAY)
    either.fill([row for row in rows if either.day(row["occurred_at"]) != gone])
    assert either.refresh().rolled == {gone: 0}
    either.assert_right(NOON, NOON - 4 * DAY)


def test_a_value_that_is_gone_from_its_last_day_counts_by_the_day_before(either: Scene) -> None:
    both = [event(NOON - back * DAY, "a3", "u3") for back in (13, 2)]
    once = event(NOON - 2 * DAY, "a3", "u4")
    kept = [*a_month(), both[0], event(NOON - 2 * DAY, "a3", "u5")]
    either.fill([*kept, both[1], once])
    either.refresh()
    either.assert_right(NOON)
    either.fill(kept)
    assert list(either.refresh().rolled) == [either.day(NOON - 2 * DAY)]
    either.assert_right(NOON)


def test_rows_that_are_older_than_late_are_told_of_and_do_not_count_until_a_rebuild(scene: Scene) -> None:
    rows = a_month()
    scene.fill(rows)
    scene.refresh()
    tomorrow = NOON + DAY
    before = scene.measured()
    old = NOON - 20 * DAY
    scene.fill([*rows, event(old), event(old, "a2", "u2")])
    assert scene.refresh().late == {}  # it is looked for once a day
    report = scene.refresh(tomorrow)
    assert (report.rolled, report.late) == ({}, {scene.day(old): 2})
    note = "2 rows of events came or went on 2024-04-25, later than usage.rollup.late allows: they do not count"
    assert report.notes == (f"{note} (`pql rollup rebuild` counts them)",)
    assert scene.refresh(tomorrow).notes == ()
    assert scene.measured().equals(before)
    assert scene.warehouse is not None
    scene.warehouse.forget_rollup()
    report = scene.refresh(tomorrow)
    assert (report.first_build, report.late, report.notes) == (True, {}, ())
    scene.assert_right(tomorrow)


@pytest.mark.parametrize("days", [2, 20], ids=["within late", "before all others"])
def test_what_is_first_of_all_moves_with_its_rows(either: Scene, days: int) -> None:
    rows = [event(NOON - back * DAY - HOUR, name="paywall") for back in range(3)]
    either.fill([*rows, event(NOON - 3 * DAY)])
    either.refresh()
    either.fill([*rows[:2], event(NOON - 3 * DAY)])
    either.refresh()
    either.assert_right(NOON, NOON - DAY)
    either.fill([*rows, event(NOON - 3 * DAY), event(NOON - 5 * DAY, name="paywall")])
    either.refresh()
    either.assert_right(NOON, NOON - 2 * DAY)


def test_the_day_that_has_not_ended_goes_on(either: Scene) -> None:
    rows = a_month()
    midnight = NOON.replace(hour=0)
    later = [event(midnight + minutes * timedelta(minutes=17), feature=f"h{minutes}") for minutes in range(80)]
    for hour in (0.25, 3, 3, 23.99, 24, 25):
        as_of = midnight + hour * HOUR
        either.fill([*rows, *later])
        report = either.refresh(as_of)
        assert len(report.rolled) <= 31 if hour == 0.25 else 2
        either.assert_right(as_of, midnight)


def test_a_run_at_an_earlier_instant_spoils_nothing(either: Scene) -> None:
    rows = a_month()
    either.fill(rows)
    either.refresh()
    earlier = NOON - 2 * DAY - 3 * HOUR
    either.refresh(earlier)
    either.assert_right(earlier)
    assert either.refresh().rolled == {}
    either.assert_right(NOON, earlier)


def test_a_run_at_an_earlier_instant_sees_what_came_since(scene: Scene) -> None:
    rows = a_month()
    scene.fill(rows)
    scene.refresh()
    # After the last row that was there.
    earlier = (NOON - 2 * DAY).replace(hour=23, minute=55)
    scene.fill([*rows, event(earlier - 7 * HOUR, name="paywall"), event(earlier + HOUR)])
    scene.refresh(earlier)
    scene.assert_right(earlier)
    scene.refresh()
    scene.assert_right(NOON, earlier)


def test_a_job_that_was_down_for_weeks_catches_up(scene: Scene) -> None:
    rows = a_month()
    scene.fill([row for row in rows if row["occurred_at"] < NOON - 20 * DAY])
    scene.refresh(NOON - 20 * DAY)
    scene.fill(rows)
    report = scene.refresh()
    assert (report.late, len(report.rolled)) == ({}, 21)
    scene.assert_right(NOON, NOON - 19 * DAY)


def test_a_domain_that_outgrows_its_bits_is_kept_as_rows(either: Scene) -> None:
    rows = [event(NOON - (number % 5) * DAY - HOUR, feature=f"feature {number}") for number in range(120)]
    either.fill(rows)
    either.refresh()
    more = [event(NOON - HOUR, "a2", "u2", feature=f"feature {number}") for number in range(100, 140)]
    either.fill([*rows, *more])
    report = either.refresh()
    assert report.waiting == ()
    either.assert_right(NOON, NOON - 2 * DAY)
    either.fill([*rows, *more, event(NOON - DAY, feature="one more")])
    assert list(either.refresh().rolled) == [either.day(NOON - DAY)]
    either.assert_right(NOON)


def test_equal_partials_of_several_signals_are_one_column(scene: Scene) -> None:
    scene.fill(a_month())
    plan = planned({"week": Count(window=DAYS(7)), "month": Count(window=DAYS(30))})
    scene.refresh(NOON, plan)
    assert scene.warehouse is not None
    status = scene.warehouse.rollup_status([plan])
    assert status is not None
    assert sorted(column.name.partition("_")[0] for column in status.columns) == ["last", "n"]
    scene.assert_right(NOON, plan=plan)


def test_the_rows_of_changed_days_are_read_once(either: Scene) -> None:
    either.fill(a_month())
    either.refresh()
    either.fill([*a_month(), event(NOON - HOUR, "a3", "u3", feature="g"), event(NOON - DAY, "a1", name="paywall")])
    asked: list[Asked] = []
    warehouse = either.open()
    warehouse._source._watch = asked.append
    assert len(warehouse.refresh([PLAN], as_of=NOON)[0].rolled) == 2
    # Beside the look at what changed, and at ids that occur twice.
    assert len([one for one in asked if " AS n_0" in one.sql]) == 1


def test_a_table_that_an_earlier_version_lacked_is_made(either: Scene) -> None:
    either.fill(a_month())
    either.refresh()
    either.in_rollup("DROP TABLE pql_rollup.events_lasts")
    either.in_rollup("DELETE FROM pql_rollup.meta WHERE name IN ('tables', 'lasts.events')")
    either.refresh()
    either.assert_right()


def test_days_of_more_rows_than_the_program_should_hold_stay_in_the_source(
    either: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pql.warehouse.rollup.staging.MOST_ROWS", 1)
    either.fill(a_month())
    either.refresh()
    either.assert_right()
    either.fill([*a_month(), event(NOON - HOUR, "a3", "u3", feature="new"), event(NOON - DAY, None, "u1")])
    either.refresh()
    either.assert_right()
