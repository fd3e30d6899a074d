"""An evaluation as rows: hashes that tell which leads differ from what is stored, and the cells of those that do.

Numbers are rounded as they are stored (points 2 decimals, shares 4, values 6). Points that only fade with time are no
difference until a whole point is gone: see docs/decisions/085-one-packed-row-a-lead.md.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.evaluation import Evaluation, Verdicts
from pql.store.layout import Floats, Layout, SignalColumns, pack
from pql.store.values import clean_texts, coded, dumps, objects, plain_texts, text_hashes

Hashes: TypeAlias = npt.NDArray[np.uint64]

_PARTS = {"criteria": ("criterion.",), "marks": ("persona.", "exclusion.")}
TEXTS = ("name", "domain", "stage", "plan", "owner_email", "success_owner_email")
_STANDING = ("fit_grade", "grade", "tier")
_VERDICT = ("outcomes", "missing", "gated", "values", "latest_at", "strengths", "decays", "points", "counted")
COLUMNS = (
    *("lead_id", "name", "domain", "search", "stage", "plan", "owner_email", "success_owner_email", "created_at"),
    *("attributes", "eligible", "ineligible_why", "fit", "coverage", "fit_grade", "behaviour", "band", "grade"),
    *("tier", "packed", "verdict_texts", "row_hash", "score_hash", "known_hash"),
)


class Packed:
    """The rows of an evaluation.

    Args:
        evaluation: All leads.
        shown: The attributes to keep.
        live: Leads with a live episode: of these the points are compared to the hundredth.
        kept: Those of which is kept when they were known: shown ones, and texts of `TEXTS`.
    """

    def __init__(
        self, evaluation: Evaluation, shown: Sequence[str], live: Collection[str] = (), *, kept: Sequence[str] = ()
    ) -> None:
        # Without their index: to slice one of texts costs more than all columns together.
        self._leads, self._fit, self._scores = (
            frame.reset_index(drop=True) for frame in (evaluation.leads, evaluation.fit, evaluation.scores)
        )
        self._shown = [name for name in shown if name in evaluation.leads]
        fit = [str(name) for name in evaluation.fit]
        parts = {kind: tuple(name for name in fit if name.startswith(begins)) for kind, begins in _PARTS.items()}
        self.layout = Layout(tuple(map(str, evaluation.verdicts.outcomes)), **parts, known=tuple(sorted(kept)))
        self._verdicts = [_signal(evaluation.verdicts, name) for name in self.layout.signals]
        self._said = _said(evaluation.verdicts, self.layout.signals)
        self.ids = clean_texts(evaluation.leads.index.to_series())
        self._live = np.isin(np.arange(len(self.ids)), evaluation.leads.index.get_indexer(pd.Index(list(live))))

    def part(self, start: int, stop: int) -> "Part":
        """The rows from `start` to before `stop`."""
        rows = slice(start, stop)
        return Part(
            self.layout,
            self.ids[rows],
            self._leads.iloc[rows],
            self._fit.iloc[rows],
            self._scores.iloc[rows],
            [_rounded(_chosen(columns, rows)) for columns in self._verdicts],
            self._said.iloc[rows],
            shown=self._shown,
            live=self._live[rows],
        )


class Part:
    """Some rows of an evaluation; all columns have one element a row."""

    def __init__(
        self,
        layout: Layout,
        ids: list[str],
        leads: pd.DataFrame,
        fit: pd.DataFrame,
        scores: pd.DataFrame,
        verdicts: Sequence[SignalColumns],
        said: pd.DataFrame,
        *,
        shown: Sequence[str],
        live: npt.NDArray[np.bool_],
    ) -> None:
        self._layout, self._ids, self._verdicts = layout, ids, verdicts
        self._criteria = [_numbers(fit, name) for name in layout.criteria]
        self._marks = [fit[name].fillna(value=False).to_numpy(dtype=bool) for name in layout.marks]
        self._texts = {name: _texts(leads, name) for name in TEXTS}
        self._texts |= {name: _texts(scores, name) for name in (*_STANDING, "ineligible_why")}
        self._attributes = {name: leads[name] for name in shown}
        self._said = {str(name): said[name] for name in said}
        self._numbers = {
            "fit": np.round(_numbers(fit, "fit"), 2),
            "coverage": np.round(_numbers(fit, "coverage"), 4),
            "behaviour": np.round(_numbers(scores, "behaviour"), 2),
            "created_at": _numbers(leads, "created_at"),
        }
        self._band = np.nan_to_num(_numbers(scores, "band")).astype(np.int64)
        self._eligible = scores["eligible"].fillna(value=False).to_numpy(dtype=bool)
        self.score_hashes = self._hash_scores()
        self.known_hashes = self._hash_known()
        self.row_hashes = self._hash_rows(shown, live)

    def _hash_scores(self) -> npt.NDArray[np.int64]:
        words = [np.rint(np.nan_to_num(self._numbers["behaviour"])).astype(np.int64), self._band, self._eligible]
        return _combined(0, [*words, _text_hashes([self._texts[name] for name in _STANDING])], len(self._ids))

    def _hash_known(self) -> npt.NDArray[np.int64]:
        """Of the values that are known, whichever names are kept beside them; 0 where that is nothing."""
        total = np.zeros(len(self._ids), dtype=np.uint64)
        for name in self._layout.known:
            bits, unknown = _text_bits(self._texts[name]) if name in TEXTS else _value_bits(self._attributes[name])
            # Two steps, since the columns' hashes are only added up.
            hashes = _combined(_seed(name), [bits, np.zeros_like(bits)], len(bits)).view(np.uint64)
            total += np.where(unknown, np.uint64(0), hashes)
        return total.view(np.int64)

    def _hash_rows(self, names: Sequence[str], live: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        seed, known = _seed(f"{self._layout.text}{dumps(names)}"), self._layout.known
        own = [column for name, column in self._attributes.items() if name not in known]
        own += self._said.values()
        texts = [self._texts[name] for name in self._texts if name == "name" or name not in known]
        words: list[npt.NDArray[Any]] = [
            self.score_hashes,
            self.known_hashes,
            _text_hashes([*texts, *(_words(column) for column in own if not _is_number(column))]),
            *(column.to_numpy(dtype=float, na_value=np.nan) for column in own if _is_number(column)),
            *(self._numbers[name] for name in ("fit", "coverage", "created_at")),
            *self._criteria,
            *(_flags(marks) for marks in _in_words(self._marks)),
            *(word for columns in self._verdicts for word in _verdict_words(columns)),
        ]
        hashes = _combined(seed, words, len(self._ids))
        if live.any():
            exact = [hashes, self._numbers["behaviour"], *self._verdict_points()]
            hashes = np.where(live, _combined(seed, exact, len(self._ids)), hashes)
        return hashes

    def _verdict_points(self) -> Iterable[Floats]:
        return (np.round(part, 2) for columns in self._verdicts for part in (columns.points, columns.counted))

    def rows(self, positions: npt.NDArray[np.int64], same: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The cells of `COLUMNS` at these positions, and after them those that are the same in every row."""
        if not len(positions):
            return []
        # All of them, as in a first run, need not be picked out one by one.
        columns = self._cells(slice(None) if len(positions) == len(self._ids) else positions)
        return list(zip(*(columns[name] for name in COLUMNS), *map(repeat, same), strict=False))

    def _cells(self, rows: slice | npt.NDArray[np.int64]) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {"lead_id": _picked(self._ids, rows)}
        columns |= {name: _picked(texts, rows) for name, texts in self._texts.items()}
        finite = {name: np.nan_to_num(self._numbers[name][rows]) for name in ("fit", "coverage", "behaviour")}
        numbers = {
            **finite,
            "band": self._band[rows],
            "eligible": self._eligible[rows],
            "row_hash": self.row_hashes[rows],
        }
        numbers |= {"score_hash": self.score_hashes[rows], "known_hash": self.known_hashes[rows]}
        columns |= {name: column.tolist() for name, column in numbers.items()}
        created = self._numbers["created_at"][rows]
        columns["created_at"] = [None if at != at else int(at) for at in created.tolist()]  # noqa: PLR0124 - NaN
        columns["search"] = _search(columns["lead_id"], columns["name"], columns["domain"])
        for name, own in (("attributes", self._attributes), ("verdict_texts", self._said)):
            columns[name] = objects({key: column.iloc[rows] for key, column in own.items()}, len(created))
        columns["packed"] = pack(
            self._layout,
            [_chosen(verdicts, rows) for verdicts in self._verdicts],
            [points[rows] for points in self._criteria],
            [marks[rows] for marks in self._marks],
            len(created),
        )
        return columns


