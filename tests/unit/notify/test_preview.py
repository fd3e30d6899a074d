"""What a preview shows of Slack's formats."""

import pytest

from pql.notify.file.page import Entry, index_page
from pql.notify.file.slack_html import blocks_html, mrkdwn_html


@pytest.mark.parametrize(
    ("mrkdwn", "html"),
    [
        ("plain", "plain"),
        ("*bold* and _italic_ and ~gone~", "<b>bold</b> and <i>italic</i> and <s>gone</s>"),
        ("snake_case_name 2*3*4", "snake_case_name 2*3*4"),
        ("`a *b*`", "<code>a <b>b</b></code>"),
        ("<https://a.test/?x=1&amp;y=_2_|the _link_>", '<a href="https://a.test/?x=1&amp;y=_2_">the <i>link</i></a>'),
        ("*<https://a.test|Acme>*", '<b><a href="https://a.test">Acme</a></b>'),
        ("<mailto:a@b.test|Dana>", '<a href="mailto:a@b.test">Dana</a>'),
        ("<https://a.test>", '<a href="https://a.test">https://a.test</a>'),
        ("1 &lt; 2 &amp;amp; 3", "1 &#60; 2 &amp;amp; 3"),
        ("&lt;https://evil.test|x&gt;", "&#60;https://evil.test|x&#62;"),
        ('<script>"', "&lt;script&gt;&quot;"),
        ("one\ntwo", "one<br>two"),
        ("&gt; said", "<blockquote>said</blockquote>"),
        ("\x000\x00", "0"),
    ],
)
def test_mrkdwn_is_shown_as_slack_shows_it(mrkdwn: str, html: str) -> None:
    assert mrkdwn_html(mrkdwn) == html


def test_a_block_that_the_preview_does_not_know_is_named() -> None:
    assert "rich_text" in blocks_html([{"type": "rich_text"}])


def test_the_list_escapes_what_it_shows() -> None:
    entry = Entry(folder="2026-01-31-x", title="<b>x</b>", kind="check_in", to="<i>", at="2026-01-31T13:05:00+00:00")
    page = index_page([entry])
    assert "&lt;b&gt;x" in page
    assert "<i>" not in page
    assert 'href="2026-01-31-x/preview.html"' in page
