"""PostgreSQL 14 and later, through psycopg 3."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BIT, JSONB, array
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
from pql.warehouse.engines.copying import arrow_types, copied

_KINDS = {
    "boolean": Kind.TRUTH,
    "timestamp with time zone": Kind.INSTANT,
    "timestamp without time zone": Kind.WALL,
    "date": Kind.DATE,
    **dict.fromkeys(("text", "character varying", "character", "name", '"char"', "citext"), Kind.TEXT),
    **dict.fromkeys(("smallint", "integer", "bigint", "oid"), Kind.WHOLE),
    **dict.fromkeys(("real", "double precision", "numeric"), Kind.NUMBER),
    **dict.fromkeys(("json", "jsonb"), Kind.JSON),
}
# Not allowed to; read-only; a standby server, whose transactions cannot write.
_REFUSALS = frozenset({"42501", "25006", "0A000", "55000"})
_TIME_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}.*)?$"
# Visible characters of ASCII, and no capital letters.
_FOLDED = r"'^[!-@\[-~]+$'"
# Whose lower() knows more than ASCII; the first that the server has. `default` is the database's own.
_COLLATIONS = ("default", "und-x-icu", "pg_c_utf8", "C.utf8", "en_US.utf8")


class PostgreSQL(Engine):
    """A server, asked in transactions that are read-only."""

    name: ClassVar[str] = "postgresql"
    indexes_days: ClassVar[bool] = True
    keeps_rollup: ClassVar[bool] = True
    exact_instants: ClassVar[bool] = True
    _collation: str = "default"
    _validates: bool = True

    def create(self) -> sa.Engine:
        url = sa.make_url(self.usage.url).set(drivername="postgresql+psycopg")
        # To compile hundreds of expressions takes longer than to run them.
        options = ["-c jit=off", "-c default_transaction_read_only=on -c timezone=UTC"]
        if given := url.query.get("options"):
            options.insert(1, str(given))
        url = url.update_query_dict({"options": " ".join(options)})
        return sa.create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})

    def prepare(self, connection: sa.Connection) -> None:
        version = int(str(connection.exec_driver_sql("SHOW server_version_num").scalar_one()))
        self._validates = version >= 160_000
        self._collation = self._find_collation(connection)
        connection.commit()

    def _find_collation(self, connection: sa.Connection) -> str:
        there = set(connection.exec_driver_sql("SELECT collname FROM pg_collation").scalars())
        for name in _COLLATIONS:
            if name in there:
                lowers = sa.select(sa.func.lower(sa.collate(sa.literal("\u00dc"), name)) == "\u00fc")
                if connection.execute(lowers).scalar_one():
                    return name
        return "default"

    def may_write(self, connection: sa.Connection) -> bool | None:
        granted = sa.text(
            "SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) OR EXISTS ("
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') "
            "AND n.nspname NOT LIKE 'pg_%' AND n.nspname <> :ours "
            "AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE'))"
        )
        ours = self.usage.rollup.schema if self.usage.rollup else ""
        return bool(connection.execute(granted, {"ours": ours}).scalar_one())

    def allow_temporary(self, connection: sa.Connection) -> None:
        # Only our own CREATE and DROP run in such a transaction, never a team's SQL.
        connection.exec_driver_sql("SET TRANSACTION READ WRITE")

    def refuses_temporary(self, error: sa.exc.DBAPIError) -> bool:
        return getattr(error.orig, "sqlstate", None) in _REFUSALS

    def describe(self, connection: sa.Connection, statement: str) -> Mapping[str, Described]:
        # Without parameters, so that percent signs stay what they are.
        bare = connection.execution_options(no_parameters=True)
        result = bare.exec_driver_sql(f"SELECT * FROM (\n{statement}\n) AS relation LIMIT 0")
        cursor: Any = result.cursor
        described = [(column.name, column.type_code, column.scale) for column in cursor.description]
        result.close()
        oids = sorted({oid for _, oid, _ in described})
        named = sa.text("SELECT oid::bigint, format_type(oid, NULL) FROM pg_type WHERE oid = ANY(:oids)")
        types = {oid: str(name) for oid, name in connection.execute(named, {"oids": oids})}
        return {name: Described(_kind(types[oid], scale), types[oid]) for name, oid, scale in described}

    def fetch_arrow(
        self, connection: sa.Connection, statement: sa.Executable, parameters: Mapping[str, object]
    ) -> pa.Table:
        types = arrow_types(statement)
        if types is None or not isinstance(statement, sa.sql.ClauseElement):
            return super().fetch_arrow(connection, statement, parameters)
        return copied(connection, statement, parameters, types)

    def bytes_to_scan(self, connection: sa.Connection, statement: sa.Executable) -> int | None:
        if not isinstance(statement, sa.sql.ClauseElement):
            return None
        compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
        bare = f"EXPLAIN (FORMAT JSON) {compiled}"
        found = connection.exec_driver_sql(bare, compiled.construct_params()).scalar_one()
        plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
        tables = [str(node["Relation Name"]) for node in _nodes(plan) if "Relation Name" in node]
        sizes = sa.text("SELECT c.relname, c.relpages::bigint * 8192 FROM pg_class c WHERE c.relname = ANY(:names)")
        known = {str(name): int(size) for name, size in connection.execute(sizes, {"names": sorted(set(tables))})}
        # A table that is read twice counts twice; an index spares what nobody knows before.
        return sum(known.get(name, 0) for name in tables)

    def error_line(self, error: BaseException) -> int | None:
        original: Any = getattr(error, "orig", None)
        position = getattr(getattr(original, "diag", None), "statement_position", None)
        statement = getattr(error, "statement", None)
        if position is None or statement is None:
            return None
        return str(statement)[: int(position) - 1].count("\n") + 1

    def text(self, column: Column) -> Expr:
        as_text = sa.cast(column.expr, sa.Text)
        if column.kind is Kind.NUMBER:
            number = sa.cast(column.expr, sa.Double)
            short = sa.cast(sa.func.trim_scale(sa.cast(column.expr, sa.Numeric)), sa.Text)
            return sa.case((_finite(number), short))
        return as_text

    def number(self, column: Column) -> Expr:
        number: Expr
        if column.kind in (Kind.TEXT, Kind.JSON, Kind.OTHER):
            trimmed = self.trimmed(self.text(column))
            shaped = trimmed.op("~")(f"^{NUMBER_PATTERN}$")
            # As numeric first: a double out of range would be an error.
            exact = sa.case((shaped, sa.cast(trimmed, sa.Numeric)))
            size = sa.func.abs(exact)
            fits = (size == 0) | size.between(sa.literal_column("1e-300"), sa.literal_column("1e308"))
            number = sa.cast(sa.case((fits, exact)), sa.Double)
        elif column.kind is Kind.TRUTH:
            number = sa.cast(sa.cast(column.expr, sa.Integer), sa.Double)
        elif column.kind in (Kind.WHOLE, Kind.NUMBER):
            number = sa.cast(column.expr, sa.Double)
        else:
            return sa.cast(sa.null(), sa.Double)
        return sa.case((sa.func.abs(number) <= GREATEST_NUMBER, number))

    def id_text(self, column: Column) -> Expr:
        if column.kind is not Kind.TEXT:
            return super().id_text(column)
        text = sa.cast(column.expr, sa.Text)
        # Nearly all ids begin and end with a visible character; to see that costs a third of trimming them.
        return sa.case((_is_visible(text) & _is_visible(sa.func.right(text, 1)), text), else_=super().id_text(column))

    def known(self, column: Column) -> Expr:
        known = column.expr.is_not(None)
        if column.kind is Kind.NUMBER:
            return known & (sa.cast(column.expr, sa.Double) != sa.cast(sa.literal("NaN"), sa.Double))
        return known

    def folded(self, column: Column) -> Expr:
        text = self.text(column)
        # Nearly all texts that are filtered by are folded already, and to see that costs less than to fold them.
        as_it_is = sa.collate(text, "C").op("~")(sa.literal_column(_FOLDED))
        return sa.case((as_it_is, text), else_=sa.func.lower(sa.collate(self.trimmed(text), self._collation)))

    def trimmed(self, text: Expr) -> Expr:
        return sa.func.btrim(text, sa.literal(WHITE_SPACE))

    def micros(self, column: Column) -> Expr:
        match column.kind:
            case Kind.INSTANT:
                return _epoch(column.expr, "timestamptz")
            case Kind.WALL | Kind.DATE:
                return self.from_wall(_epoch(sa.cast(column.expr, sa.DateTime)))
            case Kind.WHOLE:
                return self.from_epoch(sa.cast(column.expr, sa.BigInteger))
            case Kind.NUMBER:
                return self._from_seconds(self.number(column))
            case Kind.TEXT | Kind.JSON:
                return self._read_time(self.trimmed(self.text(column)))
            case _:
                return sa.cast(sa.null(), sa.BigInteger)

    def _from_seconds(self, number: Expr) -> Expr:
        small = sa.func.abs(number) < 10**11
        seconds = self.floor(number * sa.literal_column("1e6::float8") + sa.literal_column("0.5::float8"))
        return sa.case((small, seconds), else_=self.from_epoch(self.floor(number)))

    def _read_time(self, text: Expr) -> Expr:
        valid: Expr = text.op("~")(_TIME_PATTERN)
        if self._validates:
            valid &= sa.func.pg_input_is_valid(text, sa.literal_column("'timestamptz'"))
        zoned = text.op("~")(ZONED_PATTERN)
        return sa.case(
            (text.op("~")(f"^{EPOCH_PATTERN}$"), self.from_epoch(sa.cast(text, sa.BigInteger))),
            (valid & zoned, _epoch(sa.cast(text, sa.DateTime(timezone=True)), "timestamptz")),
            (valid, self.from_wall(_epoch(sa.cast(text, sa.DateTime)))),
        )

    def in_json(self, column: Column, key: str) -> Column:
        json: Expr = sa.cast(column.expr, JSONB)
        if column.kind is not Kind.JSON and self._validates:
            is_json = sa.func.pg_input_is_valid(sa.cast(column.expr, sa.Text), sa.literal_column("'jsonb'"))
            json = sa.case((is_json, json))
        value, as_text = json.op("->")(key), json.op("->>", return_type=sa.Text())(key)
        is_number = sa.func.jsonb_typeof(value) == sa.literal_column("'number'")
        short = sa.cast(sa.func.trim_scale(sa.cast(as_text, sa.Numeric)), sa.Text)
        return Column(sa.case((is_number, short), else_=as_text), Kind.TEXT)

    def floor(self, number: Expr) -> Expr:
        return sa.cast(sa.func.floor(number), sa.BigInteger)

    def power(self, base: float, exponent: Expr) -> Expr:
        return sa.func.power(sa.literal_column(f"{base!r}::float8"), sa.cast(exponent, sa.Double))

    def bits_counted(self, bits: Expr) -> Expr:
        return sa.func.bit_count(sa.cast(bits, BIT(64)), type_=sa.BigInteger())

    def hashed(self, text: Expr) -> Expr:
        return sa.func.hashtextextended(text, 0)

    def mark(self, column: Column) -> Expr:
        if column.kind is not Kind.INSTANT:
            return super().mark(column)
        # A third of what the microseconds cost. Of an infinite one there is no interval before version 17.
        since = column.expr - sa.literal_column("'2020-01-01 00:00:00+00'::timestamptz")
        return sa.case((sa.func.isfinite(column.expr), sa.func.interval_hash(since, type_=sa.Integer)))

    def collected(self, numbers: Expr) -> Expr | None:
        return sa.func.array_agg(numbers, type_=ARRAY(sa.BigInteger)).filter(numbers.is_not(None))

    def gaps_within(self, collected: Expr, most: int) -> Expr:
        # To sort what each user did on a day costs half of sorting all rows by user and day.
        number = sa.func.unnest(collected, type_=sa.BigInteger).column_valued("number")
        gaps = sa.select((number - sa.func.lag(number).over(order_by=number)).label("gap")).subquery("gaps")
        total = sa.cast(sa.func.coalesce(sa.func.sum(gaps.c.gap), 0), sa.BigInteger)
        return sa.select(total).where(gaps.c.gap <= most).scalar_subquery()

    def ordered(self, text: Expr) -> Expr:
        return sa.collate(text, "C")

    def bucket(self, column: Column, edges: Sequence[datetime]) -> Expr | None:
        if column.kind is not Kind.INSTANT:
            return None
        # A binary search, where the day of microseconds takes a dozen steps a row.
        instant = sa.DateTime(timezone=True)
        moments = sa.cast(array([sa.literal(edge, instant) for edge in edges]), ARRAY(instant))
        return sa.func.width_bucket(column.expr, moments, type_=sa.BigInteger)

    def fenced(self, select: sa.Select[Any]) -> sa.Select[Any]:
        # PostgreSQL puts an expression in the place of each mention of it; it does not look into an OFFSET.
        return select.offset(sa.literal_column("0"))

    def instant(self, at: datetime) -> object:
        return at.astimezone(UTC)


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A plan's nodes."""
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


