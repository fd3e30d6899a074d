"""Leads that nobody took, from the state to the outbox: bounded, in the thread, and over once somebody acts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.config.settings import DeliverySettings, Project, StateSettings
from pql.domain.calendar import to_micros
from pql.domain.conditions import Condition
from pql.domain.durations import Duration
from pql.domain.mutes import Mute
from pql.domain.routing import Roster, beyond
from pql.domain.rules import Absence, Branch, Reminders, Rep, Routing
from pql.jobs.remind import Reminded, remind
from pql.jobs.summaries import Desk
from pql.store import Store, open_store
from pql.store.records import EpisodeClosed, Notification, delivery_id, episode_id
from pql.store.tables import absences
from tests.desks import OFFICE, at, desk_of, rep, starter_project
from tests.integration.store.samples import LEASE, commit, decision, evaluation, message, opened

MIA, TOM, ANA = "mia@plotline.test", "tom@plotline.test", "ana@plotline.test"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONDAY = datetime(2026, 3, 2, 10, tzinfo=UTC)
BERLIN = "Europe/Berlin"
RULE = Reminders(after=Duration(4 * 3600), again=Duration(8 * 3600), most=2, escalate_after=Duration(4 * 3600))
MIAS, TOMS = rep(MIA), rep(TOM)


@pytest.fixture(scope="module")
def project() -> Project:
    return starter_project()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened_store = open_store(StateSettings(url="sqlite://"), tmp_path)
    yield opened_store
    opened_store.close()


def told(
    store: Store, *lead_ids: str, to: str = MIA, when: datetime = MONDAY, sent: bool = True, **lead: object
) -> None:
    """Leads that qualified, of which a rep was told in the team's channel and by email."""
    leads = {lead_id: {"name": lead_id.title(), "grade": "A1", **lead} for lead_id in lead_ids}
    keys = {lead_id: f"episode:{episode_id(lead_id, when)}" for lead_id in lead_ids}
    places = (("slack", "#emea"), ("email", to))
    commit(
        store,
        when,
        evaluation=evaluation(leads, when),
        opened=[opened(lead_id, when) for lead_id in lead_ids],
        decisions=[
            decision(keys[lead_id], lead_id, at=when, recipient=to, channel=channel)
            for lead_id in lead_ids
            for channel, _ in places
        ],
        outbox=[
            message(keys[lead_id], lead_id, at=when, recipient=to, channel=channel, address=address)
            for lead_id in lead_ids
            for channel, address in places
        ],
    )
    if sent:
        for leased in store.lease(when, 100, LEASE):
            store.mark_sent(leased, when, "ts")


def a_desk(project: Project, store: Store, *, rule: Reminders = RULE, mia: Rep = MIAS, **rest: object) -> Desk:
    return desk_of(project, store, [TOMS, mia], reminders=rule, **rest)  # type: ignore[arg-type]


def run(desk: Desk, instant: datetime) -> Reminded:
    return remind(at(desk, instant), as_of=instant)


def over(desk: Desk, days: int = 6, *, start: datetime = MONDAY) -> None:
    """Every hour of so many days, but for the small hours."""
    for instant in (start + number * HOUR for number in range(days * 24)):
        if instant.hour > 6:
            run(desk, instant)


def written(store: Store, channel: str = "email") -> list[Notification]:
    rows = store.notifications(limit=1000)[::-1]
    return [row for row in rows if row.subject == "reminder" and row.channel == channel]


def told_what(store: Store) -> list[tuple[str, str, datetime]]:
    return [(row.step_key.partition(":")[0], row.recipient, row.due_at) for row in written(store)]


def test_a_lead_that_nobody_takes_is_reminded_of_twice_and_then_told_to_the_fallback(
    project: Project, store: Store
) -> None:
    told(store, "a")
    over(a_desk(project, store))
    assert told_what(store) == [
        ("remind", MIA, MONDAY + 4 * HOUR),  # Monday 14:00
        ("remind", MIA, MONDAY + DAY + 4 * HOUR),  # Tuesday 14:00, as work ends at 17:00
        ("escalate", TOM, MONDAY + 2 * DAY),  # Wednesday 10:00
    ]


def test_reminders_wait_for_the_working_hours_of_their_rep(project: Project, store: Store) -> None:
    told(store, "a", when=MONDAY + 5 * DAY)  # a Saturday
    over(a_desk(project, store, mia=rep(MIA, "America/Los_Angeles")), days=4, start=MONDAY + 5 * DAY)
    (first, *_) = told_what(store)
    assert first == ("remind", MIA, datetime(2026, 3, 9, 13, tzinfo=UTC) + 7 * HOUR)  # 13:00 there, on Monday


def test_a_program_that_was_down_reminds_when_work_begins_and_not_at_night(project: Project, store: Store) -> None:
    told(store, "a")
    desk = a_desk(project, store)
    assert run(desk, MONDAY + 12 * HOUR) == Reminded()  # 22:00
    assert run(desk, MONDAY + 23 * HOUR) == Reminded(reminders=1)  # 09:00


