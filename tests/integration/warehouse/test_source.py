"""The source is only read; what goes wrong there is said plainly, and without secrets."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import duckdb
import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from pql.domain.durations import Duration
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.partials import Level
from pql.domain.plan import Plan, PlanItem
from pql.errors import SourceMismatch, SourceUnreachable
from pql.warehouse import open_warehouse
from pql.warehouse.source import Source
from tests.integration.warehouse.conftest import Database, database_on
from tests.integration.warehouse.test_cleaning import NOON, account, event
from tests.sources import project_over

WEEK = Duration.of_days(7)
PLAN = Plan(
    lead=Level.ACCOUNT,
    items=(
        PlanItem(name="n", measure=Count(window=WEEK)),
        PlanItem(name="d", measure=Distinct(of="feature", window=WEEK)),
        PlanItem(name="t", measure=ActiveTime(window=WEEK)),
    ),
)


def test_a_write_is_refused(database: Database) -> None:
    database.write(accounts=[account("a")], events=[])
    source = Source(database.project("accounts").usage)
    insert = sa.text("INSERT INTO accounts (account_id) VALUES ('b') RETURNING account_id")
    with pytest.raises(SourceMismatch):
        source.fetch(insert, "the test")
    source.close()
    assert len(database.open("accounts").leads(as_of=NOON)) == 1


def test_reading_leaves_no_table_behind(database: Database) -> None:
    database.write(accounts=[account("a")], events=[event("a", event_id="1"), event("a", event_id="1")])
    warehouse = database.open("accounts", "events")
    warehouse.measures(PLAN, [NOON])
    warehouse.close()
    source = Source(database.project("accounts").usage)
    names = {
        "duckdb": "SELECT table_name AS name FROM duckdb_tables()",
        "sqlite": "SELECT name FROM sqlite_schema",
        "postgresql": "SELECT tablename AS name FROM pg_tables WHERE tablename LIKE 'pql%' OR schemaname = 'public'",
        "clickhouse": "SELECT name FROM system.tables WHERE database = currentDatabase()",
    }[database.engine]
    assert sorted(source.fetch(sa.text(names), "the test")["name"]) == ["accounts", "events"]
    source.close()


def test_rows_are_staged_in_temporary_tables_on_every_engine(database: Database) -> None:
    database.write(accounts=[account("a")], events=[event("a")])
    warehouse = database.open("accounts", "events")
    warehouse.measures(PLAN, [NOON])
    assert not warehouse._source._refused


def test_where_temporary_tables_are_refused_the_numbers_are_the_same(
    tmp_path: Path, postgres_url: str, request: pytest.FixtureRequest
) -> None:
    database = database_on("postgresql", tmp_path, request)
    minutes = [1, 5, 50, 70, 5000]
    events = [event("a", NOON - timedelta(minutes=m), event_id=str(m % 4), feature=str(m)) for m in minutes]
    database.write(accounts=[account("a")], events=events)
    name = str(sa.make_url(database.url).database)
    role = f"reader_{name}"
    with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        connection.execute(sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("REVOKE TEMP ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
    try:
        allowed = database.open("accounts", "events").measures(PLAN, [NOON])
        restricted = Database("postgresql", str(database.url).replace("postgres:@", f"{role}:@"), tmp_path)
        warehouse = restricted.open("accounts", "events")
        assert warehouse.measures(PLAN, [NOON]).equals(allowed)
        assert warehouse._source._refused
        restricted.close()
        database.close()
    finally:
        with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def test_a_lost_connection_is_said_and_the_next_call_connects_anew(postgres_url: str, tmp_path: Path) -> None:
    database = Database("postgresql", postgres_url, tmp_path)
    database.write(accounts=[account("a")], events=[event("a")])
    warehouse = database.open("accounts", "events")
    assert len(warehouse.leads(as_of=NOON)) == 1
    backend = warehouse._source.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [backend])
    with pytest.raises(SourceUnreachable, match="was lost while"):
        warehouse.measures(PLAN, [NOON])
    assert warehouse.measures(PLAN, [NOON])["n"].tolist() == [1.0]
    database.close()


def test_a_server_that_is_not_there_is_said_without_the_password(tmp_path: Path) -> None:
    url = "postgresql+psycopg://reader:hunter2@127.0.0.1:1/usage"
    warehouse = open_warehouse(project_over(url, {"accounts": "SELECT 1"}, folder=tmp_path))
    with pytest.raises(SourceUnreachable, match=r"'usage' \(postgresql on 127.0.0.1\) cannot be opened") as caught:
        warehouse.leads(as_of=NOON)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(warehouse.inspect())


@pytest.mark.parametrize("url", ["duckdb:///nowhere.duckdb", "sqlite:///nowhere.db"])
def test_a_file_that_is_not_there_is_said_and_not_made(tmp_path: Path, url: str) -> None:
    warehouse = open_warehouse(project_over(url, {"accounts": "SELECT 1"}, folder=tmp_path))
    with pytest.raises(SourceUnreachable, match="cannot be opened"):
        warehouse.leads(as_of=NOON)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["duckdb:///usage.duckdb", "sqlite:///usage.db"])
def test_a_file_that_is_no_database_is_said(tmp_path: Path, url: str) -> None:
    (tmp_path / str(sa.make_url(url).database)).write_bytes(b"this is no database, but it is long enough " * 50)
    warehouse = open_warehouse(project_over(url, {"accounts": "SELECT 1 AS account_id"}, folder=tmp_path))
    with pytest.raises((SourceUnreachable, SourceMismatch)):
        warehouse.leads(as_of=NOON)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mssql://root:hunter2@localhost/usage", "names a 'mssql' database"),
        ("no url at all", "is no database URL"),
    ],
)
def test_a_url_that_we_cannot_read_is_said_without_showing_it(tmp_path: Path, url: str, says: str) -> None:
    with pytest.raises(SourceMismatch, match=says) as caught:
        open_warehouse(project_over(url, {}, folder=tmp_path))
    assert "hunter2" not in str(caught.value)


def test_a_relation_that_must_be_there_is_named(database: Database) -> None:
    database.write(accounts=[account("a")])
    warehouse = database.open("accounts")
    with pytest.raises(SourceMismatch, match=r"sql/events.sql is missing; write a SELECT of account_id"):
        warehouse.measures(PLAN, [NOON])


def test_a_column_that_must_be_there_is_named_with_those_there_are(database: Database) -> None:
    database.write(accounts=[account("a")])
    warehouse = database.open(sql={"accounts": "SELECT account_id AS uid, name, created_at FROM accounts"})
    with pytest.raises(SourceMismatch, match=r"sql/accounts.sql:1: .* no column 'account_id'; it has uid, name"):
        warehouse.leads(as_of=NOON)


def test_rejected_sql_is_said_with_its_line(database: Database) -> None:
    database.write(accounts=[account("a")])
    warehouse = database.open(sql={"accounts": "SELECT\n  account_id,\n  nowhere\nFROM accounts"})
    line = "" if database.engine in ("sqlite", "clickhouse") else ":3"  # these do not tell
    with pytest.raises(SourceMismatch, match=rf"^sql/accounts.sql{line}: the source rejects the SQL: .*nowhere"):
        warehouse.leads(as_of=NOON)


def test_sql_may_end_in_a_comment_or_a_semicolon(database: Database) -> None:
    database.write(accounts=[account("a")], events=[])
    texts = {"accounts": "SELECT * FROM accounts; ", "events": "SELECT * FROM events -- all of them"}
    assert len(database.open(sql=texts).leads(as_of=NOON)) == 1


def test_a_template_can_prune_by_the_bounds_that_it_is_given(database: Database) -> None:
    old = NOON - timedelta(days=300)
    database.write(accounts=[account("a")], events=[event("a", old), event("a")])
    text = "SELECT * FROM events WHERE occurred_at >= {{ start }} AND occurred_at < {{ end }}"
    warehouse = database.open("accounts", sql={"events": text})
    assert warehouse.measures(PLAN, [NOON])["n"].tolist() == [1.0]


def test_a_program_may_write_while_the_warehouse_is_closed(tmp_path: Path) -> None:
    database = Database("duckdb", "duckdb:///usage.duckdb", tmp_path)
    database.write(accounts=[account("a")], events=[])
    warehouse = database.open("accounts", "events")
    assert len(warehouse.leads(as_of=NOON)) == 1
    warehouse.close()
    with duckdb.connect(str(tmp_path / "usage.duckdb")) as connection:
        connection.execute("INSERT INTO accounts (account_id, name) VALUES ('b', 'b')")
    assert len(warehouse.leads(as_of=NOON)) == 2
    warehouse.close()


def test_csv_and_parquet_files_are_read_as_views(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "accounts.csv").write_text(
        "account_id,name,created_at,country\n007,Bond,2023-01-01,NA\n7,Seven,2023-01-01 10:00:00,\n", encoding="utf-8"
    )
    with duckdb.connect() as connection:
        for part in (1, 2):
            path = tmp_path / "data" / f"part{part}.parquet"
            connection.execute(
                "COPY (SELECT '007' AS account_id, 'u1' AS user_id, 'login' AS event, 'a' AS feature, "
                f"TIMESTAMP '2024-05-1{part} 10:00:00' AS occurred_at, {{'size': {part}}} AS properties) TO '{path}'"
            )
    project = project_over(
        "duckdb:///:memory:",
        {"accounts": "SELECT * FROM accounts", "events": "SELECT * FROM log"},
        folder=tmp_path,
        files={"accounts": "data/accounts.csv", "log": "data/*.parquet"},
    )
    warehouse = open_warehouse(project)
    leads = warehouse.leads(as_of=NOON)
    assert leads["country"].fillna("-").to_dict() == {"007": "NA", "7": "-"}
    sizes = PlanItem(name="sizes", measure=Distinct(of="properties.size", window=WEEK))
    measured = warehouse.measures(Plan(lead=Level.ACCOUNT, items=(*PLAN.items, sizes)), [NOON]).droplevel("as_of")
    assert measured["n"].to_dict() == {"007": 2.0, "7": 0.0}
    assert measured["sizes"].to_dict() == {"007": 2.0, "7": 0.0}
    warehouse.close()


def test_a_file_of_a_view_that_is_not_there_is_said(tmp_path: Path) -> None:
    project = project_over(
        "duckdb:///:memory:", {"accounts": "SELECT * FROM accounts"}, folder=tmp_path, files={"accounts": "nowhere.csv"}
    )
    with pytest.raises(SourceUnreachable, match=r"nowhere\.csv"):
        open_warehouse(project).leads(as_of=NOON)


def test_a_database_that_is_locked_by_a_writer_is_said(tmp_path: Path) -> None:
    database = Database("sqlite", "sqlite:///usage.db", tmp_path)
    database.write(accounts=[account("a")])
    warehouse = database.open("accounts")
    writer = sqlite3.connect(tmp_path / "usage.db", isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(SourceUnreachable, match="locked"):
            warehouse.leads(as_of=NOON)
    finally:
        writer.close()
    assert len(warehouse.leads(as_of=NOON)) == 1
