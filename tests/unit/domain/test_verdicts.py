from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.conditions import Attributes, Where
from pql.domain.durations import Duration
from pql.domain.evaluation import Outcome, Verdicts
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.base import Missing
from pql.domain.measures.recency import Recency
from pql.domain.measures.time_to import TimeTo
from pql.domain.plan import OccurrenceDecay
from pql.domain.rules import Scoring
from pql.domain.signals import Band, Percentile, Points, Scale, Signal
from pql.domain.verdicts import CUT_POINTS, Comparison, compare, needed, percentiles, verdicts_of
from tests.unit.domain.samples import AS_OF, COUNT, SCORING, lead_ids, leads, measured, signal


@dataclass(frozen=True, kw_only=True)
class Judgement(Comparison):
    """The verdicts, and what they were compared with."""

    verdicts: Verdicts


def judged(
    signals: list[Signal] | Signal,
    rows: pd.DataFrame,
    *,
    attributes: pd.DataFrame | None = None,
    eligible: list[bool] | None = None,
    scoring: Scoring = SCORING,
    **rest: Any,
) -> Judgement:
    who = leads(len(rows)) if attributes is None else attributes
    listed = [signals] if isinstance(signals, Signal) else signals
    aligned = rows.reindex(who.index)
    counting = np.array([True] * len(who) if eligible is None else eligible, dtype=bool)
    compared = compare(listed, aligned, counting, **rest)
    verdicts = verdicts_of(listed, aligned, Attributes(who), as_of=AS_OF, scoring=scoring, cuts=compared.cuts)
    return Judgement(cuts=compared.cuts, norms=compared.norms, verdicts=verdicts)


def column(frame: pd.DataFrame, name: str = "breadth") -> list[Any]:
    return frame[name].tolist()


def one(points: Points, *values: float | None, ages: list[float] | None = None, **rest: Any) -> Verdicts:
    return judged(signal("breadth", points, **rest), measured(ages, breadth=values)).verdicts


def test_a_verdict_is_fired_quiet_or_not_evaluated() -> None:
    verdicts = judged(signal(), measured(breadth=[6, 5, None])).verdicts
    assert column(verdicts.outcomes) == [Outcome.FIRED, Outcome.QUIET, Outcome.NOT_EVALUATED]
    assert column(verdicts.missing) == [Missing.NONE, Missing.NONE, Missing.NO_ROWS]
    assert column(verdicts.points) == [20, 0, 0]


def test_what_has_not_happened_yet_is_quiet() -> None:
    first = TimeTo(where=Where.parse({"event": "activated"}))
    rows = measured(missing={"breadth": [Missing.NOT_YET, Missing.TOO_YOUNG]}, breadth=[None, None])
    verdicts = judged(signal(measure=first, fires={"at_most": 3}), rows).verdicts
    assert column(verdicts.outcomes) == [Outcome.QUIET, Outcome.NOT_EVALUATED]
    assert column(verdicts.strengths) == [0, 0]


def test_a_lead_that_was_not_measured_has_no_rows() -> None:
    verdicts = judged(signal(), measured(breadth=[9]), attributes=leads(2)).verdicts
    assert column(verdicts.outcomes) == [Outcome.FIRED, Outcome.NOT_EVALUATED]
    assert column(verdicts.missing) == [Missing.NONE, Missing.NO_ROWS]


def test_where_a_gate_does_not_hold_the_signal_is_not_evaluated() -> None:
    gates = {"stage": ["trial", "free"], "plan": {"exists": True}}
    who = leads(4, stage=["trial", "customer", None, "free"], plan=["x", "x", "x", None])
    verdicts = judged(signal(only_if=gates), measured(breadth=[9, 9, 9, 9]), attributes=who).verdicts
    assert column(verdicts.gated) == [False, True, True, True]
    assert column(verdicts.outcomes) == [Outcome.FIRED] + [Outcome.NOT_EVALUATED] * 3
    assert column(verdicts.strengths) == [1, 0, 0, 0]


def test_a_gate_on_an_attribute_that_is_not_there_does_not_hold() -> None:
    verdicts = judged(signal(only_if={"industry": "software"}), measured(breadth=[9])).verdicts
    assert column(verdicts.gated) == [True]


def test_signals_can_share_a_gate() -> None:
    signals = [signal(name, only_if={"stage": "trial"}) for name in ("breadth", "depth")]
    who = leads(2, stage=["trial", "free"])
    verdicts = judged(signals, measured(breadth=[9, 9], depth=[9, 9]), attributes=who).verdicts
    assert column(verdicts.gated, "breadth") == column(verdicts.gated, "depth") == [False, True]


