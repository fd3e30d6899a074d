from datetime import datetime, timedelta
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.calendar import to_micros
from pql.domain.durations import Duration
from pql.domain.qualification import (
    STATE_COLUMNS,
    Closing,
    Transitions,
    advance,
    closed,
    cooldown_until,
    no_state,
)
from pql.domain.rules import Bar, QualificationRule
from tests.unit.domain.samples import AS_OF, TIERS

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
RULE = QualificationRule(enter=Bar(tier="hot", behaviour=50), leave=Bar(tier="warm", behaviour=30))
PATIENT = QualificationRule(
    enter=RULE.enter, leave=RULE.leave, enter_for=Duration(7200), keep_for=Duration(7200), cooldown=Duration.of_days(1)
)
HIGH, MIDDLE, LOW = ("hot", 80.0), ("warm", 40.0), ("none", 0.0)


def scores(standing: tuple[str, float], *, why: str = "", lead: str = "a") -> pd.DataFrame:
    return pd.DataFrame(
        {"eligible": [not why], "ineligible_why": [why], "tier": [standing[0]], "behaviour": [standing[1]]},
        index=pd.Index([lead], name="lead_id", dtype="str"),
    )


class Course:
    """One lead through many runs."""

    def __init__(self, rule: QualificationRule = RULE) -> None:
        self.rule = rule
        self.state = no_state()

    def run(self, after: timedelta, standing: tuple[str, float], why: str = "") -> Transitions:
        found = advance(self.state, scores(standing, why=why), self.rule, TIERS, as_of=AS_OF + after)
        self.state = found.state
        return found

    @property
    def open(self) -> bool:
        return bool(self.state["open"].any())


def reasons(found: Transitions) -> list[str]:
    return [str(reason) for reason in found.closed["reason"]]


def test_a_lead_that_meets_the_bar_opens_at_once() -> None:
    course = Course()
    found = course.run(0 * HOUR, HIGH)
    assert found.opened == ("a",)
    assert found.state["opened_at"].tolist() == [to_micros(AS_OF)]
    assert found.changed.tolist() == ["a"]
    assert found.state.columns.tolist() == list(STATE_COLUMNS)


@pytest.mark.parametrize(
    ("standing", "why"),
    [
        pytest.param(("warm", 80.0), "", id="a lower tier"),
        pytest.param(("hot", 49.9), "", id="a lower score"),
        pytest.param(HIGH, "Our own people", id="not eligible"),
    ],
)
def test_below_the_bar_nothing_opens_and_nothing_is_remembered(standing: tuple[str, float], why: str) -> None:
    found = Course().run(0 * HOUR, standing, why)
    assert found.opened == ()
    assert found.state.empty
    assert found.changed.empty


def test_the_bar_must_be_met_at_every_run_for_the_whole_duration() -> None:
    course = Course(PATIENT)
    assert course.run(0 * HOUR, HIGH).opened == ()
    assert course.run(1 * HOUR, MIDDLE).opened == ()
    assert course.run(2 * HOUR, HIGH).opened == ()
    assert course.run(3 * HOUR, HIGH).opened == ()
    assert course.run(4 * HOUR, HIGH).opened == ("a",)


def test_between_the_bars_an_open_episode_stays_open() -> None:
    course = Course()
    course.run(0 * HOUR, HIGH)
    assert course.run(10 * DAY, MIDDLE).changed.tolist() == ["a"]
    assert course.open


def test_an_episode_ends_after_staying_below_the_lower_bar() -> None:
    course = Course(PATIENT)
    course.run(0 * HOUR, HIGH)
    course.run(2 * HOUR, HIGH)
    assert reasons(course.run(3 * HOUR, LOW)) == []
    assert reasons(course.run(4 * HOUR, MIDDLE)) == []
    assert reasons(course.run(5 * HOUR, LOW)) == []
    ended = course.run(7 * HOUR, LOW)
    assert reasons(ended) == [Closing.LEFT]
    assert ended.closed["why"].tolist() == ["below warm or 30 points for 2 hours"]
    assert not course.open


