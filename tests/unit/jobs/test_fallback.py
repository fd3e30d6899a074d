"""What becomes of messages whose channel refuses, over a real outbox (SQLite in memory)."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pql.config.settings import DeliverySettings, StateSettings
from pql.domain.messages import Alert, Outgoing, Receipt, Rendered, Subject
from pql.domain.rules import Rep
from pql.errors import ConfigError, DeliveryError
from pql.jobs.deliver import Courier, Delivered, deliver
from pql.jobs.fallback import PATIENCE, PAUSE
from pql.jobs.operator import OPERATOR, Recourse
from pql.notify.alerts import alert_of, with_alert
from pql.store import Store, open_store
from pql.store.records import OutboxRecord, RunResults
from pql.testing import RecordingChannel, SteppingClock
from tests.notifiers import sample

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MIA = Rep(email="mia@plotline.test", name="Mia Berg", slack_id="U0MIA")
RECOURSE = Recourse(
    delivery=DeliverySettings(mode="on", operator={"email": "ops@plotline.test"}), reps=(MIA,), time_zone="UTC"
)
NOT_IN = DeliveryError(
    "Slack: not_in_channel; invite the app",
    permanent=True,
    cause="not_in_channel",
    cure="invite the app",
    reach="address",
)
REVOKED = DeliveryError(
    "Slack: token_revoked; make a new one",
    permanent=True,
    cause="token_revoked",
    cure="make a new one",
    reach="channel",
)


class Refusing(RecordingChannel):
    """Refuses what goes to the addresses in `refuses` (all: "*"), until it is mended."""

    def __init__(self, name: str, refuses: Mapping[str, DeliveryError] | None = None) -> None:
        super().__init__(name)
        self.refuses = dict(refuses or {})

    def send(self, outgoing: Outgoing) -> Receipt:
        error = self.refuses.get(outgoing.address) or self.refuses.get("*")
        if error is None:
            return super().send(outgoing)
        self.tries.append(outgoing)
        raise error


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(StateSettings(url="sqlite://"), Path())
    yield opened
    opened.close()


def message(
    number: int = 1, *, channel: str = "slack", address: str = "#sales", urgency: str = "today", days: float = 3
) -> OutboxRecord:
    alert = replace(sample(), urgency=urgency)
    return OutboxRecord(
        step_key=f"episode:{number}",
        lead_id=f"a{number}",
        subject=Subject.QUALIFICATION,
        recipient=MIA.email,
        channel=channel,
        address=address,
        payload=with_alert(channel, alert, {"as_of": alert.as_of.isoformat()}).payload,
        due_at=START,
        valid_until=START + timedelta(days=days),
    )


def write(store: Store, *records: OutboxRecord) -> None:
    run = store.begin_run("run", START, START)
    store.commit_run(run, RunResults(definitions_hash="h", outbox=records), START)


def send(store: Store, clock: SteppingClock, *channels: RecordingChannel, recourse: Recourse = RECOURSE) -> Delivered:
    named = {channel.name: channel for channel in channels}
    return deliver(Courier(store=store, channels=named, clock=clock, wait=clock.wait, recourse=recourse))


def taken(channel: RecordingChannel) -> list[tuple[str, str]]:
    alerts = [alert_of(one.payload) for one in channel.taken]
    return [(one.address, alert.subject.value) for one, alert in zip(channel.taken, alerts, strict=True) if alert]


def titles(channel: RecordingChannel) -> list[str]:
    return [alert.title for one in channel.taken if (alert := alert_of(one.payload)) and alert.subject == OPERATOR]


def the_fallback(channel: RecordingChannel) -> Alert:
    (found,) = [alert for one in channel.taken if (alert := alert_of(one.payload)) and alert.subject != OPERATOR]
    return found


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock(START)


# --- one address ------------------------------------------------------------------------------------------------


NO_ID = replace(RECOURSE, reps=(replace(MIA, slack_id=""),))


def test_what_a_teams_channel_refuses_goes_to_the_rep_in_slack_and_says_why(store: Store, clock: SteppingClock) -> None:
    write(store, message())
    slack, email = Refusing("slack", {"#sales": NOT_IN}), RecordingChannel("email")
    for _ in range(3):
        send(store, clock, slack, email)
        clock.wait(3600)
    assert taken(slack) == [("U0MIA", "qualification")]
    assert [who for who, _ in taken(email)] == ["ops@plotline.test"]
    told = the_fallback(slack)
    assert told.decided.startswith("This was meant for #sales on Slack, which did not take it: not in channel. Sent to")
    (kept,) = [one for one in store.notifications() if one.subject == "qualification"]
    assert (kept.address, kept.status, kept.step_key) == ("U0MIA", "sent", "episode:1")
    assert [one.outcome for one in store.attempts(kept.delivery_id)] == ["failed", "sent"]


def test_what_the_rep_too_cannot_get_in_slack_goes_by_email(store: Store, clock: SteppingClock) -> None:
    write(store, message())
    slack, email = Refusing("slack", {"#sales": NOT_IN, "U0MIA": NOT_IN}), RecordingChannel("email")
    for _ in range(3):
        send(store, clock, slack, email)
        clock.wait(3600)
    assert [one.address for one in slack.tries] == ["#sales", "U0MIA"]
    assert taken(email).count((MIA.email, "qualification")) == 1


def test_a_message_that_may_stand_in_the_channel_is_not_taken_elsewhere_in_slack(
    store: Store, clock: SteppingClock
) -> None:
    write(store, message())
    lost = DeliveryError("no answer", permanent=False, ambiguous=True)
    slack, email = Refusing("slack", {"#sales": lost}), RecordingChannel("email")
    send(store, clock, slack, email)
    slack.refuses = {"#sales": NOT_IN}
    clock.wait(3600)
    send(store, clock, slack, email)
    assert taken(slack) == []
    assert (MIA.email, "qualification") in taken(email)


def test_what_a_slack_channel_refuses_goes_by_email_to_a_rep_without_a_slack_id(
    store: Store, clock: SteppingClock
) -> None:
    write(store, message())
    email = RecordingChannel("email")
    send(store, clock, Refusing("slack", {"#sales": NOT_IN}), email, recourse=NO_ID)
    assert (MIA.email, "qualification") in taken(email)
    told = the_fallback(email)
    assert told.decided.startswith("This was meant for #sales on Slack, which did not take it: not in channel. Sent to")
    assert told.title == sample().title


def test_what_a_mailbox_refuses_goes_to_the_rep_on_slack(store: Store, clock: SteppingClock) -> None:
    gone = DeliveryError("550 no such user", permanent=True, cause="550", reach="address")
    write(store, message(channel="email", address=MIA.email))
    slack = RecordingChannel("slack")
    send(store, clock, Refusing("email", {MIA.email: gone}), slack)
    assert taken(slack) == [("U0MIA", "qualification")]


def test_it_is_tried_once_where_no_retry_can_help(store: Store, clock: SteppingClock) -> None:
    write(store, message())
    slack, email = Refusing("slack", {"#sales": NOT_IN}), RecordingChannel("email")
    for _ in range(5):
        send(store, clock, slack, email, recourse=NO_ID)
        clock.wait(3600)
    assert len(slack.tries) == 1
    assert taken(email).count((MIA.email, "qualification")) == 1


def test_a_rep_who_gets_it_by_email_anyway_gets_no_second_one(store: Store, clock: SteppingClock) -> None:
    write(store, message(), message(channel="email", address=MIA.email))
    email = RecordingChannel("email")
    send(store, clock, Refusing("slack", {"#sales": NOT_IN}), email)
    assert [address for address, subject in taken(email) if subject == "qualification"] == [MIA.email]


def test_what_no_channel_of_the_rep_takes_goes_to_the_operator(store: Store, clock: SteppingClock) -> None:
    gone = DeliveryError("550 no such user", permanent=True, cause="550", cure="correct it", reach="address")
    write(store, message())
    email = Refusing("email", {MIA.email: gone})
    send(store, clock, Refusing("slack", {"*": NOT_IN}), email)
    assert ("ops@plotline.test", "qualification") in taken(email)
    assert "meant for mia@plotline.test by email" in the_fallback(email).decided
    assert "meant for #sales on Slack" in the_fallback(email).decided


def test_an_operator_who_cannot_be_reached_ends_it(store: Store, clock: SteppingClock) -> None:
    down = DeliveryError("550 no", permanent=True, cause="550", reach="address")
    write(store, message())
    slack, email = Refusing("slack", {"*": NOT_IN}), Refusing("email", {"*": down})
    for _ in range(20):
        send(store, clock, slack, email)
        clock.wait(3600)
    assert {row.status for row in store.notifications()} == {"failed"}
    assert len(store.notifications()) <= 7


def test_a_template_that_cannot_be_used_leaves_it_to_the_next(store: Store, clock: SteppingClock) -> None:
    class Broken(RecordingChannel):
        def render(self, alert: Alert) -> Rendered:
            raise ConfigError(f"no template for {alert.subject}")

    write(store, message(channel="webhook", address=MIA.email))
    gone = DeliveryError("410", permanent=True, cause="410", reach="address")
    email = RecordingChannel("email")
    send(store, clock, Refusing("webhook", {"*": gone}), Broken("slack"), email)
    assert (MIA.email, "qualification") in taken(email)


def test_in_mode_redirect_a_fallback_goes_to_the_redirect_address_only(store: Store, clock: SteppingClock) -> None:
    delivery = DeliverySettings(mode="redirect", redirect={"slack": "#test", "email": "test@plotline.test"})
    write(store, message(address="#test"))
    email = RecordingChannel("email")
    recourse = replace(RECOURSE, delivery=delivery)
    send(store, clock, Refusing("slack", {"#test": NOT_IN}), email, recourse=recourse)
    assert taken(email) == [("test@plotline.test", "qualification")]


def test_what_is_not_answered_until_it_runs_out_goes_another_way(store: Store, clock: SteppingClock) -> None:
    write(store, message(days=0.01))
    slack, email = Refusing("slack", {"*": DeliveryError("no answer", ambiguous=True)}), RecordingChannel("email")
    while clock.now < START + timedelta(days=0.02) and not email.taken:
        send(store, clock, slack, email)
        clock.wait(4)  # the last try comes 5 seconds before it runs out
    assert taken(email) == [(MIA.email, "qualification")]
    assert "gave no answer in time" in the_fallback(email).decided


def test_a_message_whose_content_is_unknown_is_made_known_to_the_operator(store: Store, clock: SteppingClock) -> None:
    write(store, replace(message(), payload={"text": "of an older version"}))
    email = RecordingChannel("email")
    send(store, clock, Refusing("slack", {"#sales": NOT_IN}), email)
    assert "A message for mia@plotline.test could not be delivered" in titles(email)


# --- the operator -----------------------------------------------------------------------------------------------


def test_the_operator_is_told_once_of_each_cause_and_again_when_it_is_over(store: Store, clock: SteppingClock) -> None:
    write(store, *(message(number) for number in range(5)))
    slack, email = Refusing("slack", {"#sales": NOT_IN}), RecordingChannel("email")
    send(store, clock, slack, email)
    assert titles(email) == ["Slack: not_in_channel"]
    (told,) = [alert for one in email.taken if (alert := alert_of(one.payload)) and alert.subject == OPERATOR]
    assert told.play == "invite the app"
    slack.refuses.clear()
    clock.wait(60)
    write_later(store, clock, message(9))
    send(store, clock, slack, email)
    assert titles(email) == ["Slack: not_in_channel", "Over: Slack: not_in_channel"]


def write_later(store: Store, clock: SteppingClock, *records: OutboxRecord) -> None:
    run = store.begin_run("run", clock.now, clock.now)
    store.commit_run(run, RunResults(definitions_hash="h", outbox=records), clock.now)


def test_a_webhook_that_is_gone_is_told_once_whoever_its_messages_are_for(store: Store, clock: SteppingClock) -> None:
    gone = DeliveryError("410", permanent=True, cause="410", cure="correct url", reach="endpoint")
    write(store, *(message(number, channel="webhook", address=f"rep{number}@plotline.test") for number in range(3)))
    webhook, email = Refusing("webhook", {"*": gone}), RecordingChannel("email")
    send(store, clock, webhook, email)
    assert len(webhook.tries) == 3
    assert titles(email) == ["410"]


def test_a_message_to_another_address_does_not_end_it(store: Store, clock: SteppingClock) -> None:
    write(store, message(1), message(2, address="#other"))
    send(store, clock, Refusing("slack", {"#sales": NOT_IN}), RecordingChannel("email"))
    assert [notice.key for notice in store.notices()] == ["slack:#sales:not_in_channel"]


def test_the_operator_is_not_told_of_slack_on_slack_if_there_is_another_way(store: Store, clock: SteppingClock) -> None:
    both = DeliverySettings(mode="on", operator={"slack": "#ops", "email": "ops@plotline.test"})
    write(store, message())
    slack, email = Refusing("slack", {"*": REVOKED}), RecordingChannel("email")
    send(store, clock, slack, email, recourse=replace(RECOURSE, delivery=both))
    assert [one.address for one in slack.tries] == ["#sales"]
    assert titles(email) == ["Slack: token_revoked"]


# --- a whole channel --------------------------------------------------------------------------------------------


def test_a_dead_token_does_not_burn_through_all_messages(store: Store, clock: SteppingClock) -> None:
    write(store, *(message(number) for number in range(60)))
    slack, email = Refusing("slack", {"*": REVOKED}), RecordingChannel("email")
    done = send(store, clock, slack, email)
    assert len(slack.tries) == 1
    assert (done.failed, done.retried) == (0, 60)
    assert taken(email) == [("ops@plotline.test", "operator")]
    assert store.outbox_counts()["waiting"] == 60
    clock.wait(PAUSE.total_seconds() - 30)
    send(store, clock, slack, email)
    assert len(slack.tries) == 1
    clock.wait(60)
    send(store, clock, slack, email)
    assert len(slack.tries) == 2


def test_what_is_urgent_goes_another_way_at_once_and_the_rest_once_it_is_mended(
    store: Store, clock: SteppingClock
) -> None:
    write(store, message(1), message(2, urgency="now"), message(3))
    slack, email = Refusing("slack", {"*": REVOKED}), RecordingChannel("email")
    send(store, clock, slack, email)
    assert [address for address, subject in taken(email) if subject == "qualification"] == [MIA.email]
    slack.refuses.clear()
    clock.wait(PAUSE.total_seconds() + 1)
    assert send(store, clock, slack, email).sent == 3  # and the word that it is over
    assert len(slack.taken) == 2
    assert titles(email) == ["Slack: token_revoked", "Over: Slack: token_revoked"]


def test_after_an_hour_what_could_wait_goes_another_way_too(store: Store, clock: SteppingClock) -> None:
    write(store, *(message(number) for number in range(8)))
    slack, email = Refusing("slack", {"*": REVOKED}), RecordingChannel("email")
    while clock.now < START + PATIENCE + 2 * PAUSE:
        send(store, clock, slack, email)
        clock.wait(PAUSE.total_seconds())
    assert taken(email).count((MIA.email, "qualification")) == 8
    assert len(slack.tries) <= 2 + PATIENCE / PAUSE
    assert titles(email) == ["Slack: token_revoked"]


def test_what_runs_out_before_long_does_not_wait(store: Store, clock: SteppingClock) -> None:
    write(store, message(days=8 / 24 / 60))
    email = RecordingChannel("email")
    send(store, clock, Refusing("slack", {"*": REVOKED}), email)
    assert (MIA.email, "qualification") in taken(email)


def test_one_channel_that_is_closed_stops_no_other(store: Store, clock: SteppingClock) -> None:
    mails = [replace(message(number, channel="email"), address=MIA.email) for number in range(5, 9)]
    write(store, *(message(number) for number in range(4)), *mails)
    email = RecordingChannel("email")
    send(store, clock, Refusing("slack", {"*": REVOKED}), email)
    assert taken(email).count((MIA.email, "qualification")) == 4
