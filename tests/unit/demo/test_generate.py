"""Making a world: reproducible, bounded, told as it goes, hiding what nobody could know."""

import ast
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from pql.demo import UNTIL, DemoTruth, generate
from tests.unit.demo.conftest import Small, World

ROOT = Path(__file__).parents[3]
TABLES = (
    "app.workspaces",
    "app.members",
    "app.activity_log",
    "billing.subscriptions",
    "billing.plan_limits",
    "marketing.touchpoints",
    "crm.opportunities",
    "forms.answers",
)
_COLUMNS = "SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns"


def _content(world: World) -> dict[str, str]:
    def digest(table: str) -> str:
        # The hash of all rows in the order in which they stand.
        return str(world.rows(f"SELECT md5(string_agg(t::VARCHAR, ';')) FROM (SELECT * FROM {table}) t")[0][0])

    return {table: digest(table) for table in TABLES}


def test_the_same_seed_gives_the_same_rows_in_the_same_order(small: Small) -> None:
    one, other = small(seed=11), small(seed=11)
    assert _content(one) == _content(other)
    assert one.made.truth.read_bytes() == other.made.truth.read_bytes()


def test_another_seed_gives_another_world(small: Small) -> None:
    one, other = _content(small(seed=11)), _content(small(seed=12))
    assert [table for table in TABLES if one[table] == other[table]] == []


def test_the_tables_are_those_of_a_product_and_not_our_relations(small: Small) -> None:
    found = {str(table) for table, _ in small().rows(_COLUMNS)}
    assert found == set(TABLES)
    assert not found & {"events", "accounts", "users"}


def test_no_column_holds_what_nobody_could_know(small: Small) -> None:
    world = small()
    hidden = set(world.truth().columns) | {"awake_until", "onset", "vigour", "conversion", "converts"}
    assert {"intent", "fit", "chance", "drift"} <= hidden
    assert {str(column) for _, column in world.rows(_COLUMNS)} & hidden == set()


def test_the_truth_stands_in_a_file_that_no_sql_reads(small: Small) -> None:
    made = small().made
    assert made.truth.parent == made.usage.parent
    for file in (ROOT / "sql").rglob("*.sql"):
        assert "truth" not in file.read_text(encoding="utf-8")


def test_every_column_is_explained_in_the_docs(small: Small) -> None:
    page = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
    missing = [f"{table}.{column}" for table, column in small().rows(_COLUMNS) if f"`{column}`" not in page]
    assert missing == []
    assert [table for table in TABLES if f"`{table}`" not in page] == []


def test_the_summary_counts_what_is_in_the_tables(small: Small) -> None:
    world = small()
    made = world.made
    assert made.accounts == world.number("SELECT count(*) FROM app.workspaces") == 200
    assert made.users == world.number("SELECT count(*) FROM app.members")
    assert made.events == world.number("SELECT count(*) FROM app.activity_log")
    paying = (
        "SELECT count(DISTINCT workspace_uid) FROM billing.subscriptions WHERE ends_at IS NULL AND monthly_cents > 0"
    )
    assert made.customers == world.number(paying)
    began = (
        "SELECT count(*) FROM (SELECT min(begins_at) AS first FROM billing.subscriptions WHERE monthly_cents > 0"
        f" GROUP BY workspace_uid) WHERE first >= TIMESTAMP '{UNTIL - timedelta(days=40):%Y-%m-%d}'"
    )
    assert made.conversions == world.number(began)


def test_progress_is_told_up_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    generate(tmp_path / "usage.duckdb", accounts=60, days=30, progress=lambda done, total: told.append((done, total)))
    total = told[-1][1]
    assert told == [(step, total) for step in range(1, total + 1)]


def test_a_world_that_is_there_is_replaced_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = tmp_path / "data" / "usage.duckdb"
    generate(path, accounts=60, days=30)
    made: DemoTruth = generate(path, accounts=70, days=30)
    assert World(made).number("SELECT count(*) FROM app.workspaces") == 70
    assert sorted(file.name for file in path.parent.iterdir()) == ["truth.json", "usage.duckdb"]


@pytest.mark.parametrize(
    ("accounts", "days", "until"),
    [
        pytest.param(49, 40, UNTIL, id="too few accounts"),
        pytest.param(200, 29, UNTIL, id="too few days"),
        pytest.param(200, 40, datetime(2026, 6, 1), id="no time zone"),  # noqa: DTZ001
        pytest.param(200, 40, UNTIL + timedelta(hours=1), id="no midnight"),
    ],
)
def test_a_world_that_cannot_be_made_is_refused(tmp_path: Path, accounts: int, days: int, until: datetime) -> None:
    with pytest.raises(ValueError, match=r"midnight|at least"):
        generate(tmp_path / "usage.duckdb", accounts=accounts, days=days, until=until)
    assert list(tmp_path.iterdir()) == []


def test_the_end_may_be_given_in_any_zone(tmp_path: Path) -> None:
    berlin = datetime(2026, 3, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    made = generate(tmp_path / "usage.duckdb", accounts=60, days=30, until=berlin)
    last = World(made).rows("SELECT max(received_at) FROM app.activity_log")[0][0]
    assert last.replace(tzinfo=UTC) < berlin
    assert last.replace(tzinfo=UTC) > berlin - timedelta(days=1)


def test_the_generator_knows_nothing_of_the_definitions() -> None:
    for file in (ROOT / "pql" / "demo").glob("*.py"):
        text = file.read_text(encoding="utf-8")
        imported = {
            name
            for node in ast.walk(ast.parse(text))
            for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [])
            if name.startswith("pql")
        }
        assert {name for name in imported if not name.startswith("pql.demo")} == set(), file.name
        assert [word for word in ("signals/", "config/", ".yml") if word in text] == [], file.name
