"""One compact value a lead: its verdicts and the parts of its fit as bytes, packed and read column by column.

A layout says which signals and parts stand in the bytes, in which order; it is kept once, and each row names the one
that it was packed with. Form 1, all numbers little-endian:

- for each criterion its points in hundredths (int32; the least one: unknown);
- one bit for each persona and exclusion, in whole bytes;
- for each signal one byte of flags, and after it only what the flags name, in this order: why the value is missing
  (uint8); the value (uint8, float32 or float64: the smallest that holds it exactly); the latest row (uint32 seconds or
  float64 microseconds); and of a fired signal strength (uint16, ten-thousandths), decay (uint32, ten-thousandths),
  points and points that count (int32, hundredths).
"""

import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from pql.domain.evaluation import Outcome
from pql.store.records import StoredVerdict
from pql.store.tables import layouts
from pql.store.values import dumps, instant, loads

FORM = 1
Floats: TypeAlias = npt.NDArray[np.float64]
Bytes: TypeAlias = npt.NDArray[np.uint8]

# flags: 0-1 outcome + 1; 2 gated; 3 missing; 4-5 value: none, uint8, float32, float64; 6-7 latest: none, s, us
_GATED, _MISSING, _VALUE, _LATEST = 2, 3, 4, 6
_CELL = np.dtype(
    [
        ("flags", "u1"),
        ("missing", "u1"),
        ("value1", "u1"),
        ("value4", "<f4"),
        ("value8", "<f8"),
        ("latest4", "<u4"),
        ("latest8", "<f8"),
        ("strength", "<u2"),
        ("decay", "<u4"),
        ("points", "<i4"),
        ("counted", "<i4"),
    ]
)
_PACKED = {"strengths": "strength", "decays": "decay", "points": "points", "counted": "counted"}
_FIRED = tuple(_PACKED.values())
_UNKNOWN = np.iinfo(np.int32).min
_SECOND = 1_000_000


def _kept(flags: int) -> list[str]:
    value, latest = flags >> _VALUE & 3, flags >> _LATEST & 3
    names = ["flags"] + ["missing"] * (flags >> _MISSING & 1)
    names += [f"value{(1, 4, 8)[value - 1]}"] if value else []
    names += [f"latest{(4, 8)[latest - 1]}"] if latest in {1, 2} else []
    return names + [*_FIRED] * (flags & 3 == Outcome.FIRED + 1)


def _mask(flags: int) -> npt.NDArray[np.bool_]:
    kept = _kept(flags)
    return np.concatenate([np.full(_CELL[name].itemsize, name in kept) for name in _CELL.names or ()])


_MASKS = np.array([_mask(flags) for flags in range(256)])
_SIZES = _MASKS.sum(axis=1)


