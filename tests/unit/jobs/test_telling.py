"""What a rep hears of, and when: quiet time, budgets, mutes, gathering and threads, over a real state."""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pql.domain.decisions import GATHER, Why
from pql.domain.evaluation import Evaluation
from pql.domain.mutes import Mute
from pql.domain.rules import Branch
from pql.jobs.telling import told_of
from tests.integration.store.samples import evaluation
from tests.unit.jobs.stage import MIA, MOMENTS, MORNING, YUKI, Stage, a_project, hours

EVENING = MORNING + hours(11)  # 21:00 in Berlin
NEXT_MORNING = datetime(2026, 3, 3, 8, tzinfo=UTC)  # 09:00 in Berlin
MINUTE = timedelta(minutes=1)


@pytest.fixture
def stage() -> Stage:
    return Stage()


# --- quiet time -------------------------------------------------------------------------------------------------


def test_who_qualifies_at_night_is_told_in_the_morning_and_once(stage: Stage) -> None:
    lead = stage.lead("acme")
    assert stage.run(EVENING, opens=[lead]) == {"acme": Why.QUIET}
    assert stage.run(EVENING + hours(3)) == {}
    assert stage.messages == []
    assert stage.run(NEXT_MORNING) == {"acme": Why.FIRST_TIME}
    assert stage.run(NEXT_MORNING + hours(1)) == {}
    assert [one.recipient for one in stage.messages] == [MIA]
    assert stage.store.held() == []


def test_quiet_time_is_the_reps_own(stage: Stage) -> None:
    stage.lead("acme", MIA)
    stage.lead("sato", YUKI)
    assert stage.run(MORNING, opens=["acme", "sato"]) == {"acme": Why.FIRST_TIME, "sato": Why.QUIET}
    assert stage.run(datetime(2026, 3, 3, 0, tzinfo=UTC)) == {"sato": Why.FIRST_TIME}


def test_moments_of_the_night_become_one_message_in_the_morning(stage: Stage) -> None:
    lead = stage.lead("acme")
    assert set(stage.run(EVENING, stage.happens(lead, "visit", EVENING)).values()) == {Why.QUIET}
    later = EVENING + hours(2)
    assert set(stage.run(later, stage.happens(lead, "paywall", later)).values()) == {Why.QUIET}
    assert set(stage.run(NEXT_MORNING).values()) == {Why.MOMENT}
    [message] = stage.messages
    assert message.payload["title"] == "Acme: 2 things have happened"
    assert [reason["words"] for reason in message.payload["reasons"]][:2] == [  # type: ignore[attr-defined]
        "Somebody, Monday, 02 Mar, 23:00",
        "Somebody, Monday, 02 Mar, 21:00",
    ]
    assert "it happened on Monday, 02 Mar, 23:00 (" in str(message.payload["decided"])
    assert message.payload["play"] == "Help Acme."


def test_what_is_no_longer_true_in_the_morning_is_said_not_sent(stage: Stage) -> None:
    lead = stage.lead("acme")
    stage.run(EVENING, stage.happens(lead, "paywall", EVENING))
    del stage.leads["acme"]
    assert stage.run(NEXT_MORNING) == {"paywall acme": Why.NO_LONGER_TRUE}
    assert stage.messages == []
    assert [one.status for one in stage.store.held(status=None)] == ["dropped"]


def test_a_friday_evenings_moment_is_told_on_monday(stage: Stage) -> None:
    friday = datetime(2026, 3, 6, 18, tzinfo=UTC)
    lead = stage.lead("acme")
    stage.run(friday, stage.happens(lead, "paywall", friday))
    assert stage.run(friday + timedelta(days=2)) == {}
    assert stage.run(datetime(2026, 3, 9, 8, tzinfo=UTC)) == {"paywall acme": Why.MOMENT}


# --- gathering and threads --------------------------------------------------------------------------------------


def test_moments_of_one_look_are_one_message(stage: Stage) -> None:
    lead = stage.lead("acme")
    cases = [stage.happens(lead, name, MORNING) for name in ("visit", "limit", "paywall")]
    assert set(stage.run(MORNING, *cases).values()) == {Why.MOMENT}
    [message] = stage.messages
    assert message.payload["title"] == "Acme: 3 things have just happened"
    assert "it has just happened (" in str(message.payload["decided"])
    assert len(stage.store.decisions(outcome="sent")) == 3
    assert {one.evidence.get("message", one.step_key) for one in stage.store.decisions()} == {message.step_key}


def test_a_moment_minutes_after_another_is_gathered_and_goes_into_its_thread(stage: Stage) -> None:
    lead = stage.lead("acme")
    stage.run(MORNING, stage.happens(lead, "paywall", MORNING))
    for minutes, name in ((2, "limit"), (4, "paywall")):
        at = MORNING + minutes * MINUTE
        found = stage.run(at, stage.happens(lead, name, at))
    assert found == {"paywall acme": Why.COOLING_DOWN}
    assert stage.run(MORNING + GATHER) == {"limit acme": Why.MOMENT}
    first, second = stage.messages
    assert (first.reply_to, second.reply_to) == ("", first.delivery_id)


