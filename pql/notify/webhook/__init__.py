"""Webhook: the whole alert as JSON, posted to an address of the team's and signed (Standard Webhooks)."""

from collections.abc import Callable
from datetime import datetime

from pql.config.settings import Notifiers, WebhookSettings
from pql.domain.messages import Alert, Outgoing, Receipt, Rendered
from pql.notify.alerts import with_alert
from pql.notify.webhook.addresses import Resolve, resolve_name
from pql.notify.webhook.send import send_webhook


class WebhookChannel:
    """Messages to a program.

    Args:
        settings: Where to, and how it is signed.
        clock: Every try is signed with its own time.
        resolve: Finds the addresses of a name.
    """

    name = "webhook"

    def __init__(
        self, settings: WebhookSettings, clock: Callable[[], datetime], resolve: Resolve = resolve_name
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._resolve = resolve

    def render(self, alert: Alert) -> Rendered:
        """See `Channel.render`. Needs no template: the alert itself is the message."""
        return with_alert(self.name, alert, {"as_of": alert.as_of.isoformat()})

    def send(self, outgoing: Outgoing) -> Receipt:
        """See `Channel.send`. Every try bears the delivery's id, by which the receiver knows a repetition."""
        return send_webhook(self._settings, outgoing, at=self._clock(), resolve=self._resolve)


def open_channel(notifiers: Notifiers, clock: Callable[[], datetime] | None) -> WebhookChannel | None:
    """The channel, or None where it is not set up.

    Raises:
        ValueError: It is set up, and there is no clock to sign by.
    """
    if notifiers.webhook is None:
        return None
    if clock is None:
        raise ValueError("the webhook channel needs a clock")
    return WebhookChannel(notifiers.webhook, clock)
