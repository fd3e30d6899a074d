"""Conditions on one value and filters on many columns: one language for events, verdicts, gates and fit."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Scalar: TypeAlias = str | int | float | bool
BoolArray: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must be true of one value; all of the parts that are given must hold. Text compares without case.

    An unknown value (null, NaN) meets no condition but `exists: false`; an infinite number meets no bound.
    """

    equals: Scalar | None = None
    not_equals: Scalar | None = None
    among: tuple[Scalar, ...] | None = None  # written `in`, or as a plain list
    not_among: tuple[Scalar, ...] | None = None  # written `not_in`
    at_least: float | None = None
    at_most: float | None = None
    above: float | None = None
    below: float | None = None
    between: tuple[float, float] | None = None  # both ends count
    exists: bool | None = None
    words: tuple[str, ...] | None = None  # any of these as whole words
    matches: str | None = None  # a regular expression, found anywhere, without case

    @classmethod
    def parse(cls, written: object) -> Self:
        """Read `pro`, `[trial, free]` or `{at_least: 6}`.

        Raises:
            ValueError: An operator is unknown, a value has the wrong type, or bounds cross.
        """
        if isinstance(written, cls):
            return written
        if isinstance(written, Mapping):
            return cls._from_operators(written)
        if isinstance(written, list | tuple):
            return cls(among=_scalars(written))
        return cls(equals=_scalar(written))

    @classmethod
    def _from_operators(cls, written: Mapping[Any, Any]) -> Self:
        if not written:
            raise ValueError("a condition needs at least one of " + ", ".join(OPERATORS))
        parts: dict[str, Any] = {}
        for operator, value in written.items():
            if operator not in OPERATORS:
                raise ValueError(f"'{operator}' is no operator; use one of {', '.join(OPERATORS)}")
            parts[OPERATORS[operator]] = _READERS[operator](value)
        condition = cls(**parts)
        condition.check()
        return condition

    def check(self) -> None:
        """Refuse what no value can meet.

        Raises:
            ValueError: The bounds cross.
        """
        low, high = self.bounds
        if low > high or (low == high and (self.above == low or self.below == high)):
            raise ValueError(f"no number is {self}: the bounds cross")

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest number that can meet the condition."""
        lows = [self.at_least, self.above, self.between[0] if self.between else None]
        highs = [self.at_most, self.below, self.between[1] if self.between else None]
        return (
            max((low for low in lows if low is not None), default=-math.inf),
            min((high for high in highs if high is not None), default=math.inf),
        )

    @property
    def numeric(self) -> bool:
        """Whether the condition compares numbers."""
        return self.bounds != (-math.inf, math.inf)

    def holds(self, values: "pd.Series[Any]", *, distinct: bool = False) -> BoolArray:
        """For each value whether the condition is met; unknown values meet only `exists: false`.

        Args:
            values: A column.
            distinct: Whether it is known that none stands there twice; the answer is the same.
        """
        known = values.notna().to_numpy(dtype=bool)
        if self.exists is False:
            return ~known
        met = known.copy()
        if self.numeric:
            met &= self._in_bounds(pd.to_numeric(values, errors="coerce").to_numpy(dtype=float))
        if self._compares_text:
            met[known] &= self._text_holds(values[known], distinct=distinct)
        return met

    def met_by(self, value: object) -> bool:
        """Whether one value meets the condition: what `holds` says of it, without a frame around it."""
        if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - NaN is not itself
            return self.exists is False
        if self.exists is False or (self.numeric and not self._bounded(value)):
            return False
        return not self._compares_text or self._text_test()(value)

    def _bounded(self, value: object) -> bool:
        try:
            number = float(value)  # type: ignore[arg-type]  # what is no number raises
        except (TypeError, ValueError):
            return False
        return bool(self._in_bounds(np.array([number]))[0])

    @property
    def _compares_text(self) -> bool:
        given = (self.equals, self.not_equals, self.among, self.not_among, self.words, self.matches)
        return any(part is not None for part in given)

    def _in_bounds(self, numbers: npt.NDArray[np.float64]) -> BoolArray:
        low, high = self.bounds
        # Infinite numbers come of faults, and no database keeps them alike.
        met: BoolArray = np.isfinite(numbers) & (numbers >= low) & (numbers <= high)
        if self.above is not None:
            met &= numbers > self.above
        if self.below is not None:
            met &= numbers < self.below
        return met

    def _text_holds(self, values: "pd.Series[Any]", *, distinct: bool) -> BoolArray:
        if distinct and _is_text(values):
            return self._texts_hold(values)
        # Columns repeat few values, so each is folded once. True and 1 hash alike but are not equal here: a column
        # that mixes types is compared value by value.
        if not _is_text(values) and pd.api.types.infer_dtype(values, skipna=True).startswith("mixed"):
            return self._each_holds(values)
        codes, uniques = pd.factorize(values)
        different = pd.Series(uniques)
        return (self._texts_hold if _is_text(different) else self._each_holds)(different)[codes]

    def _each_holds(self, values: "pd.Series[Any]") -> BoolArray:
        meets = self._text_test()
        return np.array([meets(value) for value in values], dtype=bool)

    def _texts_hold(self, texts: "pd.Series[str]") -> BoolArray:
        """As `_each_holds`, for a column of nothing but text: names and domains differ from lead to lead."""
        wanted, refused, searches = self._tests()
        met = np.ones(len(texts), dtype=bool)
        if wanted or refused:
            folded = _folded(texts)
            for some in wanted:
                met &= folded.isin(some).to_numpy(dtype=bool)
            met &= ~folded.isin(refused).to_numpy(dtype=bool)
        for search in searches:
            met &= np.array([search(text) is not None for text in texts.to_numpy(dtype=object)], dtype=bool)
        return met

    def _tests(self) -> tuple[list[set[str]], set[str], list[Callable[[str], object]]]:
        """The folded texts of which each set must hold the value, those that must not, and what must be found."""
        wanted = [{fold(self.equals)}] if self.equals is not None else []
        wanted += [set(map(fold, self.among))] if self.among is not None else []
        refused = {fold(self.not_equals)} if self.not_equals is not None else set()
        refused |= set(map(fold, self.not_among or ()))
        written = [pattern for pattern in (self._words_pattern, self.matches) if pattern is not None]
        return wanted, refused, [re.compile(pattern, re.IGNORECASE).search for pattern in written]

    def _text_test(self) -> Callable[[object], bool]:
        """The part of the condition that compares texts, with what it compares to folded once."""
        wanted, refused, searches = self._tests()

        def meets(value: object) -> bool:
            folded = fold(value)
            if folded in refused or not all(folded in some for some in wanted):
                return False
            return all(search(str(value)) for search in searches)

        return meets

    @property
    def _words_pattern(self) -> str | None:
        if self.words is None:
            return None
        return r"(?<!\w)(?:" + "|".join(re.escape(word) for word in self.words) + r")(?!\w)"

    def __str__(self) -> str:
        shown = [(name, getattr(self, part)) for name, part in OPERATORS.items()]
        return " and ".join(_say(name, value) for name, value in shown if value is not None)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        return {"type": "function-plain", "function": {"type": "no-info", "function": cls.parse}}

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        scalar = {"type": ["string", "number", "boolean"]}
        scalars = {"type": "array", "items": scalar, "minItems": 1}
        number = {"type": "number"}
        operators: dict[str, Any] = {
            **dict.fromkeys(("equals", "not"), scalar),
            **dict.fromkeys(("in", "not_in"), scalars),
            **dict.fromkeys(("at_least", "at_most", "above", "below"), number),
            "between": {"type": "array", "items": number, "minItems": 2, "maxItems": 2},
            "exists": {"type": "boolean"},
            "words": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "matches": {"type": "string"},
        }
        mapping = {"type": "object", "properties": operators, "additionalProperties": False, "minProperties": 1}
        return {"anyOf": [scalar, scalars, mapping]}


def fold(value: object) -> str:
    """How two values are compared for equality: as text, without case, with 3.0 the same as 3."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip().casefold()


