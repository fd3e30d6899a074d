"""What an evaluation at one instant gives, as frames: one row a lead, one column a signal."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import IntEnum
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

MOST_ROWS = 5_000  # leads whose rows are kept ready
Rows: TypeAlias = slice | npt.NDArray[np.int64]
Part: TypeAlias = Literal["leads", "fit", "scores", "outcomes", "counted", "values"]


class Outcome(IntEnum):
    """The three outcomes of a verdict: "no data" is not "no"."""

    NOT_EVALUATED = -1
    QUIET = 0
    FIRED = 1


@dataclass(frozen=True, kw_only=True)
class Verdicts:
    """The verdicts of all signals; each frame has the index `lead_id` and one column a signal.

    Args:
        values: The measured values (float, or object for text attributes); NaN where missing.
        missing: int8, `Missing` codes.
        gated: bool, `only_if` did not hold.
        outcomes: int8, `Outcome` codes.
        strengths: 0..1.
        latest_at: Microseconds of the latest row that counted, NaN unknown.
        decays: 0..1, or for per-occurrence points the sum over occurrences.
        points: worth x strength x decay, 0 where not fired; before caps.
        counted: What of it counts after the caps of the groups and the total; each row adds up to the score
            before its floor of 0.
    """

    values: pd.DataFrame
    missing: pd.DataFrame
    gated: pd.DataFrame
    outcomes: pd.DataFrame
    strengths: pd.DataFrame
    latest_at: pd.DataFrame
    decays: pd.DataFrame
    points: pd.DataFrame
    counted: pd.DataFrame

    def part(self, rows: Rows) -> "Verdicts":
        """Those of some leads, by their positions."""
        return Verdicts(**{part.name: getattr(self, part.name).iloc[rows] for part in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All that is known of every lead at `as_of`.

    Args:
        leads: Index `lead_id`; name, domain, plan, stage, owner_email, success_owner_email, created_at
            (microseconds), open_deal and the attributes that definitions use.
        verdicts: See there.
        fit: Index `lead_id`; `fit` (points >= 0), `coverage` (0..1), `fit_grade` (A-D, ?), and for each criterion
            the columns `criterion.<name>` (points, NaN unknown) and, if it has a gate, `gated.<name>` (bool: left
            out); for each persona `persona.<name>` and for each exclusion `exclusion.<name>` (bool).
        scores: Index `lead_id`; `eligible` (bool), `ineligible_why` (text, "" if eligible), `behaviour` (0..cap),
            `band` (1..4), `fit_grade`, `grade` ("A1"), `tier`.
        norms: Index signal; `median`, `p75`, `p90` of the values among eligible leads, of amounts the inactive as
            zero; `n`, how many.
        cuts: For each percentile signal the 101 cut points used.
    """

    as_of: datetime
    leads: pd.DataFrame
    verdicts: Verdicts
    fit: pd.DataFrame
    scores: pd.DataFrame
    norms: pd.DataFrame
    cuts: Mapping[str, Sequence[float]]

    def part(self, rows: Rows) -> "Evaluation":
        """That of some leads, by their positions."""
        frames: dict[str, Any] = {name: getattr(self, name).iloc[rows] for name in ("leads", "fit", "scores")}
        return replace(self, verdicts=self.verdicts.part(rows), **frames)

    def of(self, lead_ids: Collection[str]) -> "Evaluation":
        """That of the leads among these that are known, in its own order."""
        return self.part(places_of(self.leads.index, lead_ids))

    def ready(self, lead_ids: Iterable[str]) -> None:
        """Make the rows of leads ready for `row`; those that are not known are left out.

        A frame is read once for all of them: to ask it lead by lead costs more than most that is done with a row.
        """
        asked = {*lead_ids}
        wanted = [lead_id for lead_id in asked if lead_id not in self._rows]
        if not wanted:
            return
        if len(self._rows) + len(wanted) > MOST_ROWS:
            self._rows.clear()
            wanted = [*asked]
        places = self.leads.index.get_indexer(pd.Index(wanted, dtype=self.leads.index.dtype))
        known = [lead_id for lead_id, place in zip(wanted, places, strict=True) if place >= 0]
        keys = pd.Index(known, dtype=self.leads.index.dtype)
        parts = {part: _rows_of(frame, keys) for part, frame in self._frames.items()}
        for number, lead_id in enumerate(known):
            self._rows[lead_id] = {part: rows[number] for part, rows in parts.items()}

    def row(self, part: Part, lead_id: str) -> Mapping[str, Any]:
        """What a frame says of one lead, by column.

        Raises:
            KeyError: The lead is not known.
        """
        self.ready([lead_id])
        return self._rows[lead_id][part]

    def norm_of(self, signal: str) -> Mapping[str, float]:
        """What `norms` says of a signal, by column; empty where it says nothing."""
        return self._norms.get(signal, {})

    @cached_property
    def _norms(self) -> Mapping[str, Mapping[str, float]]:
        columns = {str(name): self.norms[name].tolist() for name in self.norms}
        rows = zip(*columns.values(), strict=True)
        return {
            str(name): dict(zip(columns, row, strict=True)) for name, row in zip(self.norms.index, rows, strict=True)
        }

    @cached_property
    def _rows(self) -> dict[str, dict[Part, Mapping[str, Any]]]:
        return {}

    @property
    def _frames(self) -> Mapping[Part, pd.DataFrame]:
        verdicts = self.verdicts
        named: Mapping[Part, pd.DataFrame] = {
            "leads": self.leads,
            "fit": self.fit,
            "scores": self.scores,
            "outcomes": verdicts.outcomes,
            "counted": verdicts.counted,
            "values": verdicts.values,
        }
        return named


def places_of(index: "pd.Index[Any]", lead_ids: Collection[str]) -> npt.NDArray[np.int64]:
    """Where those of the leads that are known stand, in order."""
    places = index.get_indexer(pd.Index(sorted({*lead_ids}), dtype=index.dtype))
    return np.sort(places[places >= 0]).astype(np.int64)


def _rows_of(frame: pd.DataFrame, keys: "pd.Index[str]") -> list[dict[str, Any]]:
    """The rows of keys, by column."""
    chosen = frame.iloc[frame.index.get_indexer(keys)]
    columns = {str(name): chosen[name].tolist() for name in chosen}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
