"""`${NAME}` in config values, taken from the environment, and secrets, which must be written so."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from pql.config.problems import Problem
from pql.config.yaml import Document, Path

SECRETS = ("token", "password", "secrets")

_NAME = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<otherwise>[^}]*))?\}")
_SECRET = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-)?\}")
_PASSWORD_IN_URL = re.compile(r"://[^/@\s]*:(?P<password>[^/@\s]+)@")


def interpolate(document: Document, environ: Mapping[str, str]) -> tuple[Document, list[Problem]]:
    """The document with its `${NAME}` replaced, and the variables that are not set.

    A variable that is empty counts as not set; `${NAME:-text}` gives the text then. What comes in is always text.
    """
    problems: list[Problem] = []
    data = _filled(document.data, (), document, environ, problems)
    return replace(document, data=data), problems


def written_secrets(document: Document) -> Iterator[Problem]:
    """The secrets that stand in the file itself; the problems do not repeat them."""
    for at, text in _texts(document.data, ()):
        key = next((part for part in reversed(at) if isinstance(part, str)), "")  # of a list, the list's
        if key in SECRETS and text and not _SECRET.fullmatch(text):
            hint = f"put it into the environment and write {key}: ${{NAME}}"
            yield document.problem(at, "C071", f"'{key}' is a secret and must not stand in the file", hint)
        elif (match := _PASSWORD_IN_URL.search(_NAME.sub(_without_name, text))) and match["password"]:
            hint = "take the whole address, or the password, from the environment: ${NAME}"
            yield document.problem(at, "C071", f"the address in '{key}' holds a password", hint)


def _without_name(match: re.Match[str]) -> str:
    # The text after `:-` is written in the file, so it is looked at as well.
    return match["otherwise"] or ""


def _texts(data: Any, at: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(data, str):
        yield at, data
    elif isinstance(data, dict):
        for key, value in data.items():
            # A number or true is no secret by its form, but it is one by its key.
            shown = str(value) if key in SECRETS and isinstance(value, int | float) else value
            yield from _texts(shown, (*at, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _texts(value, (*at, number))


def _filled(data: Any, at: Path, document: Document, environ: Mapping[str, str], problems: list[Problem]) -> Any:
    if isinstance(data, dict):
        return {key: _filled(value, (*at, key), document, environ, problems) for key, value in data.items()}
    if isinstance(data, list):
        return [_filled(value, (*at, number), document, environ, problems) for number, value in enumerate(data)]
    if not isinstance(data, str) or "${" not in data:
        return data

    def value_of(match: re.Match[str]) -> str:
        found = environ.get(match["name"]) or match["otherwise"]
        if found is None:
            hint = "set it, or write ${NAME:-otherwise}"
            problems.append(document.problem(at, "C070", f"the variable {match['name']} is not set", hint))
        return found or ""

    if "${" in _NAME.sub("", data):
        hint = "write ${NAME} or ${NAME:-otherwise}"
        problems.append(document.problem(at, "C070", "'${' begins no variable that can be read", hint))
    return _NAME.sub(value_of, data)
