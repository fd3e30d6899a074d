"""What happens once, at the edge: ids, times, numbers, doubled rows; the same on every engine."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from pql.domain.calendar import to_micros
from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures import Measure, Missing
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.measures.statement import Statement
from pql.domain.measures.time_to import TimeTo
from pql.domain.measures.total import Sum
from pql.domain.partials import Level
from pql.domain.partials import Relation as Happening
from pql.domain.plan import OccurrenceDecay, Plan, PlanItem
from pql.errors import SourceMismatch
from pql.warehouse import Warehouse
from tests.integration.warehouse.conftest import Database
from tests.sources import Row

NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
LONG_AGO = datetime(2023, 1, 1, tzinfo=UTC)
MONTH = Duration.of_days(30)


def account(account_id: Any, **more: Any) -> Row:
    return {"account_id": account_id, "name": str(account_id), "created_at": LONG_AGO, **more}


def event(account_id: Any, at: Any = NOON - timedelta(hours=1), **more: Any) -> Row:
    return {"account_id": account_id, "user_id": "u1", "occurred_at": at, "event": "login", **more}


def plan(**measures: Measure) -> Plan:
    return plan_for(Level.ACCOUNT, measures)


def plan_for(lead: Level, measures: Mapping[str, Measure]) -> Plan:
    return Plan(lead=lead, items=tuple(PlanItem(name=name, measure=measure) for name, measure in measures.items()))


def counted(warehouse: Warehouse, **measures: Measure) -> pd.DataFrame:
    return counted_at(warehouse, NOON, measures or {"n": Count(window=MONTH)})


def counted_at(warehouse: Warehouse, as_of: datetime, measures: Mapping[str, Measure]) -> pd.DataFrame:
    return warehouse.measures(plan_for(Level.ACCOUNT, measures), [as_of]).droplevel("as_of")


def test_numeric_ids_become_text_without_a_fraction(database: Database) -> None:
    types = {"events.account_id": "double precision", "accounts.account_id": "bigint"}
    database.write(types=types, accounts=[account(7), account(12)], events=[event(7.0), event(7.0), event(12.0)])
    found = counted(database.open("accounts", "events"))
    assert found["n"].to_dict() == {"12": 1.0, "7": 2.0}


def test_text_ids_keep_their_zeros_and_lose_the_white_space_around_them(database: Database) -> None:
    database.write(accounts=[account("007"), account("7"), account("NA")], events=[event(" 007\t"), event("NA ")])
    found = counted(database.open("accounts", "events"))
    assert found["n"].to_dict() == {"007": 1.0, "7": 0.0, "NA": 1.0}


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_rows_without_an_account_count_for_the_account_of_their_user(database: Database, empty: str | None) -> None:
    database.write(
        accounts=[account("a"), account("b")],
        users=[{"user_id": "u1", "account_id": "b"}, {"user_id": "u2", "account_id": None}],
        events=[event(empty), event(empty, user_id="u2"), event(empty, user_id="nobody"), event(empty, user_id=None)],
    )
    warehouse = database.open("accounts", "users", "events")
    assert counted(warehouse)["n"].to_dict() == {"a": 0.0, "b": 1.0}
    quality = warehouse.quality(as_of=NOON)
    assert (quality.count("attributed"), quality.count("unattributed")) == (1, 3)


def test_of_rows_with_one_id_on_one_day_the_earliest_counts(database: Database) -> None:
    early = NOON - timedelta(hours=3)
    database.write(
        accounts=[account("a"), account("b"), account("c")],
        events=[
            event("b", event_id="1"),
            event("a", early, event_id="1"),
            event("b", event_id="2"),
            event("b", event_id="2"),
            event("b", event_id=None),
            event("b", event_id=None),
            event("c", event_id="3"),
            event("c", NOON - timedelta(days=1), event_id="3"),
        ],
    )
    warehouse = database.open("accounts", "events")
    assert counted(warehouse)["n"].to_dict() == {"a": 1.0, "b": 3.0, "c": 2.0}
    assert warehouse.quality(as_of=NOON).count("duplicates") == 2


def test_of_rows_with_one_id_those_that_cannot_be_used_do_not_count_as_the_earliest(database: Database) -> None:
    earlier = NOON - timedelta(days=2)
    database.write(
        accounts=[account("a")],
        users=[{"user_id": "u1", "account_id": "a"}, {"user_id": "u2", "account_id": None}],
        events=[
            event(None, earlier, event_id="1", user_id=None),
            event(None, earlier, event_id="1", user_id="u2"),
            event("a", event_id="1"),
            event(None, event_id="2"),
            event(None, earlier, event_id="2", user_id=None),
        ],
    )
    assert counted(database.open("accounts", "users", "events"))["n"].to_dict() == {"a": 2.0}


def test_a_row_at_as_of_is_outside_and_the_one_before_is_inside(database: Database) -> None:
    database.write(accounts=[account("a")], events=[event("a", NOON), event("a", NOON - timedelta(microseconds=1))])
    warehouse = database.open("accounts", "events")
    assert counted(warehouse)["n"].to_dict() == {"a": 1.0}
    assert warehouse.quality(as_of=NOON).count("after_now") == 1


def test_at_midnight_a_window_is_whole_days(database: Database) -> None:
    midnight = datetime(2024, 3, 1, tzinfo=UTC)
    leap_day, before = datetime(2024, 2, 29, tzinfo=UTC), timedelta(microseconds=1)
    database.write(
        accounts=[account("a")],
        events=[event("a", at) for at in (midnight, midnight - before, leap_day, leap_day - before)],
    )
    warehouse = database.open("accounts", "events")
    measures: dict[str, Measure] = {
        "one": Count(window=Duration.of_days(1)),
        "two": ActiveDays(window=Duration.of_days(2)),
    }
    found = counted_at(warehouse, midnight, measures).loc["a"]
    assert (found["one"], found["two"]) == (2.0, 2.0)


def test_quantities_that_are_no_finite_numbers_add_nothing_and_are_reported(database: Database) -> None:
    odd = [math.nan, math.inf, -math.inf, 2.5, None, 1e300]
    database.write(accounts=[account("a")], events=[event("a", quantity=value) for value in odd])
    warehouse = database.open("accounts", "events")
    assert counted(warehouse, total=Sum(window=MONTH))["total"].to_dict() == {"a": 2.5}
    # SQLite keeps NaN as null.
    assert warehouse.quality(as_of=NOON).count("not_finite") == (3 if database.engine == "sqlite" else 4)


def test_quantities_written_as_text_are_read(database: Database) -> None:
    written = ["1.5", " 2 ", "1e2", "NA", "", "1_000", "nan", "inf", "0x10", "--1"]
    database.write(
        types={"quantity": "text"}, accounts=[account("a")], events=[event("a", quantity=text) for text in written]
    )
    warehouse = database.open("accounts", "events")
    assert counted(warehouse, total=Sum(window=MONTH))["total"].to_dict() == {"a": 103.5}
    assert warehouse.quality(as_of=NOON).count("not_finite") == 7


def test_sums_do_not_depend_on_the_order_of_rows(database: Database) -> None:
    values = [0.1, 0.2, 0.3, 1e9, -1e9, 1e-6, 123456.789012]
    for ordered in (values, values[::-1]):
        database.write(accounts=[account("a")], events=[event("a", quantity=value) for value in ordered])
        found = counted(database.open("accounts", "events"), total=Sum(window=MONTH))
        assert found["total"].to_dict() == {"a": 123457.389013}


TIMES = [
    ("2024-05-15 09:30:00", "2024-05-15T09:30:00+00:00"),
    ("2024-05-15T09:30:00.123456Z", "2024-05-15T09:30:00.123456+00:00"),
    ("2024-05-15 11:30:00+02:00", "2024-05-15T09:30:00+00:00"),
    ("2024-05-15", "2024-05-15T00:00:00+00:00"),
    ("1715765400", "2024-05-15T09:30:00+00:00"),
    ("1715765400123", "2024-05-15T09:30:00.123+00:00"),
    ("1715765400123456", "2024-05-15T09:30:00.123456+00:00"),
    ("yesterday", None),
    ("2024-02-30 10:00:00", None),
    ("", None),
]


@pytest.mark.parametrize(("written", "meant"), TIMES, ids=[written or "empty" for written, _ in TIMES])
def test_times_written_as_text_are_read(database: Database, written: str, meant: str | None) -> None:
    database.write(types={"events.occurred_at": "text"}, accounts=[account("a")], events=[event("a", written)])
    warehouse = database.open("accounts", "events")
    found = counted(warehouse).loc["a"]
    if meant is None:
        assert found["n"] == 0.0
        assert warehouse.quality(as_of=NOON).count("unreadable_times") == 1
    else:
        assert found["n.latest_at"] == to_micros(datetime.fromisoformat(meant))


@pytest.mark.parametrize(
    "number", [1715765400, 1715765400000, 1715765400000000], ids=["seconds", "milliseconds", "microseconds"]
)
def test_times_counted_from_1970_are_told_apart_by_their_size(database: Database, number: int) -> None:
    database.write(types={"events.occurred_at": "bigint"}, accounts=[account("a")], events=[event("a", number)])
    found = counted(database.open("accounts", "events")).loc["a"]
    assert found["n.latest_at"] == to_micros(datetime(2024, 5, 15, 9, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("wall", "utc"),
    [
        pytest.param("2024-01-15 09:30:00", "2024-01-15T08:30:00+00:00", id="winter"),
        pytest.param("2024-05-15 09:30:00", "2024-05-15T07:30:00+00:00", id="summer"),
        pytest.param("2024-03-31 02:30:00", "2024-03-31T01:30:00+00:00", id="the hour that is skipped"),
        pytest.param("2023-10-29 02:30:00", "2023-10-29T00:30:00+00:00", id="the hour that comes twice"),
    ],
)
@pytest.mark.parametrize("kind", ["timestamp", "text"])
def test_times_without_a_zone_are_read_in_the_zone_of_the_settings(
    database: Database, kind: str, wall: str, utc: str
) -> None:
    stored: Any = wall if kind == "text" or database.engine == "sqlite" else datetime.fromisoformat(wall)
    database.write(types={"events.occurred_at": kind}, accounts=[account("a")], events=[event("a", stored)])
    warehouse = database.open("accounts", "events", naive_time_zone="Europe/Berlin")
    found = counted(warehouse, n=Count(window=Duration.of_days(365))).loc["a"]
    assert found["n.latest_at"] == to_micros(datetime.fromisoformat(utc))


def test_accounts_that_repeat_an_id_are_told_of_by_the_earliest(database: Database) -> None:
    later = LONG_AGO + timedelta(days=5)
    twins = [account("a", created_at=later, country="DE"), account("a", country="FR"), account("a", country="NA")]
    for ordered in (twins, twins[::-1]):
        database.write(accounts=[*ordered, account(None), account(" ")], events=[])
        warehouse = database.open("accounts", "events")
        leads = warehouse.leads(as_of=NOON)
        assert leads["country"].to_dict() == {"a": "FR"}
        quality = warehouse.quality(as_of=NOON)
        assert quality.count("duplicate_ids", "accounts") == 2
        assert quality.count("null_ids", "accounts") == 2


def test_rows_before_their_account_was_created_count_and_are_reported(database: Database) -> None:
    database.write(
        accounts=[account("a", created_at=NOON - timedelta(days=1))],
        events=[event("a", NOON - timedelta(days=2)), event("a"), event("stranger")],
    )
    warehouse = database.open("accounts", "events")
    assert counted(warehouse)["n"].to_dict() == {"a": 2.0}
    quality = warehouse.quality(as_of=NOON)
    assert quality.count("before_account") == 1
    assert quality.count("unknown_accounts") == 1
    assert "1 row of events happened before their account was created; they count" in quality.sentences()


def test_empty_tables_give_no_leads_and_no_trouble(database: Database) -> None:
    database.write(accounts=[], events=[], users=[])
    warehouse = database.open("accounts", "events", "users")
    assert warehouse.leads(as_of=NOON).empty
    assert counted(warehouse, n=Count(window=MONTH), t=ActiveTime(window=MONTH)).empty
    assert warehouse.quality(as_of=NOON).facts == ()


def test_one_account_without_rows_has_zeros(database: Database) -> None:
    database.write(accounts=[account("a")], events=[])
    found = counted(database.open("accounts", "events"), n=Count(window=MONTH), d=Distinct(of="feature", window=MONTH))
    assert found[["n", "d"]].to_numpy().tolist() == [[0.0, 0.0]]


def test_nulls_everywhere_are_counted_and_harm_nothing(database: Database) -> None:
    database.write(accounts=[{}, account("a")], users=[{}], events=[{}, {}], touches=[{}], allowances=[{}])
    warehouse = database.open("accounts", "users", "events", "touches", "allowances")
    found = counted(warehouse, n=Count(window=MONTH), w=Count(window=MONTH, relation=Happening.TOUCHES))
    assert found[["n", "w"]].to_numpy().tolist() == [[0.0, 0.0]]
    assert warehouse.quality(as_of=NOON).count("unreadable_times") == 2


def test_many_users_in_one_account_are_told_apart(database: Database) -> None:
    # A million of them are in bench/; here it is about the numbers.
    users = 3000
    database.write(
        accounts=[account("a")],
        events=[event("a", NOON - timedelta(seconds=1 + n % 50), user_id=f"u{n}") for n in range(users)],
    )
    warehouse = database.open("accounts", "events")
    found = counted(warehouse, d=Distinct(of="user_id", window=MONTH), t=ActiveTime(window=MONTH)).loc["a"]
    assert (found["d"], found["t"]) == (users, 0.0)


def test_properties_are_read_from_json_and_what_is_no_json_is_unknown(database: Database) -> None:
    texts = ['{"size": 3.0, "ok": true}', '{"size": "3"}', '{"size": null}', "{broken", None, '{"a.b": 1}', "[1]"]
    database.write(accounts=[account("a")], events=[event("a", properties=text) for text in texts])
    if database.engine == "postgresql" and not _validates(database):
        pytest.skip("this server cannot tell broken JSON beforehand")
    found = counted(
        database.open("accounts", "events"),
        three=Count(window=MONTH, where=Where.parse({"properties.size": 3})),
        true=Count(window=MONTH, where=Where.parse({"properties.ok": True})),
        dotted=Count(window=MONTH, where=Where.parse({"properties.a.b": {"exists": True}})),
        sizes=Distinct(window=MONTH, of="properties.size"),
        never=Distinct(window=MONTH, of="properties.nowhere"),
    ).loc["a"]
    assert [found[name] for name in ("three", "true", "dotted", "sizes", "never")] == [2.0, 1.0, 1.0, 1.0, 0.0]


def _validates(database: Database) -> bool:
    warehouse = database.open("accounts")
    warehouse.relations()
    return bool(getattr(warehouse._source.engine, "_validates", True))


def test_what_the_source_lacks_is_not_evaluated_and_says_why(database: Database) -> None:
    database.write(accounts=[account("a")], events=[event("a")])
    found = counted(
        database.open("accounts", "events"),
        touches=Count(window=MONTH, relation=Happening.TOUCHES),
        column=Count(window=MONTH, where=Where.parse({"region": "EU"})),
        file=Statement(file="sql/measures/nowhere.sql"),
        there=Count(window=MONTH),
    ).loc["a"]
    codes = [found[f"{name}.missing"] for name in ("touches", "column", "file", "there")]
    assert codes == [Missing.NO_RELATION, Missing.NO_COLUMN, Missing.NO_RELATION, Missing.NONE]


def test_a_statement_sees_the_instant_and_only_what_lies_before(database: Database) -> None:
    database.write(accounts=[account("a"), account("b")], events=[event("a"), event("a", NOON - timedelta(days=3))])
    sql = "SELECT account_id, count(*) AS value FROM events WHERE occurred_at < :as_of GROUP BY account_id"
    warehouse = database.open("accounts", "events", statements={"sql/measures/n.sql": sql})
    measured = warehouse.measures(
        plan(n=Statement(file="sql/measures/n.sql", otherwise=0.0)), [NOON, NOON - timedelta(days=1)]
    )
    assert measured["n"].tolist() == [1.0, 0.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("SELECT account_id, 1 AS value FROM accounts", "does not bind :as_of"),
        ("SELECT account_id FROM accounts WHERE created_at < :as_of", "has no column 'value'"),
        (
            "SELECT account_id, 1 AS value FROM events WHERE occurred_at < :as_of",
            "more than one row for account_id 'a'",
        ),
        ("SELECT nothing FROM accounts WHERE created_at < :as_of", "rejects the SQL"),
    ],
)
def test_a_statement_that_cannot_be_used_says_why(database: Database, sql: str, says: str) -> None:
    database.write(accounts=[account("a")], events=[event("a"), event("a")])
    warehouse = database.open("accounts", "events", statements={"sql/measures/n.sql": sql})
    with pytest.raises(SourceMismatch, match=says) as caught:
        counted(warehouse, n=Statement(file="sql/measures/n.sql"))
    assert str(caught.value).startswith("sql/measures/n.sql")


def test_occurrences_decay_by_whole_days(database: Database) -> None:
    ages = (0, 1, 4, 9)
    database.write(accounts=[account("a")], events=[event("a", NOON - timedelta(days=age, hours=1)) for age in ages])
    counts = Count(window=MONTH)
    items = (
        PlanItem(name="halved", measure=counts, decay=OccurrenceDecay(half_life=Duration.of_days(2))),
        PlanItem(name="linear", measure=counts, decay=OccurrenceDecay(lifespan=Duration.of_days(8))),
    )
    measured = database.open("accounts", "events").measures(Plan(lead=Level.ACCOUNT, items=items), [NOON]).iloc[0]
    assert measured["halved.decayed"] == pytest.approx(sum(0.5 ** (age / 2) for age in ages), abs=1e-5)
    assert measured["linear.decayed"] == pytest.approx(1 + 7 / 8 + 4 / 8)


def test_a_user_may_have_rows_in_several_accounts(database: Database) -> None:
    database.write(
        accounts=[account("a"), account("b")],
        users=[{"user_id": "u1", "account_id": "a"}],
        events=[event("a"), event("b"), event("b", user_id="u2")],
    )
    warehouse = database.open("accounts", "users", "events", lead=Level.USER)
    measured = warehouse.measures(plan_for(Level.USER, {"n": Count(window=MONTH), "f": TimeTo(where=Where())}), [NOON])
    assert measured.droplevel("as_of")["n"].to_dict() == {"u1": 2.0}


def test_without_a_users_relation_the_users_are_those_of_the_events(database: Database) -> None:
    database.write(
        accounts=[account("a"), account("b")],
        events=[event("b", user_id="u2"), event("a", NOON - timedelta(days=1), user_id="u2"), event("a", user_id=None)],
    )
    warehouse = database.open("accounts", "events", lead=Level.USER)
    leads = warehouse.leads(as_of=NOON)
    assert leads[["account_id", "name"]].to_dict("index") == {"u2": {"account_id": "a", "name": "u2"}}
    measured = warehouse.measures(plan_for(Level.USER, {"n": Count(window=MONTH)}), [NOON])
    assert measured["n"].tolist() == [2.0]


def test_measures_below_the_lead_are_taken_together(database: Database) -> None:
    database.write(
        accounts=[account("a", domain="x.test"), account("b", domain="X.test"), account("c", domain="gmail.com")],
        users=[{"user_id": "u1", "account_id": "a"}, {"user_id": "u2", "account_id": "a"}],
        events=[event("a"), event("a"), event("a", user_id="u2"), event("b"), event("c")],
    )
    warehouse = database.open("accounts", "users", "events")
    found = counted(
        warehouse,
        most=Count(window=MONTH, level=Level.USER),
        company=Count(window=MONTH, level=Level.COMPANY),
    )
    assert found["company"].to_dict() == {"a": 4.0, "b": 4.0, "c": 1.0}
    assert found["most"].fillna(-1).to_dict() == {"a": 4.0, "b": -1.0, "c": -1.0}


def test_few_leads_are_measured_as_all_are(database: Database) -> None:
    database.write(
        accounts=[account(name, domain="x.test") for name in "abc"],
        users=[{"user_id": "u1", "account_id": "a"}],
        events=[event("a"), event("b"), event("c"), event(None)],
    )
    warehouse = database.open("accounts", "users", "events")
    asked = plan(
        n=Count(window=MONTH),
        company=Count(window=MONTH, level=Level.COMPANY),
        user=Count(window=MONTH, level=Level.USER),
    )
    everyone = warehouse.measures(asked, [NOON])
    some = warehouse.measures(asked, [NOON], ["a", "c"])
    pd.testing.assert_frame_equal(some, everyone.loc[(slice(None), ["a", "c"]), :])
