import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pql.domain.evaluation import Evaluation
from pql.store.layout import Layout, unpack_fit, unpack_verdicts
from pql.store.packing import COLUMNS, Packed
from pql.store.records import StoredVerdict
from pql.store.values import objects
from tests.integration.store.samples import T0, evaluation


def packed(whole: Evaluation, shown: Sequence[str] = (), **rest: Any) -> Packed:
    return Packed(whole, shown, **rest)


def row(part: Packed, position: int = 0) -> dict[str, Any]:
    return dict(zip(COLUMNS, part.rows(np.array([position]))[0], strict=True))


def verdicts_of(whole: Evaluation) -> tuple[StoredVerdict, ...]:
    cells = row(packed(whole))
    return unpack_verdicts(Packed(whole, []).layout, cells["packed"], json.loads(cells["verdict_texts"]))


def test_the_order_of_leads_and_columns_of_other_leads_make_no_difference() -> None:
    one = packed(evaluation({"a": {}, "b": {"name": "Other"}}), ["country"]).hashes.rows
    two = packed(evaluation({"b": {"name": "Other"}, "a": {}}), ["country"]).hashes.rows
    assert one.tolist() == two[::-1].tolist()
    assert len(set(one)) == 2


def test_a_row_is_packed_alike_alone_and_among_others() -> None:
    alone = packed(evaluation({"a": {"country": "DE"}}), ["country"])
    among = packed(evaluation({"a": {"country": "DE"}, "b": {"country": "FR"}, "c": {"country": None}}), ["country"])
    assert row(alone) == row(among)
    assert among.rows(np.array([0, 2])) == [*among.rows(np.array([0])), *among.rows(np.array([2]))]


def test_unknown_empty_and_false_are_three_things() -> None:
    whole = evaluation({str(number): {} for number in range(3)})
    whole.leads["country"] = pd.Series(["", None, "NA"], index=whole.leads.index, dtype="str")
    assert len(set(packed(whole, ["country"]).hashes.rows)) == 3
    whole.leads["country"] = pd.Series([None, False, ""], index=whole.leads.index, dtype=object)
    assert len(set(packed(whole, ["country"]).hashes.rows)) == 3


def test_a_value_that_moves_to_another_column_makes_a_difference() -> None:
    one = packed(evaluation({"a": {"name": "x", "domain": "y"}}))
    two = packed(evaluation({"a": {"name": "y", "domain": "x"}}))
    assert one.hashes.rows[0] != two.hashes.rows[0]


def test_attributes_of_any_type_are_kept_as_json() -> None:
    values: list[object] = [1.5, 7, True, "NA", None, np.nan, pd.Timestamp("2026-01-02", tz="UTC"), ["a", 1], np.inf]
    leads = evaluation({str(number): {"country": value} for number, value in enumerate(values)})
    leads.leads["country"] = pd.Series(values, index=leads.leads.index, dtype=object)
    part = packed(leads, ["country"])
    kept = [json.loads(row(part, number)["attributes"]).get("country") for number in range(len(values))]
    assert kept == [1.5, 7, True, "NA", None, None, "2026-01-02T00:00:00+00:00", ["a", 1], None]


@pytest.mark.parametrize(
    ("column", "kept"),
    [
        (pd.Series(['say "hi"\\', None, "ü\n"], dtype="str"), ['say "hi"\\', None, "ü\n"]),
        (pd.Series(["plain", None, "ü"], dtype="str"), ["plain", None, "ü"]),
        (pd.Series([1.25, np.nan, np.inf]), [1.25, None, None]),
        (pd.Series([3.0, -1e21, 1_772_442_000_000_001.0]), [3, -1e21, 1_772_442_000_000_001]),
        (pd.Series([True, False, True]), [True, False, True]),
        (pd.Series([1, 2**53, -7]), [1, 2**53, -7]),
    ],
    ids=["escaped", "text", "unknown", "numbers", "truths", "integers"],
)
def test_columns_of_one_type_are_kept_as_json(column: "pd.Series[Any]", kept: list[object]) -> None:
    assert [json.loads(text).get("x") for text in objects({"x": column}, 3)] == kept


