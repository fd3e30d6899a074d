from datetime import timedelta

import pandas as pd
import pytest

from pql.domain.durations import Duration
from pql.domain.evaluate import evaluate
from pql.domain.evaluation import Evaluation, Outcome
from pql.domain.explain import LeadExplained, Standing, explain, reason_words
from pql.domain.icp import Exclusion, Icp, Persona
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.base import Missing
from pql.domain.signals import Points
from tests.unit.domain.samples import AS_OF, answers, conditions, criterion, definitions, leads, measured, signal, users

ICP = Icp(
    criteria=(
        criterion("size", "employees", ({"at_least": 50}, 30), group="firm"),
        criterion("industry", "industry", ("software", 20)),
        criterion("decider", "user.role", ({"words": "VP"}, 20), only_if={"country": "DE"}),
        criterion("budget", "answer.budget", ("yes", 10)),
    ),
    grades={"A": 60, "B": 40, "C": 20},
    personas=(
        Persona(name="student", why="Students do not buy", when=conditions({"user.role": "student"}), points=5),
        Persona(name="agency", why="Agencies resell", when=conditions({"industry": "agency"}), disqualifies=True),
    ),
    exclusions=(
        Exclusion(name="staff", why="Our own people", when=conditions({"domain": "plotline.test"})),
        Exclusion(name="deal", why="A deal is open", when=conditions({"open_deal": True})),
    ),
)
SIGNALS = (
    signal("breadth", Points(worth=60, half_life=Duration.of_days(14))),
    signal("depth", only_if={"stage": ["trial"], "plan": "team"}),
    signal("plan", measure=Attribute(of="plan"), fires="team"),
    signal("sso", measure=Attribute(of="sso"), fires=True),
    signal("young"),
)
ALL = definitions(SIGNALS, icp=ICP)


def evaluation() -> Evaluation:
    who = leads(
        2,
        plan=["free", None],
        employees=[100.0, 7],
        industry=[None, "agency"],
        country=["US", "DE"],
        domain=["acme.test", "plotline.test"],
        open_deal=[False, True],
    )
    rows = measured(
        [14, 0],
        {"young": [Missing.TOO_YOUNG, Missing.NOT_YET]},
        breadth=[9, 2],
        depth=[9, 9],
        plan=["free", None],
        sso=[True, False],
        young=[None, None],
    )
    rows["sso.latest_at"] = float("nan")
    return evaluate(ALL, who, users(("u1", "a1", "student")), answers(), rows, as_of=AS_OF)


@pytest.fixture(scope="module")
def first() -> LeadExplained:
    return explain(evaluation(), ALL, "a0")


@pytest.fixture(scope="module")
def second() -> LeadExplained:
    return explain(evaluation(), ALL, "a1")


def test_every_number_of_the_lead_is_there(first: LeadExplained) -> None:
    assert (first.lead_id, first.name, first.stage, first.plan, first.as_of) == ("a0", "Lead 0", "free", "free", AS_OF)
    assert (first.fit, first.coverage, first.fit_grade) == (30, 0.5, "C")
    assert (first.behaviour, first.band, first.grade, first.tier) == (50, 2, "C2", "nurture")
    assert first.eligible
    assert first.exclusions == ()


def test_a_fired_signal_tells_its_value_decay_points_and_norm(first: LeadExplained) -> None:
    breadth = first.signals[0]
    assert (breadth.name, breadth.outcome, breadth.value, breadth.words) == (
        "breadth",
        Outcome.FIRED,
        9,
        "9 features in 14 days",
    )
    assert breadth.reason == "9 features in 14 days, at least 6 needed"
    assert (breadth.strength, breadth.decay, breadth.worth, breadth.points, breadth.counted) == (1, 0.5, 60, 30, 30)
    assert breadth.latest_at == AS_OF - timedelta(days=14)
    assert breadth.norm == 9


def test_the_strongest_come_first_then_the_quiet_then_what_was_not_evaluated(first: LeadExplained) -> None:
    assert [one.name for one in first.signals] == ["breadth", "sso", "plan", "depth", "young"]
    assert {one.name: one.reason for one in first.signals[1:]} == {
        "sso": "sso: true, true needed",
        "plan": "quiet: plan: free, team needed",
        "depth": "not evaluated: only if stage is one of trial, and it is free and plan is team, and it is free",
        "young": "not evaluated: the lead is too young to compare",
    }
    assert first.signals[1].value is True
    assert first.signals[1].latest_at is None
    assert first.signals[2].norm is None


def test_what_has_no_value_says_why(second: LeadExplained) -> None:
    by_name = {one.name: one for one in second.signals}
    assert by_name["young"].reason == "quiet: it has not happened yet"
    assert by_name["plan"].reason == "not evaluated: there are no rows to tell from"
    assert (by_name["plan"].value, by_name["plan"].words) == (None, "")
    assert by_name["depth"].reason.endswith("plan is team, and it is unknown")


def test_a_criterion_is_met_or_not_or_unknown_or_left_out(first: LeadExplained, second: LeadExplained) -> None:
    assert [(one.name, one.standing, one.points, one.value) for one in first.criteria] == [
        ("size", Standing.MET, 30, "100"),
        ("industry", Standing.UNKNOWN, 0, ""),
        ("decider", Standing.LEFT_OUT, 0, ""),
        ("budget", Standing.UNKNOWN, 0, ""),
    ]
    assert [one.standing for one in second.criteria[:3]] == [Standing.NOT_MET] * 3
    assert (first.criteria[0].worth, first.criteria[0].group) == (30, "firm")


def test_every_reason_against_a_lead_is_kept(second: LeadExplained) -> None:
    assert not second.eligible
    assert second.ineligible_why == "Our own people"
    assert second.exclusions == ("Our own people", "A deal is open", "Agencies resell")
    assert [(one.name, one.matches, one.disqualifies) for one in second.personas] == [
        ("student", True, False),
        ("agency", True, True),
    ]
    assert second.plan == ""


def test_one_row_is_enough_to_explain_a_lead() -> None:
    whole = evaluation()
    parts = {name: getattr(whole.verdicts, name).loc[["a0"]] for name in whole.verdicts.__dataclass_fields__}
    row = Evaluation(
        as_of=whole.as_of,
        leads=whole.leads.loc[["a0"]],
        verdicts=type(whole.verdicts)(**parts),
        fit=whole.fit.loc[["a0"]],
        scores=whole.scores.loc[["a0"]],
        norms=whole.norms,
        cuts=whole.cuts,
    )
    assert explain(row, ALL, "a0") == explain(whole, ALL, "a0")


def test_a_lead_that_is_not_there_is_refused() -> None:
    with pytest.raises(KeyError, match="zz"):
        explain(evaluation(), ALL, "zz")


def test_a_gate_is_told_even_where_the_lead_is_not() -> None:
    gated = signal(only_if={"stage": ["trial", "free"], "plan": {"exists": True}})
    said = reason_words(gated, Outcome.NOT_EVALUATED, 9.0, Missing.NONE, gated=True)
    assert said == "not evaluated: only if stage is one of trial, free and plan is known"


def test_a_gate_names_numbers_and_truths_as_people_write_them() -> None:
    gated = signal(only_if={"seats": {"above": 5}, "sso": True})
    lead = pd.Series({"seats": 3.0, "sso": False})
    assert reason_words(gated, Outcome.NOT_EVALUATED, 9.0, Missing.NONE, gated=True, lead=lead) == (
        "not evaluated: only if seats is above 5, and it is 3 and sso is true, and it is false"
    )
