from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pql.config.settings import StateSettings
from pql.domain.calendar import from_micros, to_micros
from pql.errors import MigrationPending
from pql.store import Store, migrate, open_store
from pql.store.engine import connect
from pql.store.layout import Layout
from pql.store.migrate import _SCRIPTS, _make_folder, create
from pql.store.tables import metadata
from pql.store.values import text_hashes
from tests.integration.store.conftest import DATABASES
from tests.integration.store.samples import HOUR, T0, commit, evaluation


@pytest.fixture(params=DATABASES)
def settings(request: pytest.FixtureRequest) -> StateSettings:
    """A state database without any table."""
    if request.param == "postgresql":
        return StateSettings(url=request.getfixturevalue("postgres_url"))
    return StateSettings(url="sqlite:///var/state.db")


@pytest.fixture
def store(settings: StateSettings, tmp_path: Path) -> Iterator[Store]:
    """A store that was migrated from nothing."""
    migrate(settings, tmp_path)
    opened = open_store(settings, tmp_path)
    yield opened
    opened.close()


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
    assert [step[:4] for step in migrate(settings, tmp_path)] == ["0001", "0002", "0003", "0004", "0005", "0006"]
    assert migrate(settings, tmp_path) == ()


def test_two_that_migrate_at_once_wait_for_each_other(settings: StateSettings, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: migrate(settings, tmp_path), range(4)))
    assert sorted(map(len, taken)) == [0, 0, 0, 6]


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


# --- data of earlier steps --------------------------------------------------------------------------------------

OLD_LEAD: dict[str, object] = {
    "lead_id": "007",
    "name": "Acme",
    "attributes": '{"country":"NA"}',
    "fit": 50,
    "behaviour": 41.24,
    "band": 3,
    "grade": "B3",
    "fit_parts": '{"criterion.size":30.0,"criterion.industry":null,"persona.student":true}',
    "verdicts": '{"breadth":[1,3.5,1772438400000000,0,false,0.75,1,41.24,41.24],"plan":[0,"pro"],'
    '"team":[-1,null,null,2]}',
    "row_hash": 5,
    "score_hash": 6,
    "run_id": "r",
    "updated_at": 1_772_442_000_000_000,
}
OLD_SPANS = [
    ("plan", "a", 10, 20, '"trial"'),
    ("plan", "a", 20, None, '"pro"'),
    ("seats", "a", 10, 30, "3"),
    ("plan", "b", 10, 20, '"free"'),
]


def old_rows(connection: sa.Connection) -> None:
    """What a database at step 0001 holds."""
    tables = sa.MetaData()
    tables.reflect(connection, only=["runs", "leads", "scores", "validity"])
    run = {"id": "r", "job": "run", "as_of": 1_772_442_000_000_000, "started_at": 1, "status": "done"}
    connection.execute(sa.insert(tables.tables["runs"]).values(run))
    second = {**OLD_LEAD, "lead_id": "008", "fit_parts": "{}", "verdicts": "{}", "gone": True}
    for lead in (OLD_LEAD, second):
        connection.execute(sa.insert(tables.tables["leads"]).values(lead))
    step = {"lead_id": "007", "as_of": 1_772_442_000_000_000, "run_id": "r", "behaviour": 41.24, "grade": "B3"}
    connection.execute(sa.insert(tables.tables["scores"]).values(step))
    names = ("name", "entity_id", "valid_from", "valid_to", "value")
    spans = [{"entity": "lead", **dict(zip(names, span, strict=True))} for span in OLD_SPANS]
    connection.execute(sa.insert(tables.tables["validity"]), spans)