def test_news_of_a_lead_that_was_told_about_goes_into_its_thread(stage: Stage) -> None:
    lead = stage.lead("acme")
    stage.run(MORNING, opens=[lead])
    at = MORNING + hours(2)
    stage.run(at, stage.happens(lead, "paywall", at))
    qualified, moment = stage.messages
    assert moment.reply_to == qualified.delivery_id


def test_a_qualification_and_a_moment_at_once_are_one_thread(stage: Stage) -> None:
    lead = stage.lead("acme")
    stage.run(MORNING, stage.happens(lead, "paywall", MORNING), opens=[lead])
    qualified, moment = sorted(stage.messages, key=lambda one: one.subject, reverse=True)
    assert (qualified.reply_to, moment.reply_to) == ("", qualified.delivery_id)


# --- budgets ----------------------------------------------------------------------------------------------------


def test_what_is_over_the_budget_is_told_the_next_working_day_the_best_first() -> None:
    stage = Stage(project=a_project(max_per_rep_a_day=2))
    for number in range(5):
        stage.lead(f"lead{number}", behaviour=50 + number)
    assert stage.run(MORNING, opens=list(stage.leads)) == {
        "lead4": Why.FIRST_TIME,
        "lead3": Why.FIRST_TIME,
        "lead2": Why.OVER_BUDGET,
        "lead1": Why.OVER_BUDGET,
        "lead0": Why.OVER_BUDGET,
    }
    assert stage.run(MORNING + hours(1)) == {}
    told = stage.run(NEXT_MORNING)
    assert [lead for lead, why in told.items() if why.sends] == ["lead2", "lead1"]


def test_urgent_moments_have_a_budget_of_their_own() -> None:
    stage = Stage(project=a_project(max_per_rep_a_day=1, max_urgent_per_rep_a_day=2))
    leads = [stage.lead(f"lead{number}") for number in range(3)]
    assert stage.run(MORNING, opens=leads[:1]) == {"lead0": Why.FIRST_TIME}
    found = stage.run(MORNING + hours(1), *(stage.happens(lead, "paywall", MORNING) for lead in leads))
    assert Counter(found.values()) == {Why.MOMENT: 2, Why.OVER_URGENT_BUDGET: 1}


def test_of_the_moments_of_a_night_the_most_urgent_of_the_best_leads_are_told() -> None:
    stage = Stage(project=a_project(max_per_rep_a_day=1, max_urgent_per_rep_a_day=2))
    leads = [stage.lead(f"lead{number}", behaviour=50 + number) for number in range(4)]
    stage.run(EVENING, *(stage.happens(lead, "paywall", EVENING) for lead in leads[:3]))
    stage.run(EVENING, stage.happens(leads[3], "visit", EVENING))
    assert stage.run(NEXT_MORNING) == {
        "paywall lead2": Why.MOMENT,
        "paywall lead1": Why.MOMENT,
        "paywall lead0": Why.OVER_URGENT_BUDGET,
        "visit lead3": Why.MOMENT,
    }
    assert [one.lead_id for one in stage.messages] == ["lead2", "lead1", "lead3"]


# --- the digest -------------------------------------------------------------------------------------------------


def test_what_is_left_to_the_digest_has_its_rep_and_takes_no_turn() -> None:
    team = (Branch(name="all", reps=(YUKI, MIA), fallback=YUKI),)
    stage = Stage(project=a_project(branches=team))
    owned, nobodys = stage.lead("acme"), stage.lead("sato", "")
    assert set(stage.run(MORNING, *(stage.happens(one, "note", MORNING) for one in (owned, nobodys))).values()) == {
        Why.FOR_DIGEST
    }
    recipients = {one.lead_id: one.recipient for one in stage.store.decisions()}
    assert recipients == {"acme": MIA, "sato": YUKI}
    assert stage.store.turns() == {}
    assert stage.store.holders([owned, nobodys]) == {}


def test_what_cools_down_has_the_rep_of_the_lead(stage: Stage) -> None:
    lead = stage.lead("acme")
    stage.run(MORNING, opens=[lead])
    at = MORNING + hours(1)
    assert stage.run(at, stage.happens(lead, "visit", at)) == {"visit acme": Why.LEAD_COOLING_DOWN}
    [decision] = [one for one in stage.store.decisions() if one.topic == "visit"]
    assert decision.recipient == MIA


# --- mutes ------------------------------------------------------------------------------------------------------


def mute(stage: Stage, **names: str) -> Mute:
    return stage.store.mute(Mute(by=MIA, reason="in talks", at=MORNING, until=MORNING + timedelta(days=20), **names))  # type: ignore[arg-type]


