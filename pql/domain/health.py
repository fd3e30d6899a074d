"""What `pql doctor` finds, one thing at a time."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    WARNING = "warning"  # it works, and somebody should know
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """One thing that was looked at.

    Args:
        what: "Slack: #sales".
        words: What was found, without secrets.
        cure: What to do; "" where nothing is to be done.
    """

    what: str
    state: State
    words: str
    cure: str = ""


def ok(what: str, words: str) -> Examined:
    """It is as it should be."""
    return Examined(what=what, state=State.OK, words=words)


def warning(what: str, words: str, cure: str) -> Examined:
    """It works, and somebody should know."""
    return Examined(what=what, state=State.WARNING, words=words, cure=cure)


def failed(what: str, words: str, cure: str) -> Examined:
    """It does not work."""
    return Examined(what=what, state=State.FAILED, words=words, cure=cure)
