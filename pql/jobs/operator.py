"""The operator is told once of what hinders the program, and once more when it is over."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pql.config.settings import DeliverySettings
from pql.domain.calendar import to_micros
from pql.domain.messages import Alert, Subject
from pql.domain.rules import Rep
from pql.errors import ConfigError
from pql.notify import Channel
from pql.notify.templates import local
from pql.store import Store
from pql.store.records import Notice, OutboxRecord

log = logging.getLogger(__name__)

OPERATOR = "operator"
ALL = "*"  # in a notice's key: the whole channel
VALID_FOR = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class Recourse:
    """Whom else there is to tell: a rep by another channel, the operator.

    Args:
        delivery: The operator's addresses, and where all goes in mode redirect.
        reps: With their addresses.
        time_zone: Of the operator's messages.
    """

    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    reps: Sequence[Rep] = ()
    time_zone: str = "UTC"


def tell_operator(store: Store, channels: Mapping[str, Channel], recourse: Recourse, now: datetime) -> int:
    """Write the messages about what began to hinder and what is over; how many notices were told."""
    told = 0
    for notice in store.untold_notices():
        if not store.tell_notice(notice, [*_messages(notice, channels, recourse, now)], now):
            continue  # another process told it
        told += 1
        if notice.ended_at is None:
            log.error("%s; %s", notice.words, notice.cure, extra={"action": "notice_raised", "notice": notice.key})
        else:
            log.info("Over: %s", notice.words, extra={"action": "notice_over", "notice": notice.key})
    return told


def _messages(
    notice: Notice, channels: Mapping[str, Channel], recourse: Recourse, now: datetime
) -> Iterator[OutboxRecord]:
    alert = operator_alert(notice, recourse, now)
    over = ":over" if notice.ended_at else ""
    step = f"notice:{notice.key}:{to_micros(notice.first_at)}{over}"
    for channel, address in _places(notice, channels, recourse):
        if record := rendered(channels[channel], alert, step, OPERATOR, address, now, now + VALID_FOR):
            yield record


def _places(notice: Notice, channels: Mapping[str, Channel], recourse: Recourse) -> list[tuple[str, str]]:
    """All of the operator's, without those that the notice itself is about as long as there is another."""
    own = operator_places(channels, recourse)
    if notice.ended_at is not None:
        return own
    hindered = (f"{channel}:{place}:" for channel, address in own for place in (ALL, address))
    broken = {prefix for prefix in hindered if notice.key.startswith(prefix)}
    sound = [(channel, place) for channel, place in own if not broken & {f"{channel}:{ALL}:", f"{channel}:{place}:"}]
    return sound or own


def operator_places(channels: Mapping[str, Channel], recourse: Recourse) -> list[tuple[str, str]]:
    """The operator's channels that are set up, with the address on each."""
    return [(channel, address) for channel, address in recourse.delivery.operator.items() if channel in channels]


def operator_alert(notice: Notice, recourse: Recourse, now: datetime) -> Alert:
    """A notice in words."""
    zone = recourse.time_zone
    since = local(notice.first_at, zone)
    if notice.ended_at is None:
        title, why = notice.words, f"It began on {since}."
        decided = "Sent to you as the operator, once while it lasts. You hear again when it is over."
    else:
        title = f"Over: {notice.words}"
        why = f"It lasted from {since} to {local(notice.ended_at, zone)}, and was seen {notice.times:,} times."
        decided = "Sent to you as the operator, who was told when it began."
    return Alert(
        subject=Subject.OPERATOR,
        lead_id="",
        lead_name="",
        title=title,
        why_now=why,
        as_of=now,
        time_zone=zone,
        recipient_name=OPERATOR,
        urgency="now",
        play="" if notice.ended_at else notice.cure,
        decided=decided,
    )


def rendered(
    channel: Channel,
    alert: Alert,
    step: str,
    recipient: str,
    address: str,
    now: datetime,
    valid_until: datetime | None,
) -> OutboxRecord | None:
    """A message for a channel, due at once; None, with a word in the log, where its template cannot be used."""
    try:
        payload = channel.render(alert).payload
    except ConfigError as exc:
        log.error("A message for %s cannot be made: %s", channel.name, exc, extra={"action": "template_failed"})  # noqa: TRY400 - the message is for people
        return None
    return OutboxRecord(
        step_key=step,
        lead_id=alert.lead_id,
        subject=alert.subject,
        recipient=recipient,
        channel=channel.name,
        address=address,
        payload=payload,
        due_at=now,
        valid_until=valid_until,
    )
