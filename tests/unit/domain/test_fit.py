from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.fit import Profile, eligibility, fit
from pql.domain.icp import Criterion, Exclusion, Icp, Persona
from tests.unit.domain.samples import answers, conditions, criterion, leads, users

SIZE = criterion("size", "employees", ({"between": [50, 500]}, 30), ({"at_least": 20}, 15), group="firm")
INDUSTRY = criterion("industry", "industry", (["software", "fintech"], 20), group="firm")
DECIDER = criterion("decider", "user.role", ({"words": ["VP", "Head"]}, 20))
BUDGET = criterion("budget", "answer.budget", ("yes", 10))
GRADES = {"A": 60, "B": 40, "C": 20}


def icp(*criteria: Criterion, **rest: Any) -> Icp:
    return Icp(criteria=criteria, grades=GRADES, **rest)


def profile(who: pd.DataFrame, people: pd.DataFrame | None = None, answered: pd.DataFrame | None = None) -> Profile:
    return Profile(who, users() if people is None else people, answers() if answered is None else answered)


def test_the_first_band_that_holds_gives_its_points() -> None:
    found = fit(icp(SIZE), profile(leads(4, employees=[100, 20, 501, 5])))
    assert found["fit"].tolist() == [30, 15, 15, 0]
    assert found["criterion.size"].tolist() == [30, 15, 15, 0]


def test_an_unknown_attribute_gives_no_points_and_lowers_the_coverage() -> None:
    found = fit(icp(SIZE, INDUSTRY), profile(leads(2, employees=[100, np.nan], industry=["Software ", None])))
    assert found["fit"].tolist() == [50, 0]
    assert found["coverage"].tolist() == [1, 0]
    assert np.isnan(found["criterion.size"]["a1"])


def test_an_attribute_that_no_lead_has_is_unknown() -> None:
    found = fit(icp(SIZE, INDUSTRY), profile(leads(1, employees=[100])))
    assert found["coverage"].tolist() == [0.6]


def test_one_user_who_meets_a_criterion_is_enough() -> None:
    people = users(("u1", "a0", "Engineer"), ("u2", "a0", "VP Sales"), ("u3", "a1", None), ("u4", "zz", "VP"))
    found = fit(icp(DECIDER), profile(leads(3), people))
    assert found["fit"].tolist() == [20, 0, 0]
    assert found["coverage"].tolist() == [1, 0, 0]


def test_one_answer_that_meets_a_criterion_is_enough_whatever_the_case_of_the_question() -> None:
    given_answers = answers(
        ("a0", "Budget", "no"), ("a0", "budget", "YES"), ("a1", "need", "yes"), ("a2", "budget", None)
    )
    found = fit(icp(BUDGET), profile(leads(3), answered=given_answers))
    assert found["fit"].tolist() == [10, 0, 0]
    assert found["coverage"].tolist() == [1, 0, 0]


def test_a_criterion_counts_only_where_its_gate_holds() -> None:
    gated = criterion(
        "decider", "user.role", ({"words": "VP"}, 20), only_if={"country": ["DE"], "employees": {"above": 9}}
    )
    who = leads(4, country=["DE", "US", None, "DE"], employees=[10, 10, 10, np.nan])
    people = users(("u0", "a0", "VP"), ("u1", "a1", "VP"), ("u2", "a2", "VP"), ("u3", "a3", "VP"))
    found = fit(icp(gated), profile(who, people))
    assert found["fit"].tolist() == [20, 0, 0, 0]
    assert found["gated.decider"].tolist() == [False, True, True, True]
    assert found["criterion.decider"].tolist() == [20, 0, 0, 0]


def test_what_a_gate_leaves_out_does_not_count_for_the_coverage() -> None:
    gated = criterion("decider", "user.role", ({"words": "VP"}, 70), only_if={"country": "DE"})
    found = fit(icp(SIZE, gated), profile(leads(2, employees=[100, 100], country=["DE", "US"])))
    assert found["coverage"].tolist() == [0.3, 1]
    assert "gated.size" not in found


def test_a_gate_can_ask_users_and_answers() -> None:
    gated = criterion(
        "size", "employees", ({"at_least": 1}, 10), only_if={"user.role": "CTO", "answer.need": {"exists": False}}
    )
    people = users(("u0", "a0", "CTO"), ("u1", "a1", "CTO"))
    found = fit(icp(gated), profile(leads(2, employees=[5, 5]), people, answers(("a1", "need", "much"))))
    assert found["fit"].tolist() == [10, 0]


