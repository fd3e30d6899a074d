"""Files instead of messages: works without credentials, and shows what Slack and email would get."""

from pql.config.settings import FileSettings, Notifiers
from pql.domain.messages import Alert, Outgoing, Receipt, Rendered
from pql.notify.alerts import with_alert
from pql.notify.file.render import render_file
from pql.notify.file.send import Outbox
from pql.notify.templates import Templates


class FileChannel:
    """Messages as files below a folder, with a page to look at them."""

    name = "file"

    def __init__(self, settings: FileSettings, slack: Templates, email: Templates) -> None:
        self._slack = slack
        self._email = email
        self._outbox = Outbox(settings.folder)

    def render(self, alert: Alert) -> Rendered:
        """See `Channel.render`."""
        return with_alert(self.name, alert, render_file(self._slack, self._email, alert))

    def send(self, outgoing: Outgoing) -> Receipt:
        """See `Channel.send`. The same delivery twice is one set of files."""
        return self._outbox.write(outgoing)


def open_channel(notifiers: Notifiers, _clock: object = None) -> FileChannel | None:
    """The channel, or None where it is not set up."""
    if notifiers.file is None:
        return None
    sources = notifiers.templates
    return FileChannel(
        notifiers.file, Templates("slack", sources.get("slack", {})), Templates("email", sources.get("email", {}))
    )
