"""What pydantic found wrong with a file, in our own words and with its place."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from pql.config.environment import SECRETS
from pql.config.keys import NOTHING, keys_of, mapping_type, step, words_of
from pql.config.problems import CODES, Problem
from pql.config.shapes.base import Shape
from pql.config.yaml import ABSENT, Document, Path, child
from pql.domain.conditions import OPERATORS, Condition
from pql.domain.durations import Duration

AnyShape = TypeVar("AnyShape", bound=Shape)

_WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping of keys to values",
    "mapping_type": "a mapping of keys to values",
    "model_type": "a mapping of keys to values",
    "model_attributes_type": "a mapping of keys to values",
    "dataclass_type": "a mapping of keys to values",
    "dataclass_exact_type": "a mapping of keys to values",
}
_MISSING = {"missing", "missing_argument", "missing_keyword_only_argument"}
_RANGES = {
    "greater_than": ("must be above {}", "gt"),
    "greater_than_equal": ("must be at least {}", "ge"),
    "less_than": ("must be below {}", "lt"),
    "less_than_equal": ("must be at most {}", "le"),
}
_DURATION_AS_WHOLE_DAYS = re.compile(r"'(?P<said>[^']+)' must be a whole number of days")


def read_shape(shape: type[AnyShape], document: Document) -> tuple[AnyShape | None, list[Problem]]:
    """A document as a shape.

    Returns:
        The shape, or None and what is wrong with the document.
    """
    try:
        # As JSON, since then the strict mode takes lists, words and mappings for what they stand for.
        return _adapter(shape).validate_json(json.dumps(document.data), strict=True), []
    except ValidationError as exc:
        return None, translate(exc, shape, document)


_ADAPTERS: dict[type[Shape], TypeAdapter[Any]] = {}


def _adapter(shape: type[AnyShape]) -> TypeAdapter[AnyShape]:
    return _ADAPTERS.setdefault(shape, TypeAdapter(shape))


def translate(exc: ValidationError, shape: type[Shape], document: Document) -> list[Problem]:
    """All that a validation found, as problems, each place once."""
    places: dict[Path, list[Mapping[str, Any]]] = {}
    for error in exc.errors(include_url=False):
        places.setdefault(_place(error, document.data), []).append(error)
    # A list whose entries are wrong counts as short too, and where one text would do as well it counts as no text.
    spoiled = {at[:number] for at in places for number in range(len(at))}
    found: list[Problem] = []
    for at, errors in places.items():
        if not (at in spoiled and errors[0]["type"] in {"too_short", "string_type"}):
            found += _problems(at, errors, shape, document)
    return found


def _place(error: Mapping[str, Any], data: Any) -> Path:
    """The path in the data; pydantic's own steps (kinds, union members) are left out."""
    at: list[str | int] = []
    found, loc = data, list(error["loc"])
    for number, part in enumerate(loc):
        below = child(found, part)
        last = number == len(loc) - 1
        if below is not ABSENT:
            found = below
        elif not (last and error["type"] in _MISSING):
            continue
        at.append(part)
    return tuple(at)


def _problems(
    at: Path, errors: Sequence[Mapping[str, Any]], shape: type[Shape], document: Document
) -> Iterator[Problem]:
    wanted = [_WANTED[error["type"]] for error in errors if error["type"] in _WANTED]
    if len(wanted) == len(errors) or len(errors) > 1:
        yield _wrong_type(at, wanted, document)
        return
    error = errors[0]
    kind, annotation = str(error["type"]), type_at(shape, at, document)
    if kind in CODES:
        context = error["ctx"]
        inner = (*at, *context["at"])
        # A key that is not there is told where it is missing.
        yield document.problem(inner, kind, context["message"], context["hint"])
    elif kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        yield _unknown_key(at, shape, document)
    elif kind in _MISSING:
        yield _missing(at, shape, document)
    elif kind == "union_tag_not_found":
        yield _no_kind(at, annotation, document)
    elif kind in {"enum", "literal_error", "union_tag_invalid"}:
        yield _no_such_word((*at, "kind") if kind == "union_tag_invalid" else at, annotation, document)
    elif kind in _RANGES:
        words, bound = _RANGES[kind]
        limit = words.format(f"{error['ctx'][bound]:g}")
        yield document.problem(at, "C017", f"'{_key(at)}: {error['input']}' {limit}")
    elif kind in {"too_short", "too_long"}:
        yield _length(at, error, document)
    elif kind == "value_error":
        yield from value_problems(at, str(error["ctx"]["error"]), document)
    else:
        yield document.problem(at, "C010", f"{_said(at)} cannot be read: {error['msg']}")


def type_at(shape: type[Shape], at: Path, document: Document) -> Any:
    """The type of what stands at a path of a document of this shape; None where nothing is known of it."""
    annotation: Any = shape
    for number, part in enumerate(at):
        annotation = step(annotation, part, document.get(*at[:number]))
    return annotation


