"""The bounds of the 12 windows as UTC instants, which all rivals bind."""

from collections.abc import Mapping
from datetime import UTC, datetime

from pql.domain.calendar import Calendar, from_micros

WINDOWS = (7, 14, 28, 30, 60)
MOMENTUM_DAYS = 14
_NEVER = datetime(2200, 1, 1, tzinfo=UTC)


def bounds(calendar: Calendar, as_of: datetime) -> Mapping[str, object]:
    """What the queries bind.

    Returns:
        `as_of`; `d7` to `d60`, where the windows begin; `before`, `recent` and `complete`, the bounds of the two spans
        that momentum compares; `young`: accounts created from here on are too young to compare; and for day numbers
        `step`, `offset_before` and `offset_after`: the wall clock's lead over UTC, in microseconds, around the one
        change of the clock in 60 days.
    """
    today = calendar.day_of(as_of)
    found: dict[str, object] = {
        "as_of": as_of,
        "recent": calendar.start_of(today - MOMENTUM_DAYS),
        "before": calendar.start_of(today - 2 * MOMENTUM_DAYS),
        "complete": calendar.start_of(today),
        "young": calendar.start_of(today - 2 * MOMENTUM_DAYS + 1),
    }
    starts = {f"d{days}": calendar.window(days, as_of).start for days in WINDOWS}
    first = starts["d60"]
    steps = calendar.offsets(as_of if first is None else first, as_of)
    step = steps[0].until
    offsets = {"offset_before": steps[0].offset, "offset_after": steps[-1].offset}
    return {**found, **starts, "step": _NEVER if step is None else from_micros(step), **offsets}
