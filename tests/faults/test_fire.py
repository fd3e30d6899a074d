"""Nothing is lost and nothing is doubled, whatever fails and whoever is killed; the long run is bench/faults.py."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.faults.counting import Outcome
from tests.faults.fire import Fire, Scene, burn, died_after, points, quiet, scene
from tests.faults.notifications import refused
from tests.faults.troubles import Disk, LongFiles, NoPages


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres_state")) if request.param == "postgresql" else "sqlite:///state.db"


@pytest.fixture
def at(tmp_path: Path, url: str) -> Iterator[Scene]:
    with scene(tmp_path, url) as made:
        yield made


def restarted(url: str) -> Callable[[], None]:
    """Every connection to the database ends, as when its server restarts."""

    def cut() -> None:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    return cut if url.startswith("postgresql") else lambda: None


def sound(outcome: Outcome, notifications: int) -> None:
    """What is promised: nothing lost, nothing doubled for who can be asked or keeps the keys, and both counts agree."""
    gone = sum(refused(number) for number in range(notifications))
    assert outcome.lost == ()
    assert outcome.doubled_in_slack == ()
    assert outcome.statuses == {"sent": notifications - gone, **({"failed": gone} if gone else {})}
    assert (outcome.unmarked, outcome.invented, outcome.out_of_order) == (0, 0, 0)
    assert (outcome.other_ids, outcome.other_bodies) == (0, 0)
    assert outcome.arrived == notifications - gone


def test_under_fire_nothing_is_lost_and_nothing_doubled(at: Scene, url: str) -> None:
    sqlite = url.startswith("sqlite")  # where only one may serve
    disks: list[Disk] = [LongFiles(), NoPages(at.folder)] if sqlite else []
    fire = Fire(
        notifications=60,
        processes=1 if sqlite else 2,
        share=0.06,
        trouble=0.003,
        seed=7,
        every=2.0,
        steps=(-3, 0, 3),
        begins=datetime(2026, 10, 25, 0, 59, 55, tzinfo=UTC) if sqlite else None,  # five seconds before 02:00 again
    )
    outcome = burn(at, fire, trouble=restarted(url), disks=disks)
    sound(outcome, fire.notifications)
    # What nobody knows to have been taken is sent again, under the same id; and no other is.
    assert outcome.repeated_emails <= outcome.unanswered_data + outcome.faults["killed"] * 4
    unknown = outcome.faults["webhook, kept and not answered"] + outcome.faults["killed"] * 4
    assert outcome.repeated_webhooks <= unknown
    assert outcome.faults["killed"] > 0
    assert not sqlite or outcome.faults.keys() & {disk.name for disk in disks}


def test_a_process_that_is_killed_at_a_commit_or_a_send_loses_and_doubles_nothing(at: Scene) -> None:
    notifications, outcome = points(at, step=7)  # each in turn: `python -m bench.faults --points`
    assert outcome.faults["killed"] >= 4
    sound(outcome, notifications)
    assert outcome.repeated_emails <= 3
    assert outcome.repeated_webhooks <= 3


def test_what_slack_took_before_the_process_died_is_found_there_and_not_sent_again(at: Scene) -> None:
    outcome = died_after(at, "slack")
    sound(outcome, 6)
    assert outcome.reconciled == 1


def test_an_email_that_was_taken_before_the_process_died_goes_again_under_the_same_id(at: Scene) -> None:
    outcome = died_after(at, "email")
    sound(outcome, 6)
    assert (outcome.emails, outcome.repeated_emails) == (2, 1)  # of the two, the first is to a mailbox that is gone


def test_a_webhook_that_was_taken_before_the_process_died_goes_again_under_the_same_key(at: Scene) -> None:
    outcome = died_after(at, "webhook")
    sound(outcome, 6)
    assert (outcome.webhooks, outcome.repeated_webhooks) == (3, 1)


@pytest.mark.parametrize("url", ["sqlite:///state.db"])
def test_a_message_that_is_taken_away_counts_as_lost_and_one_that_is_added_as_doubled(at: Scene) -> None:
    outcome = quiet(at, Fire(notifications=4))
    sound(outcome, 4)
    first, second = at.servers.slack.messages
    at.servers.slack.conversations[first["channel"]].messages.remove(first)
    at.servers.slack.conversations[second["channel"]].messages.append(second)
    (hook,) = at.servers.webhook.taken
    at.servers.webhook.taken.append(replace(hook, bytes=b"{}"))
    at.count(4, outcome)
    assert (len(outcome.lost), len(outcome.doubled_in_slack), outcome.invented) == (1, 1, 1)
    assert (outcome.repeated_webhooks, outcome.other_bodies) == (1, 1)
