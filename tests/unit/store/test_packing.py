import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.evaluation import Evaluation
from pql.store.packing import Packed, unpack_verdicts
from tests.integration.store.samples import T0, evaluation

POSITIONS = np.array([0], dtype=np.int64)


def row(packed: Packed) -> dict[str, object]:
    return packed.rows(POSITIONS, run_id="r", updated_at=1)[0]


def test_the_order_of_leads_and_columns_of_other_leads_make_no_difference() -> None:
    one = Packed(evaluation({"a": {}, "b": {"name": "Other"}}), ["country"])
    two = Packed(evaluation({"b": {"name": "Other"}, "a": {}}), ["country"])
    assert dict(zip(one.ids, one.row_hashes, strict=True)) == dict(zip(two.ids, two.row_hashes, strict=True))
    assert len(set(one.row_hashes)) == 2


def test_a_row_is_packed_alike_alone_and_among_others() -> None:
    alone = Packed(evaluation({"a": {"country": "DE"}}), ["country"])
    among = Packed(evaluation({"a": {"country": "DE"}, "b": {"country": 7}, "c": {"country": None}}), ["country"])
    assert row(alone) == row(among)


def test_a_value_that_moves_to_another_column_makes_a_difference() -> None:
    one = Packed(evaluation({"a": {"name": "x", "domain": "y"}}), [])
    two = Packed(evaluation({"a": {"name": "y", "domain": "x"}}), [])
    assert one.row_hashes[0] != two.row_hashes[0]


def test_attributes_of_any_type_are_kept_as_json() -> None:
    values: list[object] = [1.5, 7, True, "NA", None, np.nan, pd.Timestamp("2026-01-02", tz="UTC"), ["a", 1], np.inf]
    leads = evaluation({str(number): {"country": value} for number, value in enumerate(values)})
    leads.leads["country"] = pd.Series(values, index=leads.leads.index, dtype=object)
    packed = Packed(leads, ["country"])
    rows = packed.rows(np.arange(len(values)), run_id="r", updated_at=1)
    kept = [json.loads(str(each["attributes"])).get("country") for each in rows]
    assert kept == [1.5, 7, True, "NA", None, None, "2026-01-02T00:00:00+00:00", ["a", 1], None]


def test_no_signals_and_no_attributes_give_empty_objects() -> None:
    whole = evaluation({"a": {}})
    verdicts = {name: getattr(whole.verdicts, name)[[]] for name in whole.verdicts.__dataclass_fields__}
    empty = Evaluation(**{**vars(whole), "verdicts": type(whole.verdicts)(**verdicts)})
    packed = row(Packed(empty, ["absent"]))
    assert (packed["verdicts"], packed["attributes"]) == ("{}", "{}")


def test_zero_is_a_value_and_missing_is_none() -> None:
    zero, none = unpack_verdicts('{"zero":[0,0],"none":[0]}')
    assert (zero.value, none.value) == (0.0, None)
    assert (zero.outcome, zero.latest_at, zero.points, zero.gated) == (0, None, 0.0, False)


@settings(max_examples=25, deadline=None)
@given(
    value=st.floats(-1e6, 1e6) | st.just(float("nan")),
    points=st.floats(-200, 200),
    latest=st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_a_verdict_comes_back_as_it_was_packed(value: float, points: float, latest: datetime | None) -> None:
    whole = evaluation({"a": {"breadth": value, "behaviour": points}}, T0)
    if latest is not None:
        micros = (latest.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // pd.Timedelta(microseconds=1)
        whole.verdicts.latest_at["breadth"] = float(micros)
    verdict = unpack_verdicts(str(row(Packed(whole, []))["verdicts"]))[0]
    assert verdict.value == (None if np.isnan(value) else pytest.approx(value, abs=1e-6))
    assert verdict.outcome == int(points > 0)
    assert verdict.points == (pytest.approx(points, abs=0.005) if points > 0 else 0.0)
    if latest is not None:
        assert verdict.latest_at == latest.replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [(40.0, 40.4, True), (40.0, 39.6, True), (40.0, 41.0, False), (0.0, -0.0, True), (0.0, 0.004, True)],
)
def test_scores_that_round_alike_stand_alike(before: float, after: float, same: bool) -> None:
    one, two = (Packed(evaluation({"a": {"behaviour": score}}), []) for score in (before, after))
    assert (one.score_hashes[0] == two.score_hashes[0]) == same
