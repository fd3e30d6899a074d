"""The notifications that must arrive: the same in every process, told by their number alone."""

from datetime import UTC, datetime, timedelta

from pql.domain.messages import Subject
from pql.store.records import OutboxRecord

START = datetime(2026, 1, 1, tzinfo=UTC)
CHANNELS = 3
PLACES, LEADS, GONE = 40, 60, "gone@plotline.test"


def notification(number: int, now: datetime) -> OutboxRecord:
    """In turn to Slack, by email and by webhook; several to each lead, in order; some to an address that nobody has."""
    lead = f"lead{number % LEADS}"
    channel, address, more = _way(number, f"Message {number} about {lead}")
    return OutboxRecord(
        step_key=f"step:{number}",
        lead_id=lead,
        subject=Subject.QUALIFICATION,
        recipient=address,
        channel=channel,
        address=address,
        payload={"as_of": START.isoformat(), **more},
        due_at=now,
        valid_until=now + timedelta(days=3),
    )


def _way(number: int, text: str) -> tuple[str, str, dict[str, object]]:
    """A channel, an address there, and what the message is."""
    rep = f"rep{number % 30}@plotline.test"
    match number % CHANNELS:
        case 0:
            blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]
            return "slack", f"C{number % LEADS % PLACES:04}", {"text": text, "blocks": blocks}
        case 1:
            said: dict[str, object] = {"subject": text, "text": text, "html": f"<p>{text}</p>"}
            return "email", GONE if refused(number) else rep, said
        case _:
            return "webhook", rep, {"alert": {"subject": "qualification", "title": text}}


def refused(number: int) -> bool:
    """Whether the mail server never takes it."""
    return number % 51 == 1
