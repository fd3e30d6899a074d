"""Qualification: episodes with hysteresis, so that a lead at the bar does not flicker.

Everything is a duration, not a number of runs, so that the pace of the schedule changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.calendar import to_micros
from pql.domain.conditions import BoolArray, say_scalar
from pql.domain.durations import Duration
from pql.domain.rules import Bar, QualificationRule
from pql.domain.texts import among

STATE_COLUMNS = ("open", "opened_at", "above_since", "below_since", "cooldown_until", "claimed")
_MICROS = ("opened_at", "above_since", "below_since", "cooldown_until")
Floats = npt.NDArray[np.float64]


class Closing(StrEnum):
    """Why an episode ended by itself; outcomes (converted, rejected, lost) are other people's doing."""

    INELIGIBLE = "ineligible"
    LEFT = "left"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class Transitions:
    """What changed at an instant.

    Args:
        state: The next state: index `lead_id`, `STATE_COLUMNS`; every lead of the state before, and every other
            lead with something to remember.
        opened: The leads whose episode opens now, sorted.
        closed: Index `lead_id`; `reason` (a `Closing`) and `why` (a sentence).
        changed: The leads whose row of `state` is new or differs from before.
    """

    state: pd.DataFrame
    opened: tuple[str, ...]
    closed: pd.DataFrame
    changed: "pd.Index[Any]"


def no_state() -> pd.DataFrame:
    """The state before the first run."""
    micros = {column: pd.Series(dtype=float) for column in _MICROS}
    flags = {column: pd.Series(dtype=bool) for column in ("open", "claimed")}
    return pd.DataFrame({**micros, **flags}, index=pd.Index([], name="lead_id", dtype="str"))[list(STATE_COLUMNS)]


def advance(
    state: pd.DataFrame, scores: pd.DataFrame, rule: QualificationRule, tiers: Sequence[str], *, as_of: datetime
) -> Transitions:
    """Open and close episodes.

    A lead enters when it meets the `enter` bar at every run for `enter_for`, its cooldown has passed and, after an
    earlier episode, it was seen below the `leave` bar. An open episode ends when the lead is no longer eligible,
    when it stays below the `leave` bar for `keep_for`, or when nobody claimed it for `expires_after`.

    Args:
        state: Index `lead_id`; `open` (bool), `claimed` (bool) and in microseconds, NaN for none: `opened_at`,
            `above_since` (the enter bar is met at every run since), `below_since` (open: below the leave bar at
            every run since; else: when it was first seen below after its last episode) and `cooldown_until` (set by
            every closing, and never cleared).
        scores: Index `lead_id`; `eligible`, `ineligible_why`, `behaviour`, `tier`. A lead of the state that is not
            in it is below both bars.
        rule: The bars and durations.
        tiers: From best to worst.
        as_of: The instant of the scores.

    Returns:
        The same again when called with its own `state` at the same `as_of`, and nothing opened or closed.
    """
    now = float(to_micros(as_of))
    gone = state.index[~among(state.index, scores.index)]
    # All others had no state, and have none now.
    some = _standing(scores, rule, tiers)[1] | among(scores.index, state.index)
    index = scores.index[some].append(gone).rename("lead_id")
    old = _complete(state, index)
    eligible, above, below = _standing(scores.reindex(index), rule, tiers)
    above_since = np.where(above, _since(old["above_since"], now), np.nan)
    below_since = np.where(below, _since(old["below_since"], now), np.nan)
    was_open = old["open"].to_numpy()
    ending = _ending(old, eligible, below_since, rule, now)
    left = np.where(np.isnan(old["below_since"]), below_since, old["below_since"])
    opening = ~was_open & above & (now - above_since >= rule.enter_for.micros) & _free(old, left, now)
    closing = was_open & (ending != "")
    is_open = (was_open & ~closing) | opening
    told = ~np.isnan(old["cooldown_until"]) | closing
    new = pd.DataFrame(
        {
            "open": is_open,
            "opened_at": np.where(opening, now, np.where(is_open, old["opened_at"], np.nan)),
            "above_since": above_since,
            "below_since": np.where(opening, np.nan, np.where(was_open, below_since, np.where(told, left, np.nan))),
            "cooldown_until": np.where(closing, now + rule.cooldown.micros, old["cooldown_until"]),
            "claimed": old["claimed"].to_numpy() & is_open,
        },
        index=index,
    )
    return _transitions(state, new, opening, pd.Series(ending, index=index)[closing], _whys(scores, rule))


def cooldown_until(rule: QualificationRule, closed_at: datetime) -> datetime:
    """Until when no new episode opens, after one was closed for whatever reason."""
    return closed_at + timedelta(seconds=rule.cooldown.seconds)


