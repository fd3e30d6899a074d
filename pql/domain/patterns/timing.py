"""What fresh rows do to the timers of a moment: set, move, cancel, and tell which are due. Pure."""

from dataclasses import dataclass

import pandas as pd

from pql.domain.patterns.base import Pattern, PatternRows
from pql.domain.timers import TIMER_COLUMNS, TimerStatus, newly_set, settled


@dataclass(frozen=True, kw_only=True)
class Turned:
    """What became of the timers of one moment.

    Args:
        changed: `TIMER_COLUMNS` and `status`: those that are set, moved or cancelled.
        passed: Those whose instant has passed; the rows tell whether they came true.
        overtaken: Those whose instant had passed when a later row moved them.
        needed: The fresh rows whose leads must be looked at beside those of `passed`.
    """

    changed: pd.DataFrame
    passed: pd.DataFrame
    overtaken: pd.DataFrame
    needed: pd.DataFrame


def no_timers() -> pd.DataFrame:
    """No stored timer: `TIMER_COLUMNS` and `status`."""
    types = {"set_at": "int64", "due_at": "int64"}
    names = (*TIMER_COLUMNS, "status")
    return pd.DataFrame({name: pd.Series(dtype=types.get(name, "object")) for name in names})


def turned(
    pattern: Pattern, rows: PatternRows | None, stored: pd.DataFrame, *, seeds: pd.DataFrame, as_of: int
) -> Turned:
    """Turn the timers of a moment.

    Args:
        pattern: The moment's.
        rows: What is new; None: nothing was looked at, so nothing is set and nothing cancelled.
        stored: `TIMER_COLUMNS` and `status`: those of the leads in `rows`, those that wait and are due, and for a
            pattern that reads a table all that wait.
        seeds: Timers that are set for everybody, once; they replace what is stored.
        as_of: Microseconds.
    """
    before = _over(stored, _waiting(seeds))
    if rows is None:
        none = pd.DataFrame({"lead_id": [], "at": []})
        return Turned(
            changed=_waiting(seeds), passed=_due(before, as_of), overtaken=_due(before.iloc[:0], as_of), needed=none
        )
    new = _waiting(newly_set(pattern.timers(rows), before))
    now = _over(before, new)
    waiting = now[now["status"] == TimerStatus.WAITING].reset_index(drop=True)
    resolved = pattern.cancels(waiting, rows)
    cancelled = waiting[resolved].assign(status=TimerStatus.CANCELLED)
    return Turned(
        changed=_over(_over(_waiting(seeds), new), cancelled),
        passed=_due(waiting[~resolved], as_of),
        overtaken=_among(_due(before, as_of), new),
        needed=pattern.needs(rows, before) if not pattern.state else rows.events.iloc[:0],
    )


def ended(pattern: Pattern, passed: pd.DataFrame, found: pd.DataFrame, *, per_user: bool) -> pd.DataFrame:
    """The timers that had passed, with what became of them; those of a pattern that never fires only end."""
    if not pattern.fires:
        return passed.assign(status=TimerStatus.CANCELLED)
    return passed.assign(status=settled(passed, found, per_user=per_user))


def _waiting(timers: pd.DataFrame) -> pd.DataFrame:
    return timers.assign(status=TimerStatus.WAITING) if len(timers) else no_timers()


def _over(stored: pd.DataFrame, newer: pd.DataFrame) -> pd.DataFrame:
    """The timers, one of each key: the newer one where both have it."""
    parts = [part for part in (stored, newer) if len(part)]
    if not parts:
        return no_timers()
    return pd.concat(parts, ignore_index=True).drop_duplicates(["lead_id", "key"], keep="last", ignore_index=True)


def _among(timers: pd.DataFrame, others: pd.DataFrame) -> pd.DataFrame:
    keys = ["lead_id", "key"]
    same = pd.MultiIndex.from_frame(timers[keys]).isin(pd.MultiIndex.from_frame(others[keys]))
    return timers[same].reset_index(drop=True)


def _due(timers: pd.DataFrame, as_of: int) -> pd.DataFrame:
    due = (timers["status"] == TimerStatus.WAITING) & (timers["due_at"] < as_of)
    return timers[due].reset_index(drop=True)