def test_a_group_gives_no_more_than_its_cap() -> None:
    found = fit(icp(SIZE, INDUSTRY, group_caps={"firm": 40}), profile(leads(1, employees=[100], industry=["fintech"])))
    assert found["fit"].tolist() == [40]


def test_criteria_without_a_group_share_no_cap() -> None:
    alone = [replace(one, group="") for one in (SIZE, INDUSTRY)]
    found = fit(icp(*alone, group_caps={"": 1}), profile(leads(1, employees=[100], industry=["fintech"])))
    assert found["fit"].tolist() == [50]


def test_points_against_are_not_capped() -> None:
    tiny = criterion("tiny", "employees", ({"below": 200}, -25), group="firm")
    found = fit(
        icp(SIZE, INDUSTRY, tiny, group_caps={"firm": 40}), profile(leads(1, employees=[100], industry=["fintech"]))
    )
    assert found["fit"].tolist() == [15]
    assert found["coverage"].tolist() == [1]


def test_not_to_know_can_be_a_criterion() -> None:
    secret = criterion("secret", "employees", ({"exists": False}, 5), ({"at_least": 1}, 2))
    found = fit(icp(secret), profile(leads(2, employees=[np.nan, 9])))
    assert found["fit"].tolist() == [5, 2]
    assert found["coverage"].tolist() == [1, 1]


STUDENT = Persona(
    name="student", why="Students do not buy", when=conditions({"user.role": {"words": "student"}}), points=30
)
AGENCY = Persona(name="agency", why="Agencies resell", when=conditions({"industry": "agency"}), disqualifies=True)


def test_a_negative_persona_takes_points_off_but_not_below_0() -> None:
    people = users(("u0", "a0", "Student"), ("u1", "a1", "student, intern"))
    found = fit(icp(SIZE, INDUSTRY, personas=(STUDENT,)), profile(leads(3, employees=[100, 20, 100]), people))
    assert found["fit"].tolist() == [0, 0, 30]
    assert found["persona.student"].tolist() == [True, True, False]


def test_a_persona_that_disqualifies_takes_no_points_off_and_gives_its_reason() -> None:
    rules = icp(SIZE, personas=(replace(AGENCY, points=10),))
    known = profile(leads(2, employees=[100, 100], industry=["Agency", "retail"]))
    assert fit(rules, known)["fit"].tolist() == [30, 30]
    assert eligibility(rules, known)["ineligible_why"].tolist() == ["Agencies resell", ""]


def test_all_conditions_on_users_must_hold_of_the_same_user() -> None:
    when = conditions({"user.role": "student", "user.country": "DE"})
    rules = icp(personas=(replace(STUDENT, when=when),))
    people = users(("u0", "a0", "student"), ("u1", "a0", "CTO"), ("u2", "a1", "student"), country=["US", "DE", "DE"])
    assert fit(rules, profile(leads(2), people))["persona.student"].tolist() == [False, True]


def test_a_lead_without_users_has_no_user_with_the_attribute() -> None:
    rules = icp(personas=(replace(STUDENT, when=conditions({"user.role": {"exists": False}})),))
    people = users(("u0", "a0", "CTO"), ("u1", "a1", None))
    assert fit(rules, profile(leads(3), people))["persona.student"].tolist() == [False, True, True]


@pytest.mark.parametrize(("employees", "grade"), [(60, "A"), (59.9, "B"), (40, "B"), (39, "C"), (20, "C"), (19, "D")])
def test_grades_begin_at_their_least_points(employees: float, grade: str) -> None:
    exact = criterion("points", "employees", ({"equals": employees}, employees))
    assert fit(icp(exact), profile(leads(1, employees=[employees])))["fit_grade"].tolist() == [grade]


def test_with_too_little_known_there_is_no_grade() -> None:
    rules = icp(SIZE, INDUSTRY, min_coverage=0.6)
    found = fit(rules, profile(leads(2, employees=[100, np.nan], industry=[None, "software"])))
    assert found["coverage"].tolist() == [0.6, 0.4]
    assert found["fit_grade"].tolist() == ["C", "?"]


