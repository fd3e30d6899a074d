"""What becomes of a message that its channel will not take: the rep's own place in it, another channel, the operator.

An error that stops one address stops the retries there, and the message goes another way at once. An error that stops
a whole channel (a token that was revoked) closes it: one message at a time tries whether it is over, and what can wait
waits for that.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from pql.domain.messages import Alert, Subject
from pql.domain.rules import Rep
from pql.errors import DeliveryError
from pql.jobs.operator import ALL, OPERATOR, Recourse, operator_places, rendered, tell_operator
from pql.notify import Channel, next_attempt
from pql.notify.alerts import alert_of
from pql.store import Store
from pql.store.records import Leased, Notice, OutboxRecord

log = logging.getLogger(__name__)

PAUSE = timedelta(minutes=5)  # a channel that is closed is tried again after it
PATIENCE = timedelta(hours=1)  # from then on, what could wait goes another way too
AT_LEAST = timedelta(hours=1)  # a fallback is worth sending for so long, whatever the message was
_FOR_REPS = ("slack", "email")
_BY = {"slack": "on Slack", "email": "by email", "webhook": "by webhook"}

Passed: TypeAlias = Literal["given up", "waits"]


class Fallbacks:
    """What hinders the channels, as one round of delivery knows it, and what to do about it.

    Several threads may use one: what they know is replaced and never changed in place.
    """

    def __init__(self, store: Store, channels: Mapping[str, Channel], recourse: Recourse) -> None:
        self._store = store
        self._channels = channels
        self._recourse = recourse
        self._lasting: dict[str, Notice] = {}

    def begin(self, now: datetime) -> None:
        """Learn what hinders the channels, and tell the operator what is new."""
        self._lasting = {notice.key: notice for notice in self._store.notices()}
        self._tell(now)

    def pass_over(self, leased: Leased, now: datetime) -> Passed | None:
        """Deal with a message whose channel is closed, without asking the channel; None where it is open."""
        notice = self._closed(leased.outgoing.channel, now)
        if notice is None:
            return None
        if self._cannot_wait(leased, notice, now):
            error = DeliveryError(notice.words, permanent=True, cause=notice.key.rpartition(":")[2], reach="channel")
            self.give_up(leased, error, now)
            return "given up"
        self._store.release([leased], due=notice.last_at + PAUSE)
        return "waits"

    def next_try(self, leased: Leased, error: DeliveryError, now: datetime) -> datetime | None:
        """When a message that was not taken is tried again; None: never."""
        if not (error.permanent and error.reach == "channel"):
            outgoing = leased.outgoing
            until = leased.valid_until
            return next_attempt(outgoing.attempts + 1, error, now, delivery_id=outgoing.delivery_id, valid_until=until)
        notice = self._raise(leased, error, now)
        return None if self._cannot_wait(leased, notice, now) else now + PAUSE

    def give_up(self, leased: Leased, error: DeliveryError, now: datetime, seconds: float | None = None) -> None:
        """Mark a message as failed, send another in its place, and let the operator know the cause and the cure."""
        if error.permanent and error.cause and error.reach != "channel":
            self._raise(leased, error, now)
        instead = [*self._instead(leased, error, now)]
        sent = self._store.fall_back(leased, now, str(error), instead=instead, seconds=seconds)
        if sent is not None:
            facts = {"action": "message_fell_back", "channel": sent.channel, "delivery_id": sent.delivery_id}
            why = {"lead_id": leased.lead_id, "fallback_of": leased.outgoing.delivery_id}
            log.warning("It goes to %s by %s instead", sent.recipient, sent.channel, extra=facts | why)

    def sent(self, leased: Leased, now: datetime) -> None:
        """A message was taken: what hindered others of its kind is over."""
        over = [key for key in [*self._lasting] if _is_over(key, leased)]
        for key in over:
            self._lasting.pop(key, None)
            self._store.notice_over(key, now)
        if over:
            self._tell(now)

    def _closed(self, channel: str, now: datetime) -> Notice | None:
        lasting = [notice for key, notice in [*self._lasting.items()] if key.startswith(f"{channel}:{ALL}:")]
        return next((notice for notice in lasting if now < notice.last_at + PAUSE), None)

    def _cannot_wait(self, leased: Leased, notice: Notice, now: datetime) -> bool:
        alert = alert_of(leased.outgoing.payload)
        runs_out = leased.valid_until is not None and leased.valid_until - now <= 2 * PAUSE
        return runs_out or now - notice.first_at >= PATIENCE or (alert is not None and alert.urgency == "now")

    def _raise(self, leased: Leased, error: DeliveryError, now: datetime) -> Notice:
        outgoing = leased.outgoing
        place = {"address": outgoing.address, "message": leased.subject, "channel": ALL}.get(error.reach, error.reach)
        key = f"{outgoing.channel}:{place}:{error.cause or 'refused'}"
        words = str(error).removesuffix(f"; {error.cure}") if error.cure else str(error)
        before = self._lasting.get(key)
        first_at, times = (before.first_at, before.times) if before else (now, 0)
        notice = Notice(key=key, words=words, cure=error.cure, first_at=first_at, last_at=now, times=times + 1)
        self._lasting[key] = notice
        if self._store.notice(key, words, error.cure, now):
            self._tell(now)
        return notice

    def _tell(self, now: datetime) -> None:
        tell_operator(self._store, self._channels, self._recourse, now)

    def _instead(self, leased: Leased, error: DeliveryError, now: datetime) -> Iterator[OutboxRecord]:
        """The messages that might go in its place, in the order in which they are tried."""
        alert = alert_of(leased.outgoing.payload)
        told = _undeliverable(leased, error, self._recourse, now) if alert is None else _reworded(alert, leased, error)
        until = None if leased.valid_until is None else max(leased.valid_until, now + AT_LEAST)
        places = [(leased.recipient, *place) for place in self._of_rep(leased, error)] if alert else []
        places += [(OPERATOR, *place) for place in operator_places(self._channels, self._recourse)]
        for recipient, channel, address in places:
            step = leased.step_key
            if record := rendered(self._channels[channel], told, step, recipient, address, now, until):
                yield replace(record, lead_id=leased.lead_id)

    def _of_rep(self, leased: Leased, error: DeliveryError) -> Iterator[tuple[str, str]]:
        if "@" not in leased.recipient:
            return  # a team's channel, or the operator
        reps = {rep.email.casefold(): rep for rep in self._recourse.reps}
        rep = reps.get(leased.recipient.casefold())
        delivery = self._recourse.delivery
        for channel in _FOR_REPS:
            address = rep.slack_id if rep and rep.slack_id and channel == "slack" else leased.recipient
            if delivery.mode == "redirect":
                address = delivery.redirect.get(channel, "")
            other = channel != leased.outgoing.channel or self._is_team(leased, rep, error)
            if other and channel in self._channels and address:
                yield channel, address

    def _is_team(self, leased: Leased, rep: Rep | None, error: DeliveryError) -> bool:
        """Whether a team's channel refused it, and the rep can be written to in the same channel."""
        refused = error.permanent and error.reach == "address" and self._recourse.delivery.mode == "on"
        own = {leased.recipient.casefold(), rep.slack_id.casefold()} if rep else set()
        return refused and rep is not None and bool(rep.slack_id) and leased.outgoing.address.casefold() not in own


