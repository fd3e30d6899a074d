"""Webhooks, over HTTP to a receiver that verifies what it gets; and where they refuse to go."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from pql.app import utc_now as now
from pql.config.settings import Notifiers, WebhookSettings
from pql.domain.durations import Duration
from pql.domain.messages import Outgoing
from pql.errors import DeliveryError
from pql.notify import open_channels
from pql.notify.webhook import WebhookChannel
from pql.notify.webhook.addresses import endpoint_of, refused
from pql.notify.webhook.send import body_of, signed
from tests.notifiers import outgoing, sample
from tests.servers.certificates import Authority
from tests.servers.webhook import OLD_SECRET, SECRET, Fault, WebhookServer, webhook_server

HERE = ("127.0.0.0/8", "::1/128")


def settings_for(url: str, **changed: object) -> WebhookSettings:
    given = WebhookSettings(url=url, secrets=(SECRET,), allow_http=True, allow_private=HERE, timeout=Duration(2))
    return replace(given, **changed)  # type: ignore[arg-type]


@pytest.fixture
def receiver() -> Iterator[WebhookServer]:
    with webhook_server() as server:
        yield server


@pytest.fixture
def channel(receiver: WebhookServer) -> WebhookChannel:
    return WebhookChannel(settings_for(receiver.url), now)


def message(delivery_id: str = "delivery-1", address: str = "mia@plotline.test") -> Outgoing:
    rendered = WebhookChannel(settings_for("https://a.test"), now).render(sample())
    return outgoing(rendered, address, delivery_id)


def failure(channel: WebhookChannel, sent: Outgoing | None = None) -> DeliveryError:
    with pytest.raises(DeliveryError) as raised:
        channel.send(sent or message())
    told = str(raised.value)
    assert not [part for part in (SECRET, SECRET.removeprefix("whsec_"), "team=sales", "/hooks/pql") if part in told]
    return raised.value


# --- what arrives -----------------------------------------------------------------------------------------------


def test_the_receiver_gets_the_whole_alert_signed(receiver: WebhookServer, channel: WebhookChannel) -> None:
    assert channel.send(message()).reference == "delivery-1"
    (taken,) = receiver.taken
    assert (taken.id, taken.path) == ("delivery-1", "/hooks/pql?team=sales")
    assert (taken.body["type"], taken.body["version"]) == ("pql.qualification", 1)
    assert taken.body["timestamp"] == sample().as_of.isoformat()
    data = taken.body["data"]
    assert (data["delivery_id"], data["recipient"], data["reply_to"]) == ("delivery-1", "mia@plotline.test", "")
    assert data["alert"]["reasons"][0]["words"] == sample().reasons[0].words
    assert data["alert"]["people"][0]["email"] == sample().people[0].email


def test_a_thread_is_named_by_the_delivery_that_opened_it(receiver: WebhookServer, channel: WebhookChannel) -> None:
    first = channel.send(message())
    channel.send(replace(message("delivery-2"), thread=first.reference))
    assert receiver.taken[1].body["data"]["reply_to"] == receiver.taken[0].id


def test_a_message_repeated_after_a_lost_answer_bears_the_same_id_and_body_and_a_new_time(
    receiver: WebhookServer,
) -> None:
    times = iter([now() - timedelta(minutes=2), now()])
    channel = WebhookChannel(settings_for(receiver.url), lambda: next(times))
    receiver.fail(Fault(drop=True, accept=True))
    error = failure(channel)
    assert (error.ambiguous, error.permanent) == (True, False)
    receipt = channel.send(replace(message(), ambiguous=True, attempts=1))
    first, second = receiver.taken
    assert (first.id, first.body) == (second.id, second.body)
    assert int(first.headers["webhook-timestamp"]) < int(second.headers["webhook-timestamp"])
    assert receipt.reconciled  # the id makes one of both


def test_a_receiver_that_knows_either_secret_takes_it(receiver: WebhookServer) -> None:
    both = WebhookChannel(settings_for(receiver.url, secrets=(OLD_SECRET, SECRET)), now)
    assert both.send(message()).reference
    old = WebhookChannel(settings_for(receiver.url, secrets=(OLD_SECRET,)), now)
    assert "401" in str(failure(old))
    assert receiver.refused == ["No matching signature found"]


def test_the_signature_is_the_standards_own() -> None:
    # The example of the standard's reference implementations.
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    settings = settings_for("https://a.test", secrets=(secret,))
    at, body = datetime.fromtimestamp(1614265330, UTC), b'{"test": 2432232314}'
    headers = signed(settings, "msg_p5jXN8AQM9LWM0D4loKWxJek", body, at=at)
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


@pytest.mark.parametrize("part", ["id", "time", "body"])
def test_a_message_that_was_tampered_with_does_not_verify(part: str) -> None:
    sent, at = message(), now()
    body = body_of(sent)
    headers = signed(settings_for("https://a.test"), sent.delivery_id, body, at=at)
    Webhook(SECRET).verify(body, headers)
    if part == "id":
        headers["webhook-id"] = "delivery-2"
    elif part == "time":
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    else:
        body = body.replace(b"Acme", b"Evil")
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(body, headers)


# --- what an answer means ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "permanent", "ambiguous", "retry_after"),
    [
        pytest.param(Fault(status=400), True, False, None, id="400"),
        pytest.param(Fault(status=404), True, False, None, id="404"),
        pytest.param(Fault(status=410), True, False, None, id="410: the receiver wants no more"),
        pytest.param(Fault(status=499), True, False, None, id="a status that nobody knows"),
        pytest.param(Fault(status=408), False, False, None, id="408"),
        pytest.param(Fault(status=425), False, False, None, id="425"),
        pytest.param(Fault(status=429, headers={"Retry-After": "7"}), False, False, 7.0, id="429 with Retry-After"),
        pytest.param(Fault(status=429, headers={"Retry-After": "soon"}), False, False, None, id="429, asking nonsense"),
        pytest.param(Fault(status=500), False, False, None, id="500"),
        pytest.param(Fault(status=503, headers={"Retry-After": "120"}), False, False, 120.0, id="503"),
        pytest.param(Fault(status=302, headers={"Location": "http://127.0.0.1:1/"}), True, False, None, id="redirect"),
        pytest.param(Fault(half=True), False, True, None, id="half an answer"),
        pytest.param(Fault(drop=True), False, True, None, id="no answer"),
    ],
)
def test_an_answer_says_whether_to_try_again(
    receiver: WebhookServer, channel: WebhookChannel, fault: Fault, permanent: bool, ambiguous: bool, retry_after: float
) -> None:
    receiver.fail(fault)
    error = failure(channel)
    assert (error.permanent, error.ambiguous, error.retry_after) == (permanent, ambiguous, retry_after)
    assert bool(error.cause) == permanent


@pytest.mark.parametrize(
    ("status", "reach"), [(410, "endpoint"), (404, "endpoint"), (401, "endpoint"), (422, "message")]
)
def test_a_refusal_says_what_else_it_stops(
    receiver: WebhookServer, channel: WebhookChannel, status: int, reach: str
) -> None:
    receiver.fail(Fault(status=status))
    assert failure(channel).reach == reach


def test_a_retry_after_may_be_a_date(receiver: WebhookServer) -> None:
    at = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    receiver.fail(Fault(status=503, headers={"Retry-After": "Mon, 02 Mar 2026 09:01:30 GMT"}))
    assert failure(WebhookChannel(settings_for(receiver.url), lambda: at)).retry_after == 90


def test_nobody_there_is_tried_again_and_leaves_no_doubt() -> None:
    with webhook_server() as server:
        url = server.url
    error = failure(WebhookChannel(settings_for(url), now))
    assert (error.permanent, error.ambiguous) == (False, False)


# --- time, size, redirects --------------------------------------------------------------------------------------


def test_a_redirect_is_not_followed(receiver: WebhookServer, channel: WebhookChannel) -> None:
    with webhook_server() as inner:
        receiver.fail(Fault(status=307, headers={"Location": inner.url}))
        assert "redirects are not followed" in str(failure(channel))
        assert inner.calls == 0


def test_an_answer_that_drips_is_cut_off_in_time(receiver: WebhookServer) -> None:
    receiver.fail(Fault(drip=True))
    channel = WebhookChannel(settings_for(receiver.url, timeout=Duration(1)), now)
    begun = time.monotonic()
    error = failure(channel)
    assert time.monotonic() - begun < 5
    assert error.ambiguous


def test_a_huge_answer_is_not_read_to_its_end(receiver: WebhookServer, channel: WebhookChannel) -> None:
    receiver.fail(Fault(huge=True, accept=True))
    begun = time.monotonic()
    assert channel.send(message()).reference
    assert time.monotonic() - begun < 2
    assert receiver.written < 64 * 1024 * 1024


def test_no_thread_is_left_behind(receiver: WebhookServer, channel: WebhookChannel) -> None:
    channel.send(message())
    receiver.fail(Fault(drop=True))
    failure(channel)
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


# --- https ------------------------------------------------------------------------------------------------------


def test_a_certificate_that_nobody_vouches_for_is_refused(authority: Authority) -> None:
    with webhook_server(authority.server_context()) as server:
        trusting = settings_for(server.url, ca_file=str(authority.ca_file), allow_http=False)
        assert WebhookChannel(trusting, now).send(message()).reference
        error = failure(WebhookChannel(replace(trusting, ca_file=""), now))
        assert (error.permanent, error.cause) == (True, "certificate")
        assert len(server.taken) == 1


@pytest.mark.parametrize(
    "url",
    ["http://hooks.test/x", "ftp://hooks.test/x", "https://mia:pw@hooks.test/x", "https:///x", "https://[::1/x", "x"],
)
def test_an_address_that_is_no_https_url_is_refused_without_looking_it_up(url: str) -> None:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        raise AssertionError("nothing is looked up")

    channel = WebhookChannel(settings_for(url, allow_http=False), now, resolve)
    error = failure(channel)
    assert (error.permanent, error.ambiguous) == (True, False)


# --- where it may go --------------------------------------------------------------------------------------------

NOWHERE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1",
    "169.254.169.254", "100.64.0.1", "100.100.100.200", "168.63.129.16", "192.0.2.1", "198.18.0.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254",
    "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a9fe:a9fe::", "2001:0:0:0:0:0:80ff:fffe",
]  # fmt: skip
SOMEWHERE = ["1.1.1.1", "8.8.8.8", "203.119.1.1", "2606:4700:4700::1111", "2a00:1450:4001:81b::200e"]


@pytest.mark.parametrize("address", NOWHERE)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert refused(ip_address(address), host="hooks.test", allowed=())


@pytest.mark.parametrize("address", SOMEWHERE)
def test_a_public_address_is_allowed(address: str) -> None:
    assert refused(ip_address(address), host="hooks.test", allowed=()) == ""


def test_a_private_address_is_allowed_where_its_name_or_network_is_named() -> None:
    inner = ip_address("10.1.2.3")
    assert refused(inner, host="hooks.internal", allowed=("hooks.internal",)) == ""
    assert refused(inner, host="hooks.internal", allowed=("10.1.0.0/16",)) == ""
    assert refused(ip_address("::ffff:10.1.2.3"), host="hooks.internal", allowed=("10.1.0.0/16",)) == ""
    assert refused(inner, host="hooks.internal", allowed=("10.2.0.0/16", "other.internal"))


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254", "168.63.129.16"])
def test_a_metadata_service_is_refused_whatever_is_allowed(address: str) -> None:
    assert refused(ip_address(address), host="hooks.test", allowed=("hooks.test", "0.0.0.0/0", "::/0"))


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "2130706433", "0x7f.1", "127.1", "localhost", "[::1]", "[::ffff:7f00:1]"]
)
def test_however_this_machine_is_written_it_is_refused(receiver: WebhookServer, host: str) -> None:
    url = f"http://{host}:{receiver.port}/"
    error = failure(WebhookChannel(settings_for(url, allow_private=()), now))
    assert receiver.calls == 0
    # Some systems find no address for the odd spellings, which is as good.
    assert error.cause == "private_address" or "cannot be found" in str(error)


def test_a_name_with_one_private_address_among_public_ones_is_refused(receiver: WebhookServer) -> None:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["203.119.1.1", "127.0.0.1"]

    error = failure(WebhookChannel(settings_for(receiver.url, allow_private=()), now, resolve))
    assert (error.permanent, error.cause, receiver.calls) == (True, "private_address", 0)


def test_a_name_that_means_another_address_the_second_time_is_asked_but_once(
    receiver: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: first an address that passes, then one that must not be reached."""
    with webhook_server() as inner:
        answers = iter([["127.0.0.1"], ["127.0.0.2"]])
        asked: list[str] = []

        def resolve(host: str, _port: int) -> Sequence[str]:
            asked.append(host)
            return next(answers)

        def looked_up(*_args: object, **_named: object) -> object:
            raise AssertionError("the system must not look the name up again")

        channel = WebhookChannel(settings_for(receiver.url, allow_private=("127.0.0.1/32",)), now, resolve)
        monkeypatch.setattr("socket.getaddrinfo", _numeric_only(looked_up))
        assert channel.send(message()).reference
        assert (len(receiver.taken), inner.calls, asked) == (1, 0, ["localhost"])
        assert failure(channel).cause == "private_address"  # and the next message is checked anew
        assert len(receiver.taken) == 1