@pytest.mark.parametrize("names", [{"lead_id": "acme"}, {"recipient": MIA}, {"topic": "breadth"}])
def test_what_a_mute_held_is_told_when_it_is_taken_back(stage: Stage, names: dict[str, str]) -> None:
    lead, kept = stage.lead("acme"), mute(stage, **names)
    assert stage.run(MORNING, opens=[lead]) == {"acme": Why.MUTED}
    assert stage.run(MORNING + hours(1)) == {}
    stage.store.unmute(kept.number, MORNING + hours(2))
    assert stage.run(MORNING + hours(2)) == {"acme": Why.FIRST_TIME}


def test_a_mute_of_something_else_holds_nothing(stage: Stage) -> None:
    lead = stage.lead("acme")
    for names in ({"lead_id": "other"}, {"recipient": YUKI}, {"topic": "team"}, {"topic": "paywall"}):
        mute(stage, **names)
    assert stage.run(MORNING, opens=[lead]) == {"acme": Why.FIRST_TIME}


def test_a_muted_moment_is_told_until_it_is_too_old(stage: Stage) -> None:
    lead, kept = stage.lead("acme"), mute(stage, topic="paywall")
    other = stage.lead("beta")
    assert stage.run(MORNING, *(stage.happens(one, "paywall", MORNING) for one in (lead, other))) == {
        "paywall acme": Why.MUTED,
        "paywall beta": Why.MUTED,
    }
    assert set(stage.run(MORNING + timedelta(days=7) + GATHER).values()) == {Why.STALE_MOMENT}
    assert stage.store.unmute(kept.number, MORNING + timedelta(days=8)) is not None
    assert stage.run(MORNING + timedelta(days=8)) == {}


# --- whatever happens -------------------------------------------------------------------------------------------


@given(
    happened=st.lists(
        st.tuples(
            st.integers(0, 3),
            st.sampled_from([one.name for one in MOMENTS] + ["opens"]),
            st.integers(0, 7 * 24 * 6),
        ),
        max_size=10,
    ),
    looks=st.lists(st.integers(0, 12 * 24 * 6), max_size=6),
)
@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.too_slow])
def test_nobody_is_told_twice_in_quiet_time_or_over_the_budget_and_nothing_stays_held(
    happened: list[tuple[int, str, int]], looks: list[int]
) -> None:
    stage = Stage(project=a_project(max_per_rep_a_day=3))
    leads = [stage.lead(f"lead{number}", (MIA, YUKI)[number % 2]) for number in range(4)]
    reps = {rep.email: rep for rep in stage.project.definitions.routing.reps}
    start, opened = MORNING - timedelta(days=1), set[str]()
    for tick in sorted({*looks, *(at for _, _, at in happened)}):
        now = start + tick * timedelta(minutes=10)
        found = {(leads[who], what) for who, what, at in happened if at == tick}
        opens = sorted({lead for lead, what in found if what == "opens"} - opened)
        opened |= {*opens}
        before = len(stage.messages)
        stage.run(
            now, *(stage.happens(lead, what, now) for lead, what in sorted(found) if what != "opens"), opens=opens
        )
        assert all(reps[one.recipient].working.is_open(now) for one in stage.messages[before:])
    for days in range(7):
        midnight = datetime(2026, 3, 14, tzinfo=UTC) + timedelta(days=days)
        stage.run(midnight + hours(2))
        stage.run(midnight + hours(10))
    assert stage.store.held() == []
    told = Counter(step for one in stage.store.decisions(outcome="sent", limit=999) for step in [one.step_key])
    assert set(told.values()) <= {1}
    assert {one.lead_id for one in stage.messages if one.subject == "qualification"} == opened


@pytest.mark.parametrize("baseline", [False, True])
def test_rows_of_leads_are_read_for_some_cases_at_a_time_and_for_a_baseline_not_at_all(
    baseline: bool, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    cases = [stage.happens(stage.lead(f"lead{number}"), "limit", MORNING) for number in range(5)]
    usual, together = Evaluation.ready, []

    def noted(self: Evaluation, lead_ids: Iterable[str]) -> None:
        together.append([*lead_ids])
        usual(self, together[-1])

    known = evaluation(stage.leads, MORNING)
    whole = told_of(stage.store, stage.project, known, cases, baseline=baseline)
    monkeypatch.setattr("pql.jobs.tell.AT_ONCE", 2)
    monkeypatch.setattr(Evaluation, "ready", noted)
    parts = told_of(stage.store, stage.project, evaluation(stage.leads, MORNING), cases, baseline=baseline)

    assert [one.why for one in parts.told] == [one.why for one in whole.told]
    many = [ids for ids in together if len(ids) > 1]
    assert many == ([] if baseline else [["lead0", "lead1"], ["lead2", "lead3"]])
    assert bool(together) is not baseline
