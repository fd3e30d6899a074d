"""What Slack refuses in a message, written from its reference and apart from the program's own limits.

Stricter than Slack in what a program of ours must never send: mentions that ring everybody, markup that is not
closed, unescaped signs, control characters.
"""

import re
from collections.abc import Iterator
from typing import Any

_ESCAPE = re.compile(r"&(?!(?:amp|lt|gt);)")
_LINK = re.compile(r"<(?:https?://|mailto:)[^\s<>|]+(?:\|([^<>]*))?>")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef]")
_RINGS = re.compile(r"@(?:here|channel|everyone)\b|<!", re.IGNORECASE)
_METADATA_VALUE = (str, int, float, bool)


def faults_of(message: dict[str, Any]) -> list[str]:
    """Everything wrong with the arguments of chat.postMessage, as "path: what"; empty when it is fine."""
    return [*_message(message)]


def _message(message: dict[str, Any]) -> Iterator[str]:
    known = {"channel", "text", "blocks", "metadata", "unfurl_links", "unfurl_media", "thread_ts", "reply_broadcast"}
    yield from (f"/{key}: unknown argument" for key in message.keys() - known)
    yield from _string(message.get("text"), "/text", 4000)
    yield from _mrkdwn(message.get("text"), "/text")
    if message.get("unfurl_links") is not False or message.get("unfurl_media") is not False:
        yield "/unfurl_links: links must not unfurl"
    if "thread_ts" in message and not re.fullmatch(r"\d+\.\d{6}", str(message["thread_ts"])):
        yield "/thread_ts: must be a message's ts"
    if "reply_broadcast" in message and (
        "thread_ts" not in message or not isinstance(message["reply_broadcast"], bool)
    ):
        yield "/reply_broadcast: true or false, within a thread"
    yield from _metadata(message.get("metadata"))
    blocks = message.get("blocks")
    if not isinstance(blocks, list):
        yield "/blocks: must be a list"
        return
    if len(blocks) > 50:
        yield f"/blocks: no more than 50 items allowed, got {len(blocks)}"
    for index, block in enumerate(blocks):
        yield from _block(block, f"/blocks/{index}")


def _metadata(metadata: Any) -> Iterator[str]:
    if not isinstance(metadata, dict) or metadata.keys() != {"event_type", "event_payload"}:
        yield "/metadata: needs event_type and event_payload"
        return
    if not re.fullmatch(r"[a-z0-9_]+", str(metadata["event_type"])):
        yield "/metadata/event_type: letters, digits and underscores"
    payload = metadata["event_payload"]
    if not isinstance(payload, dict) or not all(isinstance(value, _METADATA_VALUE) for value in payload.values()):
        yield "/metadata/event_payload: must be flat"


def _block(block: Any, path: str) -> Iterator[str]:
    if not isinstance(block, dict) or block.get("type") not in _BLOCKS:
        yield f"{path}: unsupported type: {block.get('type') if isinstance(block, dict) else block}"
        return
    keys, check = _BLOCKS[block["type"]]
    yield from (f"{path}/{key}: unknown key" for key in block.keys() - keys - {"type", "block_id"})
    if "block_id" in block:
        yield from _string(block["block_id"], f"{path}/block_id", 255)
    yield from check(block, path)


def _header(block: dict[str, Any], path: str) -> Iterator[str]:
    yield from _text(block.get("text"), f"{path}/text", 150, plain=True)


def _section(block: dict[str, Any], path: str) -> Iterator[str]:
    if "text" not in block and "fields" not in block:
        yield f"{path}: needs text or fields"
    if "text" in block:
        yield from _text(block["text"], f"{path}/text", 3000)
    if "fields" in block:
        yield from _count(block["fields"], f"{path}/fields", 10)
        for index, field in enumerate(block["fields"]):
            yield from _text(field, f"{path}/fields/{index}", 2000)
    if "accessory" in block:
        yield from _button(block["accessory"], f"{path}/accessory")


def _context(block: dict[str, Any], path: str) -> Iterator[str]:
    yield from _count(block.get("elements"), f"{path}/elements", 10)
    for index, element in enumerate(block.get("elements") or ()):
        yield from _text(element, f"{path}/elements/{index}", 3000)


def _actions(block: dict[str, Any], path: str) -> Iterator[str]:
    elements = block.get("elements") or []
    yield from _count(elements, f"{path}/elements", 25)
    for index, element in enumerate(elements):
        yield from _button(element, f"{path}/elements/{index}")
    ids = [element.get("action_id") for element in elements]
    if len(set(ids)) < len(ids):
        yield f"{path}/elements: action_id must be unique"


def _divider(_block: dict[str, Any], _path: str) -> Iterator[str]:
    yield from ()


_BLOCKS: dict[str, tuple[set[str], Any]] = {
    "header": ({"text"}, _header),
    "section": ({"text", "fields", "accessory"}, _section),
    "context": ({"elements"}, _context),
    "actions": ({"elements"}, _actions),
    "divider": (set(), _divider),
}


def _button(element: Any, path: str) -> Iterator[str]:
    if not isinstance(element, dict) or element.get("type") != "button":
        yield f"{path}: must be a button"
        return
    known = {"type", "text", "action_id", "url", "value", "style"}
    yield from (f"{path}/{key}: unknown key" for key in element.keys() - known)
    yield from _text(element.get("text"), f"{path}/text", 75, plain=True)
    yield from _string(element.get("action_id"), f"{path}/action_id", 255)
    if element.get("style", "primary") not in {"primary", "danger"}:
        yield f"{path}/style: primary or danger"
    if "url" in element:
        yield from _string(element["url"], f"{path}/url", 3000)
        if not re.fullmatch(r"(?:https?://|mailto:)\S+", str(element["url"])):
            yield f"{path}/url: must be a valid URL"


def _text(text: Any, path: str, limit: int, *, plain: bool = False) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in {"plain_text", "mrkdwn"}:
        yield f"{path}: must be a text object"
        return
    if plain and text["type"] != "plain_text":
        yield f"{path}: must be plain_text"
    extra = {"emoji"} if text["type"] == "plain_text" else {"verbatim"}
    yield from (f"{path}/{key}: unknown key" for key in text.keys() - extra - {"type", "text"})
    yield from _string(text.get("text"), f"{path}/text", limit)
    if text["type"] == "mrkdwn":
        yield from _mrkdwn(text.get("text"), f"{path}/text")


def _string(value: Any, path: str, limit: int) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{path}: must be a string"
        return
    if not value.strip():
        yield f"{path}: must be more than 0 characters"
    size = len(value.encode("utf-16-le", "surrogatepass")) // 2
    if size > limit:
        yield f"{path}: must be less than {limit + 1} characters, got {size}"
    if _CONTROL.search(value):
        yield f"{path}: holds a control character"


def _mrkdwn(value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, str):
        return
    if _ESCAPE.search(value):
        yield f"{path}: holds an unescaped &"
    rest = _LINK.sub(r"\1", value)
    if _RINGS.search(rest):
        yield f"{path}: rings everybody"
    if "<" in rest or ">" in rest:
        yield f"{path}: holds an unescaped bracket"


def _count(items: Any, path: str, limit: int) -> Iterator[str]:
    if not isinstance(items, list) or not 1 <= len(items) <= limit:
        yield f"{path}: must be a list of 1 to {limit}"
