"""A source that stops, is halved, doubled, emptied or loses values: what a run does, and what it says, once."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pql.config.settings import Project
from pql.domain.definitions import Definitions
from pql.domain.signals import Points
from pql.domain.source_health import Expectation
from pql.errors import SourceMismatch
from pql.jobs.guard import accept
from tests.companies import DAY, DEFINITIONS, LEADS, NOW, Company, accounts, events, touches
from tests.sources import Row
from tests.unit.domain.samples import signal


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with its first run done."""
    folder = tmp_path_factory.mktemp("begun")
    company = Company(folder)
    first = company.run()
    assert (first.baseline, first.stopped, first.sources) == (True, False, ())
    assert len(first.opened) == LEADS
    company.store.close()
    return folder


@pytest.fixture
def company(begun: Path, tmp_path: Path) -> Iterator[Company]:
    made = Company(Path(shutil.copytree(begun, tmp_path / "project")))
    yield made
    made.store.close()


Break = Callable[[datetime], Mapping[str, Sequence[Row]]]
BROKEN: Mapping[str, tuple[Break, str]] = {
    "events stop": (lambda _: {}, "events: the newest row came"),
    "events are halved": (lambda now: {"events": _scaled(now, 0.4)}, "fewer than usual"),
    "events are doubled": (lambda now: {"events": _scaled(now, 2.5)}, "more than usual"),
    "events lose their users": (lambda now: {"events": _without_users(now)}, "empty are 100% of user_id (usually 0%)"),
    "events are emptied": (lambda _: {"events": []}, "events: no row came in a long time"),
    "accounts are emptied": (lambda now: {"events": events(now), "accounts": []}, "accounts: 0 rows, 30 on"),
    "accounts are cut": (lambda now: {"events": events(now), "accounts": accounts(14)}, "accounts: 14 rows, 30 on"),
}


def _scaled(now: datetime, share: float) -> list[Row]:
    """Yesterday and today hold so many times the usual rows."""
    midnight = now.replace(hour=0) - DAY
    return [*events(midnight), *events(now, a_day=int(24 * share), days=2)]


def _without_users(now: datetime) -> list[Row]:
    return [{**row, "user_id": None} if row["occurred_at"] > now - 2 * DAY else row for row in events(now)]


@pytest.mark.parametrize("name", BROKEN)
def test_a_run_over_a_broken_source_evaluates_nothing_and_leaves_all_as_it_was(name: str, company: Company) -> None:
    damage, words = BROKEN[name]
    before = company.state()
    report = company.later(**damage(company.now + timedelta(hours=2)))
    assert report.stopped
    assert words in "; ".join(report.sources)
    assert report.cures
    assert company.state() == before
    run = company.store.runs(limit=1)[0]
    assert (run.status, run.error) == ("stopped", "; ".join(report.sources))


def test_the_operator_is_told_once_while_it_lasts_and_once_when_it_is_over(company: Company) -> None:
    def told() -> list[str]:
        rows = company.store.notifications(limit=100)
        return [str(row.payload["title"]) for row in reversed(rows) if row.subject == "operator"]

    for _ in range(2):
        assert company.later(touches=touches(company.now)).stopped
    broken = "events: the newest row came 2026-03-02 08:00 UTC, 3 hours ago; expected every 2 hours"
    assert told() == [broken]
    now = company.now + timedelta(hours=2)
    well = company.later(events=events(now), touches=touches(now))
    assert (well.stopped, well.sources) == (False, ())
    company.later(events=events(now + timedelta(hours=2)))
    assert [title.partition(": the newest")[0] for title in told()] == ["events", "Over: events"]
    assert company.later(touches=touches(company.now)).stopped, "and it may break again"
    assert len(told()) == 3


def test_after_a_stop_the_next_run_goes_on_from_the_last_one_that_was_committed(company: Company) -> None:
    company.later()
    assert company.store.last_as_of("run") == NOW
    report = company.later(events=events(company.now + timedelta(hours=2)), touches=touches(company.now))
    assert report.committed is not None
    assert company.store.last_as_of("run") == company.now
    assert report.counts["live"] == LEADS


def test_accounts_that_vanish_are_not_gone_and_are_back_without_a_trace(company: Company) -> None:
    company.later(events=events(company.now + timedelta(hours=2)), accounts=[])
    assert len(company.store.leads_table()) == LEADS
    report = company.later(
        events=events(company.now + timedelta(hours=2)), accounts=accounts(), touches=touches(company.now)
    )
    assert (report.counts["closed"], report.counts["opened"]) == (0, 0)
    assert report.committed is not None
    assert report.committed.leads_gone == 0


def test_accounts_that_are_fewer_for_good_can_be_accepted(company: Company) -> None:
    now = company.now + timedelta(hours=2)
    assert company.later(events=events(now), accounts=accounts(5), touches=touches(now)).stopped
    accept(company.store, company.project, "accounts", at=company.now, now=company.now)
    company.now += timedelta(minutes=10)
    report = company.run()
    assert not report.stopped
    assert report.counts["leads"] == 5


def test_a_dry_run_tells_of_it_too_and_notes_nothing(company: Company) -> None:
    company.now += timedelta(hours=2)
    runs = len(company.store.runs())
    assert company.run(dry_run=True).stopped
    assert (len(company.store.runs()), company.store.notices()) == (runs, [])


def test_a_relation_of_a_few_signals_stops_only_what_reads_it(company: Company) -> None:
    later = company.now + timedelta(hours=8)
    company.now = later - timedelta(hours=2)
    before = company.state()
    more = [*accounts(), {"account_id": "new", "name": "New", "created_at": later - DAY}]
    fresh = [*events(later), *({**row, "account_id": "new"} for row in events(later, days=1))]
    report = company.later(events=fresh, accounts=more)
    assert not report.stopped
    assert report.sources[0].startswith("touches: the newest row came")
    assert report.fired["invited"] == 0
    assert report.opened == ("new",), "what it has without the touches is enough"
    assert report.counts["closed"] == 0
    assert company.state()[0] == before[0], "the others keep the points that they had"


def test_nobody_leaves_or_opens_by_what_a_blind_signal_might_have_said(company: Company) -> None:
    against = signal("invited", Points(worth=-10), measure=DEFINITIONS.signals[1].measure, fires={"at_least": 1})
    only = signal("uses", Points(worth=5), fires={"at_least": 1})
    company.project = _defined(company.project, replace(DEFINITIONS, signals=(only, against)))
    company.now += timedelta(days=30)
    report = company.later(events=events(company.now + timedelta(hours=2)))
    assert (report.stopped, report.counts["opened"], report.counts["closed"]) == (False, 0, 0)


def _defined(project: Project, defined: Definitions) -> Project:
    return replace(project, definitions=defined)


def test_a_source_that_cannot_be_read_is_noted_too(company: Company) -> None:
    company.write(events=events(company.now))
    company.project = replace(
        company.project,
        usage=replace(company.project.usage, expect={"events": Expectation(by="landed_at")}),
    )
    company.now += timedelta(hours=2)
    with pytest.raises(SourceMismatch, match=r"usage\.expect\.events\.by names 'landed_at'"):
        company.run()
    assert company.store.notice_over("source:unreadable", company.now)


def test_without_expectations_only_the_loss_of_accounts_stops_a_run(tmp_path: Path) -> None:
    company = Company(tmp_path, expect={})
    company.run()
    company.now += 90 * DAY
    assert not company.run().stopped, "any age of events is well"
    assert company.later(accounts=accounts(10)).stopped
    company.store.close()
