"""What an episode was opened with: codes and numbers, worded when somebody reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pql.domain.definitions import Definitions
from pql.domain.evaluation import Evaluation, Outcome
from pql.jobs.compose import REASONS_SHOWN, known


def evidence_of(evaluation: Evaluation, lead_ids: Sequence[str]) -> list[dict[str, object]]:
    """For each lead the signals that gave it the most points, and the parts of its fit, all with their numbers.

    Returns:
        `reasons`: signal, value and points, strongest first; `fit`: the points of each criterion, None unknown.
    """
    rows = evaluation.leads.index.get_indexer(pd.Index([*lead_ids], dtype=object))
    verdicts = evaluation.verdicts
    names = [str(name) for name in verdicts.counted]
    if not names or not len(rows):
        return [{"reasons": [], "fit": {}} for _ in lead_ids]
    counted = np.column_stack([verdicts.counted[name].to_numpy()[rows] for name in names])
    fired = np.column_stack([verdicts.outcomes[name].to_numpy()[rows] for name in names]) == Outcome.FIRED
    values = [verdicts.values[name].iloc[rows].tolist() for name in names]
    order = np.argsort(-counted, axis=1, kind="stable")[:, :REASONS_SHOWN]
    parts = (str(name) for name in evaluation.fit if str(name).startswith("criterion."))
    criteria = {name: evaluation.fit[name].iloc[rows].tolist() for name in parts}
    return [
        {
            "reasons": [
                {"signal": names[at], "value": known(values[at][row]), "points": round(float(counted[row, at]), 2)}
                for at in strongest
                if fired[row, at] and counted[row, at] > 0
            ],
            "fit": {name.partition(".")[2]: known(points[row]) for name, points in criteria.items()},
        }
        for row, strongest in enumerate(order.tolist())
    ]


def evidence_words(definitions: Definitions, evidence: Mapping[str, Any]) -> tuple[str, ...]:
    """The evidence in words: "Breadth: 9 features in 14 days (12.5 points)".

    A signal that is defined no more is named as it was. What an older program kept in words is read as it stands.
    """
    signals = {signal.name: signal for signal in definitions.signals}
    said = []
    for reason in evidence.get("reasons", ()):
        signal = signals.get(reason["signal"])
        title = signal.title if signal is not None else reason.get("title", reason["signal"])
        words = reason.get("words")
        if words is None:
            words = str(reason["value"]) if signal is None else signal.measure.words(reason["value"])
        said.append(f"{title}: {words} ({reason['points']:.1f} points)")
    return tuple(said)
