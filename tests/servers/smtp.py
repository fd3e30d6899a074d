"""A mail server for tests: real SMTP with STARTTLS or implicit TLS, AUTH, and failures on demand."""

import asyncio
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

USERNAME, PASSWORD = "pql", "made-up-s3cret-for-tests"
Security = Literal["starttls", "tls", "none"]
Step = Literal["MAIL", "RCPT", "DATA", "AUTH"]


@dataclass
class MailServer:
    """Keeps each email that it took. `answers` gives the reply for a step, once: `"DROP"` closes the connection,
    after the message was kept if `keep` is set."""

    answers: dict[Step, str] = field(default_factory=dict)
    keep_dropped: bool = False
    envelopes: list[Envelope] = field(default_factory=list)
    port: int = 0
    # What is answered at a step (also STARTTLS) of which `answers` does not speak; `DROP KEPT` keeps the message first.
    chance: Callable[[str], str | None] = lambda _step: None
    nobody: frozenset[str] = frozenset()  # addresses that no mailbox has

    @property
    def messages(self) -> list[EmailMessage]:
        return [message_from_bytes(_content(envelope), policy=default) for envelope in self.envelopes]

    def answer(self, step: Step, server: SMTP) -> str | None:
        """The scripted reply for a step; None where it goes well."""
        said = self.answers.pop(step, None) or self.chance(step)
        if said is not None and said.startswith("DROP"):
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return f"421 {said}"
        return said


def _content(envelope: Envelope) -> bytes:
    assert isinstance(envelope.original_content, bytes)
    return envelope.original_content


class _Handler:
    def __init__(self, mail: MailServer, *, auth: bool) -> None:
        self._mail = mail
        self._auth = auth

    async def handle_MAIL(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._auth and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if said := self._mail.answer("MAIL", server):
            return said
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if said := self._mail.answer("RCPT", server):
            return said
        if address in self._mail.nobody:
            return "550 5.1.1 no such mailbox"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        dropped = self._mail.answers.get("DATA") == "DROP"
        said = self._mail.answer("DATA", server)
        if said is None or said == "421 DROP KEPT" or (dropped and self._mail.keep_dropped):
            self._mail.envelopes.append(envelope)
        return said or "250 2.0.0 Taken"


class _Server(SMTP):
    def __init__(self, mail: MailServer, *args: Any, **options: Any) -> None:
        self._mail = mail
        super().__init__(*args, **options)

    async def smtp_STARTTLS(self, arg: str) -> None:  # noqa: N802 - the library's name
        if said := self._mail.chance("STARTTLS"):
            await self.push(said)
        else:
            await super().smtp_STARTTLS(arg)


def _server(mail: MailServer, security: Security, context: ssl.SSLContext | None, *, auth: bool, utf8: bool) -> SMTP:
    def authenticate(_server: SMTP, _session: Session, _envelope: Envelope, _how: str, given: object) -> AuthResult:
        right = given == LoginPassword(USERNAME.encode(), PASSWORD.encode())
        said = mail.answers.get("AUTH")  # at every try: a client tries one mechanism after another
        return AuthResult(success=right and said is None, handled=False, message=said)

    return _Server(
        mail,
        _Handler(mail, auth=auth),
        hostname="mail.test",
        enable_SMTPUTF8=utf8,
        tls_context=context if security == "starttls" else None,
        require_starttls=security == "starttls",
        auth_require_tls=security == "starttls",
        authenticator=authenticate if auth else None,
        loop=asyncio.get_running_loop(),
        timeout=10,
    )


@contextmanager
def mail_server(
    security: Security = "none", context: ssl.SSLContext | None = None, *, auth: bool = False, utf8: bool = True
) -> Iterator[MailServer]:
    """A server that is up for as long as the block, on a free port of 127.0.0.1."""
    mail = MailServer()
    loop = asyncio.new_event_loop()

    async def start() -> asyncio.Server:
        return await loop.create_server(
            lambda: _server(mail, security, context, auth=auth, utf8=utf8),
            "127.0.0.1",
            0,
            ssl=context if security == "tls" else None,
        )

    server = loop.run_until_complete(start())
    mail.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield mail
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.01)  # connections that were cut are closed on the loop's next rounds
