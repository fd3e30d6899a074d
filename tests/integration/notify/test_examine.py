"""Whether channels will take messages, asked of real servers; nothing is sent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from pql.app import utc_now
from pql.config.settings import EmailSettings, Notifiers, SlackSettings, WebhookSettings
from pql.domain.durations import Duration
from pql.domain.health import Examined, State
from pql.notify.examining import examine_channels
from tests.notifiers import starter_templates
from tests.servers.slack import TOKEN, Conversation, Fault, SlackServer, slack_server
from tests.servers.smtp import PASSWORD, USERNAME, MailServer, mail_server
from tests.servers.webhook import SECRET, WebhookServer, webhook_server

REPS = ("mia", "owen", "dana")
NAMED = ("pql-emea", "pql-americas", "pql-apac")


@dataclass
class Place:
    """Settings, and the servers that they speak of."""

    slack: SlackServer
    mail: MailServer
    receiver: WebhookServer
    email: EmailSettings
    webhook: WebhookSettings

    def found(self) -> Mapping[str, Examined]:
        notifiers = Notifiers(
            slack=SlackSettings(token=TOKEN, base_url=self.slack.base_url, timeout=Duration(5)),
            email=self.email,
            webhook=self.webhook,
            templates={"slack": starter_templates()["slack"]},
        )
        people = [f"{name}@plotline.test" for name in REPS[1:]] + ["U0MIA"]
        channels = ["C0", *(f"#{name}" for name in NAMED)]
        found = [*examine_channels(notifiers, utc_now(), slack_channels=channels, people=people)]
        shown = repr(found)
        assert not [secret for secret in (TOKEN, PASSWORD, SECRET, "/hooks/pql") if secret in shown]
        assert (self.slack.messages, self.mail.messages, self.receiver.calls) == ([], [], 0)
        return {one.what: one for one in found}


@pytest.fixture
def place() -> Iterator[Place]:
    with slack_server() as slack, mail_server() as mail, webhook_server() as receiver:
        slack.users = {f"{name}@plotline.test": f"U0{name.upper()}" for name in REPS}
        slack.conversations = {f"C{number}": Conversation(f"C{number}", name) for number, name in enumerate(NAMED)}
        email = EmailSettings(host="127.0.0.1", port=mail.port, security="none", sender="PQL <pql@plotline.test>")
        webhook = WebhookSettings(url=receiver.url, secrets=(SECRET,), allow_http=True, allow_private=("localhost",))
        yield Place(slack, mail, receiver, email, webhook)


def failures(found: Mapping[str, Examined]) -> dict[str, str]:
    return {what: one.words for what, one in found.items() if one.state is State.FAILED}


def test_where_all_is_well_nothing_fails(place: Place) -> None:
    found = place.found()
    assert failures(found) == {}
    assert len(found) == 3 + 4 + 3 + 2 + 3 + 1


def test_what_fails_has_its_cure(place: Place) -> None:
    place.slack.fail("auth.test", Fault(error="invalid_auth"))
    found = place.found()
    assert "invalid_auth" in found["Slack: token"].words
    assert "SLACK_BOT_TOKEN" in found["Slack: token"].cure
    assert not [what for what in found if what.startswith("Slack: #")]


def test_a_missing_scope_is_named(place: Place) -> None:
    place.slack.scopes = place.slack.scopes.replace("im:write,", "")
    assert failures(place.found()) == {"Slack: scopes": "missing: im:write"}


def test_every_channel_that_routing_names_must_be_there_and_have_the_app_in_it(place: Place) -> None:
    place.slack.conversations["C0"].member = False
    place.slack.conversations["C1"].archived = True
    del place.slack.conversations["C2"]
    found = failures(place.found())
    assert set(found) == {"Slack: C0", "Slack: #pql-emea", "Slack: #pql-americas", "Slack: #pql-apac"}
    assert "not in the channel" in found["Slack: #pql-emea"]
    assert "archived" in found["Slack: #pql-americas"]
    assert "no such channel" in found["Slack: #pql-apac"]


def test_every_rep_must_be_found_and_still_be_there(place: Place) -> None:
    del place.slack.users["owen@plotline.test"]
    place.slack.deleted.add("U0MIA")
    assert set(failures(place.found())) == {"Slack: owen@plotline.test", "Slack: U0MIA"}


def test_a_slack_that_asks_to_wait_is_no_failure(place: Place) -> None:
    place.slack.fail("users.lookupByEmail", Fault(error="ratelimited", retry_after="30"))
    found = place.found()
    assert failures(found) == {}
    assert "3 were not looked up" in found["Slack: people"].words


@pytest.mark.parametrize(
    ("seconds", "state"), [(0, State.OK), (60, State.WARNING), (-60, State.WARNING), (900, State.FAILED)]
)
def test_clocks_that_differ_are_told(place: Place, seconds: float, state: State) -> None:
    place.slack.clock_ahead = seconds
    assert place.found()["Clock"].state is state


def test_a_mail_server_that_does_not_let_us_in_is_told_without_the_password(place: Place) -> None:
    place.email = replace(place.email, username=USERNAME, password=PASSWORD)
    found = place.found()
    assert "Email: server" in failures(found)


def test_a_sender_that_the_server_does_not_take_is_told(place: Place) -> None:
    place.mail.answers["MAIL"] = "550 5.7.1 not yours"
    found = place.found()
    assert "not yours" in failures(found)["Email: sender"]
    assert "sender" in found["Email: sender"].cure


def test_a_sender_that_is_nobodys_domain_is_warned_of(place: Place) -> None:
    assert place.found()["Email: sender"].state is State.WARNING


def test_a_webhook_into_the_private_network_is_told(place: Place) -> None:
    place.webhook = replace(place.webhook, allow_private=())
    assert "not on the public internet" in failures(place.found())["Webhook: address"]
