"""Slack's limits for messages, enforced on parsed blocks. A message that passes here is not refused for its size.

Source: https://docs.slack.dev/reference/block-kit/blocks and .../composition-objects, read in 2026. The total is
not documented: posts with more than about 13,000 characters of blocks come back as `msg_blocks_too_long`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from pql.notify.slack.mrkdwn import clip_mrkdwn, clip_plain, length, settle_mrkdwn, settle_plain

Json: TypeAlias = dict[str, Any]

BLOCKS, TOTAL, FALLBACK = 50, 12_000, 4_000
HEADER, SECTION, FIELD, BUTTON = 150, 3_000, 2_000, 75
FIELDS, CONTEXT_ELEMENTS, ACTION_ELEMENTS = 10, 10, 25
URL, IDENTIFIER, VALUE = 3_000, 255, 2_000
_TIGHTER = (3_000, 1_500, 800, 400, 200, 100)


def fit_text(text: str) -> str:
    """The fallback text within its limit."""
    return clip_mrkdwn(settle_mrkdwn(text).strip(), FALLBACK)


def fit_limits(blocks: Sequence[Mapping[str, Any]]) -> list[Json]:
    """Blocks as Slack takes them: texts settled and clipped, counts kept, what is empty left out.

    Args:
        blocks: Parsed from a template, with guarded texts. Kinds that are not known here pass as they are.

    Returns:
        New blocks; the order stays. May be empty.
    """
    for most in _TIGHTER:
        fitted = [fit for block in blocks if (fit := _block(block, most)) is not None]
        if _size(fitted[:BLOCKS]) <= TOTAL:
            return fitted[:BLOCKS]
    while _size(fitted) > TOTAL or len(fitted) > BLOCKS:
        del fitted[len(fitted) // 2]  # the title comes first and why it was sent last: those stay
    return fitted


def _size(blocks: Sequence[Json]) -> int:
    return length(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")))


def _block(block: Mapping[str, Any], most: int) -> Json | None:
    fit = _KINDS.get(str(block.get("type")), _other)(block, most)
    if fit is not None and "block_id" in fit:
        fit["block_id"] = _identifier(fit["block_id"])
    return fit


def _header(block: Mapping[str, Any], most: int) -> Json | None:
    text = _text(block.get("text"), min(HEADER, most))
    return {**block, "text": text} if text else None


def _section(block: Mapping[str, Any], most: int) -> Json | None:
    parts = dict(block)
    text = _text(parts.pop("text", None), min(SECTION, most))
    fields = _texts(parts.pop("fields", ()), min(FIELD, most))[:FIELDS]
    accessory = _element(parts.pop("accessory", None), most)
    if not text and not fields:
        return None
    shown = {"text": text, "fields": fields, "accessory": accessory}
    return {**parts, **{key: value for key, value in shown.items() if value}}


def _context(block: Mapping[str, Any], most: int) -> Json | None:
    elements = _texts(block.get("elements", ()), min(SECTION, most))[:CONTEXT_ELEMENTS]
    return {**block, "elements": elements} if elements else None


def _actions(block: Mapping[str, Any], most: int) -> Json | None:
    elements = [fit for part in block.get("elements", ()) if (fit := _element(part, most))][:ACTION_ELEMENTS]
    return {**block, "elements": elements} if elements else None


def _other(block: Mapping[str, Any], _most: int) -> Json | None:
    settled: Json = _settle_all(dict(block))
    return settled


_KINDS: dict[str, Callable[[Mapping[str, Any], int], Json | None]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
}


def _texts(texts: Sequence[Mapping[str, Any]], limit: int) -> list[Json]:
    return [fit for text in texts if (fit := _text(text, limit) if "text" in text else _settle_all(dict(text)))]


def _text(text: Mapping[str, Any] | None, limit: int) -> Json | None:
    if not text:
        return None
    written = str(text.get("text", ""))
    if text.get("type") == "plain_text":
        said = clip_plain(settle_plain(written).strip(), limit)
        return {**text, "text": said} if said else None
    said = clip_mrkdwn(settle_mrkdwn(written).strip(), limit)
    # verbatim: what looks like a link, a channel or a group in data must stay text.
    return {**text, "text": said, "verbatim": True} if said else None


def _element(element: Mapping[str, Any] | None, most: int) -> Json | None:
    if not element or element.get("type") != "button":
        return _settle_all(dict(element)) if element else None
    fit: Json = _settle_all(dict(element))
    text = _text(element.get("text"), min(BUTTON, most))
    if not text or length(str(fit.get("url", ""))) > URL or fit.get("url") == "":
        return None
    for key, limit in (("action_id", IDENTIFIER), ("value", VALUE)):
        if key in fit:
            fit[key] = str(fit[key])[:limit]
    return {**fit, "text": text}


def _identifier(written: object) -> str:
    return settle_plain(str(written))[:IDENTIFIER]


def _settle_all(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _settle_all(value) for key, value in part.items()}
    if isinstance(part, list):
        return [_settle_all(value) for value in part]
    return settle_plain(part) if isinstance(part, str) else part
