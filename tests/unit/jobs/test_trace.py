"""A message can be followed through the log: from the run that decided it to the channel that took it."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pql.cli.logs import JsonLine
from pql.config.settings import StateSettings
from pql.domain.messages import Subject
from pql.jobs.deliver import Courier, deliver
from pql.jobs.trace import trace
from pql.store import Store, open_store
from pql.store.records import DecisionRecord, OutboxRecord, RunResults
from pql.testing import RecordingChannel, SteppingClock

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store(StateSettings(url="sqlite://"), Path())
    yield opened
    opened.close()


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log, as `pql serve --json-log` writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLine())
    logger = logging.getLogger("pql")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield written
    logger.removeHandler(handler)
    logger.setLevel(before)


def told(lines: io.StringIO) -> dict[str, dict[str, Any]]:
    """What was logged, by action."""
    return {record["action"]: record for record in map(json.loads, lines.getvalue().splitlines())}


def test_a_message_is_followed_by_its_ids_from_the_run_to_the_channel(store: Store, lines: io.StringIO) -> None:
    message = OutboxRecord(
        step_key="episode:1",
        lead_id="acme",
        subject=Subject.QUALIFICATION,
        recipient="mia@plotline.test",
        channel="file",
        address="mia@plotline.test",
        payload={"text": "a secret of theirs"},
        due_at=START,
    )
    decision = DecisionRecord(
        step_key="episode:1",
        lead_id="acme",
        subject=Subject.QUALIFICATION,
        at=START,
        outcome="sent",
        why="FIRST_TIME",
        words="for the first time",
        recipient="mia@plotline.test",
        channel="file",
    )
    run = store.begin_run("run", START, START)
    results = RunResults(definitions_hash="h", outbox=[message], decisions=[decision])
    trace(run, results, store.commit_run(run, results, START))
    clock = SteppingClock(START)
    deliver(Courier(store=store, channels={"file": RecordingChannel()}, clock=clock, wait=clock.wait))
    found = told(lines)
    assert {action: record["run_id"] for action, record in found.items()} == dict.fromkeys(
        ("decided", "message_enqueued", "run_committed", "message_sent"), run.id
    )
    for action in ("decided", "message_enqueued", "message_sent"):
        assert (found[action]["step_key"], found[action]["lead_id"]) == ("episode:1", "acme")
    assert found["message_enqueued"]["delivery_id"] == found["message_sent"]["delivery_id"] == message.delivery_id
    assert (found["run_committed"]["enqueued"], found["run_committed"]["level"]) == (1, "info")
    assert "secret" not in lines.getvalue()
    assert "mia@plotline.test" not in lines.getvalue()


def test_a_line_is_one_object_also_where_something_went_wrong(lines: io.StringIO) -> None:
    try:
        float("two\nlines")
    except ValueError:
        logging.getLogger("pql.test").exception("It failed", extra={"action": "failed"})
    record = told(lines)["failed"]
    assert (record["level"], record["message"]) == ("error", "It failed")
    assert "ValueError: could not convert" in record["exception"]
    assert record["at"].endswith("Z")
