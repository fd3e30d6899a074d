"""Mutes: a lead, a rep, a signal or a moment that nobody wants to hear of for a while."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """What is not told while it holds. All that it names must be so; what it leaves empty is any.

    Args:
        number: Its number, to take it back by; 0 before it is kept.
        lead_id: The lead.
        recipient: The rep's email.
        topic: A moment's name; or a signal's: then the qualifications that would not be without it.
        by: Who asked for it.
        until: Its end; there is always one.
    """

    number: int = 0
    lead_id: str = ""
    recipient: str = ""
    topic: str = ""
    by: str
    reason: str
    at: datetime
    until: datetime

    def names(self, *, lead_id: str, recipient: str, topics: Collection[str]) -> bool:
        """Whether it speaks of a lead, a rep and one of these topics."""
        return (
            self.lead_id in {"", lead_id}
            and self.recipient.casefold() in {"", recipient.casefold()}
            and (not self.topic or self.topic in topics)
        )

    @property
    def words(self) -> str:
        """Why nothing is told: "muted by mia@…: on holiday together"."""
        return f"muted by {self.by}: {self.reason}" if self.reason else f"muted by {self.by}"


def muting(mutes: Iterable[Mute], *, lead_id: str, recipient: str, topics: Collection[str]) -> Mute | None:
    """The mute that holds longest of those that speak of this; None where none does."""
    those = [mute for mute in mutes if mute.names(lead_id=lead_id, recipient=recipient, topics=topics)]
    return max(those, key=lambda mute: (mute.until, mute.number), default=None)
