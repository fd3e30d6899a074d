from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from pql.domain.calendar import DAY_MICROS, Calendar, to_micros
from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.allowance import Allowance
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.base import Measure, Missing
from pql.domain.measures.count import Count
from pql.domain.measures.recency import Recency
from pql.domain.measures.time_to import TimeTo
from pql.domain.measures.trend import Trend
from pql.domain.partials import EVER, Aggregate, Input, Level, Partial, PartialInput, Take, window
from pql.domain.plan import Keyed, OccurrenceDecay, Plan, PlanItem, to_leads, with_days

BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
TUESDAY = datetime(2026, 3, 3, 9, tzinfo=UTC)
WEEK = Duration.of_days(7)
COUNT = Count(window=WEEK)
NOW = to_micros(MONDAY)


def item(measure: Measure, name: str = "m", decay: OccurrenceDecay | None = None) -> PlanItem:
    return PlanItem(name=name, measure=measure, decay=decay)


def keyed(
    leads: Mapping[str, str] | list[tuple[str, str]],
    *,
    instants: tuple[datetime, ...] = (MONDAY,),
    absent: Mapping[str, Missing] | None = None,
    **columns: Any,
) -> Keyed:
    """Inputs by key: `leads` maps keys to leads; `a__b` becomes `a.b`."""
    pairs = list(leads.items()) if isinstance(leads, Mapping) else leads
    keys = list(dict.fromkeys(key for key, _ in pairs))
    index = pd.MultiIndex.from_product([[to_micros(at) for at in instants], keys], names=["as_of", "key"])
    frame = pd.DataFrame({"created_at": float(NOW - 100 * DAY_MICROS)}, index=index)
    frame = frame.assign(**{name.replace("__", "."): given for name, given in columns.items()})
    return Keyed(frame=frame, leads=pd.DataFrame(pairs, columns=["key", "lead_id"]), absent=absent or {})


def finish(
    plan: Plan, given: Keyed | Mapping[Level, Keyed], leads: str = "ab", instants: tuple[datetime, ...] = (MONDAY,)
) -> pd.DataFrame:
    parts = {Level.ACCOUNT: given} if isinstance(given, Keyed) else given
    return plan.finish(parts, lead_ids=list(leads), instants=instants, calendar=BERLIN)


def plan(*items: PlanItem) -> Plan:
    return Plan(lead=Level.ACCOUNT, items=items)


def test_equal_inputs_of_two_measures_are_one_column() -> None:
    both = plan(item(COUNT, "a"), item(Recency(window=WEEK), "b"))
    columns = both.columns(Level.ACCOUNT)
    assert len(columns) == 2
    assert set(columns.values()) == {"input_0", "input_1"}
    assert both.levels() == (Level.ACCOUNT,)


def test_levels_have_columns_of_their_own() -> None:
    both = plan(item(COUNT, "a"), item(Count(window=WEEK, level=Level.USER), "b"))
    assert both.levels() == (Level.ACCOUNT, Level.USER)
    assert both.columns(Level.ACCOUNT) == both.columns(Level.USER)
    assert both.columns(Level.COMPANY) == {}


def test_measures_come_back_by_name_for_every_lead_in_order() -> None:
    found = finish(
        plan(item(COUNT, "n")), keyed({"b": "b", "a": "a", "z": "z"}, input_0=[2, 1, 9], input_1=[5.0, 4.0, 9.0])
    )
    assert found.index.names == ["as_of", "lead_id"]
    assert found.columns.tolist() == ["n", "n.missing", "n.latest_at"]
    assert found["n"].tolist() == [1, 2]
    assert found["n.latest_at"].tolist() == [4, 5]


def test_a_lead_without_a_key_has_no_rows() -> None:
    found = finish(plan(item(COUNT, "n")), keyed({"a": "a"}, input_0=[1], input_1=[4.0]))
    assert found["n.missing"].tolist() == [Missing.NONE, Missing.NO_ROWS]
    assert found["n.missing"].dtype == np.int8
    assert np.isnan(found["n"].iloc[1])


def test_several_instants_stand_one_below_the_other() -> None:
    given = keyed({"a": "a", "b": "b"}, instants=(TUESDAY, MONDAY), input_0=[1, 2, 3, 4], input_1=1.0)
    found = finish(plan(item(COUNT, "n")), given, instants=(TUESDAY, MONDAY))
    assert found["n"].tolist() == [3, 4, 1, 2]
    assert found.index.get_level_values("as_of").unique().tolist() == [NOW, to_micros(TUESDAY)]


