"""`pql doctor` over a whole project and real servers: what it finds, and that it sends nothing unasked."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from pql.app import diagnose, migrate_state
from pql.cli.main import app
from pql.config.starter import copy_starter
from pql.demo import generate
from pql.domain.health import Examined, State
from tests.servers.slack import TOKEN, Conversation, SlackServer, slack_server
from tests.servers.smtp import PASSWORD, MailServer, mail_server
from tests.servers.webhook import SECRET, WebhookServer, webhook_server

REPS = ("mia", "owen", "dana", "luis", "yuki", "priya")
NAMED = ("pql-emea", "pql-americas", "pql-apac", "pql-test", "pql-team")


@dataclass
class Place:
    """A project and the servers that it talks to."""

    folder: Path
    slack: SlackServer
    mail: MailServer
    receiver: WebhookServer
    environ: dict[str, str]

    def found(self, *, send: bool = False) -> Mapping[str, Examined]:
        found = diagnose(self.folder, self.environ, send=send)
        shown = repr(found)
        assert not [secret for secret in (TOKEN, PASSWORD, SECRET, "/hooks/pql") if secret in shown]
        return {one.what: one for one in found}

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor") / "project"
    copy_starter(folder)
    generate(folder / "data" / "usage.duckdb", accounts=50, days=30)
    migrate_state(folder, {})
    return folder


@pytest.fixture
def place(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    folder = shutil.copytree(whole, tmp_path / "project")
    with slack_server() as slack, mail_server() as mail, webhook_server() as receiver:
        slack.users = {f"{name}@plotline.test": f"U0{name.upper()}" for name in REPS}
        slack.conversations = {f"C{number}": Conversation(f"C{number}", name) for number, name in enumerate(NAMED)}
        environ = {
            "SLACK_BOT_TOKEN": TOKEN,
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(mail.port),
            "SMTP_SECURITY": "none",
            "SMTP_SENDER": "PQL <pql@plotline.test>",
            "PQL_WEBHOOK_URL": receiver.url,
            "PQL_WEBHOOK_SECRET": SECRET,
        }
        place = Place(folder, slack, mail, receiver, environ)
        place.edit("notifiers/slack/channel.yml", "token:", f"base_url: {slack.base_url}\ntoken:")
        place.edit("notifiers/webhook/channel.yml", "url:", "allow_http: true\nallow_private: [localhost]\nurl:")
        place.edit("config/pql.yml", "  redirect: {slack", "  redirect: {file: here, slack")
        place.edit("config/pql.yml", "operator: {email", 'operator: {slack: "#pql-test", email')
        yield place


def failures(found: Mapping[str, Examined]) -> dict[str, str]:
    return {what: one.words for what, one in found.items() if one.state is State.FAILED}


def test_where_all_is_well_it_says_so_of_each_thing_and_sends_nothing(place: Place) -> None:
    found = place.found()
    assert failures(found) == {}
    looked_at = {
        "Project files", "Usage database", "Usage database: rights", "State database", "Delivery", "Operator",
        "Slack: token", "Slack: scopes", "Clock", "Email: server", "Email: sender", "Webhook: address",
        "Webhook: connection", "Webhook: secrets", "Templates",
    }  # fmt: skip
    looked_at |= {f"Slack: #{name}" for name in NAMED} | {f"Slack: {name}@plotline.test" for name in REPS}
    assert set(found) == looked_at
    assert (place.slack.messages, place.mail.messages, place.receiver.calls) == ([], [], 0)


def test_with_send_each_channel_gets_one_message(place: Place) -> None:
    found = place.found(send=True)
    assert {what for what in found if "test message" in what} == {
        "Slack: test message",
        "Email: test message",
        "Webhook: test message",
        "File: test message",
    } - ({"File: test message"} if not (place.folder / "notifiers/file").is_dir() else set())
    assert (len(place.slack.messages), len(place.mail.messages), len(place.receiver.taken)) == (1, 1, 1)
    assert place.slack.messages[0]["channel"] == "C3"
    assert place.mail.messages[0]["To"] == "ops@plotline.test"


def test_databases_that_cannot_be_used_are_told_and_the_rest_is_looked_at(place: Place) -> None:
    (place.folder / "data" / "usage.duckdb").unlink()
    (place.folder / "var" / "state.db").write_bytes(b"no database at all, just some words" * 50)
    found = place.found()
    assert set(failures(found)) == {"Usage database", "State database"}
    assert found["Slack: token"].state is State.OK


def test_a_state_database_that_is_not_there_yet_is_only_a_warning(place: Place) -> None:
    (place.folder / "var" / "state.db").unlink()
    assert place.found()["State database"].state is State.WARNING


def test_a_user_who_may_write_to_the_usage_tables_is_warned_of(place: Place, postgres_url: str) -> None:
    server = postgres_url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE TABLE usage_events (account_id text)")
        place.environ["PQL_USAGE_URL"] = postgres_url
        assert place.found()["Usage database: rights"].state is State.WARNING
        connection.execute("DROP ROLE IF EXISTS pql_reader")
        connection.execute("CREATE ROLE pql_reader")
        connection.execute("GRANT SELECT ON usage_events TO pql_reader")
        name = connection.execute("SELECT current_user").fetchone()
        try:
            joined = "&" if "?" in postgres_url else "?"
            place.environ["PQL_USAGE_URL"] = f"{postgres_url}{joined}options=-c%20role%3Dpql_reader"
            assert place.found()["Usage database: rights"].state is State.OK, name
        finally:
            connection.execute("DROP OWNED BY pql_reader")
            connection.execute("DROP ROLE pql_reader")


def test_files_that_are_not_sound_come_first(place: Place) -> None:
    place.edit("config/routing.yml", "fallback:", "fall_back:")
    assert set(place.found()) == {"Project files"}


def test_the_command_ends_with_1_if_anything_fails(place: Place) -> None:
    runner = CliRunner(env=place.environ)
    sound = runner.invoke(app, ["doctor", "-C", str(place.folder)])
    assert sound.exit_code == 0, sound.output
    place.slack.scopes = "chat:write"
    broken = runner.invoke(app, ["doctor", "-C", str(place.folder), "--json"])
    assert broken.exit_code == 1
    assert TOKEN not in broken.output


def test_reps_that_the_source_lists_are_looked_at_too(place: Place) -> None:
    rows = "('nina@plotline.test', 'Nina', 'Europe/Berlin', true), ('left@plotline.test', 'Left', 'UTC', false)"
    text = f"SELECT * FROM (VALUES {rows}) AS reps(email, name, time_zone, active)\n"
    (place.folder / "sql" / "reps.sql").write_text(text, encoding="utf-8")
    found = place.found()
    assert "2 in sql/reps.sql, 1 of them active" in found["Reps"].words
    assert found["Slack: nina@plotline.test"].state is State.FAILED
    assert "Slack: left@plotline.test" not in found
    (place.folder / "sql" / "reps.sql").write_text(text.replace("Europe/Berlin", "Berlin"), encoding="utf-8")
    assert place.found()["Reps"].words == "of sql/reps.sql these are no time zones: Berlin"
    (place.folder / "sql" / "reps.sql").write_text(text.replace("nina@plotline.test", "nina"), encoding="utf-8")
    assert place.found()["Reps"].words == "of sql/reps.sql these are no addresses: nina"


def test_who_wants_no_slack_is_not_looked_up_there(place: Place) -> None:
    place.edit("config/routing.yml", "name: Owen Hale", "name: Owen Hale, channels: [email]")
    assert "Slack: owen@plotline.test" not in place.found()
    assert "Slack: mia@plotline.test" in place.found()