def _picked(texts: list[str], rows: slice | npt.NDArray[np.int64]) -> list[str]:
    return texts[rows] if isinstance(rows, slice) else [texts[row] for row in rows.tolist()]


def _signal(verdicts: Verdicts, name: str) -> SignalColumns:
    parts = {part: getattr(verdicts, part)[name] for part in _VERDICT}
    values = parts.pop("values")
    numeric = pd.api.types.is_numeric_dtype(values)
    numbers = values.to_numpy(dtype=float, na_value=np.nan) if numeric else np.full(len(values), np.nan)
    return SignalColumns(values=numbers, **{part: column.to_numpy() for part, column in parts.items()})


def _said(verdicts: Verdicts, signals: Sequence[str]) -> pd.DataFrame:
    """The values of the signals that measure no numbers."""
    texts = [name for name in signals if not pd.api.types.is_numeric_dtype(verdicts.values[name])]
    return verdicts.values[texts].reset_index(drop=True)


def _chosen(columns: SignalColumns, rows: slice | npt.NDArray[np.int64]) -> SignalColumns:
    return SignalColumns(**{part: getattr(columns, part)[rows] for part in _VERDICT})


def _rounded(columns: SignalColumns) -> SignalColumns:
    return replace(columns, values=np.round(columns.values, 6))


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


