"""The Slack app that the docs tell people to make."""

import re
from pathlib import Path

from ruamel.yaml import YAML

from pql.notify.slack.examine import SCOPES

MANIFEST = Path(__file__).parents[3] / "docs" / "slack-app-manifest.yml"
# Of each method that is called, what Slack asks for (https://docs.slack.dev/reference/methods).
NEEDED: dict[str, set[str]] = {
    "auth.test": set(),
    "users.info": {"users:read"},
    "chat.postMessage": {"chat:write"},
    "users.lookupByEmail": {"users:read.email", "users:read"},
    "conversations.open": {"im:write"},
    "conversations.list": {"channels:read", "groups:read"},
    "conversations.history": {"channels:history", "groups:history", "im:history"},
    "conversations.replies": {"channels:history", "groups:history", "im:history"},
}


def test_the_app_may_do_what_the_channel_does_and_no_more() -> None:
    manifest = YAML(typ="safe").load(MANIFEST)
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == set().union(*NEEDED.values())


def test_the_channel_calls_no_other_methods() -> None:
    package = Path(__file__).parents[3] / "pql" / "notify" / "slack"
    source = "".join(path.read_text(encoding="utf-8") for path in package.glob("*.py"))
    assert set(re.findall(r'"((?:chat|conversations|users|auth)\.\w+)"', source)) == set(NEEDED)


def test_the_doctor_asks_for_all_scopes_of_the_manifest() -> None:
    assert set(YAML(typ="safe").load(MANIFEST)["oauth_config"]["scopes"]["bot"]) == SCOPES


def test_slack_takes_the_descriptions_length() -> None:
    assert len(YAML(typ="safe").load(MANIFEST)["display_information"]["description"]) <= 140
