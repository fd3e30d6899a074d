"""What an engine must know of its own: the few constructs of SQL that differ, and how to connect for reading.

Everything else is SQLAlchemy Core and is written once. Each method returns an expression; none runs a statement
unless it takes a connection. Whatever the source holds, the expressions give the same values on every engine:
ids as text, instants as whole microseconds since 1970 in UTC, numbers that are finite or null.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import sqlalchemy as sa

from pql.config.settings import UsageSettings
from pql.domain.calendar import Calendar, OffsetStep
from pql.errors import SourceMismatch

Expr: TypeAlias = sa.ColumnElement[Any]

# What Python's str.strip() takes for white space.
WHITE_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680"
    + "".join(chr(code) for code in range(0x2000, 0x200B))
    + "\u2028\u2029\u202f\u205f\u3000"
)
GREATEST_NUMBER = 1.7976931348623157e308
NUMBER_PATTERN = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?"
# A time of day, and then a zone: a mere date also ends in a dash and two digits.
ZONED_PATTERN = r":[0-9]{2}(\.[0-9]+)?\s*(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)\s*$"
EPOCH_PATTERN = r"[0-9]{9,19}"

# Sums of this many remainders stay far within 64 bits.
_MODULUS = 2_147_483_647
_HISTORY_STARTS = datetime(1980, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """What a column holds, as far as the engine tells before any row is read."""

    TEXT = "text"
    WHOLE = "whole"  # integers of any width, and decimals without a fraction
    NUMBER = "number"  # floats and decimals
    TRUTH = "truth"
    INSTANT = "instant"  # a timestamp that knows its zone
    WALL = "wall"  # a timestamp that does not
    DATE = "date"
    JSON = "json"
    NESTED = "nested"  # structs, maps
    ANY = "any"  # SQLite: every value has its own type
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a relation: its expression and what it holds."""

    expr: Expr
    kind: Kind
    folded: Expr | None = None  # the text as it is compared, where it is worked out already


@dataclass(frozen=True, slots=True)
class Described:
    """A column as the source describes it: what it holds, and its type as SQL writes it ("" where none is needed)."""

    kind: Kind
    sql_type: str = ""


