"""Slack's limits on whole blocks."""

from typing import Any

import pytest

from pql.notify.slack.limits import TOTAL, fit_limits, fit_text
from pql.notify.slack.mrkdwn import clip_mrkdwn, guard, length, settle_mrkdwn
from tests.servers.slack_blocks import faults_of


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(label: str = "Open", **parts: Any) -> dict[str, Any]:
    text = {"type": "plain_text", "text": label}
    return {"type": "button", "text": text, "action_id": "a", "url": "https://a.test", **parts}


def faults(blocks: list[dict[str, Any]]) -> list[str]:
    metadata = {"event_type": "x", "event_payload": {}}
    rest = {"channel": "C1", "text": "x", "unfurl_links": False, "unfurl_media": False, "metadata": metadata}
    return faults_of({"blocks": blocks, **rest})


@pytest.mark.parametrize(
    "block",
    [
        pytest.param({"type": "header", "text": {"type": "plain_text", "text": "x" * 151}}, id="a long header"),
        pytest.param(section("x" * 3001), id="a long section"),
        pytest.param(section("👍" * 1600), id="emoji count twice"),
        pytest.param(section("<https://a.test|" + "x" * 3000 + ">"), id="a link longer than its section"),
        pytest.param({"type": "section", "fields": [section("x" * 2001)["text"]] * 11}, id="many long fields"),
        pytest.param({"type": "context", "elements": [section("x")["text"]] * 11}, id="many elements"),
        pytest.param({"type": "actions", "elements": [button("x" * 76)]}, id="a long button"),
        pytest.param({"type": "actions", "elements": [button(action_id="x" * 256)]}, id="a long action id"),
        pytest.param({"type": "actions", "elements": [button(url="https://a.test/" + "x" * 3000)]}, id="a long url"),
        pytest.param(
            {"type": "actions", "elements": [button(action_id=f"a{number}") for number in range(26)]}, id="many buttons"
        ),
        pytest.param({"type": "divider", "block_id": "x" * 256}, id="a long block id"),
        pytest.param(section(""), id="an empty text"),
        pytest.param({"type": "section", "fields": [{"type": "mrkdwn", "text": " "}]}, id="an empty field"),
        pytest.param({**section("x"), "accessory": button("x" * 99)}, id="a long accessory"),
    ],
)
def test_what_slack_would_refuse_is_made_to_fit(block: dict[str, Any]) -> None:
    assert faults([block]) != []
    assert faults(fit_limits([block])) == []


def test_more_than_fifty_blocks_are_cut() -> None:
    assert len(fit_limits([section(f"{number}") for number in range(80)])) == 50


def test_the_whole_stays_below_what_slack_takes_and_keeps_its_ends() -> None:
    fitted = fit_limits([section("first"), *[section("x" * 3000)] * 48, section("last")])
    assert length(str(fitted)) <= TOTAL
    assert (fitted[0]["text"]["text"], fitted[-1]["text"]["text"]) == ("first", "last")


def test_blocks_that_fit_are_not_changed() -> None:
    blocks = [
        section("a"),
        {"type": "divider"},
        {"type": "image", "image_url": "https://a.test/x.png", "alt_text": "x"},
    ]
    fitted = fit_limits(blocks)
    assert fitted == [{**section("a"), "text": {"type": "mrkdwn", "text": "a", "verbatim": True}}, *blocks[1:]]


def test_the_fallback_has_at_most_4000_characters() -> None:
    assert length(fit_text(guard("&" * 5000))) <= 4000


@pytest.mark.parametrize(
    ("text", "limit", "clipped"),
    [
        pytest.param("a &amp; b", 9, "a &amp; b", id="what fits stays"),
        pytest.param("abc&amp;def", 8, "abc…", id="an escape is whole or gone"),
        pytest.param("ab <https://a.test|link> cd", 20, "ab…", id="a link is whole or gone"),
        pytest.param("*bold and more*", 9, "*bold a…*", id="bold is closed again"),
        pytest.param("👍👍👍", 5, "👍…", id="emoji count twice"),
    ],
)
def test_mrkdwn_is_clipped_between_its_parts(text: str, limit: int, clipped: str) -> None:
    assert clip_mrkdwn(text, limit) == clipped


def test_a_quotation_in_data_is_none_in_slack() -> None:
    assert settle_mrkdwn(guard("> not quoted")) == "\u2060&gt; not quoted"


def test_a_bar_or_bracket_in_data_cannot_change_where_a_link_leads() -> None:
    held = guard("https://a.test/x|y>z")
    assert settle_mrkdwn(f"<{held}|{guard('a|b>c')}>") == "<https://a.test/x%7Cy%3Ez|a\u2223b&gt;c>"
