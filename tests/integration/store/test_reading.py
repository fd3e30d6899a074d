from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pql.domain.calendar import to_micros
from pql.domain.messages import Subject
from pql.domain.mutes import Mute
from pql.errors import StateError
from pql.store import Store
from pql.store.records import OccurrenceRecord, TimerRecord
from tests.integration.store.samples import (
    HOUR,
    LEASE,
    T0,
    commit,
    content,
    decision,
    evaluation,
    held_back,
    message,
    opened,
)

DAY = timedelta(days=1)
MIA, TOM = "mia@plotline.test", "tom@plotline.test"


# --- leads ------------------------------------------------------------------------------------------------------


@pytest.fixture
def leads(store: Store) -> Store:
    known = {
        "a1": {"name": "Acme Corp", "domain": "acme.test", "behaviour": 80.0, "tier": "hot", "grade": "A1"},
        "a2": {"name": "Acme Labs", "domain": "labs.test", "behaviour": 20.0, "stage": "free"},
        "b1": {
            "name": "Müller & Söhne",
            "domain": "mueller.test",
            "behaviour": 50.0,
            "owner_email": "Mia@plotline.test",
        },
        "b2": {"name": "100% Juice_Bar", "domain": "juice.test", "behaviour": 50.0, "eligible": False},
    }
    commit(store, evaluation=evaluation(known), opened=[opened("a1")])
    return store


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["a1", "b1", "b2", "a2"]),
        ({"tiers": ["hot"]}, ["a1"]),
        ({"stages": ["free"]}, ["a2"]),
        ({"grades": ["A1", "B3"], "limit": 2}, ["a1", "b1"]),
        ({"owner_email": MIA}, ["b1"]),
        ({"eligible": False}, ["b2"]),
        ({"live": True}, ["a1"]),
        ({"live": False, "eligible": True}, ["b1", "a2"]),
        ({"tiers": []}, []),
    ],
    ids=str,
)
def test_leads_are_listed_by_behaviour_and_filtered(leads: Store, wanted: dict[str, Any], found: list[str]) -> None:
    assert list(leads.leads_table(**wanted).index) == found


def test_a_listed_lead_shows_its_live_episode(leads: Store) -> None:
    leads.record_outcome("a1", "claim", MIA, T0 + HOUR)
    table = leads.leads_table()
    row = table.loc["a1"]
    assert (row["status"], row["opened_at"], row["claimed_by"]) == ("claimed", to_micros(T0), MIA)
    assert (table.loc["a2", "status"], table.loc["a2", "claimed_by"]) == ("", "")
    assert row["updated_at"] == to_micros(T0)
    assert table["eligible"].dtype == bool


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a1", [("a1", "id")]),
        ("ACME CORP", [("a1", "name")]),
        ("  labs.test ", [("a2", "domain")]),
        ("müller & söhne", [("b1", "name")]),
        ("MÜLLER", [("b1", "part")]),
        ("acme", [("a1", "part"), ("a2", "part")]),
        ("0% juice_", [("b2", "part")]),
        ("_", [("b2", "part")]),
        ("acme crop", [("a1", "near")]),
        ("muller", [("b1", "near")]),
        ("zzz", []),
        ("", []),
    ],
)
def test_a_lead_is_found_by_what_people_type(leads: Store, text: str, found: list[tuple[str, str]]) -> None:
    assert sorted((one.lead_id, one.how) for one in leads.find_leads(text)) == found


# --- what was told ----------------------------------------------------------------------------------------------


def test_what_was_told_is_known_by_step_lead_and_recipient(store: Store) -> None:
    told = [
        decision("q", "a", at=T0),
        decision("q", "a", at=T0, channel="email"),
        decision("m1", "a", at=T0 + HOUR, subject=Subject.MOMENT, topic="paywall", why="MOMENT"),
        decision("m2", "b", at=T0 + DAY, subject=Subject.MOMENT, topic="paywall", recipient=TOM, why="MOMENT"),
        decision("m3", "b", at=T0 + DAY, outcome="withheld", why="SNOOZED"),
    ]
    commit(store, T0, decisions=told[:2])
    commit(store, T0 + DAY, decisions=told[2:])
    assert store.told_keys(["q", "m3", "x"]) == {"q"}
    assert store.told_keys([]) == set()
    last = store.last_told()
    assert last[["lead_id", "subject", "topic"]].to_numpy().tolist() == [
        ["a", "moment", "paywall"],
        ["a", "qualification", ""],
        ["b", "moment", "paywall"],
    ]
    assert last["at"].tolist() == [to_micros(at) for at in (T0 + HOUR, T0, T0 + DAY)]
    assert store.last_told(["b"])["lead_id"].tolist() == ["b"]
    assert store.last_told([]).empty


def test_a_reps_day_counts_steps_and_not_channels(store: Store) -> None:
    today = [decision("q", at=T0), decision("q", at=T0, channel="email"), decision("m", at=T0, subject=Subject.MOMENT)]
    commit(store, decisions=[*today, decision("old", at=T0 - DAY), decision("no", at=T0, outcome="withheld")])
    assert store.sent_today(MIA, T0) == 2
    assert store.sent_today("Mia@Plotline.test", T0 - DAY) == 3
    assert store.sent_today(MIA, T0, subjects=[Subject.MOMENT]) == 1
    assert store.sent_today(TOM, T0) == 0


# --- validity ---------------------------------------------------------------------------------------------------


