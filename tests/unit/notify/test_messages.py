"""What a rep reads, subject by subject and channel by channel, and what a template may do."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from pql.domain.messages import Alert, Link, Outgoing, Person, Subject
from pql.errors import ConfigError
from pql.notify.checking import check_templates
from pql.notify.email.message import compose, parse_address
from pql.notify.email.render import render_email
from pql.notify.file.slack_html import blocks_text
from pql.notify.slack.render import render_slack
from pql.notify.templates import TemplateError, Templates
from tests.notifiers import sample, starter_templates
from tests.servers.slack_blocks import faults_of
from tests.unit.notify.golden import assert_golden

STARTER = starter_templates()


def slack(alert: Alert, **changed: str) -> dict[str, Any]:
    return render_slack(Templates("slack", {**STARTER["slack"], **changed}), alert)


def slack_template(written: str) -> dict[str, Any]:
    return slack(sample(), **{"qualification.json.j2": written})


def email(alert: Alert) -> dict[str, Any]:
    return render_email(Templates("email", STARTER["email"]), alert)


@pytest.mark.parametrize("subject", Subject)
def test_the_slack_message_is_as_expected(subject: Subject) -> None:
    payload = slack(sample(subject))
    shown = {key: payload[key] for key in ("text", "blocks")}
    assert_golden(f"{subject}.slack.json", json.dumps(shown, ensure_ascii=False, indent=2) + "\n")
    metadata = {"event_type": "pql_notification", "event_payload": {"delivery_id": "1"}}
    assert (
        faults_of({**shown, "channel": "C1", "metadata": metadata, "unfurl_links": False, "unfurl_media": False}) == []
    )


@pytest.mark.parametrize("subject", Subject)
def test_the_email_is_as_expected(subject: Subject) -> None:
    payload = email(sample(subject))
    assert_golden(f"{subject}.email.txt", f"Subject: {payload['subject']}\n\n{payload['text']}")
    assert_golden(f"{subject}.email.html", payload["html"])


def test_the_whole_email_is_as_expected() -> None:
    outgoing = Outgoing(
        delivery_id="episode:17:mia@plotline.test:email",
        channel="email",
        address="mia@plotline.test",
        payload=email(sample(Subject.CHECK_IN)),
    )
    sender, recipient = parse_address("PQL <pql@plotline.test>"), parse_address("mia@plotline.test")
    written = compose(outgoing, sender=sender, recipient=recipient).as_bytes().decode("ascii")
    assert_golden("check_in.eml", written.replace("\r\n", "\n"))


@pytest.mark.parametrize("subject", Subject)
def test_every_channel_tells_all_that_matters(subject: Subject) -> None:
    alert = sample(subject)
    payload = email(alert)
    wanted = [alert.title, alert.why_now, alert.play, alert.decided]
    wanted += [part for reason in alert.reasons[:4] for part in (reason.title, reason.words, reason.norm)]
    wanted += [part for person in alert.people for part in (person.name, person.email, person.role, person.why)]
    wanted += [part for link in alert.links for part in (link.label, link.url)]
    wanted += [part for fact in alert.facts for part in fact] + [part for row in alert.rows for part in row]
    lines = [line for section in alert.sections for line in section.lines]
    wanted += [part for line in lines for part in (line.name, line.grade, line.words, line.url)]
    wanted += [f"and {section.more} more" for section in alert.sections if section.more]
    for text in (blocks_text(slack(alert)), payload["text"]):
        assert [part for part in wanted if part not in text] == []


def test_a_button_without_a_safe_link_is_left_out() -> None:
    links = (Link(label="Run", url="javascript:alert(1)"), Link(label="Here", url="/accounts/1"))
    alert = replace(sample(), links=links)
    assert not any(block["type"] == "actions" for block in slack(alert)["blocks"])
    assert "javascript" not in email(alert)["html"]


def test_a_person_without_an_email_is_still_named() -> None:
    alert = replace(sample(), people=(Person(name="Dana", email="", role="", why=""),))
    assert "Dana" in blocks_text(slack(alert))
    assert "mailto:" not in email(alert)["html"]


def test_a_mention_in_a_name_rings_nobody() -> None:
    payload = slack(replace(sample(), why_now="<!here> @channel ring", title="@everyone <!channel>"))
    assert "<!" not in payload["text"] + payload["blocks"][2]["text"]["text"]
    assert "@channel" not in payload["blocks"][2]["text"]["text"]
    assert "@everyone" not in payload["text"]
    assert payload["blocks"][0]["text"]["text"] == "@everyone <!channel>"  # nothing is markup in a header


def test_markup_in_a_name_stays_plain() -> None:
    payload = slack(replace(sample(), why_now="*no bold* snake_case _no italic_ ~x~ `y` R&D <b>"))
    assert payload["blocks"][2]["text"]["text"] == (
        "\u2217no bold\u2217 snake_case \u02cdno italic\u02cd \u223cx\u223c \u02cby\u02cb R&amp;D &lt;b&gt;"
    )


def test_html_in_a_name_is_escaped_in_html_and_plain_in_text() -> None:
    payload = email(replace(sample(), title="<b>Acme</b> & Co"))
    assert "&lt;b&gt;Acme&lt;/b&gt; &amp; Co" in payload["html"]
    assert "<b>Acme" not in payload["html"]
    assert payload["subject"] == "<b>Acme</b> & Co"
    assert payload["text"].startswith("<b>Acme</b> & Co\n")


def test_a_line_break_in_a_title_makes_no_header() -> None:
    payload = email(replace(sample(), title="Acme\r\nBcc: eve@evil.test"))
    assert payload["subject"] == "Acme Bcc: eve@evil.test"


def test_a_message_without_text_gets_the_leads_name() -> None:
    alert = Alert(
        subject=Subject.QUALIFICATION,
        lead_id="acc_1",
        lead_name="",
        title="",
        why_now="",
        as_of=sample().as_of,
        time_zone="nowhere",
    )
    assert slack(alert)["blocks"][0]["text"]["text"] == "acc_1"
    assert email(alert)["subject"] == "acc_1"


# What a template may do.


def test_a_trailing_comma_and_a_broken_line_are_fine_in_a_slack_template() -> None:
    written = '{"text": "a, ] b", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "one\ntwo,]"},},],}'
    assert slack_template(written)["blocks"][0]["text"]["text"] == "one\ntwo,]"


def test_a_condition_on_data_sees_the_data() -> None:
    written = (
        '{"text": "{{ alert.title if alert.stage == "trial" and alert.grade in ["A1"] else "no" }}", "blocks": []}'
    )
    assert slack_template(written)["text"] == sample().title


def test_a_link_in_a_template_takes_its_url_from_data() -> None:
    written = '{"text": "<{{ alert.links[1].url }}|{{ alert.lead_name }}>", "blocks": []}'
    assert slack_template(written)["text"] == (
        "<https://crm.plotline.test/companies/1042?tab=activity&amp;from=pql|Acme Corp>"
    )


def test_data_in_a_block_id_is_clipped() -> None:
    written = '{"text": "x", "blocks": [{"type": "divider", "block_id": "{{ alert.title * 50 }}"}]}'
    assert len(slack_template(written)["blocks"][0]["block_id"]) == 255


@pytest.mark.parametrize(
    ("written", "line", "told"),
    [
        pytest.param('{"text":\n "{{ alert.titel }}", "blocks": []}', 2, "titel", id="an unknown name"),
        pytest.param('{"text":\n\n "{{ alert.title ", "blocks": []}', 3, "", id="a hole that is not closed"),
        pytest.param("{{ alert.title.__class__.__mro__ }}", 1, "SecurityError", id="a way out of the sandbox"),
        pytest.param('{"text": "{{ 1 / 0 }}"}', 1, "ZeroDivisionError", id="a sum that has no result"),
        pytest.param('{"text": "x" "blocks": []}', 0, "JSON", id="no JSON"),
        pytest.param("[]", 0, '"blocks"', id="JSON of another shape"),
        pytest.param('{"text": "x", "blocks": ["y"]}', 0, '"blocks"', id="a block that is none"),
        pytest.param(
            '{"text": "x", "blocks": [{"type": "context", "elements": [1]}]}', 0, "shape", id="no text object"
        ),
        pytest.param('{% import "nowhere.j2" as parts %}', 0, "no such template", id="an import from nowhere"),
    ],
)
def test_a_bad_template_is_told_with_its_place(written: str, line: int, told: str) -> None:
    with pytest.raises(TemplateError) as raised:
        slack_template(written)
    assert isinstance(raised.value, ConfigError)
    assert raised.value.line == line
    assert told in str(raised.value)
    name = "nowhere.j2" if "nowhere" in written else "qualification.json.j2"
    assert str(raised.value).startswith(f"notifiers/slack/{name}:")


def test_an_error_in_an_imported_template_names_that_one() -> None:
    parts = STARTER["slack"]["_parts.json.j2"].replace("alert.why_now", "alert.why_then")
    with pytest.raises(TemplateError) as raised:
        slack(sample(), **{"_parts.json.j2": parts})
    assert raised.value.path == "notifiers/slack/_parts.json.j2"
    assert raised.value.line > 1


def test_the_starters_templates_have_no_problem() -> None:
    assert check_templates(STARTER) == ()


def test_each_bad_template_is_one_problem() -> None:
    sources: dict[str, Mapping[str, str]] = {
        "slack": {**STARTER["slack"], "moment.json.j2": '{"text": "{{ alert.nothing }}", "blocks": []}'},
        "email": {name: text for name, text in STARTER["email"].items() if name != "baseline.subject.j2"},
    }
    problems = check_templates(sources)
    assert [problem.path for problem in problems] == [
        "notifiers/email/baseline.subject.j2",
        "notifiers/slack/moment.json.j2",
    ]


def test_a_template_that_only_fails_on_a_bare_alert_is_found() -> None:
    written = '{"text": "{{ alert.reasons[0].title }}", "blocks": []}'
    problems = check_templates({"slack": {**STARTER["slack"], "qualification.json.j2": written}})
    assert [problem.path for problem in problems] == ["notifiers/slack/qualification.json.j2"]