def test_without_criteria_everything_is_known_and_nothing_fits() -> None:
    found = fit(icp(min_coverage=0.5), profile(leads(1)))
    assert found[["fit", "coverage", "fit_grade"]].values.tolist() == [[0, 1, "D"]]


STAFF = Exclusion(name="staff", why="Our own people", when=conditions({"domain": "plotline.test"}))
FREE = Exclusion(name="free_mail", why="A private address", free_mail=True)
DEAL = Exclusion(name="deal", why="A deal is open", when=conditions({"open_deal": True}))
FREE_MAIL = frozenset({"gmail.com"})


def test_the_first_reason_that_applies_is_told_and_all_are_kept() -> None:
    rules = icp(exclusions=(STAFF, FREE, DEAL))
    who = leads(4, domain=["plotline.test", "GMail.com", "acme.test", None], open_deal=[True, False, True, False])
    found = eligibility(rules, profile(who), free_mail=FREE_MAIL)
    assert found["eligible"].tolist() == [False, False, False, True]
    assert found["ineligible_why"].tolist() == ["Our own people", "A private address", "A deal is open", ""]
    assert found["exclusion.deal"].tolist() == [True, False, True, False]


def test_a_project_adds_free_mail_domains() -> None:
    rules = icp(exclusions=(FREE,), free_mail_domains=("Posteo.de",))
    found = eligibility(rules, profile(leads(2, domain=["posteo.de", "gmail.com"])))
    assert found["eligible"].tolist() == [False, True]


def test_free_mail_can_be_one_condition_among_others() -> None:
    rules = icp(exclusions=(replace(FREE, when=conditions({"employees": {"below": 5}})),))
    who = leads(2, domain=["gmail.com", "gmail.com"], employees=[1, 50])
    assert eligibility(rules, profile(who), free_mail=FREE_MAIL)["eligible"].tolist() == [False, True]


def test_an_exclusion_that_says_nothing_excludes_nobody() -> None:
    rules = icp(exclusions=(Exclusion(name="nothing", why="-"), FREE))
    assert eligibility(rules, profile(leads(1, domain=["gmail.com"])))["eligible"].tolist() == [True]


def test_without_rules_everybody_is_eligible() -> None:
    found = eligibility(icp(), profile(leads(2)))
    assert found["eligible"].tolist() == [True, True]
    assert found["ineligible_why"].tolist() == ["", ""]


ATTRIBUTES = st.fixed_dictionaries(
    {
        "employees": st.one_of(st.none(), st.integers(0, 600)),
        "industry": st.one_of(st.none(), st.sampled_from(["software", "agency"])),
        "country": st.one_of(st.none(), st.sampled_from(["DE", "US"])),
    }
)
PROFILE = icp(
    SIZE,
    INDUSTRY,
    criterion("home", "country", ("DE", 25), only_if={"industry": "software"}),
    DECIDER,
    personas=(STUDENT, AGENCY),
    group_caps={"firm": 40},
)


@settings(deadline=None, max_examples=30)
@given(st.lists(ATTRIBUTES, min_size=1, max_size=8), st.integers(0, 999))
def test_fit_and_coverage_keep_their_bounds_in_any_order(rows: list[dict[str, Any]], seed: int) -> None:
    who = leads(len(rows)).join(pd.DataFrame(rows, index=leads(len(rows)).index))
    found = fit(PROFILE, profile(who))
    assert found["coverage"].between(0, 1).all()
    assert found["fit"].ge(0).all()
    mixed = fit(PROFILE, profile(who.sample(frac=1, random_state=seed)))
    pd.testing.assert_frame_equal(found, mixed.reindex(found.index))


@settings(deadline=None, max_examples=30)
@given(ATTRIBUTES)
def test_a_criterion_that_nothing_is_known_of_never_raises_fit_or_coverage(row: dict[str, Any]) -> None:
    who = leads(1, **{name: [value] for name, value in row.items()})
    more = replace(PROFILE, criteria=(*PROFILE.criteria, criterion("moon", "moon", ("full", 50))))
    before, after = fit(PROFILE, profile(who)), fit(more, profile(who))
    assert after["fit"].tolist() == before["fit"].tolist()
    assert (after["coverage"] <= before["coverage"]).all()