def known(**ids: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(ids, orient="index")


def test_values_are_known_as_they_were_at_an_instant(store: Store) -> None:
    commit(store, T0, validity={"lead": known(a={"plan": "trial", "seats": 3.0}, b={"plan": "free", "seats": np.nan})})
    commit(store, T0 + DAY, validity={"lead": known(a={"plan": "pro", "seats": 3.0}, b={"plan": "free", "seats": 1.0})})
    commit(store, T0 + 2 * DAY, validity={"lead": known(a={"plan": "pro", "seats": 5.0})})
    first = store.validity_at("lead", T0)
    assert first.loc["a"].to_dict() == {"plan": "trial", "seats": 3.0}
    assert first.loc["b", "plan"] == "free"
    assert first["seats"].isna().tolist() == [False, True]
    assert first.attrs["since"] == to_micros(T0)
    second = store.validity_at("lead", T0 + DAY)
    assert second.loc["a"].to_dict() == {"plan": "pro", "seats": 3.0}
    assert second.loc["b", "seats"] == 1.0
    third = store.validity_at("lead", T0 + 3 * DAY)
    assert third.index.tolist() == ["a"]  # b is no longer known
    assert third.loc["a", "seats"] == 5.0
    assert store.validity_at("lead", T0 - HOUR).empty
    assert store.validity_at("allowance", T0).attrs["since"] is None


def test_only_what_changed_is_written(store: Store) -> None:
    frame = known(a={"plan": "trial", "country": "NA"}, b={"plan": "free", "country": None})
    assert commit(store, T0, validity={"lead": frame}).validity_changes == 2
    assert commit(store, T0 + DAY, validity={"lead": frame.iloc[::-1]}).validity_changes == 0
    changed = commit(store, T0 + 2 * DAY, validity={"lead": known(a={"plan": "pro"}, b={"plan": "free"})})
    assert changed.validity_changes == 1  # b's country was never known: nothing changed for it
    assert len(content(store)["validity"]) == 3
    assert store.validity_at("lead", T0 + DAY).loc["a"].to_dict() == {"country": "NA", "plan": "trial"}
    assert store.validity_at("lead", T0 + 2 * DAY).loc["a"].to_dict() == {"plan": "pro"}


def test_a_part_of_what_was_known_can_be_asked_for(store: Store) -> None:
    commit(store, validity={"lead": known(a={"plan": "trial", "seats": 3}, b={"plan": "free", "seats": 4})})
    assert store.validity_at("lead", T0, names=["seats"], ids=["b"]).to_dict("index") == {"b": {"seats": 4}}
    assert list(store.validity_at("lead", T0, names=["other"]).columns) == ["other"]


def test_two_jobs_at_one_instant_leave_no_empty_span(store: Store) -> None:
    commit(store, validity={"lead": known(a={"plan": "trial"})})
    commit(store, job="watch", validity={"lead": known(a={"plan": "pro"})})
    assert store.validity_at("lead", T0).loc["a", "plan"] == "pro"
    assert len(content(store)["validity"]) == 1


# --- settings and people ----------------------------------------------------------------------------------------


def test_a_setting_is_kept_until_it_changes(store: Store) -> None:
    assert store.setting("leader") is None
    store.set_setting("leader", {"host": "one"}, T0)
    store.set_setting("leader", {"host": "two"}, T0)
    assert store.setting("leader") == {"host": "two"}


def test_a_person_is_blanked_wherever_they_stand(store: Store) -> None:
    ada = {"name": 'Ada Löv"ace', "email": "Ada@Acme.test"}
    said = f"{ada['name']} <{ada['email'].upper()}> asked"
    commit(
        store,
        evaluation=evaluation({"a": {"country": "ada@acme.test", "name": 'Ada Löv"ace Ltd'}, "b": {"name": "Adamant"}}),
        shown=["country"],
        opened=[opened("a", evidence={"people": [ada]})],
        occurrences=[OccurrenceRecord(moment="m", lead_id="a", key="1", at=T0, user_id="user-77", detail=said)],
        timers=[TimerRecord(moment="m", lead_id="a", key="1", set_at=T0, due_at=T0, user_id="user-77")],
        decisions=[decision("q", words=said, evidence={"people": [ada]})],
        outbox=[message("q", payload={"blocks": [{"text": said}], ada["email"]: 1}), message("r", "b")],
        held=[held_back("h", about={"occurrence": {"user_id": "user-77"}}), held_back("i")],
        validity={"lead": known(a={"contact": "ada@acme.test"})},
    )
    store.mute(Mute(lead_id="a", by=MIA, reason=said, at=T0, until=T0 + HOUR))
    leased = store.lease(T0, 1, LEASE)[0]
    store.mark_failed(leased, T0, "550 no such user ada@acme.test")
    store.record_outcome("a", "reject", MIA, T0, 'Ada Löv"ACE left')
    erased = store.erase_person("ada@acme.test", also=[ada["name"], "user-77"])
    assert set(erased.rows.values()) == {1}
    everything = str(content(store, but=["definitions"])).lower()
    assert "ada@acme" not in everything
    assert "löv" not in everything
    assert "user-77" not in everything
    assert store.notifications(lead_id="a")[0].payload == {
        "blocks": [{"text": "[erased] <[erased]> asked"}],
        "[erased]": 1,
    }
    b = store.lead("b")
    assert b is not None
    assert b.name == "Adamant"
    assert store.holders() == {"a": MIA}  # who decided stays known
    assert set(store.erase_person("ada@acme.test", also=[ada["name"]]).rows.values()) == {0}


@pytest.mark.parametrize(("email", "also"), [("ada", []), ("ada@acme.test", ["Al"]), ("", ["Ada"])])
def test_a_text_that_would_blank_others_is_refused(store: Store, email: str, also: list[str]) -> None:
    with pytest.raises(StateError, match="erase needs an email address"):
        store.erase_person(email, also=also)
