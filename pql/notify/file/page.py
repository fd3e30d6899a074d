"""The pages to look at messages with: one for each message, and the list of all. No scripts, nothing from outside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby

from pql.notify.file.slack_html import blocks_html

_STYLE = """
:root { color-scheme: light dark; --back: #f4f4f6; --card: #fff; --text: #1d1c1d; --soft: #616061; --line: #dddde0;
  --link: #1264a3; --primary: #007a5a; }
@media (prefers-color-scheme: dark) {
  :root { --back: #131416; --card: #1a1d21; --text: #d1d2d3; --soft: #ababad; --line: #35373b; --link: #1d9bd1;
    --primary: #148567; }
}
* { box-sizing: border-box; }
body { margin: 0; padding: 16px; background: var(--back); color: var(--text);
  font: 15px/1.46 Lato, "Helvetica Neue", Helvetica, Arial, sans-serif; overflow-wrap: anywhere; }
main { max-width: 1320px; margin: 0 auto; }
h1 { font-size: 20px; margin: 0 0 4px; } h2 { font-size: 13px; margin: 24px 0 8px; color: var(--soft); }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
.note { color: var(--soft); font-size: 13px; margin: 0 0 12px; }
.both { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px;
  align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; min-width: 0; }
.card > h2 { margin: 0; padding: 8px 16px; border-bottom: 1px solid var(--line); }
.slack { display: flex; gap: 8px; padding: 12px 16px 16px; }
.slack .face { flex: none; width: 36px; height: 36px; border-radius: 6px; background: #4a154b; color: #fff;
  font-weight: 700; display: grid; place-items: center; }
.slack .words { min-width: 0; max-width: 600px; }
.who { margin: 0; font-weight: 700; }
.who small { font-weight: 400; color: var(--soft); font-size: 12px; }
.who .app { background: var(--back); border-radius: 2px; padding: 1px 3px; font-size: 10px; font-weight: 700;
  margin: 0 4px; }
.header { font-size: 18px; font-weight: 700; margin: 4px 0 6px; } .section { margin: 0 0 8px; }
.fields { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 4px 16px;
  margin: 0 0 8px; }
.context { color: var(--soft); font-size: 13px; margin: 0 0 8px; }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin: 4px 0 10px; }
.button { border: 1px solid var(--line); border-radius: 4px; padding: 4px 12px; color: var(--text);
  font-weight: 700; font-size: 14px; }
.button.primary { background: var(--primary); border-color: var(--primary); color: #fff; }
blockquote { margin: 0; padding-left: 12px; border-left: 4px solid var(--line); } code { font-size: 12px; }
hr { border: 0; border-top: 1px solid var(--line); margin: 12px 0; }
iframe { display: block; width: 100%; height: 1080px; border: 0; background: var(--card); }
details { background: var(--card); border: 1px solid var(--line); border-radius: 8px; margin: 0 0 8px; }
summary { cursor: pointer; padding: 10px 16px; }
summary small { color: var(--soft); display: block; }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A message in the list; `at` is ISO, `folder` its folder's name."""

    folder: str
    title: str
    kind: str
    to: str
    at: str


def message_page(told: Mapping[str, str], slack: Mapping[str, object], email: Mapping[str, object]) -> str:
    """One message as Slack and as a mail client would show it, in one file that can be passed on.

    Args:
        told: `title`, `to` and `at` (ISO).
        slack: Slack's payload.
        email: The email's payload.
    """
    blocks = slack.get("blocks")
    shown = blocks_html(blocks) if isinstance(blocks, list) else ""
    time = told["at"][11:16]
    body = f"""<h1 dir="auto">{escape(told["title"])}</h1>
<p class="note">To {escape(told["to"])}, {escape(told["at"][:10])} {escape(time)} UTC</p>
<div class="both">
<section class="card"><h2>Slack</h2><div class="slack"><div class="face">P</div><div class="words">
<p class="who">PQL <span class="app">APP</span> <small>{escape(time)}</small></p>
{shown}
</div></div></section>
<section class="card"><h2 dir="auto">Email: {escape(str(email.get("subject", "")))}</h2>
<iframe srcdoc="{escape(str(email.get("html", "")))}" sandbox="allow-popups" title="The email"></iframe></section>
</div>"""
    return _page(told["title"], body)


def index_page(entries: Sequence[Entry]) -> str:
    """The list of messages, newest day first; each opens where it stands.

    Args:
        entries: In the order to be shown.
    """
    parts = [f'<h1>Messages</h1><p class="note">{len(entries)} shown, newest first. Nothing here was sent.</p>']
    for day, messages in groupby(entries, key=lambda entry: entry.folder[:10]):
        parts.append(f"<h2>{escape(day)}</h2>")
        parts.extend(_item(entry) for entry in messages)
    return _page("Messages", "\n".join(parts))


def _item(entry: Entry) -> str:
    page = f"{escape(entry.folder)}/preview.html"
    return f"""<details><summary dir="auto">{escape(entry.title)}
<small>{escape(entry.kind.replace("_", " "))} to {escape(entry.to)} · <a href="{page}">open</a></small></summary>
<iframe src="{page}" loading="lazy" title="{escape(entry.title)}"></iframe></details>"""


def _page(title: str, body: str) -> str:
    return _PAGE.format(title=escape(title), style=_STYLE, body=body)