@dataclass(frozen=True, slots=True)
class Layout:
    """What stands in a packed row.

    Args:
        signals: Their names.
        criteria: Names of parts of the fit that have points: `criterion.<name>`.
        marks: Names of parts that apply or not: `persona.<name>`, `exclusion.<name>`.
        known: Names of the attributes of which is kept when they were known; they stand beside the bytes.
    """

    signals: tuple[str, ...]
    criteria: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    known: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The layout as it is kept."""
        parts = {"signals": self.signals, "criteria": self.criteria, "marks": self.marks, "known": self.known}
        return dumps({"form": FORM, **parts})

    @classmethod
    def read(cls, text: str) -> "Layout":
        """What `text` gave."""
        kept = loads(text)
        return cls(*(tuple(kept.get(name, ())) for name in ("signals", "criteria", "marks", "known")))

    @property
    def head(self) -> int:
        """How many bytes stand before the verdicts."""
        return 4 * len(self.criteria) + -(-len(self.marks) // 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalColumns:
    """The verdicts of one signal, one element a lead; values of text are NaN here."""

    outcomes: npt.NDArray[np.int8]
    missing: npt.NDArray[np.int8]
    gated: npt.NDArray[np.bool_]
    values: Floats
    latest_at: Floats
    strengths: Floats
    decays: Floats
    points: Floats
    counted: Floats


def pack(
    layout: Layout,
    verdicts: Sequence[SignalColumns],
    criteria: Sequence[Floats],
    marks: Sequence[npt.NDArray[np.bool_]],
    count: int,
) -> list[bytes]:
    """The rows as bytes.

    Args:
        layout: Names what the columns are, in the same order.
        verdicts: One a signal.
        criteria: Points, NaN unknown.
        marks: Whether each part applies.
        count: How many rows there are.
    """
    cells = np.zeros((count, len(verdicts)), dtype=_CELL)
    for number, columns in enumerate(verdicts):
        _fill(cells[:, number], columns)
    flags = cells["flags"]
    body = cells.view(np.uint8).reshape(*cells.shape, _CELL.itemsize)[_MASKS[flags]]
    ends = np.cumsum(_SIZES[flags].sum(axis=1, dtype=np.int64)).tolist() if verdicts else [0] * count
    heads, size = _heads(criteria, marks, count).tobytes(), layout.head
    whole, starts = body.tobytes(), [0, *ends[:-1]]
    return [
        heads[row * size : (row + 1) * size] + whole[start:end]
        for row, (start, end) in enumerate(zip(starts, ends, strict=False))
    ]


def _fill(cell: npt.NDArray[np.void], columns: SignalColumns) -> None:
    latest, kinds = columns.latest_at, np.zeros(len(cell), dtype=np.uint8)
    fired = np.flatnonzero(columns.outcomes == Outcome.FIRED)
    with np.errstate(over="ignore", invalid="ignore"):
        single, seconds = columns.values.astype(np.float32), np.rint(latest / _SECOND)
        exact = single == columns.values
        whole = (seconds * _SECOND == latest) & (seconds >= 0) & (seconds < 2**32)
        cell["latest4"] = seconds
    small = exact & (single >= 0) & (single <= 255) & (single == np.floor(single))
    cell["value1"] = np.where(small, single, 0)
    cell["value4"], cell["value8"], cell["latest8"] = single, columns.values, latest
    cell["missing"] = columns.missing
    for name, decimals in (("strengths", 4), ("decays", 4), ("points", 2), ("counted", 2)):
        cell[_PACKED[name]][fired] = np.rint(getattr(columns, name)[fired] * 10**decimals)
    kinds += (columns.outcomes + 1).astype(np.uint8)
    kinds += (columns.gated.view(np.uint8) << _GATED) + ((columns.missing != 0).view(np.uint8) << _MISSING)
    # 3 where it is known at all, less 1 for each way to hold it in fewer bytes.
    value = np.isfinite(columns.values).view(np.uint8) * np.uint8(3)
    value -= (exact & (value > 0)).view(np.uint8) + small.view(np.uint8)
    found = np.isfinite(latest).view(np.uint8) * np.uint8(2) - whole.view(np.uint8)
    cell["flags"] = kinds + (value << _VALUE) + (found << _LATEST)


def _heads(criteria: Sequence[Floats], marks: Sequence[npt.NDArray[np.bool_]], count: int) -> Bytes:
    points = np.empty((count, len(criteria)), dtype="<i4")
    for number, column in enumerate(criteria):
        points[:, number] = np.where(np.isnan(column), _UNKNOWN, np.rint(column * 100))
    held = np.empty((count, len(marks)), dtype=bool)
    for number, mark in enumerate(marks):
        held[:, number] = mark
    return np.hstack(
        [points.view(np.uint8).reshape(count, 4 * len(criteria)), np.packbits(held, axis=1, bitorder="little")]
    )


def read_layouts(connection: sa.Connection, numbers: Collection[int]) -> dict[int, Layout]:
    """The layouts of these numbers."""
    kept = sa.select(layouts.c.id, layouts.c.text).where(layouts.c.id.in_(sorted(numbers)))
    return {row.id: Layout.read(row.text) for row in connection.execute(kept)}


# --- reading one row --------------------------------------------------------------------------------------------


def unpack_verdicts(layout: Layout, packed: bytes, texts: Mapping[str, str]) -> tuple[StoredVerdict, ...]:
    """The verdicts of a row; `texts` holds the values that are text, by signal."""
    at, verdicts = layout.head, []
    for signal in layout.signals:
        kept = _kept(packed[at])
        form = "<" + "".join(_FORMS[name] for name in kept)
        found = dict(zip(kept, struct.unpack_from(form, packed, at), strict=True))
        at += struct.calcsize(form)
        verdicts.append(_verdict(signal, found, texts.get(signal)))
    return tuple(verdicts)


_FORMS = dict(zip(_CELL.names or (), "BBBfdIdHIii", strict=True))


def _verdict(signal: str, found: Mapping[str, Any], text: str | None) -> StoredVerdict:
    value = next((float(found[name]) for name in ("value1", "value4", "value8") if name in found), None)
    latest = found["latest4"] * _SECOND if "latest4" in found else found.get("latest8")
    return StoredVerdict(
        signal=signal,
        outcome=(found["flags"] & 3) - 1,
        value=text if text is not None else value,
        missing=found.get("missing", 0),
        gated=bool(found["flags"] >> _GATED & 1),
        strength=found.get("strength", 0) / 10_000,
        decay=found.get("decay", 0) / 10_000,
        points=found.get("points", 0) / 100,
        counted=found.get("counted", 0) / 100,
        latest_at=instant(latest),
    )


def unpack_fit(layout: Layout, packed: bytes) -> dict[str, float | bool | None]:
    """The parts of the fit: the points of every criterion (None unknown), and the marks that apply."""
    points = np.frombuffer(packed, dtype="<i4", count=len(layout.criteria)).tolist()
    found: dict[str, float | bool | None] = {
        name: None if part == _UNKNOWN else part / 100 for name, part in zip(layout.criteria, points, strict=True)
    }
    bits = np.frombuffer(packed[4 * len(points) : layout.head], dtype=np.uint8)
    held = np.unpackbits(bits, bitorder="little").tolist()
    return found | {name: True for name, mark in zip(layout.marks, held, strict=False) if mark}