def closed(
    state: pd.DataFrame, lead_ids: Sequence[str], rule: QualificationRule, *, closed_at: datetime
) -> pd.DataFrame:
    """The state after the episodes of some leads were closed by an outcome: converted, rejected or lost.

    Args:
        state: As for `advance`; must hold the leads.
        lead_ids: Whose episodes.
        rule: Its cooldown.
        closed_at: When. A cooldown that lasts longer already is kept.
    """
    chosen = among(state.index, pd.Index(list(lead_ids)))
    until = np.fmax(state["cooldown_until"].to_numpy(dtype=float), to_micros(cooldown_until(rule, closed_at)))
    return state.assign(
        open=state["open"].to_numpy(dtype=bool) & ~chosen,
        claimed=state["claimed"].to_numpy(dtype=bool) & ~chosen,
        opened_at=state["opened_at"].where(~chosen),
        cooldown_until=np.where(chosen, until, state["cooldown_until"]),
    )


def _complete(state: pd.DataFrame, index: "pd.Index[Any]") -> pd.DataFrame:
    known = state.reindex(index)
    flags = {column: known[column].eq(other=True).to_numpy(dtype=bool) for column in ("open", "claimed")}
    return pd.DataFrame({**{column: known[column].astype(float) for column in _MICROS}, **flags}, index=index)


def _standing(
    scores: pd.DataFrame, rule: QualificationRule, tiers: Sequence[str]
) -> tuple[BoolArray, BoolArray, BoolArray]:
    """Whether each lead is eligible, meets the enter bar, and is below the leave bar."""
    # Who is not among the scores is below; only who is known to be ineligible is that.
    eligible = ~scores["eligible"].eq(other=False).to_numpy(dtype=bool)
    codes = pd.Categorical(scores["tier"], categories=list(tiers)).codes
    ranks = np.where(codes < 0, len(tiers), codes)
    behaviour = scores["behaviour"].to_numpy(dtype=float)

    def meets(bar: Bar) -> BoolArray:
        met: BoolArray = (ranks <= tiers.index(bar.tier)) & (behaviour >= bar.behaviour) & eligible
        return met

    return eligible, meets(rule.enter), ~meets(rule.leave)


def _since(since: "pd.Series[float]", now: float) -> Floats:
    begun = since.to_numpy(dtype=float)
    return np.where(np.isnan(begun), now, begun)


def _ending(
    old: pd.DataFrame, eligible: BoolArray, below_since: Floats, rule: QualificationRule, now: float
) -> npt.NDArray[np.object_]:
    unclaimed = ~old["claimed"].to_numpy(dtype=bool)
    late = now - old["opened_at"].to_numpy(dtype=float) >= rule.expires_after.micros
    reasons = [~eligible, now - below_since >= rule.keep_for.micros, unclaimed & late]
    return np.select(reasons, [str(closing) for closing in Closing], "").astype(object)


def _free(old: pd.DataFrame, left: Floats, now: float) -> BoolArray:
    """Who may be told about: never was, or has left since, and the cooldown passed."""
    until = old["cooldown_until"].to_numpy(dtype=float)
    free: BoolArray = np.isnan(until) | (~np.isnan(left) & (now >= until))
    return free


def _whys(scores: pd.DataFrame, rule: QualificationRule) -> "dict[str, str | pd.Series[Any]]":
    bar = f"below {rule.leave.tier} or {say_scalar(float(rule.leave.behaviour))} points"
    return {
        Closing.INELIGIBLE: scores["ineligible_why"],
        Closing.LEFT: f"{bar} for {_for(rule.keep_for)}",
        Closing.EXPIRED: f"nobody claimed it for {rule.expires_after}",
    }


def _for(duration: Duration) -> str:
    return str(duration) if duration.seconds else "any time"


def _transitions(
    before: pd.DataFrame,
    new: pd.DataFrame,
    opening: BoolArray,
    ending: "pd.Series[Any]",
    whys: "dict[str, str | pd.Series[Any]]",
) -> Transitions:
    kept = new[among(new.index, before.index) | new[list(_MICROS)].notna().any(axis=1)].sort_index()
    old = _complete(before, kept.index)[list(STATE_COLUMNS)]
    same = (kept.eq(old) | (kept.isna() & old.isna())).all(axis=1) & among(kept.index, before.index)
    said = [
        why if isinstance(why, str) else str(why.get(lead_id, ""))
        for lead_id, why in ((lead_id, whys[reason]) for lead_id, reason in ending.items())
    ]
    return Transitions(
        state=kept,
        opened=tuple(sorted(new.index[opening])),
        closed=pd.DataFrame({"reason": ending, "why": pd.Series(said, index=ending.index, dtype="str")}),
        changed=kept.index[~same],
    )
