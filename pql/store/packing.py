"""An evaluation as rows: hashes that tell which leads differ from what is stored, and the texts of those that do.

Numbers are rounded as they are stored (points 2 decimals, shares 4), so that a row differs only where what is stored
would differ. A verdict is a list: outcome, value, latest_at, missing, gated, strength, decay, points, counted; what is
0, false or null at its end is left out.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.evaluation import Evaluation, Outcome, Verdicts
from pql.store.records import StoredVerdict
from pql.store.values import clean, coded, dumps, instant, loads, plain

Hashes: TypeAlias = npt.NDArray[np.uint64]

_DECIMALS = {
    "values": 6,
    "strengths": 4,
    "decays": 4,
    "points": 2,
    "counted": 2,
    "fit": 2,
    "coverage": 4,
    "behaviour": 2,
}
_VERDICT = ("outcomes", "values", "latest_at", "missing", "gated", "strengths", "decays", "points", "counted")
_ALWAYS = 5  # strength and points are kept of fired signals only
_PARTS = ("criterion.", "persona.", "exclusion.")
_TEXTS = ("name", "domain", "stage", "plan", "owner_email", "success_owner_email")
_SCORE_TEXTS = ("fit_grade", "grade", "tier")


class Packed:
    """The rows of an evaluation.

    Args:
        evaluation: All leads.
        shown: The attributes to keep.
    """

    def __init__(self, evaluation: Evaluation, shown: Sequence[str]) -> None:
        self.ids: list[str] = [clean(lead_id) for lead_id in evaluation.leads.index]
        self._columns = _columns(evaluation, shown)
        self._verdicts = _verdict_columns(evaluation.verdicts, evaluation.leads.index)
        self._attributes = [name for name in shown if name in evaluation.leads]
        self._parts = [name for name in evaluation.fit.columns if name.startswith(_PARTS)]
        self.score_hashes = self._hash_scores()
        self.row_hashes = self._hash_rows()

    def _hash_scores(self) -> npt.NDArray[np.int64]:
        whole = self._columns["behaviour"].round(0)
        parts = [whole, *(self._columns[name] for name in ("eligible", "band", *_SCORE_TEXTS))]
        return _combined(parts, len(self.ids))

    def _hash_rows(self) -> npt.NDArray[np.int64]:
        verdicts = (column.rename(f"{name}.{part}") for part, name, column in _flat(self._verdicts))
        return _combined([*self._columns.values(), *verdicts], len(self.ids))

    def rows(self, positions: npt.NDArray[np.int64], *, run_id: str, updated_at: int) -> list[dict[str, Any]]:
        """The rows of `leads` at these positions."""
        part = {name: column.iloc[positions] for name, column in self._columns.items()}
        ids = [self.ids[position] for position in positions]
        columns: dict[str, Sequence[Any]] = {"lead_id": ids}
        columns |= {name: _texts(part[name]) for name in (*_TEXTS, *_SCORE_TEXTS, "ineligible_why")}
        columns |= {name: _numbers(part[name]) for name in ("fit", "coverage", "behaviour")}
        columns["band"] = [int(band or 0) for band in _nullable(part["band"])]
        columns["eligible"] = [bool(eligible) for eligible in part["eligible"].tolist()]
        columns["created_at"] = [None if at is None else int(at) for at in _nullable(part["created_at"])]
        columns["attributes"] = _objects({name: part[f"attribute.{name}"] for name in self._attributes}, len(ids))
        columns["fit_parts"] = _objects({name: _applies(part[name]) for name in self._parts}, len(ids))
        columns["search"] = [
            f"{lead_id}\n{name}\n{domain}".casefold()
            for lead_id, name, domain in zip(ids, columns["name"], columns["domain"], strict=True)
        ]
        columns["verdicts"] = self._verdict_texts(positions)
        columns["row_hash"] = self.row_hashes[positions].tolist()
        columns["score_hash"] = self.score_hashes[positions].tolist()
        same = {"run_id": run_id, "updated_at": updated_at, "gone": False}
        names = list(columns)
        cells = zip(*columns.values(), strict=True)
        return [{**same, **dict(zip(names, row, strict=True))} for row in cells]

    def _verdict_texts(self, positions: npt.NDArray[np.int64]) -> list[str]:
        written = []
        for name, columns in self._verdicts.items():
            parts = [_nullable(columns[part].iloc[positions]) for part in _VERDICT]
            written.append(_cells(json.dumps(name, ensure_ascii=False), zip(*parts, strict=True)))
        return _braced(written, len(positions))


def unpack_verdicts(text: str) -> tuple[StoredVerdict, ...]:
    """The verdicts of a row."""
    padding: list[Any] = [0, None, None, 0, False, 0.0, 0.0, 0.0, 0.0]
    verdicts = []
    for signal, cells in loads(text).items():
        whole: list[Any] = [*cells, *padding[len(cells) :]]
        outcome, value, latest_at, missing, gated = whole[:_ALWAYS]
        strength, decay, points, counted = (float(number or 0) for number in whole[_ALWAYS:])
        verdicts.append(
            StoredVerdict(
                signal=signal,
                outcome=int(outcome),
                value=float(value) if isinstance(value, int) else value,
                missing=int(missing or 0),
                gated=bool(gated),
                strength=strength,
                decay=decay,
                points=points,
                counted=counted,
                latest_at=instant(latest_at or None),
            )
        )
    return tuple(verdicts)


def _columns(evaluation: Evaluation, shown: Sequence[str]) -> dict[str, "pd.Series[Any]"]:
    index = evaluation.leads.index
    leads, fit, scores = evaluation.leads, evaluation.fit.reindex(index), evaluation.scores.reindex(index)
    columns = {name: _column(leads, name) for name in (*_TEXTS, "created_at")}
    columns |= {f"attribute.{name}": leads[name] for name in shown if name in leads}
    columns |= {name: _column(fit, name) for name in ("fit", "coverage")}
    columns |= {name: fit[name] for name in fit.columns if name.startswith(_PARTS)}
    named = ("ineligible_why", "behaviour", "band", *_SCORE_TEXTS)
    columns |= {name: _column(scores, name) for name in named}
    columns["eligible"] = scores["eligible"].fillna(value=False).astype(bool)
    return {name: _rounded(name, column) for name, column in columns.items()}


def _column(frame: pd.DataFrame, name: str) -> "pd.Series[Any]":
    return frame[name] if name in frame else pd.Series(None, index=frame.index, dtype=object)


def _rounded(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    return column.astype(float).round(_DECIMALS[name]) if name in _DECIMALS else column


def _verdict_columns(verdicts: Verdicts, index: pd.Index) -> dict[str, dict[str, "pd.Series[Any]"]]:
    frames = {part: getattr(verdicts, part).reindex(index) for part in _VERDICT}
    fired = frames["outcomes"] == int(Outcome.FIRED)
    for number, part in enumerate(_VERDICT):
        if number >= _ALWAYS:
            frames[part] = frames[part].astype(float).round(_DECIMALS[part]).where(fired, 0.0)
    return {str(name): {part: _value(frames[part][name], part) for part in _VERDICT} for name in frames["outcomes"]}


def _value(column: "pd.Series[Any]", part: str) -> "pd.Series[Any]":
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return column.astype(float).round(_DECIMALS[part]) if part == "values" and numeric else column


def _flat(
    verdicts: Mapping[str, Mapping[str, "pd.Series[Any]"]],
) -> Iterable[tuple[str, str, "pd.Series[Any]"]]:
    return ((part, name, column) for name, columns in verdicts.items() for part, column in columns.items())


def _combined(columns: Iterable["pd.Series[Any]"], size: int) -> npt.NDArray[np.int64]:
    total = np.zeros(size, dtype=np.uint64)
    for column in columns:
        # The name is mixed in, so that a value that moves to another column makes a difference.
        seed = _text_hashes([str(column.name)])[0]
        total = (total ^ (_hashes(column) + seed)) * np.uint64(0x9E3779B97F4A7C15)
    # 0 is kept for rows that must be written again.
    return np.where(total == 0, np.uint64(1), total).view(np.int64)


def _hashes(column: "pd.Series[Any]") -> Hashes:
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype=float, na_value=np.nan) + 0.0  # -0.0 is 0.0
        return pd.util.hash_array(np.where(np.isnan(numbers), np.nan, numbers), categorize=False)
    if pd.api.types.infer_dtype(column, skipna=True) == "string":
        texts = column.astype(object).where(column.notna(), "").tolist()
        return np.where(column.isna(), np.uint64(0), _text_hashes(texts))
    codes, uniques = coded(column)
    # A text in a mixed column hashes as it does among texts.
    plain_texts = [str(loads(text)) if text.startswith('"') else f"\x00{text}" for text in uniques]
    return np.append(_text_hashes(plain_texts), np.uint64(0))[codes]


def _text_hashes(texts: Sequence[str]) -> Hashes:
    return pd.util.hash_array(np.array(texts, dtype=object), categorize=False).astype(np.uint64)


def _nullable(column: "pd.Series[Any]") -> list[Any]:
    if not pd.api.types.is_numeric_dtype(column):
        return [plain(value) for value in column.tolist()]
    if pd.api.types.is_float_dtype(column) or column.hasnans:
        numbers = column.to_numpy(dtype=float, na_value=np.nan)
        cells = numbers.astype(object)
        cells[~np.isfinite(numbers)] = None
        return list(cells.tolist())
    return list(column.tolist())


def _texts(column: "pd.Series[Any]") -> list[str]:
    return [clean(value) for value in column.tolist()]


def _numbers(column: "pd.Series[Any]") -> list[float]:
    return [float(number or 0.0) for number in _nullable(column)]


def _objects(columns: Mapping[str, "pd.Series[Any]"], size: int) -> list[str]:
    """One JSON object a row; nulls are left out, but for criteria: there null says that nothing is known."""
    written = []
    for name, column in columns.items():
        codes, uniques = coded(column)
        key = json.dumps(name, ensure_ascii=False)
        texts = [f"{key}:{text}" for text in uniques] + [f"{key}:null" if name.startswith("criterion.") else ""]
        written.append([texts[code] for code in codes])
    return _braced(written, size)


def _applies(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Personas and exclusions are kept only where they apply."""
    if str(column.name).startswith("criterion."):
        return column.astype(float).round(2)
    return column.astype(object).where(column.fillna(value=False).astype(bool), None)


def _braced(columns: Sequence[Sequence[str]], size: int) -> list[str]:
    if not columns:
        return ["{}"] * size
    return ["{" + ",".join(filter(None, row)) + "}" for row in zip(*columns, strict=True)]


def _cells(key: str, cells: Iterable[tuple[Any, ...]]) -> list[str]:
    known: dict[tuple[Any, ...], str] = {}
    written = []
    for cell in cells:
        text = known.get(cell)
        if text is None:
            text = known[cell] = f"{key}:{_cell(cell)}"
        written.append(text)
    return written


def _cell(cell: tuple[Any, ...]) -> str:
    values = [int(value) if isinstance(value, float) and value.is_integer() else value for value in cell]
    # The value itself (the second) is left out only where it is unknown: 0 is a value.
    while len(values) > 1 and (values[-1] is None or (len(values) > 2 and not values[-1])):
        values.pop()
    return dumps(values)
