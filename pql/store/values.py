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
import pyarrow as pa
import pyarrow.compute as pc

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
    if type(text) is str and text.isascii() and "\x00" not in text:
        return text
    if text is None or text is pd.NA or (isinstance(text, float) and math.isnan(text)):
        return ""
    return str(text).replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def clean_texts(column: "pd.Series[Any]") -> list[str]:
    """`clean` of each value of a column."""
    if not isinstance(column.dtype, pd.StringDtype):
        return [clean(value) for value in column.tolist()]
    texts = plain_texts(column.fillna(""))
    whole = "".join(texts)
    # Looked at in one piece: nearly no column holds what must be mended.
    if "\x00" in whole or not _encodes(whole):
        return [clean(text) for text in texts]
    return texts


def plain_texts(column: "pd.Series[Any] | pd.Index[Any]") -> list[Any]:
    """The texts of a column as Python's own; to go through them one by one costs thirty times as much."""
    return list(column.to_numpy(dtype=object).tolist())


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


_AS_IT_IS = frozenset({int, bool, type(None)})


def plain(value: object) -> Any:
    """A value as JSON has it: infinite and missing numbers are null, instants ISO text, sets and arrays lists."""
    if type(value) in _AS_IT_IS:
        return value
    match value:
        case _ if value is pd.NaT or value is pd.NA:
            return None
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


def encoded(value: object) -> str:
    """JSON text of what JSON has as it is: what `loads` gave."""
    return _encode(value)


def coded(column: "pd.Series[Any]") -> tuple[npt.NDArray[np.int64], list[str]]:
    """The values of a column as JSON: the position of each among the distinct ones (-1 for null), and those."""
    whole = column if isinstance(column.dtype, pd.StringDtype) else column.astype(object)
    try:
        codes, uniques = pd.factorize(whole, use_na_sentinel=True)
    except TypeError:  # lists and mappings have no hash
        codes, uniques = pd.factorize(column.map(dumps, na_action="ignore").astype(object))
        return codes, [str(text) for text in uniques]
    return codes, [dumps(value) for value in uniques]


def objects(columns: Mapping[str, "pd.Series[Any]"], size: int) -> list[str]:
    """One JSON object a row, without what is null; put together column by column."""
    if not columns:
        return ["{}"] * size
    written = [_pairs(name, column) for name, column in columns.items()]
    # Each pair ends with a comma, and the last one's is cut off: to skip what is null, Arrow may lose whole rows.
    joined = pc.binary_join_element_wise(*(pc.coalesce(pairs, "") for pairs in written), "")
    whole = pc.binary_join_element_wise("{", pc.ascii_rtrim(joined, ","), "}", "")
    return list(whole.to_numpy(zero_copy_only=False).tolist())


def text_hashes(texts: Sequence[str]) -> npt.NDArray[np.uint64]:
    """64 bits of each text."""
    return pd.util.hash_array(np.array(texts, dtype=object), categorize=False).astype(np.uint64)


_ESCAPED = r'["\\\x00-\x1f\x7f]'


def _pairs(name: str, column: "pd.Series[Any]") -> Any:
    """`"name":value,` of each value, null where it is null."""
    key = f"{_encode(clean(name))}:"
    if pd.api.types.is_bool_dtype(column.dtype) and not column.hasnans:
        return pa.array([f"{key}false,", f"{key}true,"]).take(pa.array(column.to_numpy(dtype=np.int64)))
    if pd.api.types.is_numeric_dtype(column.dtype):
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        written = pc.cast(pa.array(numbers, mask=~np.isfinite(numbers)), pa.string())
        return pc.binary_join_element_wise(key, written, ",", "")
    if isinstance(column.dtype, pd.StringDtype):
        texts = pa.array(column.to_numpy(dtype=object), type=pa.string(), from_pandas=True)
        if not pc.any(pc.match_substring_regex(texts, _ESCAPED)).as_py():
            return pc.binary_join_element_wise(f'{key}"', texts, '",', "")
    codes, uniques = coded(column)
    texts = pa.array([None if text == "null" else f"{key}{text}," for text in uniques], type=pa.string())
    return texts.take(pa.array(codes, mask=codes < 0))


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
