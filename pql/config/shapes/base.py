"""What all shapes share. A shape is how a file is written; `build()` makes the domain's value of it.

The descriptions of the fields are what docs/reference.md and the JSON Schemas say of the keys.
"""

import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from pql.config.cron import check_cron
from pql.domain.conditions import Condition
from pql.domain.durations import Duration
from pql.domain.working_time import holidays_fault


class Shape(BaseModel):
    """A mapping in a file; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


def wrong(code: str, message: str, hint: str = "", *, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """A problem that a validator found.

    Args:
        code: One of `pql.config.problems.CODES`.
        message: What is wrong.
        hint: How to mend it.
        at: Where, below the value that the validator got.
    """
    # Pydantic fills braces in a template; what a team wrote may hold some, so it goes in as values.
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint, "at": list(at)})


def form(pattern: str, words: str) -> AfterValidator:
    """Text of a form, told in words where it is not."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if not compiled.fullmatch(text):
            raise wrong("C018", f"'{text}' is not {words}")
        return text

    return AfterValidator(check)


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise wrong("C028", f"'{text}' is no time zone", "a name like Europe/Berlin or UTC") from exc
    return text


def _clock(text: str) -> str:
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d|24:00", text):
        raise wrong("C018", f"'{text}' is no time of day", "hours and minutes, like 09:00")
    return text


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as exc:
        raise wrong("C018", f"'{text}' is no date", "year, month and day, like 2026-08-03") from exc


def _holidays(text: str) -> str:
    message, hint = holidays_fault(text) if text else ("", "")
    if message:
        raise wrong("C032", message, hint)
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise wrong("C018", "the text is empty", "write a few words")
    return text


def _schedule(text: str) -> str:
    try:
        if Duration.parse(text).seconds:
            return text
    except ValueError:
        if not (words := check_cron(text)):
            return text
        raise wrong("C018", f"'{text}' is no schedule: {words}", "like '15 minutes' or '0 8 * * *'") from None
    raise wrong("C018", f"'{text}' is no schedule: it must be longer than nothing")


def positive(words: str) -> AfterValidator:
    """A duration above zero, with what it is for in the message."""

    def check(duration: Duration) -> Duration:
        if not duration.seconds:
            raise wrong("C017", f"{words} must be longer than '{duration}'")
        return duration

    return AfterValidator(check)


def unique(what: str, key: str, name: Callable[[Any], str]) -> AfterValidator:
    """A list in which no two entries have the same name.

    Args:
        what: What an entry is, in words.
        key: The key that holds the name.
        name: How an entry's name is read.
    """

    def check(entries: tuple[Any, ...]) -> tuple[Any, ...]:
        seen: set[str] = set()
        for number, entry in enumerate(entries):
            if name(entry) in seen:
                raise wrong("C040", f"there are two {what} '{name(entry)}'", "names are unique", at=(number, key))
            seen.add(name(entry))
        return entries

    return AfterValidator(check)


Name: TypeAlias = Annotated[
    str,
    form(r"[a-z][a-z0-9_]*", "a name: small letters, digits and _, a letter first"),
    Field(json_schema_extra={"pattern": "^[a-z][a-z0-9_]*$"}),
]
Text: TypeAlias = Annotated[str, AfterValidator(_filled), Field(json_schema_extra={"minLength": 1})]
Email: TypeAlias = Annotated[
    str, form(r"[^@\s]+@[^@\s]+", "an email address"), Field(json_schema_extra={"pattern": "^[^@\\s]+@[^@\\s]+$"})
]
Zone: TypeAlias = Annotated[str, AfterValidator(_zone)]
Clock: TypeAlias = Annotated[
    str, AfterValidator(_clock), Field(json_schema_extra={"pattern": r"^(([01]?\d|2[0-3]):[0-5]\d|24:00)$"})
]
Date: TypeAlias = Annotated[str, AfterValidator(_date), Field(json_schema_extra={"format": "date"})]
Holidays: TypeAlias = Annotated[str, AfterValidator(_holidays)]
Schedule: TypeAlias = Annotated[str, AfterValidator(_schedule)]
Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
NotNegative: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Positive: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Ratio: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Conditions: TypeAlias = dict[str, Condition]
