"""Email, over SMTP to a real server."""

import socket
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from pql.config.settings import EmailSettings, Notifiers
from pql.domain.durations import Duration
from pql.domain.messages import Outgoing, Subject
from pql.errors import DeliveryError
from pql.notify import Channel, open_channels
from tests.notifiers import outgoing, sample, starter_templates
from tests.servers.certificates import Authority
from tests.servers.smtp import PASSWORD, USERNAME, MailServer, Security, Step, mail_server


def settings(mail: MailServer, security: Security = "none", *, ca_file: str = "", auth: bool = False) -> EmailSettings:
    return EmailSettings(
        host="127.0.0.1",
        port=mail.port,
        security=security,
        sender="PQL <pql@plotline.test>",
        username=USERNAME if auth else "",
        password=PASSWORD if auth else "",
        ca_file=ca_file,
        timeout=Duration(5),
    )


def email_channel(given: EmailSettings) -> Channel:
    return open_channels(Notifiers(email=given, templates=starter_templates()))["email"]


def message_for(channel: Channel, address: str = "mia@plotline.test") -> Outgoing:
    return outgoing(channel.render(sample()), address)


def failure(given: EmailSettings, address: str = "mia@plotline.test") -> DeliveryError:
    channel = email_channel(given)
    with pytest.raises(DeliveryError) as raised:
        channel.send(message_for(channel, address))
    if given.password:
        assert given.password not in str(raised.value)
    return raised.value


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


@pytest.mark.parametrize("subject", Subject)
def test_an_email_of_every_subject_arrives_whole(subject: Subject) -> None:
    with mail_server() as mail:
        channel = email_channel(settings(mail))
        rendered = channel.render(sample(subject))
        receipt = channel.send(outgoing(rendered))
    (message,) = mail.messages
    assert message["Subject"] == rendered.payload["subject"]
    assert message["Message-ID"] == receipt.reference
    assert message["To"] == "mia@plotline.test"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    assert part(message, "plain") == rendered.payload["text"]
    assert part(message, "html") == rendered.payload["html"]
    assert mail.envelopes[0].mail_from == "pql@plotline.test"


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_it_logs_in_over_tls(authority: Authority, security: Security) -> None:
    with mail_server(security, authority.server_context(), auth=True) as mail:
        channel = email_channel(settings(mail, security, ca_file=str(authority.ca_file), auth=True))
        channel.send(message_for(channel))
    assert len(mail.messages) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_of_an_unknown_authority_is_refused_with_the_cure(
    authority: Authority, security: Security
) -> None:
    with mail_server(security, authority.server_context(), auth=True) as mail:
        error = failure(settings(mail, security, auth=True))
    assert error.permanent
    assert "ca_file" in str(error)
    assert mail.envelopes == []


