"""Channels: how a message reaches a rep. `render` is pure, `send` is one call; each channel is a folder here.

A new channel is a folder with `open_channel(notifiers, clock)`, and one line in `CHANNELS`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from pql.config.settings import Notifiers
from pql.domain.messages import Alert
from pql.notify import email, file, slack, webhook
from pql.notify.channel import Channel
from pql.notify.email.render import render_email
from pql.notify.retry import next_attempt
from pql.notify.templates import Templates

__all__ = ["CHANNELS", "Channel", "as_text", "next_attempt", "open_channels"]

Clock: TypeAlias = Callable[[], datetime]

CHANNELS: Mapping[str, Callable[[Notifiers, Clock | None], Channel | None]] = {
    "slack": slack.open_channel,
    "email": email.open_channel,
    "webhook": webhook.open_channel,
    "file": file.open_channel,
}


def open_channels(notifiers: Notifiers, clock: Clock | None = None) -> Mapping[str, Channel]:
    """The channels that are set up, by name. Connects to nothing.

    Args:
        notifiers: Their settings and templates.
        clock: Tells the time; only channels that sign need it.
    """
    opened = {name: open_channel(notifiers, clock) for name, open_channel in CHANNELS.items()}
    return {name: channel for name, channel in opened.items() if channel is not None}


def as_text(notifiers: Notifiers, alert: Alert) -> str:
    """An alert as the text of its email, subject first: to be looked at, whatever channels are set up.

    Raises:
        TemplateError: A template cannot be used.
    """
    payload = render_email(Templates("email", notifiers.templates.get("email", {})), alert)
    return f"Subject: {payload['subject']}\n\n{payload['text']}"
