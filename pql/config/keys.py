"""The keys of a mapping in a file, read from the types that it becomes: for hints, for the reference, for tests.

A type is a shape (pydantic) or one of the domain's dataclasses (measures, patterns). What a key means stands in the
field's description, or in the `Args` of the class's docstring.
"""

import dataclasses
import inspect
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from pql.config.shapes.base import Shape
from pql.config.shapes.measures import PythonMeasure
from pql.domain.measures.function import Function

NOTHING = object()

# What keys of the domain's dataclasses mean where their docstrings leave it to the type.
_COMMON = {
    "kind": "Which kind it is.",
    "level": "Whom it is taken for: `user`, `account` or `company`; the project's lead by default.",
    "take": "With a level below the lead: how the numbers become one: `max`, `min`, `mean` or `sum`.",
    "window": "How many calendar days count, today among them: `14 days`.",
    "relation": "Whose rows: `events` or `touches`.",
    "where": "Only rows that pass this filter count; all by default.",
    "noun": "What one is called in messages.",
    "unit": "What the number counts, in messages.",
    "of": "The column, or `properties.<key>`.",
    "event": "The event's name, or several of which any counts.",
    "at_least": "How many it takes.",
    "within": "How far apart the first and the last may lie.",
    "per": "Whose rows are counted together: `lead` or `user`.",
    "distinct": "Count the distinct values of this column and not the rows.",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of a mapping.

    Args:
        name: As it is written.
        annotation: Its type.
        default: NOTHING where it must be given.
        meaning: One sentence or two.
    """

    name: str
    annotation: Any
    default: Any
    meaning: str


def keys_of(shape: type[Any]) -> Mapping[str, Key]:
    """The keys of a shape or a dataclass, in their order; none for any other type."""
    if shape not in _KEYS:
        read = _model_keys if issubclass(shape, BaseModel) else _dataclass_keys
        known = issubclass(shape, BaseModel) or dataclasses.is_dataclass(shape)
        _KEYS[shape] = {key.name: key for key in read(shape)} if known else {}
    return _KEYS[shape]


_KEYS: dict[type[Any], Mapping[str, Key]] = {}


def _model_keys(shape: type[Any]) -> Iterator[Key]:
    hints = get_type_hints(shape, include_extras=True)
    for name, field in shape.model_fields.items():
        default = NOTHING if field.is_required() else field.get_default(call_default_factory=True)
        written = field.alias or name
        meaning = field.description or _COMMON.get(written, "")
        yield Key(name=written, annotation=hints[name], default=default, meaning=meaning)


def _dataclass_keys(shape: type[Any]) -> Iterator[Key]:
    hints, said = get_type_hints(shape, include_extras=True), meanings(shape)
    for field in sorted(dataclasses.fields(shape), key=lambda field: field.name != "kind"):
        default = NOTHING if field.default is dataclasses.MISSING else field.default
        meaning = said.get(field.name) or _COMMON.get(field.name, "")
        yield Key(name=field.name, annotation=hints[field.name], default=default, meaning=meaning)


def summary(shape: type[Any]) -> str:
    """What the docstring says before its sections, as one paragraph a blank line."""
    text = inspect.cleandoc(shape.__doc__ or "").split("\nArgs:")[0].strip()
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def meanings(shape: type[Any]) -> Mapping[str, str]:
    """What the `Args` of a class and of its bases say, by name."""
    said: dict[str, str] = {}
    for base in reversed(shape.__mro__):
        _, _, section = inspect.cleandoc(base.__doc__ or "").partition("\nArgs:\n")
        for match in re.finditer(r"^ {4}(\w+): (.*(?:\n {5,}.*)*)", section, re.MULTILINE):
            said[match[1]] = " ".join(match[2].split()).replace("None: ", "without it, ")
    return said


def options(annotation: Any) -> Sequence[Any]:
    """The types that a value may have, without wrappers: the parts of unions, and None left out."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return options(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [option for part in get_args(annotation) for option in options(part)]
    if annotation is type(None):
        return []
    # The one kind that is not written as the domain has it.
    return [PythonMeasure if annotation is Function else annotation]


def shapes_in(annotation: Any) -> Sequence[type[Shape]]:
    """The shapes of mappings that a value of this type holds, itself or in a list; kinds are not among them."""
    found: list[type[Shape]] = []
    for option in options(annotation):
        if isinstance(option, type) and issubclass(option, Shape) and option is not PythonMeasure:
            found.append(option)
        for inner in get_args(option):
            found += shapes_in(inner)
    return list(dict.fromkeys(found))


def step(annotation: Any, part: str | int, written: Any) -> Any:
    """The type of what stands at a key or an index of a value of this type; None where nothing is known of it."""
    for option in options(annotation):
        origin, arguments = get_origin(option), get_args(option)
        if isinstance(part, int):
            if origin in {tuple, list} and arguments:
                return arguments[min(part, len(arguments) - 1)] if arguments[-1] is not ... else arguments[0]
        elif origin in {dict, Mapping} and arguments:
            return arguments[1]
    shape = mapping_type(annotation, written)
    key = keys_of(shape).get(str(part)) if shape else None
    return key.annotation if key else None


def mapping_type(annotation: Any, written: Any) -> type[Any] | None:
    """The shape that a mapping of this type has; among several kinds, the one that `kind` names."""
    shapes = [option for option in options(annotation) if isinstance(option, type) and keys_of(option)]
    if len(shapes) < 2:
        return shapes[0] if shapes else None
    kinds = {kind_name(shape): shape for shape in shapes}
    default = "times" if "times" in kinds else ""
    kind = written.get("kind", default) if isinstance(written, dict) else default
    return kinds.get(str(kind))


def kind_name(shape: type[Any]) -> str:
    """The kind that a measure or pattern class has in files."""
    key = keys_of(shape).get("kind")
    return str(get_args(key.annotation)[0]) if key and get_origin(key.annotation) is Literal else ""


def words_of(annotation: Any) -> Sequence[str]:
    """The words that a value of this type may be: of an enumeration, a literal, or a union of kinds."""
    words: list[str] = []
    for option in options(annotation):
        if get_origin(option) is Literal:
            words += [str(word) for word in get_args(option)]
        elif isinstance(option, type) and issubclass(option, Enum):
            words += [str(member.value) for member in option]
        elif isinstance(option, type) and (kind := kind_name(option)):
            words.append(kind)
    return words