def _numeric_only(otherwise: object) -> object:
    import socket  # noqa: PLC0415 - the real one, before it is replaced

    real = socket.getaddrinfo

    def look_up(host: str, *args: object, **named: object) -> object:
        try:
            ip_address(host)
        except ValueError:
            return otherwise(host)  # type: ignore[operator]
        return real(host, *args, **named)  # type: ignore[arg-type]

    return look_up


def test_a_name_that_is_not_found_now_is_tried_again() -> None:
    def resolve(_host: str, _port: int) -> Sequence[str]:
        raise OSError("name server does not answer")

    error = failure(WebhookChannel(settings_for("https://hooks.test/x"), now, resolve))
    assert (error.permanent, error.ambiguous) == (False, False)


# --- setting up -------------------------------------------------------------------------------------------------


def test_a_url_as_the_address_is_posted_to_instead_and_is_checked_as_well(receiver: WebhookServer) -> None:
    channel = WebhookChannel(settings_for("https://nowhere.test/"), now)
    assert channel.send(message(address=receiver.url)).reference
    assert receiver.taken[0].body["data"]["recipient"] == ""
    closed = WebhookChannel(settings_for("https://nowhere.test/", allow_private=()), now)
    assert failure(closed, message(address=receiver.url)).cause == "private_address"


def test_the_channel_is_not_opened_without_a_clock() -> None:
    with pytest.raises(ValueError, match="clock"):
        open_channels(Notifiers(webhook=settings_for("https://a.test")))


def test_no_path_of_the_url_is_shown() -> None:
    assert (
        endpoint_of("https://hooks.test:8443/T0/secret?key=secret", allow_http=False).shown == "https://hooks.test:8443"
    )
