"""What relations are like as of an instant, on each engine: newest rows, rows a day, empty values."""

from datetime import UTC, datetime, timedelta

import pytest

from pql.domain.durations import Duration
from pql.domain.source_health import UNASKED, Expectation
from pql.errors import SourceMismatch
from pql.warehouse import open_warehouse
from tests.integration.warehouse.conftest import Database
from tests.sources import project_over

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def written(database: Database) -> None:
    events = [
        {"event_id": f"e{n}", "account_id": "a", "user_id": None if n % 4 == 0 else "u", "occurred_at": NOON - n * HOUR}
        for n in range(-3, 60)
    ]
    users = [{"user_id": f"u{n}", "account_id": "a", "name": ""} for n in range(7)]
    accounts = [{"account_id": f"a{n}", "created_at": NOON + (n - 4) * DAY} for n in range(6)]
    database.write(events=events, users=users, accounts=accounts, columns={"users": ("user_id", "account_id", "name")})


def test_a_relation_is_seen_as_it_was_before_the_instant(database: Database) -> None:
    written(database)
    relations = {name: f"SELECT * FROM {name}" for name in ("events", "accounts", "users")}
    warehouse = open_warehouse(project_over(database.url, relations, folder=database.folder))
    asked = {"events": Expectation(every=Duration(3600)), "accounts": Expectation(), "users": UNASKED}
    events, accounts, users = warehouse.seen({**asked, "deals": UNASKED}, as_of=NOON)
    assert (events.newest_at, events.row_count) == (NOON - HOUR, 24)
    assert sorted(events.days.values()) == [12, 23, 24]
    assert events.shares["user_id"] == pytest.approx(9 / 36)
    assert (accounts.newest_at, accounts.row_count, accounts.shares["name"]) == (NOON - DAY, 4, 1.0)
    assert (users.newest_at, users.row_count, users.dated, users.shares) == (None, 7, False, {})
    (named,) = warehouse.seen({"users": Expectation()}, as_of=NOON)
    assert named.shares == {"user_id": 0.0, "account_id": 0.0, "name": 1.0}
    with pytest.raises(SourceMismatch, match=r"usage\.expect\.users\.by names 'landed_at'"):
        warehouse.seen({"users": Expectation(by="landed_at")}, as_of=NOON)
    warehouse.close()
