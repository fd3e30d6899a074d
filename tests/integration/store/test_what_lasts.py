"""History and validity against a naive reference that keeps everything as it is told."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pql.store import Store
from tests.integration.store.samples import HOUR, T0, commit, content, evaluation, opened

NAMES = ("country", "employees", "plan", "open_deal")
STEP = ("eligible", "fit_grade", "band", "grade", "tier")
DEFAULTS = {"eligible": True, "fit": 50.0, "fit_grade": "B", "behaviour": 40.0, "band": 3, "grade": "B3"}
Values = dict[str, Any]


@dataclass
class Reference:
    """What must be told of the past: by lead the steps by instant, and spans of what was known."""

    steps: dict[str, dict[datetime, Values]] = field(default_factory=dict)
    spans: dict[str, list[tuple[datetime, datetime | None, Values]]] = field(default_factory=dict)

    def see(self, leads: dict[str, Values], at: datetime, run_id: str) -> None:
        for lead_id, given in leads.items():
            lead = {**DEFAULTS, "tier": "nurture", **given}
            steps = self.steps.setdefault(lead_id, {})
            last = steps[max(steps)] if steps else {}
            standing = [round(lead["behaviour"]), *(lead[name] for name in STEP)]
            if not last or standing != [round(last["behaviour"]), *(last[name] for name in STEP)]:
                steps[at] = {"run_id": run_id, **{name: lead[name] for name in (*STEP, "fit", "behaviour")}}

    def know(self, known: dict[str, Values], at: datetime) -> int:
        changes = 0
        for lead_id in {*known, *self.spans}:
            spans, values = self.spans.setdefault(lead_id, []), known.get(lead_id, {})
            last = spans[-1] if spans and spans[-1][1] is None else None
            if values == (last[2] if last else {}):
                continue
            changes += 1
            if last:
                spans[-1:] = [(last[0], at, last[2])] if last[0] < at else []
            if values:
                spans.append((at, None, values))
        return changes

    def known_at(self, at: datetime) -> dict[str, Values]:
        return {
            lead_id: values
            for lead_id, spans in self.spans.items()
            for begun, end, values in spans
            if begun <= at and (end is None or end > at)
        }


def told(frame: pd.DataFrame) -> dict[str, Values]:
    rows = frame.to_dict("index").items()
    return {str(one): {str(name): value for name, value in row.items() if not pd.isna(value)} for one, row in rows}


def drawn(draw: np.random.Generator) -> dict[str, Values]:
    names = draw.permutation(list("abcdef"))[: draw.integers(0, 7)]
    return {
        str(name): {
            "country": ("DE", "US", None)[draw.integers(3)],
            "employees": (7.0, 120.5, None)[draw.integers(3)],
            "plan": ("pro", "", None)[draw.integers(3)],
            "behaviour": (40.0, 40.3, 62.25)[draw.integers(3)],
            "fit": (50.0, 51.5)[draw.integers(2)],
            "tier": ("nurture", "hot")[int(draw.integers(4) == 0)],
            "name": f"Acme {draw.integers(3)}",
        }
        for name in sorted(names)
    }


def one_run(store: Store, reference: Reference, draw: np.random.Generator, at: datetime, job: str) -> None:
    leads, kept = drawn(draw), list(NAMES[: draw.integers(1, 5)])
    seen = evaluation(leads)
    frame = seen.leads[kept]
    known = told(frame.where(frame != ""))
    match draw.integers(8):
        case 0:  # what is known is of others than the rows hold
            frame = frame.iloc[:2]
            commit(store, at, job=job, validity={"lead": frame.where(frame != "")})
            reference.know({lead_id: known[lead_id] for lead_id in frame.index}, at)
            return
        case 1:
            commit(store, at, job=job, evaluation=seen, shown=NAMES)
        case 2:  # nothing of leads
            commit(store, at, job=job, validity={"allowance": frame})
            return
        case _:
            committed = commit(store, at, job=job, evaluation=seen, shown=NAMES, validity={"lead": frame})
            assert committed.validity_changes == reference.know(known, at)
    run_id = next(run.id for run in store.runs() if (run.job, run.as_of) == (job, at))
    reference.see(leads, at, run_id)


@pytest.mark.parametrize("seed", range(2))
def test_the_past_is_told_as_it_was_whatever_happened_since(store: Store, seed: int) -> None:
    draw, reference, at = np.random.default_rng(seed), Reference(), T0
    for number in range(20):
        # Now and then another job commits at the same instant.
        later = draw.integers(4) > 0
        at += timedelta(hours=int(later))
        one_run(store, reference, draw, at, "run" if later else f"other {number}")
    for lead_id in "abcdef":
        names = ("run_id", *STEP, "fit", "behaviour")
        steps = [(step.as_of, {name: getattr(step, name) for name in names}) for step in store.score_history(lead_id)]
        assert steps == sorted(reference.steps.get(lead_id, {}).items())
    for hours in range(-1, 21):
        instant = T0 + hours * HOUR
        frame = store.validity_at("lead", instant)
        assert told(frame) == reference.known_at(instant)
        some = told(store.validity_at("lead", instant, names=["plan"], ids=["a", "b"]))
        whole = {one: values["plan"] for one, values in reference.known_at(instant).items() if "plan" in values}
        assert some == {one: {"plan": plan} for one, plan in whole.items() if one in "ab"}


def see(store: Store, hours: int, leads: dict[str, Values], **results: Any) -> Any:
    seen = evaluation(leads)
    known = {"lead": seen.leads[["country", "plan"]]}
    return commit(store, T0 + hours * HOUR, **{"evaluation": seen, "shown": ["country"], "validity": known, **results})


def test_what_lasts_is_written_once_with_its_lead(store: Store) -> None:
    see(store, 0, {"a": {}, "b": {}})
    kept = content(store)
    assert (len(kept["leads"]), kept["scores"], kept["validity"]) == (2, [], [])
    see(store, 1, {"a": {"tier": "hot", "country": "DE"}, "b": {"fit": 51.0}})
    kept = content(store)
    assert (len(kept["scores"]), len(kept["validity"])) == (1, 1)


def test_what_lasts_of_a_lead_that_is_gone_ends_and_its_history_stays(store: Store) -> None:
    see(store, 0, {"a": {}, "b": {}}, opened=[opened("b")])
    assert see(store, 1, {"a": {}}).validity_changes == 1
    assert see(store, 2, {"a": {}}).validity_changes == 0
    assert store.validity_at("lead", T0).index.tolist() == ["a", "b"]
    assert store.validity_at("lead", T0 + HOUR).index.tolist() == ["a"]
    assert see(store, 3, {"a": {}, "b": {}}).validity_changes == 1
    assert store.validity_at("lead", T0 + 2 * HOUR).index.tolist() == ["a"]
    assert store.validity_at("lead", T0 + 3 * HOUR).index.tolist() == ["a", "b"]
    assert [step.as_of for step in store.score_history("b")] == [T0]


def test_an_attribute_that_is_no_longer_kept_ends_for_all(store: Store) -> None:
    see(store, 0, {"a": {}, "b": {}})
    fewer = {"lead": evaluation({"a": {}, "b": {}}).leads[["plan"]]}
    assert see(store, 1, {"a": {}, "b": {}}, validity=fewer).validity_changes == 2
    assert list(store.validity_at("lead", T0).columns) == ["country", "plan"]
    assert list(store.validity_at("lead", T0 + HOUR).columns) == ["plan"]


def test_a_person_is_blanked_in_what_was_and_in_what_is_known(store: Store) -> None:
    see(store, 0, {"a": {"country": "ada@acme.test"}, "b": {"country": "ada@acme.test"}})
    see(store, 1, {"a": {"country": "DE"}, "b": {"country": "ada@acme.test"}})
    erased = store.erase_person("ada@acme.test")
    assert (erased.rows["leads"], erased.rows["validity"]) == (1, 1)
    assert store.validity_at("lead", T0)["country"].tolist() == ["[erased]", "[erased]"]
    assert store.validity_at("lead", T0 + HOUR)["country"].tolist() == ["DE", "[erased]"]
