"""Deliver what stands in the outbox: lease, send, mark. What fails is tried again; what cannot succeed is given up.

Each channel is a lane of its own with several workers, so that one that is slow or fails never stops another.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from functools import cached_property
from threading import Lock, Thread

from pql.domain.durations import Duration
from pql.domain.messages import Receipt
from pql.errors import DeliveryError
from pql.jobs.fallback import Fallbacks
from pql.jobs.marking import Marker, facts
from pql.jobs.operator import Recourse
from pql.notify import Channel
from pql.store import Store
from pql.store.records import Leased, Sent

log = logging.getLogger(__name__)

FIRST_BATCH, BATCH = 4, 200
# A batch grows while it is sent faster than this: what is leased should not wait long behind others.
QUICK = timedelta(seconds=0.5)
LEASE = Duration(150)  # a dead worker's messages wait so long
LONGEST = Duration(120)  # of one send with all its time-outs: none is begun when its lease ends sooner
PACED = frozenset({"slack"})  # of a batch, one message goes to each address
# Between two messages to one place, by all processes together.
GAPS: Mapping[str, timedelta] = {"slack": timedelta(seconds=1), "webhook": timedelta(seconds=0.1)}
PATIENCE = timedelta(seconds=5)  # for a place that is free again by then; others are left to the next round
PAUSE_SEEN = timedelta(seconds=1)  # `pql pause` is heeded within it


@dataclass(slots=True, kw_only=True)
class Delivered:
    """What one round of delivery did."""

    sent: int = 0
    reconciled: int = 0
    retried: int = 0
    failed: int = 0
    expired: int = 0

    def add(self, other: "Delivered") -> None:
        """Count what another worker did too."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))


@dataclass(frozen=True, kw_only=True)
class Courier:
    """What delivery works with.

    Args:
        clock: Tells the time that all workers of all processes share.
        wait: Sleeps so many seconds.
        stopping: True once the program should end: nothing more is begun.
        workers: How many messages of one channel are sent at once, at most.
        lease: How long a message is a worker's.
        longest: The longest that one send takes.
        gaps: Between two messages to one place, by channel; a channel that is not named has no pace.
        took: Is told of each message that a channel took.
        recourse: Whom else there is to tell when a channel refuses.
    """

    store: Store
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]
    wait: Callable[[float], None]
    stopping: Callable[[], bool] = lambda: False
    workers: int = 1
    lease: Duration = LEASE
    longest: Duration = LONGEST
    gaps: Mapping[str, timedelta] = field(default_factory=lambda: GAPS)
    took: Callable[[Sent], None] = lambda _sent: None
    recourse: Recourse = field(default_factory=Recourse)

    @cached_property
    def fallbacks(self) -> Fallbacks:
        """What becomes of messages that their channel will not take."""
        return Fallbacks(self.store, self.channels, self.recourse)


def deliver(courier: Courier, *, only: Collection[str] | None = None, but: Collection[str] = ()) -> Delivered:
    """Send all that is due, the longest due first.

    Args:
        courier: The outbox, the channels and the clock.
        only: Deliver on these channels only; None: on all, and see to what is no longer valid or addressed to a
            channel that is not set up.
        but: Not on these.

    Raises:
        StateError: The state database cannot be used; what was sent before is marked, or will be found.
    """
    done = Delivered(expired=_expire(courier) if only is None else 0)
    courier.fallbacks.begin(courier.clock())
    # What goes another way instead, and what the operator is told, may be for a channel that was done before.
    while _pass(courier, only, but, done) and not courier.stopping():
        pass
    return done


def _expire(courier: Courier) -> int:
    """Give up what is no longer true; how many. The rep's next digest tells of it."""
    expired = courier.store.expire(courier.clock())
    if expired:
        words = "%d messages were no longer true before they could be sent; see `pql notifications --status expired`"
        log.warning(words, expired, extra={"action": "messages_expired", "expired": expired})
    return expired


def _pass(courier: Courier, only: Collection[str] | None, but: Collection[str], done: Delivered) -> bool:
    """All channels once, side by side; whether there was anything to do."""
    passed = Delivered()
    names = sorted({*(courier.channels if only is None else only)} - {*but})
    lanes = [_Lane(courier, only=(name,), but=()) for name in names]
    if only is None:
        lanes.append(_Lane(courier, only=None, but=(*courier.channels, *but)))
    with ThreadPoolExecutor(len(lanes) or 1, thread_name_prefix="pql-lane") as pool:
        for running in [pool.submit(lane.run) for lane in lanes]:
            passed.add(running.result())
    done.add(passed)
    return bool(passed.sent or passed.failed or passed.retried)


