"""Apache Spark: a standalone cluster, or this machine alone, asked through `SparkSession.sql`."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

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
from pql.warehouse.engines.duckdb import is_csv
from pql.warehouse.engines.spark_dialect import SparkConnection, SparkDialect, SparkError, errors

_KINDS = {
    "boolean": Kind.TRUTH,
    "timestamp": Kind.INSTANT,
    "timestamp_ntz": Kind.WALL,
    "date": Kind.DATE,
    **dict.fromkeys(("string", "char", "varchar"), Kind.TEXT),
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), Kind.WHOLE),
    **dict.fromkeys(("float", "double"), Kind.NUMBER),
    **dict.fromkeys(("struct", "map"), Kind.NESTED),
}
_TIME_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?\s*(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
)


class Spark(Engine):
    """`spark://host:7077/database` asks a standalone cluster, `spark:///database` this machine alone.

    What stands after `?` are settings of Spark: `?spark.executor.memory=4g`.
    """

    name: ClassVar[str] = "spark"
    packages: ClassVar[tuple[str, ...]] = ("pyspark",)
    extra: ClassVar[str] = "spark"
    reads_files: ClassVar[bool] = True

    def create(self) -> sa.Engine:
        sa.dialects.registry.register("spark", SparkDialect.__module__, SparkDialect.__name__)
        return sa.create_engine("spark://", creator=self._open, poolclass=NullPool)

    def _open(self) -> Any:
        url = sa.make_url(self.usage.url)
        master = "local[*]" if url.host is None else f"spark://{url.host}:{url.port or 7077}"
        return SparkConnection(master, url.database, {name: str(value) for name, value in url.query.items()})

    def prepare(self, connection: sa.Connection) -> None:
        session = _raw(connection).session
        for name, path in self.usage.files.items():
            file = str((self.usage.folder / path).absolute())
            # All text: Spark would guess types, and make 7 of 007.
            read = session.read.option("header", "true").option("escape", '"').option("multiLine", "true")
            with errors():
                frame = read.csv(file) if is_csv(path) else session.read.parquet(file)
                frame.createOrReplaceTempView(f"`{name}`")

    def describe(self, connection: sa.Connection, statement: str) -> Mapping[str, Described]:
        try:
            with errors():
                schema = _raw(connection).session.sql(f"SELECT * FROM (\n{statement}\n) AS relation").schema
        except SparkError as exc:
            raise sa.exc.ProgrammingError(statement, None, exc) from exc
        types = {field.name: field.dataType.simpleString() for field in schema}
        return {name: Described(kind_of(declared), declared) for name, declared in types.items()}

    def error_line(self, error: BaseException) -> int | None:
        found = re.search(r"line (\d+),? pos", str(error))
        return int(found[1]) if found else None

    def _frame(self, connection: sa.Connection, statement: Any, parameters: Mapping[str, object]) -> Any:
        compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        values = compiled.construct_params(dict(parameters), escape_names=False) or {}
        return _raw(connection).session.sql(str(compiled), args=values)

    def fetch(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pd.DataFrame:
        frame: pd.DataFrame = self.fetch_arrow(connection, statement, parameters).to_pandas()
        return frame

    def fetch_arrow(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pa.Table:
        try:
            with errors():
                table: pa.Table = self._frame(connection, statement, parameters).toArrow()
        except SparkError as exc:
            raise sa.exc.ProgrammingError(str(statement), None, exc) from exc
        return table

    def create_temporary(self, connection: sa.Connection, name: str, columns: Sequence[sa.Column[Any]]) -> sa.Table:  # noqa: ARG002
        return sa.Table(name, sa.MetaData(), *columns)

    def fill_temporary(self, connection: sa.Connection, table: sa.Table, select: sa.Select[Any]) -> None:
        # A view that Spark keeps: there are no temporary tables.
        try:
            with errors():
                frame = self._frame(connection, select, {}).toDF(*(column.name for column in table.columns))
                frame.persist().createOrReplaceTempView(table.name)
        except SparkError as exc:
            raise sa.exc.ProgrammingError(str(select), None, exc) from exc
        _raw(connection).cached[table.name] = frame

    def drop_temporary(self, connection: sa.Connection, table: sa.Table) -> None:
        raw = _raw(connection)
        frame = raw.cached.pop(table.name, None)
        if frame is not None:
            raw.session.catalog.dropTempView(table.name)
            frame.unpersist()

    def rows_of(
        self, name: str, columns: Mapping[str, sa.types.TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]
    ) -> sa.FromClause:
        return union_of_constants(name, columns, rows)

    def small_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[int]]) -> Any:
        return union_of_rows(name, columns, rows)

    def text(self, column: Column) -> Expr:
        if column.kind is Kind.NUMBER:
            number: Expr = sa.cast(column.expr, sa.Double)
            whole = (number == sa.func.rint(number)) & (sa.func.abs(number) < 10**18)
            return sa.case(
                (sa.not_(_finite(number)), sa.null()),
                (whole, sa.cast(sa.cast(number, sa.BigInteger), sa.Text)),
                else_=sa.cast(number, sa.Text),
            )
        if column.kind is Kind.NESTED:
            return sa.func.to_json(column.expr)
        return column.expr if column.kind is Kind.TEXT else sa.cast(column.expr, sa.Text)

    def number(self, column: Column) -> Expr:
        if column.kind in (Kind.TEXT, Kind.OTHER):
            trimmed = self.trimmed(self.text(column))
            shaped = sa.func.regexp_like(trimmed, f"^({NUMBER_PATTERN})$")
            number: Expr = sa.case((shaped, sa.try_cast(trimmed, sa.Double)))
        elif column.kind is Kind.TRUTH:
            number = sa.cast(sa.cast(column.expr, sa.Integer), sa.Double)
        elif column.kind in (Kind.WHOLE, Kind.NUMBER):
            number = sa.cast(column.expr, sa.Double)
        else:
            return sa.cast(sa.null(), sa.Double)
        return sa.case((_finite(number), number))

    def known(self, column: Column) -> Expr:
        known = column.expr.is_not(None)
        if column.kind is Kind.NUMBER:
            return known & sa.not_(sa.func.isnan(sa.cast(column.expr, sa.Double)))
        return known

    def folded(self, column: Column) -> Expr:
        return sa.func.lower(self.trimmed(self.text(column)))

    def trimmed(self, text: Expr) -> Expr:
        return sa.func.btrim(text, sa.literal(WHITE_SPACE))

    def micros(self, column: Column) -> Expr:
        match column.kind:
            case Kind.INSTANT:
                return sa.func.unix_micros(column.expr)
            case Kind.WALL | Kind.DATE:
                return self.from_wall(sa.func.unix_micros(sa.cast(column.expr, sa.TIMESTAMP)))
            case Kind.WHOLE:
                return self.from_epoch(sa.cast(column.expr, sa.BigInteger))
            case Kind.NUMBER:
                return self._from_seconds(self.number(column))
            case Kind.TEXT:
                return self._read_time(self.trimmed(self.text(column)))
            case _:
                return sa.cast(sa.null(), sa.BigInteger)

    def _from_seconds(self, number: Expr) -> Expr:
        small = sa.func.abs(number) < 10**11
        seconds = self.floor(number * sa.literal_column("1e6D") + sa.literal_column("0.5D"))
        return sa.case((small, seconds), else_=self.from_epoch(self.floor(number)))

    def _read_time(self, text: Expr) -> Expr:
        spelled = sa.func.regexp_replace(sa.func.upper(text), r"([+-][0-9]{2})([0-9]{2})$", "$1:$2")
        read = sa.func.unix_micros(sa.try_cast(spelled, sa.TIMESTAMP))
        return sa.case(
            (sa.func.regexp_like(text, f"^{EPOCH_PATTERN}$"), self.from_epoch(sa.try_cast(text, sa.BigInteger))),
            (sa.not_(sa.func.regexp_like(text, _TIME_PATTERN)), sa.null()),
            (sa.func.regexp_like(text, ZONED_PATTERN), read),
            else_=self.from_wall(read),
        )

    def in_json(self, column: Column, key: str) -> Column:
        json = sa.func.try_parse_json(self.text(column))
        path = "$['" + key.replace("'", "\\'") + "']"
        found = sa.func.try_variant_get(json, path, "variant")
        as_text = sa.func.try_variant_get(json, path, "string", type_=sa.Text())
        # 3.0 and 3 are one number; "3.0" in quotes is text.
        is_text = sa.func.schema_of_variant(found) == "STRING"
        short = sa.func.regexp_replace(as_text, r"^(-?[0-9]+)\.0+$", "$1")
        return Column(sa.case((is_text, as_text), else_=short), Kind.TEXT)

    def floor(self, number: Expr) -> Expr:
        # Not floor(): it fails on what does not fit.
        whole = sa.try_cast(number, sa.BigInteger)
        return sa.case((whole > number, whole - 1), else_=whole)

    def divided(self, number: Expr, divisor: int) -> Expr:
        return number.op("div", precedence=8)(sa.literal_column(str(divisor)))

    def hashed(self, text: Expr) -> Expr:
        return sa.func.xxhash64(text)

    def bits_united(self, bits: Expr) -> Expr:
        return sa.func.bit_or(bits, type_=sa.BigInteger())

    def bits_counted(self, bits: Expr) -> Expr:
        return sa.cast(sa.func.bit_count(bits), sa.BigInteger)

    def instant(self, at: datetime) -> object:
        return at.astimezone(UTC).isoformat(sep=" ")

    def _edge(self, column: Column, at: datetime) -> Expr:
        instant = sa.func.timestamp_micros(sa.literal_column(str(to_micros(at))))
        return sa.cast(instant, sa.TIMESTAMP) if column.kind is Kind.INSTANT else sa.cast(instant, _Wall())


class _Wall(sa.types.UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_options: object) -> str:
        return "TIMESTAMP_NTZ"


def _raw(connection: sa.Connection) -> Any:
    return connection.connection.dbapi_connection


def _finite(number: Expr) -> Expr:
    # NaN is greater than all else here.
    return sa.func.abs(number) <= sa.literal_column(f"{GREATEST_NUMBER!r}D")


def kind_of(declared: str) -> Kind:
    """What a type of Spark holds, as it writes it."""
    name = declared.partition("(")[0].partition("<")[0]
    if name == "decimal":
        return Kind.WHOLE if declared.endswith(",0)") else Kind.NUMBER
    return _KINDS.get(name, Kind.OTHER)
