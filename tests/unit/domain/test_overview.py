"""All leads slice by slice: the same numbers as all at once."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.evaluate import evaluate
from pql.domain.evaluation import Evaluation, Outcome, Verdicts
from pql.domain.icp import Exclusion, Icp
from pql.domain.overview import Overview, overview_of
from pql.domain.signals import Percentile, Points, Scale
from tests.unit.domain.samples import AS_OF, SCORING, answers, criterion, definitions, leads, measured, signal, users

ICP = Icp(
    criteria=(
        criterion("size", "employees", ({"at_least": 50}, 60)),
        criterion("role", "user.role", ("admin", 10)),
        criterion("need", "answer.need", ("alerts", 20)),
    ),
    grades={"A": 60, "B": 40, "C": 20},
    exclusions=(Exclusion(name="free_mail", why="A private address", free_mail=True),),
)
SIGNALS = (
    signal("breadth", Points(worth=60, scale=Scale(low=3, high=10))),
    signal("depth", Points(worth=30, percentile=Percentile(low=10, high=90)), only_if={"stage": "trial"}),
)
ALL = definitions(SIGNALS, icp=ICP, scoring=replace(SCORING, total_cap=70))
VALUES = st.none() | st.integers(0, 12)
LEADS = st.lists(
    st.tuples(
        VALUES, VALUES, st.sampled_from([10, 100, None]), st.booleans(), st.sampled_from(["a.test", "gmail.com"])
    ),
    min_size=0,
    max_size=9,
)
OTHERS = st.lists(st.tuples(st.integers(0, 10), st.sampled_from(["admin", "student", "alerts"])), max_size=12)


def world(
    rows: list[tuple[object, ...]], members: list[tuple[int, str]], said: list[tuple[int, str]]
) -> list[pd.DataFrame]:
    breadth, depth, employees, in_trial, domain = zip(*rows, strict=True) if rows else ((),) * 5
    who = leads(
        len(rows),
        employees=np.array(employees, dtype=float),
        in_trial=np.array(in_trial, dtype=bool),
        domain=pd.array(domain, dtype="str"),
        plan=pd.array(["free"] * len(rows), dtype="str"),
    )
    return [
        who,
        users(*((f"u{number}", f"a{lead}", role) for number, (lead, role) in enumerate(members))),
        answers(*((f"a{lead}", "need", answer) for lead, answer in said)),
        measured([0.0] * len(rows), breadth=list(breadth), depth=list(depth)),
    ]


def both(frames: list[pd.DataFrame], size: int) -> tuple[Evaluation, Overview, list[Evaluation]]:
    whole = evaluate(ALL, *frames, as_of=AS_OF)
    seen, parts = overview_of(ALL, *frames, as_of=AS_OF, look=lambda part: part, size=size)
    return whole, seen, parts


def same(one: Evaluation, other: Evaluation) -> None:
    for name in ("leads", "fit", "scores", "norms"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))
    for part in fields(Verdicts):
        pd.testing.assert_frame_equal(getattr(one.verdicts, part.name), getattr(other.verdicts, part.name))
    assert one.cuts == other.cuts


@settings(deadline=None, max_examples=25)
@given(LEADS, OTHERS, OTHERS, st.integers(1, 10))
def test_slices_of_any_size_give_the_numbers_of_the_whole(
    rows: list[tuple[object, ...]], members: list[tuple[int, str]], said: list[tuple[int, str]], size: int
) -> None:
    whole, seen, parts = both(world(rows, members, said), size)

    pd.testing.assert_frame_equal(seen.scores, whole.scores)
    pd.testing.assert_frame_equal(seen.leads, whole.leads)
    for number, part in enumerate(parts):
        same(part, whole.part(slice(number * size, (number + 1) * size)))
    fired = whole.verdicts.outcomes.eq(Outcome.FIRED)
    assert seen.firing["fired"].tolist() == fired.sum().tolist()
    assert seen.firing["fired_eligible"].tolist() == fired[whole.scores["eligible"]].sum().tolist()
    unknown = whole.verdicts.outcomes[whole.scores["eligible"]].eq(Outcome.NOT_EVALUATED)
    assert seen.firing["unknown_eligible"].tolist() == unknown.sum().tolist()


@settings(deadline=None, max_examples=15)
@given(LEADS, OTHERS, OTHERS, st.sets(st.integers(0, 10), max_size=5))
def test_the_leads_that_somebody_asks_for_are_judged_as_among_all(
    rows: list[tuple[object, ...]], members: list[tuple[int, str]], said: list[tuple[int, str]], asked: set[int]
) -> None:
    whole, seen, _ = both(world(rows, members, said), 4)

    same(seen.of({f"a{number}" for number in asked}), whole.of({f"a{number}" for number in asked}))
    assert {*seen.of({"a0", "nobody"}).leads.index} <= {"a0"}
