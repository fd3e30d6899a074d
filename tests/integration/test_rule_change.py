"""The definitions change: what is so only by the new rules is summed up in one message, and never fired."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pql.config import rules_of
from pql.config.settings import RollupSettings
from pql.domain.decisions import Why
from pql.jobs.detect import RunReport
from pql.jobs.rule_change import change_since
from pql.jobs.watch import watch
from tests.companies import DAY, DEFINITIONS, LEADS, Company, events, touches
from tests.sources import Row

GOOD = Path(__file__).parents[1] / "testdata" / "config" / "good" / "config"
SIGNAL = """\
signal: uses
title: Uses it
why: It tells.
measure: {{kind: count, where: {{event: used}}, window: 14 days, noun: use}}
fires: {{at_least: {least}}}
points: {{worth: 80}}
"""
MOMENT = """\
moment: {name}
title: Did it
why: It tells.
pattern: {{event: {event}, at_least: {least}, within: 1 hour}}
urgency: today
play: Ask.
{gate}
"""
SCORING = """\
group_caps: {{product: 100}}
total_cap: 100
bands: {{1: 70, 2: 45, 3: 20}}
tiers: [hot, warm, none]
matrix:
  A: [hot, hot, warm, none]
  B: [hot, warm, none, none]
  C: [hot, none, none, none]
  D: [hot, none, none, none]
  "?": [hot, none, none, none]
qualification:
  enter: {{tier: hot, behaviour: 50}}
  enter_for: {enter_for}
  leave: {{tier: warm, behaviour: 30}}
"""
RULES = {
    "config/icp.yml": (GOOD / "icp.yml").read_text(encoding="utf-8"),
    "config/stages.yml": (GOOD / "stages.yml").read_text(encoding="utf-8"),
    "config/scoring.yml": SCORING.format(enter_for="0 minutes"),
    "signals/uses.yml": SIGNAL.format(least=100),
}


def define(company: Company, files: Mapping[str, str]) -> None:
    """Let the company's rules be those of these files."""
    defined = rules_of(files.items(), DEFINITIONS)
    digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()
    defined = replace(defined, content_hash=digest, sources=tuple(sorted(files.items())))
    company.project = replace(company.project, definitions=defined)


def many_uses(company: Company, lead: str, number: int = 120) -> list[Row]:
    """So many uses of one account within the last two hours, beside the usual ones."""
    now = company.now + timedelta(hours=2)
    extra = [
        {"account_id": lead, "user_id": "u", "event": "used", "occurred_at": at, "ingested_at": at}
        for at in (now - n * timedelta(seconds=50) for n in range(1, number + 1))
    ]
    return [*events(now), *extra]


