"""What an evaluation at one instant gives, as frames: one row a lead, one column a signal."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Rows: TypeAlias = slice | npt.NDArray[np.int64]


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


def places_of(index: "pd.Index[Any]", lead_ids: Collection[str]) -> npt.NDArray[np.int64]:
    """Where those of the leads that are known stand, in order."""
    places = index.get_indexer(pd.Index(sorted({*lead_ids}), dtype=index.dtype))
    return np.sort(places[places >= 0]).astype(np.int64)