def test_text_can_fire_and_has_no_norm() -> None:
    plan = signal("plan", measure=Attribute(of="plan"), fires=["Team", "Business"])
    judgement = judged(plan, measured(plan=["team", "free", None]))
    assert column(judgement.verdicts.outcomes, "plan") == [Outcome.FIRED, Outcome.QUIET, Outcome.NOT_EVALUATED]
    assert column(judgement.verdicts.strengths, "plan") == [1, 0, 0]
    assert np.isnan(judgement.norms["median"]["plan"])
    assert judgement.norms.loc["plan", "n"] == 0


def test_true_and_false_can_fire() -> None:
    sso = signal("sso", measure=Attribute(of="sso"), fires=True)
    verdicts = judged(sso, measured(sso=[True, False])).verdicts
    assert column(verdicts.outcomes, "sso") == [Outcome.FIRED, Outcome.QUIET]


def test_without_a_strength_rule_a_fired_signal_is_strong_and_a_quiet_one_is_not() -> None:
    assert column(one(Points(worth=20), 6, 100, 5).strengths) == [1, 1, 0]


def test_a_scale_grows_in_a_straight_line_and_shows_for_quiet_ones_too() -> None:
    verdicts = one(Points(worth=20, scale=Scale(low=3, high=10)), 2, 3, 4.4, 10, 11)
    assert column(verdicts.strengths) == pytest.approx([0, 0, 0.2, 1, 1])
    assert column(verdicts.points) == pytest.approx([0, 0, 0, 20, 20])


def test_a_reversed_scale_rewards_small_values() -> None:
    verdicts = one(Points(worth=10, scale=Scale(low=10, high=2)), 1, 4, 11, fires={"at_most": 7})
    assert column(verdicts.points) == pytest.approx([10, 7.5, 0])


def test_a_scale_without_length_is_a_step() -> None:
    assert column(one(Points(worth=10, scale=Scale(low=6, high=6)), 5, 6).strengths) == [0, 1]


def test_bands_give_the_strength_of_the_highest_one_reached() -> None:
    bands = (Band(at_least=8, strength=1.0), Band(at_least=3, strength=0.3))
    assert column(one(Points(worth=10, bands=bands), 2.9, 3, 7.9, 8).strengths) == pytest.approx([0, 0.3, 0.3, 1])


def test_what_is_no_number_has_no_strength_on_a_scale() -> None:
    rows = measured(plan=["team", "free"])
    for rule in (
        {"scale": Scale(low=3, high=10)},
        {"bands": (Band(at_least=3, strength=1),)},
        {"percentile": Percentile(low=5, high=95)},
    ):
        plan = signal("plan", Points(worth=10, **rule), measure=Attribute(of="plan"), fires="team")
        assert column(judged(plan, rows).verdicts.points, "plan") == [0, 0]


PERCENTILE = Points(worth=10, percentile=Percentile(low=50, high=90))


def test_a_percentile_is_taken_among_eligible_leads() -> None:
    rows = measured(breadth=[*range(11), 1000])
    judgement = judged(signal("breadth", PERCENTILE), rows, eligible=[True] * 11 + [False])
    strengths = column(judgement.verdicts.strengths)
    assert strengths[5] == pytest.approx(0)
    assert strengths[7] == pytest.approx(0.5)
    assert strengths[9:] == pytest.approx([1, 1, 1])
    assert len(judgement.cuts["breadth"]) == CUT_POINTS


def test_the_inactive_count_as_zero_where_an_amount_is_ranked() -> None:
    judgement = judged(signal("breadth", PERCENTILE), measured(breadth=[None] * 9 + [4.0, 8.0]))
    assert judgement.cuts["breadth"][50] == 0
    assert judgement.norms.iloc[0].tolist() == [0, 0, 4, 11]


def test_an_age_that_is_not_known_is_no_zero() -> None:
    quiet = signal("quiet", PERCENTILE, measure=Recency(window=Duration.of_days(30)), fires={"at_least": 7})
    judgement = judged(quiet, measured(quiet=[None, 10.0, 20.0]))
    assert judgement.norms.iloc[0].tolist() == [15, 17.5, 19, 2]


def test_cut_points_that_were_stored_are_used_and_given_back() -> None:
    stored = {"breadth": list(np.linspace(0, 1000, CUT_POINTS))}
    judgement = judged(signal("breadth", PERCENTILE), measured(breadth=[700.0]), cuts=stored)
    assert column(judgement.verdicts.strengths) == pytest.approx([0.5])
    assert judgement.cuts == {"breadth": tuple(stored["breadth"])}


