"""Amazon Redshift: compiled with PostgreSQL's dialect, not run."""

from collections.abc import Mapping
from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from pql.warehouse.engines.base import WHITE_SPACE, Column, Expr, Kind
from pql.warehouse.engines.served import Served


class Redshift(Served):
    """`redshift://reader:password@cluster:5439/database`, through psycopg."""

    name: ClassVar[str] = "redshift"
    # The numbers of PostgreSQL's types.
    kinds: ClassVar[Mapping[str, Kind]] = {
        "16": Kind.TRUTH,
        "1082": Kind.DATE,
        "1114": Kind.WALL,
        "1184": Kind.INSTANT,
        "4000": Kind.NESTED,
        **dict.fromkeys(("20", "21", "23"), Kind.WHOLE),
        **dict.fromkeys(("700", "701", "1700"), Kind.NUMBER),
        **dict.fromkeys(("25", "1042", "1043"), Kind.TEXT),
    }

    def create(self) -> sa.Engine:
        url = sa.make_url(self.usage.url).set(drivername="postgresql+psycopg")
        return sa.create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})

    def matches(self, text: Expr, pattern: str) -> Expr:
        return text.op("~")(f"^({pattern})$")

    def trimmed(self, text: Expr) -> Expr:
        return sa.func.btrim(text, sa.literal(WHITE_SPACE))

    def epoch(self, timestamp: Expr, *, zoned: bool) -> Expr:  # noqa: ARG002 (a wall clock counts as UTC)
        beginning: Expr = sa.literal_column("TIMESTAMP '1970-01-01 00:00:00'")
        instant = sa.cast(timestamp, sa.DateTime)
        return sa.func.datediff(sa.literal_column("microsecond"), beginning, instant)

    def read_time(self, text: Expr) -> Expr:
        return self.epoch(sa.try_cast(text, sa.DateTime(timezone=True)), zoned=True)

    def in_json(self, column: Column, key: str) -> Column:
        text = sa.func.json_serialize(column.expr) if column.kind is Kind.NESTED else column.expr
        as_text = sa.func.json_extract_path_text(text, key, sa.true())
        # What is in quotes is not told apart: "3.0" counts as 3.
        return self.without_zeros(sa.func.nullif(as_text, ""), sa.false())

    def hashed(self, text: Expr) -> Expr:
        return sa.func.farmfingerprint64(text)

    def bits_united(self, bits: Expr) -> Expr:
        return sa.func.bit_or(bits)

    def bits_counted(self, number: Expr) -> Expr:
        bits = [sa.func.mod(number.op(">>")(sa.literal_column(str(bit))), sa.literal_column("2")) for bit in range(64)]
        counted: Expr = sa.func.abs(bits[0])
        for bit in bits[1:]:
            counted += sa.func.abs(bit)
        return counted
