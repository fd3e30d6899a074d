"""What of a refresh people should know, in sentences: rows that came too late, days that look wrong."""

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from pql.domain.calendar import Calendar
from pql.domain.measures.base import plural

# A day is compared with the same weekday of so many weeks before.
WEEKS = 4
# Below this a relation has too few rows a day to tell.
ENOUGH = 50
TIMES = 10


def late_notes(late: Mapping[int, int], relation: str, calendar: Calendar) -> list[str]:
    """What came, went or changed on days that are no longer rolled again."""
    if not late:
        return []
    days = " to ".join(dict.fromkeys(calendar.words(day) for day in (min(late), max(late))))
    rows = plural(sum(late.values()), "row")
    note = (
        f"{rows} of {relation} came or went on {days}, later than usage.rollup.late allows: they do not count "
        "(`pql rollup rebuild` counts them)"
    )
    return [note]


def lost_notes(lost: Sequence[int], relation: str, calendar: Calendar) -> list[str]:
    """Days whose rows the source no longer has, so that new columns know nothing of them."""
    if not lost:
        return []
    days = plural(len(lost), "day")
    note = (
        f"the source no longer has the {relation} of {days} until {calendar.words(max(lost))}: what was kept of "
        "them stays, and new definitions count from then on"
    )
    return [note]


def waiting_notes(waiting: Sequence[str], relation: str) -> list[str]:
    """Columns that are still being filled in."""
    if not waiting:
        return []
    columns = plural(len(waiting), "new column")
    note = (
        f"the past of {columns} of {relation} is still being filled in: signals that need it are not evaluated yet, "
        "and the next run goes on"
    )
    return [note]


def volume_notes(row_counts: "pd.Series[int]", looked: Iterable[int], relation: str, calendar: Calendar) -> list[str]:
    """Whole days that have nothing, or far more than the same weekday of the weeks before.

    Args:
        row_counts: Rows by day; a day without any may be missing.
        looked: The days to judge.
        relation: For the words.
        calendar: The project's days.
    """
    notes = []
    for day in sorted(looked):
        before = [int(row_counts.get(day - 7 * week, 0)) for week in range(1, WEEKS + 1)]
        usual = sorted(before)[len(before) // 2]
        now = int(row_counts.get(day, 0))
        if min(before) < ENOUGH:
            continue
        if not now:
            notes.append(f"there are no {relation} on {calendar.words(day)}, where {usual:,} are usual")
        elif now >= TIMES * max(before):
            notes.append(
                f"there are {now:,} {relation} on {calendar.words(day)}, {now / usual:,.0f} times as many as usual"
            )
    return notes
