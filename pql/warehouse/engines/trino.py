"""Trino: compiled, not run."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import sqlalchemy as sa

from pql.warehouse.engines.base import Column, Expr, Kind
from pql.warehouse.engines.served import ENDS_PATTERN, Served


class Trino(Served):
    """`trino://user@host:8080/catalog/schema`. It has no temporary tables, so subqueries take their place."""

    name: ClassVar[str] = "trino"
    packages: ClassVar[tuple[str, ...]] = ("trino.sqlalchemy",)
    allows_temporary: ClassVar[bool] = False
    kinds: ClassVar[Mapping[str, Kind]] = {
        "boolean": Kind.TRUTH,
        "timestamp": Kind.WALL,
        "date": Kind.DATE,
        "json": Kind.JSON,
        **dict.fromkeys(("varchar", "char"), Kind.TEXT),
        **dict.fromkeys(("tinyint", "smallint", "integer", "bigint"), Kind.WHOLE),
        **dict.fromkeys(("real", "double", "decimal"), Kind.NUMBER),
        **dict.fromkeys(("row", "map"), Kind.NESTED),
    }

    def _kind(self, declared: str, scale: object) -> Kind:
        zoned = declared.startswith("timestamp") and declared.endswith("with time zone")
        return Kind.INSTANT if zoned else super()._kind(declared, scale)

    def text(self, column: Column) -> Expr:
        if column.kind in (Kind.JSON, Kind.NESTED):
            return sa.func.json_format(sa.cast(column.expr, sa.JSON))
        return super().text(column)

    def matches(self, text: Expr, pattern: str) -> Expr:
        return sa.func.regexp_like(text, f"^({pattern})$")

    def trimmed(self, text: Expr) -> Expr:
        return sa.func.regexp_replace(text, ENDS_PATTERN, "")

    def epoch(self, timestamp: Expr, *, zoned: bool) -> Expr:
        instant = timestamp if zoned else sa.func.with_timezone(timestamp, sa.literal_column("'UTC'"))
        return sa.cast(sa.func.round(sa.func.to_unixtime(instant) * sa.literal_column("1e6")), sa.BigInteger)

    def read_time(self, text: Expr) -> Expr:
        spelled = sa.func.regexp_replace(sa.func.replace(text, "T", " "), " *[Zz]$", " UTC")
        zoned = sa.try_cast(spelled, sa.TIMESTAMP(timezone=True))
        return self.epoch(zoned, zoned=True)

    def _edge(self, column: Column, at: datetime) -> Expr:
        zone = " UTC" if column.kind is Kind.INSTANT else ""
        written = at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        return sa.literal_column(f"TIMESTAMP '{written}{zone}'")

    def in_json(self, column: Column, key: str) -> Column:
        json: Any = sa.func.json_parse(self.text(column))
        if column.kind is Kind.TEXT:
            json = getattr(sa.func, "try")(json)
        path = '$["' + key + '"]'
        raw = sa.func.json_format(sa.func.json_extract(json, path))
        as_text = sa.func.coalesce(sa.func.json_extract_scalar(json, path), sa.func.nullif(raw, "null"))
        return self.without_zeros(as_text, sa.func.coalesce(sa.func.starts_with(raw, '"'), sa.false()))

    def bits_united(self, bits: Expr) -> Expr:
        return sa.func.bitwise_or_agg(bits)

    def bits_counted(self, bits: Expr) -> Expr:
        return sa.func.bit_count(bits, sa.literal_column("64"))
