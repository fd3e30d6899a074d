"""Whether the mail server will take messages: up to the sender, and then it is left. Sends nothing."""

import smtplib
from collections.abc import Iterator

from pql.config.settings import EmailSettings
from pql.domain.health import Examined, failed, ok, warning
from pql.errors import DeliveryError
from pql.notify.email.errors import explain
from pql.notify.email.message import parse_address
from pql.notify.email.send import connect, expect, log_in
from pql.notify.failing import failing

_HERE = {"localhost", "127.0.0.1", "::1"}
# Reserved for examples and tests (RFC 2606, RFC 6761): no mail comes from there.
_RESERVED = ("example.com", "example.org", "example.net", "example", "test", "invalid", "local", "localhost")


def examine_email(settings: EmailSettings) -> Iterator[Examined]:
    """The server, the login, the sender."""
    where = f"{settings.host}:{settings.port}"
    try:
        sender = parse_address(settings.sender)
    except DeliveryError as error:
        yield failed("Email: sender", str(error), "set sender in notifiers/email/channel.yml")
        return
    try:
        with connect(settings) as smtp:
            log_in(smtp, settings)
            login = f", logged in as {settings.username}" if settings.username else ""
            yield ok("Email: server", f"{where} answers ({settings.security}{login})")
            expect(smtp.mail(sender.addr_spec), sender)
            smtp.rset()
    except DeliveryError as error:
        yield failing("Email: server", error)
        return
    except (OSError, smtplib.SMTPException, ValueError) as exc:
        about = "Email: sender" if isinstance(exc, smtplib.SMTPSenderRefused) else "Email: server"
        yield failing(about, explain(exc, settings, sender, doubtful=False))
        return
    yield _sender(sender.domain, sender.addr_spec)
    if settings.security == "none" and settings.host not in _HERE:
        words = "messages and password go over the network unencrypted"
        yield warning("Email: security", words, "set security: starttls in notifiers/email/channel.yml")


def _sender(domain: str, address: str) -> Examined:
    if "." not in domain or any(domain == name or domain.endswith(f".{name}") for name in _RESERVED):
        cure = "set sender in notifiers/email/channel.yml to an address of your own domain"
        return warning("Email: sender", f"{address}: the server takes it, but {domain} is no domain of yours", cure)
    return ok("Email: sender", f"the server takes mail from {address}")
