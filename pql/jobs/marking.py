"""Marking what was sent, by a thread of its own: all that was sent while it wrote goes into its next transaction.

So a mark reaches the disk as soon as the one before it has, and a thousand messages do not cost a thousand
transactions. What was sent and is not marked yet is in doubt if the process dies; so there is never much of it.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from threading import Condition, Thread
from typing import Self

from pql.errors import StateError
from pql.store import Store
from pql.store.records import Leased, Sent

log = logging.getLogger(__name__)

MOST = 200  # unmarked messages; whoever sends more waits
_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)


class Marker:
    """Marks messages as sent. Used as a context: at its end all is marked.

    Args:
        store: Where to.
        clock: Says when a lease has ended, after which a mark has no use.
        wait: Sleeps so many seconds between two tries.
    """

    def __init__(self, store: Store, clock: Callable[[], datetime], wait: Callable[[float], None]) -> None:
        self._store = store
        self._clock = clock
        self._wait = wait
        self._changed = Condition()
        self._waiting: list[Sent] = []
        self._writing: list[Sent] = []
        self._closing = False
        self._thread: Thread | None = None
        self.written = 0  # messages whose marks were written, or given up

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def put(self, sent: Sent) -> None:
        """Mark this soon; waits while too much is unmarked."""
        with self._changed:
            while len(self._waiting) + len(self._writing) >= MOST:
                self._changed.wait()
            self._waiting.append(sent)
            if self._thread is None:
                self._thread = Thread(target=self._write, name="pql-marks", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all that was put is marked."""
        with self._changed:
            while self._waiting or self._writing:
                self._changed.wait()

    def tokens(self) -> set[str]:
        """The leases of what is not marked yet."""
        with self._changed:
            return {one.leased.token for one in (*self._waiting, *self._writing)}

    def _write(self) -> None:
        while self._next():
            kept = self._marked(self._writing)
            for sent, ours in zip(self._writing, kept, strict=True):
                _tell(sent, ours=ours)
            with self._changed:
                self.written += len(self._writing)
                self._writing = []
                self._changed.notify_all()

    def _next(self) -> bool:
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            self._writing, self._waiting = self._waiting, []
            return bool(self._writing)

    def _marked(self, marks: list[Sent]) -> list[bool]:
        """Mark them, again and again until their leases have ended."""
        tries = 0
        while True:
            try:
                return self._store.mark_all_sent(marks)
            except StateError as exc:
                if self._clock() >= max(one.leased.leased_until for one in marks):
                    log.error("Cannot mark %d messages as sent: %s", len(marks), exc, extra={"action": "marks_lost"})  # noqa: TRY400 - the message is for people
                    return [False] * len(marks)
                log.warning("Cannot mark messages as sent yet: %s", exc, extra={"action": "marks_wait"})
            self._wait(_PAUSES[min(tries, len(_PAUSES) - 1)])
            tries += 1


def _tell(sent: Sent, *, ours: bool) -> None:
    if ours:
        log.info("Sent a message", extra=facts(sent.leased, "message_sent") | {"reconciled": sent.reconciled})
    else:
        log.warning(
            "A message was sent after its lease had ended; another worker may have sent it too",
            extra=facts(sent.leased, "message_sent_late"),
        )


def facts(leased: Leased, action: str) -> dict[str, object]:
    """What the log says of a message, for machines."""
    return {
        "action": action,
        "delivery_id": leased.outgoing.delivery_id,
        "channel": leased.outgoing.channel,
        "lead_id": leased.lead_id,
        "step_key": leased.step_key,
        "run_id": leased.run_id,
        "attempts": leased.outgoing.attempts + 1,
    }
