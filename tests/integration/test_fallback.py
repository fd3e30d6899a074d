"""A message on its way through real servers: refused in one place, taken in another, the operator told."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from pql.config.settings import (
    DeliverySettings,
    EmailSettings,
    Notifiers,
    SlackSettings,
    StateSettings,
    WebhookSettings,
)
from pql.domain.durations import Duration
from pql.domain.messages import Subject
from pql.domain.rules import Rep
from pql.jobs.deliver import Courier, Delivered, deliver
from pql.jobs.operator import Recourse
from pql.notify import Channel, open_channels
from pql.store import Store, open_store
from pql.store.records import OutboxRecord, RunResults
from pql.testing import SteppingClock
from tests.notifiers import sample, starter_templates
from tests.servers.slack import TOKEN, Fault, SlackServer, slack_server
from tests.servers.smtp import MailServer, mail_server
from tests.servers.webhook import SECRET, WebhookServer, webhook_server
from tests.servers.webhook import Fault as WebhookFault

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OPERATOR = {"slack": "#pql-emea", "email": "ops@plotline.test"}


@dataclass
class Office:
    slack: SlackServer
    mail: MailServer
    receiver: WebhookServer
    store: Store
    channels: Mapping[str, Channel]
    clock: SteppingClock
    slack_id: str = ""

    def write(self, *records: OutboxRecord) -> None:
        self.clock.wait(1)  # no two runs are of one instant
        run = self.store.begin_run("run", self.clock.now, self.clock.now)
        self.store.commit_run(run, RunResults(definitions_hash="h", outbox=records), self.clock.now)

    def message(self, step: str, channel: str, address: str) -> OutboxRecord:
        return OutboxRecord(
            step_key=step,
            lead_id="acc_1042",
            subject=Subject.QUALIFICATION,
            recipient="mia@plotline.test",
            channel=channel,
            address=address,
            payload=self.channels[channel].render(replace(sample(), urgency="today")).payload,
            due_at=self.clock.now,
            valid_until=self.clock.now + timedelta(days=3),
        )

    def deliver(self) -> Delivered:
        recourse = Recourse(
            delivery=DeliverySettings(mode="on", operator=OPERATOR),
            reps=(Rep(email="mia@plotline.test", name="Mia Berg", slack_id=self.slack_id),),
        )
        return deliver(
            Courier(store=self.store, channels=self.channels, clock=self.clock, wait=self.clock.wait, recourse=recourse)
        )

    def mail_to(self, address: str) -> list[EmailMessage]:
        return [message for message in self.mail.messages if message["To"] == address]


@pytest.fixture
def office(monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    clock = SteppingClock(START)
    with ExitStack() as stack:
        slack, mail = stack.enter_context(slack_server()), stack.enter_context(mail_server())
        receiver = stack.enter_context(webhook_server())
        notifiers = Notifiers(
            slack=SlackSettings(token=TOKEN, base_url=slack.base_url, timeout=Duration(5)),
            email=EmailSettings(host="127.0.0.1", port=mail.port, security="none", sender="pql@plotline.test"),
            webhook=WebhookSettings(
                url=receiver.url, secrets=(SECRET,), allow_http=True, allow_private=("localhost",), timeout=Duration(5)
            ),
            templates=starter_templates(),
        )
        store = open_store(StateSettings(url="sqlite://"), Path())
        stack.callback(store.close)
        yield Office(slack, mail, receiver, store, open_channels(notifiers, clock), clock)


def test_a_channel_that_the_app_is_not_in_costs_nobody_a_message(office: Office) -> None:
    office.write(office.message("episode:1", "slack", "#elsewhere"))
    office.deliver()
    (email,) = office.mail_to("mia@plotline.test")
    body = email.get_body(("plain",))
    assert body is not None
    assert "This was meant for #elsewhere on Slack, which did not take it: not in channel." in body.get_content()
    (told,) = office.slack.messages  # Slack itself works, so the operator hears of it on both
    assert "/invite @PQL" in str(told["blocks"])
    (mailed,) = office.mail_to("ops@plotline.test")
    assert "not_in_channel" in str(mailed["Subject"])
    for _ in range(3):
        office.clock.wait(3600)
        office.write(office.message(f"episode:{office.clock.now}", "slack", "#elsewhere"))
        office.deliver()
    assert len(office.mail_to("mia@plotline.test")) == 4
    assert len(office.mail_to("ops@plotline.test")) == 1
    office.slack.conversations["C0ELSE"].member = True
    office.write(office.message("episode:last", "slack", "#elsewhere"))
    office.deliver()
    assert "Over: " in str(office.mail_to("ops@plotline.test")[1]["Subject"])
    assert office.slack.conversations["C0ELSE"].messages[0]["metadata"]


def test_what_a_teams_channel_refuses_reaches_the_rep_in_slack(office: Office) -> None:
    office.slack_id = "U0MIA"
    office.write(office.message("episode:1", "slack", "#elsewhere"))
    for _ in range(3):
        office.deliver()
        office.clock.wait(600)
    (told,) = office.slack.conversations["DU0MIA"].messages
    assert "This was meant for #elsewhere on Slack, which did not take it: not in channel." in str(told["blocks"])
    assert office.mail_to("mia@plotline.test") == []


def test_a_token_that_was_revoked_is_asked_once_and_slack_gets_the_rest_when_it_is_back(office: Office) -> None:
    records = [office.message(f"episode:{number}", "slack", "#pql-emea") for number in range(10)]
    office.write(*records)
    office.slack.fail("chat.postMessage", Fault(error="token_revoked"))
    office.deliver()
    assert office.slack.called("chat.postMessage") == 1
    assert [str(message["To"]) for message in office.mail.messages] == ["ops@plotline.test"]
    office.clock.wait(301)
    office.deliver()
    ids = [message["metadata"]["event_payload"]["delivery_id"] for message in office.slack.messages]
    assert {record.delivery_id for record in records} <= set(ids)
    assert len(set(ids)) == len(ids)


def test_a_webhook_that_wants_no_more_is_told_once_and_the_rep_hears_on_slack(office: Office) -> None:
    office.receiver.fail(WebhookFault(status=410))
    office.write(office.message("episode:1", "webhook", "mia@plotline.test"))
    office.deliver()
    office.deliver()
    assert office.receiver.calls == 1
    assert [message["channel"] for message in office.slack.messages if message["channel"].startswith("D")] == ["DU0MIA"]
    assert "410" in str(office.mail_to("ops@plotline.test")[0]["Subject"])
