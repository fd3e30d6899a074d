"""Data made fit to be shown: any character may come in; what goes out fits its line and every transport.

Names, roles and links come from customers. They may hold markup, line breaks that fake a line of ours, marks that
turn the direction of the text around them, or halves of characters that no encoder takes.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from pql.domain.messages import Alert, Line, Link, Person, Reason, Section

NAME, LINE, TEXT, URL = 200, 600, 2500, 2000  # the most characters of each kind
LINES = 30  # of a list, before a share of it is taken
_SURROGATE = re.compile("[\ud800-\udfff]")
# Controls but for white space, marks that turn the direction of what follows, noncharacters, byte order marks.
_UNWANTED = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u202a-\u202e\u2060\u2066-\u2069\ufdd0-\ufdef\ufeff\ufffe\uffff]"
)
_LINE_BREAK = re.compile("\r\n|[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_SPACE = re.compile(r"[^\S\n]+")
_ADDRESS = re.compile(r"[^\s@<>\"|]+@[^\s@<>\"|]+")
_JOINER = "\u200d"


def one_line(text: str, limit: int = LINE) -> str:
    """The text on one line, without control characters, at most `limit` characters."""
    return clip(" ".join(_wanted(text).split()), limit)


def paragraph(text: str, limit: int = TEXT) -> str:
    """The text with its lines kept, at most one empty line between two, at most `limit` characters."""
    lines = [_SPACE.sub(" ", line).strip() for line in _LINE_BREAK.sub("\n", _wanted(text)).split("\n")]
    return clip(re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), limit)


def clip(text: str, limit: int, length: Callable[[str], int] = len) -> str:
    """The text, or its beginning and an ellipsis, at most `limit` long; a letter keeps its marks.

    Args:
        text: Any text.
        limit: At least 1.
        length: How the reader of the text counts; no string is longer than the sum of its characters.
    """
    if length(text) <= limit:
        return text
    end = left = 0
    for end, char in enumerate(text):  # noqa: B007 - the position is used after the loop
        left += length(char)
        if left > limit - 1:
            break
    while end and joins(text[end - 1], text[end]):
        end -= 1
    return text[:end].rstrip() + "…"


def joins(before: str, char: str) -> bool:
    """Whether two characters are one letter or emoji to a reader, so that nothing may be cut between them."""
    mark = unicodedata.category(char).startswith("M") or "\U0001f3fb" <= char <= "\U0001f3ff"
    return mark or _JOINER in {before, char}


def safe_url(url: str) -> str:
    """The URL if it is a whole http, https or mailto link without blanks, else ""."""
    cleaned = _wanted(url).strip()
    if len(cleaned) > URL or re.search(r"[\s\"<>\\^`{|}]", cleaned):
        return ""
    try:
        parts = urlsplit(cleaned)
    except ValueError:
        return ""
    whole = bool(parts.netloc) if parts.scheme in {"http", "https"} else parts.scheme == "mailto" and bool(parts.path)
    return cleaned if whole else ""


def clean(alert: Alert) -> Alert:
    """The alert with every text fit to be shown. Links that lead nowhere safe are left out."""
    name = one_line(alert.lead_name, NAME) or one_line(alert.lead_id, NAME) or "(no name)"
    return replace(
        alert,
        lead_id=one_line(alert.lead_id, NAME),
        lead_name=name,
        title=one_line(alert.title, NAME) or name,
        why_now=one_line(alert.why_now),
        time_zone=one_line(alert.time_zone, NAME),
        recipient_name=one_line(alert.recipient_name, NAME),
        domain=one_line(alert.domain, NAME),
        plan=one_line(alert.plan, NAME),
        stage=one_line(alert.stage, NAME),
        grade=one_line(alert.grade, NAME),
        tier=one_line(alert.tier, NAME),
        urgency=one_line(alert.urgency, NAME),
        fit_words=one_line(alert.fit_words),
        reasons=tuple(_reason(reason) for reason in alert.reasons),
        people=tuple(_person(person) for person in alert.people),
        play=paragraph(alert.play),
        links=tuple(link for link in map(_link, alert.links) if link.url),
        decided=one_line(alert.decided),
        rows=tuple((one_line(lead, NAME), one_line(grade, NAME), one_line(words)) for lead, grade, words in alert.rows),
        facts=tuple((one_line(label, NAME), one_line(value)) for label, value in alert.facts),
        sections=tuple(_section(section) for section in alert.sections),
    )


def tightened(alert: Alert, share: int) -> Alert:
    """A clean alert whose lists fit into less: fewer lines, their texts at most a share as long, and no longer links.

    Args:
        alert: As `clean` gives it.
        share: 2 for a half, 4 for a quarter.
    """
    name, line, url = NAME // share, LINE // share, URL // share
    return replace(
        alert,
        reasons=tuple(_tight_reason(reason, share) for reason in alert.reasons),
        play=clip(alert.play, TEXT // share),
        links=tuple(replace(link, label=clip(link.label, name)) for link in alert.links if len(link.url) <= url),
        rows=tuple((clip(lead, name), clip(grade, name), clip(words, line)) for lead, grade, words in alert.rows),
        facts=tuple((clip(label, name), clip(value, line)) for label, value in alert.facts),
        sections=tuple(_tight_section(section, share) for section in alert.sections),
    )


def _tight_reason(reason: Reason, share: int) -> Reason:
    title, norm = clip(reason.title, NAME // share), clip(reason.norm, NAME // share)
    return replace(reason, title=title, words=clip(reason.words, LINE // share), norm=norm)


def _tight_section(section: Section, share: int) -> Section:
    lines = section.lines[: max(LINES // share, 2)]
    more = section.more + len(section.lines) - len(lines)
    return Section(
        title=clip(section.title, NAME // share), lines=tuple(_tight(one, share) for one in lines), more=more
    )


def _tight(line: Line, share: int) -> Line:
    return Line(
        name=clip(line.name, NAME // share),
        grade=clip(line.grade, NAME // share),
        words=clip(line.words, LINE // share),
        url=line.url if len(line.url) <= URL // share else "",
    )


def _wanted(text: str) -> str:
    return _UNWANTED.sub("", _SURROGATE.sub("\ufffd", text))


def _reason(reason: Reason) -> Reason:
    return replace(
        reason,
        title=one_line(reason.title, NAME),
        words=one_line(reason.words),
        norm=one_line(reason.norm, NAME),
        signal=one_line(reason.signal, NAME),
    )


def _person(person: Person) -> Person:
    email = one_line(person.email, NAME)
    email = email if _ADDRESS.fullmatch(email) else ""
    return Person(
        name=one_line(person.name, NAME) or email or "(no name)",
        email=email,
        role=one_line(person.role, NAME),
        why=one_line(person.why),
    )


def _section(section: Section) -> Section:
    lines = tuple(
        Line(
            name=one_line(line.name, NAME) or "(no name)",
            grade=one_line(line.grade, NAME),
            words=one_line(line.words),
            url=safe_url(line.url),
        )
        for line in section.lines
    )
    return Section(title=one_line(section.title, NAME), lines=lines, more=section.more)


def _link(link: Link) -> Link:
    url = safe_url(link.url)
    return Link(label=one_line(link.label, NAME) or "Open", url=url)
