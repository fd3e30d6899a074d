"""Several instants from running totals give, to the last bit, what joining each day to every instant gives."""

import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from pql.config.settings import RollupSettings
from pql.domain.calendar import Calendar
from pql.domain.durations import Duration
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.partials import Level
from pql.domain.plan import OccurrenceDecay, Plan, PlanItem
from pql.warehouse.rollup import rollup as rollups
from pql.warehouse.rollup.merging import Merging
from tests.integration.warehouse.conftest import database_on
from tests.integration.warehouse.rollup.cases import Case, case, names_within, united
from tests.integration.warehouse.rollup.test_same_numbers import forget
from tests.integration.warehouse.test_measures import RELATIONS, fill

DAYS = Duration.of_days
COUNT = Count(window=DAYS(9))
# Beside the random ones: users who stay from one window to the next, and what decays.
ALWAYS = (
    *(PlanItem(name=f"users_{days}", measure=Distinct(of="user_id", window=DAYS(days))) for days in (1, 2, 5)),
    PlanItem(name="features", measure=Distinct(of="feature", window=DAYS(4))),
    PlanItem(name="halved", measure=COUNT, decay=OccurrenceDecay(half_life=DAYS(2))),
    PlanItem(name="halved_soon", measure=Count(window=DAYS(3)), decay=OccurrenceDecay(half_life=DAYS(1))),
    PlanItem(name="linear", measure=COUNT, decay=OccurrenceDecay(lifespan=DAYS(5))),
)


@pytest.mark.parametrize(
    ("engine", "home", "seconds"), [("duckdb", "local", 2), ("duckdb", "source", 1), ("postgresql", "source", 2)]
)
def test_running_totals_are_what_a_calendar_gives(
    engine: str,
    home: Literal["local", "source"],
    seconds: float,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database, rollup, compared = database_on(engine, tmp_path, request), RollupSettings(home=home, late=DAYS(60)), 0
    for name in names_within(seconds):
        made = case(f"running-{name}")
        forget(database, rollup)
        usage = united(made.chance, made.groups)
        fill(database, usage)
        plan = Plan(lead=made.level, items=(*made.items, *ALWAYS))
        by_user = Plan(lead=made.level, items=(PlanItem(name="n", measure=Count(window=DAYS(2), level=Level.USER)),))
        warehouse = database.open(*RELATIONS, lead=made.level, time_zone=usage.zone.key, rollup=rollup)
        instants = asked(made, usage.zone)
        warehouse.refresh([plan, by_user], as_of=max(instants))
        for wanted in (plan, by_user):
            assert warehouse._rollup is not None
            assert warehouse._rollup.reaches(wanted, instants)
            found = warehouse.measures(wanted, instants)
            with monkeypatch.context() as patched:
                patched.setattr(rollups, "measured", Merging.run)
                joined = warehouse.measures(wanted, instants)
            pd.testing.assert_frame_equal(found, joined, check_exact=True, obj=f"{name}: {instants}")
            compared += found.size
        database.close()
    print(f"{compared} numbers")
    assert compared


def asked(made: Case, zone: ZoneInfo) -> list[datetime]:
    """Midnights, daily or with gaps, and some instants within days."""
    chance, calendar = made.chance, Calendar(zone)
    last = calendar.day_of(max(made.instants)) + 2
    step = chance.choice((1, 1, 1, 2, 7))
    midnights = [calendar.start_of(last - back) for back in range(0, chance.randint(2, 30), step)]
    within = random.Random(made.name).sample(made.instants, chance.choice((0, 0, 1, 2)))
    return sorted({*midnights, *within, *(at + timedelta(hours=5) for at in within)})
