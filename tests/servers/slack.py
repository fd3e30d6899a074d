"""A Slack for tests: a real HTTP server that keeps and checks what it gets, and fails on demand."""

import json
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pql.app import utc_now
from tests.servers.slack_blocks import faults_of

TOKEN = "xoxb-made-up-for-tests-0123456789"
_EPOCH = 1_769_864_700  # 2026-01-31 13:05 UTC
_PAGE_MOST = 200


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one call.

    Args:
        error: An `ok: false` answer with this code; `extra` is added to it.
        status: An HTTP status with a body that is no JSON.
        html: A page instead of JSON, with status 200.
        half: The answer breaks off in the middle.
        drop: The connection is closed without an answer.
        hang: No answer until the server closes.
        accept: The call does its work before it goes wrong.
    """

    error: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    status: int = 0
    retry_after: str = ""
    html: bool = False
    half: bool = False
    drop: bool = False
    hang: bool = False
    accept: bool = False


@dataclass
class Conversation:
    """A channel or a direct message."""

    id: str
    name: str = ""
    member: bool = True
    archived: bool = False
    messages: list[dict[str, Any]] = field(default_factory=list)


class Refusal(Exception):
    """An `ok: false` answer."""

    def __init__(self, code: str, **extra: Any) -> None:
        super().__init__(code)
        self.answer = {"ok": False, "error": code, **extra}


class SlackServer:
    """Keeps users, conversations and messages. `calls` lists each call as (method, arguments)."""

    def __init__(self) -> None:
        self.users = {"mia@plotline.test": "U0MIA", "jonas@plotline.test": "U0JONAS"}
        self.conversations = {
            "C0EMEA": Conversation("C0EMEA", "pql-emea"),
            "C0OLD": Conversation("C0OLD", "pql-old", archived=True),
            "C0ELSE": Conversation("C0ELSE", "elsewhere", member=False),
        }
        self.deleted: set[str] = set()
        self.scopes = (
            "chat:write,users:read,users:read.email,im:write,im:history,channels:history,groups:history,"
            "channels:read,groups:read"
        )
        self.clock_ahead = 0.0  # seconds
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.closing = threading.Event()
        self.page_size = _PAGE_MOST
        # What goes wrong with a call that no `fail` speaks of, and the time that messages bear, where a test says so.
        self.chance: Callable[[str], Fault | None] = lambda _method: None
        self.time: Callable[[], float] | None = None
        self.kept_at: dict[str, float] = {}  # when each message was accepted, by its `ts`; seconds since 1970
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._clock = 0
        self._http = _Quiet(("127.0.0.1", 0), _handler_for(self))
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/api/"

    @property
    def messages(self) -> list[dict[str, Any]]:
        """All messages that were accepted, in the order of arrival."""
        found = [message for conversation in self.conversations.values() for message in conversation.messages]
        return sorted(found, key=lambda message: str(message["ts"]))

    def fail(self, method: str, *faults: Fault) -> None:
        """The next calls of the method go wrong so, one after another."""
        self._faults[method].extend(faults)

    def called(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)

    def next_fault(self, method: str) -> Fault | None:
        faults = self._faults[method]
        return faults.popleft() if faults else self.chance(method)

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, method: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """What Slack would say.

        Raises:
            Refusal: It would say no.
        """
        with self._lock:
            self.calls.append((method, arguments))
            methods = {
                "auth.test": self._auth_test,
                "users.lookupByEmail": self._lookup,
                "users.info": self._info,
                "conversations.open": self._open,
                "conversations.list": self._list,
                "conversations.history": self._history,
                "conversations.replies": self._replies,
                "chat.postMessage": self._post,
            }
            if method not in methods:
                raise Refusal("unknown_method", req_method=method)
            return {"ok": True, **methods[method](arguments)}

    def _auth_test(self, _arguments: dict[str, Any]) -> dict[str, Any]:
        return {"url": "https://plotline.slack.test/", "team": "Plotline", "user": "pql", "bot_id": "B0PQL"}

    def _lookup(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments.get("email") not in self.users:
            raise Refusal("users_not_found")
        user = self.users[arguments["email"]]
        return {"user": {"id": user, "deleted": user in self.deleted}}

    def _info(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments.get("user") not in self.users.values():
            raise Refusal("user_not_found")
        return {"user": {"id": arguments["user"], "deleted": arguments["user"] in self.deleted}}

    def _open(self, arguments: dict[str, Any]) -> dict[str, Any]:
        user = arguments.get("users")
        if user not in self.users.values():
            raise Refusal("user_not_found")
        conversation = self.conversations.setdefault(f"D{user}", Conversation(f"D{user}"))
        return {"channel": {"id": conversation.id}}

    def _list(self, arguments: dict[str, Any]) -> dict[str, Any]:
        archived_too = arguments.get("exclude_archived") != "1"
        named = [one for one in self.conversations.values() if one.name and (archived_too or not one.archived)]
        page, more = self._page(
            [{"id": one.id, "name": one.name, "is_member": one.member, "is_archived": one.archived} for one in named],
            arguments,
        )
        return {"channels": page, "response_metadata": more}

    def _history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        conversation = self.conversations.get(str(arguments.get("channel")))
        if conversation is None:
            raise Refusal("channel_not_found")
        if not conversation.member:
            raise Refusal("not_in_channel")
        # What stands in a thread is not in the conversation, unless it was shown there too.
        shown = [one for one in conversation.messages if "thread_ts" not in one or one.get("reply_broadcast")]
        return self._told([*reversed(shown)], arguments)

    def _replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        conversation = self.conversations.get(str(arguments.get("channel")))
        if conversation is None:
            raise Refusal("channel_not_found")
        ts = str(arguments.get("ts"))
        if all(one["ts"] != ts for one in conversation.messages):
            raise Refusal("thread_not_found")
        return self._told([one for one in conversation.messages if ts in {one["ts"], one.get("thread_ts")}], arguments)

    def _told(self, messages: list[dict[str, Any]], arguments: dict[str, Any]) -> dict[str, Any]:
        oldest = float(arguments.get("oldest", 0))
        found = [one for one in messages if float(one["ts"]) >= oldest]
        if arguments.get("include_all_metadata") != "1":
            found = [{key: one[key] for key in one.keys() - {"metadata"}} for one in found]
        page, more = self._page(found, arguments)
        return {"messages": page, "has_more": bool(more["next_cursor"]), "response_metadata": more}

    def _page(self, items: list[Any], arguments: dict[str, Any]) -> tuple[list[Any], dict[str, str]]:
        start = int(arguments.get("cursor") or 0)
        end = start + min(int(arguments.get("limit", 100)), self.page_size)
        return items[start:end], {"next_cursor": str(end) if end < len(items) else ""}

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        wanted = str(arguments.get("channel"))
        found = [one for one in self.conversations.values() if wanted in {one.id, f"#{one.name}", one.name}]
        if not found:
            raise Refusal("channel_not_found")
        if found[0].archived:
            raise Refusal("is_archived")
        if not found[0].member:
            raise Refusal("not_in_channel")
        if faults := faults_of(arguments):
            raise Refusal("invalid_blocks", response_metadata={"messages": faults})
        roots = {one["ts"] for one in found[0].messages if "thread_ts" not in one}
        if "thread_ts" in arguments and arguments["thread_ts"] not in roots:
            raise Refusal("thread_not_found")
        return self._keep(found[0], arguments)

    def _keep(self, conversation: Conversation, arguments: dict[str, Any]) -> dict[str, Any]:
        self._clock += 1
        # A counter makes each one its own, as Slack's are.
        ts = f"{int(self.time())}.{self._clock:06}" if self.time else f"{_EPOCH + self._clock}.000100"
        self.kept_at[ts] = utc_now().timestamp()
        conversation.messages.append({**arguments, "ts": ts, "channel": conversation.id})
        return {"channel": conversation.id, "ts": ts, "message": {"text": arguments["text"]}}


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # clients that are killed break off
            super().handle_error(request, client_address)


def _handler_for(server: SlackServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            method = urlsplit(self.path).path.removeprefix("/api/")
            arguments, refusal = self._arguments(), self._refusal()
            fault = server.next_fault(method)
            if fault is not None and not fault.accept:
                server.calls.append((method, arguments))
                self._fail(fault)
                return
            try:
                answer = {"ok": False, "error": refusal} if refusal else server.answer(method, arguments)
            except Refusal as exc:
                answer = exc.answer
            if fault is None:
                self._send(200, json.dumps(answer).encode())
            else:
                self._fail(fault)

        def _arguments(self) -> dict[str, Any]:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            given = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
            if self.headers.get_content_type() == "application/json" and body:
                given |= json.loads(body)
            else:
                given |= {key: values[0] for key, values in parse_qs(body.decode()).items()}
            return given

        def _refusal(self) -> str:
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return "invalid_auth"
            posts = self.path.endswith("chat.postMessage")
            if posts and self.headers.get("Content-Type", "").replace(" ", "") != "application/json;charset=utf-8":
                return "invalid_post_type"
            return ""

        def _fail(self, fault: Fault) -> None:
            if fault.hang:
                server.closing.wait(30)
            if fault.hang or fault.drop:
                self.close_connection = True
            elif fault.half:
                self._send(200, b'{"ok": true, "chan', length=400)
            elif fault.error:
                status = 429 if fault.error == "ratelimited" else 200
                body = json.dumps({"ok": False, "error": fault.error, **fault.extra})
                self._send(status, body.encode(), retry_after=fault.retry_after)
            else:
                page = b"<!doctype html><title>Server Error</title>"
                self._send(fault.status or 200, page, kind="text/html", retry_after=fault.retry_after)

        def _send(
            self,
            status: int,
            body: bytes,
            *,
            kind: str = "application/json; charset=utf-8",
            length: int | None = None,
            retry_after: str = "",
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(length or len(body)))
            self.send_header("x-oauth-scopes", server.scopes)
            if retry_after:
                self.send_header("Retry-After", retry_after)
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            at = parsedate_to_datetime(super().date_time_string(timestamp))
            return format_datetime(at + timedelta(seconds=server.clock_ahead), usegmt=True)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            return

    return Handler


@contextmanager
def slack_server() -> Iterator[SlackServer]:
    """A server that is up for as long as the block."""
    server = SlackServer()
    try:
        yield server
    finally:
        server.close()