def test_no_signals_and_no_attributes_give_next_to_nothing() -> None:
    whole = evaluation({"a": {}})
    verdicts = {name: getattr(whole.verdicts, name)[[]] for name in whole.verdicts.__dataclass_fields__}
    empty = Evaluation(**{**vars(whole), "verdicts": type(whole.verdicts)(**verdicts)})
    cells = row(packed(empty, ["absent"]))
    assert (len(cells["packed"]), cells["verdict_texts"], cells["attributes"]) == (9, "{}", "{}")
    assert unpack_verdicts(Packed(empty, []).layout, cells["packed"], {}) == ()


def test_zero_is_a_value_and_missing_is_none() -> None:
    whole = evaluation({"a": {"breadth": 0.0, "behaviour": 0.0}})
    zero, none = verdicts_of(whole)
    assert (zero.value, none.value) == (0.0, None)
    assert (zero.outcome, zero.points, zero.gated, none.latest_at) == (0, 0.0, False, None)


def test_a_value_of_text_is_kept_as_text() -> None:
    whole = evaluation({"a": {}})
    whole.verdicts.values["breadth"] = pd.Series(["gold"], index=whole.leads.index, dtype="str")
    breadth, team = verdicts_of(whole)
    assert (breadth.value, team.value) == ("gold", None)


def test_a_layout_is_read_as_it_was_written() -> None:
    layout = Packed(evaluation({"a": {}}), []).layout
    assert Layout.read(layout.text) == layout
    cells = row(packed(evaluation({"a": {"student": True}})))
    assert unpack_fit(layout, cells["packed"]) == {
        "criterion.size": 30.0,
        "criterion.industry": None,
        "persona.student": True,
    }


def test_points_that_fade_are_news_when_a_whole_point_is_gone_or_the_lead_has_an_episode() -> None:
    before, after = (evaluation({"a": {"behaviour": points}}) for points in (40.2, 40.1))
    assert packed(before).hashes.rows[0] == packed(after).hashes.rows[0]
    assert packed(before, live=["a"]).hashes.rows[0] != packed(after, live=["a"]).hashes.rows[0]
    assert packed(before).hashes.rows[0] != packed(evaluation({"a": {"behaviour": 39.2}})).hashes.rows[0]
    assert packed(before, live=["b"]).hashes.rows[0] == packed(before).hashes.rows[0]


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
    verdict = verdicts_of(whole)[0]
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
    one, two = (packed(evaluation({"a": {"behaviour": score}})) for score in (before, after))
    assert (one.hashes.scores[0] == two.hashes.scores[0]) == same


def test_the_hash_of_what_is_known_is_that_of_the_values_that_are_known() -> None:
    nothing = {"country": None, "employees": None, "plan": ""}
    whole = evaluation({"a": nothing, "b": {**nothing, "country": "DE"}, "c": {**nothing, "country": "FR"}})
    shown, fewer = ["country", "employees"], ["country"]
    hashes = packed(whole, shown, kept=[*shown, "plan"]).hashes.known
    assert hashes[0] == 0
    assert len({*hashes.tolist()}) == 3
    assert hashes.tolist() == packed(whole, shown, kept=fewer).hashes.known.tolist()
    assert packed(whole, shown).hashes.known.tolist() == [0, 0, 0]


def test_what_is_known_makes_a_difference_to_the_row_and_to_nothing_else() -> None:
    one = packed(evaluation({"a": {"plan": "pro", "owner_email": "x"}}), kept=["plan", "owner_email"])
    other = packed(evaluation({"a": {"plan": "x", "owner_email": "pro"}}), kept=["plan", "owner_email"])
    assert one.hashes.known[0] != other.hashes.known[0]
    assert one.hashes.rows[0] != other.hashes.rows[0]
    assert one.hashes.scores[0] == other.hashes.scores[0]
