from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pql.domain.calendar import to_micros
from pql.domain.messages import Subject
from pql.store import Store
from pql.store.records import (
    CheckInRecord,
    ConversionRecord,
    EpisodeClosed,
    OccurrenceRecord,
    RunResults,
    delivery_id,
)
from tests.integration.store.samples import HOUR, T0, commit, decision, evaluation, message, opened

DAY = timedelta(days=1)


def see(store: Store, hours: int, leads: dict[str, dict[str, Any]], **results: Any) -> Any:
    at = T0 + hours * HOUR
    # The verdicts' times stay, so that only what a test changes changes.
    return commit(store, at, evaluation=evaluation(leads), shown=["employees", "country"], **results)


def test_a_lead_is_kept_as_it_was_evaluated(store: Store) -> None:
    see(store, 0, {"007": {"name": "Straße & Söhne 🚀", "behaviour": 41.237, "student": True, "country": "NA"}})
    lead = store.lead("007")
    assert lead is not None
    assert (lead.name, lead.domain, lead.behaviour) == ("Straße & Söhne 🚀", "acme.test", 41.24)
    assert lead.attributes == {"employees": 120.0, "country": "NA"}
    assert lead.fit_parts == {"criterion.size": 30.0, "criterion.industry": None, "persona.student": True}
    breadth, team = lead.verdicts
    assert (breadth.signal, breadth.outcome, breadth.value, breadth.points) == ("breadth", 1, 3.0, 41.24)
    assert (breadth.strength, breadth.decay, breadth.latest_at) == (0.75, 1.0, T0 - HOUR)
    assert (team.signal, team.outcome, team.value, team.missing, team.latest_at) == ("team", -1, None, 2, None)
    assert lead.updated_at == T0
    assert lead.created_at == T0 - 30 * DAY
    assert store.lead("7") is None


