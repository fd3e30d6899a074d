"""What every channel can do. The deliverer retries, not the channel."""

from typing import Protocol

from pql.domain.messages import Alert, Outgoing, Receipt, Rendered


class Channel(Protocol):
    """A way to reach a rep."""

    name: str

    def render(self, alert: Alert) -> Rendered:
        """The message in this channel's shape. Pure.

        Raises:
            ConfigError: A template of the team's cannot be used; says which, and the line.
        """

    def send(self, outgoing: Outgoing) -> Receipt:
        """Hand one message over, once.

        Raises:
            DeliveryError: It was not taken, or nobody knows; says whether a retry can help.
        """