def _is_text(values: "pd.Series[Any]") -> bool:
    return isinstance(values.dtype, pd.StringDtype)


def _folded(texts: "pd.Series[str]") -> "pd.Series[str]":
    """The texts as `fold` gives them. Of ASCII, lower case is all that folding is."""
    folded = texts.str.strip().str.lower()
    rare = ~texts.str.isascii().to_numpy(dtype=bool)
    if rare.any():
        folded[rare] = np.array([fold(text) for text in texts[rare].to_numpy(dtype=object)], dtype=object)
    return folded


class Attributes:
    """A frame as conditions read it: each column of text is told apart once, however many conditions ask for it."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self._distinct: dict[str, tuple[npt.NDArray[np.intp], pd.Series[Any]]] = {}

    def __len__(self) -> int:
        return len(self._frame)

    @property
    def index(self) -> "pd.Index[Any]":
        """That of the frame."""
        return self._frame.index

    def column(self, name: str) -> "pd.Series[Any]":
        """A column; of one that is absent all is unknown."""
        if name in self._frame.columns:
            return self._frame[name]
        return pd.Series(None, index=self._frame.index, dtype=object)

    def meet(self, name: str, condition: Condition) -> BoolArray:
        """For each row whether its value in a column meets the condition."""
        values = self.column(name)
        if not _is_text(values):
            return condition.holds(values)
        if name not in self._distinct:
            codes, uniques = pd.factorize(values)
            self._distinct[name] = codes, pd.Series(uniques)
        codes, different = self._distinct[name]
        # An unknown value has the code -1, and so the last answer.
        return np.append(condition.holds(different, distinct=True), condition.exists is False)[codes]


@dataclass(frozen=True, slots=True)
class Where:
    """Conditions by column; a row passes when all hold. Written as a mapping: `{event: paywall_viewed}`.

    A column is one of the relation's own, any other that its SQL selects, or `properties.<key>`.
    """

    conditions: tuple[tuple[str, Condition], ...] = ()

    @classmethod
    def parse(cls, written: object) -> Self:
        """Read a mapping of column to condition.

        Raises:
            ValueError: It is no mapping, or a condition cannot be read; names the column.
        """
        if isinstance(written, cls):
            return written
        if not isinstance(written, Mapping):
            raise ValueError(f"a filter is a mapping of column to condition, like {{event: login}}; got '{written}'")
        return cls(tuple((str(column), _named(str(column), value)) for column, value in written.items()))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the filter reads, in the order written."""
        return tuple(column for column, _ in self.conditions)

    def holds(self, rows: pd.DataFrame | Attributes) -> BoolArray:
        """For each row whether all conditions hold. Columns that are absent count as unknown."""
        attributes = rows if isinstance(rows, Attributes) else Attributes(rows)
        met = np.ones(len(attributes), dtype=bool)
        for column, condition in self.conditions:
            met &= attributes.meet(column, condition)
        return met

    def __str__(self) -> str:
        return " and ".join(f"{column} {condition}" for column, condition in self.conditions)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        return {"type": "function-plain", "function": {"type": "no-info", "function": cls.parse}}

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": Condition.__get_pydantic_json_schema__(None, None)}


