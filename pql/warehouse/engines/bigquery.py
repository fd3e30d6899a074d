"""BigQuery: compiled, not run."""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

import sqlalchemy as sa

from pql.domain.calendar import to_micros
from pql.warehouse.engines.base import WHITE_SPACE, Column, Expr, Kind
from pql.warehouse.engines.served import Served


class BigQuery(Served):
    """`bigquery://project/dataset`. Its temporary tables need a session, so subqueries take their place."""

    name: ClassVar[str] = "bigquery"
    packages: ClassVar[tuple[str, ...]] = ("sqlalchemy_bigquery",)
    allows_temporary: ClassVar[bool] = False
    kinds: ClassVar[Mapping[str, Kind]] = {
        "string": Kind.TEXT,
        "timestamp": Kind.INSTANT,
        "datetime": Kind.WALL,
        "date": Kind.DATE,
        "json": Kind.JSON,
        **dict.fromkeys(("integer", "int64"), Kind.WHOLE),
        **dict.fromkeys(("float", "float64", "numeric", "bignumeric"), Kind.NUMBER),
        **dict.fromkeys(("boolean", "bool"), Kind.TRUTH),
        **dict.fromkeys(("record", "struct"), Kind.NESTED),
    }

    def text(self, column: Column) -> Expr:
        if column.kind in (Kind.JSON, Kind.NESTED):
            return sa.func.to_json_string(column.expr)
        return super().text(column)

    def matches(self, text: Expr, pattern: str) -> Expr:
        return sa.func.regexp_contains(text, f"^({pattern})$")

    def trimmed(self, text: Expr) -> Expr:
        return sa.func.trim(text, sa.literal(WHITE_SPACE))

    def epoch(self, timestamp: Expr, *, zoned: bool) -> Expr:
        return sa.func.unix_micros(timestamp if zoned else sa.func.timestamp(timestamp))

    def read_time(self, text: Expr) -> Expr:
        return self.epoch(sa.try_cast(text, sa.TIMESTAMP), zoned=True)

    def _edge(self, column: Column, at: datetime) -> Expr:
        instant = sa.func.timestamp_micros(sa.literal_column(str(to_micros(at))))
        return instant if column.kind is Kind.INSTANT else sa.func.datetime(instant)

    def in_json(self, column: Column, key: str) -> Column:
        path = '$."' + key + '"'
        text = self.text(column)
        as_text = sa.func.coalesce(sa.func.json_value(text, path), sa.func.json_query(text, path))
        is_text = sa.func.coalesce(sa.func.starts_with(sa.func.json_query(text, path), '"'), sa.false())
        return self.without_zeros(sa.func.nullif(as_text, "null"), is_text)

    def divided(self, number: Expr, divisor: int) -> Expr:
        return sa.func.div(number, sa.literal_column(str(divisor)))

    def bits_united(self, bits: Expr) -> Expr:
        return sa.func.bit_or(bits)

    def bits_counted(self, bits: Expr) -> Expr:
        return sa.func.bit_count(bits)