def test_an_input_that_is_absent_leaves_its_measures_without_values() -> None:
    given = keyed({"a": "a"}, absent={"input_0": Missing.NO_COLUMN}, input_1=[4.0])
    found = finish(plan(item(COUNT, "n", OccurrenceDecay()), item(Recency(window=WEEK), "r")), given, "a")
    assert found["n.missing"].tolist() == [Missing.NO_COLUMN]
    assert found["r.missing"].tolist() == [Missing.NONE]
    assert found["n.decayed"].isna().all()


def test_a_plan_without_measures_has_the_leads_alone() -> None:
    found = finish(plan(), {}, "ab")
    assert found.shape == (2, 0)
    assert found.index.get_level_values("lead_id").tolist() == ["a", "b"]


def test_an_allowance_has_three_columns() -> None:
    given = keyed({"a": "a"}, input_0__allowed=[10.0], input_0__used=[5.0], input_0__period=["month"])
    assert finish(plan(item(Allowance(meter="seats"))), given, "a")["m"].tolist() == [0.5]


def test_an_attribute_keeps_its_text() -> None:
    assert finish(plan(item(Attribute(of="plan"))), keyed({"a": "a"}, input_0=["team"]), "a")["m"].tolist() == ["team"]


def by_user(take: Take, values: list[float], measure: type[Measure] = Count) -> pd.DataFrame:
    per_user = plan(item(measure(window=WEEK, level=Level.USER, take=take)))  # type: ignore[call-arg]
    users = keyed({"u1": "a", "u2": "a", "u3": "b"}, input_0=values, input_1=[5.0, 7.0, 6.0])
    return finish(per_user, {Level.USER: users}, "abc")


@pytest.mark.parametrize(("take", "expected"), [(Take.MAX, 6.0), (Take.MIN, 2.0), (Take.MEAN, 4.0), (Take.SUM, 8.0)])
def test_numbers_of_users_become_one_for_their_lead(take: Take, expected: float) -> None:
    found = by_user(take, [2, 6, 3])
    assert found["m"].tolist()[:2] == [expected, 3]
    assert found["m.latest_at"].tolist()[:2] == [7, 6]
    assert found["m.missing"].tolist() == [Missing.NONE, Missing.NONE, Missing.NO_ROWS]


@pytest.mark.parametrize("take", list(Take))
def test_a_user_without_a_value_does_not_count(take: Take) -> None:
    users = keyed({"u1": "a", "u2": "a"}, input_0=[np.nan, NOW - DAY_MICROS])
    quiet = plan(item(Recency(window=WEEK, level=Level.USER, take=take)))
    found = finish(quiet, {Level.USER: users}, "a")
    assert found["m"].tolist() == [1]
    assert found["m.missing"].tolist() == [Missing.NONE]


@pytest.mark.parametrize("take", list(Take))
def test_where_no_user_has_a_value_the_mildest_reason_speaks(take: Take) -> None:
    first = TimeTo(where=Where.parse({"event": "x"}), level=Level.USER, take=take)
    users = keyed({"u1": "a", "u2": "a"}, input_0=[np.nan, NOW - DAY_MICROS])
    users.frame["created_at"] = np.nan
    found = finish(plan(item(first)), {Level.USER: users}, "a")
    assert found["m.missing"].tolist() == [Missing.NOT_YET]
    assert np.isnan(found["m"].iloc[0])


def test_a_company_gives_its_number_to_each_of_its_accounts() -> None:
    company = plan(item(Count(window=WEEK, level=Level.COMPANY)))
    given = keyed([("acme.test", "a"), ("acme.test", "b"), ("other.test", "c")], input_0=[7, 1], input_1=[3.0, 4.0])
    assert finish(company, {Level.COMPANY: given}, "abc")["m"].tolist() == [7, 7, 1]


def test_measures_of_two_levels_stand_side_by_side() -> None:
    both = plan(item(COUNT, "own"), item(Count(window=WEEK, level=Level.USER), "most"))
    parts = {
        Level.ACCOUNT: keyed({"a": "a"}, input_0=[9], input_1=[1.0]),
        Level.USER: keyed({"u1": "a", "u2": "a"}, input_0=[4, 5], input_1=[1.0, 1.0]),
    }
    assert finish(both, parts, "a")[["own", "most"]].values.tolist() == [[9, 5]]


LIFESPAN = OccurrenceDecay(lifespan=Duration.of_days(30))


def test_occurrences_decay_in_a_straight_line_by_whole_days() -> None:
    touches = Count(window=Duration.of_days(90))
    decaying = item(touches, "paper", LIFESPAN)
    assert decaying.inputs()["decay.n"] == PartialInput(partial=touches.evidence[0], span=window(30))
    today = BERLIN.last_day_before(MONDAY)
    # Rows of today, and of 6 and 15 days ago: 1 + 0.8 + 0.5.
    given = keyed({"a": "a"}, input_0=[3], input_1=[1.0], input_2=[3], input_3=[3 * today - 21])
    assert finish(plan(decaying), given, "a")["paper.decayed"].tolist() == pytest.approx([2.3])


