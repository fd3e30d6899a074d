"""The notifications that must arrive: the same in every process, told by their number alone."""

from datetime import UTC, datetime, timedelta

from pql.domain.messages import Subject
from pql.store.records import OutboxRecord

START = datetime(2026, 1, 1, tzinfo=UTC)
PLACES, LEADS, GONE = 40, 60, "gone@plotline.test"


def notification(number: int, now: datetime) -> OutboxRecord:
    """Half go to Slack, half by email; several to each lead, in order; some to an address that nobody has."""
    slack = number % 2 == 0
    lead = f"lead{number % LEADS}"
    place = f"C{number % LEADS % PLACES:04}"
    email = GONE if number % 50 == 1 else f"rep{number % 30}@plotline.test"
    text = f"Message {number} about {lead}"
    payload: dict[str, object] = {"text": text, "as_of": START.isoformat()}
    payload |= {"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]} if slack else {}
    payload |= {} if slack else {"subject": text, "html": f"<p>{text}</p>"}
    return OutboxRecord(
        step_key=f"step:{number}",
        lead_id=lead,
        subject=Subject.QUALIFICATION,
        recipient=place if slack else email,
        channel="slack" if slack else "email",
        address=place if slack else email,
        payload=payload,
        due_at=now,
        valid_until=now + timedelta(days=3),
    )


def refused(number: int) -> bool:
    """Whether the mail server never takes it."""
    return number % 50 == 1