def _kind(sql_type: str, scale: int | None) -> Kind:
    return Kind.WHOLE if sql_type == "numeric" and scale == 0 else _KINDS.get(sql_type, Kind.OTHER)


def _finite(number: Expr) -> Expr:
    return sa.func.abs(number) < sa.cast(sa.literal("Infinity"), sa.Double)


def _is_visible(text: Expr) -> Expr:
    """Whether a text begins with a visible character of ASCII."""
    plain = sa.collate(text, "C")
    return (plain >= sa.literal_column("'!'")) & (plain < sa.literal_column("E'\\x7f'"))


def _epoch(timestamp: Expr, kind: str = "timestamp") -> Expr:
    # Within a century of 1970 a double tells microseconds apart, and is three times as fast as a numeric.
    double: Expr = sa.func.date_part(sa.literal_column("'epoch'"), timestamp, type_=sa.Double)
    quick = sa.cast(sa.func.round(double * sa.literal_column("1e6::float8")), sa.BigInteger)
    exact = sa.cast(sa.cast(sa.extract("epoch", timestamp), sa.Numeric) * sa.literal_column("1000000"), sa.BigInteger)
    edges: list[Expr] = [sa.literal_column(f"'{year}-01-01 00:00:00+00'::{kind}") for year in (1870, 2070)]
    near = (timestamp >= edges[0]) & (timestamp < edges[1])
    return sa.case((near, quick), (sa.func.isfinite(timestamp), exact))
