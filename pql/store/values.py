"""How values become columns and come back."""

import json
import math
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from pql.domain.calendar import from_micros, to_micros

T = TypeVar("T")


def micros(at: datetime | None) -> int | None:
    """An instant as it is stored."""
    return None if at is None else to_micros(at)


def instant(stored: float | None) -> datetime | None:
    """A stored instant as an aware datetime."""
    return None if stored is None or math.isnan(stored) else from_micros(stored)


def clean(text: object) -> str:
    """Text that any database takes: PostgreSQL refuses NUL, and UTF-8 has no lone surrogates. None is empty."""
    if text is None or text is pd.NA or (isinstance(text, float) and math.isnan(text)):
        return ""
    return str(text).replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def plain(value: object) -> Any:
    """A value as JSON has it: infinite and missing numbers are null, instants ISO text, sets and arrays lists."""
    match value:
        case _ if value is pd.NaT or value is pd.NA:
            return None
        case None | bool():
            return value
        case Enum():
            return plain(value.value)
        case str():
            return clean(value)
        case int():
            return int(value)
        case np.generic():
            return plain(value.item())
        case float():
            return value if math.isfinite(value) else None
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {clean(key): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted((plain(item) for item in value), key=str)
        case np.ndarray() | list() | tuple():
            return [plain(item) for item in value]
        case _:
            return clean(value)


def dumps(value: object) -> str:
    """JSON text of any value; see `plain`."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def loads(text: str) -> Any:
    """What `dumps` wrote."""
    return json.loads(text)


def chunks(items: Collection[T], size: int = 500) -> Iterator[list[T]]:
    """The items in lists of at most `size`: databases bound the number of parameters."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
