"""A channel's message templates: Jinja in a sandbox, where anything undefined is an error that says where."""

import types
from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2 import FunctionLoader, StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pql.errors import ConfigError
from pql.notify.clean import clip

# Names of our own, since those of `strftime` follow the locale of the machine.
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class TemplateError(ConfigError):
    """A template cannot be used.

    Args:
        path: In the project: `notifiers/slack/moment.json.j2`.
        line: From 1; 0 where no line is to blame.
        reason: What is wrong, and what to do.
    """

    def __init__(self, path: str, line: int, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


class Templates:
    """The templates of one channel by name, compiled once each.

    They see what is passed to `render`, and the filters `clip(length)` and `local(time_zone)`. In `*.html.j2`, what
    is put in is escaped for HTML.
    """

    def __init__(self, channel: str, sources: Mapping[str, str]) -> None:
        self.channel = channel
        self.sources = sources
        self._environment = ImmutableSandboxedEnvironment(
            loader=FunctionLoader(self._load),
            undefined=StrictUndefined,
            autoescape=lambda name: name is not None and name.endswith(".html.j2"),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters["clip"] = clip
        self._environment.filters["local"] = local

    def render(self, name: str, **seen: object) -> str:
        """The text that a template gives.

        Raises:
            TemplateError: It is not there, is no Jinja, or asks for what is not there.
        """
        try:
            return self._environment.get_template(name).render(**seen)
        except TemplateError:
            raise
        except TemplateSyntaxError as exc:
            path = exc.filename or self.path(name)
            raise TemplateError(path, exc.lineno, str(exc.message)) from exc
        # A template is the team's code: whatever it raises is told as its fault, with its line.
        except Exception as exc:
            path, line = self._blame(exc.__traceback__, name)
            raise TemplateError(path, line, f"{type(exc).__name__}: {exc}") from exc

    def path(self, name: str) -> str:
        """Where the template stands in the project."""
        return f"notifiers/{self.channel}/{name}"

    def _load(self, name: str) -> tuple[str, str, None]:
        if name not in self.sources:
            raise TemplateError(self.path(name), 0, "no such template; copy it from a new project (`pql init`)")
        return self.sources[name], self.path(name), None

    def _blame(self, trace: types.TracebackType | None, name: str) -> tuple[str, int]:
        path, line = self.path(name), 0
        while trace is not None:
            if trace.tb_frame.f_code.co_filename.startswith(f"notifiers/{self.channel}/"):
                path, line = trace.tb_frame.f_code.co_filename, trace.tb_lineno
            trace = trace.tb_next
        return path, line


def local(instant: datetime, time_zone: str) -> str:
    """An instant as people of a zone read it: "Sat 31 Jan 2026, 15:05"; an unknown zone is read as UTC."""
    at = instant.astimezone(_zone(time_zone))
    return f"{_DAYS[at.weekday()]} {at.day} {_MONTHS[at.month - 1]} {at.year}, {at.hour:02}:{at.minute:02}"


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
