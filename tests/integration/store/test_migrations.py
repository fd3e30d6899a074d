from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pql.config.settings import StateSettings
from pql.errors import MigrationPending
from pql.store import Store, migrate, open_store
from pql.store.engine import connect
from pql.store.migrate import _SCRIPTS, create
from pql.store.tables import metadata


def test_there_is_one_newest_step() -> None:
    assert len(ScriptDirectory(str(_SCRIPTS)).get_heads()) == 1


def test_a_step_is_named_by_its_number_and_by_when_it_runs() -> None:
    steps = [Path(step.path).stem.split("_") for step in ScriptDirectory(str(_SCRIPTS)).walk_revisions()]
    assert steps
    assert all(number.isdigit() and len(number) == 4 and when in {"pre", "post"} for number, when, *_ in steps)


def test_all_steps_from_empty_give_the_tables_that_the_program_expects(store: Store) -> None:
    with store._database.reads() as connection:
        # Alembic reads SQLite's empty defaults wrongly; the next test compares them.
        defaults = connection.dialect.name != "sqlite"
        options = {"compare_server_default": defaults, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []


def test_all_steps_from_empty_give_the_very_statements_that_the_program_would_use(store: Store) -> None:
    # What autogenerate does not compare: the WHERE of partial indexes.
    with store._database.reads() as connection:
        migrated = _definitions(connection)
    with store._database.writes() as connection:
        metadata.drop_all(connection)
    create(store._database)
    with store._database.reads() as connection:
        assert _definitions(connection) == migrated


def _definitions(connection: sa.Connection) -> list[str]:
    query = {
        "sqlite": "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'",
        "postgresql": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'",
    }[connection.dialect.name]
    return sorted(_sorted(sql) for sql in connection.scalars(sa.text(query)))


def _sorted(statement: str) -> str:
    # The order of constraints means nothing.
    return ", ".join(sorted(part.strip(" ()") for part in " ".join(statement.split()).split(", ")))


def test_migrating_twice_changes_nothing(settings: StateSettings, tmp_path: Path) -> None:
    assert migrate(settings, tmp_path) == ("0001_pre_create_tables",)
    assert migrate(settings, tmp_path) == ()


def test_two_that_migrate_at_once_wait_for_each_other(settings: StateSettings, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: migrate(settings, tmp_path), range(4)))
    assert sorted(map(len, taken)) == [0, 0, 0, 1]


def test_a_database_without_tables_asks_for_migrate(settings: StateSettings, tmp_path: Path) -> None:
    with pytest.raises(MigrationPending, match="run `pql migrate`"):
        open_store(settings, tmp_path)


def test_a_database_that_is_newer_than_the_program_asks_for_a_newer_program(
    settings: StateSettings, tmp_path: Path
) -> None:
    migrate(settings, tmp_path)
    database = connect(settings, tmp_path)
    with database.writes() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(MigrationPending, match="step 9999, which this program does not know"):
        open_store(settings, tmp_path)
    with pytest.raises(MigrationPending, match="install the newer version"):
        migrate(settings, tmp_path)
