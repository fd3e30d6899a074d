"""Many instants in one call, and days split in any way: the same numbers."""

import random
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from pql.domain.calendar import to_micros
from pql.domain.durations import Duration
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.count import Count
from pql.domain.partials import Level
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
)

MINUTE = timedelta(minutes=1)
MIDNIGHT = NOON.replace(hour=0)


def half_a_year() -> list[dict[str, object]]:
    chance = random.Random(11)
    return [
        dict(event(NOON - chance.random() * 200 * DAY, chance.choice(("a1", "a2", None)), chance.choice(("u1", "u2"))))
        | {"feature": f"f{chance.randrange(9)}", "event": chance.choice(("login", "login", "paywall"))}
        for _ in range(700)
    ]


def test_180_daily_instants_at_once_are_180_calls(either: Scene) -> None:
    either.fill(half_a_year())
    either.refresh()
    instants = [MIDNIGHT - back * DAY for back in range(180)]
    # Some within days, which are rolled up to another instant.
    within = [NOON - back * DAY - 3 * HOUR for back in range(0, 180, 30)]
    together = either.measured(*instants, *within)
    assert len(together) == 3 * (180 + 6)
    for at in [instants[0], instants[-1], within[0], within[-1]]:
        alone = either.measured(at)
        pd.testing.assert_frame_equal(together.loc[[to_micros(at)]], alone, check_dtype=False)
    either.assert_equal(together.loc[[to_micros(at) for at in [*instants[::90], within[3]]]], PLAN)


def test_more_instants_within_days_than_are_worth_it_are_read_from_the_rows(scene: Scene) -> None:
    scene.fill(a_month())
    scene.refresh()
    instants = [NOON - hour * HOUR for hour in range(60)]
    assert scene.warehouse is not None
    frame = scene.warehouse.measures(PLAN, instants)
    scene.assert_equal(frame.loc[[to_micros(at) for at in instants[::20]]], PLAN)


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Kolkata"])
def test_any_split_of_the_days_gives_the_same_active_time(scene: Scene, zone: str) -> None:
    """Rows of one user around several midnights; refreshed at instants that split them in any way."""
    scene.zone = zone
    plan = planned({"minutes": ActiveTime(window=DAYS(9)), "some": ActiveTime(window=DAYS(9), where=PAYWALL)})
    scene.plan = plan
    chance = random.Random(zone)
    midnights = [scene.calendar.start_of(scene.day(NOON) - back) for back in range(4)]
    steps = [-61, -31, -30, -29, -1, 0, 1, 12, 29, 30, 31]
    rows = [
        event(midnight + chance.choice(steps) * MINUTE, "a1", "u1", chance.choice(("login", "paywall")))
        for midnight in midnights
        for _ in range(8)
    ]
    whole = []
    for _ in range(2):
        scene.close()
        for file in scene.database.folder.glob("var/*"):
            file.unlink()
        scene.fill(chance.sample(rows, len(rows)))
        splits = [row["occurred_at"] + chance.choice((0, 1)) * MINUTE for row in chance.sample(rows, 2)]
        for at in sorted(splits):
            scene.refresh(at)
            scene.assert_right(at)
        scene.refresh()
        scene.assert_right(NOON, *midnights)
        whole.append(scene.measured()["minutes"].tolist())
    assert whole[0] == whole[1]
    assert whole[0][0] > 30


def test_a_measure_of_users_is_merged_from_their_own_days(scene: Scene) -> None:
    scene.plan = planned({"n": Count(window=Duration.of_days(3)), "m": ActiveTime(window=DAYS(3))}, Level.USER)
    scene.fill(a_month())
    scene.refresh()
    scene.assert_right(NOON, NOON - 5 * HOUR, NOON - DAY)


def test_an_id_is_compared_within_its_own_day_where_the_clock_skips_midnight(either: Scene) -> None:
    """An instant half an hour into a day of which 00:00 to 01:00 is missing; the rows before it are of another day."""
    either.zone = "America/Sao_Paulo"
    start = datetime(2018, 11, 4, 3, tzinfo=UTC)
    either.accounts = [dict(account) | {"created_at": start - 99 * DAY} for account in either.accounts]
    assert either.calendar.start_of(either.calendar.day_of(start)) == start
    early, late = (
        dict(event(at, account, "u1")) | {"event_id": "e1"}
        for at, account in ((start - 31 * MINUTE, "a2"), (start, "a1"))
    )
    either.fill([early, late, event(start + 8 * HOUR, "a1", "u2")])
    either.refresh(start + DAY)
    either.assert_right(start + 30 * MINUTE, start + DAY)