def test_a_reminder_goes_into_the_thread_of_the_first_message(project: Project, store: Store) -> None:
    told(store, "a")
    over(a_desk(project, store))
    key = f"episode:{episode_id('a', MONDAY)}"
    slack = written(store, "slack")
    assert [(row.address, row.reply_to) for row in slack[:2]] == [("#emea", delivery_id(key, MIA, "slack"))] * 2
    assert (slack[2].address, slack[2].reply_to) == (TOM, "")
    assert written(store)[0].reply_to == delivery_id(key, MIA, "email")


def test_in_redirection_no_reminder_leaves_it(project: Project, store: Store) -> None:
    told(store, "a")
    redirect = DeliverySettings(mode="redirect", redirect={"slack": "#test", "email": "test@plotline.test"})
    over(a_desk(project, store, delivery=redirect))
    assert {row.address for row in store.notifications() if row.subject == "reminder"} == {
        "#test",
        "test@plotline.test",
    }


def test_it_says_when_the_rep_was_told_and_to_the_fallback_who_did_not_answer(project: Project, store: Store) -> None:
    told(store, "a")
    over(a_desk(project, store))
    assert [str(row.payload["text"]).splitlines() for row in written(store)[1:]] == [
        ["A still waits for you", "You were told on Mon 2 Mar, 10:00, and nobody has claimed it since."],
        ["Nobody has taken A yet", "Mia was told on Mon 2 Mar, 10:00, was reminded 2 times and has not answered."],
    ]


def test_every_reminder_has_its_decision_on_its_lead(project: Project, store: Store) -> None:
    told(store, "a")
    over(a_desk(project, store))
    said = [one.words for one in store.decisions("a")[::-1] if one.subject == "reminder" and one.channel == "email"]
    assert said == [
        "nobody took it: the rep is reminded (reminder 1 of 2)",
        "nobody took it: the rep is reminded (reminder 2 of 2)",
        "nobody took it: the fallback is told",
    ]


def test_several_leads_at_once_are_one_message(project: Project, store: Store) -> None:
    told(store, "a", "b", "c")
    over(a_desk(project, store))
    assert [row.lead_id for row in written(store)] == ["", "", ""]
    assert str(written(store)[0].payload["text"]).splitlines() == [
        "3 leads still wait for you",
        "You were told of them, and nobody has claimed them.",
        *(f"{name} A1: told Mon 2 Mar, 10:00" for name in "ABC"),
    ]
    assert len([one for one in store.decisions("b") if one.subject == "reminder"]) == 6


def test_no_reader_hears_of_more_in_a_day_than_the_budget_and_of_the_best_first(project: Project, store: Store) -> None:
    leads = {f"l{number}": {"behaviour": 10 + number} for number in range(5)}
    told(store, *leads)
    commit(store, MONDAY + HOUR, evaluation=evaluation(leads, MONDAY + HOUR))
    desk = a_desk(project, store, budget=2)
    assert run(desk, MONDAY + 5 * HOUR) == Reminded(reminders=2)
    assert run(desk, MONDAY + 6 * HOUR) == Reminded()
    assert {one.lead_id for one in store.decisions() if one.subject == "reminder"} == {"l4", "l3"}
    assert run(desk, MONDAY + 24 * HOUR) == Reminded(reminders=2)


Act = Callable[[Store, datetime], object]


def _sink(store: Store, now: datetime) -> None:
    state = pd.DataFrame({"above_since": [None], "below_since": [float(to_micros(now))], "cooldown_until": [None]})
    commit(store, now, hysteresis=state.set_index(pd.Index(["a"], name="lead_id")))


def _change(**lead: object) -> Act:
    return lambda store, now: commit(store, now, evaluation=evaluation({"a": lead}, now), shown=["open_deal"])


def _mute(lead_id: str = "", recipient: str = "") -> Act:
    return lambda store, now: store.mute(
        Mute(by=MIA, reason="", at=now, until=now + 90 * DAY, lead_id=lead_id, recipient=recipient)
    )


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda store, now: store.record_outcome("a", "claim", TOM, now), id="somebody claims it"),
        pytest.param(lambda store, now: store.record_outcome("a", "reject", MIA, now, "no"), id="it is rejected"),
        pytest.param(
            lambda store, now: store.record_outcome("a", "snooze", MIA, now, None, now + 90 * DAY), id="it is snoozed"
        ),
        pytest.param(
            lambda store, now: commit(
                store,
                now,
                closed=[EpisodeClosed(lead_id="a", status="converted", closed_at=now, reason="pays", converted_at=now)],
            ),
            id="it converts",
        ),
        pytest.param(_sink, id="it falls below the bar"),
        pytest.param(_change(eligible=False), id="it is no longer eligible"),
        pytest.param(_mute(lead_id="a"), id="the lead is muted"),
        pytest.param(_mute(recipient=MIA), id="the rep is muted"),
    ],
)
@pytest.mark.parametrize("after", [HOUR, 6 * HOUR], ids=["before any reminder", "after the first"])
def test_it_stops_once(project: Project, store: Store, act: Act, after: timedelta) -> None:
    told(store, "a")
    desk = a_desk(project, store)
    over(desk, days=0)
    before = 0
    if after > 4 * HOUR:
        run(desk, MONDAY + 4 * HOUR)
        before = 1
    act(store, MONDAY + after)
    over(desk, start=MONDAY + after)
    assert len(written(store)) == before


