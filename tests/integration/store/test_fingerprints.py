from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from pql.store import Store, fingerprints, tables
from pql.store.fingerprints import Fingerprints
from pql.store.tables import leads, validity
from tests.integration.store.samples import HOUR, T0, commit, evaluation

_ROWS = {
    "leads": sa.select(leads.c.lead_id, leads.c.row_hash, leads.c.score_hash, leads.c.known_hash, leads.c.gone),
    "validity:allowance": sa.select(validity.c.entity_id, validity.c.hash).where(
        validity.c.entity == "allowance", validity.c.valid_to.is_(None)
    ),
}


def see(store: Store, hours: int, found: dict[str, dict[str, Any]]) -> Any:
    seen = evaluation(found)
    known = {entity: seen.leads[["country", "employees"]] for entity in ("lead", "allowance")}
    return commit(store, T0 + hours * HOUR, evaluation=seen, shown=["employees", "country"], validity=known)


def kept(store: Store, kind: str) -> list[tuple[Any, ...]]:
    table = tables.fingerprints.c
    with store._database.reads() as connection:
        content = connection.execute(sa.select(table.content).where(table.kind == kind)).scalar_one()
    found = fingerprints._read(content)
    return sorted(zip(found.ids.to_pylist(), *(column.tolist() for column in found.columns.values()), strict=True))


def rows(store: Store, kind: str) -> list[tuple[Any, ...]]:
    with store._database.reads() as connection:
        return sorted(tuple(row) for row in connection.execute(_ROWS[kind]))


def change(store: Store, statement: str) -> None:
    with store._database.writes() as connection:
        connection.execute(sa.text(statement))


def test_they_are_what_the_rows_say_whatever_comes_goes_and_changes(store: Store) -> None:
    draw = np.random.default_rng(5)
    for hours in range(12):
        names = draw.permutation(list("abcdefgh"))[: draw.integers(0, 8)]
        countries = [("DE", "US", None)[number] for number in draw.integers(0, 3, len(names))]
        see(store, hours, {str(name): {"country": country} for name, country in zip(names, countries, strict=True)})
        for kind in _ROWS:
            assert kept(store, kind) == rows(store, kind)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param("DELETE FROM leads WHERE lead_id = 'a'", id="there are other rows than were left"),
        pytest.param("UPDATE fingerprints SET run_id = 'before'", id="they are not of the last run"),
        pytest.param("DELETE FROM fingerprints", id="there are none"),
    ],
)
def test_the_rows_themselves_are_asked_where(store: Store, statement: str) -> None:
    see(store, 0, {"a": {}, "b": {}})
    change(store, "UPDATE leads SET row_hash = 7 WHERE lead_id = 'a'")
    change(store, statement)
    assert see(store, 1, {"a": {}, "b": {}}).leads_written == 1
    assert kept(store, "leads") == rows(store, "leads")


def test_ids_are_found_in_any_order_and_some_are_not_there() -> None:
    found = fingerprints.of(["a", "ß", "c"], hash=np.array([1, 2, 3]))
    assert found.places(["a", "ß", "c"]).tolist() == [0, 1, 2]
    assert found.places(["c", "x", "a"]).tolist() == [2, -1, 0]
    assert found.places([]).tolist() == []
    assert found.names(np.array([2, 1])) == ["c", "ß"]


def test_some_are_taken_out_and_others_added() -> None:
    left = fingerprints.of(["a", "b"], hash=np.array([1, 2])).without(np.array([0]))
    both: Fingerprints = left + fingerprints.of(["c"], hash=np.array([3]))
    assert pd.Series(both.columns["hash"], index=both.ids.to_pylist()).to_dict() == {"b": 2, "c": 3}
