"""The team's SELECTs: which files there are, and whether their Jinja renders. The database judges the SQL itself."""

import re
from collections.abc import Iterator, Mapping

from jinja2 import ChainableUndefined, Environment, StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pql.config.files import Files
from pql.config.parts import Parts
from pql.config.problems import Problem
from pql.config.settings import SqlFile
from pql.config.translate import near

RELATIONS = (
    "events",
    "accounts",
    "users",
    "allowances",
    "subscriptions",
    "touches",
    "answers",
    "deals",
    "reps",
)
NEEDED = ("events", "accounts")
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_AS_OF = re.compile(r"(?<![:\w]):as_of\b")
_BOUNDS = {"start": "'1970-01-01 00:00:00+00:00'", "end": "'2026-01-31 00:00:00+00:00'"}


def relations(files: Files) -> Mapping[str, SqlFile]:
    """sql/<relation>.sql by relation; other names become problems."""
    found: dict[str, SqlFile] = {}
    for path in files.names("sql"):
        name = path.removeprefix("sql/").removesuffix(".sql")
        if not path.endswith(".sql"):
            continue
        if name not in RELATIONS:
            hint = near(name, RELATIONS) or f"known are {', '.join(RELATIONS)}; measures' SQL lies in sql/measures/"
            files.problem(path, "C027", f"there is no relation '{name}'", hint)
        elif text := _text(files, path):
            found[name] = SqlFile(path=path, text=text)
    for name in NEEDED:
        if name not in found and not files.exists(f"sql/{name}.sql"):
            files.problem(f"sql/{name}.sql", "C082", f"the relation '{name}' is missing", "write a SELECT of it there")
    return found


def statements(files: Files) -> Mapping[str, SqlFile]:
    """sql/measures/*.sql by path."""
    paths = [path for path in files.names("sql/measures") if path.endswith(".sql")]
    return {path: SqlFile(path=path, text=text) for path in paths if (text := _text(files, path))}


def _text(files: Files, path: str) -> str:
    text = files.text(path)
    if text is not None and not text.strip():
        files.problem(path, "C006", "the file is empty", "write a SELECT, or remove the file")
        return ""
    return text or ""


def templates(parts: Parts) -> Iterator[Problem]:
    """SQL whose Jinja does not render, and measures' SQL that forgets the instant."""
    # Where the settings cannot be read, nobody knows which variables there are.
    undefined = StrictUndefined if parts.pql else ChainableUndefined
    environment = ImmutableSandboxedEnvironment(undefined=undefined, autoescape=False)
    names = {**(parts.pql.shape.usage.variables if parts.pql else {}), **_BOUNDS}
    for file in (*parts.relations.values(), *parts.statements.values()):
        if problem := _rendering(environment, file, names):
            yield problem
        elif file.path in parts.statements and not _AS_OF.search(_COMMENTS.sub(" ", file.text)):
            message = "the SQL does not bind :as_of, so it cannot tell what was so in the past"
            yield _problem(file, 1, "C064", message, "compare with :as_of")


def _rendering(environment: Environment, file: SqlFile, names: Mapping[str, object]) -> Problem | None:
    try:
        environment.from_string(file.text).render(names)
    except TemplateSyntaxError as exc:
        return _problem(file, exc.lineno, "C063", f"the template cannot be read: {exc.message}")
    # A template is the team's code: whatever it raises is told as its fault, with its line.
    except Exception as exc:  # noqa: BLE001
        hint = "see usage.variables in config/pql.yml" if "undefined" in str(exc) else ""
        return _problem(file, line_of(exc), "C063", f"the template does not render: {exc}", hint)
    return None


def line_of(exc: BaseException) -> int:
    """The line of a template that an exception came from; 1 where that is not known."""
    trace, line = exc.__traceback__, 1
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _problem(file: SqlFile, line: int, code: str, message: str, hint: str = "") -> Problem:
    return Problem(path=file.path, line=max(line, 1), column=1, code=code, message=message, hint=hint)
