"""Conditions as SQL, with exactly the meaning of `Condition.holds`.

Two differences are the databases': letters are folded by their lower case, so `ß` does not equal `ss` as it does in
Python, and whole words and regular expressions are not available on rows.
"""

import sqlalchemy as sa

from pql.domain.conditions import Condition, Scalar, Where, fold
from pql.errors import SourceMismatch
from pql.warehouse.engines import Column, Engine, Expr, Kind
from pql.warehouse.engines.base import WHITE_SPACE
from pql.warehouse.relations import Rows

_NUMERIC = (Kind.WHOLE, Kind.NUMBER)


def where_sql(engine: Engine, where: Where, rows: Rows) -> Expr:
    """Whether a row passes a filter; null counts as no.

    Raises:
        SourceMismatch: A condition is not available on rows.
    """
    parts = [condition_sql(engine, condition, rows.clean(name), name) for name, condition in where.conditions]
    return sa.and_(sa.true(), *parts)


def condition_sql(engine: Engine, condition: Condition, column: Column, name: str = "") -> Expr:
    """Whether a value meets a condition; null counts as no.

    Raises:
        SourceMismatch: The condition has `words` or `matches`, or compares a time.
    """
    known = engine.known(column)
    if condition.exists is False:
        return sa.not_(known)
    if condition.words is not None or condition.matches is not None:
        raise SourceMismatch(
            f"the filter on '{name}' uses words or matches, which rows of events cannot be asked for; "
            "use equals or in, or compute a column in the relation's SQL"
        )
    if column.kind in (Kind.INSTANT, Kind.WALL, Kind.DATE) and condition != Condition(exists=True):
        raise SourceMismatch(
            f"the filter on '{name}' compares a time, which only windows can; of times, only 'exists' can be asked"
        )
    parts = [known]
    if condition.numeric:
        parts += _bounds(engine.number(column), condition)
    return sa.and_(*parts, *_equalities(engine, condition, column))


def _bounds(number: Expr, condition: Condition) -> list[Expr]:
    low, high = condition.bounds
    parts: list[Expr] = []
    if low != float("-inf"):
        parts.append(number > _double(low) if condition.above == low else number >= _double(low))
    if high != float("inf"):
        parts.append(number < _double(high) if condition.below == high else number <= _double(high))
    return parts


def _double(value: float) -> Expr:
    return sa.literal(value, sa.Double)


def _equalities(engine: Engine, condition: Condition, column: Column) -> list[Expr]:
    parts: list[Expr] = []
    if condition.equals is not None:
        parts.append(_among(engine, (condition.equals,), column))
    if condition.among is not None:
        parts.append(_among(engine, condition.among, column))
    if condition.not_equals is not None:
        parts.append(sa.not_(_among(engine, (condition.not_equals,), column)))
    if condition.not_among is not None:
        parts.append(sa.not_(_among(engine, condition.not_among, column)))
    return parts


def _among(engine: Engine, values: tuple[Scalar, ...], column: Column) -> Expr:
    """Whether a known value equals one of several."""
    if column.kind in _NUMERIC:
        numbers = [float(folded) for value in values if _is_number(folded := fold(value))]
        return sa.cast(column.expr, sa.Double).in_(numbers) if numbers else sa.false()
    if column.kind is Kind.TRUTH:
        meant = {fold(value) for value in values}
        wanted = [column.expr == sa.literal(truth) for truth in (True, False) if fold(truth) in meant]
        return sa.or_(sa.false(), *wanted)
    texts = {fold(value) for value in values}
    texts |= {value.strip(WHITE_SPACE).lower() for value in values if isinstance(value, str)}
    return (engine.folded(column) if column.folded is None else column.folded).in_(sorted(texts))


def _is_number(folded: str) -> bool:
    """Whether a number in a column can be equal to it: `3` can, and `3.0` in quotes cannot."""
    try:
        return fold(float(folded)) == folded
    except (ValueError, OverflowError):
        return False