def later(company: Company, **tables: list[Row]) -> RunReport:
    now = company.now + timedelta(hours=2)
    return company.later(**{"events": events(now), "touches": touches(now), **tables})


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which nobody qualifies, with its first run done."""
    folder = tmp_path_factory.mktemp("begun")
    company = Company(folder, expect={})
    define(company, RULES)
    assert company.run().opened == ()
    company.store.close()
    return folder


@pytest.fixture
def company(begun: Path, tmp_path: Path) -> Iterator[Company]:
    made = Company(Path(shutil.copytree(begun, tmp_path / "project")), expect={})
    define(made, RULES)
    yield made
    made.store.close()


def summaries(report: RunReport) -> list[str]:
    return [str(record.payload["title"]) for record in report.notifications if record.subject.value == "baseline"]


def told(report: RunReport) -> set[str]:
    return {record.lead_id for record in report.notifications if record.subject.value != "baseline"}


def test_who_qualifies_only_by_the_new_rule_is_in_one_summary_and_who_would_anyway_is_told(company: Company) -> None:
    define(company, {**RULES, "signals/uses.yml": SIGNAL.format(least=5)})
    report = later(company, events=many_uses(company, "a7"))
    assert len(report.opened) == LEADS
    assert told(report) == {"a7"}
    assert summaries(report) == [f"{LEADS - 1} leads qualify by the new rules of Test"]
    assert report.rules == ("signal uses changed",)
    assert report.told == {"FIRST_TIME": 1, "RULE_CHANGED": LEADS - 1}


def test_what_was_summed_up_is_told_and_never_fired_later(company: Company) -> None:
    define(company, {**RULES, "signals/uses.yml": SIGNAL.format(least=5)})
    later(company)
    assert company.store.open_episodes()["told_at"].notna().all()
    whys = {(one.outcome, one.why) for one in company.store.decisions(limit=1_000)}
    assert whys == {("withheld", "RULE_CHANGED")}
    again = later(company)
    assert (again.rules, again.told, again.notifications) == ((), {}, ())


def test_after_the_change_news_is_news(company: Company) -> None:
    define(company, {**RULES, "signals/uses.yml": SIGNAL.format(least=50)})
    assert later(company).notifications == ()
    report = later(company, events=many_uses(company, "a3", 60))
    assert (report.opened, told(report), summaries(report)) == (("a3",), {"a3"}, [])


@pytest.mark.parametrize(
    ("files", "words"),
    [
        pytest.param({"signals/uses.yml": SIGNAL.format(least=100) + "# said better\n"}, (), id="a comment"),
        pytest.param({"signals/uses.yml": SIGNAL.format(least=100).replace("It tells", "We saw")}, (), id="words"),
        pytest.param(
            {"config/scoring.yml": SCORING.format(enter_for="1 hour")}, ("config/scoring.yml changed",), id="the bar"
        ),
        pytest.param(
            {"signals/more.yml": SIGNAL.format(least=900).replace("uses", "more")}, ("signal more is new",), id="new"
        ),
        pytest.param({"sql/events.sql": "SELECT 1"}, ("sql/events.sql changed",), id="the SQL"),
    ],
)
def test_what_changed_is_said_in_words(files: Mapping[str, str], words: tuple[str, ...], company: Company) -> None:
    define(company, {**RULES, **files})
    change = change_since(company.store, company.project.definitions, "run")
    assert (change.words if change else ()) == words


def test_routing_and_reps_are_no_rules(company: Company) -> None:
    sources = (*company.project.definitions.sources, ("config/routing.yml", "reps: []"))
    defined = replace(company.project.definitions, content_hash="two", sources=sources)
    assert change_since(company.store, defined, "run") is None


@pytest.mark.parametrize(
    "sources",
    [
        pytest.param({}, id="that were never kept"),
        pytest.param({**RULES, "signals/uses.yml": "signal: [broken"}, id="that no longer load"),
    ],
)
def test_by_old_rules_that_cannot_be_read_all_is_by_the_change(sources: Mapping[str, str], tmp_path: Path) -> None:
    company = Company(tmp_path, expect={})
    define(company, RULES)
    kept = replace(company.project.definitions, sources=tuple(sources.items()))
    company.project = replace(company.project, definitions=kept)
    company.run()
    define(company, {**RULES, "signals/uses.yml": SIGNAL.format(least=5)})
    report = later(company, events=many_uses(company, "a7"))
    assert told(report) == set()
    assert report.rules == ("the definitions of before cannot be read any more",)
    assert summaries(report) == [f"{LEADS} leads qualify by the new rules of Test"]
    company.store.close()


def test_who_came_to_the_bar_by_the_change_is_summed_up_when_it_opens(company: Company) -> None:
    held = {**RULES, "config/scoring.yml": SCORING.format(enter_for="3 hours")}
    define(company, held)
    later(company, events=many_uses(company, "a7"))
    define(company, {**held, "signals/uses.yml": SIGNAL.format(least=5)})
    assert later(company, events=many_uses(company, "a7")).opened == ()
    assert told(later(company, events=many_uses(company, "a7"))) == {"a7"}, "it was at the bar before the change"
    report = later(company)
    assert len(report.opened) == LEADS - 1
    assert told(report) == set()
    assert summaries(report) == [f"{LEADS - 1} leads qualify by the new rules of Test"]
    assert company.store.setting("rules.marks") is None


def test_a_mark_ends_when_a_lead_leaves_the_bar_and_comes_back_by_itself(company: Company) -> None:
    held = {**RULES, "config/scoring.yml": SCORING.format(enter_for="3 hours")}
    define(company, {**held, "signals/uses.yml": SIGNAL.format(least=5)})
    later(company)
    others = [row for row in events(company.now + timedelta(hours=2)) if row["account_id"] != "a7"]
    assert later(company, events=others).opened == ()
    assert "a7" not in later(company).opened
    assert later(company).opened == ()
    assert told(later(company)) == {"a7"}


def test_the_past_of_a_new_moment_is_remembered_and_not_told(company: Company) -> None:
    moment = {"signals/did.yml": MOMENT.format(name="did", event="used", least=1, gate="")}
    define(company, {**RULES, **moment})
    report = later(company)
    assert int(str(report.counts["moments"])) > 0
    assert set(report.told) == {"RULE_CHANGED"}
    assert summaries(report) == [f"{report.told['RULE_CHANGED']} moments were found by the new rules of Test"]
    now = company.now + timedelta(hours=2)
    fresh = {"account_id": "a1", "user_id": "u", "event": "used", "ingested_at": now}
    news = later(
        company, events=[*events(now - timedelta(hours=2)), {**fresh, "occurred_at": now - timedelta(minutes=1)}]
    )
    assert told(news) == {"a1"}


def test_a_moment_that_becomes_easier_tells_what_the_old_one_would_have_told(company: Company) -> None:
    def hits(number: int, lead: str) -> list[Row]:
        now = company.now + timedelta(hours=2)
        return [
            {"account_id": lead, "user_id": "u", "event": "hit", "occurred_at": now - n * timedelta(minutes=1)}
            for n in range(1, number + 1)
        ]

    def moment(least: int) -> dict[str, str]:
        return {**RULES, "signals/hit.yml": MOMENT.format(name="hit", event="hit", least=least, gate="")}

    define(company, moment(3))
    later(company)
    define(company, moment(1))
    now = company.now + timedelta(hours=2)
    report = later(company, events=[*events(now), *hits(1, "a1"), *hits(3, "a2")])
    by_key = {(one.lead_id, one.why) for one in company.store.decisions(limit=100) if one.topic == "hit"}
    assert ("a1", Why.RULE_CHANGED.name) in by_key
    assert told(report) == {"a2"}


def test_between_a_change_and_the_next_run_the_watch_leaves_the_changed_moment_to_it(company: Company) -> None:
    def hits(number: int, lead: str) -> list[Row]:
        at = [company.now - n * timedelta(minutes=1) for n in range(1, number + 1)]
        row = {"account_id": lead, "user_id": "u", "event": "hit"}
        return [{**row, "occurred_at": one, "ingested_at": one} for one in at]

    def moments(least: int) -> dict[str, str]:
        other = MOMENT.format(name="other", event="hit", least=2, gate="")
        return {
            **RULES,
            "signals/hit.yml": MOMENT.format(name="hit", event="hit", least=least, gate=""),
            "signals/other.yml": other,
        }

    define(company, moments(3))
    later(company)
    define(company, moments(1))
    company.now += timedelta(minutes=10)
    rows = [*events(company.now), *hits(1, "a1"), *hits(3, "a2")]
    company.write(events=rows)
    with company.tools() as tools:
        report = watch(tools, as_of=company.now)
    assert (report.found, report.unsettled) == ({"other": 1}, 2)
    company.now += timedelta(minutes=1)
    company.run()
    whys = {(one.lead_id, one.topic, one.why) for one in company.store.decisions(limit=100)}
    # The second moment of a lead on one day is left to the digest, but it was no baseline.
    assert whys == {
        ("a1", "hit", "RULE_CHANGED"),
        ("a2", "other", "MOMENT"),
        ("a2", "hit", "LEAD_COOLING_DOWN"),
    }


def test_a_change_is_found_through_the_rollup_too(tmp_path: Path) -> None:
    company = Company(tmp_path, expect={}, rollup=RollupSettings(path=str(tmp_path / "rollup.duckdb")))
    define(company, RULES)
    company.run()
    define(company, {**RULES, "signals/uses.yml": SIGNAL.format(least=5).replace("14 days", "7 days")})
    report = later(company, events=many_uses(company, "a7"))
    assert (told(report), summaries(report)) == ({"a7"}, ["29 leads qualify by the new rules of Test"])
    company.store.close()


def test_a_dry_run_shows_the_change_and_remembers_nothing(company: Company) -> None:
    define(company, {**RULES, "signals/uses.yml": SIGNAL.format(least=5)})
    company.now += 2 * DAY / 24
    report = company.run(dry_run=True)
    assert summaries(report)
    assert company.store.decisions() == []
