"""One email over SMTP, step by step, so that a failure says how far it came."""

import smtplib
import ssl
from email.headerregistry import Address
from email.policy import SMTP, SMTPUTF8

from pql.config.settings import EmailSettings
from pql.domain.messages import Outgoing, Receipt
from pql.errors import DeliveryError
from pql.notify.email.errors import RecipientRefused, explain
from pql.notify.email.message import compose, message_id, parse_address

_OK, _WILL_FORWARD = 250, 251


def send_email(settings: EmailSettings, outgoing: Outgoing) -> Receipt:
    """Hand the message to the mail server over a connection of its own.

    Raises:
        DeliveryError: See `Channel.send`; ambiguous when the connection broke while the body was handed over.
    """
    sender, recipient = parse_address(settings.sender), parse_address(outgoing.address)
    international = not (sender.addr_spec.isascii() and recipient.addr_spec.isascii())
    message = compose(outgoing, sender=sender, recipient=recipient)
    body = message.as_bytes(policy=SMTPUTF8 if international else SMTP)
    handover = _Handover(settings, recipient, doubtful=outgoing.ambiguous)
    handover.run(sender, body, international=international)
    return Receipt(reference=message_id(outgoing.delivery_id, sender))


def connect(settings: EmailSettings) -> smtplib.SMTP:
    """A connection to the mail server; what `smtplib` and the socket raise is for `explain`."""
    timeout = settings.timeout.seconds
    if settings.security == "tls":
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=timeout, context=_context(settings))
    return smtplib.SMTP(settings.host, settings.port, timeout=timeout)


def log_in(smtp: smtplib.SMTP, settings: EmailSettings) -> None:
    """Make the connection safe, and say who we are."""
    if settings.security == "starttls":
        smtp.starttls(context=_context(settings))
    if settings.username:
        smtp.login(settings.username, settings.password)
    smtp.ehlo_or_helo_if_needed()


class _Handover:
    def __init__(self, settings: EmailSettings, recipient: Address, *, doubtful: bool) -> None:
        self._settings = settings
        self._recipient = recipient
        self._doubtful = doubtful

    def run(self, sender: Address, body: bytes, *, international: bool) -> None:
        smtp: smtplib.SMTP | None = None
        try:
            smtp = connect(self._settings)
            self._converse(smtp, sender, body, international=international)
        except (OSError, smtplib.SMTPException, ValueError) as exc:
            raise explain(exc, self._settings, self._recipient, doubtful=self._doubtful) from exc
        finally:
            if smtp is not None:
                smtp.close()

    def _converse(self, smtp: smtplib.SMTP, sender: Address, body: bytes, *, international: bool) -> None:
        log_in(smtp, self._settings)
        if international and not smtp.has_extn("smtputf8"):
            raise smtplib.SMTPNotSupportedError(
                f"it takes no address with letters beyond ASCII ({self._recipient.addr_spec}); give the rep another"
            )
        expect(smtp.mail(sender.addr_spec, ["SMTPUTF8", "BODY=8BITMIME"] if international else []), sender)
        expect(smtp.rcpt(self._recipient.addr_spec), None)
        self._doubtful = True
        code, answer = smtp.data(body)
        if code != _OK:
            raise smtplib.SMTPDataError(code, answer)
        try:
            smtp.quit()
        except (OSError, smtplib.SMTPException):
            return  # it has the message; how we part does not matter


def _context(settings: EmailSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as exc:
        message = f"ca_file '{settings.ca_file}' cannot be read: {exc.strerror}; correct notifiers/email/channel.yml"
        raise DeliveryError(message, permanent=True) from exc


def expect(answer: tuple[int, bytes], sender: Address | None) -> None:
    """Raise what `explain` knows, unless the server agrees; `sender`: where the step is about it."""
    code, said = answer
    if code in {_OK, _WILL_FORWARD}:
        return
    if sender is not None:
        raise smtplib.SMTPSenderRefused(code, said, sender.addr_spec)
    raise RecipientRefused(code, said)
