"""What the patterns share: how many rows lie in a trailing span, and the shape of what was found."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.conditions import BoolArray
from pql.domain.patterns.base import OCCURRENCE_COLUMNS, PatternRows

Micros = npt.NDArray[np.int64]


def occurrences(found: pd.DataFrame, rows: PatternRows) -> pd.DataFrame:
    """What was found, with exactly the columns of `OCCURRENCE_COLUMNS`, sorted, in [since, as_of) only."""
    complete = found.reindex(columns=list(OCCURRENCE_COLUMNS)) if len(found) else none_found()
    # One type a column, found something or not, so that the frames of several runs go together.
    numbers = ("at", "count")
    complete = complete.astype({column: "int64" if column in numbers else "str" for column in OCCURRENCE_COLUMNS})
    new = complete[(complete["at"] >= rows.since) & (complete["at"] < rows.as_of)]
    return new.sort_values(["at", "lead_id", "key"], ignore_index=True)


def none_found() -> pd.DataFrame:
    """No occurrence."""
    return pd.DataFrame({column: pd.Series(dtype=object) for column in OCCURRENCE_COLUMNS})


def instants(events: pd.DataFrame, by: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows in groups, and what to show of each instant.

    Args:
        events: Rows with `at` and the columns `by`; rows without a value in one of these are left out.
        by: What makes a group.

    Returns:
        All rows with `group` (a number), and one row for each group and instant: of several rows at one instant the
        first by user and feature stands for all, so that the order of rows never matters.
    """
    known = events.dropna(subset=list(by)).reset_index(drop=True)
    grouped = known.assign(group=known.groupby(list(by), sort=True).ngroup(), at=known["at"].astype("int64"))
    ties = [column for column in ("user_id", "feature") if column in grouped]
    shown = grouped.sort_values(["group", "at", *ties], kind="stable")
    return grouped, shown.drop_duplicates(["group", "at"], ignore_index=True)


def found_at(full: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """The rows to show at the instants at which something became complete, with their `count`."""
    return full.merge(shown, on=["group", "at"], how="left", validate="one_to_one")


def counts(group: Micros, at: Micros, until: Micros) -> pd.DataFrame:
    """For each distinct instant of a group, how many of its rows count then.

    Args:
        group: The group of each row.
        at: From when the row counts.
        until: Up to when, exclusive.

    Returns:
        Sorted by `group` and `at`; `count` >= 0. Every instant of `at` has a row.
    """
    # A sweep: each row adds one at its start and takes it off at its end, so every group's steps sum to nothing.
    steps = pd.DataFrame(
        {
            "group": np.concatenate([group, group]),
            "at": np.concatenate([at, until]),
            "step": np.repeat([1, -1], len(at)),
            "start": np.repeat([True, False], len(at)),
        }
    )
    swept = steps.groupby(["group", "at"], as_index=False, sort=True).agg({"step": "sum", "start": "any"})
    swept["count"] = swept["step"].cumsum()
    return swept.loc[swept["start"], ["group", "at", "count"]].reset_index(drop=True)


def reached(counted: pd.DataFrame, at_least: int, within: int) -> pd.DataFrame:
    """The instants at which a count reaches `at_least`.

    It is reached again only after it fell below, or after a pause of more than `within`. So what is reached at an
    instant depends on the rows of twice `within` before it alone, and a longer look back finds the same.
    """
    full = counted["count"] >= at_least
    same = counted["group"].eq(counted["group"].shift())
    close = same & (counted["at"] - counted["at"].shift() <= within)
    return counted[full & ~(full.shift(fill_value=False) & close)].reset_index(drop=True)


def followed(found: pd.DataFrame, rows: pd.DataFrame, *, by: Sequence[str], since: Micros) -> BoolArray:
    """For each occurrence whether a row that is alike in `by` lies at or after an instant of its own."""
    latest = rows.dropna(subset=list(by)).astype(dict.fromkeys(by, "str")).groupby(list(by))["at"].max()
    keys = (
        pd.MultiIndex.from_frame(found[list(by)].astype("str")) if len(by) > 1 else pd.Index(found[by[0]].astype("str"))
    )
    last: BoolArray = latest.reindex(keys).to_numpy(dtype=float) >= since
    return last


def moved_back(new: pd.DataFrame, gone: pd.DataFrame, *, by: Sequence[str], within: int) -> BoolArray:
    """For each new occurrence whether it is one that was found before, at an earlier instant.

    Rows that arrive late can only make something complete earlier. So an occurrence that is found no more, and a new
    one shortly before it, are one.

    Args:
        new: Occurrences that were not found before.
        gone: Those that were found before and are found no more.
        by: What both must have alike: `lead_id`, and for users `user_id`.
        within: How far apart they may lie, in microseconds; each that is gone stands for one.
    """
    left = {key: sorted(part["at"]) for key, part in gone.groupby(list(by))} if len(gone) else {}
    moved = np.zeros(len(new), dtype=bool)
    ordered = new.reset_index(drop=True).sort_values("at", ascending=False, kind="stable")
    for place, at, *key in ordered[["at", *by]].itertuples(name=None):
        instants_of_key = left.get(tuple(key), [])
        later = next((one for one in instants_of_key if at < one <= at + within), None)
        if later is not None:
            instants_of_key.remove(later)
            moved[place] = True
    return moved