def test_only_leads_that_changed_are_written(store: Store) -> None:
    assert see(store, 0, {"a": {}, "b": {}}).leads_written == 2
    assert see(store, 1, {"a": {}, "b": {}}).leads_written == 0
    assert see(store, 2, {"b": {}, "a": {"breadth": 4.0}}).leads_written == 1
    a, b = store.lead("a"), store.lead("b")
    assert a is not None
    assert b is not None
    assert (a.updated_at, b.updated_at) == (T0 + 2 * HOUR, T0)
    assert a.verdicts[0].value == 4.0


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Acme Inc."},
        {"country": "DE"},
        {"employees": None},
        {"owner_email": "mia@plotline.test"},
        {"student": True},
        {"fit": 50.01},
        {"eligible": False},
        {"ineligible_why": "staff"},
        {"tier": "hot"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_is_stored_makes_a_difference(store: Store, change: dict[str, Any]) -> None:
    see(store, 0, {"a": {}})
    assert see(store, 1, {"a": change}).leads_written == 1
    assert see(store, 2, {"a": change}).leads_written == 0


def test_history_grows_only_when_the_standing_changes(store: Store) -> None:
    see(store, 0, {"a": {"behaviour": 40.0}, "b": {}})
    see(store, 1, {"a": {"behaviour": 40.4}, "b": {}})  # rounds to the same
    see(store, 2, {"a": {"behaviour": 41.0}, "b": {}})
    see(store, 3, {"a": {"behaviour": 41.0, "tier": "hot", "grade": "A3"}, "b": {}})
    see(store, 4, {"a": {"behaviour": 41.0, "tier": "hot", "grade": "A3", "name": "Other"}, "b": {}})
    steps = store.score_history("a")
    assert [(step.as_of, step.behaviour, step.grade) for step in steps] == [
        (T0, 40.0, "B3"),
        (T0 + 2 * HOUR, 41.0, "B3"),
        (T0 + 3 * HOUR, 41.0, "A3"),
    ]
    assert len(store.score_history("b")) == 1


def test_a_lead_that_the_source_no_longer_has_is_gone_until_it_returns(store: Store) -> None:
    see(store, 0, {"a": {}, "b": {}})
    assert see(store, 1, {"a": {}}).leads_gone == 1
    gone = store.lead("b")
    assert gone is not None
    assert gone.gone
    assert list(store.leads_table().index) == ["a"]
    assert see(store, 2, {"a": {}}).leads_gone == 0
    assert see(store, 3, {"a": {}, "b": {}}).leads_written == 1
    assert list(store.leads_table().index) == ["a", "b"]


def test_an_evaluation_of_nobody_is_no_error(store: Store) -> None:
    see(store, 0, {"a": {}})
    assert see(store, 1, {}).leads_gone == 1
    assert store.leads_table().empty


def test_text_that_databases_refuse_is_mended(store: Store) -> None:
    see(
        store,
        0,
        {"a\x00": {"name": "nul \x00", "country": "\x00"}},
        opened=[opened("a\x00", evidence={"why": "\x00", "nan": np.float64("nan"), "inf": float("inf")})],
        outbox=[message("step\x00", "a\x00", payload={"text": "\ud800", "at": T0})],
    )
    lead = store.lead("a\ufffd")
    assert lead is not None
    assert lead.name == "nul \ufffd"
    assert store.episodes("a\ufffd")[0].evidence == {"why": "\ufffd", "nan": None, "inf": None}
    assert store.notifications()[0].payload == {"text": "?", "at": "2026-03-02T09:00:00+00:00"}


def test_a_run_remembers_its_counts_norms_and_cuts(store: Store) -> None:
    see(store, 0, {"a": {}}, counts={"fired": 7}, outbox=[message("one")])
    run = store.runs()[0]
    assert (run.status, run.finished_at) == ("done", T0)
    assert run.counts == {**run.counts, "fired": 7, "leads_written": 1, "enqueued": 1}
    assert run.norms == {
        "breadth": {"median": 2.0, "p90": 5.0, "n": 10.0},
        "team": {"median": None, "p90": None, "n": 0.0},
    }
    assert run.cuts == {"breadth": [0.0, 1.0, 4.0]}


# --- episodes ---------------------------------------------------------------------------------------------------


def test_an_episode_is_kept_with_its_evidence(store: Store) -> None:
    commit(store, opened=[opened("a", behaviour=61.5, fit=70.0, evidence={"reasons": ["9 features"]})])
    episode = store.episodes("a")[0]
    assert (episode.status, episode.opened_at, episode.tier, episode.grade) == ("open", T0, "hot", "A1")
    assert (episode.behaviour, episode.fit, episode.told_at) == (61.5, 70.0, None)
    assert episode.evidence == {"reasons": ["9 features"]}
    assert episode.id == opened("a").id
    assert store.open_episodes().loc["a", "episode_id"] == episode.id


def test_a_conversion_ends_the_episode_with_its_lead_time(store: Store) -> None:
    commit(store, opened=[opened("a")])
    later = T0 + 3 * DAY
    ended = EpisodeClosed(
        lead_id="a", status="converted", closed_at=later, reason="became paying", converted_at=later - HOUR
    )
    converted = ConversionRecord(lead_id="a", converted_at=later - HOUR, plan="pro", use_before=4.0)
    assert commit(store, later, closed=[ended], conversions=[converted]).closed == 1
    episode = store.episodes("a")[0]
    assert (episode.status, episode.close_reason) == ("converted", "became paying")
    assert episode.lead_time_micros == (3 * DAY - HOUR) // timedelta(microseconds=1)
    customer = store.customers().loc["a"]
    assert (customer["plan"], customer["lead_time"]) == ("pro", episode.lead_time_micros)
    outcome = store.outcomes("a")[0]
    assert (outcome.kind, outcome.at, outcome.qualification_id) == ("converted", later - HOUR, episode.id)
    assert store.open_episodes().empty


def test_a_conversion_before_the_episode_opened_has_no_negative_lead_time(store: Store) -> None:
    commit(store, opened=[opened("a")])
    ended = EpisodeClosed(
        lead_id="a", status="converted", closed_at=T0 + HOUR, reason="became paying", converted_at=T0 - DAY
    )
    commit(store, T0 + HOUR, closed=[ended])
    assert store.episodes("a")[0].lead_time_micros == 0


def test_what_a_rep_closed_while_the_run_thought_stays_as_the_rep_left_it(store: Store) -> None:
    commit(store, opened=[opened("a"), opened("b")])
    run = store.begin_run("run", T0 + DAY, T0 + DAY)
    store.record_outcome("a", "reject", "mia@plotline.test", T0 + DAY, "wrong size")
    store.record_outcome("b", "claim", "mia@plotline.test", T0 + DAY)
    closing: dict[str, Any] = {"status": "expired", "closed_at": T0 + DAY, "reason": "nobody claimed it"}
    results = RunResults(
        definitions_hash="hash",
        closed=[EpisodeClosed(lead_id=lead_id, unless_claimed=True, **closing) for lead_id in ("a", "b")],
        hysteresis=_states(a=(np.nan, np.nan, to_micros(T0 + DAY))),
    )
    committed = store.commit_run(run, results, T0 + DAY)
    assert (committed.closed, committed.closed_before) == (0, 2)
    assert store.episodes("a")[0].status == "rejected"
    assert store.episodes("b")[0].status == "claimed"
    # The rep's rejection set a longer cooldown than the run knew of.
    assert store.hysteresis().loc["a", "cooldown_until"] == to_micros(T0 + 31 * DAY)


def test_a_claimed_episode_ends_when_its_lead_left(store: Store) -> None:
    commit(store, opened=[opened("a")])
    store.record_outcome("a", "claim", "mia@plotline.test", T0)
    left = EpisodeClosed(lead_id="a", status="expired", closed_at=T0 + HOUR, reason="it stayed below the bar")
    assert commit(store, T0 + HOUR, closed=[left]).closed == 1


def test_one_lead_has_one_live_episode(store: Store) -> None:
    commit(store, opened=[opened("a")])
    ended = EpisodeClosed(lead_id="a", status="expired", closed_at=T0 + HOUR, reason="it left")
    commit(store, T0 + HOUR, closed=[ended], opened=[opened("a", T0 + HOUR)])
    assert [episode.status for episode in store.episodes("a")] == ["open", "expired"]


def _states(**leads: tuple[float, float, float]) -> pd.DataFrame:
    columns = ["above_since", "below_since", "cooldown_until"]
    frame = pd.DataFrame.from_dict(leads, orient="index", columns=columns, dtype=float)
    return frame.rename_axis("lead_id")


def test_hysteresis_comes_back_as_it_was_written(store: Store) -> None:
    nan = np.nan
    commit(store, opened=[opened("b")], hysteresis=_states(a=(1.0, nan, nan), b=(nan, 2.0, 3.0), c=(nan, nan, nan)))
    commit(store, T0 + HOUR, hysteresis=_states(a=(nan, 4.0, nan)))
    store.record_outcome("b", "accept", "mia@plotline.test", T0 + HOUR)
    state = store.hysteresis()
    assert list(state.columns) == ["open", "opened_at", "above_since", "below_since", "cooldown_until", "claimed"]
    assert list(state.index) == ["a", "b"]
    a, b = (state.loc[lead_id] for lead_id in ("a", "b"))
    assert (a["open"], a["below_since"], a["claimed"]) == (False, 4.0, False)
    assert state["above_since"].isna().all()
    assert (b["open"], b["opened_at"], b["below_since"], b["cooldown_until"]) == (True, to_micros(T0), 2.0, 3.0)
    assert b["claimed"]
    for some in (["b"], ["a", "unknown"], []):
        pd.testing.assert_frame_equal(store.hysteresis(some), state[state.index.isin(some)])
        assert list(store.open_episodes(some).index) == [lead_id for lead_id in some if lead_id == "b"]


# --- moments, decisions, messages -------------------------------------------------------------------------------


def test_an_occurrence_is_kept_once(store: Store) -> None:
    hit = OccurrenceRecord(moment="paywall", lead_id="a", key="u1:3", at=T0, user_id="u1", feature="export")
    assert commit(store, occurrences=[hit, hit]).occurrences == 1
    assert commit(store, T0 + HOUR, occurrences=[hit]).occurrences == 0
    keys = [("paywall", "a", "u1:3"), ("paywall", "b", "u1:3"), ("limit", "a", "u1:3")]
    assert store.known_occurrences(keys) == {("paywall", "a", "u1:3")}
    assert store.known_occurrences([]) == set()


def test_the_same_message_is_enqueued_once(store: Store) -> None:
    first = commit(store, outbox=[message("one"), message("one", channel="email"), message("two")])
    again = commit(store, T0 + HOUR, outbox=[message("one", payload={"text": "other"}), message("three")])
    assert (first.enqueued, first.enqueued_before) == (3, 0)
    assert (again.enqueued, again.enqueued_before) == (1, 1)
    rows = {(row.step_key, row.channel): row for row in store.notifications()}
    assert rows["one", "slack"].payload == {"text": "one"}
    assert rows["one", "slack"].delivery_id == delivery_id("one", "mia@plotline.test", "slack")


def test_a_decision_that_is_taken_again_is_counted(store: Store) -> None:
    for hours in range(3):
        held = decision("one", at=T0 + hours * HOUR, outcome="withheld", why="SNOOZED", words=f"until {hours}")
        commit(store, T0 + hours * HOUR, decisions=[held])
    commit(store, T0 + 3 * HOUR, decisions=[decision("one", at=T0 + 3 * HOUR, evidence={"score": 61})])
    sent, withheld = store.decisions("a")
    assert (sent.outcome, sent.why, sent.times, sent.evidence) == ("sent", "FIRST_TIME", 1, {"score": 61})
    assert (withheld.times, withheld.at, withheld.last_at) == (3, T0, T0 + 2 * HOUR)
    assert withheld.words == "until 2"
    assert store.decisions(outcome="withheld") == [withheld]
    assert store.decisions(since=T0 + 3 * HOUR) == [sent]
    assert store.decisions("b") == []


def test_an_episode_knows_when_it_was_first_told(store: Store) -> None:
    commit(store, opened=[opened("a"), opened("b"), opened("c", told_at=T0)])
    moment = decision("m", "b", at=T0 + HOUR, subject=Subject.MOMENT)
    commit(store, T0 + HOUR, decisions=[decision("q", "a", at=T0 + HOUR), moment])
    commit(store, T0 + 2 * HOUR, decisions=[decision("q", "a", at=T0 + 2 * HOUR, channel="email")])
    told = store.open_episodes()["told_at"]
    assert told["a"] == to_micros(T0 + HOUR)
    assert np.isnan(told["b"])
    assert told["c"] == to_micros(T0)


# --- customers --------------------------------------------------------------------------------------------------


def test_a_customers_use_is_renewed_and_what_was_measured_once_stays(store: Store) -> None:
    see(store, 0, {"a": {"success_owner_email": "cs@plotline.test"}})
    commit(store, T0 + HOUR, conversions=[ConversionRecord(lead_id="a", converted_at=T0, plan="team", use_before=9.0)])
    renewed = ConversionRecord(lead_id="a", converted_at=T0, plan="pro", use_now=4.0, use_at=T0 + 2 * HOUR)
    commit(store, T0 + 2 * HOUR, conversions=[renewed])
    row = store.customers().loc["a"]
    assert (row["plan"], row["use_before"], row["use_now"], row["use_at"]) == (
        "pro",
        9.0,
        4.0,
        to_micros(T0 + 2 * HOUR),
    )
    assert (row["success_owner_email"], row["converted_at"], row["gone"]) == ("cs@plotline.test", to_micros(T0), False)


def test_check_ins_are_listed_by_date_and_stay_decided(store: Store) -> None:
    days = {"day_30": 30, "day_7": 7}
    planned = [CheckInRecord(lead_id="a", name=name, due_at=T0 + day * DAY) for name, day in days.items()]
    commit(store, check_ins=planned)
    done = CheckInRecord(lead_id="a", name="day_7", due_at=T0 + 7 * DAY, decided_at=T0 + 8 * DAY)
    commit(store, T0 + 8 * DAY, check_ins=[done])
    commit(store, T0 + 9 * DAY, check_ins=planned)
    assert store.check_ins()["name"].tolist() == ["day_7", "day_30"]
    assert store.check_ins(decided=False)["name"].tolist() == ["day_30"]
    assert store.check_ins(due_before=T0 + 7 * DAY).empty
    assert store.check_ins(decided=True)["decided_at"].tolist() == [to_micros(T0 + 8 * DAY)]