def _combined(seed: int, words: Iterable[npt.NDArray[Any]], size: int) -> npt.NDArray[np.int64]:
    """One hash a row: each step is a bijection of its word, so that a single change never goes unseen."""
    total = np.full(size, seed, dtype=np.uint64)
    for word in words:
        if word.dtype.kind == "f":
            # -0.0 is 0.0, and there is one NaN.
            bits = np.where(np.isnan(word), np.nan, word + 0.0).astype(np.float64).view(np.uint64)
        else:
            bits = word.astype(np.int64).view(np.uint64)
        total = (total ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        total ^= total >> np.uint64(29)
    # 0 is kept for rows that must be written again.
    return np.where(total == 0, np.uint64(1), total).view(np.int64)


def _text_hashes(columns: Sequence[Sequence[str]]) -> Hashes:
    # No stored text holds a NUL.
    return text_hashes(list(map("\x00".join, zip(*columns, strict=True))))


def _is_number(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)  # true and false are 1 and 0


def _text_bits(texts: Sequence[str]) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """What the texts are told apart by, and which are unknown: the empty ones."""
    codes, uniques = pd.factorize(np.array(texts, dtype=object))
    return text_hashes(uniques.tolist())[codes], (uniques == "")[codes]


def _value_bits(column: "pd.Series[Any]") -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """The same of the values of an attribute; what JSON has not is unknown."""
    if _is_number(column):
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        return numbers, ~np.isfinite(numbers)
    codes, uniques = coded(column)
    unknown = np.array([text == "null" for text in uniques] + [True])
    return text_hashes([*uniques, ""])[codes], unknown[codes]


def _words(column: "pd.Series[Any]") -> list[str]:
    """What the values of a column are told apart by; an unknown one is not an empty text."""
    if isinstance(column.dtype, pd.StringDtype):
        return plain_texts(column.fillna("\x1f"))
    codes, uniques = coded(column)
    words = [*uniques, "\x1f"]
    return [words[code] for code in codes]


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    if name not in frame:
        return np.full(len(frame), np.nan)
    return frame[name].to_numpy(dtype=float, na_value=np.nan)


def _texts(frame: pd.DataFrame, name: str) -> list[str]:
    return clean_texts(frame[name]) if name in frame else [""] * len(frame)


def _search(*columns: Sequence[str]) -> list[str]:
    # Folded in one piece: a call a lead costs more than the folding.
    return "\x00".join(map("\n".join, zip(*columns, strict=True))).casefold().split("\x00") if columns[0] else []
