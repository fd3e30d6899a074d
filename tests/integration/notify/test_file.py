"""The file channel, on a real folder."""

import json
import os
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from pql.config.settings import FileSettings, Notifiers
from pql.domain.messages import Outgoing, Subject
from pql.errors import DeliveryError
from pql.notify import Channel, open_channels
from tests.notifiers import outgoing, sample, starter_templates

FILES = {"email.eml", "email.html", "email.txt", "message.json", "preview.html", "slack.json", "slack.txt"}


def file_channel(folder: Path) -> Channel:
    return open_channels(Notifiers(file=FileSettings(folder=folder), templates=starter_templates()))["file"]


def message_for(channel: Channel, delivery_id: str = "delivery-1", name: str = "Acme Corp") -> Outgoing:
    return outgoing(channel.render(replace(sample(), lead_name=name)), delivery_id=delivery_id)


def folders(outbox: Path) -> list[Path]:
    return sorted(path for path in outbox.iterdir() if path.is_dir())


@pytest.mark.parametrize("subject", Subject)
def test_a_message_of_every_subject_is_a_set_of_files(tmp_path: Path, subject: Subject) -> None:
    channel = file_channel(tmp_path / "var" / "outbox")
    folder = Path(channel.send(outgoing(channel.render(sample(subject)))).reference)
    assert {path.name for path in folder.iterdir()} == FILES
    eml = message_from_bytes((folder / "email.eml").read_bytes(), policy=default)
    assert eml["To"] == "mia@plotline.test"
    assert eml["Subject"] == sample(subject).title
    assert sample(subject).title in (folder / "slack.txt").read_text(encoding="utf-8")
    assert json.loads((folder / "slack.json").read_text(encoding="utf-8"))["blocks"]


def test_a_folders_name_says_when_who_and_what(tmp_path: Path) -> None:
    channel = file_channel(tmp_path)
    assert Path(channel.send(message_for(channel)).reference).name.startswith("2026-01-31-acme-corp-qualification-")


def test_the_same_delivery_twice_is_one_set(tmp_path: Path) -> None:
    channel = file_channel(tmp_path)
    first = channel.send(message_for(channel))
    again = file_channel(tmp_path).send(message_for(channel))
    assert (first.reconciled, again.reconciled) == (False, True)
    assert first.reference == again.reference
    assert len(folders(tmp_path)) == 1


def test_two_deliveries_about_one_lead_are_two_sets(tmp_path: Path) -> None:
    channel = file_channel(tmp_path)
    channel.send(message_for(channel, "delivery-1"))
    channel.send(message_for(channel, "delivery-2"))
    assert len(folders(tmp_path)) == 2


@pytest.mark.parametrize("name", ["../../etc/passwd", "/", "..", "con", "a/b\\c", "株式会社", "x" * 5000, "\0", "."])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    channel = file_channel(tmp_path / "outbox")
    folder = Path(channel.send(message_for(channel, name=name)).reference)
    assert folder.parent == tmp_path / "outbox"
    assert len(folder.name) < 120
    assert [path.name for path in tmp_path.iterdir()] == ["outbox"]


def test_the_page_lists_all_messages_also_those_of_earlier_processes(tmp_path: Path) -> None:
    for number in range(3):
        channel = file_channel(tmp_path)
        channel.send(message_for(channel, f"delivery-{number}"))
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert all(f"{folder.name}/preview.html" in page for folder in folders(tmp_path))
    assert len(folders(tmp_path)) == 3


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "message.json").write_text("no json", encoding="utf-8")
    channel = file_channel(tmp_path)
    channel.send(message_for(channel))
    assert "mine" not in (tmp_path / "index.html").read_text(encoding="utf-8")


def test_an_address_in_slack_needs_no_email_address(tmp_path: Path) -> None:
    channel = file_channel(tmp_path)
    folder = Path(channel.send(replace(message_for(channel), address="#pql-emea")).reference)
    assert "#pql-emea" in (folder / "preview.html").read_text(encoding="utf-8")


def test_a_half_written_draft_is_no_message(tmp_path: Path) -> None:
    channel = file_channel(tmp_path)
    folder = Path(channel.send(message_for(channel)).reference)
    folder.rename(folder.with_name(f".{folder.name}.{os.getpid()}"))
    assert not channel.send(message_for(channel)).reconciled
    assert [path for path in folders(tmp_path) if not path.name.startswith(".")] == [folder]


def test_a_folder_that_cannot_be_made_is_a_passing_error(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file", encoding="utf-8")
    channel = file_channel(tmp_path / "outbox")
    with pytest.raises(DeliveryError) as raised:
        channel.send(message_for(channel))
    assert (raised.value.permanent, raised.value.ambiguous) == (False, False)
    assert str(tmp_path / "outbox") in str(raised.value)


def test_a_payload_of_another_channel_is_refused_for_good(tmp_path: Path) -> None:
    channel = file_channel(tmp_path)
    with pytest.raises(DeliveryError) as raised:
        channel.send(replace(message_for(channel), payload={"subject": "x"}))
    assert raised.value.permanent
