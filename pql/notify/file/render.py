"""An alert as files: what Slack and email would get, from their own templates."""

from pql.domain.messages import Alert
from pql.notify.clean import clean
from pql.notify.email.render import render_email
from pql.notify.slack.render import render_slack
from pql.notify.templates import Templates


def render_file(slack: Templates, email: Templates, alert: Alert) -> dict[str, object]:
    """The payload: `slack` and `email` as these channels have it, `kind`, `title`, `lead_name` and `as_of`.

    Raises:
        TemplateError: A template cannot be used.
    """
    cleaned = clean(alert)
    return {
        "kind": alert.subject.value,
        "title": cleaned.title,
        "lead_name": cleaned.lead_name if alert.lead_name or alert.lead_id else "",  # a summary has no lead
        "as_of": alert.as_of.isoformat(),
        "slack": render_slack(slack, alert),
        "email": render_email(email, alert),
    }
