"""MySQL 8: compiled, not run."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pql.warehouse.engines.base import Column, Expr, Kind
from pql.warehouse.engines.served import ENDS_PATTERN, Served

_EXACT = "utf8mb4_bin"


class MySQL(Served):
    """`mysql://reader:password@host/database`, through pymysql."""

    name: ClassVar[str] = "mysql"
    packages: ClassVar[tuple[str, ...]] = ("pymysql",)
    # The numbers of the protocol's field types.
    kinds: ClassVar[Mapping[str, Kind]] = {
        **dict.fromkeys(("1", "2", "3", "8", "9", "13"), Kind.WHOLE),
        **dict.fromkeys(("0", "4", "5", "246"), Kind.NUMBER),
        **dict.fromkeys(("15", "249", "250", "251", "252", "253", "254"), Kind.TEXT),
        "7": Kind.INSTANT,
        "12": Kind.WALL,
        "10": Kind.DATE,
        "245": Kind.JSON,
    }

    def create(self) -> sa.Engine:
        url = sa.make_url(self.usage.url).set(drivername="mysql+pymysql")
        return sa.create_engine(url, poolclass=NullPool)

    def prepare(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("SET SESSION time_zone = '+00:00', SESSION TRANSACTION READ ONLY")

    def create_temporary(self, connection: sa.Connection, name: str, columns: Sequence[sa.Column[Any]]) -> sa.Table:
        # Else ids and values that differ in case alone would be one.
        exact = [
            sa.Column(column.name, sa.Text(collation=_EXACT) if isinstance(column.type, sa.Text) else column.type)
            for column in columns
        ]
        return super().create_temporary(connection, name, exact)

    def text(self, column: Column) -> Expr:
        return sa.collate(super().text(column), _EXACT)

    def matches(self, text: Expr, pattern: str) -> Expr:
        return sa.func.regexp_like(text, f"^({pattern})$", "c")

    def trimmed(self, text: Expr) -> Expr:
        # Not TRIM, which takes a string for a whole.
        return sa.func.regexp_replace(text, ENDS_PATTERN, "")

    def epoch(self, timestamp: Expr, *, zoned: bool) -> Expr:  # noqa: ARG002 (the session's zone is UTC)
        beginning: Expr = sa.literal_column("TIMESTAMP '1970-01-01 00:00:00'")
        return sa.func.timestampdiff(sa.literal_column("MICROSECOND"), beginning, timestamp)

    def read_time(self, text: Expr) -> Expr:
        spelled = sa.func.regexp_replace(sa.func.regexp_replace(text, "[Zz]$", "+00:00"), " +([+-])", "$1")
        full = sa.func.regexp_replace(spelled, "([+-][0-9]{2}):?([0-9]{2})?$", "$1:00")
        return self.epoch(sa.cast(sa.case((sa.func.length(text) > 10, full), else_=text), sa.DateTime), zoned=False)

    def in_json(self, column: Column, key: str) -> Column:
        json = column.expr if column.kind is Kind.JSON else sa.case((sa.func.json_valid(column.expr) == 1, column.expr))
        found = sa.func.json_extract(json, '$."' + key + '"')
        kind = sa.func.json_type(found)
        as_text = sa.case((kind != "NULL", sa.func.json_unquote(found)))
        return self.without_zeros(as_text, kind == "STRING")

    def divided(self, number: Expr, divisor: int) -> Expr:
        return number.op("DIV", precedence=8)(sa.literal_column(str(divisor)))

    def bits_united(self, bits: Expr) -> Expr:
        # Of nothing it gives zero.
        united = sa.cast(sa.func.bit_or(bits), sa.BigInteger)
        return sa.case((sa.func.count(bits) > 0, united))

    def bits_counted(self, bits: Expr) -> Expr:
        return sa.func.bit_count(bits)
