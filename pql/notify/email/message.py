"""The message as mail servers take it (RFC 5322), the same bytes at every try."""

import hashlib
import re
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from urllib.parse import quote

from pql.domain.messages import Outgoing
from pql.errors import DeliveryError
from pql.notify.clean import one_line
from pql.notify.payload import date_of, text_of

_MESSAGE_ID = re.compile(r"<[^<>@\s]+@[^<>@\s]+>")
_DOMAIN = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def parse_address(written: str) -> Address:
    """An address like `mia@plotline.test` or `Mia Berg <mia@plotline.test>`.

    A domain with letters beyond ASCII is written in its ASCII form, so that only a local part beyond ASCII asks the
    server for SMTPUTF8.

    Raises:
        DeliveryError: It is none; permanent.
    """
    name, spec = parseaddr(written)
    local, at, domain = spec.rpartition("@")
    refusal = f"'{one_line(written, 100)}' is no email address; correct the rep or the sender"
    # The library drops blanks from an address and so makes another one of it.
    if not (local and at and domain and spec in written) or one_line(written, len(written) + 1) != written.strip():
        raise DeliveryError(refusal, permanent=True, cause="bad_address", reach="address")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
        address = Address(display_name=name, username=local, domain=ascii_domain)
    except (ValueError, MessageError, IndexError) as exc:
        raise DeliveryError(refusal, permanent=True, cause="bad_address", reach="address") from exc
    if not _DOMAIN.fullmatch(ascii_domain):
        raise DeliveryError(refusal, permanent=True, cause="bad_address", reach="address")
    return address


def message_id(delivery_id: str, sender: Address) -> str:
    """The Message-ID of a delivery: the same at every try, so that a mailbox can see a message that came twice."""
    return f"<pql.{_digest(delivery_id)}@{sender.domain}>"


def compose(outgoing: Outgoing, *, sender: Address, recipient: Address | None) -> EmailMessage:
    """The whole message: text first, then HTML. Headers are built by the library, so no line of data becomes one."""
    message = EmailMessage(policy=SMTP)
    message["Subject"] = _subject(outgoing)
    message["From"] = sender
    message["To"] = recipient or "undisclosed-recipients:;"
    message["Date"] = format_datetime(date_of(outgoing))
    message["Message-ID"] = message_id(outgoing.delivery_id, sender)
    if _MESSAGE_ID.fullmatch(outgoing.thread):
        message["In-Reply-To"] = outgoing.thread
        message["References"] = outgoing.thread
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message["X-PQL-Delivery"] = quote(outgoing.delivery_id, safe=":/@", errors="replace")[:200]
    # Quoted-printable is safe with every server, also those that only take seven bits and short lines.
    message.set_content(text_of(outgoing.payload, "text"), cte="quoted-printable")
    message.add_alternative(text_of(outgoing.payload, "html"), subtype="html", cte="quoted-printable")
    message.set_boundary(f"=_pql_{_digest(outgoing.delivery_id)}")
    return message


def _subject(outgoing: Outgoing) -> str:
    # Some mail clients make a conversation only of what has one subject, whatever it says it answers.
    parent = one_line(outgoing.thread_subject, 300) if _MESSAGE_ID.fullmatch(outgoing.thread) else ""
    return f"Re: {parent}" if parent else one_line(text_of(outgoing.payload, "subject"), 300)


def _digest(delivery_id: str) -> str:
    return hashlib.sha256(delivery_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
