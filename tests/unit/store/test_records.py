from datetime import timedelta, timezone
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.config.settings import StateSettings
from pql.store import open_store
from pql.store.records import OutboxStatus, delivery_id, episode_id
from pql.store.values import chunks, clean, dumps, loads, plain
from tests.integration.store.samples import T0, commit, message, opened


def test_the_same_step_recipient_and_channel_have_the_same_id() -> None:
    assert delivery_id("q", "mia@x.test", "slack") == delivery_id("q", "mia@x.test", "slack")


@given(st.tuples(st.text(), st.text(), st.text()), st.tuples(st.text(), st.text(), st.text()))
def test_other_steps_recipients_or_channels_have_other_ids(
    one: tuple[str, str, str], two: tuple[str, str, str]
) -> None:
    assert (delivery_id(*one) == delivery_id(*two)) == (one == two)


def test_an_episode_is_the_same_in_every_time_zone() -> None:
    berlin = T0.astimezone(timezone(timedelta(hours=1)))
    assert episode_id("a", T0) == episode_id("a", berlin) == opened("a").id
    assert episode_id("a", T0) != episode_id("a", T0 + timedelta(microseconds=1))
    assert episode_id("a", T0) != episode_id("b", T0)


@given(st.text(st.characters(codec=None)))
def test_cleaned_text_can_be_written_anywhere(text: str) -> None:
    assert "\x00" not in clean(text).encode("utf-8").decode("utf-8")
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (float("nan"), None),
        (np.float64("inf"), None),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (pd.NaT, None),
        (pd.NA, None),
        (T0, "2026-03-02T09:00:00+00:00"),
        ({"b", "a"}, ["a", "b"]),
        ({1: (2, np.array([3]))}, {"1": [2, [3]]}),
        (Path("x"), "x"),
    ],
)
def test_any_value_becomes_json(value: object, kept: object) -> None:
    assert plain(value) == kept
    assert loads(dumps(value)) == kept


def test_chunks_hold_everything_once() -> None:
    assert list(chunks(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(chunks([], 2)) == []


def test_a_store_in_memory_is_whole_and_its_own(tmp_path: Path) -> None:
    """The fake that we ship is the store itself, on SQLite in memory."""
    one, two = (open_store(StateSettings(url="sqlite://"), tmp_path) for _ in range(2))
    commit(one, opened=[opened("a")], outbox=[message("q")])
    status: OutboxStatus = "waiting"
    assert [row.status for row in one.notifications()] == [status]
    assert two.notifications() == []
    one.close()
    two.close()
    assert list(tmp_path.iterdir()) == []
