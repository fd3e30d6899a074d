"""Where rows tell when they came, a few of them make only their accounts be rolled again."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pql.warehouse.rollup import touched
from tests.integration.warehouse.rollup.conftest import DAY, HOUR, NOON, PLAN, Scene, event, run, scene_on
from tests.integration.warehouse.rollup.test_increments import ARRIVING
from tests.sources import Row, writable

OLD = NOON - 3 * DAY
MANY = 10


def came(row: Row, at: datetime) -> Row:
    return {**row, "ingested_at": at}


def a_few_days() -> list[Row]:
    """Ten rows a day: of two accounts, and of a user who names none."""
    rows = []
    for back in range(5):
        for number in range(MANY):
            at = NOON - back * DAY - number * HOUR / 4
            account = ("a1", "a2", None)[number % 3]
            rows.append(came(event(at, account, f"u{number % 4}", event_id=f"e{back}.{number}"), at + HOUR))
    return rows


def spoil(scene: Scene) -> str:
    """Write to the rollup what no row says, so that it is seen what is rolled again; returns the column."""
    name = scene.in_rollup("SELECT name FROM pql_rollup.kept WHERE left(name, 2) = 'n_'")[0][0]
    scene.in_rollup(f"UPDATE pql_rollup.events_by_account SET {name} = 1000")
    return str(name)


def spoiled(scene: Scene, name: str, day: datetime) -> set[str]:
    """The accounts whose figures of a day are still what was written."""
    where = f"{name} = 1000 AND day = {scene.day(day)}"
    rows = scene.in_rollup(f"SELECT DISTINCT account_id FROM pql_rollup.events_by_account WHERE {where}")
    return {str(account) for (account,) in rows}


def test_one_late_row_makes_its_account_be_rolled_again_and_no_other(either: Scene) -> None:
    rows = a_few_days()
    either.fill(rows, columns=ARRIVING)
    either.refresh()
    name = spoil(either)
    either.fill([*rows, came(event(OLD, "a2", "u2"), NOON)], columns=ARRIVING)
    assert list(either.refresh().rolled) == [either.day(OLD)]
    assert spoiled(either, name, OLD) == {"a1", ""}
    assert spoiled(either, name, OLD - DAY) == {"a1", "a2", ""}


CHANGES: dict[str, Callable[[list[Row]], Sequence[Row]]] = {
    "of an account": lambda rows: [*rows, came(event(OLD, "a1", "u2", name="paywall", quantity=9), NOON)],
    "of no account": lambda rows: [*rows, came(event(OLD, None, "u2"), NOON)],
    "of a new account": lambda rows: [*rows, came(event(OLD, "a3", "u7", feature="new"), NOON)],
    "first of all": lambda rows: [*rows, came(event(OLD - 3 * DAY, "a1", "u1", name="paywall"), NOON)],
    "beside one that is gone": lambda rows: [*rows[:30], *rows[31:], came(event(OLD), NOON)],
    "beside one that was edited": lambda rows: [
        *rows[:31],
        came({**rows[31], "account_id": "a1", "quantity": 8}, NOON),
        *rows[32:],
        came(event(OLD), NOON),
    ],
    "with an old arrival": lambda rows: [*rows, came(event(OLD, "a2"), OLD - DAY)],
    "beside one with an old arrival, for one that is gone": lambda rows: [
        *rows[:30],
        *rows[31:],
        came(event(OLD, "a2"), OLD - DAY),
        came(event(OLD, "a1"), NOON),
    ],
    "without an arrival": lambda rows: [*rows, event(OLD, "a2", ingested_at=None), came(event(OLD, "a1"), NOON)],
    "which copies another account's": lambda rows: [
        *rows,
        came(event(OLD - 9 * HOUR, "a2", "u2", event_id="e3.0"), NOON),
    ],
}


@pytest.mark.parametrize("change", CHANGES)
def test_fresh_rows_count_whatever_came_with_them(scene: Scene, change: str) -> None:
    assert_counted(scene, change)


@pytest.mark.parametrize("change", ["of no account", "which copies another account's"])
def test_fresh_rows_count_in_a_source_home(change: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    assert_counted(scene_on("postgresql", "source", tmp_path, request), change)


def assert_counted(scene: Scene, change: str) -> None:
    rows = a_few_days()
    scene.fill(rows, columns=ARRIVING)
    scene.refresh()
    scene.fill(CHANGES[change](rows), columns=ARRIVING)
    assert scene.refresh().rolled
    scene.assert_right(NOON, NOON - 2 * DAY)
    assert scene.refresh().rolled == {}
    scene.close()


def test_today_goes_on_account_by_account(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(touched, "MOST_FRESH", 1.0)
    rows = a_few_days()
    # They lie ahead of the first run, and were there when it looked.
    ahead = [came(event(NOON + n * HOUR, ("a1", "a2")[n % 2]), NOON - DAY) for n in range(1, 4)]
    scene.fill([*rows, *ahead], columns=ARRIVING)
    scene.refresh()
    for hours in (1.5, 2, 3.5):
        as_of = NOON + timedelta(hours=hours)
        rows.append(came(event(as_of - HOUR, "a1", "u3", feature=f"at {hours}"), as_of))
        scene.fill([*rows, *ahead], columns=ARRIVING)
        scene.refresh(as_of)
        scene.assert_right(as_of, NOON)


def test_a_day_that_another_job_rolled_meanwhile_is_rolled_as_a_whole(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    scene = scene_on("postgresql", "source", tmp_path, request)
    rows = a_few_days()
    scene.fill(rows, columns=ARRIVING)
    scene.refresh()
    name = spoil(scene)
    scene.fill([*rows, came(event(OLD, "a1"), NOON)], columns=ARRIVING)
    url = writable(scene.database.url, scene.database.folder)

    def meanwhile(_step: str, done: int, wanted: int) -> None:
        if done < wanted:
            run(url, f"UPDATE pql_rollup.days SET row_count = 1 WHERE day = {scene.day(OLD)}")

    scene.open().refresh([PLAN], as_of=NOON, progress=meanwhile)
    assert spoiled(scene, name, OLD) == set()
    scene.close()


def test_what_came_too_late_is_told_by_its_arrival_and_once(scene: Scene) -> None:
    rows = a_few_days()
    scene.fill(rows, columns=ARRIVING)
    scene.refresh()
    old, tomorrow = NOON - 20 * DAY, NOON + DAY
    scene.fill([*rows, came(event(old), NOON), came(event(old, "a2"), NOON)], columns=ARRIVING)
    assert scene.refresh().late == {}
    assert scene.refresh(tomorrow).late == {scene.day(old): 2}
    assert scene.refresh(tomorrow).late == {}
    assert scene.refresh(tomorrow + 2 * DAY).late == {}
