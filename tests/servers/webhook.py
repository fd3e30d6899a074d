"""A receiver of webhooks for tests: a real HTTP server that verifies what it gets with the standard's own library,
keeps what it accepted, never deduplicates, and fails on demand."""

import json
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRET = "whsec_bWFkZS11cC1mb3ItdGVzdHMtMDEyMzQ1Njc4OQ=="
OLD_SECRET = "whsec_YW5vdGhlci1tYWRlLXVwLXNlY3JldC0wMTIzNDU2Nzg5"


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one call.

    Args:
        status: This answer in place of 200.
        headers: Of the answer.
        half: The answer breaks off within its first line.
        drop: The connection is closed without an answer.
        hang: No answer until the server closes.
        drip: The answer comes a byte at a time, without an end.
        huge: The answer's body has no end.
        accept: The message is kept before it goes wrong.
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    half: bool = False
    drop: bool = False
    hang: bool = False
    drip: bool = False
    huge: bool = False
    accept: bool = False


@dataclass(frozen=True)
class Taken:
    """A message that was accepted."""

    id: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    bytes: bytes


class WebhookServer:
    """Keeps what it accepted in `taken`; `refused` has why the rest was not, `written` how many bytes it answered."""

    def __init__(self, context: ssl.SSLContext | None = None, secret: str = SECRET) -> None:
        self.verifier = Webhook(secret)
        self.any_age = False  # whether it takes what was signed by a clock that is wrong
        # What goes wrong with a call that no `fail` speaks of.
        self.chance: Callable[[], Fault | None] = lambda: None
        self.taken: list[Taken] = []
        self.refused: list[str] = []
        self.calls = 0
        self.written = 0
        self.closing = threading.Event()
        self.faults: deque[Fault] = deque()
        self.scheme = "https" if context else "http"
        self._http = _Quiet(("127.0.0.1", 0), _handler_for(self))
        if context is not None:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/hooks/pql?team=sales"

    def fail(self, *faults: Fault) -> None:
        """The next calls go wrong so, one after another."""
        self.faults.extend(faults)

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        del request, client_address  # clients of these tests break off on purpose


def _verify(server: WebhookServer, body: bytes, headers: dict[str, str]) -> None:
    """By the standard's own library.

    Raises:
        WebhookVerificationError: It is not signed, or too early or too late.
    """
    if not server.any_age:
        server.verifier.verify(body, headers)
        return
    signed_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    expected = server.verifier.sign(headers["webhook-id"], signed_at, body.decode())
    if expected not in headers["webhook-signature"].split(" "):
        raise WebhookVerificationError("No matching signature found")


def _handler_for(server: WebhookServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_POST(self) -> None:
            server.calls += 1
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = server.faults.popleft() if server.faults else server.chance()
            if fault is None or fault.accept:
                status = self._keep(body)
            if fault is None:
                self._answer(status)
            else:
                self._fail(fault)

        def _keep(self, body: bytes) -> int:
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                _verify(server, body, headers)
            except (WebhookVerificationError, ValueError) as exc:
                server.refused.append(str(exc))
                return 401
            if headers.get("content-type") != "application/json" or headers["host"] != f"localhost:{server.port}":
                server.refused.append(f"wrong headers: {headers}")
                return 400
            server.taken.append(Taken(headers["webhook-id"], self.path, headers, json.loads(body), body))
            return 204

        def _fail(self, fault: Fault) -> None:
            self.close_connection = True
            if fault.hang:
                server.closing.wait(30)
            elif fault.half:
                self.wfile.write(b"HTTP/1.1 2")
            elif fault.drip:
                self._drip(b"HTTP/1.1 2", b"0", every=0.05)
            elif fault.huge:
                self._drip(b"HTTP/1.1 200 OK\r\n\r\n", b"a" * 65_536, every=0)
            elif not fault.drop:
                self._answer(fault.status or 200, fault.headers)

        def _drip(self, start: bytes, piece: bytes, *, every: float) -> None:
            with suppress(OSError):
                self.wfile.write(start)
                while not server.closing.wait(every):
                    self.wfile.write(piece)
                    server.written += len(piece)

        def _answer(self, status: int, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            return

    return Handler


@contextmanager
def webhook_server(context: ssl.SSLContext | None = None, *, secret: str = SECRET) -> Iterator[WebhookServer]:
    """A receiver that is up for as long as the block."""
    server = WebhookServer(context, secret)
    try:
        yield server
    finally:
        server.close()
