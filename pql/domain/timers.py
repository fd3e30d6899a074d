"""Timers: what will have happened at an instant unless something comes in between. Pure; `store/timers.py` keeps them.

A timer is set by a row, moved by a later row with the same key, cancelled by what resolves it, and due when its
instant has passed. What is due is looked at in the rows themselves, so a row that arrived late still counts.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

BoolArray: TypeAlias = npt.NDArray[np.bool_]

# key: unique within the moment and lead; set_at, due_at: microseconds; user_id and feature: None where they do not
# matter.
TIMER_COLUMNS = ("lead_id", "key", "user_id", "set_at", "due_at", "feature")
_TYPES = {"lead_id": "str", "key": "str", "set_at": "int64", "due_at": "int64"}


class TimerStatus(StrEnum):
    """What became of a timer."""

    WAITING = "waiting"
    FIRED = "fired"
    CANCELLED = "cancelled"


def timer_frame(rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """Timers with exactly the columns of `TIMER_COLUMNS`, the latest of each key, sorted by lead and key."""
    if rows is None or rows.empty:
        rows = pd.DataFrame({name: pd.Series(dtype=object) for name in TIMER_COLUMNS})
    framed = rows.reindex(columns=list(TIMER_COLUMNS)).astype(_TYPES)
    for name in ("user_id", "feature"):
        framed[name] = framed[name].astype(object).where(framed[name].notna(), None)
    ordered = framed.sort_values(["lead_id", "key", "set_at"], kind="stable")
    return ordered.drop_duplicates(["lead_id", "key"], keep="last", ignore_index=True)


def newly_set(wanted: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Of the timers that rows ask for, those that are new or later than what is stored under their key.

    Args:
        wanted: As `timer_frame`.
        stored: The same with `status`, ended ones too: a row that comes again sets nothing again.
    """
    known = stored.set_index(["lead_id", "key"])["set_at"] if len(stored) else pd.Series(dtype="int64")
    before = known.reindex(pd.MultiIndex.from_frame(wanted[["lead_id", "key"]])).to_numpy(dtype=float)
    return wanted[~(wanted["set_at"].to_numpy() <= before)].reset_index(drop=True)


def settled(due_timers: pd.DataFrame, found: pd.DataFrame, *, per_user: bool) -> list[TimerStatus]:
    """For each due timer whether it came true: an occurrence of its lead (and user) at its very instant was found.

    Args:
        due_timers: As `timer_frame`.
        found: As `Pattern.find` gives it.
        per_user: Whether each user has timers of their own.
    """
    by = ["lead_id", "user_id"] if per_user else ["lead_id"]
    true = set(zip(*(found[name].astype(str) for name in by), found["at"].astype("int64"), strict=True))
    keys = zip(*(due_timers[name].astype(str) for name in by), due_timers["due_at"].astype("int64"), strict=True)
    return [TimerStatus.FIRED if key in true else TimerStatus.CANCELLED for key in keys]


def latest_of_each(events: pd.DataFrame, *, per_user: bool, after: int) -> pd.DataFrame:
    """A timer for each lead (or user), due so many microseconds after their latest row; the next row moves it."""
    by = ["lead_id", "user_id"] if per_user else ["lead_id"]
    known = events.dropna(subset=by).sort_values([*by, "at"], kind="stable").drop_duplicates(by, keep="last")
    key = known["user_id"].astype(str) if per_user else ""
    return timer_frame(known.assign(key=key, set_at=known["at"], due_at=known["at"].astype("int64") + after))


def last_set(events: pd.DataFrame, stored: pd.DataFrame, *, per_user: bool) -> npt.NDArray[np.float64]:
    """For each row when the stored timer of its lead (or user) was set, as `latest_of_each` keys them; NaN: none."""
    keys = events["user_id"].astype(str) if per_user else pd.Series("", index=events.index)
    known = stored.set_index(["lead_id", "key"])["set_at"] if len(stored) else pd.Series(dtype="int64")
    index = pd.MultiIndex.from_arrays([events["lead_id"].astype(str), keys], names=["lead_id", "key"])
    return known.reindex(index).to_numpy(dtype=float)


def resolved(waiting: pd.DataFrame, rows: pd.DataFrame, *, per_user: bool) -> BoolArray:
    """For each timer whether a row of its lead (and user) lies between its setting and its end, both counted."""
    by = ["lead_id", "user_id"] if per_user else ["lead_id"]
    instants: Mapping[Any, npt.NDArray[np.int64]] = {
        key: np.sort(part["at"].to_numpy(dtype="int64")) for key, part in rows.dropna(subset=by).groupby(by)
    }
    none = np.zeros(0, dtype="int64")
    keys = zip(*(waiting[name] for name in by), strict=True)
    spans = zip(keys, waiting["set_at"], waiting["due_at"], strict=True)
    return np.array([_any_between(instants.get(key, none), start, end) for key, start, end in spans], dtype=bool)


def _any_between(ordered: npt.NDArray[np.int64], start: int, end: int) -> bool:
    return bool(np.searchsorted(ordered, end, side="right") > np.searchsorted(ordered, start, side="left"))
