"""Whatever the data, a message is whole: Slack would take it, a mail client can read it, a page shows it."""

import json
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pql.domain.messages import Alert, Line, Link, Outgoing, Person, Reason, Section, Subject
from pql.notify.email.message import compose, parse_address
from pql.notify.email.render import render_email
from pql.notify.file.slack_html import blocks_html, blocks_text
from pql.notify.slack.render import render_slack
from pql.notify.templates import Templates
from tests.notifiers import starter_templates
from tests.servers.slack_blocks import faults_of
from tests.unit.notify.strategies import alerts, texts

SLACK = Templates("slack", starter_templates()["slack"])
EMAIL = Templates("email", starter_templates()["email"])
SENDER = parse_address("PQL <pql@plotline.test>")
VOID = {"meta", "br", "hr", "img", "link", "input"}
GMAIL_CLIPS_AT = 102 * 1024
many = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


class Balance(HTMLParser):
    """Fails on an element that is not closed in order; notes what a mail client must not get."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.links: list[str] = []
        self.elements: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read_html(page: str) -> Balance:
    balance = Balance()
    balance.feed(page)
    balance.close()
    assert balance.open == []
    return balance


def slack_message(payload: dict[str, Any]) -> dict[str, Any]:
    metadata = {"event_type": "pql_notification", "event_payload": {"delivery_id": "1"}}
    shown = {key: payload[key] for key in ("text", "blocks")}
    return {"channel": "C1", **shown, "metadata": metadata, "unfurl_links": False, "unfurl_media": False}


@many
@given(alerts)
def test_slack_takes_every_message(alert: Alert) -> None:
    payload = render_slack(SLACK, alert)
    assert faults_of(slack_message(payload)) == []
    assert len(json.dumps(payload["blocks"], ensure_ascii=False)) <= 13_000


@many
@given(alerts)
def test_every_email_is_read_back_as_it_was_written(alert: Alert) -> None:
    payload = render_email(EMAIL, alert)
    outgoing = Outgoing(delivery_id="1", channel="email", address="mia@plotline.test", payload=payload)
    written = compose(outgoing, sender=SENDER, recipient=parse_address("mia@plotline.test")).as_bytes()
    assert max(len(line) for line in written.split(b"\r\n")) <= 998
    message = message_from_bytes(written, policy=default)
    assert message["Subject"].strip() == str(payload["subject"]).strip()
    assert message["Bcc"] is None
    assert message.defects == []
    for kind, key in (("plain", "text"), ("html", "html")):
        body = message.get_body((kind,))
        assert body is not None
        assert body.get_content().replace("\r\n", "\n") == payload[key]


@many
@given(alerts)
def test_every_html_is_sound_and_without_scripts(alert: Alert) -> None:
    html = str(render_email(EMAIL, alert)["html"])
    page = read_html(html)
    assert page.elements.isdisjoint({"script", "img", "iframe", "object", "form", "svg"})
    assert all(link.startswith(("https://", "http://", "mailto:")) for link in page.links)
    assert len(html.encode()) < GMAIL_CLIPS_AT


@pytest.mark.parametrize("subject", Subject)
@pytest.mark.parametrize("text", ["&" * 10_000, '"' * 10_000, "👍" * 5_000, "Z" + "\u0335\u0321" * 300])
def test_the_longest_texts_in_the_longest_lists_make_no_mail_that_is_cut_off(text: str, subject: Subject) -> None:
    line = Line(name=text, grade=text, words=text, url="https://a.test/" + "&" * 1900)
    alert = Alert(
        subject=subject,
        lead_id=text,
        lead_name=text,
        title=text,
        why_now=text,
        as_of=datetime(2026, 1, 31, 13, 5, tzinfo=UTC),
        time_zone="Europe/Berlin",
        recipient_name=text,
        fit_words=text,
        reasons=(Reason(title=text, words=text, norm=text),) * 6,
        people=(Person(name=text, email=text, role=text, why=text),) * 4,
        play=text,
        links=(Link(label=text, url=line.url),) * 30,
        decided=text,
        rows=((text, text, text),) * 30,
        facts=((text, text),) * 12,
        sections=(Section(title=text, lines=(line,) * 20, more=3),) * 10,
    )
    html = str(render_email(EMAIL, alert)["html"])
    read_html(html)
    assert len(html.encode()) < GMAIL_CLIPS_AT


@many
@given(alerts)
def test_every_slack_message_has_a_sound_preview(alert: Alert) -> None:
    payload = render_slack(SLACK, alert)
    blocks: Any = payload["blocks"]
    page = read_html(blocks_html(blocks))
    assert page.elements <= {"p", "div", "a", "b", "i", "s", "code", "br", "hr", "blockquote"}
    assert blocks_text(payload).strip()


@many
@given(texts)
def test_no_line_of_data_becomes_a_line_of_the_text_part(name: str) -> None:
    alert = Alert(
        subject=Subject.CHECK_IN,
        lead_id="1",
        lead_name=name,
        title=name,
        why_now=name,
        as_of=datetime(2026, 1, 31, tzinfo=UTC),
        time_zone="UTC",
        plan=name,
    )
    assert len(str(render_email(EMAIL, alert)["text"]).splitlines()) <= 6


@given(st.data())
@settings(max_examples=20, deadline=None)
def test_rendering_twice_gives_the_same(data: st.DataObject) -> None:
    alert = data.draw(alerts)
    assert render_slack(SLACK, alert) == render_slack(SLACK, alert)
    assert render_email(EMAIL, alert) == render_email(EMAIL, alert)
