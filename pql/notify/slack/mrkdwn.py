"""Slack's text formats, and how data gets into them without becoming markup.

A Slack template is JSON with holes. Before it sees any data, each character that could mean something to JSON or to
Slack is swapped for a noncharacter of Unicode (U+FDD0..., which no text may contain). So data can break neither the
JSON nor the formatting, whatever the template does with it. Once the JSON is parsed and it is known what a text is
for, `settle` puts the characters back as that place needs them.
"""

import re
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar, cast
from urllib.parse import quote

from pql.notify.clean import clip, joins

_T = TypeVar("_T")

_GUARDED = '"\\\n&<>*_~`@:|'
_STAND_INS = {char: chr(0xFDD0 + index) for index, char in enumerate(_GUARDED)}
_ORIGINALS = {stand_in: char for char, stand_in in _STAND_INS.items()}
_ALWAYS = re.compile(r'["\\\n&<>*~`|]')
# These only mean something where a word begins or ends, before a group's name, or around the name of an emoji.
_SOMETIMES = re.compile(r"(?<![^\W_])_|_(?![^\W_])|@(?=(?:here|channel|everyone)\b)|:(?=[\w+-]+:)", re.IGNORECASE)
_HELD = re.compile("[\ufdd0-\ufddc]")
_WORD_JOINER = "\u2060"

# Slack has no way to escape these. A twin that looks the same, or an invisible joiner, keeps them plain.
_MRKDWN = {
    **{char: char for char in '"\\\n|'},
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    "*": "\u2217",
    "_": "\u02cd",
    "~": "\u223c",
    "`": "\u02cb",
    "@": "@" + _WORD_JOINER,
    ":": ":" + _WORD_JOINER,
}
_PIECE = re.compile(r"<[^<>]*>|[^<]+|<")
_TOKEN = re.compile(r"<[^<>]*>|&(?:amp|lt|gt);|.", re.DOTALL)


def guard(value: _T) -> _T:
    """The value with all its texts guarded; goes through tuples and dataclasses."""
    if isinstance(value, str) and not isinstance(value, Enum):
        return cast("_T", _guard_text(value))
    if isinstance(value, tuple):
        return cast("_T", tuple(guard(part) for part in value))
    if is_dataclass(value) and not isinstance(value, type):
        parts: dict[str, Any] = {part.name: guard(getattr(value, part.name)) for part in fields(value)}
        return cast("_T", replace(value, **parts))
    return value


def _guard_text(text: str) -> str:
    held = _SOMETIMES.sub(lambda match: _STAND_INS[match[0]], text)
    return _ALWAYS.sub(lambda match: _STAND_INS[match[0]], held)


def settle_plain(text: str) -> str:
    """A guarded text for where nothing is markup: headers, buttons, URLs."""
    return _HELD.sub(lambda match: _ORIGINALS[match[0]], text)


def settle_mrkdwn(text: str) -> str:
    """A guarded text for where Slack reads mrkdwn: the template's own marks count, those of data do not."""
    settled = "".join(_settle_piece(piece) for piece in _PIECE.findall(text))
    return re.sub("^(?=&gt;)", _WORD_JOINER, settled, flags=re.MULTILINE)  # else a line of quotation


def _settle_piece(piece: str) -> str:
    if not (piece.startswith("<") and piece.endswith(">")):
        return _in_text(piece)
    target, bar, label = piece[1:-1].partition("|")
    url = _HELD.sub(lambda match: _in_url(_ORIGINALS[match[0]]), target)
    url = re.sub(r"\s", "%20", url)
    return f"<{url}{bar}{_in_text(label).replace('|', chr(0x2223))}>"


def _in_text(text: str) -> str:
    return _HELD.sub(lambda match: _MRKDWN[_ORIGINALS[match[0]]], text)


def _in_url(char: str) -> str:
    return {"&": "&amp;", "@": "@", ":": ":", "_": "_", "~": "~"}.get(char, quote(char, safe=""))


def length(text: str) -> int:
    """How long a text is to Slack: in UTF-16 units, the widest count that any of its clients uses."""
    return len(text) + sum(char > "\uffff" for char in text)


def clip_plain(text: str, limit: int) -> str:
    """At most `limit` of a plain text, with an ellipsis where something was left out."""
    return clip(text, limit, length)


def clip_mrkdwn(text: str, limit: int) -> str:
    """At most `limit` of an mrkdwn text; no link and no escape is cut in two, and bold is closed again."""
    if length(text) <= limit:
        return text
    tokens = _TOKEN.findall(text)
    end = used = 0
    for end, token in enumerate(tokens):  # noqa: B007 - the position is used after the loop
        used += length(token)
        if used > limit - 2:  # room for an ellipsis and perhaps a closing mark
            break
    while end and joins(tokens[end - 1][-1], tokens[end][0]):
        end -= 1
    cut = "".join(tokens[:end]).rstrip()
    return cut + "…" + ("*" if cut.count("*") % 2 else "")
