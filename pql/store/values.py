"""How values become columns and come back."""

import json
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
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


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def dumps(value: object) -> str:
    """JSON text of any value; see `plain`."""
    return _encode(plain(value))


def coded(column: "pd.Series[Any]") -> tuple[npt.NDArray[np.int64], list[str]]:
    """The values of a column as JSON: the position of each among the distinct ones (-1 for null), and those."""
    try:
        codes, uniques = pd.factorize(column.astype(object), use_na_sentinel=True)
    except TypeError:  # lists and mappings have no hash
        codes, uniques = pd.factorize(column.map(dumps, na_action="ignore").astype(object))
        return codes, [str(text) for text in uniques]
    return codes, [dumps(value) for value in uniques]


def framed(rows: Sequence[Iterable[Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Rows of a query as a frame. Column by column: pandas asks every row of SQLAlchemy's what it is."""
    cells = list(zip(*rows, strict=True)) if rows else [()] * len(columns)
    return pd.DataFrame(dict(zip(columns, cells, strict=True)))


def loads(text: str) -> Any:
    """What `dumps` wrote."""
    return json.loads(text)


def chunks(items: Collection[T], size: int = 500) -> Iterator[list[T]]:
    """The items in lists of at most `size`: databases bound the number of parameters."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk
