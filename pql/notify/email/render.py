"""An alert as an email: a subject, a text and an HTML part from the team's templates."""

from pql.domain.messages import Alert
from pql.notify.clean import clean, one_line
from pql.notify.templates import Templates

SUBJECT = 150  # characters; mail clients show 40 to 90


def render_email(templates: Templates, alert: Alert) -> dict[str, object]:
    """The payload: `subject` (one line, never empty), `text`, `html` and `as_of`.

    Raises:
        TemplateError: A template cannot be used.
    """
    cleaned = clean(alert)
    subject, text, html = (
        templates.render(f"{alert.subject.value}.{part}.j2", alert=cleaned) for part in ("subject", "txt", "html")
    )
    return {
        "subject": one_line(subject, SUBJECT) or cleaned.title,
        "text": text.strip() + "\n",
        "html": html.strip() + "\n",
        "as_of": alert.as_of.isoformat(),
    }
