"""Real servers, and channels that are pointed at them."""

from collections.abc import Iterator

import pytest

from pql.config.settings import Notifiers, SlackSettings
from pql.domain.durations import Duration
from pql.notify import Channel, open_channels
from tests.notifiers import starter_templates
from tests.servers.certificates import Authority
from tests.servers.slack import TOKEN, SlackServer, slack_server


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with slack_server() as server:
        yield server


def slack_channel(base_url: str, *, token: str = TOKEN, timeout: int = 5) -> Channel:
    settings = SlackSettings(token=token, base_url=base_url, timeout=Duration(timeout))
    return open_channels(Notifiers(slack=settings, templates=starter_templates()))["slack"]


@pytest.fixture
def slack_to(slack: SlackServer) -> Channel:
    """The Slack channel, pointed at the test server."""
    return slack_channel(slack.base_url)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))
