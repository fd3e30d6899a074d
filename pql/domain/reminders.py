"""What comes next for a qualification that nobody took: a reminder, the fallback, or nothing. Pure: reads no clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from pql.domain.durations import Duration
from pql.domain.rules import Reminders
from pql.domain.working_time import WorkingTime


class Action(Enum):
    """What is done about it."""

    REMIND = "nobody took it: the rep is reminded"
    ESCALATE = "nobody took it: the fallback is told"


@dataclass(frozen=True, slots=True, kw_only=True)
class Untaken:
    """A qualification that a rep was told of and that is still open, awake and good.

    Args:
        told_at: When the rep was told; where it slept since, when it woke.
        reminded: When the rep was reminded, the first first.
        escalated: The fallback knows.
        absent: The rep is away, or no rep any more.
        is_fallback: The rep is the fallback: there is nobody further.
    """

    told_at: datetime
    reminded: tuple[datetime, ...] = ()
    escalated: bool = False
    absent: bool = False
    is_fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What comes next, and from when on. `number`: which reminder, from 1; 0 for the fallback."""

    action: Action
    number: int
    due_at: datetime


def next_step(rule: Reminders, untaken: Untaken, working: WorkingTime) -> Step | None:
    """What comes next; None where nothing does any more.

    At most `rule.most` reminders and one message to the fallback, each after working time of the rep. Who is away is
    not reminded: the fallback is told at once.
    """
    if untaken.escalated:
        return None
    last = max((untaken.told_at, *untaken.reminded))
    if len(untaken.reminded) < rule.most and not untaken.absent:
        wait = rule.again if untaken.reminded else rule.after
        due_at = working.add(last, _length(wait))
        return Step(action=Action.REMIND, number=len(untaken.reminded) + 1, due_at=due_at)
    if rule.escalate_after is None or untaken.is_fallback:
        return None
    due_at = untaken.told_at if untaken.absent else working.add(last, _length(rule.escalate_after))
    return Step(action=Action.ESCALATE, number=0, due_at=due_at)


def remind_key(episode_id: str, number: int) -> str:
    """What makes a reminder one."""
    return f"remind:{episode_id}:{number}"


def escalate_key(episode_id: str) -> str:
    """What makes the message to the fallback one."""
    return f"escalate:{episode_id}"


def _length(duration: Duration) -> timedelta:
    return timedelta(seconds=duration.seconds)
