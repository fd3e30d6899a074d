"""The main job from the usage tables to the files of a channel, over a small made-up company."""

import shutil
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pql.app import App
from pql.demo import UNTIL
from pql.domain.decisions import Why
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


@pytest.fixture(scope="module")
def months(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, App, list[RunReport]]]:
    """The job run at several instants of the last month; what follows only reads."""
    world = World(Path(shutil.copytree(made, tmp_path_factory.mktemp("months") / "project")))
    app = world.open()
    yield world, app, [run_at(world, app, days_ago) for days_ago in (28, 21, 14, 7, 3, 2, 1, 0)]
    app.close()


def run_at(world: World, app: App, days_ago: int) -> RunReport:
    # In the afternoon of Europe and the morning of New York: not everybody's quiet time.
    world.now = UNTIL - days_ago * DAY - timedelta(hours=10)
    return app.run()


Months = tuple[World, App, list[RunReport]]


def test_the_first_run_sums_up_in_one_message_and_floods_nobody(months: Months) -> None:
    first = months[2][0]
    assert first.baseline
    assert first.opened
    assert [record.subject.value for record in first.notifications] == ["baseline"]
    assert set(first.told) == {"BASELINE"}


def test_a_lead_that_qualifies_later_is_told_about_once(months: Months) -> None:
    _, app, reports = months
    told = [row for row in app.store.notifications(limit=10_000) if row.subject == "qualification"]
    assert told
    assert {row.lead_id for row in told} <= {lead_id for report in reports[1:] for lead_id in report.opened}
    assert max(Counter(row.step_key for row in told).values()) == 1


def test_every_message_has_its_decision_and_every_decision_its_words(months: Months) -> None:
    _, app, _ = months
    decisions = app.store.decisions(limit=100_000)
    assert all(decision.words for decision in decisions)
    # Moments that were gathered stand in the message of the first of them.
    sent = {
        str(decision.evidence.get("message", decision.step_key)) for decision in decisions if decision.outcome == "sent"
    }
    messages = {row.step_key for row in app.store.notifications(limit=100_000) if row.subject != "baseline"}
    assert messages == sent


def test_no_rep_gets_more_in_a_day_than_the_budget(months: Months) -> None:
    _, app, reports = months
    budget = app.project.definitions.routing.max_per_rep_a_day
    urgent = {"moment"}
    for report in reports[1:]:
        counted = Counter(
            record.recipient
            for record in report.notifications
            if record.subject.value not in urgent | {"check_in", "usage_drop"}
        )
        assert max(counted.values(), default=0) <= budget


def test_who_becomes_a_customer_leaves_the_leads_with_a_lead_time(months: Months) -> None:
    _, app, _ = months
    customers = app.store.customers()
    converted = customers[customers["lead_time"].notna()]
    assert len(converted)
    assert (converted["lead_time"] >= 0).all()
    assert not set(app.store.open_episodes().index) & set(customers.index)


def test_check_ins_are_told_when_due_and_once(months: Months) -> None:
    _, app, _ = months
    told = [row for row in app.store.notifications(limit=10_000) if row.subject == "check_in"]
    assert told
    assert max(Counter(row.step_key for row in told).values()) == 1


def test_a_drop_in_use_is_told_when_it_happens_and_not_while_it_lasts(months: Months) -> None:
    _, app, _ = months
    told = Counter(row.lead_id for row in app.store.notifications(limit=10_000) if row.subject == "usage_drop")
    assert set(told.values()) <= {1}


def test_explain_adds_up_to_the_score_that_was_remembered(months: Months) -> None:
    _, app, _ = months
    for lead_id, row in app.store.leads_table(live=True, limit=3).iterrows():
        explained = app.explain(str(lead_id))
        assert explained.now.behaviour == pytest.approx(row["behaviour"], abs=0.01)
        assert sum(signal.counted for signal in explained.now.signals) == pytest.approx(row["behaviour"], abs=0.01)
        assert explained.now.grade == row["grade"]
        assert explained.differences == ()


def test_what_has_no_history_of_its_own_is_kept_with_its_validity(months: Months) -> None:
    _, app, reports = months
    for entity, name in (("lead", "plan"), ("lead", "owner_email"), ("allowance", "allowed"), ("allowance", "used")):
        kept = app.store.validity_at(entity, reports[-1].as_of)
        assert kept[name].notna().any(), (entity, name)
    assert app.store.validity_at("lead", reports[0].as_of - DAY).empty


def test_a_run_at_the_last_committed_instant_does_nothing(months: Months) -> None:
    _, app, reports = months
    before = len(app.store.runs())
    assert app.run(as_of=reports[-1].as_of).already_committed
    assert len(app.store.runs()) == before