def near(name: str, known: Iterable[str]) -> str:
    """The hint that names the nearest known word; "" where none is near."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean '{found[0]}'?" if found else ""


def _wrong_type(at: Path, wanted: Sequence[str], document: Document) -> Problem:
    value = document.get(*at)
    if _key(at) in SECRETS:
        return document.problem(
            at, "C010", f"{_said(at)} must be {' or '.join(wanted)}", "take it from the environment"
        )
    shown = "nothing" if value is None else _shown(value)
    hint = f'write it in quotes: "{value}"' if "text" in wanted and isinstance(value, int | float | bool) else ""
    needed = " or ".join(dict.fromkeys(wanted)) or "something else"
    return document.problem(at, "C010", f"{_said(at)} must be {needed}, not {shown}", hint)


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"the number {value}" if isinstance(value, int | float) else f"the text '{_short(value)}'"


def _short(text: object, limit: int = 60) -> str:
    written = str(text)
    return written if len(written) <= limit else written[: limit - 3] + "..."


def _key(at: Path) -> str:
    return next((str(part) for part in reversed(at) if isinstance(part, str)), "the file")


def _said(at: Path) -> str:
    """How a place is called: by its key; an entry of a list by its number from 1."""
    if not at:
        return "the file"
    return f"entry {at[-1] + 1} of '{_key(at)}'" if isinstance(at[-1], int) else f"'{at[-1]}'"


def _unknown_key(at: Path, shape: type[Shape], document: Document) -> Problem:
    parent = at[:-1]
    known = list(keys_of(_mapping_at(shape, parent, document)))
    hint = near(str(at[-1]), known) or f"known are {', '.join(known)}"
    return document.problem(at, "C011", f"unknown key '{_short(at[-1])}'", hint, key=True)


def _mapping_at(shape: type[Shape], at: Path, document: Document) -> Any:
    return mapping_type(type_at(shape, at, document), document.get(*at)) or shape


def _missing(at: Path, shape: type[Shape], document: Document) -> Problem:
    if isinstance(at[-1], int):
        written = document.get(*at[:-1])
        message = f"{_said(at[:-1])} must have more entries, it has {len(written)}"
        return document.problem(at[:-1], "C017", message)
    name = str(at[-1])
    key = keys_of(_mapping_at(shape, at[:-1], document)).get(name)
    meaning = key.meaning.rstrip(".") if key and key.default is NOTHING else ""
    hint = meaning[:1].lower() + meaning[1:]
    return document.problem(at[:-1], "C012", f"the key '{name}' is missing", hint, key=len(at) > 1)


def _no_kind(at: Path, annotation: Any, document: Document) -> Problem:
    if not isinstance(document.get(*at), dict):
        return _wrong_type(at, ["a mapping of keys to values"], document)
    hint = f"one of {', '.join(words_of(annotation))}"
    return document.problem(at, "C012", "the key 'kind' is missing", hint, key=True)


def _no_such_word(at: Path, annotation: Any, document: Document) -> Problem:
    words, written = words_of(annotation), document.get(*at)
    if isinstance(written, dict | list) or written is None:
        return _wrong_type(at, ["one of " + ", ".join(words)], document)
    message = f"'{_key(at)}: {_short(written)}' is none of {', '.join(words)}"
    return document.problem(at, "C013", message, near(str(written), words))


def _length(at: Path, error: Mapping[str, Any], document: Document) -> Problem:
    bounds = error["ctx"]
    least, most = bounds.get("min_length"), bounds.get("max_length")
    needed = f"at least {least}" if least is not None else f"at most {most}"
    plural = "entry" if (least if least is not None else most) == 1 else "entries"
    message = f"{_said(at)} must have {needed} {plural}, it has {bounds['actual_length']}"
    return document.problem(at, "C017", message)


def value_problems(at: Path, message: str, document: Document) -> Iterator[Problem]:
    """What a value's own reader refused: a duration, a condition, a filter, or keys that do not fit together."""
    value = document.get(*at)
    if "is not a duration" in message:
        yield document.problem(at, "C016", message)
    elif (match := _DURATION_AS_WHOLE_DAYS.search(message)) and isinstance(value, dict):
        yield document.problem((*at, *_key_of_duration(value, match["said"])), "C016", message)
    elif isinstance(value, dict) and _is_filter_fault(value, message):
        # A filter stops at its first bad column; people want to hear of all.
        for column in value:
            yield from _condition_problems((*at, column), document)
    elif _is_condition_fault(value, message):
        yield from _condition_problems(at, document)
    elif message.startswith("a filter is a mapping"):
        yield document.problem(at, "C010", message)
    else:
        yield document.problem(at, "C019" if isinstance(value, dict) else "C018", message, key=isinstance(value, dict))


def _key_of_duration(value: Mapping[str, Any], said: str) -> Path:
    for key, written in value.items():
        try:
            if str(Duration.parse(written)) == said:
                return (key,)
        except ValueError:
            continue
    return ()


def _fault(written: object) -> str:
    try:
        Condition.parse(written)
    except ValueError as exc:
        return str(exc)
    return ""


def _is_filter_fault(value: Mapping[str, Any], message: str) -> bool:
    return any(message == f"{column}: {_fault(written)}" for column, written in value.items())


def _is_condition_fault(value: object, message: str) -> bool:
    return _fault(value) == message


def _condition_problems(at: Path, document: Document) -> Iterator[Problem]:
    """What is wrong with a condition, each operator by itself."""
    written = document.get(*at)
    found = False
    for operator, value in written.items() if isinstance(written, dict) else ():
        if operator not in OPERATORS:
            found = True
            hint = near(operator, OPERATORS) or f"one of {', '.join(OPERATORS)}"
            yield document.problem((*at, operator), "C014", f"unknown operator '{_short(operator)}'", hint, key=True)
        elif fault := _fault({operator: value}):
            found = True
            yield document.problem((*at, operator), "C015", fault)
    if not found and (fault := _fault(written)):
        yield document.problem(at, "C015", fault)