def test_a_lead_that_slept_is_counted_from_when_it_woke(project: Project, store: Store) -> None:
    told(store, "a")
    store.record_outcome("a", "snooze", MIA, MONDAY + HOUR, None, MONDAY + 2 * DAY)
    over(a_desk(project, store))
    assert told_what(store)[0] == ("remind", MIA, MONDAY + 2 * DAY + 4 * HOUR)


def test_the_fallback_hears_at_once_of_the_leads_of_who_is_away(project: Project, store: Store) -> None:
    told(store, "a")
    away = {"email": MIA, "since": to_micros(MONDAY + HOUR), "until": to_micros(MONDAY + 9 * DAY), "by": MIA, "at": 0}
    with store._database.writes() as connection:
        connection.execute(sa.insert(absences), [away])
    over(a_desk(project, store))
    assert told_what(store) == [("escalate", TOM, MONDAY + HOUR)]
    assert "Mia was told on Mon 2 Mar, 10:00 and is away" in str(written(store)[0].payload["text"])


@pytest.mark.parametrize(
    ("plan", "away", "to"),
    [
        pytest.param("team", "", ANA, id="of the branch"),
        pytest.param("free", "", TOM, id="of the project, where the branch has none"),
        pytest.param("team", ANA, TOM, id="of the project, where the branch's is away"),
    ],
)
def test_a_lead_that_nobody_takes_goes_to_the_fallback_of_its_branch(
    plan: str, away: str, to: str, project: Project, store: Store
) -> None:
    branches = (
        Branch(name="emea", match={"plan": Condition(equals="team")}, team="emea", fallback=ANA),
        Branch(name="rest", team="emea"),
    )
    desk = a_desk(project, store, rule=replace(RULE, most=0))
    routing = desk.project.definitions.routing
    routing = replace(routing, branches=branches, reps=(*routing.reps, rep(ANA)))
    definitions = replace(desk.project.definitions, routing=routing)
    desk = replace(desk, project=replace(desk.project, definitions=definitions))
    told(store, "acme", plan=plan)
    if away:
        store.add_absence(Absence(email=away, since=MONDAY, until=MONDAY + 9 * DAY), by="x", at=MONDAY)
    run(desk, MONDAY + 5 * HOUR)
    assert [recipient for _, recipient, _ in told_what(store)] == [to]


def test_what_the_branchs_fallback_does_not_take_goes_to_the_projects() -> None:
    routing = Routing(
        reps=(TOMS, MIAS), branches=(Branch(name="all", team="x", fallback=MIA),), fallback=TOM, channels={}
    )
    assert beyond(routing, {}, Roster(), rep=MIA).email == TOM
    assert beyond(routing, {}, Roster(), rep="ana@plotline.test").email == MIA


def test_the_fallbacks_own_leads_go_no_further(project: Project, store: Store) -> None:
    told(store, "a", to=TOM)
    over(a_desk(project, store))
    assert [kind for kind, _, _ in told_what(store)] == ["remind", "remind"]


def test_a_lead_whose_message_never_arrived_is_not_reminded_of(project: Project, store: Store) -> None:
    told(store, "a", sent=False)
    over(a_desk(project, store))
    assert written(store) == []


def test_without_the_rule_nobody_is_reminded(project: Project, store: Store) -> None:
    told(store, "a")
    desk = desk_of(project, store, [TOMS, MIAS])
    over(desk)
    assert written(store) == []


class Made:
    """A project that Hypothesis need not print."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def __repr__(self) -> str:
        return "the starter's project"


@pytest.fixture(scope="module")
def made(project: Project) -> Made:
    return Made(project)


@settings(max_examples=8, deadline=None)
@given(
    steps=st.lists(st.timedeltas(timedelta(hours=-20), timedelta(hours=60)), min_size=1, max_size=15),
    most=st.integers(0, 3),
    zone=st.sampled_from(["UTC", BERLIN, "Asia/Tokyo"]),
)
def test_whatever_the_clock_does_no_more_is_sent_than_the_rule_says(
    made: Made, steps: list[timedelta], most: int, zone: str
) -> None:
    store = open_store(StateSettings(url="sqlite://"), Path())
    told(store, "a", "b")
    who = rep(MIA, zone, working=OFFICE)
    desk = a_desk(made.project, store, rule=replace(RULE, most=most), mia=who)
    instant = MONDAY
    for step in steps:
        instant += step
        run(desk, instant)
    keys = [one.step_key for one in store.decisions() if one.subject == "reminder" and one.channel == "email"]
    store.close()
    assert len(keys) == len(set(keys))
    assert sum(key.startswith("remind:") for key in keys) <= 2 * most
    assert sum(key.startswith("escalate:") for key in keys) <= 2
