"""One webhook: its body, its signatures, and what the answer means."""

import json
import math
import ssl
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from standardwebhooks.webhooks import Webhook

from pql.config.settings import WebhookSettings
from pql.domain.messages import Outgoing, Receipt
from pql.errors import DeliveryError, Reach
from pql.notify.alerts import KEY
from pql.notify.payload import part_of, text_of
from pql.notify.redact import redact
from pql.notify.webhook.addresses import Endpoint, Resolve, allowed_addresses, endpoint_of
from pql.notify.webhook.connection import BROKEN, Answer, NotConnected, post

VERSION = 1
_FILE = "notifiers/webhook/channel.yml"
_LATER = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_OF_MESSAGE = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
_CURES: Mapping[int, str] = {
    HTTPStatus.UNAUTHORIZED: "give the receiver the secret that stands in PQL_WEBHOOK_SECRET",
    HTTPStatus.FORBIDDEN: "give the receiver the secret that stands in PQL_WEBHOOK_SECRET",
    HTTPStatus.NOT_FOUND: f"correct url in {_FILE}",
    HTTPStatus.GONE: f"the receiver wants no more; correct url in {_FILE}, or take the channel out of routing.yml",
}


def send_webhook(settings: WebhookSettings, outgoing: Outgoing, *, at: datetime, resolve: Resolve) -> Receipt:
    """Sign the message as of `at` and post it.

    An address that is a URL is posted to in place of `settings.url` (mode redirect).

    Raises:
        DeliveryError: See `Channel.send`.
    """
    body = body_of(outgoing)
    endpoint = endpoint_of(_url(settings, outgoing), allow_http=settings.allow_http)
    addresses = allowed_addresses(endpoint, settings, resolve)
    headers = signed(settings, outgoing.delivery_id, body, at=at)
    context = context_of(settings) if endpoint.scheme == "https" else None
    try:
        answer = post(endpoint, addresses, body, headers, seconds=settings.timeout.seconds, context=context)
    except NotConnected as exc:
        raise not_connected(exc, endpoint) from exc
    except BROKEN as exc:
        said = redact(f"{type(exc).__name__}: {exc}", ())
        message = f"webhook {endpoint.shown} gave no answer ({said}); trying again later"
        raise DeliveryError(message, ambiguous=True) from exc
    if not HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise _refused(answer, endpoint, at)
    # Once it is taken, the id has made one of all tries: nothing is left in doubt.
    return Receipt(reference=outgoing.delivery_id, reconciled=outgoing.ambiguous)


def body_of(outgoing: Outgoing) -> bytes:
    """The body, the same bytes at every try: `type`, `version`, `timestamp` (of the event) and `data`.

    Raises:
        DeliveryError: The stored message is none; permanent.
    """
    alert = part_of(outgoing.payload, KEY)
    if alert is None:
        raise DeliveryError("the stored message has no alert; it cannot be sent as it is", permanent=True)
    address = outgoing.address
    body = {
        "type": f"pql.{text_of(alert, 'subject')}",
        "version": VERSION,
        "timestamp": text_of(outgoing.payload, "as_of"),
        "data": {
            "delivery_id": outgoing.delivery_id,
            "recipient": "" if "://" in address else address,
            "reply_to": outgoing.thread,
            "alert": alert,
        },
    }
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def signed(settings: WebhookSettings, delivery_id: str, body: bytes, *, at: datetime) -> dict[str, str]:
    """The headers, with one signature for each secret, so that a receiver may know either while they change.

    Source: https://www.standardwebhooks.com.
    """
    text = body.decode("ascii")
    try:
        signatures = [Webhook(secret).sign(delivery_id, at, text) for secret in settings.secrets]
    except ValueError as exc:  # its text may hold a part of the secret
        message = f"a secret in {_FILE} is no base64; make one with `openssl rand -base64 32`, and write whsec_ before"
        raise DeliveryError(message, permanent=True, cause="bad_secret", reach="channel") from exc
    return {
        "Content-Type": "application/json",
        "User-Agent": "pql-webhook/1",
        "webhook-id": delivery_id,
        "webhook-timestamp": str(math.floor(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _url(settings: WebhookSettings, outgoing: Outgoing) -> str:
    return outgoing.address if "://" in outgoing.address else settings.url


def context_of(settings: WebhookSettings) -> ssl.SSLContext:
    """Who is trusted.

    Raises:
        DeliveryError: `ca_file` cannot be read; permanent.
    """
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as exc:
        message = f"ca_file '{settings.ca_file}' cannot be read: {exc.strerror}; correct {_FILE}"
        raise DeliveryError(message, permanent=True, cause="ca_file", reach="channel") from exc


def not_connected(exc: NotConnected, endpoint: Endpoint) -> DeliveryError:
    """Why nothing was sent."""
    cause = exc.__cause__
    said = redact(f"{type(cause).__name__}: {cause}", ())
    if isinstance(cause, ssl.SSLCertVerificationError):
        cure = f"if the server is yours, set ca_file in {_FILE} to its authority's certificate"
        message = f"the certificate of webhook {endpoint.shown} cannot be trusted: {said}; {cure}"
        return DeliveryError(message, permanent=True, cause="certificate", cure=cure, reach="channel")
    return DeliveryError(f"webhook {endpoint.shown} cannot be reached ({said}); trying again later")


def _refused(answer: Answer, endpoint: Endpoint, at: datetime) -> DeliveryError:
    # What the answer's body says stays unsaid: an error must not tell what stands behind an address.
    said = f"webhook {endpoint.shown} answered {answer.status}"
    if HTTPStatus.MULTIPLE_CHOICES <= answer.status < HTTPStatus.BAD_REQUEST:
        message = f"{said}: redirects are not followed; set url in {_FILE} to where it leads"
        return DeliveryError(message, permanent=True, cause="redirect", reach="endpoint")
    if HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status not in _LATER:
        cure = _CURES.get(answer.status, "ask its owner why")
        reach: Reach = "message" if answer.status in _OF_MESSAGE else "endpoint"
        return DeliveryError(f"{said}; {cure}", permanent=True, cause=str(answer.status), cure=cure, reach=reach)
    return DeliveryError(f"{said}; trying again later", retry_after=_retry_after(answer.retry_after, at))


def _retry_after(written: str, at: datetime) -> float | None:
    """Seconds, from seconds or a date; None where it is neither."""
    if written.strip().isascii() and written.strip().isdecimal():
        return float(written)
    try:
        until = parsedate_to_datetime(written)
    except (TypeError, ValueError):
        return None
    return (until - at).total_seconds() if until.tzinfo else None
