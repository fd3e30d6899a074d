"""What waited for the morning is asked again: what is over by then is not told."""

import pandas as pd
import pytest

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.patterns import PATTERN_KINDS, Pattern
from pql.domain.patterns.allowance import AllowanceReached
from pql.domain.patterns.silence import Silence
from pql.domain.patterns.stuck import Stuck
from pql.domain.patterns.trial_ends import TrialEnds
from pql.domain.patterns.without import Without
from tests.unit.domain.patterns.rows import MINUTE, Row, events, seen

HOUR = Duration(3600)
STUCK = Stuck(failure=Where.parse({"event": "failed"}), success=Where.parse({"event": "done"}))
WITHOUT = Without(after=Where.parse({"event": "invited"}), without=Where.parse({"event": "joined"}), within=HOUR)
SILENCE = Silence(quiet_for=HOUR)
TRIED: list[Row] = [("a", "u", at, "failed", "import") for at in (0, 10, 20)]


def still(pattern: Pattern, before: list[Row], since: list[Row]) -> list[bool]:
    """Of what is found in the rows of before, what is so with the further rows."""
    found = pattern.find(seen(events(before)))
    return [bool(so) for so in pattern.still(found, seen(events([*before, *since])))]


@pytest.mark.parametrize(
    ("since", "so"),
    [
        pytest.param([], True, id="nothing since"),
        pytest.param([("a", "u", 400, "done", "import")], False, id="done since"),
        pytest.param([("a", "u", 400, "failed", "import")], True, id="another failure"),
        pytest.param([("a", "v", 400, "done", "import")], True, id="done by another user"),
        pytest.param([("b", "u", 400, "done", "import")], True, id="done by another lead"),
        pytest.param([("a", "u", 400, "done", "export")], True, id="done with another feature"),
    ],
)
def test_who_got_it_done_is_no_longer_stuck(since: list[Row], so: bool) -> None:
    assert still(STUCK, TRIED, since) == [so]


def test_for_a_lead_anybodys_success_counts() -> None:
    stuck = Stuck(failure=STUCK.failure, success=STUCK.success, per="lead")
    assert still(stuck, TRIED, [("a", "v", 400, "done", "import")]) == [False]


def test_what_follows_late_follows() -> None:
    before: list[Row] = [("a", "u", 0, "invited", None), ("b", "u", 0, "invited", None)]
    assert still(WITHOUT, before, [("a", "v", 300, "joined", None)]) == [False, True]


def test_what_came_before_the_first_step_does_not_follow_it() -> None:
    before: list[Row] = [("a", "u", 0, "joined", None), ("a", "u", 5, "invited", None)]
    assert still(WITHOUT, before, []) == [True]


def test_who_came_back_is_silent_no_more() -> None:
    before: list[Row] = [("a", "u", 0, "x", None), ("b", "u", 0, "x", None)]
    assert still(SILENCE, before, [("b", "v", 61, "x", None)]) == [True, False]


def test_a_meter_with_more_room_or_of_another_period_is_full_no_more() -> None:
    def table(*used: float, allowed: float = 10.0, period: str = "total") -> pd.DataFrame:
        rows = [("abcd"[number], "seats", allowed, one, period) for number, one in enumerate(used)]
        return pd.DataFrame(rows, columns=["lead_id", "meter", "allowed", "used", "period"])

    full = AllowanceReached()
    found = full.find(seen(allowances=table(10, 10, 11)))
    now = table(10, 9, 12)
    assert full.still(found, seen(allowances=now)).tolist() == [True, False, True]
    assert not full.still(found, seen(allowances=table(10, 10, 11, allowed=20))).any()
    monthly = full.find(seen(allowances=table(10, period="month")))
    assert not full.still(monthly, seen(allowances=table(10, period="month"), as_of=60 * 24 * 60)).any()


def test_a_meter_that_was_about_to_be_full_and_is_full_now_counts_still() -> None:
    ahead = AllowanceReached(full_within=Duration.of_days(7))
    rows = [("a", "calls", 10.0, 8.0, "month"), ("b", "calls", 10.0, 8.0, "month")]
    columns = ["lead_id", "meter", "allowed", "used", "period"]
    found = ahead.find(seen(allowances=pd.DataFrame(rows, columns=columns), as_of=51 * 24 * 60))
    assert found["key"].str.endswith(":ahead").all()
    assert len(found) == 2
    now = [("a", "calls", 10.0, 10.0, "month"), ("b", "calls", 100.0, 8.0, "month")]
    later = seen(allowances=pd.DataFrame(now, columns=columns), as_of=52 * 24 * 60)
    assert ahead.still(found, later).tolist() == [True, False]


def trial(ends: float, *, ended: float | None = None, **more: object) -> dict[str, object]:
    given = {"lead_id": "a", "plan": "team", "status": "trialing", "started_at": 0.0, "ended_at": ended, "pays": False}
    return {**given, "trial_ends_at": ends * MINUTE, **more}


@pytest.mark.parametrize(
    ("now", "so"),
    [
        pytest.param([trial(5000)], True, id="as it was"),
        pytest.param([trial(5000, ended=10.0 * MINUTE)], False, id="given up"),
        pytest.param([trial(9000)], False, id="prolonged"),
        pytest.param([trial(5000), trial(0, trial_ends_at=None, pays=True)], False, id="paid for in a row of its own"),
        pytest.param([trial(5000, pays=True)], False, id="paid for in the same row"),
        pytest.param(
            [trial(5000), trial(0, trial_ends_at=None, pays=True, started_at=-1.0)], True, id="of who paid before"
        ),
        pytest.param([trial(2500)], False, id="over by now"),
    ],
)
def test_a_trial_that_was_paid_for_or_is_over_ends_no_more(now: list[dict[str, object]], so: bool) -> None:
    before = trial(2500) if now[0]["trial_ends_at"] == 2500 * MINUTE else trial(5000)
    found = TrialEnds().find(seen(subscriptions=pd.DataFrame([before]), as_of=1000))
    assert len(found) == 1
    assert TrialEnds().still(found, seen(subscriptions=pd.DataFrame(now), as_of=3000)).tolist() == [so]


@pytest.mark.parametrize("kind", [kind for kind, cls in PATTERN_KINDS.items() if not cls.ceases])
def test_what_has_happened_stays_so(kind: str) -> None:
    assert kind in {"times", "first", "sequence", "returned"}
