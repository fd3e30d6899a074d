"""Sources that go wrong: what is counted, what is said, and that what was there stays."""

from datetime import UTC, datetime, timedelta

import pytest

from pql.domain.conditions import Where
from pql.domain.measures import Missing
from pql.domain.measures.count import Count
from pql.domain.measures.time_to import TimeTo
from pql.domain.partials import Level
from pql.errors import RollupUnavailable, SourceMismatch
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
    scene_on,
    without,
)
from tests.sources import Row


def test_a_source_that_becomes_read_only_leaves_the_rollup_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    scene = scene_on("postgresql", "source", tmp_path_factory.mktemp("scene"), request)
    rows = a_month()
    scene.fill(rows)
    scene.refresh()
    before, days = scene.measured(), scene.rolled_days
    scene.statement("CREATE ROLE reader LOGIN")
    try:
        scene.statement("GRANT SELECT ON ALL TABLES IN SCHEMA public, pql_rollup TO reader")
        scene.statement("GRANT USAGE ON SCHEMA public, pql_rollup TO reader")
        scene.fill([*rows, event(NOON - HOUR)])
        scene.statement("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        owner, scene.database.url = scene.database.url, scene.database.url.replace("//postgres:", "//reader:")
        with pytest.raises(RollupUnavailable, match=r"the schema 'pql_rollup' in the usage database cannot be used: "):
            scene.refresh()
        scene.database.url = owner
        assert scene.rolled_days == days
        warehouse = scene.open()
        assert warehouse._rollup is not None
        assert warehouse._rollup.look([PLAN]) == NOON
        assert scene.measured().equals(before)
        assert len(scene.refresh().rolled) == 1
        scene.assert_right()
    finally:
        scene.database.url = owner
        scene.statement("DROP OWNED BY reader")
        scene.statement("DROP ROLE reader")
        scene.close()


def test_a_source_that_cannot_keep_the_rollup_is_told_what_to_write(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    scene = scene_on("sqlite", "source", tmp_path_factory.mktemp("scene"), request)
    scene.fill(a_month())
    with pytest.raises(SourceMismatch, match=r"a sqlite database cannot keep the rollup \(duckdb, postgresql can\)"):
        scene.open()


def test_a_column_that_goes_takes_its_measures_along_and_brings_them_back(either: Scene) -> None:
    rows = a_month()
    either.fill(rows)
    either.refresh()
    either.fill(rows, columns=[name for name in COLUMNS["events"] if name not in ("feature", "quantity")])
    either.refresh()
    frame = either.measured()
    assert set(frame["features.missing"]) == set(frame["amount.missing"]) == {Missing.NO_COLUMN}
    either.assert_equal(frame, without(PLAN, "features", "amount"))
    either.fill([*rows, event(NOON - DAY, feature="back")])
    assert either.refresh().waiting == ()
    either.assert_right(NOON, NOON - 2 * DAY)


def test_a_column_that_must_be_there_is_named_and_the_rollup_stays(scene: Scene) -> None:
    rows = a_month()
    scene.fill(rows)
    scene.refresh()
    days = scene.rolled_days
    scene.fill(rows, columns=[name for name in COLUMNS["events"] if name != "user_id"])
    with pytest.raises(SourceMismatch, match=r"sql/events.sql:1: the relation 'events' has no column 'user_id'"):
        scene.refresh()
    assert scene.rolled_days == days
    scene.fill(rows)
    assert scene.refresh().rolled == {}
    scene.assert_right()


def written(row: Row, at: str) -> Row:
    time: datetime = row["occurred_at"]
    texts = {"text": time.isoformat(), "bigint": int(time.timestamp())}
    return {**row, "occurred_at": texts[at], "quantity": f" {row['quantity']}"}


@pytest.mark.parametrize("kind", ["text", "bigint"])
def test_columns_of_another_type_give_the_same_numbers(either: Scene, kind: str) -> None:
    rows = a_month()
    either.fill(rows)
    either.refresh()
    more = [*rows, event(NOON - HOUR, "a3", quantity=8), event(NOON - 3 * DAY, "a3", quantity=3)]
    either.fill([written(row, kind) for row in more], occurred_at=kind, quantity="text")
    either.refresh()
    frame = either.measured(NOON, NOON - 2 * DAY)
    either.events = more
    either.assert_equal(frame, PLAN)


def test_rows_outside_the_declared_window_count_only_where_they_belong(either: Scene) -> None:
    # Twice as wide as it was asked for, and then some rows of any time.
    either.sql["events"] = (
        "SELECT * FROM events WHERE occurred_at >= CAST({{ start }} AS timestamptz) - INTERVAL '9 days' "
        "OR event = 'paywall'"
    )
    rows = a_month()
    either.fill(rows)
    either.refresh()
    either.assert_right(NOON, NOON - 2 * DAY)
    either.fill([*rows, event(NOON - 2 * DAY, name="paywall")])
    assert len(either.refresh().rolled) == 1
    either.assert_right(NOON, NOON - 12 * DAY)


def test_a_day_without_events_and_one_with_fifty_times_as_many_are_told_of(scene: Scene) -> None:
    rows = [event(NOON - back * DAY, event_id=f"{back}-{n}") for back in range(1, 40) for n in range(60)]
    quiet = scene.day(NOON - 2 * DAY)
    scene.fill([row for row in rows if scene.day(row["occurred_at"]) < quiet])
    scene.refresh(NOON - 3 * DAY + 12 * HOUR)
    loud = [event(NOON - DAY - n * timedelta(seconds=1), event_id=f"loud{n}") for n in range(3000 - 60)]
    scene.fill([*(row for row in rows if scene.day(row["occurred_at"]) != quiet), *loud])
    assert scene.refresh().notes == (
        "there are no events on 2024-05-13, where 60 are usual",
        "there are 3,000 events on 2024-05-14, 50 times as many as usual",
    )
    assert scene.refresh().notes == ()


@pytest.mark.parametrize("year", [1, 1969, 1970, 9999])
def test_an_event_of_another_century_counts_where_it_belongs(scene: Scene, year: int) -> None:
    scene.zone = "Europe/Berlin"
    odd = event(datetime(year, 1, 1, 0, 20, tzinfo=UTC), "a1", "u1", "paywall")
    rows = [*(row for row in a_month() if row["event"] != "paywall"), odd]
    measures = {"n": Count(window=DAYS(9)), "to": TimeTo(where=PAYWALL, since="first_event")}
    plan = planned(measures)
    scene.fill(rows)
    scene.refresh(NOON, plan)
    scene.assert_right(NOON, NOON - HOUR, plan=plan)
    scene.fill([*rows, event(NOON - HOUR)])
    assert list(scene.refresh(NOON, plan).rolled) == [scene.day(NOON)]
    scene.assert_right(NOON, plan=plan)
    scene.fill([*rows, event(NOON - HOUR), event(NOON - 2 * HOUR, feature="f")])
    wider = planned({**measures, "f": Count(window=DAYS(9), where=Where.parse({"feature": "f"}))})
    scene.refresh(NOON, wider)
    scene.assert_right(NOON, plan=wider)


def test_an_old_event_costs_no_day_between(scene: Scene) -> None:
    scene.fill([*a_month(), event(datetime(1970, 1, 1, tzinfo=UTC))])
    scene.refresh()
    assert scene.rolled_days == 28


def test_a_user_who_moves_takes_along_what_named_no_account_and_nothing_is_rolled(either: Scene) -> None:
    rows = [event(NOON - back * DAY - HOUR, None, "u2", feature=f"f{back}") for back in range(5)]
    either.fill([*rows, event(NOON - HOUR, "a2", "u2")])
    either.refresh()
    either.assert_right()
    either.users = [{**row, "account_id": "a3"} for row in either.users]
    either.fill(either.events)
    assert either.refresh().rolled == {}
    either.assert_right(NOON, NOON - DAY)
    either.users = either.users[:1]
    either.fill(either.events)
    assert either.refresh().rolled == {}
    either.assert_right(NOON, NOON - DAY)


def test_an_account_whose_domain_changes_moves_to_another_company(scene: Scene) -> None:
    scene.plan = planned(PLAN_OF_COMPANIES, Level.COMPANY)
    scene.accounts = [{**row, "domain": "acme.test"} for row in scene.accounts]
    scene.fill(a_month())
    scene.refresh()
    scene.assert_right()
    scene.accounts = [{**row, "domain": f"{row['account_id']}.test"} for row in scene.accounts]
    scene.fill(scene.events)
    assert scene.refresh().rolled == {}
    scene.assert_right(NOON, NOON - 2 * DAY)


PLAN_OF_COMPANIES = {item.name: item.measure for item in PLAN.items}


def test_a_lead_that_vanishes_is_no_longer_measured(either: Scene) -> None:
    either.fill(a_month())
    either.refresh()
    either.accounts = either.accounts[:1]
    either.fill(either.events)
    assert either.refresh().rolled == {}
    frame = either.measured()
    assert [lead for _, lead in frame.index] == ["a1"]
    either.assert_equal(frame, PLAN)
