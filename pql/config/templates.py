"""Short templates of a team's own: evidence, plays, links. Sandboxed; an unknown name is an error, not a gap."""

from collections.abc import Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pql.errors import ConfigError


def _blank(value: object) -> object:
    # What is not known reads as nothing in a sentence, and not as "None".
    return "" if value is None else value


TEXTS = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, finalize=_blank)


@lru_cache(maxsize=512)
def _compiled(template: str) -> Template:
    # A link is written for thousands of leads: to compile costs fifty times as much as to fill in.
    return TEXTS.from_string(template)


def render_text(template: str, names: Mapping[str, object], *, what: str) -> str:
    """A template's text with these names.

    Args:
        template: Jinja.
        names: What the template sees; None reads as nothing.
        what: What the template is, for the error: "the evidence of signal feature_breadth".

    Raises:
        ConfigError: The template does not compile, or asks for what is not there.
    """
    try:
        return str(_compiled(template).render(names)).strip()
    except (TemplateError, TypeError, ValueError, ArithmeticError) as exc:
        raise ConfigError(f"{what} does not render: {exc}; run `pql check`") from exc
