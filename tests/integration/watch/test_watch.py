"""The watch over real databases: what it finds, reads, tells and remembers."""

from datetime import timedelta

import pytest

from pql.config.settings import StateSettings, WatchSettings
from pql.domain.calendar import to_micros
from pql.domain.durations import Duration
from pql.domain.patterns.allowance import AllowanceReached
from pql.domain.patterns.first import First
from pql.domain.patterns.returned import Returned
from pql.domain.patterns.silence import Silence
from pql.domain.patterns.times import Times
from pql.domain.patterns.trial_ends import TrialEnds
from pql.domain.patterns.without import Without
from pql.errors import RunConflict
from pql.jobs.watch import Known
from pql.store import Store, migrate
from tests.integration.watch.company import NOON, done, minutes, moment, where
from tests.integration.watch.conftest import Making
from tests.unit.domain.samples import conditions

EXPORT = where(event="export")
EXPORTS = Times(event="export", at_least=3, within=Duration(3600))


def test_what_has_just_happened_is_told_within_a_minute(on_each: Making) -> None:
    company = on_each(moment(EXPORTS))
    company.start(done(NOON - minutes(30)), done(NOON - minutes(20)))
    assert company.looks(1)[0].found == {}
    company.add(done(NOON + minutes(1.5)))
    report = company.look(at=NOON + minutes(2))
    assert report.found == {"it": 1}
    assert report.told == {"MOMENT": 1}
    assert [record.recipient for record in report.notifications] == ["mia@plotline.test"]
    assert company.looks(3, 4)[1].found == {}
    assert len(company.told()) == 1


def test_silence_is_told_when_its_time_has_come_and_not_before(company: Making) -> None:
    one = company(moment(Silence(quiet_for=Duration(1800), at_least=2, before=Duration(86_400))))
    one.start(done(NOON - minutes(10)), done(NOON - minutes(5)), done(NOON - minutes(5), account="a2"))
    one.add(done(NOON + minutes(1), account="a3"), done(NOON + minutes(2), account="a3"))
    found = [report.found for report in one.looks(3, 20, 26, 30, 40)]
    assert found == [{}, {}, {"it": 1}, {}, {"it": 1}]
    assert [key.split(":")[2] for key in one.told()] == ["a1", "a3"]


def test_a_row_is_read_once_more_and_told_once(company: Making) -> None:
    one = company(moment(Times(event="export", within=Duration(3600))))
    one.start()
    one.add(done(NOON + minutes(1), event_id="e1"))
    # The same row lands again, and another look overlaps the first.
    one.add(done(NOON + minutes(1), event_id="e1", ingested_at=NOON + minutes(4)))
    assert [report.found for report in one.looks(2, 3, 5, 30)] == [{"it": 1}, {}, {}, {}]
    assert len(one.told()) == 1


def test_a_row_that_happened_long_before_it_arrived_still_counts(company: Making) -> None:
    one = company(moment(EXPORTS))
    one.start(done(NOON - minutes(40)), done(NOON - minutes(10)))
    one.looks(30)
    one.add(done(NOON - minutes(5), ingested_at=NOON + minutes(31)))
    report = one.look(at=NOON + minutes(32))
    assert report.found == {"it": 1}
    assert one.occurrences()[0][2] == str(to_micros(NOON - minutes(5)))


def test_a_row_that_makes_it_happen_earlier_is_the_same_occurrence(company: Making) -> None:
    one = company(moment(EXPORTS))
    one.start(done(NOON + minutes(1)), done(NOON + minutes(2)), done(NOON + minutes(10)))
    assert one.look(at=NOON + minutes(11)).found == {"it": 1}
    one.add(done(NOON + minutes(5), ingested_at=NOON + minutes(12)))
    assert one.look(at=NOON + minutes(13)).found == {}
    assert len(one.told()) == 1
    assert len(one.occurrences()) == 2  # both instants are known from now on


