"""Snowflake: compiled, not run."""

from collections.abc import Mapping
from typing import Any, ClassVar

import sqlalchemy as sa

from pql.warehouse.engines.base import WHITE_SPACE, Column, Expr, Kind
from pql.warehouse.engines.served import Served


class Snowflake(Served):
    """`snowflake://user:password@account/database/schema?warehouse=...`."""

    name: ClassVar[str] = "snowflake"
    packages: ClassVar[tuple[str, ...]] = ("snowflake.sqlalchemy",)
    # The connector's numbers of types.
    kinds: ClassVar[Mapping[str, Kind]] = {
        "0": Kind.NUMBER,  # of scale 0: whole
        "1": Kind.NUMBER,
        "2": Kind.TEXT,
        "3": Kind.DATE,
        "4": Kind.WALL,
        "5": Kind.NESTED,
        "6": Kind.INSTANT,
        "7": Kind.INSTANT,
        "8": Kind.WALL,
        "9": Kind.NESTED,
        "13": Kind.TRUTH,
    }

    def prepare(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("ALTER SESSION SET TIMEZONE = 'UTC', QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE")

    def matches(self, text: Expr, pattern: str) -> Expr:
        return sa.func.regexp_like(text, pattern)  # it is about the whole text

    def trimmed(self, text: Expr) -> Expr:
        return sa.func.trim(text, sa.literal(WHITE_SPACE))

    def epoch(self, timestamp: Expr, *, zoned: bool) -> Expr:  # noqa: ARG002 (a wall clock counts as UTC)
        return sa.func.date_part(sa.literal_column("'epoch_microsecond'"), timestamp)

    def read_time(self, text: Expr) -> Expr:
        return self.epoch(sa.func.try_to_timestamp_tz(text), zoned=True)

    def in_json(self, column: Column, key: str) -> Column:
        json: Any = column.expr if column.kind is Kind.NESTED else sa.func.try_parse_json(self.text(column))
        found = sa.func.get(json, key)
        kind = sa.func.typeof(found)
        return self.without_zeros(sa.case((kind != "NULL_VALUE", sa.func.to_varchar(found))), kind == "VARCHAR")

    def divided(self, number: Expr, divisor: int) -> Expr:
        # Its division rounds; what is left without the rest divides evenly.
        whole: Expr = sa.literal_column(str(divisor))
        return sa.cast((number - sa.func.mod(number, whole)).op("/", precedence=8)(whole), sa.BigInteger)

    def hashed(self, text: Expr) -> Expr:
        return sa.func.hash(text)

    def bits_united(self, bits: Expr) -> Expr:
        return sa.func.bitor_agg(bits)

    def bits_counted(self, number: Expr) -> Expr:
        bits = [sa.func.getbit(number, sa.literal_column(str(bit))) for bit in range(64)]
        counted: Expr = bits[0]
        for bit in bits[1:]:
            counted += bit
        return counted