def test_cut_points_of_another_number_are_refused() -> None:
    with pytest.raises(ValueError, match="needs 101 cut points; got 2"):
        judged(signal("breadth", PERCENTILE), measured(breadth=[1.0]), cuts={"breadth": [0, 1]})


def test_without_eligible_leads_there_is_no_norm_and_every_value_is_high() -> None:
    judgement = judged(signal("breadth", PERCENTILE), measured(breadth=[7.0]), eligible=[False])
    assert judgement.norms["n"].tolist() == [0]
    assert np.isnan(judgement.norms["median"]["breadth"])
    assert column(judgement.verdicts.strengths) == [1]


def test_norms_are_quartiles_of_the_eligible() -> None:
    judgement = judged(signal(), measured(breadth=[1, 2, 3, 4, 5, 99]), eligible=[True] * 5 + [False])
    assert judgement.norms.iloc[0].tolist() == pytest.approx([3, 4, 4.6, 5])


def test_points_halve_with_every_half_life_of_the_latest_row() -> None:
    verdicts = one(Points(worth=16, half_life=Duration.of_days(14)), 9, 9, 9, ages=[0, 14, 28])
    assert column(verdicts.points) == pytest.approx([16, 8, 4])


def test_points_fall_to_nothing_over_a_lifespan() -> None:
    verdicts = one(Points(worth=30, lifespan=Duration.of_days(30)), 9, 9, 9, ages=[0, 10, 31])
    assert column(verdicts.points) == pytest.approx([30, 20, 0])


def test_an_unknown_age_does_not_decay_nor_does_what_lies_ahead() -> None:
    for points in (Points(worth=10, half_life=Duration.of_days(1)), Points(worth=10, lifespan=Duration.of_days(1))):
        assert column(one(points, 9).points) == [10]
        assert column(one(points, 9, ages=[-3]).points) == [10]


def test_points_per_occurrence_are_worth_the_sum_of_the_decays() -> None:
    points = Points(worth=20, per_occurrence=True, lifespan=Duration.of_days(30), scale=Scale(low=0, high=100))
    rows = measured(paper=[3, 1, 0, None]).assign(**{"paper.decayed": [2.25, 0.5, 0, np.nan]})
    verdicts = judged(signal("paper", points, fires={"at_least": 1}), rows).verdicts
    assert column(verdicts.decays, "paper") == [2.25, 0.5, 0, 0]
    assert column(verdicts.points, "paper") == [45, 10, 0, 0]


def test_points_can_be_negative() -> None:
    assert column(one(Points(worth=-15), 9, 1).points) == [-15, 0]


def scoring(total: float = 1000, **groups: float) -> Scoring:
    return Scoring(group_caps=groups, total_cap=total, bands=SCORING.bands, matrix=SCORING.matrix, tiers=SCORING.tiers)


def counted(rules: Scoring, *worth: tuple[float, str]) -> list[float]:
    signals = [signal(f"s{n}", Points(worth=points, group=group)) for n, (points, group) in enumerate(worth)]
    rows = measured(**{one.name: [9] for one in signals})
    return [float(value) for value in judged(signals, rows, scoring=rules).verdicts.counted.iloc[0]]


def test_a_groups_points_shrink_in_proportion_to_its_cap() -> None:
    assert counted(scoring(a=60), (80, "a"), (40, "a"), (30, "b")) == pytest.approx([40, 20, 30])


def test_below_its_cap_a_group_counts_in_full() -> None:
    assert counted(scoring(a=60), (30, "a"), (20, "a")) == [30, 20]


def test_what_speaks_against_is_not_capped() -> None:
    assert counted(scoring(a=60), (80, "a"), (40, "a"), (-50, "a")) == pytest.approx([40, 20, -50])


def test_the_total_is_capped_after_the_groups_and_over_all_that_speaks_for() -> None:
    assert counted(scoring(100, a=60), (120, "a"), (60, "b"), (-10, "b")) == pytest.approx([55, 55, -10])


def test_a_group_without_a_cap_has_none() -> None:
    assert counted(scoring(), (500, "a")) == [500]


def test_no_signals_are_no_verdicts() -> None:
    judgement = judged([], measured(other=[1]))
    assert judgement.verdicts.counted.shape == (1, 0)
    assert judgement.norms.empty
    assert judgement.norms.columns.tolist() == ["median", "p75", "p90", "n"]


