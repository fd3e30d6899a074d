"""What came of a fire: what the state database says, and apart from it what the servers hold."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from pql.store import Store
from pql.store.tables import deliveries, outbox
from tests.faults.notifications import LEADS, START, notification, refused
from tests.servers.slack import SlackServer
from tests.servers.smtp import MailServer
from tests.servers.webhook import WebhookServer


@dataclass(kw_only=True)
class Outcome:
    """What came of it, by the state database and, apart from it, by the servers' records."""

    seconds: float = 0.0
    statuses: Mapping[str, int] = field(default_factory=dict)
    attempts: Mapping[str, int] = field(default_factory=dict)
    slack: int = 0  # messages that the server holds
    emails: int = 0
    webhooks: int = 0
    lost: tuple[str, ...] = ()
    doubled_in_slack: tuple[str, ...] = ()
    repeated_emails: int = 0  # beyond the first, all with the same Message-ID
    other_ids: int = 0  # emails of one delivery under different Message-IDs
    repeated_webhooks: int = 0  # beyond the first, all with the same webhook-id: who keeps the keys has each once
    other_bodies: int = 0  # webhooks under one id with different bodies
    unmarked: int = 0  # taken by a server, and not `sent` in the database
    invented: int = 0  # `sent` in the database, and with no server
    out_of_order: int = 0  # in Slack and at the webhook
    reconciled: int = 0  # found in Slack and not sent again
    unanswered_data: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def arrived(self) -> int:
        """How many messages the servers hold, each once."""
        return self.slack + self.emails - self.repeated_emails + self.webhooks - self.repeated_webhooks


@dataclass(frozen=True, kw_only=True)
class Servers:
    """The three that keep all that they took."""

    slack: SlackServer
    mail: MailServer
    webhook: WebhookServer


def counted(servers: Servers, store: Store, folder: Path, notifications: int, outcome: Outcome) -> None:
    """The two counts, and what differs between them."""
    with store._database.reads() as connection:
        asked = sa.select(outbox.c.step_key, outbox.c.delivery_id, outbox.c.status, outbox.c.seq)
        rows = {row.delivery_id: row for row in connection.execute(asked)}
        by_outcome = sa.select(deliveries.c.outcome, sa.func.count()).group_by(deliveries.c.outcome)
        outcome.attempts = {row[0]: row[1] for row in connection.execute(by_outcome)}
    outcome.statuses = Counter(row.status for row in rows.values())
    posted = [message["metadata"]["event_payload"]["delivery_id"] for message in servers.slack.messages]
    mailed = [(str(message["X-PQL-Delivery"]), str(message["Message-ID"])) for message in servers.mail.messages]
    hooked = [(one.id, one.bytes) for one in servers.webhook.taken]
    slack, emails, webhooks = (
        Counter(posted),
        Counter(delivery_id for delivery_id, _ in mailed),
        Counter(delivery_id for delivery_id, _ in hooked),
    )
    arrived = slack.keys() | emails.keys() | webhooks.keys()
    expected = [notification(number, START).delivery_id for number in range(notifications) if not refused(number)]
    outcome.slack, outcome.emails, outcome.webhooks = len(posted), len(mailed), len(hooked)
    outcome.lost = tuple(one for one in expected if one not in arrived)
    outcome.doubled_in_slack = tuple(one for one, times in slack.items() if times > 1)
    outcome.repeated_emails, outcome.other_ids = _repeated(mailed, emails)
    outcome.repeated_webhooks, outcome.other_bodies = _repeated(hooked, webhooks)
    outcome.unmarked = sum(one not in rows or rows[one].status != "sent" for one in arrived)
    outcome.invented = sum(row.status == "sent" and one not in arrived for one, row in rows.items())
    outcome.out_of_order = _out_of_order(posted, rows) + _out_of_order([*webhooks], rows)
    outcome.unanswered_data = outcome.faults["smtp DATA DROP"] + outcome.faults["smtp DATA DROP KEPT"]
    found = folder / "found.txt"
    outcome.reconciled = len({*found.read_text(encoding="utf-8").split()}) if found.exists() else 0


def _repeated(copies: Sequence[tuple[str, object]], times: Counter[str]) -> tuple[int, int]:
    """How many came beyond the first of each delivery, and how many of these differ from it."""
    return len(copies) - len(times), len({*copies}) - len(times)


def _out_of_order(delivery_ids: Sequence[str], rows: Mapping[str, Any]) -> int:
    """How many messages came, for the first time, after a later one about the same lead."""
    last: dict[int, int] = {}
    late = 0
    for row in (rows[one] for one in delivery_ids if one in rows):
        lead = int(row.step_key.partition(":")[2]) % LEADS
        late += row.seq < last.get(lead, 0)
        last[lead] = max(row.seq, last.get(lead, 0))
    return late
