"""Digests from what is remembered to the outbox: exactly one a rep and date, whatever restarts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.config.settings import DeliverySettings, Project, StateSettings
from pql.domain.calendar import to_micros
from pql.domain.digests import digest_key, due_day
from pql.domain.durations import Duration
from pql.domain.messages import Alert, Rendered, Subject
from pql.domain.rules import Rep, Weekly
from pql.domain.working_time import EVERY_DAY, WorkingTime
from pql.errors import ConfigError, PqlError, RunConflict
from pql.jobs.deliver import Courier, deliver
from pql.jobs.digest import Digested, digest, preview
from pql.jobs.summaries import Desk
from pql.store import Store, migrate, open_store
from pql.store.records import CheckInRecord, EpisodeClosed, OccurrenceRecord, RunResults, StoredDecision
from pql.store.tables import absences
from tests.desks import OFFICE, PlainChannel, at, desk_of, rep, starter_project
from tests.integration.store.samples import commit, decision, evaluation, message, opened

MIA, YUKI, LUIS = "mia@plotline.test", "yuki@plotline.test", "luis@plotline.test"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
MORNING = MONDAY + 8 * HOUR
MIAS = rep(MIA)


@pytest.fixture(scope="module")
def project() -> Project:
    return starter_project()


class Made:
    """A project that Hypothesis need not print."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def __repr__(self) -> str:
        return "the starter's project"


@pytest.fixture(scope="module")
def made(project: Project) -> Made:
    return Made(project)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened_store = open_store(StateSettings(url="sqlite://"), tmp_path)
    yield opened_store
    opened_store.close()


def told(store: Store, lead_id: str = "a", to: str = MIA, when: datetime = MONDAY - 4 * DAY, **lead: object) -> None:
    """A lead that qualified and that a rep was told of; those that were there stay as they are."""
    there: Any = store.leads_table()[["name", "grade", "behaviour"]].to_dict("index")
    leads: dict[str, Any] = {**there, lead_id: {"name": lead_id.title(), "grade": "A1", **lead}}
    commit(
        store,
        when,
        evaluation=evaluation(leads, when),
        opened=[opened(lead_id, when)],
        decisions=[decision(f"episode:{lead_id}", lead_id, at=when, recipient=to)],
    )


def run(desk: Desk, instant: datetime) -> Digested:
    return digest(at(desk, instant), as_of=instant)


def written(store: Store) -> list[tuple[str, str]]:
    """Step key and channel of each digest, the oldest first."""
    rows = store.notifications(limit=1000)[::-1]
    return [(row.step_key, row.channel) for row in rows if row.subject == "digest"]


def texts(store: Store, recipient: str = MIA) -> list[str]:
    rows = store.notifications(recipient=recipient, limit=1000)[::-1]
    return [str(row.payload["text"]) for row in rows if row.channel == "email" and row.subject in {"digest", "weekly"}]


def nothing(store: Store) -> list[StoredDecision]:
    return [one for one in store.decisions(outcome="withheld") if one.why == "NOTHING_TO_SAY"]


# Exactly one.


def test_a_rep_with_an_open_lead_gets_one_digest_by_each_channel(project: Project, store: Store) -> None:
    told(store)
    desk = desk_of(project, store, [MIAS])
    assert run(desk, MORNING - timedelta(minutes=1)) == Digested()
    assert run(desk, MORNING).written == 2
    for minutes in range(5, 900, 30):
        assert run(desk, MORNING + timedelta(minutes=minutes)) == Digested()
    assert written(store) == [(f"digest:{MIA}:2026-03-02", "email"), (f"digest:{MIA}:2026-03-02", "slack")]


def test_every_digest_has_its_decision(project: Project, store: Store) -> None:
    told(store)
    run(desk_of(project, store, [MIAS]), MORNING)
    (one, other) = [row for row in store.decisions() if row.subject == "digest"]
    assert {one.channel, other.channel} == {"email", "slack"}
    assert (one.outcome, one.why, one.recipient, one.words) == ("sent", "DIGEST", MIA, "the digest of 2026-03-02")


def test_a_program_that_was_down_in_the_morning_makes_it_late_and_only_one(project: Project, store: Store) -> None:
    told(store)
    desk = desk_of(project, store, [MIAS], channels=["email"])
    run(desk, MORNING + 9 * HOUR)
    run(desk, MORNING + DAY)
    assert [key for key, _ in written(store)] == [f"digest:{MIA}:2026-03-02", f"digest:{MIA}:2026-03-03"]