def test_every_signal_needs_its_measure_and_the_decay_of_its_occurrences() -> None:
    single = signal("a")
    month = Duration.of_days(30)
    each = signal("b", Points(worth=1, per_occurrence=True, lifespan=month))
    items = needed([single, each])
    assert [(item.name, item.measure, item.decay) for item in items] == [
        ("a", COUNT, None),
        ("b", COUNT, OccurrenceDecay(lifespan=month)),
    ]


VALUES = st.lists(st.one_of(st.none(), st.floats(-50, 50), st.integers(0, 5).map(float)), min_size=1, max_size=20)
RULES = st.sampled_from(
    [
        Points(worth=20),
        Points(worth=20, scale=Scale(low=0, high=9), group="b"),
        Points(worth=20, scale=Scale(low=9, high=0), half_life=Duration.of_days(3)),
        Points(worth=20, bands=(Band(at_least=1, strength=0.4), Band(at_least=5, strength=1.0))),
        Points(worth=20, percentile=Percentile(low=20, high=90), lifespan=Duration.of_days(9)),
        Points(worth=-20, percentile=Percentile(low=90, high=20), group="b"),
    ]
)
TIGHT = Scoring(
    group_caps={"product": 30, "b": 10}, total_cap=35, bands=SCORING.bands, matrix=SCORING.matrix, tiers=SCORING.tiers
)


@settings(deadline=None, max_examples=30)
@given(VALUES, st.lists(RULES, min_size=1, max_size=4), st.floats(0, 20))
def test_strengths_are_0_to_1_and_what_counts_keeps_under_the_caps(
    values: list[float | None], rules: list[Points], age: float
) -> None:
    signals = [signal(f"s{n}", points, fires={"at_least": 1}) for n, points in enumerate(rules)]
    rows = measured([age] * len(values), **{one.name: values for one in signals})
    verdicts = judged(signals, rows, scoring=TIGHT).verdicts
    assert verdicts.strengths.ge(0).all(axis=None)
    assert verdicts.strengths.le(1).all(axis=None)
    assert verdicts.counted.sum(axis=1).le(35 + 1e-9).all()
    assert (verdicts.counted.abs() <= verdicts.points.abs() + 1e-9).all(axis=None)
    assert ((verdicts.outcomes == Outcome.FIRED) | (verdicts.points == 0)).all(axis=None)


@settings(deadline=None, max_examples=40)
@given(VALUES, st.lists(RULES, min_size=1, max_size=4), st.integers(0, 999))
def test_the_order_of_the_leads_changes_nothing(values: list[float | None], rules: list[Points], seed: int) -> None:
    signals = [signal(f"s{n}", points, fires={"at_least": 1}) for n, points in enumerate(rules)]
    rows = measured(**{one.name: values for one in signals})
    whole = judged(signals, rows)
    mixed = judged(signals, rows.sample(frac=1, random_state=seed), attributes=leads(len(values)).sample(frac=1))
    pd.testing.assert_frame_equal(whole.verdicts.counted, mixed.verdicts.counted.reindex(lead_ids(len(values))))
    pd.testing.assert_frame_equal(whole.norms, mixed.norms)
    assert whole.cuts == mixed.cuts


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.floats(-40, 40), st.sampled_from("ab")), min_size=1, max_size=5),
    st.integers(0, 4),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_the_score_never_falls_when_a_positive_signal_grows(
    worth: list[tuple[float, str]], which: int, low: float, high: float
) -> None:
    rules = scoring(35, a=30, b=10)
    chosen = which % len(worth)

    def total(strength: float) -> float:
        grown = [(abs(w) * strength, g) if n == chosen else (w, g) for n, (w, g) in enumerate(worth)]
        return sum(counted(rules, *grown))

    assert total(max(low, high)) >= total(min(low, high)) - 1e-9


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 6).map(float), min_size=1, max_size=40))
def test_equal_values_have_equal_percentiles_and_greater_ones_no_smaller(values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    cuts = np.interp(np.linspace(0, 1, CUT_POINTS) * (len(ordered) - 1), np.arange(len(ordered)), ordered)
    ranks = percentiles(np.array([-1.0, *ordered, 7.0]), cuts)
    assert (np.diff(ranks) >= 0).all()
    assert ranks[0] == 0
    assert ranks[-1] == 100
    for value in set(values):
        assert len(set(ranks[1:-1][ordered == value])) == 1


def test_a_value_between_tied_cut_points_stands_above_the_tie() -> None:
    cuts = np.array([0.0] * 51 + [1.0] * 50)
    assert percentiles(np.array([0.0, 0.5, 1.0, np.nan]), cuts).tolist() == pytest.approx([0, 50.5, 51, 0])
