"""ClickHouse: a server, or a folder read in this process by chdb.

Both go through clickhouse-connect, so what is tested in the process is what a server is sent.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.compiler import DDLCompiler

from pql.domain.calendar import to_micros
from pql.warehouse.engines.base import (
    EPOCH_PATTERN,
    GREATEST_NUMBER,
    NUMBER_PATTERN,
    WHITE_SPACE,
    ZONED_PATTERN,
    Column,
    Described,
    Engine,
    Expr,
    Kind,
    union_of_constants,
    union_of_rows,
)

# So that SQL means what it means elsewhere: outer joins and new tables give nulls and not zeros, and a name in a
# condition is the column's and not the alias's. A zone's history makes statements long. The last one: nothing may be
# written but temporary tables.
_SETTINGS = (
    "max_query_size = 16000000, max_ast_elements = 1000000, max_expanded_ast_elements = 5000000, "
    "session_timezone = 'UTC', join_use_nulls = 1, data_type_default_nullable = 1, cast_keep_nullable = 1, "
    "prefer_column_name_to_alias = 1, readonly = 2"
)
_WRAPPERS = ("Nullable(", "LowCardinality(")
_KINDS = {
    "Bool": Kind.TRUTH,
    "Date": Kind.DATE,
    "Date32": Kind.DATE,
    "DateTime": Kind.WALL,
    "DateTime64": Kind.WALL,
    "Decimal": Kind.NUMBER,
    "JSON": Kind.JSON,
    **dict.fromkeys(("String", "FixedString", "UUID", "Enum8", "Enum16"), Kind.TEXT),
    **dict.fromkeys(("Float32", "Float64", "BFloat16"), Kind.NUMBER),
    **dict.fromkeys(("Map", "Tuple"), Kind.NESTED),
    **{f"{sign}Int{bits}": Kind.WHOLE for sign in ("", "U") for bits in (8, 16, 32, 64, 128, 256)},
}
# Stricter than the function that reads it, which takes 25 o'clock.
_TIME_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?\s*(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
)
_ENDS = f"^[{WHITE_SPACE}]+|[{WHITE_SPACE}]+$"


class ClickHouse(Engine):
    """`clickhouse://user:password@host:8123/database` asks a server, `clickhouse:///folder` reads a chdb folder."""

    name: ClassVar[str] = "clickhouse"
    packages: ClassVar[tuple[str, ...]] = ("clickhouse_connect",)
    extra: ClassVar[str] = "clickhouse"
    some_instant: ClassVar[str] = "toDateTime64('2020-01-01 00:00:00', 6, 'UTC')"

    def needed_packages(self) -> Sequence[str]:
        # A server needs no database in this process.
        return self.packages if sa.make_url(self.usage.url).host else (*self.packages, "chdb")

    def create(self) -> sa.Engine:
        url = sa.make_url(self.usage.url)
        if url.host is not None:
            engine = sa.create_engine(url.set(drivername="clickhousedb"), poolclass=NullPool)
        else:
            engine = sa.create_engine("clickhousedb://", creator=self._open_folder, poolclass=NullPool)
        # The dialect's own knows no temporary tables.
        engine.dialect.ddl_compiler = DDLCompiler
        return engine

    def _open_folder(self) -> Any:
        from clickhouse_connect import dbapi  # noqa: PLC0415 (comes with an extra)

        database = sa.make_url(self.usage.url).database or ":memory:"
        path = database if database == ":memory:" else str((self.usage.folder / database).absolute())
        return dbapi.connect(interface="chdb", path=path)

    def prepare(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql(f"SET {_SETTINGS}")

    def describe(self, connection: sa.Connection, statement: str) -> Mapping[str, Described]:
        bare = connection.execution_options(no_parameters=True)
        rows = bare.exec_driver_sql(f"DESCRIBE TABLE (\n{statement}\n)").fetchall()
        return {str(row[0]): Described(_kind(str(row[1])), str(row[1])) for row in rows}

    def error_line(self, error: BaseException) -> int | None:
        found = re.search(r"\(line (\d+), col", str(error))
        return int(found[1]) if found else None

    def fetch(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pd.DataFrame:
        frame: pd.DataFrame = self.fetch_arrow(connection, statement, parameters).to_pandas()
        return frame

    def fetch_arrow(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pa.Table:
        if not isinstance(statement, sa.sql.ClauseElement):
            return super().fetch_arrow(connection, statement, parameters)
        compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        values = compiled.construct_params(dict(parameters), escape_names=False) or {}
        raw: Any = connection.connection.dbapi_connection
        driver: Any = connection.dialect.dbapi
        try:
            table: pa.Table = raw.client.query_arrow(str(compiled), values, use_strings=True)
        except driver.Error as exc:
            raise sa.exc.ProgrammingError(str(compiled), None, exc) from exc
        return table

    def rows_of(
        self, name: str, columns: Mapping[str, sa.types.TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]
    ) -> sa.FromClause:
        return union_of_constants(name, columns, rows)

    def small_table(self, name: str, columns: Any, rows: Any) -> Any:
        return union_of_rows(name, columns, rows)

    def text(self, column: Column) -> Expr:
        if column.kind is Kind.NUMBER:
            number: Expr = sa.func.toFloat64(column.expr)
            whole = (number == sa.func.floor(number)) & (sa.func.abs(number) < 10**18)
            return sa.case(
                (sa.not_(sa.func.isFinite(number)), sa.null()),
                (whole, sa.func.toString(self.floor(number))),
                else_=sa.func.toString(number),
            )
        if column.kind in (Kind.NESTED, Kind.JSON):
            return sa.func.toJSONString(column.expr)
        return sa.func.toNullable(column.expr if column.kind is Kind.TEXT else sa.func.toString(column.expr))

    def number(self, column: Column) -> Expr:
        number: Expr
        if column.kind in (Kind.TEXT, Kind.JSON, Kind.OTHER):
            trimmed = self.trimmed(self.text(column))
            shaped = sa.func.match(trimmed, f"^({NUMBER_PATTERN})$")
            number = sa.case((shaped, sa.func.toFloat64OrNull(trimmed)))
        elif column.kind in (Kind.TRUTH, Kind.WHOLE, Kind.NUMBER):
            number = sa.func.toFloat64(column.expr)
        else:
            return sa.cast(sa.null(), sa.Double)
        return sa.case((sa.func.abs(number) <= sa.literal_column(repr(GREATEST_NUMBER)), number))

    def known(self, column: Column) -> Expr:
        known = column.expr.is_not(None)
        if column.kind is Kind.NUMBER:
            return known & sa.not_(sa.func.isNaN(sa.func.toFloat64(column.expr)))
        return known

    def folded(self, column: Column) -> Expr:
        return sa.func.lowerUTF8(self.trimmed(self.text(column)))

    def trimmed(self, text: Expr) -> Expr:
        ends = (sa.func.substring(text, 1, 1), sa.func.substring(text, -1, 1))
        seen = [end.between(sa.literal_column("'!'"), sa.literal_column("'~'")) for end in ends]
        # Not trim(), which takes characters of several bytes apart.
        return sa.case((sa.and_(*seen), text), else_=sa.func.replaceRegexpAll(text, _ENDS, ""))

    def micros(self, column: Column) -> Expr:
        match column.kind:
            case Kind.INSTANT:
                return _micros(column.expr)
            case Kind.WALL | Kind.DATE:
                return self.from_wall(_micros(column.expr))
            case Kind.WHOLE:
                return self.from_epoch(sa.func.toNullable(sa.func.toInt64(column.expr)))
            case Kind.NUMBER:
                return self._from_seconds(self.number(column))
            case Kind.TEXT | Kind.JSON:
                return self._read_time(self.trimmed(self.text(column)))
            case _:
                return sa.cast(sa.null(), sa.BigInteger)

    def _from_seconds(self, number: Expr) -> Expr:
        small = sa.func.abs(number) < 10**11
        seconds = self.floor(number * sa.literal_column("1e6") + sa.literal_column("0.5"))
        return sa.case((small, seconds), else_=self.from_epoch(self.floor(number)))

    def _read_time(self, text: Expr) -> Expr:
        utc: Expr = sa.literal_column("'UTC'")
        read = sa.func.toUnixTimestamp64Micro(
            sa.func.parseDateTime64BestEffortOrNull(text, sa.literal_column("6"), utc)
        )
        return sa.case(
            (sa.func.match(text, f"^{EPOCH_PATTERN}$"), self.from_epoch(sa.func.toInt64OrNull(text))),
            (sa.not_(sa.func.match(text, _TIME_PATTERN)), sa.null()),
            (sa.func.match(text, ZONED_PATTERN), read),
            else_=self.from_wall(read),
        )

    def in_json(self, column: Column, key: str) -> Column:
        json = column.expr if column.kind is Kind.TEXT else self.text(column)
        raw = sa.func.JSONExtractRaw(json, key)
        is_text = raw.startswith('"')
        # 3.0 and 3 are one number; "3.0" in quotes is text.
        short = sa.func.replaceRegexpOne(raw, r"^(-?[0-9]+)\.0+$", r"\1")
        value = sa.case(
            (raw.in_(["", "null"]), sa.null()), (is_text, sa.func.JSONExtractString(json, key)), else_=short
        )
        return Column(value, Kind.TEXT)

    def floor(self, number: Expr) -> Expr:
        # Not toInt64(): it is also asked of what stands behind a null, which may be NaN, and fails.
        return sa.func.accurateCastOrNull(sa.func.floor(number), "Int64", type_=sa.BigInteger())

    def divided(self, number: Expr, divisor: int) -> Expr:
        return sa.func.intDiv(number, sa.literal_column(str(divisor)), type_=sa.BigInteger())

    def hashed(self, text: Expr) -> Expr:
        return sa.func.cityHash64(text)

    def bits_united(self, bits: Expr) -> Expr:
        return sa.func.groupBitOr(sa.func.toInt64(bits), type_=sa.BigInteger())

    def bits_counted(self, bits: Expr) -> Expr:
        return sa.func.toInt64(sa.func.bitCount(sa.func.toInt64(bits)), type_=sa.BigInteger())

    def instant(self, at: datetime) -> object:
        from clickhouse_connect.driver.binding import DT64Param  # noqa: PLC0415 (comes with an extra)

        return DT64Param(at, UTC)

    def _edge(self, column: Column, at: datetime) -> Expr:  # noqa: ARG002 (all are compared alike)
        return sa.func.fromUnixTimestamp64Micro(
            sa.func.toInt64(sa.literal_column(str(to_micros(at)))), sa.literal_column("'UTC'")
        )


def _micros(timestamp: Expr) -> Expr:
    # Nullable also where the column is not: lag() of what cannot be null gives 1970 for the first row.
    exact = sa.func.toDateTime64(timestamp, sa.literal_column("6"), sa.literal_column("'UTC'"))
    return sa.func.toNullable(sa.func.toUnixTimestamp64Micro(exact), type_=sa.BigInteger())


def _kind(declared: str) -> Kind:
    while declared.startswith(_WRAPPERS):
        declared = declared.partition("(")[2].removesuffix(")")
    name = declared.partition("(")[0]
    if name == "Decimal":
        return Kind.WHOLE if declared.endswith(", 0)") else Kind.NUMBER
    if name in ("DateTime", "DateTime64") and declared.endswith("')"):
        return Kind.INSTANT  # its zone is named
    return _KINDS.get(name, Kind.OTHER)