def test_days_that_were_missed_are_folded_into_the_next_digest(project: Project, store: Store) -> None:
    told(store)
    desk = desk_of(project, store, [MIAS], channels=["email"])
    run(desk, MORNING)
    deliver(Courier(store=store, channels=desk.channels, clock=lambda: MORNING, wait=lambda _: None))
    told(store, "b", when=MONDAY + DAY)
    told(store, "c", when=MONDAY + 2 * DAY)
    run(desk, MORNING + 3 * DAY)  # Thursday; nothing ran on Tuesday and Wednesday
    assert len(written(store)) == 2
    last = texts(store)[-1]
    assert "2 new, 1 still open" in last
    assert "B A1: not claimed, open since Tuesday" in last


def test_a_digest_that_never_arrived_is_told_again_by_the_next(project: Project, store: Store) -> None:
    told(store, when=MONDAY - HOUR)
    desk = desk_of(project, store, [MIAS], channels=["email"])
    run(desk, MORNING)
    run(desk, MORNING + DAY)  # the first one lay in the outbox for a day: nobody took it
    assert all("1 new" in text for text in texts(store))


@pytest.mark.parametrize("crash", [True, False], ids=["killed before delivery", "delivered"])
def test_a_crash_between_commit_and_delivery_neither_loses_nor_doubles(
    project: Project, tmp_path: Path, crash: bool
) -> None:
    state = StateSettings(url="sqlite:///state.db")
    migrate(state, tmp_path)
    store = open_store(state, tmp_path)
    told(store)
    desk = desk_of(project, store, [MIAS], channels=["email"])
    run(desk, MORNING)
    if crash:
        store.close()  # its process is gone: another begins with what the disk holds
        store = open_store(state, tmp_path)
        desk = replace(desk, store=store)
    email = PlainChannel("email")
    for minutes in (5, 10, 15):
        now = MORNING + timedelta(minutes=minutes)
        run(desk, now)
        deliver(Courier(store=store, channels={"email": email}, clock=lambda now=now: now, wait=lambda _: None))  # type: ignore[misc]
    assert len(email.sent) == 1
    store.close()


def test_a_run_that_dies_in_the_middle_writes_nothing_and_the_next_one_all(project: Project, store: Store) -> None:
    told(store)
    desk = desk_of(project, store, [MIAS], channels=["email"])

    class Broken(PlainChannel):
        def render(self, alert: Alert) -> Rendered:
            raise ConfigError("the template broke")

    with pytest.raises(ConfigError):
        run(replace(desk, channels={"email": Broken("email")}), MORNING)
    assert written(store) == []
    assert run(desk, MORNING + timedelta(minutes=5)).written == 1


