"""What every measure kind is: a declaration of its inputs, and how they become one value a lead.

A kind is a frozen dataclass in a file of its own; its fields are its keys in a signal file. It knows nothing of
databases: it names its inputs, and gets them back as a frame.

The merged frame has one row for each instant and lead (index levels `as_of`, microseconds, and `lead_id`) and the
columns `created_at` (microseconds, when the lead was created, NaN unknown), `created_day` (its day number, NaN),
`as_of_day` (the day number of the last instant before `as_of`), `today` (the day number of `as_of` itself) and one for
each input.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.durations import Duration
from pql.domain.partials import Input, Level, Partial, Relation, SpanRule, Take


class Missing(IntEnum):
    """Why a measure has no value. NONE: it has one."""

    NONE = 0
    NOT_YET = 1  # it did not happen so far: an answer, and the signal is quiet
    NO_RELATION = 2
    NO_COLUMN = 3
    NO_ROWS = 4
    TOO_YOUNG = 5
    NO_BASE = 6
    NO_ALLOWANCE = 7
    UNKNOWN_ATTRIBUTE = 8
    NOT_A_NUMBER = 9
    STALE = 10
    BUILDING = 11


MISSING_WORDS: Mapping[Missing, str] = {
    Missing.NONE: "",
    Missing.NOT_YET: "it has not happened yet",
    Missing.NO_RELATION: "the relation that it reads is not there",
    Missing.NO_COLUMN: "the column that it reads is not there",
    Missing.NO_ROWS: "there are no rows to tell from",
    Missing.TOO_YOUNG: "the lead is too young to compare",
    Missing.NO_BASE: "there is nothing to compare with",
    Missing.NO_ALLOWANCE: "no allowance of this meter is known",
    Missing.UNKNOWN_ATTRIBUTE: "the attribute is unknown",
    Missing.NOT_A_NUMBER: "the value is not a number",
    Missing.STALE: "its source is stale",
    Missing.BUILDING: "its past is still being filled in",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number (for attributes: any value) for a lead over a window, as of an instant.

    Args:
        level: Whom it is taken for; None: the project's lead.
        take: With a level below the lead: how the numbers become one.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid", "strict": False}

    kind: str
    level: Level | None = None
    take: Take = Take.MAX

    def inputs(self) -> Mapping[str, Input]:
        """The inputs by name."""
        raise NotImplementedError

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        """The value of each row.

        Args:
            merged: As the module says, with the columns of `inputs()`.

        Returns:
            The same index with the columns `value` (NaN where missing), `missing` (int8, a `Missing`), and
            `latest_at` (float microseconds of the latest row that counted, NaN unknown).
        """
        raise NotImplementedError

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that the kind can give."""
        return (0.0, float("inf"))

    @property
    def evidence(self) -> tuple[Partial, SpanRule] | None:
        """The rows that the value is made of, as a filter over a span; None where there are no such rows."""
        return None

    def amount(self, value: object) -> str:
        """The value with its unit, without its window: "6 features"; norms are said so."""
        raise NotImplementedError

    def words(self, value: object) -> str:
        """The value as a person says it, with its unit and window: "6 features in 14 days"."""
        return self.amount(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowedMeasure(Measure):
    """What the kinds over a window of rows share."""

    window: Duration
    relation: Relation = Relation.EVENTS

    def __post_init__(self) -> None:
        _ = self.days  # refuses a window that is not whole days

    @property
    def days(self) -> int:
        """The window in days."""
        return self.window.whole_days

    def words(self, value: object) -> str:
        return f"{self.amount(value)} in {self.window}"


def measured(
    value: "pd.Series[Any]",
    *,
    latest_at: "pd.Series[Any] | None" = None,
    missing: "npt.NDArray[np.int8] | None" = None,
) -> pd.DataFrame:
    """The frame that `finish` returns. A value that is not finite becomes missing, as NOT_A_NUMBER.

    Args:
        value: The values; where `missing` is set they are replaced by NaN.
        latest_at: Microseconds, or None where the kind knows none.
        missing: A `Missing` for each row; None: nothing is missing.
    """
    codes = np.zeros(len(value), dtype=np.int8) if missing is None else missing.astype(np.int8)
    # True and false stay what they are: `fires: true` compares with them, not with 1.
    if pd.api.types.is_numeric_dtype(value.dtype) and not pd.api.types.is_bool_dtype(value.dtype):
        numbers = value.astype(float)
        codes = np.where((codes == 0) & ~np.isfinite(numbers.to_numpy()), Missing.NOT_A_NUMBER, codes)
        value = numbers
    return pd.DataFrame(
        {
            "value": value.where(codes == 0) if codes.any() else value,
            "missing": codes.astype(np.int8),
            "latest_at": np.nan if latest_at is None else latest_at.astype(float),
        },
        index=value.index,
        copy=False,
    )


def with_unit(value: object, unit: str) -> str:
    """`1,250 credits`, `1 credit`, `1 day a week`; the bare number where there is no unit."""
    number = float(str(value))
    shown = f"{number:,.0f}" if number.is_integer() else f"{number:,.2f}"
    first, space, rest = unit.partition(" ")
    one = shown == "1" and first.endswith("s") and not first.endswith("ss")
    return f"{shown} {first.removesuffix('s') if one else first}{space}{rest}".rstrip()


def plural(number: float, noun: str) -> str:
    """`1 feature`, `6 features`, `2.5 days`, `1,200 events`."""
    shown = f"{number:,.0f}" if float(number).is_integer() else f"{number:,.1f}"
    return f"{shown} {noun if shown == '1' else plural_noun(noun)}"


def plural_noun(noun: str) -> str:
    """The plural of a plain English noun; of "chart or query", of both."""
    if " or " in noun:
        return " or ".join(plural_noun(part) for part in noun.split(" or "))
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"
