"""What every channel promises, whatever it speaks."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pql.app import utc_now as now
from pql.config.settings import EmailSettings, FileSettings, Notifiers, SlackSettings, WebhookSettings
from pql.domain.durations import Duration
from pql.domain.messages import Subject
from pql.errors import DeliveryError
from pql.notify import CHANNELS, Channel, open_channels
from pql.notify.alerts import alert_of
from pql.notify.clean import clean
from tests.notifiers import outgoing, sample, starter_templates
from tests.servers.slack import TOKEN, slack_server
from tests.servers.smtp import mail_server
from tests.servers.webhook import SECRET, webhook_server

SECRETS = (TOKEN, "not-sent-s3cret", SECRET)


@dataclass(frozen=True)
class Setting:
    notifiers: Notifiers
    close: ExitStack


@pytest.fixture
def setting(tmp_path: Path) -> Iterator[Setting]:
    """All channels set up against servers of our own."""
    with ExitStack() as stack:
        slack, mail = stack.enter_context(slack_server()), stack.enter_context(mail_server())
        email = EmailSettings(
            host="127.0.0.1", port=mail.port, security="none", sender="pql@plotline.test", password=SECRETS[1]
        )
        receiver = stack.enter_context(webhook_server())
        webhook = WebhookSettings(
            url=receiver.url, secrets=(SECRET,), allow_http=True, allow_private=("localhost",), timeout=Duration(5)
        )
        yield Setting(
            notifiers=Notifiers(
                slack=SlackSettings(token=TOKEN, base_url=slack.base_url, timeout=Duration(5)),
                email=email,
                webhook=webhook,
                file=FileSettings(folder=tmp_path / "outbox"),
                templates=starter_templates(),
            ),
            close=stack,
        )


@pytest.fixture(params=CHANNELS)
def channel(request: pytest.FixtureRequest, setting: Setting) -> Channel:
    return open_channels(setting.notifiers, now)[request.param]


def test_only_what_is_set_up_is_opened(setting: Setting) -> None:
    assert set(open_channels(setting.notifiers, now)) == set(CHANNELS) == {"slack", "email", "webhook", "file"}
    assert open_channels(Notifiers()) == {}


def test_every_channel_has_a_folder_in_the_starter_and_a_page_in_the_docs() -> None:
    root = Path(__file__).parents[3]
    told = (root / "docs" / "channels.md").read_text(encoding="utf-8").lower()
    for name in CHANNELS:
        assert (root / "notifiers" / name / "channel.yml").is_file()
        assert f"\n## {name}" in told


@pytest.mark.parametrize("subject", Subject)
def test_a_rendered_message_survives_the_outbox(channel: Channel, subject: Subject) -> None:
    rendered = channel.render(sample(subject))
    assert rendered.channel == channel.name
    assert rendered == channel.render(sample(subject))
    stored = json.loads(json.dumps(rendered.payload))
    assert stored == rendered.payload
    assert stored["as_of"] == sample(subject).as_of.isoformat()
    assert alert_of(stored) == clean(sample(subject))
    assert channel.send(replace(outgoing(rendered), payload=stored)).reference


def test_a_message_stays_small(channel: Channel) -> None:
    assert len(json.dumps(channel.render(sample()).payload)) < 64 * 1024


def test_no_secret_is_in_an_error_or_in_what_python_prints(channel: Channel, setting: Setting, tmp_path: Path) -> None:
    message = outgoing(channel.render(sample()))
    setting.close.close()
    (tmp_path / "outbox").write_text("in the way", encoding="utf-8")
    with pytest.raises(DeliveryError) as raised:
        channel.send(message)
    assert not raised.value.permanent
    printed = f"{raised.value} {raised.value.__cause__!r} {setting.notifiers!r} {channel!r}"
    assert [secret for secret in SECRETS if secret in printed] == []


def test_a_payload_that_is_none_is_refused_for_good(channel: Channel) -> None:
    with pytest.raises(DeliveryError) as raised:
        channel.send(replace(outgoing(channel.render(sample())), payload={}))
    assert raised.value.permanent
    assert not raised.value.ambiguous
