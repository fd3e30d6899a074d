"""One request over a connection to an address that was checked before: bounded in time and size, no redirects."""

import http.client
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pql.notify.webhook.addresses import Endpoint

_ANSWER_MOST = 16 * 1024  # bytes of an answer's body; it is read for politeness only

BROKEN = (OSError, http.client.HTTPException)
"""What a connection raises when there is no answer, or half of one."""


class NotConnected(Exception):
    """Nothing was sent. `__cause__` is what the socket said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the receiver said: its status, and when it wants to be asked again."""

    status: int
    retry_after: str


class _Pinned(http.client.HTTPConnection):
    """A connection to an address; the name is for TLS alone and is not looked up a second time."""

    def __init__(self, endpoint: Endpoint, address: str, seconds: float, context: ssl.SSLContext | None) -> None:
        super().__init__(endpoint.host, endpoint.port, timeout=seconds)
        self._address = address
        self._context = context
        self._seconds = seconds
        self._line: socket.socket | None = None

    def connect(self) -> None:
        line = self._line = socket.create_connection((self._address, self.port), self._seconds)
        if self._context is not None:
            # The handshake is made once the line can be cut: it may be drawn out as well.
            secured = self._context.wrap_socket(line, server_hostname=self.host, do_handshake_on_connect=False)
            self._line = secured
            secured.do_handshake()
            line = secured
        self.sock = line

    def cut(self) -> None:
        """End it, whatever it is waiting for."""
        if self._line is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._line, socket.SHUT_RDWR)

    def end(self) -> None:
        """Give up the connection, also one whose handshake failed."""
        self.close()
        if self._line is not None:
            self._line.close()


def post(
    endpoint: Endpoint,
    addresses: Sequence[str],
    body: bytes,
    headers: Mapping[str, str],
    *,
    seconds: float,
    context: ssl.SSLContext | None,
) -> Answer:
    """Post to the first address that lets us connect.

    Args:
        endpoint: For the request line, the Host header and TLS.
        addresses: Checked ones; at least one.
        body: As it was signed.
        headers: All but Host and Content-Length.
        seconds: For connecting, and for the whole of each exchange.
        context: For https.

    Raises:
        NotConnected: No address lets us connect.
        OSError, http.client.HTTPException: It broke off, or took too long, after sending had begun.
    """
    failure: Exception | None = None
    for address in addresses:
        connection = _Pinned(endpoint, address, seconds, context)
        # A time-out of a socket counts from byte to byte: somebody who sends one now and then never meets it.
        end = threading.Timer(seconds, connection.cut)
        end.daemon = True
        end.start()
        try:
            try:
                connection.connect()
            except BROKEN as exc:
                failure = exc
                continue
            return _exchange(connection, endpoint, body, headers)
        finally:
            end.cancel()
            connection.end()
            end.join()
    raise NotConnected from failure


def _exchange(connection: _Pinned, endpoint: Endpoint, body: bytes, headers: Mapping[str, str]) -> Answer:
    asked = {"Host": endpoint.netloc, "Connection": "close", **headers}
    connection.request("POST", endpoint.target, body=body, headers=asked)
    with connection.getresponse() as response:
        answer = Answer(status=response.status, retry_after=response.getheader("Retry-After", ""))
        with suppress(*BROKEN):  # the status says it all
            response.read(_ANSWER_MOST)
    return answer


def reach(endpoint: Endpoint, addresses: Sequence[str], *, seconds: float, context: ssl.SSLContext | None) -> None:
    """Connect, and send nothing.

    Raises:
        NotConnected: No address lets us connect.
    """
    failure: Exception | None = None
    for address in addresses:
        connection = _Pinned(endpoint, address, seconds, context)
        try:
            connection.connect()
        except BROKEN as exc:
            failure = exc
        else:
            return
        finally:
            connection.end()
    raise NotConnected from failure
