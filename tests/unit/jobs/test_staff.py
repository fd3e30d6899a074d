"""Reps from a table, beside those of the file."""

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pql.config.settings import StateSettings
from pql.domain.rules import Rep
from pql.jobs.staff import remember_reps, remembered_reps, with_reps
from pql.store import open_store
from tests.unit.jobs.test_routing import BEN, MIA, project

ZOE = {"email": "zoe@plotline.test", "name": "Zoe", "team": "emea", "time_zone": "Asia/Tokyo", "slack_id": "U1"}


def test_reps_of_the_table_come_beside_those_of_the_file() -> None:
    staffed = with_reps(project(MIA), [{**ZOE, "active": True}])
    routing = staffed.definitions.routing
    zoe = Rep(email="zoe@plotline.test", name="Zoe", team="emea", time_zone="Asia/Tokyo", slack_id="U1")
    assert routing.reps == (MIA, zoe)
    assert staffed.definitions.content_hash == project(MIA).definitions.content_hash


def test_what_the_file_says_of_a_rep_holds_and_the_table_fills_in_the_rest() -> None:
    written = Rep(email="ben@plotline.test", name="Benjamin", capacity=4)
    row = {**ZOE, "email": "BEN@plotline.test", "name": "Ben", "active": True}
    (found,) = with_reps(project(written), [row]).definitions.routing.reps
    assert (found.name, found.capacity, found.time_zone) == ("Benjamin", 4, "UTC")
    assert (found.team, found.slack_id, found.active) == ("emea", "U1", True)


def test_who_is_inactive_in_the_table_is_inactive() -> None:
    row = {**ZOE, "email": BEN.email, "active": False}
    assert [rep.active for rep in with_reps(project(MIA, BEN), [row]).definitions.routing.reps] == [True, False]


def test_a_time_zone_that_there_is_not_is_the_projects_and_somebody_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        reps = with_reps(project(MIA), [{**ZOE, "active": True, "time_zone": "Tokyo"}]).definitions.routing.reps
    assert reps[1].time_zone == "UTC"
    assert [record.__dict__["action"] for record in caplog.records] == ["unknown_time_zone"]


def test_without_a_table_the_project_is_as_it_was() -> None:
    plain = project(MIA)
    assert with_reps(plain, ()) is plain


def test_the_reps_of_the_last_run_are_remembered_and_forgotten_with_their_table() -> None:
    store = open_store(StateSettings(url="sqlite://"), Path())
    assert [*remembered_reps(store)] == []
    rows = [{**ZOE, "active": True}]
    for listed in (rows, []):
        remember_reps(store, listed, datetime(2026, 3, 2, tzinfo=UTC))
        assert [*remembered_reps(store)] == listed