def test_two_processes_at_once_write_one(project: Project, postgres_url: str, tmp_path: Path) -> None:
    state = StateSettings(url=postgres_url)
    migrate(state, tmp_path)
    stores = [open_store(state, tmp_path) for _ in range(4)]
    told(stores[0])
    gate = Barrier(len(stores))
    wrong: list[Exception] = []

    def work(store: Store, number: int) -> None:
        desk = desk_of(project, store, [MIAS])
        gate.wait()
        for step in range(3):
            try:
                run(desk, MORNING + timedelta(seconds=number + 10 * step))
            except RunConflict:
                pass  # another is at it: the next turn finds it done
            except Exception as exc:  # noqa: BLE001 - the test looks at whatever it is
                wrong.append(exc)

    workers = [Thread(target=work, args=(one, number)) for number, one in enumerate(stores)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []
    assert sorted(written(stores[0])) == [(f"digest:{MIA}:2026-03-02", name) for name in ("email", "slack")]
    assert len([row for row in stores[0].decisions() if row.subject == "digest"]) == 2
    for one in stores:
        one.close()


def test_a_clock_that_steps_back_over_the_morning_makes_no_second(project: Project, store: Store) -> None:
    told(store)
    desk = desk_of(project, store, [MIAS], channels=["email"])
    for minutes in (0, -10, 0, 5, -60, -5, 30):
        run(desk, MORNING + timedelta(minutes=minutes))
    assert len(written(store)) == 1


def test_a_clock_that_was_a_day_ahead_for_a_while_makes_one_for_each_date(project: Project, store: Store) -> None:
    told(store)
    desk = desk_of(project, store, [MIAS], channels=["email"])
    for instant in (MORNING + DAY, MORNING + HOUR, MORNING + 2 * HOUR, MORNING + DAY + HOUR, MORNING + 2 * DAY):
        run(desk, instant)
    dates = [key.rpartition(":")[2] for key, _ in written(store)]
    assert dates == ["2026-03-03", "2026-03-04"]


OFTEN = WorkingTime(days=EVERY_DAY)
_ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo")
_STEPS = st.lists(st.timedeltas(timedelta(hours=-30), timedelta(hours=40)), min_size=1, max_size=14)


@settings(max_examples=8, deadline=None)
@given(
    steps=_STEPS,
    zone=st.sampled_from(_ZONES),
    morning=st.sampled_from([time(0), time(2, 30), time(8), time(23, 30)]),
    working=st.sampled_from([OFTEN, OFFICE]),
    # The nights on which clocks are put forward and back in these zones lie within.
    start=st.sampled_from(
        [datetime(2026, 3, 6, tzinfo=UTC), datetime(2026, 3, 27, tzinfo=UTC), datetime(2026, 10, 23, tzinfo=UTC)]
    ),
)
def test_whatever_the_clock_does_no_date_has_two_and_each_day_that_was_worked_has_one(
    made: Made,
    steps: list[timedelta],
    zone: str,
    morning: time,
    working: WorkingTime,
    start: datetime,
) -> None:
    store = open_store(StateSettings(url="sqlite://"), Path())
    told(store, when=start - 5 * DAY)
    who = rep(MIA, zone, digest_at=morning, working=working)
    desk = desk_of(made.project, store, [who], channels=["email"])
    instant, latest, expected = start, start - 100 * DAY, set()
    for step in steps:
        instant += step
        run(desk, instant)
        day = due_day(who, instant)
        # An instant before the last that wrote something is not gone back to.
        if day and instant > latest and digest_key(MIA, day) not in expected:
            expected.add(digest_key(MIA, day))
            latest = instant
    counted = Counter(key for key, _ in written(store))
    store.close()
    assert set(counted) == expected
    assert set(counted.values()) <= {1}


# Whose morning.


def test_reps_in_tokyo_and_los_angeles_get_their_own_mornings(project: Project, store: Store) -> None:
    told(store, "a", YUKI)
    told(store, "b", LUIS, when=MONDAY - 3 * DAY)
    desk = desk_of(project, store, [rep(YUKI, "Asia/Tokyo"), rep(LUIS, "America/Los_Angeles")], channels=["email"])
    made: dict[str, datetime] = {}
    for minutes in range(0, 46 * 60, 30):
        instant = MONDAY - DAY + timedelta(minutes=minutes)
        run(desk, instant)
        for key, _ in written(store):
            made.setdefault(key, instant)
    assert made == {
        f"digest:{YUKI}:2026-03-02": datetime(2026, 3, 2, 8, tzinfo=ZoneInfo("Asia/Tokyo")),
        f"digest:{LUIS}:2026-03-02": datetime(2026, 3, 2, 8, tzinfo=ZoneInfo("America/Los_Angeles")),
    }


@pytest.mark.parametrize(
    ("who", "day"),
    [
        pytest.param(rep(MIA), MORNING - DAY, id="a Sunday"),
        pytest.param(
            rep(MIA, working=replace(OFFICE, holidays="DE")), datetime(2026, 5, 1, 9, tzinfo=UTC), id="a holiday"
        ),
        pytest.param(rep(MIA, active=False), MORNING, id="who left"),
    ],
)
def test_who_does_not_work_gets_none(project: Project, store: Store, who: Rep, day: datetime) -> None:
    told(store, when=day - 4 * DAY)
    assert run(desk_of(project, store, [who, rep(YUKI)], channels=["email"]), day).written == 0
    assert nothing(store) == [] or {one.recipient for one in nothing(store)} == {YUKI}


def test_who_is_away_gets_none_and_on_return_what_changed_meanwhile(project: Project, store: Store) -> None:
    told(store, when=MONDAY - HOUR)
    away = {"email": MIA, "since": to_micros(MONDAY), "until": to_micros(MONDAY + 3 * DAY), "by": MIA, "at": 0}
    with store._database.writes() as connection:
        connection.execute(sa.insert(absences), [away])
    desk = desk_of(project, store, [MIAS], channels=["email"])
    for day in range(4):
        run(desk, MORNING + day * DAY)
    assert [key for key, _ in written(store)] == [f"digest:{MIA}:2026-03-05"]


def test_nothing_to_say_sends_nothing_and_says_so_once(project: Project, store: Store) -> None:
    desk = desk_of(project, store, [MIAS])
    assert run(desk, MORNING) == Digested(nothing_to_say=(MIA,))
    told(store, when=MORNING + timedelta(minutes=1))
    assert run(desk, MORNING + HOUR) == Digested()
    assert written(store) == []
    assert [one.words for one in nothing(store)] == ["nothing to say since Fri 27 Feb, 08:00"]


def test_while_delivery_is_off_digests_are_kept_and_not_sent(project: Project, store: Store) -> None:
    told(store)
    run(desk_of(project, store, [MIAS], channels=["email"], delivery=DeliverySettings()), MORNING)
    (row,) = [one for one in store.notifications() if one.subject == "digest"]
    assert row.status == "shadow"


def test_in_redirection_every_digest_goes_to_the_one_address(project: Project, store: Store) -> None:
    told(store)
    redirect = DeliverySettings(mode="redirect", redirect={"slack": "#test"})
    run(desk_of(project, store, [MIAS], delivery=redirect), MORNING)
    rows = [one for one in store.notifications() if one.subject == "digest"]
    assert [(one.channel, one.address, one.recipient) for one in rows] == [("slack", "#test", MIA)]


def test_a_rep_chooses_the_channel(project: Project, store: Store) -> None:
    told(store)
    slack = project.definitions.routing.channels["now"][:1]
    run(desk_of(project, store, [rep(MIA, channels=slack, slack_id="U0MIA")]), MORNING)
    rows = [one for one in store.notifications() if one.subject == "digest"]
    assert [(one.channel, one.address) for one in rows] == [("slack", "U0MIA")]


def test_no_channel_at_all_is_an_error_with_its_cure(project: Project, store: Store) -> None:
    told(store)
    with pytest.raises(ConfigError, match="No channel for what is 'digest' is set up"):
        run(desk_of(project, store, [MIAS], channels=[]), MORNING)


# What it says.


def test_it_tells_what_is_open_what_changed_and_what_was_kept_back(project: Project, store: Store) -> None:
    moment = project.definitions.moments[0]
    check_in = project.definitions.customers.check_ins[0]
    since = MORNING - 3 * DAY  # the first digest covers from Friday morning
    told(store, "old", when=since - DAY, behaviour=40, grade="B3")
    told(store, "mine", when=since - HOUR)
    told(store, "gone", when=since)
    told(store, "theirs", YUKI, when=since + HOUR)
    store.record_outcome("mine", "claim", MIA, since + HOUR)
    now = MONDAY
    everything: dict[str, Any] = {"old": {"name": "Old", "grade": "A2", "behaviour": 80}}
    everything |= {name: {"name": name.title(), "grade": "A1"} for name in ("mine", "gone", "theirs", "new", "kept")}
    everything["customer"] = {"name": "Customer", "success_owner_email": MIA, "stage": "customer"}
    kept: dict[str, Any] = {"at": now, "outcome": "withheld"}
    commit(
        store,
        now,
        evaluation=evaluation(everything, now),
        opened=[opened("new", now)],
        closed=[EpisodeClosed(lead_id="gone", status="expired", closed_at=now, reason="it fell below the bar")],
        check_ins=[CheckInRecord(lead_id="customer", name=check_in.name, due_at=now + HOUR)],
        occurrences=[OccurrenceRecord(moment=moment.name, lead_id="old", key="k1", at=now, detail="3 times")],
        decisions=[
            decision("episode:new", "new", at=now),
            decision("episode:kept", "kept", at=now, outcome="held", why="OVER_BUDGET", words="x", due_at=now + DAY),
            decision(
                f"moment:{moment.name}:old:k1",
                "old",
                subject=Subject.MOMENT,
                topic=moment.name,
                why="FOR_DIGEST",
                recipient="",
                **kept,
            ),
            decision("hers", "theirs", why="MUTED", recipient=YUKI, **kept),
        ],
    )
    run(desk_of(project, store, [MIAS, rep(YUKI)], channels=["email"]), MORNING)
    (text,) = texts(store)
    assert text.splitlines() == [
        "Your leads, Mon 2 Mar: 1 new, 2 still open, 1 check-in",
        "Open by grade: 2 A1, 1 A2. Since Friday: 1 grade moved, 1 lead closed, 1 moment.",
        "New A1: not claimed, open since 00:00",
        "Mine A1: yours since Friday",
        "Old B3 → A2: not claimed, open since Thursday",
        f"Customer : a customer for {check_in.after}: {check_in.ask}",
        f"Old A2: {moment.title}: Mon 2 Mar, 00:00 (3 times)",
        "Gone A1: over: it fell below the bar",
        "Kept : it qualified: you have had the day's messages; looked at anew Tue 3 Mar, 00:00",
    ]


def test_a_lead_that_nobody_was_told_of_stands_with_who_heard_of_a_moment_of_it(project: Project, store: Store) -> None:
    when = MONDAY - DAY
    commit(
        store,
        when,
        evaluation=evaluation({"a": {"name": "Acme", "grade": "A1"}}, when),
        opened=[opened("a", when)],
        decisions=[decision("moment:x:a:1", "a", at=when, recipient=MIA, subject=Subject.MOMENT, topic="x")],
    )
    run(desk_of(project, store, [rep(YUKI), MIAS], channels=["email"]), MORNING)
    assert ["Acme" in text for text in texts(store)] == [True]
    assert texts(store, YUKI) == []


def test_a_snoozed_lead_is_counted_and_not_listed(project: Project, store: Store) -> None:
    told(store, "a")
    told(store, "b", when=MONDAY - 3 * DAY)
    store.record_outcome("b", "snooze", MIA, MONDAY - DAY, None, MONDAY + 5 * DAY)
    run(desk_of(project, store, [MIAS], channels=["email"]), MORNING)
    (text,) = texts(store)
    assert "Snoozed: 1." in text
    assert "B A1" not in text


def test_what_a_rep_closed_is_no_news_to_that_rep(project: Project, store: Store) -> None:
    told(store, when=MONDAY - HOUR)
    store.record_outcome("a", "claim", MIA, MONDAY)
    store.record_outcome("a", "reject", MIA, MONDAY + HOUR, "no budget")
    assert run(desk_of(project, store, [MIAS]), MORNING) == Digested(nothing_to_say=(MIA,))


def test_what_was_held_and_then_told_is_not_kept_back(project: Project, store: Store) -> None:
    commit(
        store,
        MONDAY,
        evaluation=evaluation({"a": {}}, MONDAY),
        decisions=[decision("m", at=MONDAY, outcome="held", why="QUIET", subject=Subject.MOMENT)],
    )
    commit(store, MONDAY + HOUR, decisions=[decision("m", at=MONDAY + HOUR, subject=Subject.MOMENT)])
    assert run(desk_of(project, store, [MIAS]), MORNING) == Digested(nothing_to_say=(MIA,))


def test_what_no_channel_delivered_is_told_once_and_what_arrived_another_way_is_not(
    project: Project, store: Store
) -> None:
    found = {name: {"name": name.title()} for name in ("late", "dead", "fine", "team")}
    steps = {name: f"moment:paywall:{name}" for name in found}
    ways = [("late", MIA, "slack"), ("dead", MIA, "slack"), ("dead", MIA, "email"), ("fine", MIA, "slack")]
    ways += [("fine", MIA, "email"), ("team", "#pql", "slack")]
    sent = [(steps[name], to, channel, name) for name, to, channel in ways]
    decided: dict[str, Any] = {"subject": Subject.MOMENT, "topic": "paywall", "at": MONDAY}
    commit(
        store,
        MONDAY,
        evaluation=evaluation({**found, "team": {"name": "Team", "owner_email": MIA}}, MONDAY),
        decisions=[decision(key, name, recipient=to, channel=by, **decided) for key, to, by, name in sent],
        outbox=[
            message(key, name, channel=by, recipient=to, at=MONDAY, valid_until=MONDAY + HOUR)
            for key, to, by, name in sent
        ],
    )
    taken = {(one.lead_id, one.outgoing.channel): one for one in store.lease(MONDAY, 9, Duration(60))}
    for way in (("dead", "slack"), ("fine", "slack")):
        store.mark_failed(taken[way], MONDAY, "no such channel")
    store.mark_sent(taken["fine", "email"], MONDAY, "ref")
    store.release([taken[way] for way in (("late", "slack"), ("dead", "email"), ("team", "slack"))])
    assert store.expire(MONDAY + HOUR) == 3
    desk = desk_of(project, store, [MIAS], channels=["email"])
    run(desk, MORNING)
    assert texts(store)[0].splitlines()[2:] == [
        "Dead : paywall: it could not be delivered while it was true",
        "Late : paywall: it could not be delivered while it was true",
        "Team : paywall: it could not be delivered while it was true",
    ]
    deliver(Courier(store=store, channels=desk.channels, clock=lambda: MORNING, wait=lambda _seconds: None))
    assert run(desk, MORNING + DAY) == Digested(nothing_to_say=(MIA,))


def test_a_preview_shows_and_keeps_nothing(project: Project, store: Store) -> None:
    told(store)
    desk = desk_of(project, store, [MIAS])
    alert = preview(desk, MIAS, as_of=MONDAY - DAY)  # a Sunday, before any morning
    assert alert is not None
    assert alert.title == "Your leads, Sun 1 Mar: 1 open"
    assert written(store) == []
    assert store.runs(job="digest") == []


# The team's week.

TEAM = Weekly(day=0, at=time(9), slack_channel="#team", emails=("lead@plotline.test",))


def test_the_week_is_summed_up_once_for_each_reader(project: Project, store: Store) -> None:
    told(store)
    desk = desk_of(project, store, [MIAS], weekly=TEAM)
    for hours in range(0, 24 * 10, 3):
        run(desk, MONDAY + hours * HOUR)
    rows = [one for one in store.notifications(limit=1000)[::-1] if one.subject == "weekly"]
    assert [(one.step_key, one.recipient, one.channel, one.address) for one in rows] == [
        ("weekly:2026-W10", "lead@plotline.test", "email", "lead@plotline.test"),
        ("weekly:2026-W10", "#team", "slack", "#team"),
        ("weekly:2026-W11", "lead@plotline.test", "email", "lead@plotline.test"),
        ("weekly:2026-W11", "#team", "slack", "#team"),
    ]


def test_with_no_reader_the_fallback_gets_the_week(project: Project, store: Store) -> None:
    run(desk_of(project, store, [MIAS], weekly=Weekly()), MORNING)
    rows = [one for one in store.notifications() if one.subject == "weekly"]
    assert {one.recipient for one in rows} == {MIA}


def test_the_week_tells_the_funnel_the_wins_the_movers_and_what_misfires(project: Project, store: Store) -> None:
    before = MONDAY - 6 * DAY
    told(store, "won", when=before - 4 * DAY, behaviour=70)
    both: dict[str, Any] = {
        "won": {"name": "Won", "grade": "A1", "behaviour": 70},
        "up": {"name": "Up", "behaviour": 20},
    }
    commit(store, before - 2 * DAY, evaluation=evaluation(both, before - 2 * DAY))
    told(store, "up", when=before, behaviour=20)
    store.record_outcome("won", "claim", MIA, before + HOUR)
    store.record_outcome("won", "accept", MIA, before + HOUR)
    signal = project.definitions.signals[0]
    now = MONDAY - DAY
    leads: dict[str, Any] = {
        "won": {"name": "Won", "stage": "customer"},
        "up": {"name": "Up", "behaviour": 90, "grade": "A1"},
    }
    closed = EpisodeClosed(lead_id="won", status="converted", closed_at=now, reason="pays", converted_at=now)
    run_ = store.begin_run("run", now, now)
    store.commit_run(
        run_,
        RunResults(
            definitions_hash=project.definitions.content_hash,
            evaluation=evaluation(leads, now),
            closed=[closed],
            counts={"leads": 200, "eligible": 100, f"fired:{signal.name}": 0, f"unknown:{signal.name}": 3},
        ),
        now,
    )
    run(desk_of(project, store, [MIAS], channels=["email"], weekly=Weekly(emails=(MIA,))), MORNING)
    text = next(text for text in texts(store) if text.startswith("The week"))
    assert text.splitlines() == [
        "The week at Plotline: 1 new PQL, 1 conversion",
        "What happened from 23 Feb to 2 Mar.",
        "Won A1: a customer, 9 days after they qualified; with Mia",
        "Up A1: told Mia",
        "Up A1: 20 → 90 points (+70)",
        f"{signal.title} : fires for nobody",
    ]


def test_the_errors_of_a_digest_are_ours(project: Project, store: Store) -> None:
    store.begin_run("digest", MORNING - HOUR, MORNING)
    told(store)
    with pytest.raises(PqlError, match="under way"):
        run(desk_of(project, store, [MIAS]), MORNING)
