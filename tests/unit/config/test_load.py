"""A project's folder as checked values."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest

from pql.config import ConfigProblems, Problem, check, load
from pql.config.settings import EmailSettings, FileSettings, SlackSettings
from pql.domain.conditions import Condition, Where
from pql.domain.durations import Duration
from pql.domain.icp import Of, Subject
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.distinct import Distinct
from pql.domain.measures.function import Function
from pql.domain.moments import Urgency
from pql.domain.partials import Level
from pql.domain.patterns.times import Times
from pql.domain.rules import Bar, Channel
from pql.domain.signals import Points, Scale
from pql.errors import ConfigError, PqlError

Change = Callable[..., Path]
Problems = Callable[..., Sequence[str]]


def test_a_signal_file_becomes_a_signal(project: Path) -> None:
    signals = {signal.name: signal for signal in load(project, {}).definitions.signals}
    breadth = signals["breadth"]
    assert breadth.measure == Distinct(of="feature", window=Duration.of_days(14))
    assert breadth.fires == Condition(at_least=6.0)
    assert breadth.points == Points(worth=25.0, scale=Scale(low=3.0, high=10.0), half_life=Duration.of_days(14))
    assert breadth.only_if == {"stage": Condition(among=("trial", "free"))}


def test_a_moment_file_becomes_a_moment_whose_kind_is_times_by_default(project: Path) -> None:
    (moment,) = load(project, {}).definitions.moments
    assert moment.pattern == Times(event="paywall_viewed", within=Duration(3600))
    assert moment.urgency is Urgency.NOW
    assert moment.cooldown == Duration.of_days(7)


def test_a_python_measure_carries_its_function(project: Path) -> None:
    signals = {signal.name: signal for signal in load(project, {}).definitions.signals}
    measure = signals["stickiness"].measure
    assert isinstance(measure, Function)
    assert measure.uses["week"] == ActiveDays(window=Duration.of_days(7))
    assert measure.formula is not None
    given = measure.formula(pd.DataFrame({"week": [2.0], "month": [8.0]}, index=["a"]))
    assert given.to_dict() == {"a": 0.25}


def test_a_python_measure_may_use_another_python_measure(project: Path, change: Change) -> None:
    nested = "    month: {kind: python, call: 'stickiness.py:stickiness', uses: {week: {kind: count, window: 7 days}, "
    nested += "month: {kind: count, window: 28 days}}}"
    change("signals/stickiness.yml", "    month: {kind: active_days, window: 28 days}", nested)
    measure = next(one.measure for one in load(project, {}).definitions.signals if one.name == "stickiness")
    assert isinstance(measure, Function)
    inner = measure.uses["month"]
    assert isinstance(inner, Function)
    assert inner.formula is not None


def test_an_edited_python_file_is_read_anew(project: Path, change: Change) -> None:
    load(project, {})
    change("signals/stickiness.py", '["week"] / measures["month"]', '["week"] * measures["month"]')
    measure = next(one.measure for one in load(project, {}).definitions.signals if one.name == "stickiness")
    assert isinstance(measure, Function)
    assert measure.formula is not None
    assert measure.formula(pd.DataFrame({"week": [2.0], "month": [8.0]}))[0] == 16.0
    assert not (project / "signals" / "__pycache__").exists()


def test_the_shorthand_of_a_criterion_is_one_band(project: Path) -> None:
    size, industry = load(project, {}).definitions.icp.criteria
    assert [band.points for band in size.bands] == [30.0, 15.0]
    assert industry.subject == Subject(of=Of.ACCOUNT, attribute="industry")
    assert industry.bands[0].when == Condition(among=("software", "fintech"))
    assert industry.worth == 20.0


def test_scoring_and_qualification_come_from_one_file(project: Path) -> None:
    definitions = load(project, {}).definitions
    assert definitions.scoring.matrix["?"] == ("warm", "none", "none", "none")
    assert definitions.scoring.bands == {1: 70.0, 2: 45.0, 3: 20.0}
    assert definitions.qualification.enter == Bar(tier="hot", behaviour=50.0)
    assert definitions.qualification.cooldown == Duration.of_days(30)


def test_champions_are_read_with_their_measures(project: Path, change: Change) -> None:
    added = "champions:\n  measures: [{name: time, weight: 3, measure: {kind: active_time, window: 14 days}}]\n"
    change("config/scoring.yml", "qualification:", added + "  roles: [{when: {words: VP}, points: 2}]\nqualification:")
    champions = load(project, {}).definitions.scoring.champions
    assert [(one.name, one.weight, one.measure.kind) for one in champions.measures] == [("time", 3.0, "active_time")]
    assert champions.roles == ((Condition(words=("VP",)), 2.0),)
    assert champions.shown == 3


def test_stages_routing_and_customers_are_read(project: Path) -> None:
    definitions = load(project, {}).definitions
    assert [name for name, _ in definitions.stages.rules] == ["customer", "trial"]
    assert definitions.routing.channels["now"] == (Channel.FILE,)
    assert definitions.routing.reps[0].time_zone == "Europe/Berlin"
    assert definitions.customers.check_ins[0].after == Duration.of_days(7)
    assert definitions.lead is Level.ACCOUNT


def test_a_channel_without_its_variables_is_not_set_up_and_no_problem(project: Path) -> None:
    notifiers = load(project, {}).notifiers
    assert notifiers.slack is None
    assert notifiers.file == FileSettings(folder=project / "var/outbox")
    assert load(project, {"SLACK_BOT_TOKEN": "made-up"}).notifiers.slack == SlackSettings(token="made-up")


def test_templates_are_read_by_channel_and_name(project: Path) -> None:
    notifiers = load(project, {}).notifiers
    assert sorted(notifiers.templates) == ["file", "slack"]
    assert "moment.json.j2" in notifiers.templates["slack"]


def test_a_port_may_come_from_the_environment(project: Path) -> None:
    folder = project / "notifiers" / "email"
    folder.mkdir()
    text = "host: localhost\nport: ${SMTP_PORT:-2525}\nsecurity: none\nsender: pql@acme.test\n"
    text += "password: ${SMTP_PASSWORD:-}\n"
    (folder / "channel.yml").write_text(text)
    email = load(project, {}).notifiers.email
    assert email == EmailSettings(host="localhost", port=2525, security="none", sender="pql@acme.test")


@pytest.mark.parametrize(
    ("environ", "url"),
    [
        ({}, "duckdb:///otherwise.duckdb"),
        ({"USAGE": ""}, "duckdb:///otherwise.duckdb"),
        ({"USAGE": "sqlite:///given.db"}, "sqlite:///given.db"),
    ],
)
def test_a_variable_that_is_unset_or_empty_takes_what_is_written(
    environ: dict[str, str], url: str, project: Path, change: Change
) -> None:
    change("config/pql.yml", "duckdb:///data/usage.duckdb", "${USAGE:-duckdb:///otherwise.duckdb}")
    assert load(project, environ).usage.url == url


def test_a_value_may_hold_several_variables_and_text(project: Path, change: Change) -> None:
    change("config/pql.yml", "duckdb:///data/usage.duckdb", "postgresql://pql:${PASS}@${HOST:-db}:5432/usage")
    assert load(project, {"PASS": "hunter2"}).usage.url == "postgresql://pql:hunter2@db:5432/usage"


def test_no_secret_is_shown_by_a_project_or_a_problem(project: Path, change: Change) -> None:
    change("config/pql.yml", "duckdb:///data/usage.duckdb", "${USAGE}", "sqlite:///var/state.db", "${STATE}")
    environ = {"USAGE": "duckdb:///hunter2", "STATE": "sqlite:///hunter2", "SLACK_BOT_TOKEN": "hunter2"}
    assert "hunter2" not in repr(load(project, environ))
    bad = {"USAGE": "hunter2", "STATE": "mysql://root:hunter2@db/x", "SLACK_BOT_TOKEN": "hunter2"}
    found = check(project, bad)
    assert [problem.code for problem in found] == ["C072", "C072"]
    assert "hunter2" not in "".join(map(str, found))


def test_the_signals_are_sorted_by_file_whatever_the_folder_says(project: Path) -> None:
    assert [signal.name for signal in load(project, {}).definitions.signals] == ["breadth", "seats", "stickiness"]


def test_the_sources_are_the_texts_of_the_definitions_and_hold_no_connections(project: Path) -> None:
    sources = dict(load(project, {}).definitions.sources)
    assert sources["signals/breadth.yml"].startswith("signal: breadth")
    assert "signals/stickiness.py" in sources
    assert "sql/events.sql" in sources
    assert "config/pql.yml" not in sources


def test_a_missing_folder_is_one_problem(tmp_path: Path) -> None:
    (problem,) = check(tmp_path / "nowhere", {})
    assert (problem.code, problem.path) == ("C001", ".")


def test_all_problems_of_all_files_are_found_at_once(change: Change, problems: Problems) -> None:
    change("config/scoring.yml", "total_cap: 100", "total_cap: much")
    change("signals/breadth.yml", "worth", "wroth")
    change("sql/events.sql", "{{ start }}", "{{ begin }}")
    assert [line.split(" ")[1] for line in problems()] == ["C010", "C012", "C011", "C063"]


def test_load_raises_all_problems_as_one_error(project: Path, change: Change) -> None:
    change("signals/breadth.yml", "worth", "wroth")
    with pytest.raises(ConfigProblems) as raised:
        load(project, {})
    assert isinstance(raised.value, ConfigError)
    assert isinstance(raised.value, PqlError)
    assert [problem.code for problem in raised.value.problems] == ["C012", "C011"]
    assert str(raised.value).count("\n") == 1


def test_reps_of_a_relation_are_not_looked_for_in_the_file(project: Path, change: Change, problems: Problems) -> None:
    change("config/routing.yml", "  - {email: mia@acme.test, name: Mia Berg, time_zone: Europe/Berlin}\n", "")
    change("config/routing.yml", "reps:\n", "")
    assert [line.split(" ")[1] for line in problems()] == ["C022", "C022"]
    (project / "sql" / "reps.sql").write_text("SELECT email, name FROM staff\n")
    assert problems() == []


def test_channels_may_wait_while_delivery_is_off_and_not_when_it_is_on(change: Change, problems: Problems) -> None:
    change("config/routing.yml", "now: [file]", "now: [slack]")
    assert problems() == []
    change("config/pql.yml", "usage:", "delivery: {mode: on}\nusage:")
    assert [line.split(" ")[1] for line in problems()] == ["C023"]
    assert problems(SLACK_BOT_TOKEN="made-up") == []


@pytest.mark.parametrize(
    "attribute", ["lead.attributes.seats + 1", "lead.country.upper()", "'%.1f' | format(norm or 0)"]
)
def test_attributes_in_templates_may_be_text_or_numbers(attribute: str, change: Change, problems: Problems) -> None:
    change("signals/breadth.yml", "{{ value }}", "{{ " + attribute + " }}")
    assert problems() == []


def test_an_exit_in_a_python_file_is_its_problem_and_not_the_end(change: Change, problems: Problems) -> None:
    change("signals/stickiness.py", "import pandas as pd\n", "import pandas as pd\n\nraise SystemExit(3)\n")
    assert problems() == ["signals/stickiness.py:5:1: C026 SystemExit: 3"]


def test_the_loader_is_quick(project: Path) -> None:
    text = (project / "signals" / "breadth.yml").read_text()
    for number in range(30):
        (project / "signals" / f"breadth_{number}.yml").write_text(text.replace("breadth", f"breadth_{number}", 1))
    load(project, {})
    taken = []
    for _ in range(3):
        start = time.process_time()
        load(project, {})
        taken.append(time.process_time() - start)
    assert min(taken) < 0.6  # seconds of work; about 0.1 on an idle machine


def test_the_room_can_be_imported_without_pydantic_and_pandas() -> None:
    program = (
        "import sys, pql.config; sys.exit(bool({'pydantic', 'pandas', 'ruamel.yaml', 'jinja2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_problem_is_one_line_even_with_line_breaks_in_it() -> None:
    problem = Problem(path="a.yml", line=1, column=2, code="C010", message="a\nb", hint="c\n\nd")
    assert str(problem) == "a.yml:1:2: C010 a b (c d)"


def test_a_filter_is_read_into_the_measure(project: Path, change: Change) -> None:
    change("signals/breadth.yml", "window: 14 days", "window: 14 days, where: {properties.size: {at_least: 3}}")
    measure = next(one.measure for one in load(project, {}).definitions.signals if one.name == "breadth")
    assert isinstance(measure, Distinct)
    assert measure.where == Where((("properties.size", Condition(at_least=3.0)),))
