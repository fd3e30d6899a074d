"""An evaluation as rows: hashes that tell which leads differ from what is stored, and the cells of those that do.

Numbers are rounded as they are stored (points 2 decimals, shares 4, values 6). Points that only fade with time are no
difference until a whole point is gone: see docs/decisions/085-one-packed-row-a-lead.md.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.evaluation import Evaluation, Verdicts
from pql.store.hashing import column_hashes, combined, joined_hashes
from pql.store.layout import Floats, Layout, SignalColumns, pack
from pql.store.values import clean_texts, dumps, objects

_PARTS = {"criteria": ("criterion.",), "marks": ("persona.", "exclusion.")}
TEXTS = ("name", "domain", "stage", "plan", "owner_email", "success_owner_email")
_STANDING = ("fit_grade", "grade", "tier")
_VERDICT = ("outcomes", "missing", "gated", "values", "latest_at", "strengths", "decays", "points", "counted")
COLUMNS = (
    *("lead_id", "name", "domain", "search", "stage", "plan", "owner_email", "success_owner_email", "created_at"),
    *("attributes", "eligible", "ineligible_why", "fit", "coverage", "fit_grade", "behaviour", "band", "grade"),
    *("tier", "packed", "verdict_texts", "row_hash", "score_hash"),
)
# What a step of the history copies of a row.
SCORED = ("lead_id", "eligible", "fit", "fit_grade", "behaviour", "band", "grade", "tier")


class Packed:
    """The rows of an evaluation.

    Args:
        evaluation: All leads.
        shown: The attributes to keep.
        live: Leads with a live episode: of these the points are compared to the hundredth.
        kept: The attributes that are kept with their validity.
    """

    def __init__(
        self, evaluation: Evaluation, shown: Sequence[str], live: Collection[str] = (), *, kept: Sequence[str] = ()
    ) -> None:
        # Without their index: to slice one of texts costs more than all columns together.
        self._leads, self._fit, self._scores = (
            frame.reset_index(drop=True) for frame in (evaluation.leads, evaluation.fit, evaluation.scores)
        )
        self._kept = sorted(kept)
        self._shown = [name for name in shown if name in evaluation.leads]
        fit = [str(name) for name in evaluation.fit]
        parts = {kind: tuple(name for name in fit if name.startswith(begins)) for kind, begins in _PARTS.items()}
        self.layout = Layout(tuple(map(str, evaluation.verdicts.outcomes)), **parts)
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
            kept=self._kept,
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
        kept: Sequence[str],
        live: npt.NDArray[np.bool_],
    ) -> None:
        self._layout, self._ids, self._verdicts = layout, ids, verdicts
        self._criteria = [_numbers(fit, name) for name in layout.criteria]
        self._marks = [fit[name].fillna(value=False).to_numpy(dtype=bool) for name in layout.marks]
        self._texts = {name: _text(leads, name) for name in TEXTS}
        self._texts |= {name: _text(scores, name) for name in (*_STANDING, "ineligible_why")}
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
        self.row_hashes = self._hash_rows([*shown, *kept], live)

    def _hash_scores(self) -> npt.NDArray[np.int64]:
        words = [np.rint(np.nan_to_num(self._numbers["behaviour"])).astype(np.int64), self._band, self._eligible]
        return combined(0, [*words, joined_hashes([self._texts[name] for name in _STANDING])], len(self._ids))

    def _hash_rows(self, names: Sequence[str], live: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        seed = int.from_bytes(hashlib.blake2b(f"{self._layout.text}{dumps(names)}".encode(), digest_size=8).digest())
        own = [*self._attributes.values(), *self._said.values()]
        words: list[npt.NDArray[Any]] = [
            self.score_hashes,
            *(column_hashes(column) for column in self._texts.values()),
            *(column_hashes(column) for column in own if not _is_number(column)),
            *(column.to_numpy(dtype=float, na_value=np.nan) for column in own if _is_number(column)),
            *(self._numbers[name] for name in ("fit", "coverage", "created_at")),
            *self._criteria,
            *(_flags(marks) for marks in _in_words(self._marks)),
            *(word for columns in self._verdicts for word in _verdict_words(columns)),
        ]
        hashes = combined(seed, words, len(self._ids))
        if live.any():
            exact = [hashes, self._numbers["behaviour"], *self._verdict_points()]
            hashes = np.where(live, combined(seed, exact, len(self._ids)), hashes)
        return hashes

    def _verdict_points(self) -> Iterable[Floats]:
        return (np.round(part, 2) for columns in self._verdicts for part in (columns.points, columns.counted))

    def rows(self, positions: npt.NDArray[np.int64], same: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The cells of `COLUMNS` at these positions, and after them those that are the same in every row."""
        if not len(positions):
            return []
        columns = self._cells(positions)
        return list(zip(*(columns[name] for name in COLUMNS), *map(repeat, same), strict=False))

    def scored(self, positions: npt.NDArray[np.int64], same: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The cells of `SCORED` at these positions, and after them those that are the same in every row."""
        columns = self._scores(positions)
        return list(zip(*(columns[name] for name in SCORED), *map(repeat, same), strict=False))

    def _scores(self, positions: npt.NDArray[np.int64]) -> dict[str, list[Any]]:
        places = positions.tolist()
        columns: dict[str, list[Any]] = {"lead_id": [self._ids[place] for place in places]}
        columns |= {name: clean_texts(column.iloc[positions]) for name, column in self._texts.items()}
        finite = {name: np.nan_to_num(self._numbers[name][positions]) for name in ("fit", "coverage", "behaviour")}
        columns |= {name: numbers.tolist() for name, numbers in finite.items()}
        return columns | {"band": self._band[positions].tolist(), "eligible": self._eligible[positions].tolist()}

    def _cells(self, positions: npt.NDArray[np.int64]) -> dict[str, list[Any]]:
        columns = self._scores(positions)
        created = self._numbers["created_at"][positions]
        columns["created_at"] = [None if at != at else int(at) for at in created.tolist()]  # noqa: PLR0124 - NaN
        columns["search"] = _search(columns["lead_id"], columns["name"], columns["domain"])
        for name, own in (("attributes", self._attributes), ("verdict_texts", self._said)):
            columns[name] = objects({key: column.iloc[positions] for key, column in own.items()}, len(positions))
        columns["packed"] = pack(
            self._layout,
            [_chosen(verdicts, positions) for verdicts in self._verdicts],
            [points[positions] for points in self._criteria],
            [marks[positions] for marks in self._marks],
            len(positions),
        )
        columns["row_hash"] = self.row_hashes[positions].tolist()
        columns["score_hash"] = self.score_hashes[positions].tolist()
        return columns


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


def _is_number(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(column.dtype)  # true and false are 1 and 0


def _numbers(frame: pd.DataFrame, name: str) -> Floats:
    if name not in frame:
        return np.full(len(frame), np.nan)
    return frame[name].to_numpy(dtype=float, na_value=np.nan)


def _text(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    return frame[name] if name in frame else pd.Series("", index=frame.index, dtype="str")


def _search(*columns: Sequence[str]) -> list[str]:
    # Folded in one piece: a call a lead costs more than the folding.
    return "\x00".join(map("\n".join, zip(*columns, strict=True))).casefold().split("\x00") if columns[0] else []
