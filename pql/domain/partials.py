"""What a measure asks of the usage tables: partial results that merge, each over a span of time.

A partial is what a database computes for one key (an account, a user, a company) from the rows of one relation that
pass a filter. The warehouse compiles it for an engine; a measure kind turns merged partials into its value. The same
partials serve the evaluation over raw events and the rollup, so that both give the same numbers.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pql.domain.calendar import Calendar, Span
from pql.domain.conditions import Where


class Relation(StrEnum):
    """The relations whose rows happen at an instant and can be counted."""

    EVENTS = "events"
    TOUCHES = "touches"


class Level(StrEnum):
    """Whom a measure is taken for; also what a lead is (one setting of the project)."""

    USER = "user"
    ACCOUNT = "account"
    COMPANY = "company"


class Take(StrEnum):
    """How a number for each user (or account) becomes one for the lead that they belong to."""

    MAX = "max"
    MIN = "min"
    MEAN = "mean"
    SUM = "sum"


class Aggregate(StrEnum):
    """What is computed from the rows; beside each, its unit and the merge of two results."""

    COUNT = "count"  # rows; added
    SUM = "sum"  # the unit of the column, exact to six decimals; added; null, NaN and infinite count as nothing
    DISTINCT = "distinct"  # distinct values that are not null; united
    DAYS = "days"  # distinct calendar days of the project's zone; united
    ACTIVE = "active"  # microseconds in gaps of at most 30 minutes between one user's consecutive rows; days joined
    FIRST = "first"  # microseconds since 1970 of the earliest row, NaN if none; minimum
    LAST = "last"  # microseconds since 1970 of the latest row, NaN if none; maximum
    DAY_SUM = "day_sum"  # the sum of the rows' day numbers; added: with COUNT it gives any linear decay by whole days
    HALVED = "halved"  # sum of 0.5 ** (age in whole days / half-life), to six decimals a row; added


@dataclass(frozen=True, slots=True, kw_only=True)
class Partial:
    """One column of partial results.

    `of` is the column (or `properties.<key>`) that SUM and DISTINCT read. `half_life_days` belongs to HALVED.
    """

    aggregate: Aggregate
    relation: Relation = Relation.EVENTS
    where: Where = Where()
    of: str | None = None
    half_life_days: float | None = None


class SpanKind(StrEnum):
    """Which stretch of time before `as_of` a partial covers."""

    WINDOW = "window"  # the day of the last instant before as_of and the days - 1 before it
    COMPLETE = "complete"  # whole days only, without the newest `skip`
    EVER = "ever"  # all of the past
    PERIOD = "period"  # the calendar period (day, week, month, total) that holds the last instant before as_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRule:
    """How the bounds of a span follow from `as_of`."""

    kind: SpanKind
    days: int = 0
    skip: int = 0
    period: str = ""

    def bounds(self, calendar: Calendar, as_of: datetime) -> Span:
        """The half-open range of instants that the rule covers at `as_of`."""
        match self.kind:
            case SpanKind.WINDOW:
                return calendar.window(self.days, as_of)
            case SpanKind.COMPLETE:
                return calendar.complete_days(self.days, as_of, skip=self.skip)
            case SpanKind.EVER:
                return Span(None, as_of)
        return calendar.period(self.period, as_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialInput:
    """A partial over a span: becomes one float column, 0 where nothing happened (FIRST and LAST: NaN)."""

    partial: Partial
    span: SpanRule


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeInput:
    """An attribute of the account as it is known; becomes one column of text, numbers or booleans."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCountInput:
    """How many of the lead's users pass a filter on user attributes; one float column."""

    where: Where


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowanceInput:
    """The allowance of a meter; of several accounts of one lead, the one nearest to full.

    Becomes the float columns `<name>.allowed` and `<name>.used` (NaN: not told) and the text column `<name>.period`
    (day, week, month, total).
    """

    meter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementInput:
    """A team's own SQL, run once an instant with `:as_of` bound; gives the key of its level and `value`."""

    file: str


Input = PartialInput | AttributeInput | UserCountInput | AllowanceInput | StatementInput


def window(days: int) -> SpanRule:
    """The span of a window of that many calendar days."""
    return SpanRule(kind=SpanKind.WINDOW, days=days)


def complete(days: int, *, skip: int = 0) -> SpanRule:
    """The span of that many complete days, without the newest `skip` of them."""
    return SpanRule(kind=SpanKind.COMPLETE, days=days, skip=skip)


def period(name: str) -> SpanRule:
    """The span of a calendar period."""
    return SpanRule(kind=SpanKind.PERIOD, period=name)


EVER = SpanRule(kind=SpanKind.EVER)
