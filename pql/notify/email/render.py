"""An alert as an email: a subject, a text and an HTML part from the team's templates."""

from pql.domain.messages import Alert
from pql.notify.clean import clean, one_line, tightened
from pql.notify.templates import Templates

SUBJECT = 150  # characters; mail clients show 40 to 90
CLIPPED = 102 * 1024  # bytes; Gmail shows no more of a message
SHARES = (2, 4, 8, 16, 32)  # to which the texts of lists shrink until a message is small enough


def render_email(templates: Templates, alert: Alert) -> dict[str, object]:
    """The payload: `subject` (one line, never empty), `text`, `html` (small enough for Gmail) and `as_of`.

    Raises:
        TemplateError: A template cannot be used.
    """
    cleaned = clean(alert)
    subject, text, html = (_rendered(templates, part, cleaned) for part in ("subject", "txt", "html"))
    for share in SHARES:
        if len(html.encode()) < CLIPPED:
            break
        html = _rendered(templates, "html", tightened(cleaned, share))
    return {
        "subject": one_line(subject, SUBJECT) or cleaned.title,
        "text": text.strip() + "\n",
        "html": html.strip() + "\n",
        "as_of": alert.as_of.isoformat(),
    }


def _rendered(templates: Templates, part: str, alert: Alert) -> str:
    return templates.render(f"{alert.subject.value}.{part}.j2", alert=alert)
