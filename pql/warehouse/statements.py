"""A team's SQL files: Jinja in a sandbox, and what stands between a file and a subquery."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError, TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pql.config.settings import SqlFile
from pql.errors import SourceMismatch

# SQL is no HTML: escaping would spoil every comparison.
_JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)

# The names that sa.text() would take for parameters, and the backslashes that it would swallow.
_PARAMETER = re.compile(r"(?<![:\w\\]):(?=([\w$]+)(?![:\w$]))")
_SWALLOWED = re.compile(r"\\(?=:[\w$]*(?![:\w$]))")
_AS_OF = re.compile(r"(?<![:\w\\]):as_of(?![:\w$])")
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def render(file: SqlFile, variables: Mapping[str, object], *, start: datetime | None, end: datetime) -> str:
    """The SQL of a file.

    Args:
        file: As written.
        variables: The project's own.
        start: No older events are needed; None: all are. `{{ start }}` is a quoted UTC timestamp.
        end: No newer events are needed.

    Raises:
        SourceMismatch: The template cannot be read, or names an unknown variable; begins with `path:line`.
    """
    bounds = {"start": literal(start or _BEGINNING), "end": literal(end)}
    try:
        sql = _JINJA.from_string(file.text).render({**variables, **bounds})
    except TemplateSyntaxError as exc:
        raise SourceMismatch(f"{file.path}:{exc.lineno}: the template cannot be read: {exc.message}") from exc
    except SecurityError as exc:
        raise SourceMismatch(f"{file.path}:{_line(exc)}: the template does what SQL templates may not: {exc}") from exc
    except TemplateError as exc:
        known = ", ".join(sorted({*variables, *bounds}))
        raise SourceMismatch(f"{file.path}:{_line(exc)}: the template fails: {exc}; variables are {known}") from exc
    except Exception as exc:
        # A template is a program of the team's: it may divide by zero as well.
        raise SourceMismatch(f"{file.path}:{_line(exc)}: the template fails: {exc}") from exc
    return sql.strip().removesuffix(";").rstrip()


def literal(at: datetime) -> str:
    """An instant as a quoted literal that the three engines read, as a timestamp or as text."""
    return "'" + at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S+00:00") + "'"


def escaped(sql: str, *, keep: frozenset[str] = frozenset()) -> str:
    """SQL for `sa.text`, which would take `:name` for a parameter; the names in `keep` stay parameters."""
    doubled = _SWALLOWED.sub(r"\\\\", sql)
    return _PARAMETER.sub(lambda match: ":" if match[1] in keep else "\\:", doubled)


def binds_as_of(sql: str) -> bool:
    """Whether a statement has the parameter `:as_of`."""
    return _AS_OF.search(_without_comments(sql)) is not None


def with_as_of(sql: str, literal: str) -> str:
    """A statement with a literal in the place of its parameter `:as_of`."""
    return _AS_OF.sub(literal, sql)


def _without_comments(sql: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", sql, flags=re.DOTALL)


def _line(error: BaseException) -> int:
    """The line of the template that raised: the deepest frame whose file is a template."""
    line, trace = 1, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
