"""When to try again. Pure: the time is handed in, and chance is a hash of the delivery."""

import hashlib
import math
from datetime import datetime, timedelta

from pql.errors import DeliveryError

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=15)
LONGEST_ASKED = timedelta(days=1)  # a channel that asks for more is answered with a try a day later
_LAST_CALL = timedelta(seconds=5)


def next_attempt(
    attempts: int,
    error: DeliveryError,
    now: datetime,
    *,
    delivery_id: str,
    valid_until: datetime | None = None,
) -> datetime | None:
    """When a delivery that failed is tried again.

    Back-off is exponential with full jitter: between 1 s and 5 s, 10 s, 20 s, ... at most 15 minutes. The jitter is
    a hash of the delivery and the attempt, so the same failure gives the same time. A wait that the channel asked
    for is the least; what is over it is jitter.

    Args:
        attempts: Tries so far, the failed one included; at least 1.
        error: How the last one failed.
        now: When it failed.
        delivery_id: Seeds the jitter.
        valid_until: From then on the message is no longer true. A try that would come later is moved to shortly
            before it, as long as that is still ahead and the channel did not ask for more.

    Returns:
        None when no try can help: the error is permanent, or the message runs out first.

    Source: Marc Brooker, Exponential Backoff And Jitter, 2015
    (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
    """
    if error.permanent:
        return None
    asked = _asked(error.retry_after)
    ceiling = min(FIRST_WAIT * float(2 ** min(attempts - 1, 20)), LONGEST_WAIT)
    jitter = ceiling * _chance(delivery_id, attempts)
    at = now + (asked + min(jitter, FIRST_WAIT) if asked else max(jitter, timedelta(seconds=1)))
    if valid_until is None or at < valid_until:
        return at
    last = valid_until - _LAST_CALL
    return last if last > now + max(asked, timedelta(seconds=1)) else None


def _asked(seconds: float | None) -> timedelta:
    if seconds is None or math.isnan(seconds) or seconds <= 0:
        return timedelta()
    return timedelta(seconds=min(seconds, LONGEST_ASKED.total_seconds()))


def _chance(delivery_id: str, attempts: int) -> float:
    digest = hashlib.sha256(f"{delivery_id}:{attempts}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