def at_step(settings: StateSettings, folder: Path, step: str, rows: Callable[[sa.Connection], None] = old_rows) -> None:
    database = connect(settings, folder)
    _make_folder(database)
    with database.writes() as connection:
        config = Config()
        config.set_main_option("script_location", str(_SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, step)
        rows(connection)
    database.close()


def test_what_was_kept_before_rows_were_packed_is_read_as_it_was(settings: StateSettings, tmp_path: Path) -> None:
    at_step(settings, tmp_path, "0001")
    assert [step[:4] for step in migrate(settings, tmp_path)] == ["0002", "0003", "0004", "0005", "0006"]
    store = open_store(settings, tmp_path)
    lead, empty = store.lead("007"), store.lead("008")
    assert lead is not None
    assert empty is not None
    assert (lead.name, lead.behaviour, lead.run_id, lead.attributes) == ("Acme", 41.24, "r", {"country": "NA"})
    assert lead.fit_parts == {"criterion.size": 30.0, "criterion.industry": None, "persona.student": True}
    breadth, plan, team = lead.verdicts
    assert (breadth.outcome, breadth.value, breadth.latest_at) == (1, 3.5, from_micros(1_772_438_400_000_000))
    assert (breadth.strength, breadth.decay, breadth.points, breadth.counted) == (0.75, 1.0, 41.24, 41.24)
    assert (plan.signal, plan.outcome, plan.value) == ("plan", 0, "pro")
    assert (team.outcome, team.value, team.missing, team.latest_at) == (-1, None, 2, None)
    assert (empty.verdicts, empty.fit_parts, empty.gone) == ((), {}, True)
    assert [(step.behaviour, step.grade) for step in store.score_history("007")] == [(41.24, "B3")]
    store.close()


def test_what_was_known_when_is_known_after_a_migration(settings: StateSettings, tmp_path: Path) -> None:
    at_step(settings, tmp_path, "0001")
    migrate(settings, tmp_path)
    store = open_store(settings, tmp_path)
    known = {at: store.validity_at("lead", from_micros(at)).to_dict("index") for at in (5, 10, 20, 30)}
    store.close()
    assert known[5] == {}
    assert known[10] == {"a": {"plan": "trial", "seats": 3}, "b": {"plan": "free", "seats": None}}
    assert known[20] == {"a": {"plan": "pro", "seats": 3}}
    assert known[30] == {"a": {"plan": "pro"}}


def rows_of_three_kinds(connection: sa.Connection) -> None:
    """What a database at step 0005 holds: the step that lasts among the scores, and what is known in validity."""
    tables = sa.MetaData()
    tables.reflect(connection, only=["runs", "layouts", "leads", "scores", "validity"])
    begun, last = to_micros(T0 - 2 * HOUR), to_micros(T0 - HOUR)
    for run, at in (("r", begun), ("s", last)):
        done = {"id": run, "job": "run", "as_of": at, "started_at": at, "status": "done"}
        connection.execute(sa.insert(tables.tables["runs"]).values(done))
    connection.execute(sa.insert(tables.tables["layouts"]).values(text=Layout(()).text))
    known = {"stays": '{"country":"NA","plan":"trial"}', "moves": '{"country":"FR"}', "goes": '{"country":"DE"}'}
    for lead_id, text in {**known, "gone": ""}.items():
        row: dict[str, object] = {
            "lead_id": lead_id,
            "grade": "B3",
            "fit": 51,
            "behaviour": 41.2,
            "row_hash": 5,
            "score_hash": 6,
        }
        row |= {"run_id": "s", "updated_at": last, "layout": 1, "packed": b"", "gone": not text}
        connection.execute(sa.insert(tables.tables["leads"]).values(row))
        steps = [
            {"lead_id": lead_id, "as_of": begun - 9, "run_id": "q", "grade": "D4", "fit": 10, "behaviour": 1},
            {"lead_id": lead_id, "as_of": begun, "run_id": "r", "grade": "B3", "fit": 50, "behaviour": 41},
        ]
        connection.execute(sa.insert(tables.tables["scores"]), steps)
        spans = [(begun - 9, begun, '{"country":"US"}'), (begun, None, text)]
        for start, end, values in spans if text else spans[:1]:
            span = {"entity": "lead", "entity_id": lead_id, "valid_from": start, "valid_to": end, "known": values}
            number = int(text_hashes([values]).view("int64")[0])
            connection.execute(sa.insert(tables.tables["validity"]).values(**span, hash=number))


def past(store: Store) -> list[object]:
    """What was known at three instants, and the history."""
    instants = [T0 - 2 * HOUR - timedelta(microseconds=9), T0 - 2 * HOUR, T0 - HOUR]
    names = ("lead_id", "as_of", "run_id", "grade", "fit", "behaviour")
    steps = [store.score_history(lead_id)[:2] for lead_id in ("stays", "moves", "goes", "gone")]
    told = [tuple(getattr(step, name) for name in names) for two in steps for step in two]
    frames = [store.validity_at("lead", instant).astype(object) for instant in instants]
    return [*told, *(frame.where(frame.notna(), None).to_dict("index") for frame in frames)]


def test_the_past_and_what_lasts_are_told_alike_before_and_after_the_next_run(
    settings: StateSettings, tmp_path: Path
) -> None:
    at_step(settings, tmp_path, "0005", rows_of_three_kinds)
    assert [step[:4] for step in migrate(settings, tmp_path)] == ["0006"]
    store = open_store(settings, tmp_path)
    before = past(store)
    seen = evaluation({"stays": {}, "moves": {}})
    known = seen.leads[["country", "plan"]]
    committed = commit(store, T0, evaluation=seen, shown=["country"], validity={"lead": known})
    after, now = past(store), store.validity_at("lead", T0).to_dict("index")
    again = commit(store, T0 + HOUR, evaluation=seen, shown=["country"], validity={"lead": known})
    store.close()
    assert before == after
    begun = T0 - 2 * HOUR
    old = ("stays", begun - timedelta(microseconds=9), "q", "D4", 10.0, 1.0)
    assert before[:2] == [old, ("stays", begun, "r", "B3", 50.0, 41.0)]
    assert before[8] == {one: {"country": "US"} for one in ("gone", "goes", "moves", "stays")}
    assert before[9] == before[10]
    assert before[10] == {
        "goes": {"country": "DE", "plan": None},
        "moves": {"country": "FR", "plan": None},
        "stays": {"country": "NA", "plan": "trial"},
    }
    assert now == {one: {"country": "NA", "plan": "trial"} for one in ("moves", "stays")}
    assert (committed.leads_written, committed.leads_gone, committed.validity_changes) == (2, 1, 2)
    assert (again.leads_written, again.validity_changes, again.scores_written) == (0, 0, 0)
