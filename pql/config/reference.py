"""docs/reference.md: every key of every file, from the types that read them.

`python -m pql.config.reference` writes it.
"""

import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pql.config.keys import NOTHING, Key, keys_of, kind_name, options, shapes_in, summary
from pql.config.shapes import FILE_KINDS
from pql.config.shapes.base import (
    Clock,
    Date,
    Email,
    Holidays,
    Name,
    NotNegative,
    Positive,
    Ratio,
    Schedule,
    Shape,
    Zone,
)
from pql.config.shapes.measures import PythonMeasure
from pql.domain.conditions import OPERATORS, Condition, Where
from pql.domain.durations import Duration
from pql.domain.measures import MEASURE_KINDS, Measure
from pql.domain.patterns import PATTERN_KINDS, Pattern

PAGE = Path(__file__).parents[2] / "docs" / "reference.md"

_INTRODUCTION = """\
# Reference

Every key of every YAML file. This page is written by `python -m pql.config.reference` from the types that read the
files, and a test holds it to them. `pql check` knows the same keys and names the nearest one for a typing error.

The files are YAML 1.2: `off`, `no` and `NO` are text, and only `true` and `false` are not. A number with a leading
zero is text. In `config/` and `notifiers/`, `${NAME}` in a value is taken from the environment, and
`${NAME:-otherwise}` says what to take where it is not set; `token` and `password` must be written so.

Editors complete and check the files with the JSON Schemas that `pql init` puts into `.pql/schemas/`; each file names
its schema in its first line.
"""

_VALUES = """\
## Values

### Text

Any text; quotes are needed around text that looks like a number, or that has `: ` or ` #` in it, or begins with one of
``[ ] { } * & ! | > % @ ` ``.

### Name

Small letters, digits and `_`, a letter first.

### Duration

A whole number and a unit: `30 seconds`, `15 minutes`, `1 hour`, `14 days`, `2 weeks`, or short `14d`. Windows of
measures are whole days.

### Schedule

An interval (`15 minutes`), or a cron expression of five fields (minute, hour, day of the month, month, day of the
week; 0 is Monday) in the project's time zone: `0 8 * * mon-fri`.

### Condition

What must be true of one value: `pro` (equals), `[trial, free]` (any of these), or operators, all of which must hold:
`{at_least: 3, below: 10}`. Text compares without case. An unknown value meets only `exists: false`.

| operator | holds when the value |
|---|---|
"""

_OPERATOR_WORDS: Mapping[str, str] = {
    "equals": "is this",
    "not": "is known and not this",
    "in": "is one of this list",
    "not_in": "is known and none of this list",
    "at_least": "is a number not below this",
    "at_most": "is a number not above this",
    "above": "is a number above this",
    "below": "is a number below this",
    "between": "is a number between these two, both counting: `[50, 500]`",
    "exists": "is known (`true`) or unknown (`false`)",
    "words": "has one of these as whole words; for attributes of leads and users, not for rows",
    "matches": "matches this regular expression somewhere, without case; not for rows",
}

_FILTER = """
### Filter

A mapping of column to condition, all of which must hold: `{event: chart_built, properties.size: {at_least: 3}}`. A
column is one of the relation's, any other that your SQL selects, or `properties.<key>`.

### Conditions

A mapping of attribute to condition, all of which must hold: `{country: [DE, AT], employees: {at_least: 50}}`.

### Levels

A measure is taken for the project's lead (`lead` in `config/pql.yml`), or for another level: `user`, `account` or
`company`. With a level below the lead, `take` says how the numbers of several users become one: `max`, `min`, `mean` or
`sum`. With a level above it, all leads of a company have the company's number.
"""


def page() -> str:
    """The whole page."""
    operators = "".join(f"| `{name}` | {_OPERATOR_WORDS[name]} |\n" for name in OPERATORS)
    files = [_file(kind, shape, place) for kind, (shape, place) in FILE_KINDS.items()]
    measures: dict[str, type[Any]] = {**MEASURE_KINDS, "python": PythonMeasure}
    parts = [
        _INTRODUCTION,
        *files,
        _kinds("Measures", "measures", measures),
        _kinds("Patterns", "moments", PATTERN_KINDS),
    ]
    return "\n".join([*parts, _VALUES + operators + _FILTER])