class Engine(ABC):
    """One kind of database.

    Args:
        usage: The source; its URL and files are resolved against the project's folder.
    """

    name: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()  # modules that come with an extra
    extra: ClassVar[str] = ""
    reads_files: ClassVar[bool] = False  # whether it makes views of `usage.files`
    has_bits: ClassVar[bool] = True  # whether sets of bits can be united
    indexes_days: ClassVar[bool] = False  # whether a table by day is read faster with an index
    keeps_rollup: ClassVar[bool] = False  # whether a schema of ours can be written in transactions
    moves_rows: ClassVar[bool] = True  # whether to update many rows costs less than to write them anew
    allows_temporary: ClassVar[bool] = True  # else subqueries take the place of temporary tables
    exact_instants: ClassVar[bool] = False  # whether timestamps and bound instants agree to the microsecond
    some_instant: ClassVar[str] = "TIMESTAMP '2020-01-01 00:00:00'"  # a literal, for statements that are not run

    def __init__(self, usage: UsageSettings) -> None:
        self.usage = usage
        self.naive_zone = ZoneInfo(usage.naive_time_zone)

    # --- connections ---

    def needed_packages(self) -> Sequence[str]:
        """The modules that this source needs beside ours."""
        return self.packages

    def check_installed(self) -> None:
        """See that the engine's packages are there.

        Raises:
            SourceMismatch: One is not; says how to install it.
        """
        missing = [package for package in self.needed_packages() if not _is_there(package)]
        if missing:
            raise SourceMismatch(
                f"usage.url in config/pql.yml names a '{self.name}' database, and the Python package "
                f"'{missing[0]}' is not installed; run pip install 'pql[{self.extra}]'"
            )

    @abstractmethod
    def create(self) -> sa.Engine:
        """An engine whose connections cannot write, and hold no lock longer than they are open."""

    def prepare(self, connection: sa.Connection) -> None:  # noqa: B027 (not every engine has something to set up)
        """Set a fresh connection up."""

    def may_write(self, connection: sa.Connection) -> bool | None:  # noqa: ARG002 (most cannot be asked)
        """Whether the user may change the usage tables; None where that is not known."""
        return None

    def allow_temporary(self, connection: sa.Connection) -> None:  # noqa: B027 (most allow it anyway)
        """Let the transaction that begins create temporary tables."""

    def create_temporary(self, connection: sa.Connection, name: str, columns: Sequence[sa.Column[Any]]) -> sa.Table:
        """An empty temporary table."""
        table = sa.Table(name, sa.MetaData(), *columns, prefixes=["TEMPORARY"])
        table.create(connection)
        return table

    def fill_temporary(self, connection: sa.Connection, table: sa.Table, select: sa.Select[Any]) -> None:
        """Fill a temporary table with the rows of a SELECT, whose columns are in its order."""
        connection.execute(table.insert().from_select([column.name for column in table.columns], select))

    def drop_temporary(self, connection: sa.Connection, table: sa.Table) -> None:
        """Drop a temporary table."""
        table.drop(connection)

    def refuses_temporary(self, error: sa.exc.DBAPIError) -> bool:  # noqa: ARG002 (most never do)
        """Whether an error says that this database lets us make no temporary tables."""
        return False

    @abstractmethod
    def describe(self, connection: sa.Connection, statement: str) -> Mapping[str, Described]:
        """The columns of a SELECT, without reading a row."""

    def fetch(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pd.DataFrame:
        """All rows of a SELECT."""
        result = connection.execute(statement, parameters)
        names = list(result.keys())
        # Bare tuples: pandas asks of any other row what it is, which takes as long as all else.
        return pd.DataFrame([tuple(row) for row in result], columns=names)

    def fetch_arrow(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pa.Table:
        """All rows of a SELECT, as Arrow."""
        # Not through pandas, which makes floats of whole numbers with gaps.
        result = connection.execute(statement, parameters)
        names = list(result.keys())
        rows = [tuple(row) for row in result]
        columns = zip(*rows, strict=True) if rows else ((),) * len(names)
        return pa.table([pa.array(column) for column in columns], names=names)

    def allow_writing(self, connection: sa.Connection) -> None:
        """Let the transaction that begins write to the rollup's schema."""
        self.allow_temporary(connection)

    def bytes_to_scan(self, connection: sa.Connection, statement: sa.Executable) -> int | None:  # noqa: ARG002
        """How many bytes a statement will read, as far as the database tells before it runs; None: it does not."""
        return None

    def limit_memory(self, connection: sa.Connection, megabytes: int | None) -> None:  # noqa: B027 (servers differ)
        """Bound what an embedded database keeps in memory; None: as it likes. Servers have bounds of their own."""

    def error_line(self, error: BaseException) -> int | None:
        """Which line of the statement the database complains about, from 1, if it says so."""
        found = re.search(r"LINE (\d+):", str(error))
        return int(found[1]) if found else None

    def small_table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[int]]) -> Any:
        """A table of whole numbers that stands in the statement itself."""
        typed = [sa.column(column, sa.BigInteger) for column in columns]
        values = sa.values(*typed, name=name, literal_binds=True).data([tuple(row) for row in rows])
        return values.cte(name)

    # --- values ---

    @abstractmethod
    def text(self, column: Column) -> Expr:
        """The value as text: 7 and 7.0 are `7`, true is `true`; text stays as it is."""

    @abstractmethod
    def number(self, column: Column) -> Expr:
        """The value as a double; null where it is none, or not finite."""

    @abstractmethod
    def known(self, column: Column) -> Expr:
        """Whether there is a value: neither null nor NaN."""

    @abstractmethod
    def folded(self, column: Column) -> Expr:
        """Text as it is compared: trimmed, in lower case."""

    @abstractmethod
    def micros(self, column: Column) -> Expr:
        """The instant in microseconds since 1970 in UTC; null where the value is no time.

        Timestamps without a zone are read in the zone of the settings. Numbers count from 1970 in seconds,
        milliseconds, microseconds or nanoseconds, told apart by their size.
        """

    @abstractmethod
    def in_json(self, column: Column, key: str) -> Column:
        """The value of a key of a JSON object; null where there is none, or the text is no JSON."""

    @abstractmethod
    def floor(self, number: Expr) -> Expr:
        """The greatest whole number (64 bits) that is not above a double."""

    def divided(self, number: Expr, divisor: int) -> Expr:
        """A whole number that is not negative, divided; the rest is dropped."""
        return number.op("/", precedence=8)(sa.literal_column(str(divisor)))

    def power(self, base: float, exponent: Expr) -> Expr:
        """`base` to a power that is a double."""
        return sa.func.power(sa.literal_column(repr(base)), exponent)

    def rows_of(
        self, name: str, columns: Mapping[str, sa.types.TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]
    ) -> sa.FromClause:
        """A small table of constants, inside a statement.

        Args:
            name: Of the table.
            columns: Its columns and their types.
            rows: At least one.
        """
        values = sa.values(*(sa.column(column, kind) for column, kind in columns.items()), name=name)
        return values.data(list(rows))

    def collected(self, numbers: Expr) -> Expr | None:  # noqa: ARG002 (see PostgreSQL)
        """The aggregate that collects whole numbers for `gaps_within`; None where rows are better put in order."""
        return None

    def gaps_within(self, collected: Expr, most: int) -> Expr:
        """The sum of the gaps of at most `most` between collected numbers in their order; nulls are left out."""
        raise NotImplementedError

    def bits_united(self, bits: Expr) -> Expr:
        """The aggregate that unites sets of bits, each a whole number of 64 bits; nulls count as nothing."""
        return sa.func.bit_or(bits, type_=sa.BigInteger())

    def bits_counted(self, bits: Expr) -> Expr:
        """How many bits of a whole number are set."""
        return sa.func.bit_count(bits, type_=sa.BigInteger())

    def hashed(self, text: Expr) -> Expr:
        """A short value that is equal for equal texts, and nearly always differs for others."""
        return text

    def checksum(self, text: Expr) -> Expr:
        """A whole number that nearly always differs for different texts; the text itself where there is none."""
        return self.hashed(text)

    def mark(self, column: Column) -> Expr:
        """A whole number of an instant that nearly always differs for another; sums of many stay within 64 bits."""
        return self.micros(column) % sa.literal_column(str(_MODULUS), sa.BigInteger)

    def ordered(self, text: Expr) -> Expr:
        """Text in an order that does not depend on the database's language."""
        return text

    def instant(self, at: datetime) -> object:
        """How an instant is bound as a parameter of a team's own SQL."""
        return at

    def within(self, column: Column, start: datetime | None, end: datetime) -> Sequence[Expr]:
        """Conditions on the bare column that drop nothing of [start, end), so that the source can skip the rest."""
        if column.kind not in (Kind.INSTANT, Kind.WALL, Kind.DATE):
            return []
        # A wall clock may be up to a day away from UTC.
        margin = timedelta(0) if self.exact_instants and column.kind is Kind.INSTANT else timedelta(days=1)
        bounds = [column.expr < self._edge(column, end + margin)]
        return bounds if start is None else [*bounds, column.expr >= self._edge(column, start - margin)]

    def not_before(self, column: Column, at: datetime) -> Sequence[Expr]:
        """Conditions on the bare column that drop nothing from an instant on, as near to it as the column allows."""
        if column.kind not in (Kind.INSTANT, Kind.WALL, Kind.DATE):
            return []
        exact = column.kind is Kind.INSTANT or (column.kind is Kind.WALL and self.naive_zone.key == "UTC")
        return [column.expr >= self._edge(column, at if exact else at - timedelta(days=1))]

    def _edge(self, column: Column, at: datetime) -> Expr:
        zoned = column.kind is Kind.INSTANT
        return sa.literal(at if zoned else at.replace(tzinfo=None), sa.DateTime(timezone=zoned))

    def bucket(self, column: Column, edges: Sequence[datetime]) -> Expr | None:  # noqa: ARG002 (see PostgreSQL)
        """Between which edges (in order) an instant lies, from 1; None where `micros` tells it as quickly."""
        return None

    def fenced(self, select: sa.Select[Any]) -> sa.Select[Any]:
        """A SELECT whose columns are computed once, however often what is around it names them."""
        return select

    # --- what the engines share ---

    def id_text(self, column: Column) -> Expr:
        """An id: text, trimmed, null where empty."""
        text = self.text(column)
        if column.kind in (Kind.TEXT, Kind.OTHER, Kind.JSON):
            return sa.func.nullif(self.trimmed(text), "")
        return text

    @abstractmethod
    def trimmed(self, text: Expr) -> Expr:
        """Text without white space at its ends."""

    def from_epoch(self, number: Expr) -> Expr:
        """Whole seconds, milliseconds, microseconds or nanoseconds since 1970 as microseconds."""
        size = sa.func.abs(number)
        return sa.case(
            (size < 10**11, number * sa.literal_column("1000000")),
            (size < 10**14, number * sa.literal_column("1000")),
            (size < 10**17, number),
            else_=self.divided(number, 1000),
        )

    def from_wall(self, micros: Expr) -> Expr:
        """Microseconds on the wall clock of the naive zone as microseconds in UTC; of two, the earlier."""
        if self.naive_zone.key == "UTC":
            return micros
        steps = _history(self.naive_zone)
        changes = [
            # Where the clock goes back, the earlier of two readings; where it goes on, as if it had not yet.
            ((before.until or 0) + max(before.offset, after.offset), after.offset)
            for before, after in pairwise(steps)
        ]
        # The newest first: most rows are recent, and a CASE ends at its first match.
        newest = [(micros >= _whole(at), _whole(offset)) for at, offset in reversed(changes)]
        first = _whole(steps[0].offset)
        return micros - (sa.case(*newest, else_=first) if newest else first)


