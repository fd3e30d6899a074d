import pandas as pd

from pql.domain.rules import Stages
from pql.domain.stages import stages
from tests.unit.domain.samples import conditions, leads

RULES = Stages(
    rules=(
        ("customer", conditions({"status": "active", "mrr": {"above": 0}})),
        ("trial", conditions({"in_trial": True})),
        ("customer", conditions({"plan": "enterprise"})),
    ),
    otherwise="free",
)


def test_the_first_rule_that_holds_names_the_stage() -> None:
    who = leads(
        5,
        status=["active", "active", None, "active", None],
        mrr=[50.0, 0.0, None, 9.0, None],
        in_trial=[False, True, False, True, False],
        plan=["team", "team", "team", "team", "Enterprise"],
    )
    found = stages(RULES, who)
    assert found.tolist() == ["customer", "trial", "free", "customer", "customer"]
    assert found.name == "stage"
    assert found.index.equals(who.index)


def test_an_attribute_that_is_not_there_holds_for_nobody() -> None:
    assert stages(RULES, leads(2, in_trial=[True, False])).tolist() == ["trial", "free"]


def test_without_rules_everybody_is_at_the_same_stage() -> None:
    assert stages(Stages(rules=(), otherwise="lead"), leads(2)).tolist() == ["lead", "lead"]


def test_no_leads_have_no_stages() -> None:
    empty = stages(RULES, leads(1).iloc[:0])
    assert isinstance(empty, pd.Series)
    assert empty.empty
