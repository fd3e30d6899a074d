"""Messages on their way, and notices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import NAMESPACE_URL, uuid5

from pql.domain.messages import Outgoing, Subject

OutboxStatus: TypeAlias = Literal["waiting", "sent", "failed", "expired", "shadow"]


def delivery_id(step_key: str, recipient: str, channel: str) -> str:
    """The id of a message: it follows from what it is about, to whom and where, so no repetition makes a second."""
    return str(uuid5(NAMESPACE_URL, f"pql:delivery:{channel}:{len(recipient)}:{recipient}:{step_key}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRecord:
    """A final message: rendered and addressed. Unique by step key, recipient and channel; a second one is ignored.

    Args:
        recipient: For whom it is: the rep's email, or a team channel.
        address: Where it goes; another one in mode redirect.
        payload: JSON-able (`Rendered.payload`).
        due_at: Not sent before.
        valid_until: Not sent from then on; None: for ever.
        lead_id: "" for a summary of many.
        shadow: It is kept to be shown and is never sent: `delivery.mode` was off.
        reply_to: The `delivery_id` of the message in whose thread it goes; "" for none.
        steps: Everything that it tells of, where that is more than `step_key`: moments that were gathered.
    """

    step_key: str
    lead_id: str
    subject: Subject
    recipient: str
    channel: str
    address: str
    payload: Mapping[str, object]
    due_at: datetime
    valid_until: datetime | None = None
    shadow: bool = False
    reply_to: str = ""
    steps: tuple[str, ...] = ()

    @property
    def all_steps(self) -> tuple[str, ...]:
        """Everything that it tells of."""
        return tuple(dict.fromkeys((self.step_key, *self.steps)))

    @property
    def delivery_id(self) -> str:
        """The message's id."""
        return delivery_id(self.step_key, self.recipient, self.channel)


@dataclass(frozen=True, slots=True, kw_only=True)
class SentMessage:
    """Where a message went. `at`: when it was sent; before that, when it was written."""

    step_key: str
    recipient: str
    channel: str
    address: str
    delivery_id: str
    status: OutboxStatus
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try to deliver, or its end.

    Outcomes: sent, retry, failed, unknown (its worker never told), refused (told too late), expired (no longer true).
    """

    delivery_id: str
    at: datetime
    outcome: str
    error: str
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """An outbox row, as people see it."""

    delivery_id: str
    lead_id: str
    subject: str
    step_key: str
    recipient: str
    channel: str
    address: str
    status: OutboxStatus
    payload: Mapping[str, object]
    created_at: datetime
    due_at: datetime
    valid_until: datetime | None
    attempts: int
    ambiguous: bool
    sent_at: datetime | None
    reference: str
    last_error: str
    reply_to: str = ""
    fallback_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """An outbox row that a worker may send until `leased_until`; `token` proves it when the row is marked.

    Args:
        run_id: The run that decided it.
        created_at: When that run was written.
    """

    outgoing: Outgoing
    token: str
    leased_until: datetime
    lead_id: str
    subject: str
    recipient: str
    step_key: str
    run_id: str
    created_at: datetime
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A message that its channel took; see `Store.mark_sent`.

    Args:
        seconds: How long the channel took.
        reconciled: It was found in the channel, and not sent again.
    """

    leased: Leased
    at: datetime
    reference: str
    seconds: float | None = None
    reconciled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that hinders the program.

    Args:
        key: What and where, the same while it lasts: `slack:#sales:not_in_channel`, `source:events:stale`.
        words: What is wrong, one sentence.
        cure: What to do.
        first_at, last_at, times: When it was seen since it began, and how often.
        told_at: When the operator was last told, of its beginning or its end.
        ended_at: None while it lasts.
    """

    key: str
    words: str
    cure: str
    first_at: datetime
    last_at: datetime
    times: int
    told_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Paused:
    """Sending is paused: by whom, since when."""

    by: str
    at: datetime
