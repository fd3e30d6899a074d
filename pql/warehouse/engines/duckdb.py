"""DuckDB: database files, and CSV and Parquet files as views."""

import tempfile
from collections.abc import Mapping
from typing import Any, ClassVar

import duckdb
import pandas as pd
import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

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
)

# Spilled data go to the machine's temporary folder: the source's may not be writable.
OPTIONS = {"preserve_insertion_order": "false", "temp_directory": tempfile.gettempdir() + "/pql-duckdb"}
_KINDS = {
    "VARCHAR": Kind.TEXT,
    "BOOLEAN": Kind.TRUTH,
    "FLOAT": Kind.NUMBER,
    "DOUBLE": Kind.NUMBER,
    "TIMESTAMP WITH TIME ZONE": Kind.INSTANT,
    "DATE": Kind.DATE,
    "JSON": Kind.JSON,
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), Kind.WALL),
    **dict.fromkeys(
        ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"),
        Kind.WHOLE,
    ),
}


class DuckDB(Engine):
    """An embedded database file, opened for reading; or none, with `usage.files` alone."""

    name: ClassVar[str] = "duckdb"
    keeps_rollup: ClassVar[bool] = True
    reads_files: ClassVar[bool] = True
    moves_rows: ClassVar[bool] = False
    exact_instants: ClassVar[bool] = True

    def may_write(self, _connection: sa.Connection) -> bool | None:
        return False  # the file is opened to be read

    def create(self) -> sa.Engine:
        url = sa.make_url(self.usage.url)
        in_memory = url.database in (None, "", ":memory:")
        path = ":memory:" if in_memory else str(self.usage.folder / str(url.database))
        beside = self.usage.rollup is not None and self.usage.rollup.home == "source"
        return sa.create_engine(
            URL.create("duckdb", database=path),
            connect_args={"read_only": not (in_memory or beside), "config": OPTIONS},
            poolclass=NullPool,
        )

    def prepare(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET TimeZone = 'UTC'")
        connection.exec_driver_sql(f"SET file_search_path = {quoted(str(self.usage.folder))}")
        for name, path in self.usage.files.items():
            file = quoted(str(self.usage.folder / path))
            # All text: DuckDB would guess types, and make 7 of 007 and, told of it, a null of NA.
            reader = f"read_csv({file}, all_varchar = true, header = true)" if is_csv(path) else f"read_parquet({file})"
            view = connection.dialect.identifier_preparer.quote_identifier(name)
            connection.exec_driver_sql(f"CREATE OR REPLACE TEMPORARY VIEW {view} AS SELECT * FROM {reader}")
        connection.commit()

    def describe(self, connection: sa.Connection, statement: str) -> Mapping[str, Described]:
        rows = connection.exec_driver_sql(f"DESCRIBE SELECT * FROM (\n{statement}\n) AS relation").fetchall()
        return {str(row[0]): Described(_kind(str(row[1])), str(row[1])) for row in rows}

    def fetch(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pd.DataFrame:
        # As Arrow, which only DuckDB's own interface gives: several times faster than rows of Python objects.
        if not isinstance(statement, sa.sql.ClauseElement):
            return super().fetch(connection, statement, parameters)
        frame: pd.DataFrame = self.fetch_arrow(connection, statement, parameters).to_pandas()
        return frame

    def fetch_arrow(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pa.Table:
        if not isinstance(statement, sa.sql.ClauseElement):
            return super().fetch_arrow(connection, statement, parameters)
        compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        values = compiled.construct_params(dict(parameters), escape_names=False) or {}
        ordered = [values[name] for name in getattr(compiled, "positiontup", None) or ()]
        raw: Any = connection.connection.dbapi_connection
        try:
            table: pa.Table = raw.sql(str(compiled), params=ordered).to_arrow_table()
        except duckdb.Error as exc:
            raise sa.exc.ProgrammingError(str(compiled), None, exc) from exc
        return table

    def limit_memory(self, connection: sa.Connection, megabytes: int | None) -> None:
        limit = "RESET memory_limit" if megabytes is None else f"SET memory_limit = '{megabytes}MB'"
        connection.exec_driver_sql(limit)

    def text(self, column: Column) -> Expr:
        as_text = sa.cast(column.expr, sa.Text)
        if column.kind is Kind.NUMBER:
            number: Expr = sa.cast(column.expr, sa.Double)
            whole = (number == sa.func.floor(number)) & (sa.func.abs(number) < 10**18)
            return sa.case(
                (sa.not_(sa.func.isfinite(number)), sa.null()),
                (whole, sa.cast(sa.cast(number, sa.BigInteger), sa.Text)),
                else_=sa.cast(number, sa.Text),
            )
        return column.expr if column.kind is Kind.TEXT else as_text

    def number(self, column: Column) -> Expr:
        number: Expr
        if column.kind in (Kind.TEXT, Kind.JSON, Kind.OTHER):
            trimmed = self.trimmed(self.text(column))
            number = sa.case((_full_match(trimmed, NUMBER_PATTERN), sa.try_cast(trimmed, sa.Double)))
        elif column.kind is Kind.TRUTH:
            number = sa.cast(sa.cast(column.expr, sa.Integer), sa.Double)
        elif column.kind in (Kind.WHOLE, Kind.NUMBER):
            number = sa.cast(column.expr, sa.Double)
        else:
            return sa.cast(sa.null(), sa.Double)
        # NaN is greater than all else here, so one comparison keeps out all three.
        return sa.case((sa.func.abs(number) <= GREATEST_NUMBER, number))

    def known(self, column: Column) -> Expr:
        known = column.expr.is_not(None)
        if column.kind is Kind.NUMBER:
            return known & sa.not_(sa.func.isnan(sa.cast(column.expr, sa.Double)))
        return known

    def folded(self, column: Column) -> Expr:
        return sa.func.lower(self.trimmed(self.text(column)))

    def micros(self, column: Column) -> Expr:
        match column.kind:
            case Kind.INSTANT:
                return sa.func.epoch_us(column.expr)
            case Kind.WALL | Kind.DATE:
                return self.from_wall(sa.func.epoch_us(sa.cast(column.expr, sa.DateTime)))
            case Kind.WHOLE:
                return self.from_epoch(sa.cast(column.expr, sa.BigInteger))
            case Kind.NUMBER:
                return sa.case((self.number(column).is_not(None), self._from_seconds(self.number(column))))
            case Kind.TEXT | Kind.JSON:
                return self._read_time(self.trimmed(self.text(column)))
            case _:
                return sa.cast(sa.null(), sa.BigInteger)

    def _from_seconds(self, number: Expr) -> Expr:
        small = sa.func.abs(number) < 10**11
        seconds = self.floor(number * sa.literal_column("1e6") + sa.literal_column("0.5"))
        return sa.case((small, seconds), else_=self.from_epoch(self.floor(number)))

    def _read_time(self, text: Expr) -> Expr:
        # With a zone, since the cast to a mere timestamp drops an offset; the session's zone is UTC.
        read = sa.func.epoch_us(sa.try_cast(text, sa.DateTime(timezone=True)))
        zoned = sa.func.regexp_matches(text, sa.literal_column(quoted(ZONED_PATTERN)))
        in_utc = read if self.naive_zone.key == "UTC" else sa.case((zoned, read), else_=self.from_wall(read))
        epoch = self.from_epoch(sa.try_cast(text, sa.BigInteger))
        return sa.case((_full_match(text, EPOCH_PATTERN), epoch), else_=in_utc)

    def in_json(self, column: Column, key: str) -> Column:
        json = sa.func.to_json(column.expr) if column.kind is Kind.NESTED else column.expr
        pointer: Expr = sa.literal_column(quoted("/" + key.replace("~", "~0").replace("/", "~1")))
        raw = sa.cast(sa.func.json_extract(json, pointer), sa.Text)
        # 3.0 and 3 are one number; "3.0" in quotes is text.
        value = sa.case(
            (_full_match(raw, r"-?[0-9]+\.0+"), sa.func.split_part(raw, sa.literal_column("'.'"), 1)),
            else_=sa.func.json_extract_string(json, pointer),
        )
        if column.kind is Kind.TEXT:
            # Not TRY: what is in it twice is computed before it, outside of its protection.
            value = sa.case((sa.func.json_valid(column.expr), value))
        return Column(value, Kind.TEXT)

    def trimmed(self, text: Expr) -> Expr:
        # Trimming a set of characters takes a microsecond a text; nearly all begin and end with a visible one.
        ends = (sa.func.substr(text, 1, 1), sa.func.substr(text, -1, 1))
        seen = [end.between(sa.literal_column("'!'"), sa.literal_column("'~'")) for end in ends]
        return sa.case((sa.and_(*seen), text), else_=sa.func.trim(text, sa.literal(WHITE_SPACE)))

    def floor(self, number: Expr) -> Expr:
        return sa.cast(sa.func.floor(number), sa.BigInteger)

    def divided(self, number: Expr, divisor: int) -> Expr:
        return number.op("//", precedence=8)(sa.literal_column(str(divisor)))

    def hashed(self, text: Expr) -> Expr:
        return sa.func.hash(text)

    def collected(self, numbers: Expr) -> Expr | None:
        return sa.func.list(numbers).filter(numbers.is_not(None))

    def gaps_within(self, collected: Expr, most: int) -> Expr:
        # To sort what each user did on a day costs a fifth of sorting all rows by user and day.
        ordered = sa.func.list_sort(collected)
        pairs = sa.func.list_zip(ordered, sa.func.list_slice(ordered, sa.literal_column("2"), sa.func.len(ordered)))
        later = sa.func.list_transform(pairs, sa.literal_column("lambda pair: pair[2] - pair[1]"))
        near = sa.func.list_filter(later, sa.literal_column(f"lambda gap: gap <= {most}"))
        return sa.cast(sa.func.coalesce(sa.func.list_sum(near), 0), sa.BigInteger)


def is_csv(path: str) -> bool:
    """Whether a file's name says CSV or TSV, compressed or not."""
    return path.lower().removesuffix(".gz").removesuffix(".zst").endswith((".csv", ".tsv", ".txt"))


def quoted(text: str) -> str:
    """A SQL literal; DuckDB gives backslashes no meaning."""
    return "'" + text.replace("'", "''") + "'"


def _full_match(text: Expr, pattern: str) -> Expr:
    # In the statement itself: a pattern that came as a parameter would be compiled anew for each row.
    return sa.func.regexp_full_match(text, sa.literal_column(quoted(pattern)))


def _kind(declared: str) -> Kind:
    name = declared.partition("(")[0]
    if name == "DECIMAL":
        return Kind.WHOLE if declared.endswith(",0)") else Kind.NUMBER
    if name in ("STRUCT", "MAP") and not declared.endswith("]"):
        return Kind.NESTED
    return _KINDS.get(declared, Kind.OTHER)
