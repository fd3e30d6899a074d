from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.durations import Duration
from pql.domain.evaluate import evaluate
from pql.domain.evaluation import Evaluation
from pql.domain.icp import Exclusion, Icp
from pql.domain.measures.base import Missing
from pql.domain.overview import overview_of
from pql.domain.signals import Percentile, Points, Scale
from tests.unit.domain.samples import AS_OF, SCORING, answers, criterion, definitions, leads, measured, signal, users

ICP = Icp(
    criteria=(criterion("size", "employees", ({"at_least": 50}, 60)), criterion("plan", "plan", ("team", 10))),
    grades={"A": 60, "B": 40, "C": 20},
    exclusions=(Exclusion(name="free_mail", why="A private address", free_mail=True),),
)
SIGNALS = (
    signal("breadth", Points(worth=60, scale=Scale(low=3, high=10), half_life=Duration.of_days(14))),
    signal(
        "depth", Points(worth=30, percentile=Percentile(low=10, high=90), group="depth"), only_if={"stage": "trial"}
    ),
    signal("quiet", Points(worth=-20)),
)
ALL = definitions(SIGNALS, icp=ICP, scoring=replace(SCORING, group_caps={"product": 50}, total_cap=70))


def evaluated(who: pd.DataFrame, rows: pd.DataFrame, **rest: object) -> Evaluation:
    return evaluate(ALL, who, users(), answers(), rows, as_of=AS_OF, **rest)  # type: ignore[arg-type]


WHO = leads(
    3,
    employees=[100, 10, np.nan],
    plan=["team", "free", "free"],
    in_trial=[True, False, True],
    domain=["acme.test", "b.test", "gmail.com"],
)
ROWS = measured([0, 0, 0], breadth=[10, 7, None], depth=[9, 2, 1], quiet=[0, 8, 0])


def test_one_call_gives_stage_verdicts_fit_and_grade() -> None:
    found = evaluated(WHO, ROWS, free_mail=frozenset({"gmail.com"}))
    assert found.leads["stage"].tolist() == ["trial", "free", "trial"]
    assert found.verdicts.gated["depth"].tolist() == [False, True, False]
    assert found.scores["grade"].tolist() == ["A1", "D4", "D4"]
    assert found.scores["eligible"].tolist() == [True, True, False]
    assert found.fit["exclusion.free_mail"].tolist() == [False, False, True]
    assert found.norms.loc["breadth", "n"] == 2
    assert found.as_of == AS_OF
    assert "stage" not in WHO


def test_what_counts_adds_up_to_the_behaviour_score() -> None:
    found = evaluated(WHO, ROWS)
    assert found.verdicts.counted.sum(axis=1).clip(lower=0).tolist() == pytest.approx(
        found.scores["behaviour"].tolist()
    )
    assert found.scores.loc["a0", "behaviour"] == 70


def test_one_lead_alone_is_judged_as_among_all_with_the_cut_points_kept() -> None:
    whole = evaluated(WHO, ROWS)
    alone = evaluated(WHO.loc[["a0"]], ROWS.loc[["a0"]], cuts=whole.cuts)
    pd.testing.assert_frame_equal(alone.scores, whole.scores.loc[["a0"]])
    pd.testing.assert_frame_equal(alone.verdicts.counted, whole.verdicts.counted.loc[["a0"]])


def test_a_lead_without_a_measured_row_has_no_rows_whatever_order_the_others_stand_in() -> None:
    fewer = ROWS.iloc[[2, 0]]
    whole = evaluated(WHO, fewer)
    seen, parts = overview_of(ALL, WHO, users(), answers(), fewer, as_of=AS_OF, look=lambda part: part)

    assert whole.verdicts.missing["depth"].tolist() == [Missing.NONE, Missing.NO_ROWS, Missing.NONE]
    pd.testing.assert_frame_equal(parts[0].verdicts.missing, whole.verdicts.missing)
    pd.testing.assert_frame_equal(seen.scores, whole.scores)


def test_no_leads_are_evaluated_to_empty_frames() -> None:
    found = evaluated(WHO.iloc[:0], ROWS.iloc[:0])
    assert found.scores.empty
    assert found.verdicts.counted.shape == (0, 3)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(*[st.one_of(st.none(), st.integers(0, 12))] * 3), min_size=1, max_size=8), st.integers(0, 99))
def test_row_order_does_not_matter_and_scores_keep_their_bounds(
    values: list[tuple[int | None, int | None, int | None]], seed: int
) -> None:
    who = leads(len(values), employees=100, plan="team", in_trial=True, domain="a.test")
    breadth, depth, quiet = zip(*values, strict=True)
    rows = measured(breadth=breadth, depth=depth, quiet=quiet)
    whole = evaluated(who, rows)
    mixed = evaluated(who.sample(frac=1, random_state=seed), rows)
    pd.testing.assert_frame_equal(whole.scores, mixed.scores.reindex(who.index))
    assert whole.scores["behaviour"].between(0, 70).all()