def test_a_certificate_for_another_host_is_refused(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    known = socket.getaddrinfo

    def resolve(host: str | None, *rest: object, **more: object) -> object:
        return known("127.0.0.1" if host == "mail.plotline.test" else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with mail_server("tls", authority.server_context()) as mail:
        given = replace(settings(mail, "tls", ca_file=str(authority.ca_file)), host="mail.plotline.test")
        assert failure(given).permanent


def test_a_server_without_starttls_gets_no_password() -> None:
    with mail_server() as mail:
        error = failure(settings(mail, "starttls", auth=True))
    assert error.permanent
    assert "STARTTLS" in str(error)


def test_a_wrong_password_is_permanent_and_says_the_cure(authority: Authority) -> None:
    with mail_server("starttls", authority.server_context(), auth=True) as mail:
        given = settings(mail, "starttls", ca_file=str(authority.ca_file), auth=True)
        error = failure(replace(given, password="not-the-one"))
    assert error.permanent
    assert "SMTP_PASSWORD" in str(error)


def test_a_login_that_is_closed_for_now_is_tried_again(authority: Authority) -> None:
    with mail_server("starttls", authority.server_context(), auth=True) as mail:
        mail.answers["AUTH"] = "454 4.7.0 Temporary authentication failure"
        assert not failure(settings(mail, "starttls", ca_file=str(authority.ca_file), auth=True)).permanent


def test_a_password_that_the_server_repeats_is_not_told(authority: Authority) -> None:
    with mail_server("starttls", authority.server_context(), auth=True) as mail:
        mail.answers["AUTH"] = f"535 5.7.8 {PASSWORD} is wrong"
        error = failure(settings(mail, "starttls", ca_file=str(authority.ca_file), auth=True))
    assert "***" in str(error)


def test_a_password_that_smtp_cannot_carry_is_not_told_in_part(authority: Authority) -> None:
    with mail_server("starttls", authority.server_context(), auth=True) as mail:
        given = settings(mail, "starttls", ca_file=str(authority.ca_file), auth=True)
        error = failure(replace(given, password="pässwort\ud800"))
    assert error.permanent


@pytest.mark.parametrize(
    ("step", "answer", "permanent", "ambiguous", "told"),
    [
        pytest.param("MAIL", "421 4.3.2 Shutting down", False, False, "421", id="421 for the sender"),
        pytest.param("MAIL", "553 5.7.1 Not your address", True, False, "sender", id="553 for the sender"),
        pytest.param("RCPT", "451 4.7.1 Greylisted", False, False, "451", id="451 for the recipient"),
        pytest.param("RCPT", "550 5.1.1 No such user", True, False, "mia@plotline.test", id="550 for the recipient"),
        pytest.param("DATA", "452 4.3.1 No space", False, False, "452", id="452 for the message"),
        pytest.param("DATA", "554 5.7.1 Spam", True, False, "554", id="554 for the message"),
        pytest.param("MAIL", "DROP", False, False, "again", id="dropped at the sender"),
        pytest.param("RCPT", "DROP", False, False, "again", id="dropped at the recipient"),
        pytest.param("DATA", "DROP", False, True, "again", id="dropped after the message"),
    ],
)
def test_each_failure_says_whether_to_go_on(
    step: Step, answer: str, permanent: bool, ambiguous: bool, told: str
) -> None:
    with mail_server() as mail:
        mail.answers[step] = answer
        error = failure(settings(mail))
    assert (error.permanent, error.ambiguous) == (permanent, ambiguous)
    assert told in str(error)
    assert mail.envelopes == []


def test_a_refused_connection_is_tried_again() -> None:
    with mail_server() as mail:
        given = settings(mail)
    error = failure(given)
    assert (error.permanent, error.ambiguous) == (False, False)


def test_plain_text_where_tls_is_expected_is_tried_again(authority: Authority) -> None:
    with mail_server() as mail:
        given = replace(settings(mail, "tls", ca_file=str(authority.ca_file)), timeout=Duration(1))
        assert not failure(given).permanent


def test_a_ca_file_that_is_not_there_is_permanent() -> None:
    with mail_server() as mail:
        error = failure(settings(mail, "tls", ca_file="/nowhere/ca.pem"))
    assert error.permanent
    assert "ca_file" in str(error)


def test_a_message_sent_twice_bears_the_same_id_and_bytes() -> None:
    with mail_server() as mail:
        mail.answers["DATA"], mail.keep_dropped = "DROP", True
        channel = email_channel(settings(mail))
        message = message_for(channel)
        with pytest.raises(DeliveryError) as raised:
            channel.send(message)
        assert raised.value.ambiguous
        channel.send(replace(message, attempts=1, ambiguous=True))
    first, second = (envelope.original_content for envelope in mail.envelopes)
    assert first == second


def test_what_was_in_doubt_stays_in_doubt_when_the_server_is_gone() -> None:
    with mail_server() as mail:
        channel = email_channel(settings(mail))
        message = replace(message_for(channel), ambiguous=True)
    with pytest.raises(DeliveryError) as raised:
        channel.send(message)
    assert raised.value.ambiguous


def test_the_date_is_that_of_the_first_try() -> None:
    first = datetime(2026, 2, 1, 9, 30, tzinfo=UTC)
    with mail_server() as mail:
        channel = email_channel(settings(mail))
        channel.send(replace(message_for(channel), first_tried_at=first))
    assert mail.messages[0]["Date"].datetime == first


def test_a_domain_beyond_ascii_needs_no_help_of_the_server() -> None:
    with mail_server(utf8=False) as mail:
        channel = email_channel(settings(mail))
        channel.send(message_for(channel, "mia@plötline.test"))
    assert mail.envelopes[0].rcpt_tos == ["mia@xn--pltline-b1a.test"]


def test_a_name_beyond_ascii_before_the_at_sign_uses_smtputf8() -> None:
    with mail_server() as mail:
        channel = email_channel(settings(mail))
        channel.send(message_for(channel, "jörg@plotline.test"))
    assert mail.envelopes[0].rcpt_tos == ["jörg@plotline.test"]
    assert "SMTPUTF8" in mail.envelopes[0].mail_options
    assert mail.messages[0]["To"] == "jörg@plotline.test"


def test_a_plain_address_asks_for_nothing_special() -> None:
    with mail_server() as mail:
        channel = email_channel(settings(mail))
        channel.send(message_for(channel))
    assert mail.envelopes[0].mail_options == []


def test_a_server_without_smtputf8_refuses_a_name_beyond_ascii_for_good() -> None:
    with mail_server(utf8=False) as mail:
        error = failure(settings(mail), "jörg@plotline.test")
    assert error.permanent
    assert "jörg@plotline.test" in str(error)


@pytest.mark.parametrize(
    "address",
    ["", "mia", "@plotline.test", "mia@", "#pql-emea", "mia@plotline.test\r\nBcc: eve@evil.test", "mia@exa mple.test"],
)
def test_what_is_no_address_is_refused_for_good(address: str) -> None:
    with mail_server() as mail:
        error = failure(settings(mail), address)
    assert error.permanent
    assert mail.envelopes == []


def test_a_reply_threads_in_mail_clients() -> None:
    with mail_server() as mail:
        channel = email_channel(settings(mail))
        rendered = channel.render(sample())
        first = channel.send(outgoing(rendered))
        reply = outgoing(channel.render(sample(Subject.MOMENT)), delivery_id="delivery-2")
        title = str(rendered.payload["subject"])
        channel.send(replace(reply, thread=first.reference, thread_subject=title))
    answer = mail.messages[1]
    assert (answer["In-Reply-To"], answer["References"]) == (first.reference, first.reference)
    assert answer["Subject"] == f"Re: {title}"
    assert answer["Message-ID"] != first.reference
    assert sample(Subject.MOMENT).title in part(answer, "plain")


def test_a_reply_to_what_was_never_sent_is_a_message_of_its_own() -> None:
    with mail_server() as mail:
        channel = email_channel(settings(mail))
        reply = outgoing(channel.render(sample(Subject.MOMENT)))
        channel.send(replace(reply, thread="C0EMEA:1769864700.000100", thread_subject="x\r\nBcc: eve@evil.test"))
    assert mail.messages[0]["In-Reply-To"] is None
    assert mail.messages[0]["Bcc"] is None
