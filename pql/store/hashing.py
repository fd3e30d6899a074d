"""One hash a row over many columns, worked out column by column.

Each step is a bijection of the next word, so that a single change never goes unseen; two at once do with a chance of 1
in 2^64. Texts are read from Arrow's memory, eight bytes at a time for all rows: no text becomes an object.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pql.domain.texts import arrow_texts
from pql.store.values import coded, text_hashes

Hashes: TypeAlias = npt.NDArray[np.uint64]
Whole: TypeAlias = npt.NDArray[np.int64]

_WORD = 8  # bytes
_LONG = 64 * _WORD  # rare texts that are longer are hashed one by one
_EMPTY, _UNKNOWN = np.uint64(0x6A09E667F3BCC909), np.uint64(0xBB67AE8584CAA73B)
_FACTOR, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


def combined(seed: int, words: Iterable[npt.NDArray[Any]], size: int) -> Whole:
    """One hash a row.

    Args:
        seed: What the words mean.
        words: One element a row: whole numbers, hashes, or floats, of which -0.0 is 0.0 and all NaN are one.
        size: How many rows there are.

    Returns:
        Never 0: that is kept for rows that must be written again.
    """
    total = np.full(size, seed, dtype=np.uint64)
    for word in words:
        if word.dtype.kind == "f":
            bits = np.where(np.isnan(word), np.nan, word + 0.0).astype(np.float64).view(np.uint64)
        else:
            bits = word.astype(np.int64, copy=False).view(np.uint64)
        _mix(total, bits)
    return np.where(total == 0, np.uint64(1), total).view(np.int64)


def column_hashes(column: "pd.Series[Any]") -> Hashes:
    """64 bits of each value of a column that holds no numbers. An unknown value is not an empty text."""
    if isinstance(column.dtype, pd.StringDtype):
        return _hashes(arrow_texts(column))
    codes, uniques = coded(column)
    return np.append(_hashes(pa.array(uniques, type=pa.large_string())), _UNKNOWN)[codes]


def joined_hashes(columns: Sequence["pd.Series[Any]"]) -> Hashes:
    """64 bits of the texts of each row together, of columns that repeat few values."""
    # No stored text holds a NUL.
    texts = (pc.fill_null(arrow_texts(column), "") for column in columns)
    joined = pc.binary_join_element_wise(*texts, pa.scalar("\x00", type=pa.large_string()))
    repeated = pc.dictionary_encode(joined)
    hashes: Hashes = text_hashes(repeated.dictionary.to_pylist())[repeated.indices.to_numpy(zero_copy_only=False)]
    return hashes


def _mix(total: Hashes, word: Hashes | np.uint64) -> None:
    total ^= word
    total *= _FACTOR
    total ^= total >> _SHIFT


def _hashes(texts: pa.Array) -> Hashes:
    starts, data = _memory(texts)
    lengths = np.diff(starts)
    total = lengths.astype(np.uint64)
    _mix(total, _EMPTY)
    long = lengths > _LONG
    rows = np.flatnonzero((lengths > 0) & ~long)
    for at in range(0, _LONG, _WORD):
        if not len(rows):
            break
        part = total[rows]
        _mix(part, _words(data, starts[rows] + at, lengths[rows] - at))
        total[rows] = part
        rows = rows[lengths[rows] > at + _WORD]
    if long.any():
        total[long] = text_hashes(texts.filter(pa.array(long)).to_pylist())
    if texts.null_count:
        total[texts.is_null().to_numpy(zero_copy_only=False)] = _UNKNOWN
    return total


def _memory(texts: pa.Array) -> tuple[Whole, Hashes]:
    """Where each text begins and the last one ends, and for each byte it and the seven after it as one word."""
    _, offsets, data = texts.buffers()
    if not len(texts) or data is None:
        return np.zeros(len(texts) + 1, dtype=np.int64), np.zeros(0, dtype=np.uint64)
    begins = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    own = np.frombuffer(data, dtype=np.uint8)[begins[0] : begins[-1]]
    padded = np.concatenate([own, np.zeros(_WORD, dtype=np.uint8)])
    # Words that begin at every byte: numpy copes with those that lie across the machine's.
    words: Hashes = np.ndarray((len(own) + 1,), dtype="<u8", buffer=padded.data, strides=(1,))
    return begins - begins[0], words


def _words(data: Hashes, at: Whole, left: Whole) -> Hashes:
    """The next word of each text, zeros after its end."""
    bits = (np.minimum(left, _WORD) * 8).astype(np.uint64)
    # A shift by 64 says nothing of its result; so there are two.
    low = (np.uint64(1) << (bits >> np.uint64(1))) - np.uint64(1)
    half = bits >> np.uint64(1)
    return data[at] & (low | (low << (bits - half)))
