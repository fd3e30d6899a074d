"""The commands, as a user runs them: in a process of their own."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pql.demo import UNTIL
from tests.acceptance.commands import pql
from tests.worlds import make_world


def instant(days_ago: int) -> str:
    return (UNTIL - timedelta(days=days_ago)).isoformat()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("cli") / "project")


@pytest.fixture(scope="module")
def ran(project: Path) -> Path:
    done = pql("run", "--as-of", instant(0), cwd=project)
    assert done.returncode == 0, done.stderr
    return project


def live_lead(project: Path) -> str:
    with sqlite3.connect(project / "var" / "state.db") as connection:
        rows = connection.execute("SELECT lead_id FROM qualifications WHERE status = 'open' LIMIT 1").fetchall()
    return str(rows[0][0])


COMMANDS = (
    *("init", "check", "demo", "run", "watch", "deliver", "serve", "explain"),
    *("leads", "customers", "notifications"),
    *("claim", "snooze", "reject", "won", "lost", "mute", "mutes", "unmute"),
    *("pause", "resume", "migrate", "version", "why", "sources"),
    *("reps", "absent", "back", "routes"),
    *("digest", "remind"),
)


def test_help_names_every_command(tmp_path: Path) -> None:
    done = pql("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert [name for name in COMMANDS if f" {name} " not in done.stdout] == []


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("pandas", "numpy", "sqlalchemy", "pydantic", "duckdb")
    code = f"import sys, pql.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_wrong_usage_is_exit_2(tmp_path: Path) -> None:
    assert pql("run", "--as-of", "yesterday", cwd=tmp_path).returncode == 2
    assert pql("no-such-command", cwd=tmp_path).returncode == 2


def test_a_folder_that_is_no_project_is_told_so(tmp_path: Path) -> None:
    done = pql("run", cwd=tmp_path)
    assert done.returncode == 1
    assert "config/pql.yml" in done.stderr
    assert "Traceback" not in done.stderr


def test_init_makes_a_project_without_problems(tmp_path: Path) -> None:
    assert pql("init", "mine", cwd=tmp_path).returncode == 0
    done = pql("check", "--no-source", cwd=tmp_path / "mine")
    assert (done.returncode, done.stdout) == (0, "")
    assert "mode: off" in (tmp_path / "mine" / "config" / "pql.yml").read_text(encoding="utf-8")


def test_init_refuses_a_folder_with_a_project_in_it(project: Path) -> None:
    done = pql("init", str(project), cwd=project)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_check_finds_nothing_in_the_starter_with_its_database(project: Path) -> None:
    done = pql("check", cwd=project)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout


def test_check_names_file_line_and_column_and_exits_1(project: Path, tmp_path: Path) -> None:
    assert pql("init", "mine", cwd=tmp_path).returncode == 0
    file = tmp_path / "mine" / "signals" / "feature_breadth.yml"
    file.write_text(file.read_text(encoding="utf-8").replace("window:", "windw:"), encoding="utf-8")
    done = pql("check", "--no-source", cwd=tmp_path / "mine")
    assert done.returncode == 1
    assert done.stdout.startswith("signals/feature_breadth.yml:")
    assert "did you mean 'window'" in done.stdout


def test_results_go_to_stdout_and_json_is_json(ran: Path) -> None:
    for command in (["leads"], ["customers"], ["notifications"], ["explain", live_lead(ran)]):
        done = pql(*command, "--json", cwd=ran)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
        assert pql(*command, cwd=ran).stdout


def test_explain_says_with_which_numbers_the_lead_qualified(ran: Path) -> None:
    done = pql("explain", live_lead(ran), cwd=ran)
    grounds = [line for line in done.stdout.splitlines() if "opened with" in line]
    assert len(grounds) == 1
    assert re.search(r": .+ \(\d+\.\d points\)", grounds[0]), grounds


def test_a_run_again_is_a_no_op_and_says_so(ran: Path) -> None:
    done = pql("run", "--as-of", instant(0), cwd=ran)
    assert done.returncode == 0
    assert "nothing to do" in done.stdout


def test_leads_are_shown_and_explained_while_a_job_has_the_rollup_open(ran: Path) -> None:
    with duckdb.connect(str(ran / "var" / "rollup.duckdb")):
        for command in (["leads"], ["explain", live_lead(ran)]):
            done = pql(*command, cwd=ran)
            assert done.returncode == 0, done.stderr
        done = pql("run", "--dry-run", "--as-of", instant(1), cwd=ran)
        assert done.returncode == 1
        assert "the rollup in 'rollup.duckdb' is in use by another job" in done.stderr
        assert "Traceback" not in done.stderr


def test_an_earlier_run_is_refused_with_what_to_do(ran: Path) -> None:
    done = pql("run", "--as-of", instant(1), cwd=ran)
    assert done.returncode == 1
    assert "--dry-run" in done.stderr
    assert "Traceback" not in done.stderr


def test_explain_of_an_unknown_lead_says_what_to_do(ran: Path) -> None:
    done = pql("explain", "no such lead anywhere", cwd=ran)
    assert done.returncode == 1
    assert "pql leads" in done.stderr or "give the id" in done.stderr


def test_a_lead_is_claimed_snoozed_and_lost_by_its_rep(ran: Path) -> None:
    lead = live_lead(ran)
    for command, said in (
        (["claim", lead], "holds"),
        (["snooze", lead, "--for", "3 days"], "nooze"),
        (["lost", lead, "--reason", "no budget"], "ost"),
    ):
        done = pql(*command, "--by", "mia.berg@plotline.test", cwd=ran)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
    done = pql("claim", lead, "--by", "mia.berg@plotline.test", cwd=ran)
    assert done.returncode == 1
    assert pql("snooze", lead, "--by", "x@plotline.test", "--for", "soon", cwd=ran).returncode == 2


def test_a_mute_is_kept_listed_and_taken_back(ran: Path) -> None:
    lead = live_lead(ran)
    kept = pql("mute", lead, "--about", "paywall_hit", "--for", "14 days", "--reason", "in talks", cwd=ran)
    assert kept.returncode == 0, kept.stderr
    number = kept.stdout.split()[1]
    [listed] = json.loads(pql("mutes", "--json", cwd=ran).stdout)
    assert (listed["lead_id"], listed["topic"], listed["reason"]) == (lead, "paywall_hit", "in talks")
    assert pql("unmute", number, cwd=ran).returncode == 0
    assert pql("mutes", cwd=ran).stdout == "Nothing is muted.\n"
    again = pql("unmute", number, cwd=ran)
    assert again.returncode == 2
    assert f"no mute {number} holds" in again.stderr.replace("\n", " ")


def test_a_mute_of_nothing_and_of_what_there_is_not_is_refused(ran: Path) -> None:
    assert "name a lead, --rep or --about" in pql("mute", "--reason", "x", cwd=ran).stderr.replace("\n", " ")
    unknown = pql("mute", "--about", "paywal_hit", "--reason", "x", cwd=ran)
    assert unknown.returncode == 1
    assert "did you mean paywall_hit?" in unknown.stderr


def test_pause_and_resume_are_said(ran: Path) -> None:
    assert "paused" in pql("pause", "--by", "mia", cwd=ran).stdout
    assert pql("resume", cwd=ran).returncode == 0


def test_the_routing_tree_is_shown_and_a_leads_way_through_it(ran: Path) -> None:
    tree = pql("routes", cwd=ran)
    assert "  emea: country one of DE, GB" in tree.stdout, tree.stderr
    lead = live_lead(ran)
    tried = pql("routes", "test", lead, "--moment", "paywall_hit", cwd=ran)
    assert tried.returncode == 0, tried.stderr
    assert tried.stdout.endswith("Nothing was sent or remembered.\n")
    said = json.loads(pql("routes", "test", lead, "--json", cwd=ran).stdout)
    assert said["rep"].endswith("@plotline.test")
    assert said["path"]
    assert said["targets"]
    for wrong, cure in ((["nobody"], "pql leads"), ([lead, "--moment", "paywal"], "paywall_hit")):
        done = pql("routes", "test", *wrong, cwd=ran)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False)
        assert cure in done.stderr


def test_a_rep_is_away_until_they_are_back(ran: Path) -> None:
    said = pql("absent", "owen@plotline.test", "--until", "2100-01-04", "--by", "ops", "--reason", "ski", cwd=ran)
    assert (said.returncode, "Owen Hale is away until 2100-01-04" in said.stdout) == (0, True), said.stderr
    assert "Mon 04 Jan 00:00, ski" in pql("reps", cwd=ran).stdout
    rows = {row["name"]: row for row in json.loads(pql("reps", "--json", cwd=ran).stdout)}
    assert [name for name, row in rows.items() if row["away_until"]] == ["Owen Hale"]
    assert pql("back", "owen hale", cwd=ran).stdout == "Owen Hale is back.\n"
    again = pql("back", "owen hale", cwd=ran)
    assert (again.returncode, "Owen Hale is not away" in again.stderr) == (1, True)


def test_migrate_of_a_current_database_does_nothing(ran: Path) -> None:
    assert "up to date" in pql("migrate", cwd=ran).stdout


def test_serve_runs_the_jobs_alone_on_its_file_and_stops_on_sigterm(project: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pql", "serve"],
        cwd=project,
        env={**os.environ, "PQL_STATE_URL": f"sqlite:///{tmp_path}/state.db"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(600):
            if (tmp_path / "state.db").exists() and runs_done(tmp_path / "state.db"):
                break
            time.sleep(0.1)
        second = pql("serve", cwd=project, environ={"PQL_STATE_URL": f"sqlite:///{tmp_path}/state.db"})
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert '"action": "stopped"' in said
    assert second.returncode == 1
    assert re.search(rf"`pql serve` is running already: \S+:{process.pid} since 20", second.stderr)
    assert runs_done(tmp_path / "state.db")


def runs_done(file: Path) -> bool:
    with sqlite3.connect(file) as connection:
        try:
            return bool(connection.execute("SELECT count(*) FROM runs WHERE status = 'done'").fetchone()[0])
        except sqlite3.OperationalError:
            return False


def test_a_digest_is_previewed_without_a_trace(ran: Path) -> None:
    shown = pql("digest", "--preview", "--rep", "mia@plotline.test", cwd=ran)
    week = pql("digest", "--preview", "--weekly", cwd=ran)
    assert (shown.returncode, week.returncode) == (0, 0), shown.stderr + week.stderr
    assert shown.stdout.startswith("To mia@plotline.test")
    assert week.stdout.startswith("Subject: The week at Plotline: ")
    with sqlite3.connect(ran / "var" / "state.db") as connection:
        assert connection.execute("SELECT count(*) FROM runs WHERE job = 'digest'").fetchone() == (0,)


def test_what_to_preview_needs_the_word_and_a_rep_who_is_known(ran: Path) -> None:
    assert pql("digest", "--weekly", cwd=ran).returncode == 2
    unknown = pql("digest", "--preview", "--rep", "eve@plotline.test", cwd=ran)
    assert unknown.returncode == 1
    assert "none of the reps" in unknown.stderr


def test_digests_and_reminders_say_what_they_wrote(ran: Path) -> None:
    written = [pql(name, "--json", cwd=ran) for name in ("digest", "remind")]
    assert [done.returncode for done in written] == [0, 0], [done.stderr for done in written]
    assert json.loads(written[1].stdout) == {"reminders": 0, "escalations": 0}
