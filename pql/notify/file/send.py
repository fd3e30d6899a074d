"""Writing a message as a folder of files, whole or not at all, and the page that lists them."""

import hashlib
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pql.domain.messages import Outgoing, Receipt
from pql.errors import DeliveryError
from pql.notify.email.message import compose, parse_address
from pql.notify.file.page import Entry, index_page, message_page
from pql.notify.file.slack_html import blocks_text
from pql.notify.payload import date_of, part_of, text_of

_SENDER = "PQL <pql@localhost>"
_LISTED = 500


class Outbox:
    """The folder of messages. Each is a folder named by day, lead, kind and a mark of its delivery."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._entries: dict[str, Entry] = {}

    def write(self, outgoing: Outgoing) -> Receipt:
        """Write the message and list it on `index.html`; a message that is there already is left as it is.

        Raises:
            DeliveryError: The folder cannot be written: a retry may help; the payload is none of ours: permanent.
        """
        files = _files(outgoing)
        target = self._folder / _folder_name(outgoing)
        try:
            there = target.is_dir()
            if not there:
                self._put(target, files)
            self._list()
        except OSError as exc:
            said = f"cannot write messages below {self._folder}: {exc.strerror or exc}; trying again later"
            raise DeliveryError(said) from exc
        return Receipt(reference=str(target), reconciled=there)

    def _put(self, target: Path, files: Mapping[str, bytes]) -> None:
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        for name, content in files.items():
            (draft / name).write_bytes(content)
        try:
            draft.rename(target)  # a folder appears whole or not at all
        except OSError:
            shutil.rmtree(draft, ignore_errors=True)
            if not target.is_dir():  # else another worker was first
                raise

    def _list(self) -> None:
        names = sorted((path.name for path in self._folder.iterdir() if path.is_dir()), reverse=True)
        shown = [name for name in names if not name.startswith(".")][:_LISTED]
        for name in shown:
            if name not in self._entries and (entry := _read_entry(self._folder / name)):
                self._entries[name] = entry
        page = index_page([self._entries[name] for name in shown if name in self._entries])
        draft = self._folder / f".index.{os.getpid()}"
        draft.write_text(page, encoding="utf-8")
        draft.replace(self._folder / "index.html")


def _read_entry(folder: Path) -> Entry | None:
    with suppress(OSError, ValueError, TypeError, KeyError):
        told = json.loads((folder / "message.json").read_text(encoding="utf-8"))
        return Entry(folder=folder.name, title=told["title"], kind=told["kind"], to=told["to"], at=told["at"])
    return None  # a folder of somebody else's


def _folder_name(outgoing: Outgoing) -> str:
    payload = outgoing.payload
    day = text_of(payload, "as_of")[:10]
    parts = (day, text_of(payload, "lead_name"), text_of(payload, "kind"))
    mark = hashlib.sha256(outgoing.delivery_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return "-".join([*(_safe(part, 40) for part in parts if part), mark])


def _safe(text: str, limit: int) -> str:
    """Lower-case letters, digits and hyphens; a name in another script becomes "x", the mark keeps it apart."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:limit].strip("-") or "x"


def _files(outgoing: Outgoing) -> dict[str, bytes]:
    payload = outgoing.payload
    told = {"to": outgoing.address, "at": date_of(outgoing).isoformat(), "delivery_id": outgoing.delivery_id}
    told |= {key: text_of(payload, key) for key in ("kind", "title", "lead_name", "as_of")}
    slack, email = part_of(payload, "slack") or {}, part_of(payload, "email") or {}
    page = message_page(told, slack, email)
    return {
        "message.json": _json(told),
        "slack.json": _json({"text": slack.get("text"), "blocks": slack.get("blocks")}),
        "slack.txt": blocks_text(slack).encode(),
        "email.eml": _eml(outgoing, email),
        "email.html": text_of(email, "html").encode(),
        "email.txt": text_of(email, "text").encode(),
        "preview.html": page.encode(),
    }


def _json(value: object) -> bytes:
    # Escaped where it is not ASCII, so that no character that UTF-8 cannot carry stops a message.
    lone = re.search("[\ud800-\udfff]", str(value))
    return (json.dumps(value, ensure_ascii=lone is not None, indent=2) + "\n").encode()


def _eml(outgoing: Outgoing, email: Mapping[str, object]) -> bytes:
    recipient = None
    with suppress(DeliveryError):
        recipient = parse_address(outgoing.address)
    whole = Outgoing(
        delivery_id=outgoing.delivery_id,
        channel="email",
        address=outgoing.address,
        payload=email,
        first_tried_at=date_of(outgoing),
    )
    return compose(whole, sender=parse_address(_SENDER), recipient=recipient).as_bytes()
