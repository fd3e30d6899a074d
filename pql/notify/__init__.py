"""Channels: how a message reaches a rep. `render` is pure, `send` is one call; each channel is a folder here.

A new channel is a folder with `open_channel(notifiers)`, and one line in `CHANNELS`.
"""

from collections.abc import Callable, Mapping

from pql.config.settings import Notifiers
from pql.notify import email, file, slack
from pql.notify.channel import Channel
from pql.notify.retry import Pacing, next_attempt

__all__ = ["CHANNELS", "Channel", "Pacing", "next_attempt", "open_channels"]

CHANNELS: Mapping[str, Callable[[Notifiers], Channel | None]] = {
    "slack": slack.open_channel,
    "email": email.open_channel,
    "file": file.open_channel,
}


def open_channels(notifiers: Notifiers) -> Mapping[str, Channel]:
    """The channels that are set up, by name. Connects to nothing."""
    opened = {name: open_channel(notifiers) for name, open_channel in CHANNELS.items()}
    return {name: channel for name, channel in opened.items() if channel is not None}