def _file(kind: str, shape: type[Shape], place: str) -> str:
    title = f"{place}: a {kind}" if place.startswith("signals/") else place
    about = [f"## {title}", "", summary(shape), "", *_table(shape)]
    return "\n".join([*about, *_nested(shape, kind if kind in {"signal", "moment"} else place, "")])


def _nested(shape: type[Any], file: str, above: str) -> Iterator[str]:
    """The mappings inside a mapping, each under a heading of its own, depth first; a tree's nodes once."""
    for key in keys_of(shape).values():
        for inner in (one for one in shapes_in(key.annotation) if one is not shape):
            yield from (f"### {file}, {above}{key.name}", "", summary(inner), "", *_table(inner))
            yield from _nested(inner, file, f"{above}{key.name}.")


def _table(shape: type[Any]) -> Iterator[str]:
    yield "| key | type | default | meaning |"
    yield "|---|---|---|---|"
    for key in keys_of(shape).values():
        cells = (f"`{key.name}`", type_words(key.annotation), _default(key), key.meaning)
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
    yield ""


def _kinds(title: str, folder: str, kinds: Mapping[str, type[Any]]) -> str:
    parts = [f"## {title}", "", f"Each kind has a page with an example, in `docs/{folder}/`.", ""]
    for name, kind in kinds.items():
        parts += [f"### {title[:-1]} {name}", "", f"{summary(kind)}\n\nSee [{name}]({folder}/{name}.md).", ""]
        parts += _table(kind)
    return "\n".join(parts)


def _default(key: Key) -> str:
    default = key.default
    if default is NOTHING or (_is_kind(key) and default != "times"):
        return "must be given"
    if isinstance(default, Enum):
        return f"`{default.value}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, Duration):
        return f"`{default}`"
    if default is None or default == "" or isinstance(default, Where | Shape) or default in ((), {}):
        return "none"
    if isinstance(default, tuple):
        return f"`[{', '.join(map(str, default))}]`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def _is_kind(key: Key) -> bool:
    return key.name == "kind" and len(_words(key)) == 1


def _words(key: Key) -> list[str]:
    return [str(word) for option in options(key.annotation) for word in get_args(option)]


_TYPES: Mapping[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true` or `false`",
    Duration: "[duration](#duration)",
    Condition: "[condition](#condition)",
    Where: "[filter](#filter)",
    Measure: "[measure](#measures)",
    Any: "any",
}


_ALIASES = (
    (Name, "[name](#name)"),
    (Email, "email address"),
    (Zone, "time zone"),
    (Clock, "time of day"),
    (Date, "date"),
    (Holidays, "country"),
    (Schedule, "[schedule](#schedule)"),
    (Ratio, "number, 0 to 1"),
    (NotNegative, "number, at least 0"),
    (Positive, "number, above 0"),
)


def type_words(annotation: Any) -> str:
    """A type in words, as a person would say what to write."""
    for known, said in _ALIASES:
        if annotation is known or annotation == known | None:
            return said
    words = [_option_words(option) for option in options(annotation)]
    kinds = {kind_name(option) for option in options(annotation) if isinstance(option, type)} - {""}
    if kinds >= {"count", "distinct"}:
        return "[measure](#measures)"
    if kinds >= {"times", "first"}:
        return "[pattern](#patterns)"
    return " or ".join(dict.fromkeys(words))


def _option_words(option: Any) -> str:
    origin, arguments = get_origin(option), get_args(option)
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in arguments)
    if origin is tuple:
        number = "" if arguments[-1] is ... else f"{len(arguments)} of "
        return f"list of {number}{type_words(arguments[0])}"
    if origin in {dict, Mapping}:
        inner = options(arguments[1])
        return (
            "[conditions](#conditions)"
            if inner == [Condition]
            else f"mapping of {_keys_word(arguments[0])} to {type_words(arguments[1])}"
        )
    if option in _TYPES:
        return _TYPES[option]
    if isinstance(option, type) and issubclass(option, Enum):
        return ", ".join(f"`{member.value}`" for member in option)
    return "[pattern](#patterns)" if isinstance(option, type) and issubclass(option, Pattern) else "mapping, below"


def _keys_word(annotation: Any) -> str:
    return "[name](#name)" if annotation is Name else "text"


def main(path: Path = PAGE) -> int:
    """Write the page."""
    path.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
