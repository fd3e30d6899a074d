"""What engines share whose statements are compiled and not run: values through a handful of named constructs."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.elements import TryCast

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
    union_of_constants,
    union_of_rows,
)

TIME_PATTERN = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)? *(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
ZONED_TIME_PATTERN = r".*:[0-9]{2}([.][0-9]+)? *(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)"
ENDS_PATTERN = f"^[{WHITE_SPACE}]+|[{WHITE_SPACE}]+$"


class Served(Engine):
    """A server that is reached through a SQLAlchemy dialect of its own.

    Its statements are compiled and parsed by the tests and have not been run: an experiment until someone has.
    """

    kinds: ClassVar[Mapping[str, Kind]] = {}  # by the driver's name of a type, in lower case
    extra: ClassVar[str] = "dialects"

    def create(self) -> sa.Engine:
        return sa.create_engine(self.usage.url, poolclass=NullPool)

    def describe(self, connection: sa.Connection, statement: str) -> Mapping[str, Described]:
        bare = connection.execution_options(no_parameters=True)
        result = bare.exec_driver_sql(f"SELECT * FROM (\n{statement}\n) AS relation LIMIT 0")
        cursor: Any = result.cursor
        described = [(str(column[0]), str(column[1]).lower(), column[5]) for column in cursor.description]
        result.close()
        return {name: Described(self._kind(declared, scale), declared) for name, declared, scale in described}

    def _kind(self, declared: str, scale: object) -> Kind:
        kind = self.kinds.get(declared) or self.kinds.get(declared.partition("(")[0].partition("<")[0], Kind.OTHER)
        return Kind.WHOLE if kind is Kind.NUMBER and scale == 0 else kind

    def rows_of(
        self, name: str, columns: Mapping[str, sa.types.TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]
    ) -> sa.FromClause:
        return union_of_constants(name, columns, rows)

    def small_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[int]]) -> Any:
        return union_of_rows(name, columns, rows)

    # --- what differs ---

    @abstractmethod
    def matches(self, text: Expr, pattern: str) -> Expr:
        """Whether all of a text has the shape of a pattern."""

    @abstractmethod
    def epoch(self, timestamp: Expr, *, zoned: bool) -> Expr:
        """Microseconds since 1970 of a timestamp; of one without a zone as if it were UTC."""

    @abstractmethod
    def read_time(self, text: Expr) -> Expr:
        """Microseconds since 1970 of ISO text, UTC where it bears no zone; null where it is none."""

    def whole_text(self, number: Expr) -> Expr:
        """A double without a fraction as text."""
        return sa.cast(sa.cast(number, sa.BigInteger), sa.Text)

    def read_number(self, text: Expr) -> Expr:
        """A double from text of the right shape; null where it does not fit."""
        return sa.try_cast(text, sa.Double)

    # --- what is made of it ---

    def text(self, column: Column) -> Expr:
        if column.kind is Kind.NUMBER:
            number: Expr = sa.cast(column.expr, sa.Double)
            finite, small = sa.func.abs(number) <= _greatest(), sa.func.abs(number) < _power_of_ten(18)
            whole = small & (number == sa.func.floor(number))
            return sa.case(
                (sa.not_(finite), sa.null()), (whole, self.whole_text(number)), else_=sa.cast(number, sa.Text)
            )
        return column.expr if column.kind is Kind.TEXT else sa.cast(column.expr, sa.Text)

    def number(self, column: Column) -> Expr:
        number: Expr
        if column.kind in (Kind.TEXT, Kind.OTHER):
            trimmed = self.trimmed(self.text(column))
            number = sa.case((self.matches(trimmed, NUMBER_PATTERN), self.read_number(trimmed)))
        elif column.kind is Kind.TRUTH:
            number = sa.cast(sa.case((column.expr == sa.true(), 1), (column.expr == sa.false(), 0)), sa.Double)
        elif column.kind in (Kind.WHOLE, Kind.NUMBER):
            number = sa.cast(column.expr, sa.Double)
        else:
            return sa.cast(sa.null(), sa.Double)
        return sa.case((sa.func.abs(number) <= _greatest(), number))

    def known(self, column: Column) -> Expr:
        known = column.expr.is_not(None)
        if column.kind is Kind.NUMBER:
            # The engines say neither alike whether NaN equals NaN nor whether it is greater than all else.
            number: Expr = sa.cast(column.expr, sa.Double)
            return known & ((number <= 0) | (number > 0)) & (sa.cast(number, sa.Text).not_in(["NaN", "nan"]))
        return known

    def folded(self, column: Column) -> Expr:
        return sa.func.lower(self.trimmed(self.text(column)))

    def micros(self, column: Column) -> Expr:
        match column.kind:
            case Kind.INSTANT:
                return self.epoch(column.expr, zoned=True)
            case Kind.WALL:
                return self.from_wall(self.epoch(column.expr, zoned=False))
            case Kind.DATE:
                return self.from_wall(self.epoch(sa.cast(column.expr, sa.DateTime), zoned=False))
            case Kind.WHOLE:
                return self.from_epoch(sa.cast(column.expr, sa.BigInteger))
            case Kind.NUMBER:
                return self._from_seconds(self.number(column))
            case Kind.TEXT:
                return self._read_time(self.trimmed(self.text(column)))
            case _:
                return sa.cast(sa.null(), sa.BigInteger)

    def _from_seconds(self, number: Expr) -> Expr:
        seconds = self.floor(number * sa.literal_column("1e6") + sa.literal_column("0.5"))
        fits = sa.func.abs(number) < _power_of_ten(18)
        return sa.case((sa.func.abs(number) < _power_of_ten(11), seconds), (fits, self.from_epoch(self.floor(number))))

    def _read_time(self, text: Expr) -> Expr:
        read = self.read_time(text)
        return sa.case(
            (self.matches(text, EPOCH_PATTERN), self.from_epoch(sa.cast(text, sa.BigInteger))),
            (sa.not_(self.matches(text, TIME_PATTERN)), sa.null()),
            (self.matches(text, ZONED_TIME_PATTERN), read),
            else_=self.from_wall(read),
        )

    def without_zeros(self, text: Expr, is_text: Expr) -> Column:
        """A value of a JSON object as text: 3.0 and 3 are one number; "3.0" in quotes is text."""
        short = sa.func.regexp_replace(text, r"[.]0+$", "")
        is_number = sa.not_(is_text) & self.matches(text, r"-?[0-9]+[.]0+")
        return Column(sa.case((is_number, short), else_=text), Kind.TEXT)

    def floor(self, number: Expr) -> Expr:
        return sa.cast(sa.func.floor(number), sa.BigInteger)


def _greatest() -> Expr:
    return sa.literal_column(repr(GREATEST_NUMBER))


def _power_of_ten(exponent: int) -> Expr:
    return sa.literal_column(f"1e{exponent}")


@compiles(TryCast, "snowflake")
@compiles(TryCast, "postgresql")
@compiles(TryCast, "databricks")
def _try_cast(cast: TryCast[Any], compiler: Any, **options: Any) -> str:
    clause, kind = (compiler.process(part, **options) for part in (cast.clause, cast.typeclause))
    return f"TRY_CAST({clause} AS {kind})"


@compiles(TryCast, "bigquery")
def _safe_cast(cast: TryCast[Any], compiler: Any, **options: Any) -> str:
    clause, kind = (compiler.process(part, **options) for part in (cast.clause, cast.typeclause))
    return f"SAFE_CAST({clause} AS {kind})"


@compiles(TryCast, "mysql")
def _plain_cast(cast: TryCast[Any], compiler: Any, **options: Any) -> str:
    # It has none; a CAST of what does not fit gives zero and a warning, and all are checked beforehand.
    return str(compiler.process(sa.cast(cast.clause, cast.type), **options))