def _is_over(key: str, leased: Leased) -> bool:
    outgoing = leased.outgoing
    channel, _, rest = key.partition(":")
    place = rest.rpartition(":")[0]
    people = place == "people" and "@" in outgoing.address
    return channel == outgoing.channel and (people or place in {ALL, "endpoint", outgoing.address, leased.subject})


def _reworded(alert: Alert, leased: Leased, error: DeliveryError) -> Alert:
    outgoing = leased.outgoing
    to = "a webhook" if "://" in outgoing.address else outgoing.address
    by = _BY.get(outgoing.channel, f"by {outgoing.channel}")
    cause = error.cause.replace("_", " ") if error.permanent and error.cause else "it gave no answer in time"
    why = f"This was meant for {to} {by}, which did not take it: {cause}."
    return replace(alert, decided=f"{why} {alert.decided}".strip())


def _undeliverable(leased: Leased, error: DeliveryError, recourse: Recourse, now: datetime) -> Alert:
    """Of a message whose content is not known any more."""
    outgoing = leased.outgoing
    return Alert(
        subject=Subject.OPERATOR,
        lead_id=leased.lead_id,
        lead_name=leased.lead_id,
        title=f"A message for {leased.recipient} could not be delivered",
        why_now=str(error),
        as_of=now,
        time_zone=recourse.time_zone,
        recipient_name=OPERATOR,
        play="Look at it with `pql notifications`, and tell the rep.",
        decided=f"Sent to you as the operator: {outgoing.channel} did not take it, and it cannot be told another way.",
    )
