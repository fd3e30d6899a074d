"""Bad databases: every error says what happened and what to do, and nothing is changed."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread, Timer

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import event

from pql.config.settings import StateSettings
from pql.errors import StateError
from pql.store import Store, migrate, open_store
from pql.store.engine import connect
from pql.store.records import Run, RunResults
from pql.store.tables import outbox
from tests.integration.store.samples import T0, commit, content, evaluation, message

SQLITE = StateSettings(url="sqlite:///var/state.db")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("var/state.db", "state.url is no database URL; write sqlite:///var/state.db or postgresql://user@host/name"),
        ("mysql://root@host/pql", "state.url is of 'mysql'; the state can stand in sqlite or postgresql"),
        ("postgresql://u:geheim@127.0.0.1:1/pql", "the connection failed: check that it runs and that state.url"),
    ],
)
def test_a_url_that_leads_nowhere_says_what_to_do_and_keeps_its_secret(url: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(StateError, match=said) as failure:
        open_store(StateSettings(url=url), tmp_path)
    assert "geheim" not in str(failure.value)


def test_the_settings_never_show_the_password() -> None:
    assert "geheim" not in repr(StateSettings(url="postgresql://u:geheim@host/pql"))


def test_a_database_that_does_not_exist_asks_for_it(postgres_url: str, tmp_path: Path) -> None:
    absent = sa.make_url(postgres_url).set(database="nowhere").render_as_string(hide_password=False)
    with pytest.raises(StateError, match="nowhere"):
        open_store(StateSettings(url=absent), tmp_path)


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var/state.db").write_text("Dear diary, " * 1000)
    with pytest.raises(StateError, match="the file is no SQLite database"):
        migrate(SQLITE, tmp_path)


def test_who_opens_a_new_file_while_another_writes_to_it_waits(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE theirs (a)")
    other.execute("BEGIN IMMEDIATE")
    ending = Timer(0.3, other.execute, ["COMMIT"])
    ending.start()
    database = connect(StateSettings(url="sqlite:///state.db"), tmp_path)
    with database.writes() as connection:
        connection.exec_driver_sql("CREATE TABLE ours (a)")
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    database.close()
    ending.join()
    other.close()


def test_a_folder_in_the_way_says_so(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file, where a folder should be")
    with pytest.raises(StateError, match="its folder cannot be made"):
        migrate(SQLITE, tmp_path)


WRITE = """
import os, sys
from pathlib import Path
from pql.config.settings import StateSettings
from pql.errors import StateError
from pql.store import open_store
from tests.integration.store.samples import HOUR, T0, commit
# All is imported by now: the other user may not be allowed to read this checkout.
commit(open_store(StateSettings(url="sqlite://"), Path()))
if os.getuid() == 0:
    os.setuid(65534)
try:
    store = open_store(StateSettings(url="sqlite:///var/state.db"), Path(sys.argv[1]))
    commit(store, T0 + HOUR)
except StateError as error:
    print(error)