def test_a_lifespan_longer_than_the_window_reads_no_more_than_the_window() -> None:
    assert item(COUNT, decay=LIFESPAN).inputs()["decay.n"].span == window(7)  # type: ignore[union-attr]


def test_occurrences_can_halve() -> None:
    halving = item(COUNT, "paper", OccurrenceDecay(half_life=Duration.of_days(14)))
    halved = halving.inputs()["decay.halved"]
    assert isinstance(halved, PartialInput)
    assert (halved.partial.aggregate, halved.partial.half_life_days, halved.span) == (Aggregate.HALVED, 14, window(7))
    given = keyed({"a": "a"}, input_0=[3], input_1=[1.0], input_2=[1.75])
    assert finish(plan(halving), given, "a")["paper.decayed"].tolist() == [1.75]


def test_occurrences_without_a_decay_count_in_full() -> None:
    whole = item(COUNT, "paper", OccurrenceDecay())
    assert set(whole.inputs()) == {"n", "last"}
    given = keyed({"a": "a"}, input_0=[3], input_1=[1.0])
    assert finish(plan(whole), given, "a")["paper.decayed"].tolist() == [3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ever(Measure):
    """A kind without a window, as a team might add one."""

    kind: str = "ever"

    def inputs(self) -> Mapping[str, Input]:
        return {"n": PartialInput(partial=Partial(aggregate=Aggregate.COUNT), span=EVER)}


def test_a_kind_without_a_window_decays_over_the_whole_lifespan() -> None:
    assert item(Ever(), decay=LIFESPAN).inputs()["decay.n"].span == window(30)  # type: ignore[union-attr]


def test_decays_of_users_add_up() -> None:
    touches = Count(window=WEEK, level=Level.USER)
    users = keyed({"u1": "a", "u2": "a"}, input_0=[1, 2], input_1=[1.0, 1.0], input_2=[0.5, 1.25])
    halving = plan(item(touches, "paper", OccurrenceDecay(half_life=WEEK)))
    assert finish(halving, {Level.USER: users}, "a")["paper.decayed"].tolist() == [1.75]


def test_what_has_no_rows_to_count_has_no_decay_of_its_own() -> None:
    assert set(item(ActiveDays(window=WEEK), decay=LIFESPAN).inputs()) == {"days", "last"}
    bare = item(COUNT).decayed(pd.DataFrame({"n": [3]}))
    assert bare.isna().tolist() == [True]


def test_days_are_those_of_the_wall_clock() -> None:
    late = to_micros(datetime(2026, 3, 1, 23, 30, tzinfo=UTC))  # already the second of March in Berlin
    index = pd.MultiIndex.from_tuples([(late, "a"), (late, "b")], names=["as_of", "key"])
    days = pd.DataFrame({"as_of_day": [5], "today": [6]}, index=pd.Index([late], name="as_of"))
    found = with_days(pd.DataFrame({"created_at": [float(late), np.nan]}, index=index), days, BERLIN)
    assert found["created_day"].tolist()[0] == BERLIN.day_of(datetime(2026, 3, 2, tzinfo=UTC))
    assert np.isnan(found["created_day"].tolist()[1])
    assert found[["as_of_day", "today"]].values.tolist() == [[5, 6], [5, 6]]


def test_a_trend_sees_how_old_a_lead_is() -> None:
    given = keyed({"a": "a", "b": "b"}, input_0=5, input_1=5, input_2=1.0)
    given.frame["created_at"] = [float(NOW - 3 * DAY_MICROS), float(NOW - 30 * DAY_MICROS)]
    found = finish(plan(item(Trend(window=WEEK))), given)
    assert found["m.missing"].tolist() == [Missing.TOO_YOUNG, Missing.NONE]


def test_a_key_that_belongs_to_nobody_is_left_out() -> None:
    result = pd.DataFrame(
        {"value": [1.0, 2.0], "missing": [0, 0], "latest_at": [1.0, 2.0]},
        index=pd.MultiIndex.from_tuples([(NOW, "u1"), (NOW, "ghost")], names=["as_of", "key"]),
    )
    index = pd.MultiIndex.from_tuples([(NOW, "a")], names=["as_of", "lead_id"])
    found = to_leads(result, pd.DataFrame({"key": ["u1"], "lead_id": ["a"]}), Take.SUM, index)
    assert found["value"].tolist() == [1]
