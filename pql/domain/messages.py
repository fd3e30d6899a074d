"""What a message says, before any channel gives it a shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Subject(StrEnum):
    """What a message is about; each has its template in every channel's folder."""

    QUALIFICATION = "qualification"
    MOMENT = "moment"
    CHECK_IN = "check_in"
    USAGE_DROP = "usage_drop"
    BASELINE = "baseline"
    OPERATOR = "operator"
    DIGEST = "digest"
    WEEKLY = "weekly"
    REMINDER = "reminder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One number that speaks for the lead: what, how much, and against which norm."""

    title: str
    words: str  # "9 features used in 14 days, most recently Dashboards"
    norm: str = ""  # "half of the eligible leads: 2"
    points: float = 0.0
    signal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody at the lead to talk to, and why this one."""

    name: str
    email: str
    role: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where to look further."""

    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a list: "Acme Corp (A1): new since yesterday".

    Args:
        name: The lead's, or what else the line is about.
        url: Where the name leads; "" for nowhere.
    """

    name: str
    grade: str = ""
    words: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A titled list of a digest.

    Args:
        more: How many lines were left out.
    """

    title: str
    lines: tuple[Line, ...]
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """A whole message: who, why now, with which numbers, whom to talk to, what would help, links.

    Args:
        subject: Chooses the template.
        lead_id, lead_name, domain, plan, stage: Who it is. All text may hold any character.
        title: The first line: "Acme Corp is ready for a conversation".
        why_now: One sentence.
        grade: "A1"; "" where the subject has none.
        fit_words: Why it fits, in words: "B2B software, 120 employees"; unknown criteria are named.
        reasons: The strongest first.
        people: The champions.
        play: What would help this person.
        decided: Why this message was sent, to this rep, now.
        rows: For summaries: lines of (lead name, grade, words).
        facts: Further labelled facts, shown as a small table.
        sections: For digests: titled lists, in order.
    """

    subject: Subject
    lead_id: str
    lead_name: str
    title: str
    why_now: str
    as_of: datetime
    time_zone: str
    recipient_name: str = ""
    domain: str = ""
    plan: str = ""
    stage: str = ""
    grade: str = ""
    tier: str = ""
    urgency: str = "today"
    fit_words: str = ""
    reasons: tuple[Reason, ...] = ()
    people: tuple[Person, ...] = ()
    play: str = ""
    links: tuple[Link, ...] = ()
    decided: str = ""
    rows: tuple[tuple[str, str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A message in a channel's own shape, final: what stands in the outbox.

    Args:
        payload: JSON-able. All have `as_of` (ISO) and `alert`, of which another channel can make its own. Slack:
            `blocks`, `text`. Email: `subject`, `text`, `html`. File: `title`, `lead_name`, `kind`, and the payloads of
            the others under `slack` and `email`.
    """

    channel: str
    payload: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A leased outbox row, as a channel gets it.

    Args:
        delivery_id: Unique and stable over retries; goes into Slack's metadata and the email's Message-ID.
        address: A Slack channel (`#name`, `C...`), a Slack user id, or an email address (Slack finds the user by it).
        attempts: How often it was tried before.
        ambiguous: An earlier try may have succeeded: ask the channel first, where it can be asked.
        first_tried_at: When the first try was leased, stable over retries: an email's date, and from when on a
            channel is searched. None: the `as_of` of the payload, which is never later.
        thread: The reference (`Receipt.reference`) of the message in whose thread this one goes; "" where it stands
            alone, or where that one was never sent.
        thread_subject: The subject line of that message, where it has one: mail clients thread by it.
    """

    delivery_id: str
    channel: str
    address: str
    payload: Mapping[str, object]
    attempts: int = 0
    ambiguous: bool = False
    first_tried_at: datetime | None = None
    thread: str = ""
    thread_subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a channel said when it took a message: Slack's `channel:ts`, a Message-ID, a path."""

    reference: str
    reconciled: bool = False  # found there already, not sent again