"""


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o555, 0o444), (0o777, 0o444), (0o555, 0o666)])
def test_a_read_only_file_or_folder_says_what_to_do(tmp_path: Path, folder_mode: int, file_mode: int) -> None:
    migrate(SQLITE, tmp_path)
    folder, file = tmp_path / "var", tmp_path / "var/state.db"
    for above in [tmp_path, *list(tmp_path.parents)[:3]]:
        if above.owner() == tmp_path.owner() and above != Path("/tmp"):
            above.chmod(0o755)
    file.chmod(file_mode)
    folder.chmod(folder_mode)
    root = Path(__file__).parents[3]
    # A user without rights, as in a container: root may write anything.
    told = subprocess.run(
        [sys.executable, "-c", WRITE, str(tmp_path)], cwd=root, capture_output=True, text=True, check=False, timeout=60
    )
    folder.chmod(0o755)
    if "Permission" in told.stderr and "pql" in told.stderr:
        pytest.skip("the unprivileged user cannot read this checkout")
    assert "make both writable" in told.stdout or "its folder exists and is writable" in told.stdout, told.stderr


def test_a_full_disk_says_so_and_changes_nothing(tmp_path: Path) -> None:
    migrate(SQLITE, tmp_path)
    store = open_store(SQLITE, tmp_path)
    run = store.begin_run("run", T0, T0)
    before = content(store)

    # SQLite's own limit gives the very error of a full disk.
    def limit(connection: sa.Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    event.listen(store._database.engine, "begin", limit)
    leads = {f"lead{number}": {"name": "x" * 500} for number in range(200)}
    with pytest.raises(StateError, match="the disk is full: free some space and run again; nothing was changed"):
        commit_in(store, run, leads)
    event.remove(store._database.engine, "begin", limit)
    assert content(store) == before
    store.close()


def commit_in(store: Store, run: Run, leads: dict[str, dict[str, str]]) -> None:
    store.commit_run(run, RunResults(definitions_hash="hash", evaluation=evaluation(leads)), T0)


def test_a_connection_that_is_lost_is_told_and_the_next_call_has_a_new_one(postgres_url: str, tmp_path: Path) -> None:
    settings = StateSettings(url=postgres_url)
    migrate(settings, tmp_path)
    store = open_store(settings, tmp_path)
    run = store.begin_run("run", T0, T0)
    before = content(store)

    cuts: list[int] = []

    def cut(connection: sa.Connection, *_: object) -> None:
        if cuts:
            return
        pid = connection.connection.dbapi_connection.info.backend_pid  # type: ignore[union-attr]
        with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        cuts.append(pid)

    event.listen(store._database.engine, "before_cursor_execute", cut)
    with pytest.raises(StateError, match="try again"):
        commit_in(store, run, {"a": {}})
    assert content(store) == before
    commit_in(store, run, {"a": {}})
    assert store.lead("a") is not None
    store.close()


def test_a_read_only_server_says_what_to_do(postgres_url: str, tmp_path: Path) -> None:
    settings = StateSettings(url=postgres_url)
    migrate(settings, tmp_path)
    standby = f"{postgres_url}{'&' if '?' in postgres_url else '?'}options=-c%20default_transaction_read_only%3Don"
    store = open_store(StateSettings(url=standby), tmp_path)
    with pytest.raises(StateError, match="it is read-only: point"):
        store.begin_run("run", T0, T0)
    store.close()


def test_a_file_that_another_process_holds_too_long_says_so(tmp_path: Path) -> None:
    migrate(SQLITE, tmp_path)
    store = open_store(StateSettings(url="sqlite:///var/state.db?timeout=0.05"), tmp_path)
    other = connect(SQLITE, tmp_path)
    with (
        other.writes(),
        pytest.raises(StateError, match="another process is writing to it: wait until it is done and try again"),
    ):
        store.begin_run("run", T0, T0)
    store.close()
    other.close()


def test_readers_are_not_held_up_by_a_writer(store: Store) -> None:
    commit(store, outbox=[message("m")])
    inside, done = Event(), Event()

    def write() -> None:
        with store._database.writes() as connection:
            connection.execute(sa.text("UPDATE outbox SET address = 'elsewhere'"))
            inside.set()
            done.wait(10)

    writer = Thread(target=write)
    writer.start()
    assert inside.wait(10)
    assert store.notifications()[0].address == "#pql"
    done.set()
    writer.join()
    assert store.notifications()[0].address == "elsewhere"


def test_errors_never_show_what_is_stored(store: Store) -> None:
    commit(store)
    # A message that breaks a rule of the database: it is due at no time.
    row = {"delivery_id": "1", "run_id": store.runs()[0].id, "payload": "ada@secret.test", "created_at": 0}
    with pytest.raises(StateError) as failure, store._database.writes() as connection:
        connection.execute(sa.insert(outbox).values({**row, "due_at": None}))
    assert "due_at" in str(failure.value)
    assert "ada@secret.test" not in str(failure.value)