def test_without_patience_an_episode_ends_at_once() -> None:
    course = Course(QualificationRule(enter=RULE.enter, leave=RULE.leave, keep_for=Duration(0)))
    course.run(0 * HOUR, HIGH)
    assert course.run(1 * HOUR, LOW).closed["why"].tolist() == ["below warm or 30 points for any time"]


def test_who_is_no_longer_eligible_leaves_at_once_and_with_the_reason() -> None:
    course = Course()
    course.run(0 * HOUR, HIGH)
    ended = course.run(1 * HOUR, HIGH, "A deal is open")
    assert reasons(ended) == [Closing.INELIGIBLE]
    assert ended.closed["why"].tolist() == ["A deal is open"]


def test_an_episode_that_nobody_claims_expires() -> None:
    course = Course()
    course.run(0 * HOUR, HIGH)
    assert reasons(course.run(44 * DAY, HIGH)) == []
    ended = course.run(45 * DAY, HIGH)
    assert reasons(ended) == [Closing.EXPIRED]
    assert ended.closed["why"].tolist() == ["nobody claimed it for 45 days"]


def test_an_episode_that_was_claimed_does_not_expire_but_can_be_left() -> None:
    course = Course()
    course.run(0 * HOUR, HIGH)
    course.state["claimed"] = True
    assert reasons(course.run(60 * DAY, HIGH)) == []
    course.run(61 * DAY, LOW)
    assert reasons(course.run(64 * DAY, LOW)) == [Closing.LEFT]
    assert not course.state["claimed"].any()


def test_after_the_cooldown_a_lead_that_had_left_can_come_back() -> None:
    course = Course(PATIENT)
    course.run(0 * HOUR, HIGH)
    course.run(2 * HOUR, HIGH)
    course.run(3 * HOUR, LOW)
    course.run(5 * HOUR, LOW)
    assert course.run(6 * HOUR, HIGH).opened == ()
    assert course.run(28 * HOUR, HIGH).opened == ()
    assert course.run(29 * HOUR, HIGH).opened == ("a",)


def test_a_lead_that_never_left_is_not_told_again_after_the_cooldown() -> None:
    course = Course()
    course.run(0 * HOUR, HIGH)
    assert reasons(course.run(45 * DAY, HIGH)) == [Closing.EXPIRED]
    assert course.run(100 * DAY, HIGH).opened == ()
    assert course.run(101 * DAY, MIDDLE).opened == ()
    assert course.run(102 * DAY, HIGH).opened == ()
    assert course.run(103 * DAY, LOW).opened == ()
    assert course.run(104 * DAY, HIGH).opened == ("a",)


def test_an_outcome_closes_and_starts_the_cooldown() -> None:
    course = Course()
    course.run(0 * HOUR, HIGH)
    course.state["claimed"] = True
    course.state = closed(course.state, ["a"], RULE, closed_at=AS_OF + DAY)
    assert cooldown_until(RULE, AS_OF + DAY) == AS_OF + 31 * DAY
    row = course.state.loc["a"]
    assert (row["open"], row["claimed"], np.isnan(row["opened_at"])) == (False, False, True)
    assert row["cooldown_until"] == to_micros(AS_OF + 31 * DAY)
    course.run(2 * DAY, LOW)
    assert course.run(30 * DAY, HIGH).opened == ()
    assert course.run(31 * DAY, HIGH).opened == ("a",)


def test_an_outcome_leaves_other_leads_and_longer_cooldowns_alone() -> None:
    course = Course()
    course.run(0 * HOUR, HIGH)
    course.state["cooldown_until"] = float(to_micros(AS_OF + 90 * DAY))
    pd.testing.assert_frame_equal(closed(course.state, ["b"], RULE, closed_at=AS_OF), course.state)
    assert closed(course.state, ["a"], RULE, closed_at=AS_OF)["cooldown_until"].tolist() == [
        to_micros(AS_OF + 90 * DAY)
    ]


def test_a_lead_that_is_gone_is_below_the_bar() -> None:
    course = Course()
    course.run(0 * HOUR, HIGH)
    nobody = scores(HIGH).iloc[:0]
    still = advance(course.state, nobody, RULE, TIERS, as_of=AS_OF + HOUR)
    assert reasons(still) == []
    gone = advance(still.state, nobody, RULE, TIERS, as_of=AS_OF + HOUR + 3 * DAY)
    assert reasons(gone) == [Closing.LEFT]


