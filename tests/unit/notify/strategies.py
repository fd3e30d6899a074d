"""Alerts made of the worst texts that people, and machines, put into names."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from pql.domain.messages import Alert, Line, Link, Person, Reason, Section, Subject

NASTY = (
    "",
    " ",
    "Acme & Söhne <b>GmbH</b>",
    "*bold* _it_ ~s~ `code` ```block```",
    "<!here> @here @channel @everyone <!channel|x> <@U0MIA> <https://evil.test|Open account>",
    "&lt;!here&gt; &amp;amp;",
    '"}, {"type": "divider"}, {"a": "',
    "\\",
    'back\\slash\\"',
    "{{ 7 * 7 }}{% raw %}",
    "two\nlines\r\nBcc: eve@evil.test\r\n\r\nbody",
    "> quoted\n> twice",
    ":fire: :+1:",
    "\0null\x07bell\x1b[31m",
    "half \ud83d of a pair \udc00",
    "\u202eright to left override\u2066",
    "שלום עולם",
    "مرحبا بالعالم",
    "株式会社さくら",
    "👩‍👩‍👧‍👦" * 40,
    "e\u0301" * 200,
    "Z" + "\u0335\u0321" * 300,
    "\ufdd0\ufdd5\uffff\ufeff\u2028\u2029\u200b",
    "x" * 10_000,
    "&" * 10_000,
    "<" * 10_000,
    "👍" * 5_000,
    "javascript:alert(1)",
)
texts = st.sampled_from(NASTY) | st.text(max_size=60) | st.text(alphabet='"\\&<>*_~`@:|\n{}%# ae\u0301👍', max_size=200)
URLS = (
    "https://a.test/x?a=1&b=2",
    "https://a.test/_x_/*y*~z",
    "javascript:alert(1)",
    "https://",
    "mailto:a@b.test",
    "/x",
)
urls = st.sampled_from(URLS) | texts.map("https://a.test/".__add__) | texts
reasons = st.builds(Reason, title=texts, words=texts, norm=texts)
people = st.builds(Person, name=texts, email=texts | texts.map("a@b.test".__add__), role=texts, why=texts)
links = st.builds(Link, label=texts, url=urls)


def several(items: st.SearchStrategy[object], most: int) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(items, max_size=most).map(tuple)


lines = st.builds(Line, name=texts, grade=texts, words=texts, url=urls)
sections = st.builds(Section, title=texts, lines=several(lines, 20), more=st.integers(0, 9))


alerts = st.builds(
    Alert,
    subject=st.sampled_from(Subject),
    lead_id=texts,
    lead_name=texts,
    title=texts,
    why_now=texts,
    as_of=st.just(datetime(2026, 1, 31, 13, 5, tzinfo=UTC)),
    time_zone=st.sampled_from(["Europe/Berlin", "America/New_York"]) | texts,
    recipient_name=texts,
    domain=texts,
    plan=texts,
    stage=texts,
    grade=texts,
    tier=texts,
    fit_words=texts,
    reasons=several(reasons, 6),
    people=several(people, 4),
    play=texts,
    links=several(links, 30),
    decided=texts,
    rows=several(st.tuples(texts, texts, texts), 30),
    facts=several(st.tuples(texts, texts), 12),
    sections=several(sections, 10),
)