def test_without_the_time_of_arrival_the_overlap_is_by_occurrence(on_both: Making) -> None:
    usage = {"watch": WatchSettings(overlap=Duration(900))}
    company = on_both(moment(Times(event="export", within=Duration(60))), by_arrival=False, usage=usage)
    company.start()
    company.looks(1, 20)
    company.add(done(NOON + minutes(6)), done(NOON + minutes(4), account="a2"))
    assert company.look(at=NOON + minutes(21)).found == {"it": 1}
    assert company.occurrences()[0][1] == "a1"


def test_a_look_that_dies_before_it_wrote_is_done_anew(company: Making, monkeypatch: pytest.MonkeyPatch) -> None:
    one = company(
        moment(EXPORTS), moment(Without(after=EXPORT, without=where(event="x"), within=Duration(60)), "alone")
    )
    one.start()
    one.add(*(done(NOON + minutes(number)) for number in (1, 2, 3)))
    with monkeypatch.context() as patched:
        patched.setattr(Store, "commit_run", _dies)
        with pytest.raises(KeyboardInterrupt):
            one.look(at=NOON + minutes(5))
    assert one.occurrences() == []
    assert one.look(at=NOON + minutes(6)).found == {"it": 1, "alone": 3}
    assert one.look(at=NOON + minutes(7)).found == {}


def _dies(*_: object) -> None:
    raise KeyboardInterrupt


def test_of_two_looks_at_once_one_waits(company: Making) -> None:
    one = company(moment(EXPORTS))
    one.start()
    with one.store() as store:
        run = store.begin_run("watch", NOON + minutes(1), NOON + minutes(1))
        with pytest.raises(RunConflict, match="under way"):
            one.look(at=NOON + minutes(1))
        store.fail_run(run, "ended", NOON + minutes(1))
    assert one.look(at=NOON + minutes(1)).idle == ""


def test_a_clock_that_goes_back_looks_at_nothing_until_it_has_passed(company: Making) -> None:
    one = company(moment(Times(event="export", within=Duration(60))))
    one.start()
    one.add(done(NOON + minutes(9)))
    assert [report.found for report in one.looks(10, 5, 9)] == [{"it": 1}, {}, {}]
    assert "looked at before" in one.look(at=NOON + minutes(8)).idle
    one.add(done(NOON + minutes(9.5), account="a2", ingested_at=NOON + minutes(9.5)))
    assert one.look(at=NOON + minutes(11)).found == {"it": 1}


def test_before_the_first_run_nothing_is_looked_at(company: Making) -> None:
    one = company(moment(EXPORTS))
    one.start()
    one.state = StateSettings(url="sqlite:///other.db")
    migrate(one.state, one.folder)
    assert "no run yet" in one.look(at=NOON + minutes(1)).idle


def test_the_main_job_and_the_watch_find_the_same_and_tell_it_once(company: Making) -> None:
    patterns = {"it": EXPORTS, "alone": Without(after=EXPORT, without=where(event="x"), within=Duration(300))}
    one = company(*(moment(pattern, name) for name, pattern in patterns.items()))
    one.start()
    one.add(*(done(NOON + minutes(number)) for number in (1, 2, 3)))
    assert one.look(at=NOON + minutes(20)).found == {"it": 1, "alone": 3}
    known = one.occurrences()
    assert one.run(at=NOON + minutes(21)).counts["moments"] == 0
    assert one.occurrences() == known
    one.add(*(done(NOON + minutes(number), account="a2") for number in (22, 23, 24)))
    assert one.run(at=NOON + minutes(40)).counts["moments"] == 4
    assert one.look(at=NOON + minutes(41)).found == {}
    assert len(one.told()) == len(set(one.told())) == 8


def test_while_a_source_cannot_be_relied_on_nothing_is_told_and_nothing_missed(company: Making) -> None:
    one = company(moment(Times(event="export", within=Duration(60))))
    one.start()
    one.add(done(NOON + minutes(1)))
    with one.store() as store:
        run = store.begin_run("run", NOON + minutes(2), NOON + minutes(2))
        store.stop_run(run, "events: the newest row is 3 hours old", NOON + minutes(2))
    assert "3 hours old" in one.look(at=NOON + minutes(3)).idle
    assert one.told() == []
    one.run(at=NOON + minutes(4))
    one.look(at=NOON + minutes(5))
    assert len(one.told()) == 1


