"""Measures told a second time, by plain SQL over the raw files, and how they are held against the program's own.

Nothing of the program computes here: DuckDB does, with its own time zones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from pql.domain.calendar import to_micros
from pql.domain.conditions import BoolArray
from pql.domain.measures import Missing


@dataclass(frozen=True, slots=True)
class Told:
    """A measure in plain SQL.

    Args:
        sql: Gives `id` and `value`, and perhaps `missing` (the name of a `Missing`), `latest` (microseconds of the
            latest row that counts) and `decayed`.
        otherwise: What an id without a row has.
        rtol: How far the value may be off, as a share of it; 0 for what is counted.
    """

    sql: str
    otherwise: float | Missing = 0.0
    rtol: float = 0.0


@dataclass(frozen=True, slots=True)
class Reference:
    """A connection of its own to the raw files.

    The SQL sees the views that a test made, the instant as `as_of()` (microseconds), and the macros `midnight(n)`: the
    microsecond at which the day n days before the day of the instant began, `window_from(n)`: where a window of n days
    begins, and `day(micros)`: the number of the day that holds a microsecond.
    """

    connection: duckdb.DuckDBPyConnection

    @classmethod
    def over(cls, views: Mapping[str, str], zone: str) -> "Reference":
        """Over views by name, with the days of a time zone."""
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        for name, select in views.items():
            connection.execute(f"CREATE TABLE {name} AS {select}")
        wall = f"timezone('{zone}', make_timestamptz(micros))"
        connection.execute(f"CREATE MACRO wall(micros) AS {wall}")
        connection.execute(
            "CREATE MACRO day(micros) AS date_diff('day', DATE '1970-01-01', CAST(wall(micros) AS DATE))"
        )
        begin = "CAST(CAST(wall(micros) AS DATE) AS TIMESTAMP) - to_days(back)"
        connection.execute(f"CREATE MACRO begin_of(micros, back) AS epoch_us(timezone('{zone}', {begin}))")
        connection.execute("CREATE MACRO as_of() AS CAST(getvariable('as_of') AS BIGINT)")
        connection.execute("CREATE MACRO midnight(back) AS begin_of(as_of(), back)")
        connection.execute("CREATE MACRO window_from(days) AS begin_of(as_of() - 1, days - 1)")
        return cls(connection)

    def rows(self, sql: str, as_of: datetime) -> pd.DataFrame:
        """What a SELECT gives at an instant."""
        self.connection.execute(f"SET VARIABLE as_of = {to_micros(as_of)}")
        return self.connection.execute(sql).df()

    def number(self, sql: str, as_of: datetime) -> int:
        """The one number that a SELECT gives."""
        return int(str(self.rows(sql, as_of).iloc[0, 0]))

    def ids(self, sql: str, as_of: datetime) -> list[str]:
        """The first column of a SELECT, as text, sorted."""
        return sorted(map(str, self.rows(sql, as_of).iloc[:, 0]))

    def measure(self, told: Told, lead_ids: Sequence[str], as_of: datetime) -> pd.DataFrame:
        """Index as the ids: `value` (NaN where missing) and `missing`, and whatever else the SQL tells."""
        found = self.rows(told.sql, as_of)
        assert found["id"].is_unique, told.sql
        indexed = found.set_index(found["id"].astype(str)).drop(columns="id")
        frame = indexed.reindex(list(lead_ids))
        absent = ~frame.index.isin(indexed.index)
        missing = frame["missing"] if "missing" in frame else pd.Series(None, index=frame.index, dtype=object)
        codes = missing.map({code.name: int(code) for code in Missing}).fillna(0).astype(int)
        if isinstance(told.otherwise, Missing):
            frame["missing"] = codes.where(~absent, int(told.otherwise))
        else:
            frame["missing"] = codes
            frame["value"] = frame["value"].where(~absent, told.otherwise)
        frame["value"] = frame["value"].where(frame["missing"] == 0)
        if "decayed" in frame:
            frame["decayed"] = frame["decayed"].fillna(0.0)
        return frame


def unequal(
    reference: Reference,
    references: Mapping[str, Told],
    measured: pd.DataFrame,
    lead_ids: Sequence[str],
    as_of: datetime,
) -> list[str]:
    """Where measures differ from their references at an instant, in words; empty where all are equal.

    Args:
        reference: The raw files.
        references: The measures by name.
        measured: What `Warehouse.measures` gave.
        lead_ids: The leads in it, sorted.
        as_of: One of its instants.
    """
    rows = measured.xs(to_micros(as_of), level="as_of")
    assert isinstance(rows, pd.DataFrame)
    assert list(rows.index) == list(lead_ids)
    return [
        words
        for name, told in references.items()
        for words in _differences(name, told, reference.measure(told, lead_ids, as_of), rows)
    ]


def _differences(name: str, told: Told, expected: pd.DataFrame, rows: pd.DataFrame) -> Iterator[str]:
    columns = {"value": name, "missing": f"{name}.missing", "latest": f"{name}.latest_at", "decayed": f"{name}.decayed"}
    tolerances = {"value": told.rtol, "decayed": 1e-9}
    for part, column in columns.items():
        if part in expected:
            differ = _differ(expected[part], rows[column], tolerances.get(part, 0.0))
            for lead_id in expected.index[differ]:
                says = expected.at[lead_id, part]
                yield f"{column} of {lead_id} is {rows.at[lead_id, column]!r}, and plain SQL says {says!r}"


def _differ(expected: "pd.Series[Any]", measured: "pd.Series[Any]", rtol: float) -> BoolArray:
    unknown = expected.isna().to_numpy(), measured.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(expected.dtype) and pd.api.types.is_numeric_dtype(measured.dtype):
        numbers, others = expected.to_numpy(dtype=float), measured.to_numpy(dtype=float)
        near = np.abs(numbers - others) <= rtol * np.maximum(np.abs(numbers), 1.0)
    else:
        near = expected.astype(object).to_numpy() == measured.astype(object).to_numpy()
    same: BoolArray = np.where(unknown[0] | unknown[1], unknown[0] & unknown[1], near)
    return ~same
