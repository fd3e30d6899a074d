"""YAML 1.2 as plain data, with the place of every key and value.

Read from the parser's events rather than from its nodes: duplicate keys, depth and the size of expanded anchors are
seen as they come, and deep nesting costs no stack in the parser.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.reader import ReaderError

from pql.config.problems import Problem

Path: TypeAlias = tuple[str | int, ...]
Data: TypeAlias = Any  # None, bool, int, float, str, list or dict with text keys

MAX_CHARACTERS = 1_000_000
MAX_VALUES = 20_000
MAX_DEPTH = 40

# A leading zero makes it text, as in YAML's JSON schema: a condition on a postcode must not lose it.
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_OCTAL, _HEX = re.compile(r"0o[0-7]+"), re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS = {"": None, "~": None, **dict.fromkeys(("null", "Null", "NULL"), None)}
_WORDS |= {**dict.fromkeys(("true", "True", "TRUE"), True), **dict.fromkeys(("false", "False", "FALSE"), False)}
_TAG = "tag:yaml.org,2002:"
_TEXT_TAG = f"{_TAG}str"
_TAGS = {"!", _TEXT_TAG, f"{_TAG}seq", f"{_TAG}map"}


@dataclass(frozen=True, slots=True)
class Spot:
    """A place in a file; line and column count from 1."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's data and where its parts stand.

    Args:
        path: Relative to the project's folder.
        data: Plain data.
        keys: The place of each key, by its path in the data.
        values: The place of each value, by its path in the data.
    """

    path: str
    text: str
    data: Data
    keys: Mapping[Path, Spot] = field(default_factory=dict)
    values: Mapping[Path, Spot] = field(default_factory=dict)

    def problem(
        self, at: Sequence[str | int], code: str, message: str, hint: str = "", *, key: bool = False
    ) -> Problem:
        """A problem at a value (or at its key); at the nearest part that stands in the file, where it does not."""
        spot = self.spot(tuple(at), key=key)
        return Problem(path=self.path, line=spot.line, column=spot.column, code=code, message=message, hint=hint)

    def spot(self, at: Path, *, key: bool = False) -> Spot:
        """Where a value stands, or its key."""
        places = self.keys if key else self.values
        if at in places:
            return places[at]
        # What is missing is shown at the key of what should hold it.
        above = [at[:end] for end in range(len(at) - 1, -1, -1)]
        return next((self.keys.get(part) or self.values[part] for part in above if part in self.values), Spot())

    def get(self, *at: str | int) -> Data:
        """The data at a path; None where there is none."""
        found = self.data
        for part in at:
            found = child(found, part)
        return None if found is ABSENT else found


ABSENT = object()


def child(data: Data, part: str | int) -> Data:
    """What stands at a key or an index; ABSENT where nothing does."""
    if isinstance(data, dict):
        return data.get(part, ABSENT)
    if isinstance(data, list) and isinstance(part, int) and part < len(data):
        return data[part]
    return ABSENT


class _Bad(Exception):  # never leaves this file
    def __init__(self, spot: Spot, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.spot, self.code, self.message, self.hint = spot, code, message, hint


def read_yaml(path: str, text: str) -> tuple[Document | None, list[Problem]]:
    """Read one file.

    Args:
        path: As it shall stand in problems.
        text: The file's content.

    Returns:
        The document, or None where it cannot be read at all, and the problems found. A key written twice is a
        problem of a document that is there; its first value counts.
    """
    if len(text) > MAX_CHARACTERS:
        return None, [_problem(path, _Bad(Spot(), "C007", f"the file has more than {MAX_CHARACTERS:,} characters"))]
    reader = _Reader()
    try:
        data = reader.document(_events(text))
    except _Bad as bad:
        return None, [_problem(path, bad)]
    document = Document(path=path, text=text, data=data, keys=reader.keys, values=reader.values)
    return document, [_problem(path, bad) for bad in reader.repeated]


def _problem(path: str, bad: _Bad) -> Problem:
    return Problem(
        path=path, line=bad.spot.line, column=bad.spot.column, code=bad.code, message=bad.message, hint=bad.hint
    )


def _events(text: str) -> Iterator[Any]:
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as exc:
        _refuse(exc, text)
    except ReaderError as exc:
        spot = _spot_of(text, exc.position)
        raise _Bad(spot, "C004", f"the character U+{int(exc.character):04X} is not allowed in YAML") from exc
    except (YAMLError, ValueError, IndexError, AttributeError, TypeError, AssertionError, NotImplementedError) as exc:
        # The parser lets odd escapes and directives escape as plain Python errors.
        raise _Bad(Spot(), "C004", f"the file is no YAML: {exc}") from exc


def _refuse(exc: MarkedYAMLError, text: str) -> NoReturn:
    mark = exc.problem_mark or exc.context_mark
    spot = Spot(mark.line + 1, mark.column + 1) if mark else Spot()
    problem = str(exc.problem or exc.context or "cannot be read")
    if "\\t" in problem or _tab_at(text, spot):
        raise _Bad(spot, "C004", "a tab cannot indent YAML", "write spaces") from exc
    if problem.startswith("mapping values"):
        raise _Bad(spot, "C004", "a ':' with a blank after it ends a key", "text with ': ' in it needs quotes") from exc
    context = f"{exc.context}: " if exc.context and exc.context != problem else ""
    raise _Bad(spot, "C004", f"{context}{problem}") from exc


def _tab_at(text: str, spot: Spot) -> bool:
    lines = text.splitlines()
    return spot.line <= len(lines) and lines[spot.line - 1][: spot.column].strip(" ").startswith("\t")


def _spot_of(text: str, position: int) -> Spot:
    before = text[:position]
    return Spot(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


class _Reader:
    """One document from events to data; remembers places, counts values."""

    def __init__(self) -> None:
        self.keys: dict[Path, Spot] = {}
        self.values: dict[Path, Spot] = {}
        self.repeated: list[_Bad] = []
        self._anchors: dict[str, Data] = {}
        self._count = 0

    def document(self, events: Iterator[Any]) -> Data:
        next(events)  # the stream's start
        if type(next(events)).__name__ == "StreamEndEvent":
            raise _Bad(Spot(), "C006", "the file is empty")
        data = self._value(next(events), events, ())
        if data is None:
            raise _Bad(Spot(), "C006", "the file is empty")
        next(events)  # the document's end
        after = next(events)
        if type(after).__name__ != "StreamEndEvent":
            raise _Bad(_spot(after), "C004", "the file holds a second document ('---')", "one file, one document")
        return data

    def _value(self, event: Any, events: Iterator[Any], at: Path) -> Data:
        spot = _spot(event)
        self.values.setdefault(at, spot)
        self._counted(1, spot)
        if len(at) > MAX_DEPTH:
            raise _Bad(spot, "C007", f"the file is nested more than {MAX_DEPTH} levels deep")
        tag = str(getattr(event, "tag", None) or "!")
        if tag not in _TAGS:
            shown = tag.replace(_TAG, "!!")
            raise _Bad(spot, "C004", f"the tag '{shown}' is not supported", "write the value without it")
        match type(event).__name__:
            case "ScalarEvent":
                value: Data = _scalar(event, spot)
            case "SequenceStartEvent":
                value = self._sequence(events, at)
            case "MappingStartEvent":
                value = self._mapping(events, at)
            case _:
                return self._alias(event.anchor, spot)
        if event.anchor:
            self._anchors[event.anchor] = value
        return value

    def _sequence(self, events: Iterator[Any], at: Path) -> list[Data]:
        items: list[Data] = []
        while type(event := next(events)).__name__ != "SequenceEndEvent":
            items.append(self._value(event, events, (*at, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], at: Path) -> dict[str, Data]:
        found: dict[str, Data] = {}
        while type(event := next(events)).__name__ != "MappingEndEvent":
            spot = _spot(event)
            if type(event).__name__ != "ScalarEvent":
                raise _Bad(spot, "C004", "a key must be plain text", "text that begins with '{{' needs quotes")
            key = _checked_text(event.value, spot)
            if key in found:
                self.repeated.append(_Bad(spot, "C005", f"the key '{key}' is written twice", "keep one of them"))
                self._value(next(events), events, (*at, key, "again"))
                continue
            self.keys[*at, key] = spot
            found[key] = self._value(value := next(events), events, (*at, key))
            if found[key] is None and getattr(value, "value", None) == "":
                # The parser places what is not written at whatever comes next.
                self.values[*at, key] = spot
        return found

    def _alias(self, anchor: str, spot: Spot) -> Data:
        if anchor not in self._anchors:
            raise _Bad(spot, "C004", f"the alias '*{anchor}' has no anchor '&{anchor}' before it")
        value = self._anchors[anchor]
        self._counted(_size(value, MAX_VALUES - self._count + 1), spot)
        return value

    def _counted(self, number: int, spot: Spot) -> None:
        self._count += number
        if self._count > MAX_VALUES:
            raise _Bad(spot, "C007", f"the file holds more than {MAX_VALUES:,} values, with its aliases written out")


def _size(value: Data, limit: int) -> int:
    """How many values there are, counted up to a limit."""
    waiting, count = [value], 0
    while waiting and count < limit:
        one = waiting.pop()
        count += 1
        if isinstance(one, dict):
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return count


def _spot(event: Any) -> Spot:
    return Spot(event.start_mark.line + 1, event.start_mark.column + 1)


def _scalar(event: Any, spot: Spot) -> Data:
    text = _checked_text(event.value, spot)
    plain = not event.tag and event.style in {None, ""}
    return resolve(text, spot) if plain else text


def _checked_text(text: str, spot: Spot) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise _Bad(spot, "C004", "half of a surrogate pair is no character")
    return text


def resolve(text: str, spot: Spot) -> Data:
    """What a plain scalar means in YAML 1.2: null, true or false, a number, or text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        # Beyond 18 digits a number is no count of anything; as a float it stays comparable and cheap.
        return int(text) if len(text) <= 19 else _finite(text, spot)
    if _OCTAL.fullmatch(text) and len(text) <= 20:
        return int(text, 0)
    if _HEX.fullmatch(text) and len(text) <= 17:
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return _finite(text, spot)
    if _NOT_FINITE.fullmatch(text):
        raise _Bad(spot, "C010", f"'{text}' is no number to compare with", "write a finite number")
    return text


def _finite(text: str, spot: Spot) -> float:
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        raise _Bad(spot, "C010", f"'{text[:20]}...' is too large a number", "write a finite number")
    return number
