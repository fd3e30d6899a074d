"""What a run will read is told before it is read, where the database tells."""

from datetime import UTC, datetime, timedelta

from pql.domain.durations import Duration
from pql.domain.measures.count import Count
from pql.domain.partials import Level
from pql.domain.plan import Plan, PlanItem
from pql.warehouse import Asked, open_warehouse
from tests.integration.warehouse.conftest import Database

NOON = datetime(2024, 5, 15, 12, tzinfo=UTC)
PLAN = Plan(lead=Level.ACCOUNT, items=(PlanItem(name="n", measure=Count(window=Duration.of_days(7))),))


def test_each_statement_is_told_with_its_bytes_where_the_database_knows_them(database: Database) -> None:
    at = NOON - timedelta(hours=1)
    rows = [{"account_id": "a", "user_id": "u", "occurred_at": at, "event": "login"} for _ in range(500)]
    database.write(accounts=[{"account_id": "a", "name": "A", "created_at": NOON - timedelta(days=9)}], events=rows)
    if database.engine == "postgresql":
        database.execute("ANALYZE")
    asked: list[Asked] = []
    warehouse = open_warehouse(database.project("accounts", "events"), asked.append)
    frame = warehouse.measures(PLAN, [NOON])
    warehouse.close()
    assert frame["n"].tolist() == [500.0]
    of_events = [one for one in asked if one.what == "sql/events.sql"]
    assert of_events
    assert all("events" in one.sql or "pql_" in one.sql for one in of_events)
    told = [one.bytes_to_scan for one in of_events]
    if database.engine == "postgresql":
        assert max(one for one in told if one is not None) >= 8192
    else:
        assert set(told) == {None}
