"""Block Kit as HTML and as text: what Slack makes of a message, near enough to judge it by. Pure."""

import re
from collections.abc import Callable, Mapping
from html import escape, unescape
from typing import Any

_LINK = re.compile(r"&lt;((?:https?://|mailto:)[^|&]*(?:&(?:amp|quot|#x27);[^|&]*)*)(?:\|(.*?))?&gt;")
_MARKS = (
    (re.compile(r"`([^`\n]+)`"), r"<code>\1</code>"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])"), r"<b>\1</b>"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])"), r"<i>\1</i>"),
    (re.compile(r"(?<![\w~])~(?=\S)([^~\n]+?)(?<=\S)~(?![\w~])"), r"<s>\1</s>"),
)
_PLACE = re.compile("\0([0-9]+)\0")


def blocks_html(blocks: list[Mapping[str, Any]]) -> str:
    """The blocks as HTML, to be styled by the page that holds it. All data is escaped."""
    return "\n".join(_BLOCKS.get(str(block.get("type")), _unknown)(block) for block in blocks)


def blocks_text(message: Mapping[str, Any]) -> str:
    """A Slack message as plain text, for reading in a terminal."""
    blocks = message.get("blocks")
    lines = [_plain(blocks_html([block])) for block in blocks] if isinstance(blocks, list) else []
    return "\n\n".join(line for line in lines if line) + "\n"


def _plain(html: str) -> str:
    html = re.sub(r'<a [^>]*href="([^"]*)"[^>]*>(.*?)</a>', _plain_link, html, flags=re.DOTALL)
    html = re.sub(r"<br>|</p>|</div>|</blockquote>", "\n", html)
    return re.sub(r"\n{2,}", "\n", unescape(re.sub(r"<hr>", "---", re.sub(r"<(?!hr)[^>]*>", "", html)))).strip()


def _plain_link(match: re.Match[str]) -> str:
    url, label = match[1].removeprefix("mailto:"), match[2]
    return f"{label}: {url}\n" if 'class="button' in match[0] else label if label == url else f"{label} ({url})"


def mrkdwn_html(text: str) -> str:
    """Slack's mrkdwn as HTML: links, bold, italic, strike, code, quotations and line breaks."""
    # Brackets that Slack's escapes stand for are kept apart from those of its links; links step aside while marks
    # are read, so that no mark is seen inside a URL.
    escaped = escape(text.replace("\0", ""), quote=True)
    escaped = escaped.replace("&amp;lt;", "&#60;").replace("&amp;gt;", "&#62;").replace("&amp;amp;", "&amp;")
    links: list[str] = []

    def aside(match: re.Match[str]) -> str:
        links.append(f'<a href="{match[1]}">{_marks(match[2] or match[1])}</a>')
        return f"\0{len(links) - 1}\0"

    marked = _marks(_LINK.sub(aside, escaped))
    return "<br>".join(_quotation(line) for line in _PLACE.sub(lambda match: links[int(match[1])], marked).split("\n"))


def _marks(text: str) -> str:
    for mark, html in _MARKS:
        text = mark.sub(html, text)
    return text


def _quotation(line: str) -> str:
    for sign in ("&gt;", "&#62;"):
        if line.startswith(sign):
            return f"<blockquote>{line.removeprefix(sign).strip()}</blockquote>"
    return line


def _text(text: Mapping[str, Any]) -> str:
    written = str(text.get("text", ""))
    return escape(written) if text.get("type") == "plain_text" else mrkdwn_html(written)


def _header(block: Mapping[str, Any]) -> str:
    return f'<p class="header" dir="auto">{_text(block["text"])}</p>'


def _section(block: Mapping[str, Any]) -> str:
    text = f'<p class="section" dir="auto">{_text(block["text"])}</p>' if "text" in block else ""
    fields = "".join(f'<div dir="auto">{_text(field)}</div>' for field in block.get("fields", ()))
    return text + (f'<div class="fields">{fields}</div>' if fields else "")


def _context(block: Mapping[str, Any]) -> str:
    said = "".join(f'<div dir="auto">{_text(part)}</div>' for part in block["elements"] if "text" in part)
    return f'<div class="context">{said}</div>'


def _actions(block: Mapping[str, Any]) -> str:
    buttons = (
        f'<a class="button {escape(str(part.get("style", "")))}" href="{escape(str(part.get("url", "")))}">'
        f"{_text(part['text'])}</a>"
        for part in block["elements"]
        if part.get("type") == "button"
    )
    return f'<div class="actions">{"".join(buttons)}</div>'


def _divider(_block: Mapping[str, Any]) -> str:
    return "<hr>"


def _unknown(block: Mapping[str, Any]) -> str:
    return f'<p class="context">({escape(str(block.get("type")))} block: not shown here)</p>'


_BLOCKS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
}
