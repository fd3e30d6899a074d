"""Cron expressions of five fields, read only to find mistakes; the scheduler reads them to run."""

import re

_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of the week", 0, 6, ("mon", "tue", "wed", "thu", "fri", "sat", "sun")),
)
_PART = re.compile(r"(?:\*|(\w+)(?:-(\w+))?)(?:/(\d+))?")


def check_cron(text: str) -> str:
    """What is wrong with a cron expression, in words; "" where nothing is."""
    fields = text.split()
    if len(fields) != len(_FIELDS):
        return f"an interval, or five fields (minute hour day month weekday); it has {len(fields)}"
    for written, (name, low, high, words) in zip(fields, _FIELDS, strict=True):
        for part in written.split(","):
            if not _reads(part, low, high, words):
                return f"'{part}' is no {name} ({low}-{high})"
    return ""


def _reads(part: str, low: int, high: int, words: tuple[str, ...]) -> bool:
    match = _PART.fullmatch(part)
    if match is None or match[3] == "0":
        return False
    ends = [_number(end, words) for end in (match[1], match[2]) if end is not None]
    return all(low <= end <= high for end in ends) and ends == sorted(ends)


def _number(written: str, words: tuple[str, ...]) -> int:
    if written.isdecimal() and len(written) <= 2:
        return int(written)
    if written.lower() in words:
        # Months count from 1; the scheduler's weekdays from 0, Monday.
        return words.index(written.lower()) + (len(words) == 12)
    return -1
