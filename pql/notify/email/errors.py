"""What a mail server's refusals mean: whether a retry can help, and what to do if not."""

import base64
import smtplib
import ssl
from email.headerregistry import Address

from pql.config.settings import EmailSettings
from pql.errors import DeliveryError, Reach
from pql.notify.redact import redact

_FIRST_PERMANENT = 500


class RecipientRefused(smtplib.SMTPResponseException):
    """The server does not take mail for this address, now or ever."""


def secrets_of(settings: EmailSettings) -> tuple[str, ...]:
    """The password, also as it looks on the wire."""
    user, password = settings.username, settings.password
    if not password:
        return ()
    written = (password, f"\0{user}\0{password}")
    return (*(base64.b64encode(text.encode("utf-8", "replace")).decode() for text in written), password)


def explain(exc: Exception, settings: EmailSettings, recipient: Address, *, doubtful: bool) -> DeliveryError:
    """The failure as the deliverer needs it.

    Args:
        exc: What `smtplib` or the socket raised.
        settings: Name the server; their password is kept out of the message.
        recipient: Who was to get it.
        doubtful: The body was being handed over, at this try or an earlier one, so it may have been delivered.
    """
    server = f"mail server {settings.host}:{settings.port}"
    said = redact(_said(exc), secrets_of(settings))
    if isinstance(exc, smtplib.SMTPResponseException):
        if exc.smtp_code < _FIRST_PERMANENT:
            return DeliveryError(f"{server} refused: {said}; trying again later")
        cure = _cure(exc, recipient)
        message = f"{server} refused: {said}; {cure}"
        return DeliveryError(message, permanent=True, cause=str(exc.smtp_code), cure=cure, reach=_reach(exc))
    if isinstance(exc, ssl.SSLCertVerificationError):
        cure = "if the server is yours, set ca_file in notifiers/email/channel.yml to its authority's certificate"
        message = f"the certificate of {server} cannot be trusted: {said}; {cure}"
        return DeliveryError(message, permanent=True, cause="certificate", cure=cure, reach="channel")
    if isinstance(exc, smtplib.SMTPNotSupportedError):
        message = f"{server} cannot do what is needed: {said}"
        return DeliveryError(message, permanent=True, cause="not_supported", reach="address")
    if isinstance(exc, ValueError):  # its text may hold a part of the password
        said = "the username, the password or an address has a character that SMTP cannot carry"
        message = f"{server}: {said}; correct notifiers/email/channel.yml"
        return DeliveryError(message, permanent=True, cause="bad_character", reach="address")
    return DeliveryError(f"{server} broke off: {said}; trying again later", ambiguous=doubtful)


def _said(exc: Exception) -> str:
    if isinstance(exc, smtplib.SMTPResponseException):
        error = exc.smtp_error
        return f"{exc.smtp_code} {error.decode('utf-8', 'replace') if isinstance(error, bytes) else error}"
    return f"{type(exc).__name__}: {exc}"


def _reach(exc: smtplib.SMTPResponseException) -> Reach:
    if isinstance(exc, RecipientRefused):
        return "address"
    return "message" if isinstance(exc, smtplib.SMTPDataError) else "channel"


def _cure(exc: smtplib.SMTPResponseException, recipient: Address) -> str:
    if isinstance(exc, smtplib.SMTPAuthenticationError):
        return "correct username and password in notifiers/email/channel.yml (SMTP_PASSWORD)"
    if isinstance(exc, smtplib.SMTPSenderRefused):
        return "set sender in notifiers/email/channel.yml to an address that this server sends for"
    if isinstance(exc, smtplib.SMTPDataError):
        return "the server does not want the message itself; ask its admin"
    if isinstance(exc, RecipientRefused):
        return f"correct the address {recipient.addr_spec}, or mark the rep as inactive"
    return "check host, port and security in notifiers/email/channel.yml"