class _Lane:
    """The way to one channel and its workers; another one joins when there is more than a batch."""

    def __init__(self, courier: Courier, *, only: Collection[str] | None, but: Collection[str]) -> None:
        self.courier = courier
        self.only = only
        self.but = but
        self.done = Delivered()
        self._lock = Lock()
        self._held: dict[int, str] = {}  # the lease of what each worker is sending
        self._workers: list[Thread] = []
        self._errors: list[Exception] = []

    def run(self) -> Delivered:
        """Deliver until nothing is due."""
        with Marker(self.courier.store, self.courier.clock, self.courier.wait) as self.marker:
            self._work(0)
            for worker in self._workers:  # who joins is joined by others before it ends
                worker.join()
        if self._errors:
            raise self._errors[0]
        return self.done

    def _work(self, number: int) -> None:
        size, done = FIRST_BATCH, Delivered()
        try:
            while (batch := self._lease(number, size)) is not None:
                if len(batch) >= size:
                    self._call_another()
                size = self._next_size(size, self._send(batch, done))
        except Exception as exc:  # noqa: BLE001 - told by `run`, once the other workers are done
            self._errors.append(exc)
        finally:
            with self._lock:
                self._held.pop(number, None)
                self.done.add(done)

    def _call_another(self) -> None:
        with self._lock:
            number = len(self._workers) + 1
            if number < self.courier.workers and not self._errors:
                self._workers.append(Thread(target=self._work, args=(number,), name=f"pql-worker-{number}"))
                self._workers[-1].start()

    def _lease(self, number: int, size: int) -> list[Leased] | None:
        """The next messages; empty: look again; None: nothing is due, or the program should stop."""
        courier, written = self.courier, self.marker.written
        if courier.stopping():
            return None
        with self._lock:
            self._held.pop(number, None)
            held = {*self._held.values(), *self.marker.tokens()}
        batch = courier.store.lease(
            courier.clock(), size, courier.lease, channels=self.only, but=self.but, paced=PACED, held=held
        )
        if batch:
            self._held[number] = batch[0].token
            return batch
        self.marker.flush()
        if self.marker.written != written:
            return []  # what came behind a message that is marked now may go
        pause = self._until_free()
        if pause is None:
            return None
        courier.wait(pause)
        return []

    def _until_free(self) -> float | None:
        """Seconds until a place is free for which a message waits; None if none is soon."""
        now = self.courier.clock()
        turn = self.courier.store.next_turn(now, channels=self.only, but=self.but)
        return None if turn is None or turn - now > PATIENCE else max((turn - now).total_seconds(), 0.001)

    def _send(self, batch: list[Leased], done: Delivered) -> timedelta:
        """Send them; how long it took. What may not be begun any more is given back."""
        courier, begun = self.courier, self.courier.clock()
        looked = begun
        for number, leased in enumerate(batch):
            now = courier.clock()
            paused = False
            if now - looked >= PAUSE_SEEN:
                looked, paused = now, courier.store.paused() is not None
            late = leased.leased_until - now < timedelta(seconds=courier.longest.seconds)
            if paused or late or courier.stopping() or not _deliver_one(courier, leased, self.marker, done):
                courier.store.release(batch[number:])
                break
        return courier.clock() - begun

    @staticmethod
    def _next_size(size: int, took: timedelta) -> int:
        return min(size * 2, BATCH) if took < QUICK else max(size // 2, 1)


def _deliver_one(courier: Courier, leased: Leased, marker: Marker, done: Delivered) -> bool:
    """Send a message, or deal with it otherwise; False: its turn does not come soon, and it is to be given back."""
    if passed := courier.fallbacks.pass_over(leased, courier.clock()):
        done.failed += passed == "given up"
        done.retried += passed == "waits"
        return True
    if not _has_its_turn(courier, leased):
        return False
    begun = courier.clock()
    try:
        receipt = _handed_over(courier, leased)
    except DeliveryError as error:
        _mark_failure(courier, leased, error, begun, done)
        return True
    now = courier.clock()
    sent = Sent(
        leased=leased,
        at=now,
        reference=receipt.reference,
        seconds=(now - begun).total_seconds(),
        reconciled=receipt.reconciled,
    )
    marker.put(sent)
    courier.took(sent)
    done.sent += 1
    done.reconciled += receipt.reconciled
    courier.fallbacks.sent(leased, now)
    return True


def _has_its_turn(courier: Courier, leased: Leased) -> bool:
    """Wait for the next turn at the message's place; False if that is far off, since the channel asked for a pause."""
    channel, address = leased.outgoing.channel, leased.outgoing.address
    if channel not in courier.gaps:
        return True
    # A webhook has one endpoint for all reps, but for an address that is a URL.
    place = "" if channel == "webhook" and "://" not in address else address
    pause = courier.store.reserve_turn(channel, place, courier.clock(), courier.gaps[channel]) - courier.clock()
    if pause > PATIENCE:
        return False
    if pause > timedelta():
        courier.wait(pause.total_seconds())
    return True


def _handed_over(courier: Courier, leased: Leased) -> Receipt:
    name = leased.outgoing.channel
    if name not in courier.channels:
        raise DeliveryError(f"The channel '{name}' is not set up; see notifiers/{name}/channel.yml", retry_after=300)
    try:
        return courier.channels[name].send(leased.outgoing)
    except DeliveryError as error:
        if error.retry_after is not None and not error.permanent:
            # The channel asks all of us to wait, not only this message.
            courier.store.hold_channel(name, courier.clock() + timedelta(seconds=min(error.retry_after, 86_400)))
        raise
    except Exception as exc:
        # A fault of ours must not keep the others waiting; its text may hold what no log should.
        said = f"The channel '{name}' failed in a way that it should not: {type(exc).__name__}; report it"
        raise DeliveryError(said, ambiguous=True) from exc


def _mark_failure(courier: Courier, leased: Leased, error: DeliveryError, begun: datetime, done: Delivered) -> None:
    now = courier.clock()
    seconds = (now - begun).total_seconds()
    again = courier.fallbacks.next_try(leased, error, now)
    if again is None:
        log.error("Gave up a message: %s", error, extra=facts(leased, "message_failed"))
        courier.fallbacks.give_up(leased, error, now, seconds)
        done.failed += 1
        return
    courier.store.mark_retry(leased, now, again, str(error), ambiguous=error.ambiguous, seconds=seconds)
    done.retried += 1
    log.warning(
        "A message was not taken and is tried again in %s: %s",
        timedelta(seconds=round((again - now).total_seconds())),
        error,
        extra=facts(leased, "message_retried"),
    )
