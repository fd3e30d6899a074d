"""The main job from the usage tables to the files of a channel, over a small made-up company."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pql.app import App
from pql.demo import UNTIL
from pql.errors import RunConflict
from pql.jobs.detect import RunReport
from tests.worlds import World, make_world

DAY = timedelta(days=1)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("made") / "project")


@pytest.fixture
def world(made: Path, tmp_path: Path) -> World:
    return World(Path(shutil.copytree(made, tmp_path / "project")))


@pytest.fixture
def app(world: World) -> Iterator[App]:
    opened = world.open()
    yield opened
    opened.close()


def run_days(world: World, app: App, days: int, *, end: datetime = UNTIL) -> list[RunReport]:
    reports = []
    for number in range(days, -1, -1):
        world.now = end - number * DAY
        reports.append(app.run())
    return reports


def test_the_first_run_sums_up_in_one_message_and_floods_nobody(world: World, app: App) -> None:
    report = app.run()
    assert report.baseline
    assert report.opened
    assert [record.subject.value for record in report.notifications] == ["baseline"]
    assert set(report.told) == {"BASELINE"}


def test_a_lead_that_qualifies_later_is_told_about_once(world: World, app: App) -> None:
    reports = run_days(world, app, 10)
    told = [row for row in app.store.notifications(limit=10_000) if row.subject == "qualification"]
    opened = {lead_id for report in reports[1:] for lead_id in report.opened}
    assert told
    assert {row.lead_id for row in told} <= opened
    assert max(Counter(row.step_key for row in told).values()) == 1


def test_every_message_has_its_decision_and_every_decision_its_words(world: World, app: App) -> None:
    run_days(world, app, 4)
    decisions = app.store.decisions(limit=100_000)
    assert all(decision.words for decision in decisions)
    sent = {decision.step_key for decision in decisions if decision.outcome == "sent"}
    messages = {row.step_key for row in app.store.notifications(limit=100_000) if row.subject != "baseline"}
    assert messages == sent


def test_a_run_at_the_last_committed_instant_does_nothing(world: World, app: App) -> None:
    app.run()
    before = len(app.store.runs())
    assert app.run().already_committed
    assert len(app.store.runs()) == before


def test_an_earlier_run_is_refused_and_a_dry_one_is_not(world: World, app: App) -> None:
    app.run()
    counts = app.store.outbox_counts()
    with pytest.raises(RunConflict, match="dry-run"):
        app.run(as_of=UNTIL - DAY)
    report = app.run(as_of=UNTIL - DAY, dry_run=True)
    assert report.counts["leads"] == 260
    assert app.store.outbox_counts() == counts
    assert app.store.last_as_of("run") == UNTIL


def test_a_dry_run_remembers_nothing_at_all(world: World, app: App) -> None:
    app.run(dry_run=True)
    assert app.store.runs() == []
    assert app.store.leads_table().empty
    assert app.store.notifications() == []


def test_the_messages_arrive_as_files_and_are_marked_as_sent(world: World, app: App) -> None:
    run_days(world, app, 4)
    delivered = app.deliver()
    assert delivered.sent == app.store.outbox_counts()["sent"] > 1
    assert delivered.failed == delivered.retried == 0
    outbox = world.folder / "var" / "outbox"
    assert (outbox / "index.html").is_file()
    assert len([*outbox.rglob("*.eml")]) == delivered.sent


def test_explain_adds_up_to_the_score_that_was_remembered(world: World, app: App) -> None:
    app.run()
    for lead_id, row in app.store.leads_table(live=True, limit=5).iterrows():
        explained = app.explain(str(lead_id))
        assert explained.now.behaviour == pytest.approx(row["behaviour"], abs=0.01)
        assert sum(signal.counted for signal in explained.now.signals) == pytest.approx(row["behaviour"], abs=0.01)
        assert explained.differences == ()
        assert explained.now.grade == row["grade"]


def test_who_becomes_a_customer_leaves_the_leads_with_a_lead_time(world: World, app: App) -> None:
    run_days(world, app, 30)
    customers = app.store.customers()
    assert len(customers)
    converted = customers[customers["lead_time"].notna()]
    assert len(converted)
    assert (converted["lead_time"] >= 0).all()
    live = set(app.store.open_episodes().index)
    assert not live & set(customers.index)


def test_check_ins_are_told_to_the_success_owner_when_due_and_once(world: World, app: App) -> None:
    run_days(world, app, 12)
    told = [row for row in app.store.notifications(limit=10_000) if row.subject == "check_in"]
    assert told
    assert max(Counter(row.step_key for row in told).values()) == 1


def test_a_claimed_lead_is_held_by_its_rep(world: World, app: App) -> None:
    app.run()
    lead_id = str(app.store.leads_table(live=True, limit=1).index[0])
    result = app.outcome(lead_id, "claim", by="mia@plotline.test")
    assert result.status == "claimed"
    assert app.store.holders([lead_id]) == {lead_id: "mia@plotline.test"}


def test_a_rejected_lead_does_not_qualify_again_within_its_cooldown(world: World, app: App) -> None:
    world.now = UNTIL - 5 * DAY
    app.run()
    lead_id = str(app.store.leads_table(live=True, limit=1).index[0])
    app.outcome(lead_id, "reject", by="mia@plotline.test", reason="a student")
    for report in run_days(world, app, 4):
        assert lead_id not in report.opened


def test_a_signal_whose_relation_is_gone_is_not_evaluated_and_the_others_are(made: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(made, tmp_path / "project"))
    (folder / "sql" / "allowances.sql").unlink()
    app = World(folder).open()
    try:
        report = app.run()
        lead_id = str(app.store.leads_table(limit=1).index[0])
        explained = app.explain(lead_id)
        signal = next(one for one in explained.now.signals if one.name == "approaching_limit")
        assert (report.fired["approaching_limit"], signal.outcome.name) == (0, "NOT_EVALUATED")
        assert report.fired["feature_breadth"] > 0
    finally:
        app.close()
