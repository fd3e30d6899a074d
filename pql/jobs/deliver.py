"""Deliver what stands in the outbox: lease, send, mark. What fails is tried again; what cannot succeed is given up."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pql.domain.durations import Duration
from pql.errors import DeliveryError
from pql.notify import Channel, Pacing, next_attempt
from pql.store import Store
from pql.store.records import Leased

log = logging.getLogger(__name__)

BATCH = 20
# Longer than a batch can take at one message a second and the channels' time-outs; a dead worker's rows wait so long.
LEASE = Duration(600)
UNPACED = frozenset({"file"})


@dataclass(slots=True, kw_only=True)
class Delivered:
    """What one round of delivery did."""

    sent: int = 0
    reconciled: int = 0
    retried: int = 0
    failed: int = 0
    expired: int = 0


@dataclass(frozen=True, kw_only=True)
class Courier:
    """What delivery works with.

    Args:
        clock: Tells the time.
        wait: Sleeps so many seconds.
        stopping: True once the program should end: nothing more is begun.
    """

    store: Store
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]
    wait: Callable[[float], None]
    stopping: Callable[[], bool] = lambda: False


def deliver(courier: Courier, *, only: Collection[str] | None = None, rounds: int = 1_000_000) -> Delivered:
    """Send all that is due, the oldest first.

    Args:
        courier: The outbox, the channels and the clock.
        only: Deliver on these channels only.
        rounds: At most so many batches.
    """
    done = Delivered(expired=courier.store.expire(courier.clock()))
    pacing = Pacing()
    for _ in range(rounds):
        batch = courier.store.lease(courier.clock(), BATCH, LEASE, channels=only)
        if not batch:
            break
        for number, leased in enumerate(batch):
            if courier.stopping() or courier.store.paused():
                courier.store.release(batch[number:])
                return done
            pacing = _deliver_one(courier, leased, pacing, done)
    return done


def _deliver_one(courier: Courier, leased: Leased, pacing: Pacing, done: Delivered) -> Pacing:
    outgoing = leased.outgoing
    place = f"{outgoing.channel}:{outgoing.address}"
    begun = courier.clock()
    if outgoing.channel not in UNPACED:
        pause = (pacing.free_at(place, begun) - begun).total_seconds()
        if pause > 0:
            courier.wait(pause)
            begun = courier.clock()
    try:
        receipt = _channel(courier, outgoing.channel).send(outgoing)
    except DeliveryError as error:
        _mark_failure(courier, leased, error, begun, done)
    else:
        now = courier.clock()
        seconds = (now - begun).total_seconds()
        courier.store.mark_sent(leased, now, receipt.reference, seconds=seconds, reconciled=receipt.reconciled)
        done.sent += 1
        done.reconciled += receipt.reconciled
        log.info("Sent a message", extra=_facts(leased, "message_sent"))
    return pacing.sent(place, courier.clock())


def _channel(courier: Courier, name: str) -> Channel:
    if name not in courier.channels:
        raise DeliveryError(f"The channel '{name}' is not set up; see notifiers/{name}/channel.yml", retry_after=300)
    return courier.channels[name]


def _mark_failure(courier: Courier, leased: Leased, error: DeliveryError, begun: datetime, done: Delivered) -> None:
    now = courier.clock()
    seconds = (now - begun).total_seconds()
    again = next_attempt(leased.outgoing.attempts + 1, error, now, delivery_id=leased.outgoing.delivery_id)
    if again is None:
        courier.store.mark_failed(leased, now, str(error), seconds=seconds)
        done.failed += 1
        log.error("Gave up a message: %s", error, extra=_facts(leased, "message_failed"))
        return
    courier.store.mark_retry(leased, now, again, str(error), ambiguous=error.ambiguous, seconds=seconds)
    done.retried += 1
    log.warning(
        "A message was not taken and is tried again in %s: %s",
        timedelta(seconds=round((again - now).total_seconds())),
        error,
        extra=_facts(leased, "message_retried"),
    )


def _facts(leased: Leased, action: str) -> dict[str, object]:
    return {
        "action": action,
        "delivery_id": leased.outgoing.delivery_id,
        "channel": leased.outgoing.channel,
        "lead_id": leased.lead_id,
        "attempts": leased.outgoing.attempts + 1,
    }
