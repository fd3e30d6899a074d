"""Slack: a channel or a direct message, as Block Kit."""

from pql.config.settings import Notifiers, SlackSettings
from pql.domain.messages import Alert, Outgoing, Receipt, Rendered
from pql.notify.alerts import with_alert
from pql.notify.slack.render import render_slack
from pql.notify.slack.send import SlackSender
from pql.notify.templates import Templates


class SlackChannel:
    """Messages by a Slack app's bot."""

    name = "slack"

    def __init__(self, settings: SlackSettings, templates: Templates) -> None:
        self._templates = templates
        self._sender = SlackSender(settings)

    def render(self, alert: Alert) -> Rendered:
        """See `Channel.render`."""
        return with_alert(self.name, alert, render_slack(self._templates, alert))

    def send(self, outgoing: Outgoing) -> Receipt:
        """See `Channel.send`. A message that an earlier try left in Slack is found by its metadata."""
        return self._sender.send(outgoing)


def open_channel(notifiers: Notifiers, _clock: object = None) -> SlackChannel | None:
    """The channel, or None where it is not set up."""
    if notifiers.slack is None:
        return None
    return SlackChannel(notifiers.slack, Templates("slack", notifiers.templates.get("slack", {})))
