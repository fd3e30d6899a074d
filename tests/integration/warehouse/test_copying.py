"""What PostgreSQL sends by COPY is what it sends row by row."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa

from pql.config.settings import UsageSettings
from pql.errors import SourceMismatch
from pql.warehouse.engines.base import Engine
from pql.warehouse.source import Source

TEXTS = ["", None, 'a "b"', "x\ny", "a,b", "\\N", "NULL", " é ", "\r", "7", "%s %% %(x)s"]
WHOLE = [0, None, -(2**62), 2**62, 7]


@pytest.fixture
def source(postgres_url: str) -> Iterator[Source]:
    opened = Source(UsageSettings(url=postgres_url, relations={}))
    yield opened
    opened.close()


def listed(*values: object, kind: sa.types.TypeEngine[Any]) -> sa.Select[Any]:
    rows = sa.values(sa.column("place", sa.Integer), sa.column("value", kind), name="listed")
    placed = rows.data([(place, value) for place, value in enumerate(values)])
    return sa.select(sa.cast(placed.c.value, kind).label("value")).order_by(placed.c.place)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param(TEXTS, sa.Text(), id="texts"),
        pytest.param(WHOLE, sa.BigInteger(), id="whole numbers"),
        pytest.param([True, None, False], sa.Boolean(), id="truths"),
        pytest.param([None], sa.Text(), id="one null"),
    ],
)
def test_values_arrive_as_they_are(source: Source, values: list[object], kind: sa.types.TypeEngine[Any]) -> None:
    select = listed(*values, kind=kind)
    assert source.fetch_arrow(select, "values")["value"].to_pylist() == values
    row_by_row = Engine.fetch_arrow(source.engine, source.connection(), select, {})
    assert row_by_row["value"].to_pylist() == values


def test_no_rows_have_their_columns_all_the_same(source: Source) -> None:
    found = source.fetch_arrow(listed("a", kind=sa.Text()).where(sa.false()), "values")
    assert found.schema == pa.schema({"value": pa.string()})
    assert found.num_rows == 0


def test_other_types_arrive_row_by_row(source: Source) -> None:
    found = source.fetch_arrow(listed(0.5, None, kind=sa.Double()), "values")
    assert found["value"].to_pylist() == [0.5, None]


def test_what_fails_is_told_and_the_connection_goes_on(source: Source) -> None:
    wrong = sa.select(sa.cast(sa.literal("x", sa.Text), sa.BigInteger).label("value"))
    with pytest.raises(SourceMismatch, match="invalid input syntax"):
        source.fetch_arrow(wrong, "values")
    assert source.fetch_arrow(listed(1, kind=sa.BigInteger()), "values")["value"].to_pylist() == [1]


def test_a_transaction_that_copies_is_ended_like_any_other(source: Source) -> None:
    source.fetch_arrow(listed(1, kind=sa.BigInteger()), "values")
    # It may be told to write only if nothing was asked in it before.
    assert source.fill("kept", [sa.Column("value", sa.BigInteger)], listed(3, kind=sa.BigInteger()), "x") is not None
