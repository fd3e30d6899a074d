"""Whether the webhook may be posted to, and answers to a connection. Sends nothing."""

from collections.abc import Iterator
from datetime import datetime

from pql.config.settings import WebhookSettings
from pql.domain.health import Examined, ok, warning
from pql.errors import DeliveryError
from pql.notify.failing import failing
from pql.notify.webhook.addresses import Resolve, allowed_addresses, endpoint_of, resolve_name
from pql.notify.webhook.connection import NotConnected, reach
from pql.notify.webhook.send import context_of, not_connected, signed


def examine_webhook(settings: WebhookSettings, now: datetime, resolve: Resolve = resolve_name) -> Iterator[Examined]:
    """The address, the connection, the secrets."""
    try:
        endpoint = endpoint_of(settings.url, allow_http=settings.allow_http)
        addresses = allowed_addresses(endpoint, settings, resolve)
        yield ok("Webhook: address", f"{endpoint.host} is at {', '.join(addresses)}, where it may go")
        context = context_of(settings) if endpoint.scheme == "https" else None
        reach(endpoint, addresses, seconds=settings.timeout.seconds, context=context)
        yield ok("Webhook: connection", f"{endpoint.shown} lets us connect")
        signed(settings, "doctor", b"{}", at=now)
    except NotConnected as exc:
        yield failing("Webhook: connection", not_connected(exc, endpoint))
        return
    except DeliveryError as error:
        yield failing("Webhook: address", error)
        return
    if len(settings.secrets) > 1:
        words = f"each message is signed with {len(settings.secrets)} secrets"
        yield warning("Webhook: secrets", words, "once the receiver has the new one, take the old one away")
    else:
        yield ok("Webhook: secrets", "one, to sign with")
