"""What waited for the rep's morning is told by the watch, whatever it is, unless it is over by then."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from pql.domain.durations import Duration
from pql.domain.measures.recency import Recency
from pql.domain.moments import Urgency
from pql.domain.patterns.allowance import AllowanceReached
from pql.domain.patterns.silence import Silence
from pql.domain.patterns.stuck import Stuck
from pql.domain.patterns.times import Times
from pql.domain.patterns.trial_ends import TrialEnds
from pql.domain.patterns.without import Without
from pql.domain.rules import Bar, Champions, CheckIn, Customers, QualificationRule, Rep
from pql.domain.working_time import WorkingTime
from pql.store.records import Notification, OutcomeKind
from tests.integration.watch.company import NOON, ROUTING, Company, done, minutes, moment, where
from tests.integration.watch.conftest import Making
from tests.unit.domain.samples import SCORING

OFFICE = WorkingTime(start=time(9), end=time(18))
MIA = Rep(email="mia@plotline.test", name="Mia", working=OFFICE)
NIGHT = NOON + timedelta(hours=9)  # 21:00 in the rep's zone
MORNING = datetime(2026, 3, 3, 9, tzinfo=UTC)
BAR = Bar(tier="none", behaviour=15)
CHANGES: Mapping[str, Any] = {
    "routing": replace(ROUTING, reps=(MIA,)),
    "qualification": QualificationRule(enter=BAR, leave=BAR),
    "scoring": replace(SCORING, champions=Champions(roles=((where(role="admin").conditions[0][1], 1.0),))),
}
EXPORTED = Times(event="export", within=Duration(3600))
USED = [done(NIGHT - minutes(number), "used") for number in (30, 20, 10)]


def messages(company: Company) -> list[Notification]:
    with company.store() as store:
        return [one for one in reversed(store.notifications()) if one.subject != "baseline"]


@pytest.fixture
def asleep(company: Making) -> Company:
    """A lead that qualified at night."""
    one = company(changes=CHANGES)
    one.start()
    one.add(*USED)
    assert one.run(at=NIGHT).told == {"QUIET": 1}
    assert messages(one) == []
    return one


# --- qualifications ---


def test_who_qualified_at_night_is_told_in_the_morning_with_the_champions_of_the_run(asleep: Company) -> None:
    assert asleep.look(at=MORNING - minutes(1)).told == {}
    report = asleep.look(at=MORNING + minutes(1))
    assert (report.told, report.waited, report.found) == ({"FIRST_TIME": 1}, 1, {})
    [message] = messages(asleep)
    assert (message.subject, message.recipient) == ("qualification", "mia@plotline.test")
    assert message.payload["reasons"][0]["words"] == "3 events in 7 days"  # type: ignore[index]
    assert [one["email"] for one in message.payload["people"]] == ["ann@a1.test"]  # type: ignore[attr-defined]
    assert "The numbers are those of Monday, 02 Mar, 21:00." in str(message.payload["decided"])
    assert asleep.run(at=MORNING + minutes(5)).told == {}
    assert len(messages(asleep)) == 1


def test_champions_are_kept_while_a_message_waits_on(asleep: Company) -> None:
    asleep.changes = {**CHANGES, "routing": replace(ROUTING, reps=(replace(MIA, working=_LATER),))}
    assert asleep.look(at=MORNING).told == {"QUIET": 1}
    assert asleep.look(at=MORNING + timedelta(hours=2)).told == {"FIRST_TIME": 1}
    assert [one["name"] for one in messages(asleep)[0].payload["people"]] == ["Ann"]  # type: ignore[attr-defined]


_LATER = WorkingTime(start=time(11), end=time(18))


def test_nobody_who_asked_to_be_forgotten_is_named(asleep: Company) -> None:
    with asleep.store() as store:
        store.erase_person("ann@a1.test", also=["Ann"])
    asleep.write("DELETE FROM users")
    asleep.look(at=MORNING)
    assert messages(asleep)[0].payload["people"] == []


@pytest.mark.parametrize("said", ["claim", "reject"])
def test_what_somebody_took_or_refused_meanwhile_is_not_told(said: OutcomeKind, asleep: Company) -> None:
    with asleep.store() as store:
        store.record_outcome("a1", said, "mia@plotline.test", NIGHT, "seen", None)
    assert asleep.look(at=MORNING).told == {"NO_LONGER_TRUE": 1}
    assert messages(asleep) == []


def test_by_numbers_of_other_definitions_or_of_days_ago_nobody_is_told(asleep: Company) -> None:
    asleep.changes = {**CHANGES, "content_hash": "other"}
    assert asleep.look(at=MORNING).told == {}
    asleep.changes = CHANGES
    assert asleep.look(at=NIGHT + timedelta(hours=37)).told == {}
    assert asleep.run(at=NIGHT + timedelta(hours=37)).told == {"FIRST_TIME": 1}


def test_a_moment_of_the_day_names_the_champions_of_the_last_message(company: Making) -> None:
    one = company(moment(EXPORTED), changes=CHANGES)
    one.start()
    one.add(*USED)
    assert one.run(at=NIGHT).told == {"QUIET": 1}
    one.look(at=MORNING)
    one.add(done(MORNING + minutes(20), user=None))
    assert one.look(at=MORNING + minutes(21)).told == {"MOMENT": 1}
    assert [person["name"] for person in messages(one)[-1].payload["people"]] == ["Ann"]  # type: ignore[attr-defined]


def test_where_nobody_was_ranked_roles_tell_whom_to_talk_to(on_each: Making) -> None:
    one = on_each(moment(EXPORTED), changes=CHANGES)
    one.start()
    people = [("u2", "a2", "Bea", "admin"), ("u3", "a2", "Cy", "guest"), ("u4", "a3", "Di", "admin")]
    for user, account, name, role in people:
        row = {"user_id": user, "account_id": account, "name": name, "email": f"{name}@a2.test", "role": role}
        one.add(row, table="users")
    one.add(done(NOON + minutes(1), account="a2", user=None))
    assert one.look(at=NOON + minutes(2)).told == {"MOMENT": 1}
    assert [person["name"] for person in messages(one)[0].payload["people"]] == ["Bea"]  # type: ignore[attr-defined]


def test_the_end_of_a_trial_is_named(company: Making) -> None:
    ends = NOON + timedelta(days=1, hours=1)
    trial = {"plan": "pro", "status": "trialing", "started_at": NOON - timedelta(days=9), "trial_ends_at": ends}
    one = company(moment(TrialEnds(within=Duration.of_days(1))), changes=CHANGES)
    one.start(subscriptions=[{**trial, "account_id": "a1"}])
    one.look(at=NOON + minutes(1))
    assert one.look(at=NOON + minutes(61)).told == {"MOMENT": 1}
    assert messages(one)[0].payload["reasons"][0]["words"] == "it ends on Tuesday, 03 Mar, 13:00"  # type: ignore[index]


# --- customers ---


def test_check_ins_and_drops_of_the_night_are_told_in_the_morning_if_they_are_so_still(company: Making) -> None:
    check_in = CheckIn(name="first_week", after=Duration.of_days(7), ask="How is it?")
    customers = Customers(
        check_ins=(check_in,), use=Recency(window=Duration.of_days(30)), drop=0.5, success_fallback="mia@plotline.test"
    )
    one = company(changes={**CHANGES, "customers": customers})
    paid = {"plan": "pro", "status": "active", "started_at": NIGHT - timedelta(days=7, hours=1)}
    one.start(subscriptions=[])
    one.add(*({**paid, "account_id": name} for name in ("a2", "a3")), table="subscriptions")
    one.write("ALTER TABLE subscriptions ADD COLUMN mrr DOUBLE DEFAULT 9")
    assert one.run(at=NIGHT).told == {"QUIET": 2}
    one.write("UPDATE subscriptions SET status = 'free' WHERE account_id = 'a3'")
    one.run(at=NIGHT + minutes(15))
    assert one.look(at=MORNING).told == {"CHECK_IN": 1, "NO_LONGER_TRUE": 1}
    assert [message.lead_id for message in messages(one)] == ["a2"]


# --- moments that are over by the morning ---

STUCK = Stuck(failure=where(event="failed"), success=where(event="done"), at_least=2)
INVITED = Without(after=where(event="invited"), without=where(event="joined"), within=Duration(1800))
QUIET = Silence(event="used", quiet_for=Duration(1800), at_least=2, before=Duration(7200))


@pytest.mark.parametrize(
    ("pattern", "before", "after", "by"),
    [
        pytest.param(STUCK, ["failed", "failed"], "done", "watch", id="stuck"),
        pytest.param(STUCK, ["failed", "failed"], "done", "run", id="stuck, and the main job comes first"),
        pytest.param(INVITED, ["invited"], "joined", "watch", id="a step that did not follow"),
        pytest.param(QUIET, ["used", "used"], "used", "watch", id="silence"),
    ],
)
def test_what_is_over_by_the_morning_is_not_told(
    pattern: Any, before: list[str], after: str, by: str, company: Making
) -> None:
    one = company(moment(pattern, urgency=Urgency.NOW), changes=CHANGES)
    one.start()
    for account, user in (("a1", "u1"), ("a2", "u2")):
        one.add(*(done(NIGHT + minutes(n), event, account, user) for n, event in enumerate(before)))
    one.look(at=NIGHT + minutes(10))
    assert one.look(at=NIGHT + minutes(60)).told in ({"QUIET": 2}, {})
    one.add(done(NIGHT + minutes(300), after))
    one.look(at=NIGHT + minutes(301))
    report = one.look(at=MORNING + minutes(1)) if by == "watch" else one.run(at=MORNING + minutes(1))
    assert report.told["NO_LONGER_TRUE"] == 1
    assert [message.lead_id for message in messages(one) if message.subject == "moment"] == ["a2"]


@pytest.mark.parametrize(
    ("pattern", "table", "row", "mended"),
    [
        pytest.param(
            AllowanceReached(meter="seats"),
            "allowances",
            {"meter": "seats", "allowed": 5.0, "used": 5.0, "period": "total"},
            "UPDATE allowances SET allowed = 50 WHERE account_id = 'a1'",
            id="a meter with more room",
        ),
        pytest.param(
            TrialEnds(within=Duration.of_days(3)),
            "subscriptions",
            {"plan": "pro", "status": "trialing", "trial_ends_at": NIGHT + timedelta(days=3, minutes=2)},
            "UPDATE subscriptions SET status = 'active' WHERE account_id = 'a1'",
            id="a trial that was paid for",
        ),
    ],
)
def test_what_a_table_says_is_asked_again(
    pattern: Any, table: str, row: Mapping[str, Any], mended: str, company: Making
) -> None:
    one = company(moment(pattern), changes=CHANGES)
    started = {"started_at": NOON - timedelta(days=5)} if table == "subscriptions" else {}
    rows = [{**row, **started, "account_id": name} for name in ("a1", "a2")]
    one.start(**({table: rows} if table == "subscriptions" else {}))
    if table == "allowances":
        one.add(*rows, table=table)
    one.look(at=NIGHT)
    one.add(*(done(NIGHT + minutes(1), "x", name) for name in ("a1", "a2")))
    assert one.look(at=NIGHT + minutes(5)).told == {"QUIET": 2}
    one.write(mended)
    assert one.look(at=MORNING + minutes(1)).told == {"NO_LONGER_TRUE": 1, "MOMENT": 1}
    assert [message.lead_id for message in messages(one)] == ["a2"]


def test_a_table_that_cannot_be_relied_on_drops_nothing_and_finds_nothing(company: Making) -> None:
    one = company(moment(AllowanceReached(meter="seats")), changes=CHANGES)
    one.start()
    full = {"meter": "seats", "allowed": 5.0, "used": 5.0, "period": "total"}
    one.add({**full, "account_id": "a1"}, table="allowances")
    one.add(done(NIGHT + minutes(1), "x"))
    assert one.look(at=NIGHT + minutes(5)).told == {"QUIET": 1}
    one.write("DELETE FROM allowances")
    one.add({**full, "account_id": "a2"}, table="allowances")
    one.add(done(NIGHT + minutes(10), "x", "a2"))
    with one.store() as store:
        store.notice("source:allowances", "allowances: fewer rows", "look", NIGHT)
    assert one.look(at=NIGHT + minutes(11)).found == {}
    assert one.look(at=MORNING + minutes(1)).told == {"MOMENT": 1}