def test_what_a_lead_does_that_no_run_has_seen_is_left_to_the_next_run(company: Making) -> None:
    one = company(moment(Times(event="export", within=Duration(60))))
    one.start()
    one.add({"account_id": "a9", "name": "New", "created_at": NOON}, table="accounts")
    one.add(done(NOON + minutes(1), account="a9"))
    report = one.look(at=NOON + minutes(2))
    assert (report.found, report.unknown) == ({}, 1)
    assert one.run(at=NOON + minutes(15)).counts["moments"] == 1


def test_a_moment_asks_for_what_the_last_run_remembered(company: Making) -> None:
    gates = {"signals": "breadth", "fit": ["A", "B", "C", "D", "?"], "stage": "free", "name": {"words": "A1"}}
    patterns = Times(event="export", within=Duration(60))
    one = company(
        moment(patterns, only_if=conditions(gates)),
        moment(patterns, "no", only_if=conditions({"signals": {"not": "breadth"}})),
    )
    rows = [done(NOON - minutes(number), "login", account) for number in (100, 90) for account in ("a1", "a2")]
    one.start(*rows[:2], *rows[2:3])
    one.add(done(NOON + minutes(1), account="a1"), done(NOON + minutes(1), account="a3", user=None))
    report = one.look(at=NOON + minutes(2))
    assert report.found == {"it": 2, "no": 2}
    assert report.told == {"MOMENT": 2, "ONLY_IF": 2}
    assert {key.split(":")[1:3] == ["it", "a1"] or key.split(":")[1:3] == ["no", "a3"] for key in one.told()} == {True}


def test_a_message_names_who_did_it_and_is_filled_from_the_data(company: Making) -> None:
    play = "Help {{ user.name }} of {{ lead.name }} with {{ latest.feature }}, {{ detail }}."
    one = company(moment(Times(event="export", within=Duration(60)), play=play))
    one.start()
    one.add(done(NOON + minutes(1), feature="csv"))
    payload = one.look(at=NOON + minutes(2)).notifications[0].payload
    assert payload["play"] == "Help Ann of A1 with csv, 1 time within 1 minute."
    assert [person["email"] for person in payload["people"]] == ["ann@a1.test"]  # type: ignore[attr-defined]


def test_nothing_older_than_the_patterns_look_back_is_read(company: Making) -> None:
    one = company(moment(EXPORTS))
    one.start(done(NOON - timedelta(days=30)), done(NOON - minutes(1)))
    one.asked.clear()
    one.add(done(NOON + minutes(1)))
    one.look(at=NOON + minutes(2))
    statements = [asked.sql for asked in one.asked if "events" in asked.what]
    assert statements
    assert all("ingested_at" in sql or "'a1'" in sql for sql in statements)
    assert not [asked for asked in one.asked if "accounts" in asked.what or "users" in asked.what]


def test_the_end_of_a_trial_is_a_timer_and_a_payment_cancels_it(on_both: Making) -> None:
    company = on_both(moment(TrialEnds(within=Duration(3600))))
    trial = {"plan": "pro", "status": "trialing", "started_at": NOON - timedelta(days=9)}
    ends = NOON + minutes(90)
    company.start(subscriptions=[{**trial, "account_id": name, "trial_ends_at": ends} for name in ("a1", "a2")])
    assert company.looks(1, 20)[1].found == {}
    company.write("DELETE FROM subscriptions WHERE account_id = 'a2'")
    assert [report.found for report in company.looks(31, 32)] == [{"it": 1}, {}]
    assert [key.split(":")[2] for key in company.told()] == ["a1"]


