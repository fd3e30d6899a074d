"""Durations as people write them: "14 days", "1 hour", "30 minutes"."""

import re
from dataclasses import dataclass
from typing import Any, Self

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 604_800}
_TEXT = re.compile(r"\s*(\d+)\s*(second|minute|hour|day|week)s?\s*")
_SHORT = {"s": "second", "m": "minute", "min": "minute", "h": "hour", "d": "day", "w": "week"}
_SHORT_TEXT = re.compile(r"\s*(\d+)\s*(s|min|m|h|d|w)\s*")


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A whole number of seconds, at least 0."""

    seconds: int

    @classmethod
    def parse(cls, text: object) -> Self:
        """Read "14 days", "2 weeks", "1 hour", "30 minutes", "90 seconds", "7d".

        Raises:
            ValueError: The text is no whole number followed by a unit; says what to write.
        """
        if isinstance(text, cls):
            return text
        written = str(text)
        if match := _TEXT.fullmatch(written):
            return cls(int(match[1]) * _UNITS[match[2]])
        if match := _SHORT_TEXT.fullmatch(written):
            return cls(int(match[1]) * _UNITS[_SHORT[match[2]]])
        raise ValueError(f"'{text}' is not a duration; write a number and a unit, like '14 days' or '1 hour'")

    @classmethod
    def of_days(cls, days: int) -> Self:
        """A duration of whole days."""
        return cls(days * 86_400)

    @property
    def days(self) -> float:
        """The length in days of 24 hours."""
        return self.seconds / 86_400

    @property
    def whole_days(self) -> int:
        """The length in days.

        Raises:
            ValueError: It is not a whole number of days, or it is none.
        """
        days, rest = divmod(self.seconds, 86_400)
        if rest or not days:
            raise ValueError(f"'{self}' must be a whole number of days, at least 1 day")
        return days

    @property
    def micros(self) -> int:
        """The length in microseconds."""
        return self.seconds * 1_000_000

    def __str__(self) -> str:
        for unit in ("day", "hour", "minute"):
            number, rest = divmod(self.seconds, _UNITS[unit])
            if number and not rest:
                return f"{number} {unit}{'' if number == 1 else 's'}"
        return f"{self.seconds} second{'' if self.seconds == 1 else 's'}"

    # Pydantic asks a type how it is read by these two names. They are plain data, so the domain needs no import.
    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> Any:
        return {"type": "function-plain", "function": {"type": "no-info", "function": cls.parse}}

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: Any, _handler: Any) -> dict[str, Any]:
        return {
            "type": "string",
            "pattern": r"^\s*\d+\s*((second|minute|hour|day|week)s?|s|min|m|h|d|w)\s*$",
            "examples": ["14 days", "1 hour"],
        }
