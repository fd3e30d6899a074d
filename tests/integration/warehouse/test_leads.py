"""Leads, users, answers and reps as of an instant, for each kind of lead; the same on every engine."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pql.domain.calendar import to_micros
from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.base import Missing
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.moments import Moment, Urgency
from pql.domain.partials import Level
from pql.domain.patterns.first import First
from pql.domain.patterns.times import Times
from pql.domain.plan import Plan, PlanItem
from pql.warehouse import members
from pql.warehouse.kept import MOST_ASKED
from tests.integration.warehouse.conftest import Database, database_on
from tests.integration.warehouse.test_cleaning import LONG_AGO, MONTH, NOON, account, event
from tests.sources import ENGINES, Row

DAY = timedelta(days=1)


def stretch(account_id: str, plan: str, status: str, start: int, end: int | None = None, **more: Any) -> Row:
    """A subscription that began `start` days before noon."""
    return {
        "account_id": account_id,
        "plan": plan,
        "status": status,
        "started_at": NOON - start * DAY,
        "ended_at": None if end is None else NOON - end * DAY,
        **more,
    }


def full(database: Database) -> None:
    database.write(
        accounts=[
            account("a", domain="Acme.test", country="DE", employees=5.0, created_at=NOON - 90 * DAY),
            account("b", domain="acme.test", country="FR", created_at=NOON - 100 * DAY),
            account("c", domain="gmail.com"),
            account("d", created_at=NOON + DAY),
            account("e", domain=" ", created_at=None),
        ],
        users=[
            {"user_id": "1", "account_id": "a", "name": "Ann", "email": "ann@acme.test", "role": "CTO"},
            {"user_id": "2", "account_id": "b", "email": "bob@acme.test"},
            {"user_id": "3", "account_id": None},
        ],
        events=[],
        subscriptions=[
            stretch("a", "team", "trialing", 40, 10, trial_ends_at=NOON - 10 * DAY),
            stretch("a", "team", "Active", 10, mrr=50.0),
            stretch("b", "pro", "active", 60, 30, mrr=90.0),
            stretch("b", "free", "free", 30, mrr=0.0),
            stretch("c", "team", "trialing", 3, trial_ends_at=NOON + 2 * DAY),
        ],
        deals=[{"account_id": "b", "status": "Open"}, {"account_id": "a", "status": "won"}],
        answers=[
            {"account_id": "a", "question": "Need", "answer": "reports", "answered_at": NOON - DAY},
            {"account_id": "a", "question": "budget", "answer": "later", "answered_at": NOON + DAY},
            {"account_id": "b", "question": "timing", "answer": "now", "answered_at": None},
        ],
        reps=[
            {"email": "mia@x.test", "name": "Mia", "team": "emea", "active": "true"},
            {"email": "leo@x.test", "name": "Leo", "active": "no"},
            {"email": "mia@x.test", "name": "Mia again"},
            {"name": "nobody"},
        ],
    )


RELATIONS = ("accounts", "users", "events", "subscriptions", "deals", "answers", "reps")


def test_the_plan_is_that_of_the_instant(database: Database) -> None:
    full(database)
    warehouse = database.open(*RELATIONS)
    told = ["plan", "status", "in_trial"]
    frames = {days: warehouse.leads(as_of=NOON - days * DAY).loc[["a"], told].fillna("") for days in (0, 20, 50)}
    states = {days: frame.to_numpy()[0].tolist() for days, frame in frames.items()}
    assert states == {0: ["team", "Active", False], 20: ["team", "trialing", True], 50: ["", "", False]}


def test_a_stretch_holds_until_its_end_and_not_at_its_start(database: Database) -> None:
    full(database)
    warehouse = database.open(*RELATIONS)
    change = NOON - 10 * DAY
    assert warehouse.leads(as_of=change).loc["a", "status"] == "trialing"
    assert warehouse.leads(as_of=change + timedelta(microseconds=1)).loc["a", "status"] == "Active"


def test_a_conversion_is_the_start_of_the_first_paying_subscription(database: Database) -> None:
    full(database)
    warehouse = database.open(*RELATIONS)
    now = warehouse.leads(as_of=NOON)["converted_at"]
    assert now.dropna().to_dict() == {"a": to_micros(NOON - 10 * DAY), "b": to_micros(NOON - 60 * DAY)}
    assert warehouse.leads(as_of=NOON - 10 * DAY)["converted_at"].dropna().index.tolist() == ["b"]


def test_leads_are_those_created_before_the_instant_or_at_an_unknown_time(database: Database) -> None:
    full(database)
    warehouse = database.open(*RELATIONS)
    assert warehouse.leads(as_of=NOON).index.tolist() == ["a", "b", "c", "e"]
    assert warehouse.leads(as_of=NOON - 95 * DAY).index.tolist() == ["b", "c", "e"]


def test_companies_are_accounts_of_one_domain_and_free_mail_makes_none(database: Database) -> None:
    full(database)
    leads = database.open(*RELATIONS, lead=Level.COMPANY).leads(as_of=NOON)
    assert leads.index.tolist() == ["acme.test", "c", "e"]
    company = leads.loc["acme.test"]
    assert (company["name"], company["country"], company["employees"]) == ("b", "FR", 5.0)
    assert (company["plan"], company["status"], company["mrr"]) == ("team", "Active", 50.0)
    assert company["open_deal"]
    assert company["converted_at"] == to_micros(NOON - 60 * DAY)


def test_users_as_leads_have_their_own_attributes_and_their_account_s(database: Database) -> None:
    full(database)
    leads = database.open(*RELATIONS, lead=Level.USER).leads(as_of=NOON)
    assert leads["name"].to_dict() == {"1": "Ann", "2": "bob@acme.test", "3": "3"}
    assert leads.loc[["1"], ["role", "country", "plan"]].to_numpy().tolist() == [["CTO", "DE", "team"]]
    assert leads["open_deal"].to_dict() == {"1": False, "2": True, "3": False}


def test_users_come_with_their_lead(database: Database) -> None:
    full(database)
    warehouse = database.open(*RELATIONS, lead=Level.COMPANY)
    users = warehouse.users(["acme.test"])
    assert users[["user_id", "lead_id"]].to_numpy().tolist() == [["1", "acme.test"], ["2", "acme.test"]]
    assert users.columns[:5].tolist() == ["user_id", "lead_id", "name", "email", "role"]


def test_users_of_few_leads_are_the_same_as_among_those_of_all(database: Database) -> None:
    listed = [
        {"user_id": "1", "account_id": "a", "created_at": NOON - DAY},
        {"user_id": "1", "account_id": "b", "created_at": NOON - 2 * DAY},
        {"user_id": "2", "account_id": "a", "created_at": NOON - DAY},
        {"user_id": "3", "account_id": "b", "created_at": NOON + DAY},
    ]
    database.write(accounts=[account("a"), account("b"), account("c")], users=listed, events=[])
    everybody = ["a", "b", "c", *map(str, range(MOST_ASKED))]
    every = database.open("accounts", "users", "events")
    every.leads(as_of=NOON)
    users = every.users(everybody)
    assert users[["user_id", "lead_id"]].to_numpy().tolist() == [["1", "b"], ["2", "a"]]
    few = database.open("accounts", "users", "events")
    few.leads(as_of=NOON)
    for lead_id in ("a", "b", "c"):
        own = users[users["lead_id"] == lead_id].reset_index(drop=True)
        pd.testing.assert_frame_equal(few.users([lead_id]), own)


def test_users_of_more_accounts_than_one_statement_names_are_found_too(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = database_on("duckdb", tmp_path, request)
    listed = [{"user_id": str(number), "account_id": f"a{number % 5}"} for number in range(20)]
    twice = [{"user_id": "0", "account_id": "a3"}]
    database.write(accounts=[account(f"a{number}") for number in range(5)], users=[*listed, *twice], events=[])
    every = database.open("accounts", "users", "events")
    every.leads(as_of=NOON)
    whole = every.users(["a0", "a1", "a3"])
    monkeypatch.setattr(members, "NAMED_AT_ONCE", 2)
    few = database.open("accounts", "users", "events")
    few.leads(as_of=NOON)
    pd.testing.assert_frame_equal(few.users(["a0", "a1", "a3"]), whole)
    assert len(whole) == 12
    database.close()


def test_users_of_a_run_that_knows_each_to_be_listed_once_are_the_same(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    database = database_on("duckdb", tmp_path, request)
    listed = [{"user_id": str(number), "account_id": f"a{number % 5}"} for number in range(20)]
    database.write(accounts=[account(f"a{number}") for number in range(5)], users=listed, events=[])
    warehouse = database.open("accounts", "users", "events")
    warehouse.leads(as_of=NOON)
    before = warehouse.users(["a1"])
    assert warehouse.quality(as_of=NOON).count("duplicate_ids", "users") == 0
    pd.testing.assert_frame_equal(warehouse.users(["a1"]), before)
    more = warehouse.users(["a1", "a2"])
    pd.testing.assert_frame_equal(more[more["lead_id"] == "a1"].reset_index(drop=True), before)
    database.close()


def test_answers_are_those_given_before_the_instant(database: Database) -> None:
    full(database)
    answers = database.open(*RELATIONS).answers(as_of=NOON)
    assert answers.to_numpy().tolist() == [["a", "need", "reports"], ["b", "timing", "now"]]


def test_reps_are_listed_once_and_are_active_unless_told(database: Database) -> None:
    full(database)
    reps = database.open(*RELATIONS).reps()
    assert reps[["email", "team", "time_zone", "active"]].to_numpy().tolist() == [
        ["leo@x.test", "", "UTC", False],
        ["mia@x.test", "emea", "UTC", True],
    ]


def test_relations_that_are_absent_leave_their_columns_unknown(database: Database) -> None:
    database.write(accounts=[account("a")], events=[])
    warehouse = database.open("accounts", "events")
    lead = warehouse.leads(as_of=NOON).loc["a"]
    assert lead[["plan", "status", "mrr", "converted_at"]].isna().all()
    assert not lead["in_trial"]
    assert warehouse.answers(as_of=NOON).empty
    assert warehouse.reps().empty
    assert warehouse.users(["a"]).empty


def test_attributes_of_subscriptions_are_those_of_each_instant(database: Database) -> None:
    full(database)
    warehouse = database.open(*RELATIONS)
    items = {"status": Attribute(of="status"), "deal": Attribute(of="open_deal"), "none": Attribute(of="nowhere")}
    plan = Plan(lead=Level.ACCOUNT, items=tuple(PlanItem(name=n, measure=m) for n, m in items.items()))
    measured = warehouse.measures(plan, [NOON, NOON - 20 * DAY], ["a"])
    assert measured["status"].tolist() == ["trialing", "Active"]
    assert measured["none.missing"].tolist() == [Missing.NO_COLUMN] * 2
    absent = database.open("accounts", "users", "events").measures(plan, [NOON], ["a"])
    assert absent["status.missing"].tolist() == [Missing.NO_RELATION]
    assert absent["deal.missing"].tolist() == [Missing.NO_RELATION]


def test_all_engines_give_identical_frames(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    found: list[tuple[pd.DataFrame, ...]] = []
    for engine in ENGINES:
        database = database_on(engine, tmp_path_factory.mktemp(engine), request)
        full(database)
        warehouse = database.open(*RELATIONS)
        frames = (
            warehouse.leads(as_of=NOON),
            warehouse.users(["a", "b"]),
            warehouse.answers(as_of=NOON),
            warehouse.reps(),
        )
        found.append(tuple(frame[sorted(frame.columns)] for frame in frames))
        database.close()
    for other in found[1:]:
        for one, another in zip(found[0], other, strict=True):
            pd.testing.assert_frame_equal(one, another, check_dtype=False)


# --- rows for messages and moments ---


def active_world(database: Database) -> None:
    database.write(
        accounts=[account("a", domain="x.test"), account("b", domain="x.test")],
        users=[{"user_id": "u1", "account_id": "a"}, {"user_id": "u2", "account_id": "b"}],
        events=[
            event("a", NOON - timedelta(minutes=5), event="paywall", feature="exports"),
            event("a", NOON - timedelta(minutes=9), event="paywall", feature="api"),
            event(None, NOON - timedelta(hours=3), event="paywall", feature="old"),
            event("b", NOON - timedelta(minutes=1), event="login", user_id="u2"),
            event("a", NOON - 20 * DAY, event="paywall"),
            event("a", NOON, event="paywall", feature="future"),
        ],
        subscriptions=[stretch("a", "team", "active", 3)],
        allowances=[{"account_id": "a", "meter": "calls", "allowed": 5.0, "used": 5.0, "period": "Monthly"}],
    )


ACTIVE = ("accounts", "users", "events", "subscriptions", "allowances")


def moment(pattern: Times | First) -> Moment:
    return Moment(name="m", title="", why="", pattern=pattern, urgency=Urgency.NOW, play="")


def test_the_latest_row_behind_a_measure_is_told(database: Database) -> None:
    active_world(database)
    warehouse = database.open(*ACTIVE)
    items = {
        "features": Distinct(of="feature", window=MONTH),
        "paywalls": Count(window=MONTH, where=Where.parse({"event": "paywall"})),
        "anything": Count(window=MONTH),
        "country": Attribute(of="country"),
    }
    latest = warehouse.latest(items, ["a", "b"], NOON).set_index(["signal", "lead_id"])["latest"].to_dict()
    assert latest == {
        ("features", "a"): "exports",
        ("features", "b"): latest[("features", "b")],
        ("paywalls", "a"): "exports",
        ("anything", "a"): "exports",
        ("anything", "b"): "login",
    }


def test_a_moment_sees_its_rows_its_span_before_and_nothing_at_or_after_as_of(database: Database) -> None:
    active_world(database)
    warehouse = database.open(*ACTIVE)
    pattern = Times(event="paywall", within=Duration(600))
    rows = warehouse.pattern_rows(moment(pattern), since=NOON - timedelta(minutes=6), as_of=NOON)
    assert rows.events["feature"].tolist() == ["api", "exports"]
    assert rows.events["lead_id"].tolist() == ["a", "a"]
    assert rows.allowances[["lead_id", "meter", "period"]].to_numpy().tolist() == [["a", "calls", "month"]]
    assert rows.subscriptions["lead_id"].tolist() == ["a"]
    # It was full at the row before, within the span.
    assert pattern.find(rows).empty


def test_a_first_time_is_looked_up_in_all_of_the_past(database: Database) -> None:
    active_world(database)
    warehouse = database.open(*ACTIVE)
    rows = warehouse.pattern_rows(moment(First(event="paywall")), since=NOON - DAY, as_of=NOON)
    assert rows.first_seen["first_at"].tolist() == [to_micros(NOON - 20 * DAY)]
    assert First(event="paywall").find(rows).empty
    login = First(event="login", per="user")
    found = login.find(warehouse.pattern_rows(moment(login), since=NOON - DAY, as_of=NOON))
    assert found[["lead_id", "user_id"]].to_numpy().tolist() == [["b", "u2"]]


@pytest.mark.parametrize(("lead", "lead_id"), [(Level.COMPANY, "x.test"), (Level.USER, "u1")])
def test_moments_find_whatever_a_lead_is(database: Database, lead: Level, lead_id: str) -> None:
    active_world(database)
    warehouse = database.open(*ACTIVE, lead=lead)
    pattern = Times(event="paywall", within=Duration(600), at_least=2)
    found = pattern.find(warehouse.pattern_rows(moment(pattern), since=NOON - DAY, as_of=NOON))
    assert found["lead_id"].tolist() == [lead_id]


def test_users_of_leads_are_measured_for_champions(database: Database) -> None:
    active_world(database)
    warehouse = database.open(*ACTIVE, lead=Level.COMPANY)
    plan = Plan(lead=Level.COMPANY, items=(PlanItem(name="n", measure=Count(window=MONTH, level=Level.ACCOUNT)),))
    measured = warehouse.user_measures(plan, ["x.test"], NOON)
    assert measured["n"].to_dict() == {"u1": 4.0, "u2": 1.0}
    assert measured["lead_id"].tolist() == ["x.test", "x.test"]


def test_several_instants_at_once_are_as_one_at_a_time(database: Database) -> None:
    active_world(database)
    warehouse = database.open(*ACTIVE)
    items = {"n": Count(window=MONTH), "f": Distinct(of="feature", window=Duration.of_days(1))}
    plan = Plan(lead=Level.ACCOUNT, items=tuple(PlanItem(name=n, measure=m) for n, m in items.items()))
    instants: list[datetime] = [NOON - timedelta(minutes=minutes) for minutes in range(300)]
    together = warehouse.measures(plan, instants, ["a", "b"])
    for at in (instants[0], instants[4], instants[5], instants[200]):
        pd.testing.assert_frame_equal(together.loc[[to_micros(at)]], warehouse.measures(plan, [at], ["a", "b"]))
    assert instants[-1] > LONG_AGO
