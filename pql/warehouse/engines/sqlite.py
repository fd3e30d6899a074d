"""SQLite: a file, opened for reading.

Here every value has a type of its own and there are few functions, so the values are read by Python functions that
the connection knows. They are what the other engines' expressions are held against.
"""

import math
import re
import zlib
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.pool import NullPool

from pql.domain.calendar import to_micros
from pql.domain.conditions import fold
from pql.warehouse.engines.base import (
    EPOCH_PATTERN,
    GREATEST_NUMBER,
    NUMBER_PATTERN,
    WHITE_SPACE,
    Column,
    Described,
    Engine,
    Expr,
    Kind,
)

_NUMBER = re.compile(NUMBER_PATTERN)
_EPOCH = re.compile(EPOCH_PATTERN)


class SQLite(Engine):
    """A database file in read-only mode; temporary tables lie elsewhere."""

    name: ClassVar[str] = "sqlite"
    some_instant: ClassVar[str] = "'2020-01-01 00:00:00'"

    def may_write(self, _connection: sa.Connection) -> bool | None:
        return False  # the file is opened to be read

    def create(self) -> sa.Engine:
        url = sa.make_url(self.usage.url)
        path = quote(str((self.usage.folder / str(url.database or "")).absolute()))
        engine = sa.create_engine(f"sqlite:///file:{path}?mode=ro&uri=true", poolclass=NullPool)
        event.listen(engine, "connect", self._add_functions)
        return engine

    def _add_functions(self, connection: Any, _record: object) -> None:
        def read_micros(value: object) -> int | None:
            return micros(value, self.naive_zone)

        for name, function in (
            ("pql_text", text),
            ("pql_number", number),
            ("pql_fold", folded),
            ("pql_trim", _trim),
            ("pql_micros", read_micros),
            ("pql_checksum", _checksum),
        ):
            connection.create_function(name, 1, function, deterministic=True)
        connection.create_function("pql_floor", 1, _floor, deterministic=True)
        connection.create_function("pql_power", 2, math.pow, deterministic=True)

    def describe(self, connection: sa.Connection, statement: str) -> Mapping[str, Described]:
        bare = connection.execution_options(no_parameters=True)
        result = bare.exec_driver_sql(f"SELECT * FROM (\n{statement}\n) AS relation LIMIT 0")
        names = list(result.keys())
        result.close()
        return dict.fromkeys(names, Described(Kind.ANY))

    def text(self, column: Column) -> Expr:
        return column.expr if column.kind is Kind.TEXT else sa.func.pql_text(column.expr, type_=sa.Text())

    def id_text(self, column: Column) -> Expr:
        return sa.func.nullif(self.trimmed(self.text(column)), "")

    def checksum(self, text: Expr) -> Expr:
        return sa.func.pql_checksum(text, type_=sa.BigInteger())

    def trimmed(self, text: Expr) -> Expr:
        return sa.func.pql_trim(text, type_=sa.Text())

    def number(self, column: Column) -> Expr:
        return sa.func.pql_number(column.expr, type_=sa.Double())

    def known(self, column: Column) -> Expr:
        return column.expr.is_not(None)

    def folded(self, column: Column) -> Expr:
        return sa.func.pql_fold(column.expr, type_=sa.Text())

    def micros(self, column: Column) -> Expr:
        return sa.func.pql_micros(column.expr, type_=sa.BigInteger())

    def in_json(self, column: Column, key: str) -> Column:
        # true and false would come as 1 and 0.
        path = '$."' + key + '"'
        truth = sa.func.json_type(column.expr, path)
        value = sa.case((truth.in_(("true", "false")), truth), else_=sa.func.json_extract(column.expr, path))
        return Column(sa.case((sa.func.json_valid(column.expr) == 1, value)), Kind.ANY)

    has_bits: ClassVar[bool] = False
    indexes_days: ClassVar[bool] = True

    def floor(self, number: Expr) -> Expr:
        return sa.func.pql_floor(number, type_=sa.BigInteger())

    def power(self, base: float, exponent: Expr) -> Expr:
        return sa.func.pql_power(base, exponent, type_=sa.Double())

    def instant(self, at: datetime) -> object:
        return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def text(value: object) -> str | None:
    """A value as text: 7 and 7.0 are `7`; text stays as it is; bytes that are no text are unknown."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value) if math.isfinite(value) else None
    return None if isinstance(value, bytes) else str(value)


def number(value: object) -> float | None:
    """A value as a finite number; None if it is none."""
    if isinstance(value, str):
        if _NUMBER.fullmatch(value.strip(WHITE_SPACE)) is None:
            return None
        value = float(value)
    if not isinstance(value, int | float):
        return None
    try:
        return float(value) if abs(value) <= GREATEST_NUMBER else None
    except OverflowError:
        return None


def folded(value: object) -> str | None:
    """A value as it is compared."""
    return None if value is None or isinstance(value, bytes) else fold(value)


def micros(value: object, naive_zone: ZoneInfo) -> int | None:
    """An instant in microseconds since 1970 in UTC, from ISO text or a number; None if it is no time."""
    if isinstance(value, str):
        written = value.strip(WHITE_SPACE)
        return _epoch(int(written)) if _EPOCH.fullmatch(written) else _from_iso(written, naive_zone)
    if isinstance(value, int):
        return _epoch(value)
    if isinstance(value, float) and abs(value) <= GREATEST_NUMBER:
        return math.floor(value * 1e6 + 0.5) if abs(value) < 10**11 else _epoch(math.floor(value))
    return None


def _epoch(value: int) -> int:
    size = abs(value)
    if size < 10**14:
        return value * (1_000_000 if size < 10**11 else 1000)
    return value if size < 10**17 else int(value / 1000)


def _from_iso(written: str, naive_zone: ZoneInfo) -> int | None:
    try:
        if len(written) == 10:
            at = datetime.combine(date.fromisoformat(written), datetime.min.time())
        elif len(written) > 15 and written[4] == written[7] == "-" and written[13] == ":":
            at = datetime.fromisoformat(written)
        else:
            return None
    except ValueError:
        return None
    return to_micros(at if at.tzinfo else at.replace(tzinfo=naive_zone))


def _trim(value: str | None) -> str | None:
    return None if value is None else value.strip(WHITE_SPACE)


def _checksum(value: str | None) -> int | None:
    return None if value is None else zlib.crc32(value.encode())


def _floor(value: float | None) -> int | None:
    return None if value is None else math.floor(value)