def _is_there(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def union_of_constants(
    name: str, columns: Mapping[str, sa.types.TypeEngine[Any]], rows: Sequence[tuple[Any, ...]]
) -> sa.FromClause:
    """What `Engine.rows_of` gives, for engines that take no VALUES: one SELECT a row."""
    selects = [
        sa.select(
            *(sa.literal(part, kind).label(column) for (column, kind), part in zip(columns.items(), row, strict=True))
        )
        for row in rows
    ]
    return sa.union_all(*selects).subquery(name)


def union_of_rows(name: str, columns: Sequence[str], rows: Sequence[Sequence[int]]) -> Any:
    """A table of whole numbers for engines that take no VALUES: one SELECT a row."""
    selects = [
        sa.select(*(_whole(number).label(column) for column, number in zip(columns, row, strict=True))) for row in rows
    ]
    return sa.union_all(*selects).cte(name)


@cache
def _history(zone: ZoneInfo) -> Sequence[OffsetStep]:
    # A walk over the days of 120 years; statements ask for it several times each.
    return Calendar(zone).offsets(_HISTORY_STARTS, datetime(2100, 1, 1, tzinfo=UTC))


def _whole(number: int) -> Expr:
    """A number in the statement itself: a zone's history would be hundreds of parameters."""
    return sa.literal_column(str(number), sa.BigInteger)
