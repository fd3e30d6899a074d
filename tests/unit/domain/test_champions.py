import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.champions import rank
from pql.domain.conditions import Condition
from pql.domain.durations import Duration
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.count import Count
from pql.domain.rules import ChampionMeasure, Champions
from tests.unit.domain.samples import users

FORTNIGHT = Duration.of_days(14)
TIME = ChampionMeasure(name="time", measure=ActiveTime(window=FORTNIGHT), weight=3)
INVITES = ChampionMeasure(name="invites", measure=Count(window=FORTNIGHT, noun="invite"), weight=1)
ROLES = ((Condition.parse({"words": ["VP", "Head"]}), 2.0), (Condition.parse({"words": "Manager"}), 1.0))
CHAMPIONS = Champions(measures=(TIME, INVITES), roles=ROLES, shown=2)
PEOPLE = users(("u1", "a", "VP Product"), ("u2", "a", "Engineer"), ("u3", "a", None), ("u4", "b", "Manager"))


def used(**minutes_and_invites: tuple[float, float]) -> pd.DataFrame:
    rows = list(minutes_and_invites.values())
    return pd.DataFrame(rows, index=list(minutes_and_invites), columns=["time", "invites"]).rename_axis("user_id")


USED = used(u1=(225, 0), u2=(450, 4), u4=(10, 0))


def test_each_measure_counts_by_its_share_of_the_leads_greatest() -> None:
    found = rank(CHAMPIONS, PEOPLE, USED)
    assert found[["lead_id", "user_id", "rank"]].values.tolist() == [
        ["a", "u2", 1],
        ["a", "u1", 2],
        ["a", "u3", 3],
        ["b", "u4", 1],
    ]
    assert found["score"].tolist() == pytest.approx([4 / 6, 3.5 / 6, 0, 4 / 6])


def test_the_reason_is_said_in_words_for_those_who_are_shown() -> None:
    assert rank(CHAMPIONS, PEOPLE, USED)["why"].tolist() == [
        "most active: 7 h 30 min in 14 days; Engineer",
        "3 h 45 min in 14 days; VP Product",
        "",
        "most active: 10 minutes in 14 days; Manager",
    ]


def test_somebody_without_use_is_known_by_the_role_or_not_at_all() -> None:
    found = rank(CHAMPIONS, PEOPLE.iloc[[0, 2]], USED.iloc[:0])
    assert found["why"].tolist() == ["VP Product", "no use and no role known"]


def test_the_first_role_that_holds_gives_its_points() -> None:
    both = users(("u1", "a", "VP and Manager"))
    assert rank(Champions(roles=ROLES), both, USED)["score"].tolist() == [1]


def test_ties_are_broken_by_the_users_id() -> None:
    people = users(("u9", "a", None), ("u1", "a", None))
    assert rank(CHAMPIONS, people, used(u9=(5, 0), u1=(5, 0)))["user_id"].tolist() == ["u1", "u9"]


def test_numbers_that_are_no_use_count_as_nothing() -> None:
    people = users(("u1", "a", None), ("u2", "a", None), ("u3", "a", None))
    found = rank(CHAMPIONS, people, used(u1=(np.inf, 0), u2=(-3, 0), u3=(np.nan, 0)))
    assert found["score"].tolist() == [0, 0, 0]


def test_without_measures_and_roles_nobody_stands_out() -> None:
    found = rank(Champions(), PEOPLE.drop(columns="role"), USED)
    assert found["score"].tolist() == [0, 0, 0, 0]
    assert found["rank"].tolist() == [1, 2, 3, 1]
    assert set(found["why"]) == {"no use and no role known"}


def test_roles_count_for_nothing_where_no_role_is_known() -> None:
    assert rank(CHAMPIONS, PEOPLE.drop(columns="role"), USED)["score"].tolist()[0] == pytest.approx(4 / 6)


def test_users_without_a_lead_and_doubled_rows_are_left_out() -> None:
    people = pd.concat([PEOPLE, PEOPLE, users(("u5", None, "CTO"))])
    assert len(rank(CHAMPIONS, people, pd.concat([USED, USED]))) == 4


def test_no_users_have_no_champion() -> None:
    found = rank(CHAMPIONS, PEOPLE.iloc[:0], USED)
    assert found.columns.tolist() == ["lead_id", "user_id", "score", "rank", "why"]
    assert found.empty


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.floats(0, 500), st.integers(0, 9), st.sampled_from("ab")), min_size=1, max_size=8),
    st.integers(0, 99),
)
def test_scores_are_0_to_1_and_the_order_of_rows_changes_nothing(rows: list[tuple[float, int, str]], seed: int) -> None:
    people = users(*((f"u{n}", lead, "Head of Data") for n, (_, _, lead) in enumerate(rows)))
    use = used(**{f"u{n}": (minutes, invites) for n, (minutes, invites, _) in enumerate(rows)})
    found = rank(CHAMPIONS, people, use)
    assert found["score"].between(0, 1).all()
    mixed = rank(CHAMPIONS, people.sample(frac=1, random_state=seed), use.sample(frac=1, random_state=seed))
    pd.testing.assert_frame_equal(found, mixed)