OPERATORS = {
    "equals": "equals",
    "not": "not_equals",
    "in": "among",
    "not_in": "not_among",
    "at_least": "at_least",
    "at_most": "at_most",
    "above": "above",
    "below": "below",
    "between": "between",
    "exists": "exists",
    "words": "words",
    "matches": "matches",
}


def _named(column: str, value: object) -> Condition:
    try:
        return Condition.parse(value)
    except ValueError as exc:
        raise ValueError(f"{column}: {exc}") from exc


def _scalar(value: object) -> Scalar:
    if isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"'{value}' is neither text nor a number nor true or false")


def _scalars(value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"'{value}' must be a list of at least one value")
    return tuple(_scalar(item) for item in value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"'{value}' must be a number")
    return float(value)


def _pair(value: object) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(f"'{value}' must be two numbers, like [3, 10]")
    return _number(value[0]), _number(value[1])


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"'{value}' must be true or false")
    return value


def _words(value: object) -> tuple[str, ...]:
    return tuple(str(word) for word in (value if isinstance(value, list | tuple) else [value]))


def _pattern(value: object) -> str:
    try:
        re.compile(str(value))
    except re.error as exc:
        raise ValueError(f"'{value}' is no regular expression: {exc}") from exc
    return str(value)


_READERS: dict[str, Any] = {
    "equals": _scalar,
    "not": _scalar,
    "in": _scalars,
    "not_in": _scalars,
    **dict.fromkeys(("at_least", "at_most", "above", "below"), _number),
    "between": _pair,
    "exists": _truth,
    "words": _words,
    "matches": _pattern,
}
_SAYINGS = {
    "equals": "{}",
    "not": "not {}",
    "in": "one of {}",
    "not_in": "none of {}",
    "at_least": "at least {}",
    "at_most": "at most {}",
    "above": "above {}",
    "below": "below {}",
    "between": "between {}",
    "words": "has the word {}",
    "matches": "matches {}",
}


def _say(name: str, value: object) -> str:
    if name == "exists":
        return "known" if value else "unknown"
    if isinstance(value, tuple):
        return _SAYINGS[name].format((" and " if name == "between" else ", ").join(say_scalar(v) for v in value))
    return _SAYINGS[name].format(say_scalar(value))


def say_scalar(value: object) -> str:
    """A value as a person writes it: 6, 0.75, true, trial."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
