"""Slack, over HTTP to a server that checks what it gets."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pql.domain.messages import Outgoing, Subject
from pql.errors import DeliveryError
from pql.notify import Channel
from tests.integration.notify.conftest import slack_channel
from tests.notifiers import outgoing, sample
from tests.servers.slack import TOKEN, Conversation, Fault, SlackServer


def failure(channel: Channel, message: Outgoing) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        channel.send(message)
    assert TOKEN not in str(raised.value)
    return raised.value


def message_for(channel: Channel, address: str = "#pql-emea") -> Outgoing:
    return outgoing(channel.render(sample()), address)


@pytest.mark.parametrize("subject", Subject)
def test_a_message_of_every_subject_is_accepted(slack: SlackServer, slack_to: Channel, subject: Subject) -> None:
    receipt = slack_to.send(outgoing(slack_to.render(sample(subject)), "#pql-emea"))
    (kept,) = slack.messages
    assert receipt.reference == f"C0EMEA:{kept['ts']}"
    assert not receipt.reconciled
    assert kept["metadata"] == {"event_type": "pql_notification", "event_payload": {"delivery_id": "delivery-1"}}


def test_an_email_address_becomes_a_direct_message(slack: SlackServer, slack_to: Channel) -> None:
    assert slack_to.send(message_for(slack_to, "mia@plotline.test")).reference.startswith("DU0MIA:")


def test_a_person_is_looked_up_once(slack: SlackServer, slack_to: Channel) -> None:
    for number in range(3):
        slack_to.send(replace(message_for(slack_to, "mia@plotline.test"), delivery_id=f"delivery-{number}"))
    assert (slack.called("users.lookupByEmail"), slack.called("conversations.open")) == (1, 1)
    assert len(slack.messages) == 3


@pytest.mark.parametrize(("address", "channel"), [("C0EMEA", "C0EMEA"), ("#pql-emea", "C0EMEA"), ("U0MIA", "DU0MIA")])
def test_ids_and_names_need_no_look_up_of_people(
    slack: SlackServer, slack_to: Channel, address: str, channel: str
) -> None:
    slack_to.send(message_for(slack_to, address))
    assert slack.messages[0]["channel"] == channel
    assert slack.called("users.lookupByEmail") == 0


@pytest.mark.parametrize(
    ("address", "code", "cure"),
    [
        pytest.param("#nowhere", "channel_not_found", "config/routing.yml", id="no such channel"),
        pytest.param("#elsewhere", "not_in_channel", "/invite", id="the bot is not in the channel"),
        pytest.param("#pql-old", "is_archived", "archived", id="the channel is archived"),
        pytest.param("nobody@plotline.test", "users_not_found", "slack_id", id="nobody has this address"),
        pytest.param("U0NOBODY", "user_not_found", "slack_id", id="nobody has this id"),
        pytest.param("some words", "some words", "#channel", id="no address at all"),
    ],
)
def test_a_wrong_address_is_permanent_and_says_the_cure(slack_to: Channel, address: str, code: str, cure: str) -> None:
    error = failure(slack_to, message_for(slack_to, address))
    assert error.permanent
    assert not error.ambiguous
    assert code in str(error)
    assert cure in str(error)


@pytest.mark.parametrize(
    ("fault", "permanent", "ambiguous", "retry_after"),
    [
        pytest.param(Fault(error="ratelimited", retry_after="7"), False, False, 7.0, id="429 with Retry-After"),
        pytest.param(Fault(error="ratelimited"), False, False, None, id="429 without Retry-After"),
        pytest.param(Fault(status=429, retry_after="30"), False, False, 30.0, id="429 with a page"),
        pytest.param(Fault(status=500), False, True, None, id="500"),
        pytest.param(Fault(status=503, retry_after="5"), False, True, 5.0, id="503 with Retry-After"),
        pytest.param(Fault(html=True), False, True, None, id="a page instead of JSON"),
        pytest.param(Fault(half=True), False, True, None, id="half an answer"),
        pytest.param(Fault(drop=True), False, True, None, id="no answer"),
        pytest.param(Fault(error="internal_error"), False, True, None, id="internal_error"),
        pytest.param(Fault(error="service_unavailable"), False, False, None, id="service_unavailable"),
        pytest.param(Fault(error="invalid_auth"), True, False, None, id="invalid_auth"),
        pytest.param(Fault(error="account_inactive"), True, False, None, id="account_inactive"),
        pytest.param(Fault(error="token_revoked"), True, False, None, id="token_revoked"),
        pytest.param(Fault(error="msg_too_long"), True, False, None, id="msg_too_long"),
        pytest.param(Fault(error="invalid_blocks"), True, False, None, id="invalid_blocks"),
        pytest.param(Fault(error="a_new_reason"), True, False, None, id="a reason that nobody knew"),
    ],
)
def test_each_failure_says_whether_to_go_on(
    slack: SlackServer,
    slack_to: Channel,
    fault: Fault,
    permanent: bool,
    ambiguous: bool,
    retry_after: float | None,
) -> None:
    slack.fail("chat.postMessage", fault)
    error = failure(slack_to, message_for(slack_to))
    assert (error.permanent, error.ambiguous, error.retry_after) == (permanent, ambiguous, retry_after)
    assert slack.called("chat.postMessage") == 1


def test_a_missing_scope_is_named(slack: SlackServer, slack_to: Channel) -> None:
    slack.fail("chat.postMessage", Fault(error="missing_scope", extra={"needed": "chat:write"}))
    assert "needed: chat:write" in str(failure(slack_to, message_for(slack_to)))


def test_a_token_that_slack_repeats_is_not_told(slack: SlackServer, slack_to: Channel) -> None:
    extra = {"response_metadata": {"messages": [f"the token {TOKEN} is bad"]}}
    slack.fail("chat.postMessage", Fault(error="invalid_auth", extra=extra))
    assert "***" in str(failure(slack_to, message_for(slack_to)))


def test_a_wrong_token_is_permanent(slack: SlackServer) -> None:
    channel = slack_channel(slack.base_url, token="xoxb-another")
    error = failure(channel, message_for(channel))
    assert error.permanent
    assert "SLACK_BOT_TOKEN" in str(error)
    assert "xoxb-another" not in str(error)


def test_a_timeout_after_sending_is_ambiguous(slack: SlackServer) -> None:
    channel = slack_channel(slack.base_url, timeout=1)
    slack.fail("chat.postMessage", Fault(hang=True))
    error = failure(channel, message_for(channel))
    assert (error.permanent, error.ambiguous) == (False, True)


def test_a_refused_connection_is_not_ambiguous(slack: SlackServer) -> None:
    channel = slack_channel(slack.base_url)
    slack.close()
    error = failure(channel, message_for(channel))
    assert (error.permanent, error.ambiguous) == (False, False)


@pytest.mark.parametrize("method", ["users.lookupByEmail", "conversations.open"])
def test_a_failed_look_up_is_never_ambiguous(slack: SlackServer, slack_to: Channel, method: str) -> None:
    slack.fail(method, Fault(status=500), Fault(drop=True), Fault(half=True))
    message = message_for(slack_to, "mia@plotline.test")
    errors = [failure(slack_to, message) for _ in range(3)]
    assert [(error.permanent, error.ambiguous) for error in errors] == [(False, False)] * 3
    assert slack_to.send(message).reference.startswith("DU0MIA:")


@pytest.mark.parametrize("address", ["#pql-emea", "C0EMEA", "mia@plotline.test", "U0MIA"])
def test_a_message_that_arrived_although_it_failed_is_found_and_not_sent_again(
    slack: SlackServer, slack_to: Channel, address: str
) -> None:
    slack.fail("chat.postMessage", Fault(drop=True, accept=True))
    message = message_for(slack_to, address)
    assert failure(slack_to, message).ambiguous
    again = slack_to.send(replace(message, attempts=1, ambiguous=True))
    assert again.reconciled
    assert len(slack.messages) == 1
    assert again.reference == f"{slack.messages[0]['channel']}:{slack.messages[0]['ts']}"


def test_a_message_that_did_not_arrive_is_sent_at_the_next_try(slack: SlackServer, slack_to: Channel) -> None:
    slack.fail("chat.postMessage", Fault(drop=True))
    message = message_for(slack_to)
    assert failure(slack_to, message).ambiguous
    assert not slack_to.send(replace(message, attempts=1, ambiguous=True)).reconciled
    assert len(slack.messages) == 1


def test_another_delivery_in_the_channel_is_not_taken_for_this_one(slack: SlackServer, slack_to: Channel) -> None:
    slack_to.send(message_for(slack_to))
    other = replace(message_for(slack_to), delivery_id="delivery-2", ambiguous=True)
    assert not slack_to.send(other).reconciled
    assert len(slack.messages) == 2


def test_a_message_is_found_on_a_later_page(slack: SlackServer, slack_to: Channel) -> None:
    slack.page_size = 2
    slack.conversations["C1"] = Conversation("C1", "one-more")
    for number in range(7):
        slack_to.send(replace(message_for(slack_to), delivery_id=f"delivery-{number}"))
    fresh = slack_channel(slack.base_url)
    assert fresh.send(replace(message_for(fresh), delivery_id="delivery-0", ambiguous=True)).reconciled
    assert slack.called("conversations.history") == 4


def test_history_is_searched_from_the_first_try_on(slack: SlackServer, slack_to: Channel) -> None:
    first = datetime(2026, 2, 1, 9, tzinfo=UTC)
    slack_to.send(replace(message_for(slack_to), ambiguous=True, first_tried_at=first))
    ((_, asked),) = [call for call in slack.calls if call[0] == "conversations.history"]
    assert float(asked["oldest"]) == (first - timedelta(hours=1)).timestamp()


@pytest.mark.parametrize("address", ["C0ELSE", "#nowhere"])
def test_where_slack_cannot_be_asked_it_stays_ambiguous_and_is_not_sent(
    slack: SlackServer, slack_to: Channel, address: str
) -> None:
    error = failure(slack_to, replace(message_for(slack_to, address), ambiguous=True))
    assert (error.permanent, error.ambiguous) == (True, True)
    assert slack.called("chat.postMessage") == 0


def test_a_stored_message_of_another_shape_is_refused_for_good(slack_to: Channel) -> None:
    error = failure(slack_to, replace(message_for(slack_to), payload={"text": 3}))
    assert error.permanent


# --- threads ----------------------------------------------------------------------------------------------------


def in_thread(channel: Channel, reference: str, delivery_id: str = "delivery-2", *, urgency: str = "today") -> Outgoing:
    alert = replace(sample(Subject.MOMENT), urgency=urgency)
    return replace(outgoing(channel.render(alert), "#pql-emea", delivery_id), thread=reference)


def test_a_reply_goes_into_the_thread_of_the_message_that_it_follows(slack: SlackServer, slack_to: Channel) -> None:
    first = slack_to.send(message_for(slack_to))
    second = slack_to.send(in_thread(slack_to, first.reference))
    root, reply = slack.messages
    assert reply["thread_ts"] == root["ts"]
    assert second.reference == f"C0EMEA:{reply['ts']}"


@pytest.mark.parametrize(("urgency", "shown"), [("now", True), ("today", False)])
def test_a_reply_is_shown_in_the_channel_too_if_it_cannot_wait(
    slack: SlackServer, slack_to: Channel, urgency: str, shown: bool
) -> None:
    first = slack_to.send(message_for(slack_to))
    slack_to.send(in_thread(slack_to, first.reference, urgency=urgency))
    assert slack.messages[1]["reply_broadcast"] is shown


@pytest.mark.parametrize("reference", ["C0EMEA:1769864700.999999", "<pql.1@plotline.test>", "/var/outbox/x"])
def test_a_reply_to_what_is_not_there_stands_alone(slack: SlackServer, slack_to: Channel, reference: str) -> None:
    assert slack_to.send(in_thread(slack_to, reference)).reference
    (kept,) = slack.messages
    assert "thread_ts" not in kept


@pytest.mark.parametrize("urgency", ["now", "today"])
def test_a_reply_that_may_have_arrived_is_looked_up_in_its_thread(
    slack: SlackServer, slack_to: Channel, urgency: str
) -> None:
    first = slack_to.send(message_for(slack_to))
    reply = in_thread(slack_to, first.reference, urgency=urgency)
    slack.fail("chat.postMessage", Fault(drop=True, accept=True))
    assert failure(slack_to, reply).ambiguous
    receipt = slack_to.send(replace(reply, ambiguous=True, first_tried_at=datetime(2026, 1, 31, 13, 4, tzinfo=UTC)))
    assert receipt.reconciled
    assert len(slack.messages) == 2
    assert slack.called("conversations.replies") == 1


def test_a_reply_that_did_not_arrive_is_sent_once_more(slack: SlackServer, slack_to: Channel) -> None:
    first = slack_to.send(message_for(slack_to))
    reply = in_thread(slack_to, first.reference)
    slack.fail("chat.postMessage", Fault(drop=True))
    assert failure(slack_to, reply).ambiguous
    assert not slack_to.send(replace(reply, ambiguous=True)).reconciled
    assert [message.get("thread_ts") for message in slack.messages] == [None, slack.messages[0]["ts"]]


def test_a_permanent_error_names_its_cause_and_what_else_it_stops(slack: SlackServer, slack_to: Channel) -> None:
    reaches = {}
    for code in ("invalid_auth", "account_inactive", "not_in_channel", "user_disabled", "invalid_blocks"):
        slack.fail("chat.postMessage", Fault(error=code))
        error = failure(slack_to, message_for(slack_to))
        reaches[error.cause] = error.reach
    assert reaches == {
        "invalid_auth": "channel",
        "account_inactive": "channel",
        "not_in_channel": "address",
        "user_disabled": "address",
        "invalid_blocks": "message",
    }
