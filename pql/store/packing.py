"""An evaluation as rows: hashes that tell which leads differ from what is stored, and the cells of those that do.

Numbers are rounded as they are stored (points 2 decimals, shares 4, values 6). Points that only fade with time are no
difference until a whole point is gone: see docs/decisions/085-one-packed-row-a-lead.md.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pql.domain.evaluation import Evaluation, Rows, Verdicts
from pql.domain.texts import arrow_texts
from pql.store.hashing import Hashes, Whole, column_hashes, combined, joined_hashes
from pql.store.layout import Floats, Layout, SignalColumns, pack
from pql.store.records import LeadHashes
from pql.store.values import clean_texts, coded, dumps, objects, text_hashes

_PARTS = {"criteria": ("criterion.",), "marks": ("persona.", "exclusion.")}
TEXTS = ("name", "domain", "stage", "plan", "owner_email", "success_owner_email")
_STANDING = ("fit_grade", "grade", "tier")
_VERDICT = ("outcomes", "missing", "gated", "values", "latest_at", "strengths", "decays", "points", "counted")
COLUMNS = (
    *("lead_id", "name", "domain", "search", "stage", "plan", "owner_email", "success_owner_email", "created_at"),
    *("attributes", "eligible", "ineligible_why", "fit", "coverage", "fit_grade", "behaviour", "band", "grade"),
    *("tier", "packed", "verdict_texts", "row_hash", "score_hash", "known_hash"),
)


def hashes_of(
    evaluation: Evaluation, shown: Sequence[str], live: Collection[str], *, kept: Sequence[str]
) -> LeadHashes:
    """What tells the leads of an evaluation from what is stored of them: as `Packed` works it out."""
    return Packed(evaluation, shown, live, kept=kept).hashes


class Packed:
    """The rows of some leads; all columns have one element a row.

    Args:
        evaluation: Of these leads.
        shown: The attributes to keep.
        live: Leads with a live episode: of these the points are compared to the hundredth.
        kept: Those of which is kept when they were known: shown ones, and texts of `TEXTS`.
        hashes: Those of these leads, where they are known; else they are worked out.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        shown: Sequence[str],
        live: Collection[str] = (),
        *,
        kept: Sequence[str] = (),
        hashes: LeadHashes | None = None,
    ) -> None:
        # Without their index: to slice one of texts costs more than all columns together.
        leads, fit, scores = (
            frame.reset_index(drop=True) for frame in (evaluation.leads, evaluation.fit, evaluation.scores)
        )
        index = evaluation.leads.index
        self._ids = index.to_series(index=leads.index)
        self._live = pd.Index([*live], dtype=index.dtype).get_indexer(index) >= 0
        self.layout = layout = layout_of(evaluation, kept)
        if hashes is not None:
            self.hashes = hashes
        self._verdicts = [_signal(evaluation.verdicts, name) for name in layout.signals]
        self._criteria = [_numbers(fit, name) for name in layout.criteria]
        self._marks = [fit[name].fillna(value=False).to_numpy(dtype=bool) for name in layout.marks]
        self._texts = {name: _text(leads, name) for name in TEXTS}
        self._texts |= {name: _text(scores, name) for name in (*_STANDING, "ineligible_why")}
        self._attributes = {name: leads[name] for name in shown if name in leads}
        self._said = _said(evaluation.verdicts, layout.signals)
        self._numbers = {
            "fit": np.round(_numbers(fit, "fit"), 2),
            "coverage": np.round(_numbers(fit, "coverage"), 4),
            "behaviour": np.round(_numbers(scores, "behaviour"), 2),
            "created_at": _numbers(leads, "created_at"),
        }
        self._band = np.nan_to_num(_numbers(scores, "band")).astype(np.int64)
        self._eligible = scores["eligible"].fillna(value=False).to_numpy(dtype=bool)

    def __len__(self) -> int:
        return len(self._ids)

    @cached_property
    def hashes(self) -> LeadHashes:
        """Of each lead."""
        scores, known = self._hash_scores(), self._hash_known()
        return LeadHashes(rows=self._hash_rows(scores, known), scores=scores, known=known)

    def _hash_scores(self) -> Whole:
        words = [np.rint(np.nan_to_num(self._numbers["behaviour"])).astype(np.int64), self._band, self._eligible]
        return combined(0, [*words, joined_hashes([self._texts[name] for name in _STANDING])], len(self))

    def _hash_known(self) -> Whole:
        """Of the values that are known, whichever names are kept beside them; 0 where that is nothing."""
        total = np.zeros(len(self), dtype=np.uint64)
        for name in self.layout.known:
            bits, unknown = _text_bits(self._texts[name]) if name in TEXTS else _value_bits(self._attributes[name])
            # Two steps, since the columns' hashes are only added up.
            hashes = combined(_seed(name), [bits, np.zeros_like(bits)], len(bits)).view(np.uint64)
            total += np.where(unknown, np.uint64(0), hashes)
        return total.view(np.int64)

    def _hash_rows(self, scores: Whole, known: Whole) -> Whole:
        seed = _seed(f"{self.layout.text}{dumps([*self._attributes])}")
        hashes = combined(seed, self._words(scores, known), len(self))
        if self._live.any():
            exact = [hashes, self._numbers["behaviour"], *self._verdict_points()]
            hashes = np.where(self._live, combined(seed, exact, len(self)), hashes)
        return hashes

    def _words(self, scores: Whole, known: Whole) -> Iterable[npt.NDArray[Any]]:
        names = self.layout.known
        own = [column for name, column in self._attributes.items() if name not in names]
        own += self._said.values()
        yield from (scores, known)
        yield from (column_hashes(self._texts[name]) for name in self._texts if name == "name" or name not in names)
        yield from (column_hashes(column) for column in own if not _is_number(column))
        yield from (column.to_numpy(dtype=float, na_value=np.nan) for column in own if _is_number(column))
        yield from (self._numbers[name] for name in ("fit", "coverage", "created_at"))
        yield from self._criteria
        yield from (_flags(marks) for marks in _in_words(self._marks))
        yield from (word for columns in self._verdicts for word in _verdict_words(columns))

    def _verdict_points(self) -> Iterable[Floats]:
        return (np.round(part, 2) for columns in self._verdicts for part in (columns.points, columns.counted))

    def rows(self, places: Rows, same: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The cells of `COLUMNS` of some leads, and after them those that are the same in every row."""
        columns = self._cells(places)
        return list(zip(*(columns[name] for name in COLUMNS), *map(repeat, same), strict=False))

    def _cells(self, rows: Rows) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {name: clean_texts(text.iloc[rows]) for name, text in self._texts.items()}
        finite = {name: np.nan_to_num(self._numbers[name][rows]) for name in ("fit", "coverage", "behaviour")}
        hashes = {"row_hash": self.hashes.rows, "score_hash": self.hashes.scores, "known_hash": self.hashes.known}
        numbers = {"band": self._band, "eligible": self._eligible, **hashes}
        numbers = {**finite, **{name: column[rows] for name, column in numbers.items()}}
        columns |= {name: column.tolist() for name, column in numbers.items()}
        columns["lead_id"] = clean_texts(self._ids.iloc[rows])
        created = self._numbers["created_at"][rows]
        columns["created_at"] = [None if at != at else int(at) for at in created.tolist()]  # noqa: PLR0124 - NaN
        columns["search"] = _search(columns["lead_id"], columns["name"], columns["domain"])
        for name, own in (("attributes", self._attributes), ("verdict_texts", self._said)):
            columns[name] = objects({key: column.iloc[rows] for key, column in own.items()}, len(created))
        columns["packed"] = pack(
            self.layout,
            [_chosen(verdicts, rows) for verdicts in self._verdicts],
            [points[rows] for points in self._criteria],
            [marks[rows] for marks in self._marks],
            len(created),
        )
        return columns


def _signal(verdicts: Verdicts, name: str) -> SignalColumns:
    parts = {part: getattr(verdicts, part)[name] for part in _VERDICT}
    values = parts.pop("values")
    numeric = pd.api.types.is_numeric_dtype(values)
    numbers = values.to_numpy(dtype=float, na_value=np.nan) if numeric else np.full(len(values), np.nan)
    return SignalColumns(values=np.round(numbers, 6), **{part: column.to_numpy() for part, column in parts.items()})


def layout_of(evaluation: Evaluation, kept: Collection[str] = ()) -> Layout:
    """What stands in the packed rows of an evaluation."""
    fit = [str(name) for name in evaluation.fit]
    parts = {kind: tuple(name for name in fit if name.startswith(begins)) for kind, begins in _PARTS.items()}
    return Layout(tuple(map(str, evaluation.verdicts.outcomes)), **parts, known=tuple(sorted(kept)))


def texts_of(index: "pd.Index[Any]") -> pa.Array:
    """The ids of leads as they are stored."""
    texts = index.to_series()
    if isinstance(texts.dtype, pd.StringDtype):
        held = arrow_texts(texts)
        if not pc.any(pc.match_substring(held, "\x00")).as_py():
            return held
    return pa.array(clean_texts(texts), type=pa.large_string())


def _said(verdicts: Verdicts, signals: Sequence[str]) -> "dict[str, pd.Series[Any]]":
    """The values of the signals that measure no numbers."""
    texts = [name for name in signals if not pd.api.types.is_numeric_dtype(verdicts.values[name])]
    return {name: verdicts.values[name].reset_index(drop=True) for name in texts}


def _chosen(columns: SignalColumns, rows: Rows) -> SignalColumns:
    return SignalColumns(**{part: getattr(columns, part)[rows] for part in _VERDICT})


def _verdict_words(columns: SignalColumns) -> Iterable[npt.NDArray[Any]]:
    yield columns.values
    yield columns.latest_at
    flags = (columns.outcomes + 1).astype(np.int64) | columns.missing.astype(np.int64) << 2
    yield flags | columns.gated.astype(np.int64) << 10 | np.rint(columns.counted).astype(np.int64) << 11


def _in_words(marks: Sequence[npt.NDArray[np.bool_]]) -> Iterable[Sequence[npt.NDArray[np.bool_]]]:
    return (marks[start : start + 63] for start in range(0, len(marks), 63))


def _flags(marks: Sequence[npt.NDArray[np.bool_]]) -> npt.NDArray[np.int64]:
    return sum((mark.astype(np.int64) << bit for bit, mark in enumerate(marks)), np.zeros_like(marks[0], np.int64))


def _seed(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def _text_bits(texts: "pd.Series[str]") -> tuple[Hashes, npt.NDArray[np.bool_]]:
    """What the texts are told apart by, and which are unknown: the empty ones."""
    return column_hashes(texts), texts.fillna("").eq("").to_numpy(dtype=bool)


def _value_bits(column: "pd.Series[Any]") -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """The same of the values of an attribute; what JSON has not is unknown."""
    if _is_number(column):
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        return numbers, ~np.isfinite(numbers)
    if isinstance(column.dtype, pd.StringDtype):
        return column_hashes(column), column.isna().to_numpy(dtype=bool)
    codes, uniques = coded(column)
    unknown = np.array([text == "null" for text in uniques] + [True])
    return text_hashes([*uniques, ""])[codes], unknown[codes]


def _is_number(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)  # true and false are 1 and 0


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    if name not in frame:
        return np.full(len(frame), np.nan)
    return frame[name].to_numpy(dtype=float, na_value=np.nan)


def _text(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    if name not in frame:
        return pd.Series("", index=frame.index, dtype="str")
    column = frame[name]
    return column if isinstance(column.dtype, pd.StringDtype) else pd.Series(clean_texts(column), dtype="str")


def _search(*columns: Sequence[str]) -> list[str]:
    # Folded in one piece: a call a lead costs more than the folding.
    return "\x00".join(map("\n".join, zip(*columns, strict=True))).casefold().split("\x00") if columns[0] else []
