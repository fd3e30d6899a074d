"""What comes next for a lead that nobody took: bounded, in working time, and never to who is away."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.domain.durations import Duration
from pql.domain.reminders import Action, Step, Untaken, next_step
from pql.domain.rules import Reminders
from pql.domain.working_time import ALWAYS, WorkingTime

OFFICE = WorkingTime(zone="Europe/Berlin")  # Monday to Friday, 9 to 18
FRIDAY = datetime(2026, 1, 30, 15, tzinfo=UTC)  # 16:00 there
RULE = Reminders(after=Duration(8 * 3600), again=Duration(16 * 3600), most=2, escalate_after=Duration(8 * 3600))


def local(day: int, hour: int, month: int = 2) -> datetime:
    return datetime(2026, month, day, hour - 1, tzinfo=UTC)


def test_the_first_reminder_comes_after_working_hours_and_not_over_the_weekend() -> None:
    step = next_step(RULE, Untaken(told_at=FRIDAY), OFFICE)
    assert step == Step(action=Action.REMIND, number=1, due_at=local(2, 15))


def test_the_second_one_counts_from_the_first() -> None:
    step = next_step(RULE, Untaken(told_at=FRIDAY, reminded=(local(2, 15),)), OFFICE)
    assert step == Step(action=Action.REMIND, number=2, due_at=local(4, 13))


def test_after_the_last_reminder_the_fallback_is_told() -> None:
    untaken = Untaken(told_at=FRIDAY, reminded=(local(2, 15), local(4, 13)))
    assert next_step(RULE, untaken, OFFICE) == Step(action=Action.ESCALATE, number=0, due_at=local(5, 12))


def test_without_reminders_the_fallback_is_told_first() -> None:
    rule = Reminders(most=0, escalate_after=Duration(3600))
    step = next_step(rule, Untaken(told_at=FRIDAY), OFFICE)
    assert step == Step(action=Action.ESCALATE, number=0, due_at=FRIDAY + timedelta(hours=1))


def test_who_is_away_is_not_reminded_and_the_fallback_hears_at_once() -> None:
    step = next_step(RULE, Untaken(told_at=FRIDAY, absent=True), OFFICE)
    assert step == Step(action=Action.ESCALATE, number=0, due_at=FRIDAY)


@pytest.mark.parametrize(
    ("rule", "untaken"),
    [
        pytest.param(RULE, Untaken(told_at=FRIDAY, escalated=True), id="the fallback knows"),
        pytest.param(RULE, Untaken(told_at=FRIDAY, absent=True, is_fallback=True), id="the fallback is who is away"),
        pytest.param(
            RULE, Untaken(told_at=FRIDAY, reminded=(FRIDAY, FRIDAY), is_fallback=True), id="nobody is further"
        ),
        pytest.param(Reminders(most=0, escalate_after=None), Untaken(told_at=FRIDAY), id="neither is wanted"),
    ],
)
def test_nothing_comes_any_more(rule: Reminders, untaken: Untaken) -> None:
    assert next_step(rule, untaken, OFFICE) is None


rules = st.builds(
    Reminders,
    after=st.integers(1, 40).map(lambda hours: Duration(hours * 3600)),
    again=st.integers(1, 40).map(lambda hours: Duration(hours * 3600)),
    most=st.integers(0, 5),
    escalate_after=st.none() | st.integers(0, 40).map(lambda hours: Duration(hours * 3600)),
)
waits = st.lists(st.timedeltas(timedelta(minutes=1), timedelta(days=4)), max_size=40)


@given(rules, waits, st.sampled_from([OFFICE, ALWAYS]), st.booleans())
def test_however_often_it_is_asked_it_reminds_and_escalates_no_more_than_the_rule_says(
    rule: Reminders, waits: list[timedelta], working: WorkingTime, absent: bool
) -> None:
    untaken, at = Untaken(told_at=FRIDAY, absent=absent), FRIDAY
    done: list[tuple[Action, datetime]] = []
    for wait in waits:
        at += wait
        step = next_step(rule, untaken, working)
        if step is None or step.due_at > at:
            continue
        done.append((step.action, at))
        reminded = (*untaken.reminded, at) if step.action is Action.REMIND else untaken.reminded
        escalated = untaken.escalated or step.action is Action.ESCALATE
        untaken = Untaken(told_at=FRIDAY, reminded=reminded, escalated=escalated, absent=absent)
    actions = [action for action, _ in done]
    assert actions.count(Action.REMIND) <= (0 if absent else rule.most)
    assert actions.count(Action.ESCALATE) <= (rule.escalate_after is not None)
    assert Action.ESCALATE not in actions[:-1]
    spoken = [FRIDAY, *(instant for action, instant in done if action is Action.REMIND)]
    least = [timedelta(seconds=one.seconds) for one in (rule.after, *[rule.again] * rule.most)]
    for (before, after), shortest in zip(pairwise(spoken), least, strict=False):
        assert working.opened_between(before, after) >= shortest
