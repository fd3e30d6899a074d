"""Whether the channels that are set up will take messages. Sends nothing."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pql.config.settings import Notifiers
from pql.domain.health import Examined, failed, ok
from pql.notify.checking import check_templates
from pql.notify.email.examine import examine_email
from pql.notify.slack.examine import examine_slack
from pql.notify.webhook.examine import examine_webhook


def examine_channels(
    notifiers: Notifiers, now: datetime, *, slack_channels: Sequence[str], people: Sequence[str]
) -> Iterator[Examined]:
    """Every channel in turn, and the templates.

    Args:
        notifiers: What is set up.
        now: To compare clocks, and to sign by.
        slack_channels: Those that the configuration names.
        people: The emails or Slack ids of those who get direct messages.
    """
    if notifiers.slack is not None:
        yield from examine_slack(notifiers.slack, now, channels=slack_channels, people=people)
    if notifiers.email is not None:
        yield from examine_email(notifiers.email)
    if notifiers.webhook is not None:
        yield from examine_webhook(notifiers.webhook, now)
    problems = check_templates(notifiers.templates)
    for problem in problems:
        yield failed("Templates", f"{problem.path}:{problem.line}: {problem.reason}", "mend it; docs/channels.md")
    if not problems:
        yield ok("Templates", "all render")