def test_an_earlier_run_is_refused_and_a_dry_one_remembers_nothing(months: Months) -> None:
    _, app, reports = months
    counts = app.store.outbox_counts()
    with pytest.raises(RunConflict, match="dry-run"):
        app.run(as_of=UNTIL - 5 * DAY)
    assert app.run(as_of=UNTIL - 5 * DAY, dry_run=True).counts["leads"]
    assert app.store.outbox_counts() == counts
    assert app.store.last_as_of("run") == reports[-1].as_of


def test_the_messages_arrive_as_files_and_are_marked_as_sent(world: World, app: App) -> None:
    run_at(world, app, 1)
    run_at(world, app, 0)
    delivered = app.deliver()
    assert delivered.sent == app.store.outbox_counts()["sent"] > 1
    assert delivered.failed == delivered.retried == 0
    outbox = world.folder / "var" / "outbox"
    assert (outbox / "index.html").is_file()
    assert len([*outbox.rglob("*.eml")]) == delivered.sent


def test_the_state_may_as_well_lie_in_postgresql(world: World, postgres_url: str) -> None:
    app = world.open({"PQL_STATE_URL": postgres_url})
    try:
        run_at(world, app, 1)
        report = run_at(world, app, 0)
        assert report.committed is not None
        assert app.deliver().sent == app.store.outbox_counts()["sent"] > 1
        assert app.explain(str(app.store.leads_table(live=True, limit=1).index[0])).differences == ()
        assert not (world.folder / "var" / "state.db").exists()
    finally:
        app.close()


def test_a_claimed_lead_is_held_and_a_rejected_one_cools_down(world: World, app: App) -> None:
    run_at(world, app, 1)
    claimed, rejected = map(str, app.store.leads_table(live=True, limit=2).index)
    assert app.outcome(claimed, "claim", by="mia@plotline.test").status == "claimed"
    app.outcome(rejected, "reject", by="mia@plotline.test", reason="a student")
    report = run_at(world, app, 0)
    assert app.store.holders([claimed]) == {claimed: "mia@plotline.test"}
    assert rejected not in report.opened
    assert rejected not in app.store.open_episodes().index


def test_a_signal_whose_relation_is_gone_is_not_evaluated_and_the_others_are(world: World) -> None:
    (world.folder / "sql" / "allowances.sql").unlink()
    app = world.open()
    try:
        report = app.run()
        explained = app.explain(str(app.store.leads_table(limit=1).index[0]))
        signal = next(one for one in explained.now.signals if one.name == "approaching_limit")
        assert (report.fired["approaching_limit"], signal.outcome.name) == (0, "NOT_EVALUATED")
        assert report.fired["feature_breadth"] > 0
    finally:
        app.close()


def test_reps_may_stand_in_a_table(world: World) -> None:
    (world.folder / "sql" / "reps.sql").write_text(
        "SELECT 'zoe@plotline.test' AS email, 'Zoe Lim' AS name, 'world' AS team, 'Asia/Seoul' AS time_zone"
    )
    (world.folder / "config" / "routing.yml").write_text(
        "owner: false\nroutes: [{route: all, team: world}]\nfallback: zoe@plotline.test\n"
        "channels: {now: [file], today: [file], digest: [file]}\n"
        'working_hours: {days: [mon, tue, wed, thu, fri, sat, sun], start: "00:00", end: "00:00"}\n'
    )
    (world.folder / "config" / "customers.yml").write_text(
        (world.folder / "config" / "customers.yml").read_text().replace("mia@plotline.test", "zoe@plotline.test")
    )
    app = world.open()
    try:
        run_at(world, app, 7)
        report = run_at(world, app, 0)
        told = [record for record in report.notifications if record.subject.value in {"qualification", "moment"}]
        assert told, report.told
        assert {record.recipient for record in told} == {"zoe@plotline.test"}
        (zoe,) = app.reps()
        assert (zoe.rep.name, zoe.rep.time_zone) == ("Zoe Lim", "Asia/Seoul")
        assert zoe.turns == {"team world": len({record.lead_id for record in told})}
    finally:
        app.close()


def test_with_delivery_off_all_is_decided_and_nothing_is_sent(made: Path, tmp_path: Path) -> None:
    world = World(Path(shutil.copytree(made, tmp_path / "project")), delivery=None)
    app = world.open()
    try:
        assert app.project.delivery.mode == "off"
        app.run()
        assert app.deliver().sent == 0
        assert {row.status for row in app.store.notifications()} == {"shadow"}
        assert all(Why[decision.why] is Why.BASELINE for decision in app.store.decisions())
    finally:
        app.close()