def test_an_allowance_is_looked_at_when_its_lead_does_something(company: Making) -> None:
    one = company(moment(AllowanceReached(meter="seats")))
    seats = {"meter": "seats", "allowed": 5.0, "period": "total"}
    one.start(allowances=[{**seats, "account_id": name, "used": 1.0} for name in ("a1", "a2")])
    one.write("UPDATE allowances SET used = 5")
    one.add(done(NOON + minutes(1), "anything"))
    assert [report.found for report in one.looks(2, 3)] == [{"it": 1}, {}]
    assert one.occurrences() == [("it", "a1", "seats:0")]


def test_a_first_time_long_ago_is_known_and_not_looked_for_again(company: Making) -> None:
    one = company(moment(First(event="export")))
    one.start(done(NOON - timedelta(days=40)))
    one.add(done(NOON + minutes(1)), done(NOON + minutes(1), account="a2"))
    assert one.look(at=NOON + minutes(2)).found == {"it": 1}
    assert len(one.occurrences()) == 2
    one.add(done(NOON + minutes(3)))
    one.asked.clear()
    assert one.look(at=NOON + minutes(4)).found == {}
    assert len([asked for asked in one.asked if "events" in asked.what]) <= 4  # none over all of the past


def test_a_return_is_told_at_the_first_row_and_a_timer_outlives_the_program(company: Making) -> None:
    one = company(moment(Returned(away_for=Duration(3600))))
    one.start(done(NOON - minutes(90)), done(NOON - minutes(30), account="a2"))
    one.add(done(NOON + minutes(1)), done(NOON + minutes(1), account="a2"))
    assert one.look(at=NOON + minutes(2)).found == {"it": 1}
    one.add(done(NOON + minutes(70), account="a2"))
    assert one.look(at=NOON + minutes(71)).found == {"it": 1}
    assert [lead_id for _, lead_id, _ in one.occurrences()] == ["a1", "a2"]


def test_rows_without_an_account_are_those_of_their_user(on_both: Making) -> None:
    company = on_both(moment(EXPORTS))
    company.start(done(NOON - minutes(30), account=None))  # type: ignore[arg-type]
    company.add(done(NOON + minutes(1), account=None), done(NOON + minutes(1.2)))  # type: ignore[arg-type]
    assert company.look(at=NOON + minutes(2)).found == {"it": 1}
    assert company.occurrences()[0][1] == "a1"


def test_a_dry_look_remembers_nothing(company: Making) -> None:
    one = company(moment(Times(event="export", within=Duration(60))))
    one.start()
    one.add(done(NOON + minutes(1)))
    assert one.look(at=NOON + minutes(2), dry_run=True).found == {"it": 1}
    assert one.look(at=NOON + minutes(2)).found == {"it": 1}


def test_looks_that_find_nothing_leave_no_runs_behind(company: Making) -> None:
    one = company(moment(Silence(quiet_for=Duration(3600))))
    one.start()
    one.add(done(NOON + minutes(1)))
    assert one.look(at=NOON + minutes(2)).timers == 1
    one.looks(3, 4, 5)
    with one.store() as store:
        assert store.runs(job="watch") == []
        assert list(store.waiting_timers(["it"])["lead_id"]) == ["a1"]


def test_of_rows_that_are_alike_each_counts_and_none_is_looked_at_twice(company: Making) -> None:
    one = company(moment(EXPORTS))
    one.start()
    one.add(done(NOON + minutes(1)), done(NOON + minutes(1)))
    assert one.look(at=NOON + minutes(2)).found == {}
    one.asked.clear()
    assert one.look(at=NOON + minutes(3)).arrived == 2
    assert len([asked for asked in one.asked if "events" in asked.what]) == 2  # what arrived, and no row before it
    one.add(done(NOON + minutes(1), ingested_at=NOON + minutes(3)))
    assert one.look(at=NOON + minutes(4)).found == {"it": 1}


def test_a_program_that_begins_anew_looks_at_the_overlap_again(company: Making) -> None:
    one = company(moment(EXPORTS))
    one.start()
    one.add(*(done(NOON + minutes(number)) for number in (1, 2, 3)))
    assert one.look(at=NOON + minutes(4)).found == {"it": 1}
    one.known = Known()
    assert one.look(at=NOON + minutes(5)).found == {}
    assert len(one.told()) == 1
