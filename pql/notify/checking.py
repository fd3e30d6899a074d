"""Whether a project's templates can be used: each is rendered against a full and a bare sample."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from pql.domain.messages import Alert
from pql.notify.email.render import render_email
from pql.notify.samples import SAMPLES
from pql.notify.slack.render import render_slack
from pql.notify.templates import TemplateError, Templates


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateProblem:
    """What is wrong with a template; `path` is in the project, `line` counts from 1, 0 unknown."""

    path: str
    line: int
    reason: str


_RENDERERS: Mapping[str, Callable[[Templates, Alert], Mapping[str, object]]] = {
    "slack": render_slack,
    "email": render_email,
}


def check_templates(templates: Mapping[str, Mapping[str, str]]) -> tuple[TemplateProblem, ...]:
    """Every template that does not render against a sample, once each, by path.

    Args:
        templates: As in `Notifiers.templates`; channels without templates of their own are passed over.
    """
    problems = {problem for channel in _RENDERERS if channel in templates for problem in _of(channel, templates)}
    return tuple(sorted(problems, key=lambda problem: (problem.path, problem.line, problem.reason)))


def _of(channel: str, templates: Mapping[str, Mapping[str, str]]) -> Iterator[TemplateProblem]:
    compiled = Templates(channel, templates[channel])
    for full in SAMPLES.values():
        for alert in (full, _bare(full)):
            try:
                _RENDERERS[channel](compiled, alert)
            except TemplateError as exc:
                yield TemplateProblem(path=exc.path, line=exc.line, reason=exc.reason)


def _bare(alert: Alert) -> Alert:
    """The least that an alert can say: conditions in templates must hold the other way too."""
    return Alert(
        subject=alert.subject,
        lead_id=alert.lead_id,
        lead_name=alert.lead_name,
        title=alert.title,
        why_now=alert.why_now,
        as_of=alert.as_of,
        time_zone=alert.time_zone,
    )
