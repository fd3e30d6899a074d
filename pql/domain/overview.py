"""The evaluation of a million leads: the standing of all, and the verdicts of as many at a time as somebody asks for.

The verdicts of all leads at once are frames of half a gigabyte, of which a run speaks of a few hundred rows.
"""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.definitions import Definitions
from pql.domain.evaluate import evaluation_of
from pql.domain.evaluation import Evaluation, Outcome, Rows, places_of
from pql.domain.fit import Profile, eligibility
from pql.domain.free_mail import FREE_MAIL_DOMAINS
from pql.domain.stages import stages
from pql.domain.verdicts import Comparison, compare

SLICE = 65_536  # leads judged at a time: their columns stay in the processor's cache
_FIRING = ("fired", "fired_eligible", "unknown_eligible")
WORKERS = min(4, os.cpu_count() or 1)

Looked = TypeVar("Looked")


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What leads are evaluated by.

    Args:
        leads: Index `lead_id`, unique; with their stage.
        users: `lead_id` and attributes, in the order of the leads; users of other leads are left out.
        user_places: For each user the position of its lead, rising.
        answers: `lead_id`, `question`, `answer`, likewise.
        answer_places: For each answer the position of its lead, rising.
        measured: With the rows of `leads`.
    """

    leads: pd.DataFrame
    users: pd.DataFrame
    user_places: npt.NDArray[np.int64]
    answers: pd.DataFrame
    answer_places: npt.NDArray[np.int64]
    measured: pd.DataFrame

    def profile(self, rows: Rows) -> Profile:
        """What is known of some leads."""
        users, answers = self.users.iloc[_of(self.user_places, rows)], self.answers.iloc[_of(self.answer_places, rows)]
        return Profile(self.leads.iloc[rows], users, answers)


@dataclass(frozen=True, kw_only=True)
class Overview:
    """All leads at one instant.

    Args:
        leads: As `Evaluation.leads`.
        scores: As `Evaluation.scores`.
        firing: Index signal; for how many leads it `fired`, and of the eligible ones for how many it fired
            (`fired_eligible`) and was not evaluated (`unknown_eligible`).
        compared: What their values are compared with.
        definitions: What was evaluated.
        inputs: What it was evaluated by.
        eligible: As `eligibility` gives it.
    """

    as_of: datetime
    leads: pd.DataFrame
    scores: pd.DataFrame
    firing: pd.DataFrame
    compared: Comparison
    definitions: Definitions
    inputs: Inputs
    eligible: pd.DataFrame

    @property
    def norms(self) -> pd.DataFrame:
        """As `Evaluation.norms`."""
        return self.compared.norms

    @property
    def cuts(self) -> Mapping[str, Sequence[float]]:
        """As `Evaluation.cuts`."""
        return self.compared.cuts

    def part(self, rows: Rows) -> Evaluation:
        """The evaluation of some leads, by their positions."""
        return _part(self.definitions, self.inputs, self.eligible, self.compared, rows, as_of=self.as_of)

    def of(self, lead_ids: Collection[str]) -> Evaluation:
        """The evaluation of the leads among these that are known, in the order of all."""
        return self.part(places_of(self.leads.index, lead_ids))


Evaluated: TypeAlias = Evaluation | Overview


def overview_of(
    definitions: Definitions,
    leads: pd.DataFrame,
    users: pd.DataFrame,
    answers: pd.DataFrame,
    measured: pd.DataFrame,
    *,
    as_of: datetime,
    look: Callable[[Evaluation], Looked],
    free_mail: frozenset[str] = FREE_MAIL_DOMAINS,
    size: int = SLICE,
) -> tuple[Overview, list[Looked]]:
    """Evaluate all leads, slice by slice; the same numbers as `evaluate`, of which this takes the arguments.

    Args:
        look: Is called with each slice, by several threads at once; what it returns is given back in their order.
        size: How many leads are judged at a time.
    """
    rows = measured if measured.index.equals(leads.index) else measured.reindex(leads.index)
    inputs = _inputs(leads.assign(stage=stages(definitions.stages, leads)), users, answers, rows)
    slices = _slices(len(leads), size)

    def admitted(one: slice) -> pd.DataFrame:
        return eligibility(definitions.icp, inputs.profile(one), free_mail=free_mail)

    def judged(one: slice) -> tuple[pd.DataFrame, npt.NDArray[np.int64], Looked]:
        part = _part(definitions, inputs, eligible, compared, one, as_of=as_of)
        return part.scores, _firing(part), look(part)

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="pql-judge") as pool:
        eligible = _joined([*pool.map(admitted, slices)], inputs.leads.index)
        compared = compare(definitions.signals, rows, eligible["eligible"].to_numpy(dtype=bool))
        parts = [*pool.map(judged, slices)]
    names = [signal.name for signal in definitions.signals]
    firing = sum((counts for _, counts, _ in parts), np.zeros((len(names), len(_FIRING)), dtype=np.int64))
    whole = Overview(
        as_of=as_of,
        leads=inputs.leads,
        scores=_joined([scores for scores, _, _ in parts], inputs.leads.index),
        firing=pd.DataFrame(firing, index=names, columns=list(_FIRING)),
        compared=compared,
        definitions=definitions,
        inputs=inputs,
        eligible=eligible,
    )
    return whole, [looked for _, _, looked in parts]


def _slices(count: int, size: int) -> list[slice]:
    """At least one, so that there are frames."""
    return [slice(start, min(start + size, count)) for start in range(0, max(count, 1), size)]


def _inputs(leads: pd.DataFrame, users: pd.DataFrame, answers: pd.DataFrame, measured: pd.DataFrame) -> Inputs:
    users, user_places = _in_order(leads, users)
    answers, answer_places = _in_order(leads, answers)
    return Inputs(
        leads=leads,
        users=users,
        user_places=user_places,
        answers=answers,
        answer_places=answer_places,
        measured=measured,
    )


def _in_order(leads: pd.DataFrame, rows: pd.DataFrame) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """The rows of known leads, in the order of these."""
    if rows.empty:
        return rows, np.zeros(0, dtype=np.int64)
    places = leads.index.get_indexer(pd.Index(rows["lead_id"]))
    order = np.argsort(places, kind="stable")
    order = order[np.searchsorted(places[order], 0) :]
    return rows.iloc[order], places[order].astype(np.int64)


def _of(places: npt.NDArray[np.int64], rows: Rows) -> Rows:
    """Which rows belong to some leads."""
    if isinstance(rows, slice):
        start, stop = np.searchsorted(places, [rows.start, rows.stop])
        return slice(int(start), int(stop))
    return np.flatnonzero(np.isin(places, rows))


def _part(
    definitions: Definitions,
    inputs: Inputs,
    eligible: pd.DataFrame,
    compared: Comparison,
    rows: Rows,
    *,
    as_of: datetime,
) -> Evaluation:
    leads, measured = inputs.leads.iloc[rows], inputs.measured.iloc[rows]
    return evaluation_of(definitions, inputs.profile(rows), leads, eligible.iloc[rows], measured, compared, as_of=as_of)


def _firing(part: Evaluation) -> npt.NDArray[np.int64]:
    eligible = part.scores["eligible"].to_numpy(dtype=bool)
    outcomes = [part.verdicts.outcomes[name].to_numpy() for name in part.verdicts.outcomes]
    fired = [column == Outcome.FIRED for column in outcomes]
    unknown = [column == Outcome.NOT_EVALUATED for column in outcomes]
    counts = [
        (had.sum(), (had & eligible).sum(), (lacked & eligible).sum())
        for had, lacked in zip(fired, unknown, strict=True)
    ]
    return np.array(counts, dtype=np.int64).reshape(-1, len(_FIRING))


def _joined(parts: Sequence[pd.DataFrame], index: "pd.Index[Any]") -> pd.DataFrame:
    # With the one index of all: each index of its own builds a table of its ids when it is first asked.
    return pd.concat(parts, ignore_index=True).set_axis(index, axis=0)
