"""Email over SMTP: text and HTML."""

from pql.config.settings import EmailSettings, Notifiers
from pql.domain.messages import Alert, Outgoing, Receipt, Rendered
from pql.notify.alerts import with_alert
from pql.notify.email.render import render_email
from pql.notify.email.send import send_email
from pql.notify.templates import Templates


class EmailChannel:
    """Messages by a mail server."""

    name = "email"

    def __init__(self, settings: EmailSettings, templates: Templates) -> None:
        self._settings = settings
        self._templates = templates

    def render(self, alert: Alert) -> Rendered:
        """See `Channel.render`."""
        return with_alert(self.name, alert, render_email(self._templates, alert))

    def send(self, outgoing: Outgoing) -> Receipt:
        """See `Channel.send`. A mail server cannot be asked; every try bears the same Message-ID."""
        return send_email(self._settings, outgoing)


def open_channel(notifiers: Notifiers, _clock: object = None) -> EmailChannel | None:
    """The channel, or None where it is not set up."""
    if notifiers.email is None:
        return None
    return EmailChannel(notifiers.email, Templates("email", notifiers.templates.get("email", {})))
