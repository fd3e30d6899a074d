"""`pql why`: each rep's answer, from what was decided and delivered."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pql.domain.mutes import Mute
from pql.domain.signals import Points
from pql.jobs.deliver import Courier, deliver
from pql.jobs.explain import LeadUnknown
from pql.jobs.routes import RepUnknown
from pql.jobs.why import Answer, why
from tests.companies import DAY, DEFINITIONS, Company, accounts, events
from tests.sources import Row
from tests.unit.domain.samples import signal

MIA, OWEN = "mia@example.com", "owen@example.com"
BUSY = replace(DEFINITIONS, signals=(signal("uses", Points(worth=80), fires={"at_least": 100}),))


def busy(company: Company, *leads: str) -> list[Row]:
    now = company.now + timedelta(hours=2)
    extra = [
        {"account_id": lead, "user_id": "u", "event": "used", "occurred_at": now - n * timedelta(seconds=50)}
        for lead in leads
        for n in range(1, 121)
    ]
    return [*events(now), *extra]


@pytest.fixture
def company(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Company]:
    served = getattr(request, "param", "sqlite") == "postgresql"
    state = request.getfixturevalue("postgres_state") if served else "sqlite:///state.db"
    made = Company(tmp_path, expect={}, state=state)
    made.project = replace(made.project, definitions=BUSY)
    made.run()
    yield made
    made.store.close()


def asked(company: Company, lead: str, rep: str) -> Answer:
    return why(company.store, company.project, lead, rep, now=company.now)


@pytest.mark.parametrize("company", ["sqlite", "postgresql"], indirect=True)
def test_who_was_told_learns_when_and_where_and_who_was_not_learns_who_was(company: Company) -> None:
    company.later(events=busy(company, "a7"))
    mine = asked(company, "Account 7", "Mia")
    assert mine.headline == "Mia Berg was told 1 time, last on 2026-03-02 11:00 UTC."
    (line,) = mine.lines
    assert (line.about, line.outcome, line.to, line.mine) == ("qualification", "sent", MIA, True)
    assert line.became == ("file to mia@example.com: waits to be sent",)
    courier = Courier(store=company.store, channels=company.channels, clock=lambda: company.now, wait=lambda _: None)
    assert deliver(courier).sent
    assert asked(company, "a7", MIA).lines[0].became == ("file to mia@example.com: delivered on 2026-03-02 11:00 UTC",)
    other = asked(company, "a7", "owen")
    assert other.headline == ("It went to Mia Berg: qualified for the first time in this episode (fallback: Mia Berg).")
    assert other.notes == ("it qualifies since 2026-03-02 11:00 UTC",)


def test_what_ran_out_before_it_was_sent_is_not_said_to_be_told(company: Company) -> None:
    company.later(events=busy(company, "a7"))
    company.store.expire(company.now + 400 * DAY)
    answer = asked(company, "a7", MIA)
    assert answer.headline == (
        "Mia Berg was to be told, and nothing arrived: file to mia@example.com: was not delivered in time: "
        "no longer true before it could be tried."
    )


def test_what_was_muted_says_by_whom_and_until_when_it_waits(company: Company) -> None:
    until = company.now + 3 * DAY
    company.store.mute(Mute(recipient=MIA, by=MIA, reason="on a fair", at=company.now, until=until))
    company.later(events=busy(company, "a7"))
    answer = asked(company, "a7", MIA)
    assert answer.headline.startswith("Mia Berg was not told: muted by mia@example.com: on a fair")
    assert answer.lines[0].became == ("it waits until 2026-03-05 09:00 UTC, and is decided anew then",)
    assert answer.notes[0] == "muted by mia@example.com: on a fair, until 2026-03-05 09:00 UTC"
    assert not [note for note in asked(company, "a7", OWEN).notes if "muted" in note]


def test_a_lead_that_never_came_up_says_how_far_from_the_bar_it_is(company: Company) -> None:
    answer = asked(company, "a3", MIA)
    assert answer.headline.startswith("It was never a candidate")
    (note,) = answer.notes
    assert note.startswith("it does not qualify now: it is below the bar: 0 points of behaviour, 50 short of 50; tier")


def test_a_lead_that_is_gone_says_so(company: Company) -> None:
    now = company.now + timedelta(hours=2)
    company.later(events=events(now), accounts=accounts(20))
    assert asked(company, "a25", MIA).notes == ("the source no longer has this lead",)


def test_what_the_first_run_summed_up_is_said_to_be_in_the_summary(tmp_path: Path) -> None:
    company = Company(tmp_path, expect={})
    company.run()
    answer = asked(company, "a1", MIA)
    assert answer.headline.startswith("Nobody was told: it was already so at the first run")
    company.store.close()


def test_only_the_latest_decisions_are_shown_unless_all_are_asked_for(company: Company) -> None:
    company.later(events=busy(company, "a7"))
    answer = why(company.store, company.project, "a7", MIA, now=company.now, most=0)
    assert (answer.lines, answer.more) == ((), 1)


def test_a_rep_who_is_none_gets_the_names_of_those_there_are(company: Company) -> None:
    with pytest.raises(RepUnknown, match=r"Mia Berg \(mia@example\.com\), Owen Hale"):
        asked(company, "a7", "zoe")


def test_a_lead_that_is_none_gets_the_near_ones(company: Company) -> None:
    with pytest.raises(LeadUnknown, match="Acount 7"):
        asked(company, "Acount 7x", MIA)
