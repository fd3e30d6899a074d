"""Reading what stands in an outbox row, which came back from JSON and may be of another version."""

from collections.abc import Mapping
from datetime import datetime

from pql.domain.messages import Outgoing
from pql.errors import DeliveryError


def text_of(payload: Mapping[str, object], key: str) -> str:
    """The text under a key.

    Raises:
        DeliveryError: There is none; permanent.
    """
    value = payload.get(key)
    if not isinstance(value, str):
        raise DeliveryError(f"the stored message has no text '{key}'; it cannot be sent as it is", permanent=True)
    return value


def part_of(payload: Mapping[str, object], key: str) -> Mapping[str, object] | None:
    """The mapping under a key, or None."""
    value = payload.get(key)
    return {str(name): part for name, part in value.items()} if isinstance(value, Mapping) else None


def date_of(outgoing: Outgoing) -> datetime:
    """When it was first tried, else what it was decided on; the same at every try.

    Raises:
        DeliveryError: The payload's `as_of` is no instant; permanent.
    """
    if outgoing.first_tried_at is not None:
        return outgoing.first_tried_at
    written = text_of(outgoing.payload, "as_of")
    try:
        at = datetime.fromisoformat(written)
    except ValueError as exc:
        raise DeliveryError(f"the stored message's as_of '{written}' is no date", permanent=True) from exc
    if at.tzinfo is None:
        raise DeliveryError(f"the stored message's as_of '{written}' has no time zone", permanent=True)
    return at
