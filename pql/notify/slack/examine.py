"""Whether Slack will take messages: token, scopes, clocks, every channel and every person. Sends nothing."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from pql.config.settings import SlackSettings
from pql.domain.health import Examined, failed, ok, warning
from pql.errors import DeliveryError
from pql.notify.failing import failing
from pql.notify.slack.client import SlackClient

SCOPES = frozenset(
    {
        "chat:write",
        "users:read",
        "users:read.email",
        "im:write",
        "im:history",
        "channels:history",
        "groups:history",
        "channels:read",
        "groups:read",
    }
)
_APART, _FAR_APART = timedelta(seconds=30), timedelta(minutes=4)  # signed requests are good for five minutes
_CLOCK = "set the clock of this machine: switch its time service (NTP) on"


def examine_slack(
    settings: SlackSettings, now: datetime, *, channels: Sequence[str], people: Sequence[str]
) -> Iterator[Examined]:
    """Each thing in turn.

    Args:
        settings: The token and where Slack is.
        now: To compare the clocks.
        channels: `#name` or ids, as the configuration names them.
        people: Emails or ids of those who get direct messages.
    """
    client = SlackClient(settings)
    try:
        answer, headers = client.ask("auth.test", "the token")
    except DeliveryError as error:
        yield failing("Slack: token", error)
        return
    yield ok("Slack: token", f"{answer.get('user', 'the app')} in the workspace {answer.get('team', '?')}")
    yield _scopes(headers)
    yield _clock(headers, now)
    yield from _channels(client, channels)
    yield from _people(client, people)


def _scopes(headers: Mapping[str, str]) -> Examined:
    what = "Slack: scopes"
    if "x-oauth-scopes" not in headers:
        return warning(what, "Slack does not say which scopes the token has", "see whether a message arrives: --send")
    granted = {scope.strip() for scope in headers["x-oauth-scopes"].split(",")}
    if missing := sorted(SCOPES - granted):
        cure = "add them to the app (docs/slack-app-manifest.yml has all), and install it again"
        return failed(what, f"missing: {', '.join(missing)}", cure)
    return ok(what, f"all {len(SCOPES)} that are needed")


def _clock(headers: Mapping[str, str], now: datetime) -> Examined:
    what = "Clock"
    try:
        apart = abs(now - parsedate_to_datetime(headers["date"]))
    except (KeyError, TypeError, ValueError):
        return warning(what, "Slack's answer bears no date to compare with", "compare this machine's clock by hand")
    words = f"{apart.total_seconds():.0f} seconds apart from Slack's"
    if apart < _APART:
        return ok(what, words)
    return warning(what, words, _CLOCK) if apart < _FAR_APART else failed(what, words, _CLOCK)


def _channels(client: SlackClient, wanted: Sequence[str]) -> Iterator[Examined]:
    if not wanted:
        return
    asked = {"types": "public_channel,private_channel", "exclude_archived": False}
    try:
        found = [one for page in client.pages("conversations.list", "all channels", asked) for one in page["channels"]]
    except DeliveryError as error:
        yield failing("Slack: channels", error)
        return
    known = {key: one for one in found for key in (f"#{one.get('name')}", str(one.get("id")))}
    for name in wanted:
        yield _channel(f"Slack: {name}", known.get(name))


def _channel(what: str, channel: Mapping[str, Any] | None) -> Examined:
    if channel is None:
        cure = "correct it in config/, or, if the channel is private: /invite @PQL there"
        return failed(what, "no such channel, or it is private and the app is not in it", cure)
    if channel.get("is_archived"):
        return failed(what, "the channel is archived", "name another in config/")
    if not channel.get("is_member"):
        return failed(what, "the app is not in the channel", "type in the channel: /invite @PQL")
    return ok(what, "the app is in the channel")


def _people(client: SlackClient, wanted: Sequence[str]) -> Iterator[Examined]:
    for number, person in enumerate(wanted):
        what = f"Slack: {person}"
        try:
            if "@" in person:
                answer = client.call("users.lookupByEmail", person, params={"email": person})
            else:
                answer = client.call("users.info", person, params={"user": person})
        except DeliveryError as error:
            if not error.permanent:
                left = len(wanted) - number
                yield warning("Slack: people", f"{error}; {left} were not looked up", "ask again in a minute")
                return
            yield failing(what, error)
            continue
        if (answer.get("user") or {}).get("deleted"):
            yield failed(what, "this person left the workspace", "mark the rep as inactive in config/routing.yml")
        else:
            yield ok(what, "found")
