"""Leads given to reps over several runs: turns that hold, stand-ins, capacity, and what a test of a route says."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pql.config.settings import DeliverySettings, Notifiers, Project, Schedules, StateSettings, UsageSettings
from pql.domain.conditions import Condition
from pql.domain.decisions import Candidate, Why
from pql.domain.messages import Subject
from pql.domain.moments import Moment, Urgency
from pql.domain.mutes import Mute
from pql.domain.patterns.times import Times
from pql.domain.rules import Absence, Branch, Channel, Rep, Routing
from pql.domain.working_time import WorkingTime
from pql.jobs.candidates import Case, episode_cases
from pql.jobs.routes import AbsenceRefused, MomentUnknown, RepUnknown, away, back, known_rep, reps_at, try_route
from pql.jobs.tell import decision_records
from pql.jobs.telling import Telling, told_of
from pql.store import Store, open_store
from pql.store.records import EpisodeOpened, RunResults
from pql.testing import RecordingChannel
from tests.integration.store.samples import evaluation
from tests.unit.domain.samples import definitions

# A Monday, 10:00 in Berlin; in Tokyo it is 18:00, and quiet.
MORNING = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)
MIA = Rep(email="mia@plotline.test", name="Mia Berg", team="emea", time_zone="Europe/Berlin")
BEN = Rep(email="ben@plotline.test", name="Ben Noor", team="emea")
CLEO = Rep(email="cleo@plotline.test", name="Cleo Ray", team="emea")
TEAM = (MIA, BEN, CLEO)
EMEA = Branch(name="emea", match={"country": Condition.parse("DE")}, team="emea", slack_channel="#emea")
PAYWALL = Moment(
    name="paywall", title="Paywall", why="It tells.", pattern=Times(event="paywall"), urgency=Urgency.NOW, play="Help."
)


def project(*reps: Rep, **routing: Any) -> Project:
    urgencies = {"now": (Channel.SLACK, Channel.EMAIL), "today": (Channel.SLACK,), "digest": (Channel.EMAIL,)}
    given: dict[str, Any] = {"branches": (EMEA,), "fallback": MIA.email, "channels": urgencies, **routing}
    return Project(
        folder=Path(),
        name="Test",
        definitions=replace(definitions(), moments=(PAYWALL,), routing=Routing(reps=reps or TEAM, **given)),
        usage=UsageSettings(url="duckdb://"),
        state=StateSettings(url="sqlite://"),
        delivery=DeliverySettings(mode="on"),
        notifiers=Notifiers(),
        schedules=Schedules(),
    )


@dataclass
class Office:
    """A team whose leads qualify when a test says so."""

    project: Project = field(default_factory=project)
    store: Store = field(default_factory=lambda: open_store(StateSettings(url="sqlite://"), Path()))
    leads: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: int = 0

    def qualify(self, at: datetime, *lead_ids: str, **facts: Any) -> dict[str, str]:
        """Leads qualify in one run; who is told, or for whom it waits, by lead."""
        facts = {"country": "DE", **facts}
        self.leads |= {lead_id: {"name": lead_id, "tier": "hot", "behaviour": 60, **facts} for lead_id in lead_ids}
        return self._run(at, [], lead_ids)

    def happens(self, at: datetime, lead_id: str) -> dict[str, str]:
        """A moment of a lead."""
        key = f"moment:paywall:{lead_id}:{at.isoformat()}"
        candidate = Candidate(subject=Subject.MOMENT, lead_id=lead_id, key=key, urgency=Urgency.NOW, happened_at=at)
        return self._run(at, [Case(candidate=candidate, topic="paywall", moment=PAYWALL)], ())

    def _run(self, at: datetime, cases: list[Case], opens: tuple[str, ...]) -> dict[str, str]:
        known = evaluation(self.leads, at)
        known = replace(known, leads=known.leads.assign(country=[lead["country"] for lead in self.leads.values()]))
        untold = episode_cases(self.store.open_episodes(), dict.fromkeys(opens, at), known)
        waiting = self.store.held()
        every = [*untold, *cases]
        telling = told_of(self.store, self.project, known, every, baseline=False, waiting=waiting)
        self._commit(at, telling, opens, known)
        return {one.case.candidate.lead_id: one.route.rep.name for one in telling.told if one.route}

    def _commit(self, at: datetime, telling: Telling, opens: tuple[str, ...], known: Any) -> None:
        self.runs += 1
        run = self.store.begin_run(f"job{self.runs}", at, at)
        results = RunResults(
            definitions_hash="h",
            evaluation=known,
            shown=["country", "employees"],
            opened=[EpisodeOpened(lead_id=lead_id, opened_at=at, tier="hot", grade="A1") for lead_id in opens],
            decisions=[record for one in telling.told for record in decision_records(one, (), as_of=at)],
            held=telling.held,
            settled=telling.settled,
            turns=telling.turns,
        )
        self.store.commit_run(run, results, at)


def many(prefix: str, number: int) -> tuple[str, ...]:
    return tuple(f"{prefix}{count}" for count in range(number))


def test_turns_go_on_over_runs_where_they_were() -> None:
    office = Office()
    assert [*office.qualify(MORNING, *many("a", 4)).values()] == ["Mia Berg", "Ben Noor", "Cleo Ray", "Mia Berg"]
    # What a process that was started anew knows is what stands in the state.
    later = Office(project=project(), store=office.store, runs=1)
    assert [*later.qualify(MORNING + DAY, *many("b", 3)).values()] == ["Ben Noor", "Cleo Ray", "Mia Berg"]


def test_who_was_away_is_not_given_at_once_what_they_missed() -> None:
    office = Office()
    office.qualify(MORNING, *many("a", 3))
    away(office.store, BEN, since=None, until="2026-03-06", reason=" holiday", by="ops", at=MORNING)
    assert set(office.qualify(MORNING + DAY, *many("b", 8)).values()) == {"Mia Berg", "Cleo Ray"}
    back(office.store, office.project.definitions.routing, BEN, MORNING + 2 * DAY)
    returned = [*office.qualify(MORNING + 2 * DAY, *many("c", 6)).values()]
    assert sorted(returned) == ["Ben Noor"] * 2 + ["Cleo Ray"] * 2 + ["Mia Berg"] * 2


def test_leads_that_come_in_quiet_time_are_spread_over_the_team_all_the_same() -> None:
    asleep = tuple(replace(rep, time_zone="Asia/Tokyo", working=WorkingTime()) for rep in TEAM)
    office = Office(project=project(*asleep))
    kept = office.qualify(MORNING, *many("a", 6))
    assert sorted(kept.values()) == ["Ben Noor"] * 2 + ["Cleo Ray"] * 2 + ["Mia Berg"] * 2
    assert {record.why for record in office.store.held()} == {"QUIET"}
    before = office.store.turns()
    assert [turn.taken for turn in before.values()] == [2, 2, 2]
    # In the morning each is told of those that were kept for them, and takes no further turn.
    assert office.qualify(MORNING + timedelta(hours=15)) == kept
    assert office.store.turns() == before
    assert {decision.why for decision in office.store.decisions(outcome="sent")} == {"FIRST_TIME"}


def test_an_absent_reps_leads_go_on_with_a_stand_in_and_come_back() -> None:
    office = Office()
    assert office.qualify(MORNING, "a") == {"a": "Mia Berg"}
    away(office.store, MIA, since=None, until="2026-03-09", reason="", by="ops", at=MORNING)
    assert office.happens(MORNING + DAY, "a") == {"a": "Ben Noor"}
    words = office.store.decisions("a")[0].words
    assert "already with Mia Berg, who is away until 09 Mar 2026; Ben Noor stands in" in words
    assert office.happens(MORNING + 2 * DAY, "a") == {"a": "Ben Noor"}
    assert office.happens(MORNING + 8 * DAY, "a") == {"a": "Mia Berg"}


def test_who_is_full_is_skipped_until_a_lead_of_theirs_is_closed() -> None:
    full = replace(BEN, capacity=1)
    office = Office(project=project(MIA, full))
    first = office.qualify(MORNING, *many("a", 4))
    assert [*first.values()].count("Ben Noor") == 1
    mine = next(lead_id for lead_id, name in first.items() if name == "Ben Noor")
    assert office.qualify(MORNING + DAY, "b") == {"b": "Mia Berg"}
    office.store.record_outcome(mine, "lost", BEN.email, MORNING + DAY, "no budget")
    assert set(office.qualify(MORNING + 2 * DAY, *many("c", 2)).values()) == {"Ben Noor", "Mia Berg"}


def test_an_absence_that_the_file_names_counts_too() -> None:
    skiing = replace(MIA, absent=(Absence(email=MIA.email, since=MORNING - DAY, until=MORNING + DAY),))
    office = Office(project=project(skiing, BEN))
    assert set(office.qualify(MORNING, *many("a", 3)).values()) == {"Ben Noor"}
    with pytest.raises(AbsenceRefused, match=r"config/routing\.yml until 2026-03-03"):
        back(office.store, office.project.definitions.routing, skiing, MORNING)


# --- what people ask --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["mia@plotline.test", "MIA BERG", "mia"])
def test_a_rep_is_known_by_address_or_name(text: str) -> None:
    assert known_rep(project().definitions.routing, text) == MIA


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ben nor", "'ben nor' is none of the reps; did you mean Ben Noor (ben@plotline.test)?"),
        ("zzz", "'zzz' is none of the reps; `pql reps` lists them, like Mia Berg (mia@plotline.test), "),
        ("e", "'e' could be several reps: Mia Berg (mia@plotline.test), Ben Noor (ben@plotline.test), "),
    ],
)
def test_a_name_that_is_not_one_reps_names_near_ones(text: str, said: str) -> None:
    with pytest.raises(RepUnknown) as caught:
        known_rep(project().definitions.routing, text)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        (None, "2026-03-01", "must lie ahead"),
        ("2026-03-10", "2026-03-10", "must lie ahead"),
        (None, "next week", "write one like 2026-08-14"),
        (None, "2026-03-10T09:00", "has no time zone"),
    ],
)
def test_an_absence_that_cannot_be_is_refused(since: str | None, until: str, said: str) -> None:
    office = Office()
    with pytest.raises(AbsenceRefused, match=said):
        away(office.store, MIA, since=since, until=until, reason="", by="ops", at=MORNING)
    assert office.store.absences(MORNING) == []


def test_a_day_away_ends_at_midnight_where_the_rep_is() -> None:
    office = Office()
    absence = away(office.store, MIA, since="2026-03-10", until="2026-03-12", reason="", by="ops", at=MORNING)
    assert (absence.since, absence.until) == (
        datetime(2026, 3, 9, 23, tzinfo=UTC),
        datetime(2026, 3, 11, 23, tzinfo=UTC),
    )


def test_the_list_of_reps_says_who_works_who_is_away_and_what_each_has() -> None:
    yuki = Rep(email="yuki@plotline.test", name="Yuki", time_zone="Asia/Tokyo", working=WorkingTime(holidays="JP"))
    office = Office(project=project(*TEAM, yuki))
    office.qualify(MORNING, *many("a", 4))
    away(office.store, BEN, since=None, until="2026-03-06", reason=" holiday", by="ops", at=MORNING)
    mia, ben, _, tokyo = reps_at(office.store, office.project.definitions.routing, MORNING)
    assert (mia.open_leads, mia.turns, mia.sent_today, mia.quiet_until) == (2, {"team emea": 2.0}, 2, None)
    assert (mia.local.hour, mia.away_until) == (10, None)
    assert (ben.away_until, ben.away_for) == (datetime(2026, 3, 6, tzinfo=UTC), "holiday")
    assert (tokyo.open_leads, tokyo.quiet_until) == (0, datetime(2026, 3, 3, tzinfo=UTC))


CHANNELS = {name: RecordingChannel(name) for name in ("slack", "email")}


def test_a_route_is_tried_without_telling_anybody() -> None:
    office = Office()
    office.qualify(MORNING, "a", country="DE")
    before = office.store.turns(), office.store.decisions(), office.store.notifications()
    tried = try_route(office.store, office.project, CHANNELS, "a", at=MORNING)
    assert [(step.branch.name, step.matches) for step in tried.steps] == [("emea", True)]
    assert tried.route.path == ("route emea", "already with Mia Berg")
    assert [(one.channel, one.address) for one in tried.targets] == [("slack", "#emea")]
    assert (tried.quiet_until, tried.to_digest, tried.mode) == (None, False, "on")
    assert (office.store.turns(), office.store.decisions(), office.store.notifications()) == before


def test_a_tried_route_says_what_speaks_against_telling_it() -> None:
    office = Office()
    office.qualify(MORNING, "a", eligible=False, ineligible_why="own staff")
    assert try_route(office.store, office.project, CHANNELS, "a", at=MORNING).against == (
        "it is not eligible: own staff",
    )
    office.qualify(MORNING, "b")
    until = MORNING + DAY
    office.store.mute(Mute(lead_id="b", topic="paywall", by="mia", reason="in talks", at=MORNING, until=until))
    assert try_route(office.store, office.project, CHANNELS, "b", at=MORNING).against == ()
    tried = try_route(office.store, office.project, CHANNELS, "b", moment="paywall", at=MORNING)
    assert tried.against == ("it is muted by mia: in talks, until 2026-03-03 09:00 UTC",)
    assert try_route(office.store, office.project, CHANNELS, "b", moment="paywall", at=until).against == ()


def test_a_tried_route_keeps_to_what_the_rep_wants() -> None:
    quiet = replace(MIA, channels=(Channel.EMAIL,), at_once=False, working=WorkingTime())
    office = Office(project=project(quiet, branches=(replace(EMEA, slack_channel=""),)))
    office.qualify(MORNING, "a")
    evening = MORNING + timedelta(hours=10)
    tried = try_route(office.store, office.project, CHANNELS, "a", at=evening)
    assert [one.channel for one in tried.targets] == ["email"]
    assert tried.to_digest
    urgent = try_route(office.store, office.project, CHANNELS, "a", moment="paywall", at=evening)
    assert (urgent.to_digest, urgent.quiet_until) == (False, datetime(2026, 3, 3, 8, tzinfo=UTC))


def test_a_route_may_ask_for_what_fired_and_what_it_is_about() -> None:
    fired = Branch(name="fired", match={"signal": Condition.parse("breadth")}, reps=(CLEO.email,))
    urgent = Branch(name="urgent", match={"moment": Condition.parse("paywall")}, reps=(BEN.email,))
    office = Office(project=project(branches=(urgent, fired)))
    told = office.qualify(MORNING, "a")
    assert told == {"a": "Cleo Ray"}
    tried = try_route(office.store, office.project, CHANNELS, "a", at=MORNING)
    asked = try_route(office.store, office.project, CHANNELS, "a", moment="paywall", at=MORNING)
    assert [tried.route.path[0], asked.route.path[0]] == ["route fired", "route urgent"]


def test_a_moment_that_is_not_names_those_that_are() -> None:
    office = Office()
    office.qualify(MORNING, "a")
    with pytest.raises(MomentUnknown, match="there are paywall"):
        try_route(office.store, office.project, CHANNELS, "a", moment="paywal", at=MORNING)


def test_every_reason_names_the_path() -> None:
    office = Office()
    office.qualify(MORNING, "a")
    assert office.store.decisions("a")[0].why == Why.FIRST_TIME.name
    assert office.store.decisions("a")[0].words.endswith("(route emea; Mia Berg is next in turn)")