def test_many_leads_go_their_own_ways_in_any_order() -> None:
    rows = pd.concat([scores(HIGH, lead="c"), scores(LOW, lead="b"), scores(HIGH, lead="a")])
    found = advance(no_state(), rows, RULE, TIERS, as_of=AS_OF)
    assert found.opened == ("a", "c")
    again = advance(found.state.iloc[::-1], rows.sample(frac=1, random_state=1), RULE, TIERS, as_of=AS_OF)
    pd.testing.assert_frame_equal(again.state, found.state)


def test_no_leads_at_all_are_no_trouble() -> None:
    found = advance(no_state(), scores(HIGH).iloc[:0], RULE, TIERS, as_of=AS_OF)
    assert found.state.empty
    assert found.closed.columns.tolist() == ["reason", "why"]


STANDINGS = st.lists(
    st.tuples(st.integers(1, 40), st.sampled_from([HIGH, HIGH, MIDDLE, LOW]), st.sampled_from(["", "", "", "Staff"])),
    min_size=1,
    max_size=25,
)
BRISK = QualificationRule(
    enter=RULE.enter,
    leave=RULE.leave,
    enter_for=Duration(3600 * 6),
    keep_for=Duration(3600 * 12),
    cooldown=Duration.of_days(2),
    expires_after=Duration.of_days(3),
)


@settings(deadline=None, max_examples=15)
@given(STANDINGS)
def test_running_twice_at_one_instant_changes_nothing(course: list[tuple[int, tuple[str, float], str]]) -> None:
    lead, after = Course(BRISK), 0 * HOUR
    for hours, standing, why in course:
        after += hours * HOUR
        first = lead.run(after, standing, why)
        second = lead.run(after, standing, why)
        pd.testing.assert_frame_equal(first.state, second.state)
        assert second.opened == ()
        assert second.closed.empty
        assert second.changed.empty


@settings(deadline=None, max_examples=15)
@given(STANDINGS)
def test_nothing_opens_inside_a_cooldown(course: list[tuple[int, tuple[str, float], str]]) -> None:
    lead, after, free_at = Course(BRISK), 0 * HOUR, 0 * HOUR
    for hours, standing, why in course:
        after += hours * HOUR
        found = lead.run(after, standing, why)
        assert not found.opened or after >= free_at
        if len(found.closed):
            free_at = after + 2 * DAY


# Every course of five days, a lead each.
COURSES = list(product([HIGH, MIDDLE, LOW], repeat=5))


@cache
def _told(pace: int) -> dict[str, list[tuple[str, int]]]:
    """For each course what opens and closes, and in which hour, when it is looked at every `pace` hours."""
    state = no_state()
    told: dict[str, list[tuple[str, int]]] = {str(number): [] for number in range(len(COURSES))}
    for hour in range(0, 24 * 5, pace):
        tiers, points = zip(*(course[hour // 24] for course in COURSES), strict=True)
        rows = pd.DataFrame({"tier": tiers, "behaviour": points}, index=pd.Index(list(told), dtype="str"))
        rows = rows.assign(eligible=True, ineligible_why="")
        found = advance(state, rows, BRISK, TIERS, as_of=AS_OF + hour * HOUR)
        state = found.state
        for lead in found.opened:
            told[lead].append(("opened", hour))
        for lead in found.closed.index:
            told[str(lead)].append(("closed", hour))
    return told


@pytest.mark.parametrize("pace", [2, 4, 6, 12])
def test_a_denser_schedule_opens_and_closes_the_same_up_to_its_pace(pace: int) -> None:
    dense, sparse = _told(1), _told(pace)
    assert sum(len(steps) for steps in dense.values()) > 200
    for lead, steps in dense.items():
        assert [what for what, _ in steps] == [what for what, _ in sparse[lead]]
        for (_, early), (_, late) in zip(steps, sparse[lead], strict=True):
            assert 0 <= late - early < pace


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        advance(no_state(), scores(HIGH), RULE, TIERS, as_of=datetime(2026, 1, 1))  # noqa: DTZ001
