"""An alert as a Slack message: Block Kit from the team's template, within Slack's limits."""

import json
import re
from typing import Any

from pql.domain.messages import Alert
from pql.notify.clean import clean
from pql.notify.slack.limits import fit_limits, fit_text
from pql.notify.slack.mrkdwn import guard
from pql.notify.templates import TemplateError, Templates

# A comma after the last item is fine in a template, since every item may be left out by a condition.
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[\]}])', re.DOTALL)


def render_slack(templates: Templates, alert: Alert) -> dict[str, object]:
    """The payload: `text` (the fallback, never empty), `blocks` (at most 50) and `as_of`.

    Raises:
        TemplateError: The template cannot be used, or does not give JSON with `text` and `blocks`.
    """
    cleaned = clean(alert)
    name = f"{alert.subject.value}.json.j2"
    message = _parse(templates, name, templates.render(name, alert=guard(cleaned)))
    text = fit_text(message["text"]) or fit_text(guard(cleaned.title))
    try:
        blocks = fit_limits(message["blocks"])
    except (AttributeError, TypeError, ValueError) as exc:
        raise TemplateError(templates.path(name), 0, f"gives blocks of a wrong shape: {exc}") from exc
    return {"text": text, "blocks": blocks, "as_of": alert.as_of.isoformat()}


def _parse(templates: Templates, name: str, written: str) -> dict[str, Any]:
    # Lines may break inside strings, so that a template shows a list as it will look.
    try:
        message = json.loads(_TRAILING_COMMA.sub(r"\1", written), strict=False)
    except ValueError as exc:
        line = getattr(exc, "lineno", 0)
        shown = written.splitlines()[line - 1].strip() if line else ""
        raise TemplateError(templates.path(name), 0, f"gives no JSON: {exc}, near: {shown[:80]}") from exc
    blocks = message.get("blocks") if isinstance(message, dict) else None
    sound = isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)
    if not sound or not isinstance(message.get("text"), str):
        raise TemplateError(templates.path(name), 0, 'must give {"text": "...", "blocks": [...]}')
    checked: dict[str, Any] = message
    return checked
