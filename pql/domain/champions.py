"""Champions: the users of a lead, ranked: whom to talk to."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.rules import ChampionMeasure, Champions

Floats: TypeAlias = npt.NDArray[np.float64]


def rank(champions: Champions, users: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """The users of each lead, the best champion first.

    The score is the sum of weight x (measure / the greatest of that measure among the lead's users) and the points
    of the role, divided by the most that is possible.

    Args:
        champions: The measures, their weights, and the points of roles (the first condition that holds).
        users: `user_id`, `lead_id` and `role`.
        measured: Index `user_id`; one column a measure, by its name. A user without a row has no use.

    Returns:
        `lead_id`, `user_id`, `score` (0..1), `rank` (1 is the best; ties by `user_id`) and `why` ("" beyond the
        `shown` best), sorted by lead and rank.
    """
    people = users.dropna(subset=["lead_id", "user_id"]).drop_duplicates(["lead_id", "user_id"])
    people = people.sort_values(["lead_id", "user_id"], kind="stable", ignore_index=True)
    # An account's numbers are never negative for a champion: what counts against is no reason to talk.
    numbers = {m.name: _numbers(measured, m.name, people["user_id"]) for m in champions.measures}
    parts = {m.name: m.weight * _of_greatest(numbers[m.name], people["lead_id"]) for m in champions.measures}
    roles = _role_points(champions, people)
    most = sum(m.weight for m in champions.measures) + max((points for _, points in champions.roles), default=0.0)
    whole = sum(parts.values(), roles)
    score = np.clip(np.round(whole / most, 9), 0.0, 1.0) if most > 0 else np.zeros(len(people))
    ranked = people.assign(score=score, rank=_ranks(people["lead_id"], score))
    why = _whys(champions, ranked, numbers, parts)
    return ranked.assign(why=why)[["lead_id", "user_id", "score", "rank", "why"]].sort_values(
        ["lead_id", "rank"], kind="stable", ignore_index=True
    )


def _numbers(measured: pd.DataFrame, name: str, user_ids: "pd.Series[Any]") -> Floats:
    numbers = measured[name][~measured.index.duplicated()].reindex(user_ids).to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isfinite(numbers), np.maximum(numbers, 0.0), 0.0)


def _of_greatest(numbers: Floats, leads: "pd.Series[Any]") -> Floats:
    greatest = pd.Series(numbers).groupby(leads.to_numpy()).transform("max").to_numpy(dtype=float)
    shares: Floats = np.divide(numbers, greatest, out=np.zeros_like(numbers), where=greatest > 0)
    return shares


def _role_points(champions: Champions, people: pd.DataFrame) -> Floats:
    role = people["role"] if "role" in people else pd.Series(None, index=people.index, dtype=object)
    held = [condition.holds(role) for condition, _ in champions.roles]
    if not held:
        return np.zeros(len(people))
    return np.select(held, [np.float64(points) for _, points in champions.roles], np.float64(0.0))


def _ranks(leads: "pd.Series[Any]", score: Floats) -> npt.NDArray[np.int64]:
    # The people stand in the order of their ids, so "first" breaks ties by them.
    ranks = pd.Series(score).groupby(leads.to_numpy()).rank(method="first", ascending=False)
    return ranks.to_numpy().astype(np.int64)


def _whys(
    champions: Champions, ranked: pd.DataFrame, numbers: Mapping[str, Floats], parts: Mapping[str, Floats]
) -> list[str]:
    why = [""] * len(ranked)
    roles = [""] * len(ranked) if "role" not in ranked else ranked["role"].astype(object).fillna("").tolist()
    for place in np.flatnonzero(ranked["rank"].to_numpy() <= champions.shown):
        row = int(place)
        said = [_use(champions.measures, row, numbers, parts), str(roles[row])]
        why[row] = "; ".join(part for part in said if part) or "no use and no role known"
    return why


def _use(
    measures: tuple[ChampionMeasure, ...], row: int, numbers: Mapping[str, Floats], parts: Mapping[str, Floats]
) -> str:
    """The words of the measure that speaks most for the user."""
    told = [measure for measure in measures if parts[measure.name][row] > 0]
    if not told:
        return ""
    best = max(told, key=lambda measure: float(parts[measure.name][row]))
    words = best.measure.words(float(numbers[best.name][row]))
    return f"most active: {words}" if parts[best.name][row] >= best.weight else words
