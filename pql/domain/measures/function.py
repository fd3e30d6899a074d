"""A team's own Python, over measures that it names."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from pql.domain.measures.base import Measure, Missing, measured, with_unit
from pql.domain.partials import Input

Formula = Callable[[pd.DataFrame], "pd.Series[Any]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Function(Measure):
    """A function from a frame of other measures to one number a lead.

    The function gets one row a lead and one float column for each name in `inputs` (NaN: that measure has no value)
    and returns a Series with the same index. It lives in the project's `signals/` folder.

    Args:
        call: `file.py:function`, from the `signals/` folder.
        uses: The measures that it needs, by name: what the database computes.
        formula: The loaded function; set by the loader, not written.
        unit: What the number counts, in messages.
    """

    kind: Literal["python"] = "python"
    call: str
    uses: Mapping[str, Measure]
    unit: str = ""
    formula: Formula | None = field(default=None, compare=False, repr=False)

    def inputs(self) -> Mapping[str, Input]:
        return {
            f"{name}.{column}": source for name, used in self.uses.items() for column, source in used.inputs().items()
        }

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        if self.formula is None:
            raise ValueError(f"the function '{self.call}' was not loaded")
        frame = pd.DataFrame({name: self._value(name, used, merged) for name, used in self.uses.items()})
        value = pd.Series(self.formula(frame), dtype=float)
        if not value.index.equals(merged.index):
            raise ValueError(f"'{self.call}' must return a Series with the index of the frame that it gets")
        missing = value.isna().map({True: Missing.NO_BASE, False: Missing.NONE}).to_numpy()
        return measured(value, missing=missing)

    def _value(self, name: str, used: Measure, merged: pd.DataFrame) -> "pd.Series[Any]":
        shared = [column for column in merged.columns if "." not in column]
        own = [column for column in merged.columns if column.startswith(f"{name}.")]
        frame = merged[shared + own].rename(columns=lambda column: column.removeprefix(f"{name}."))
        return used.finish(frame)["value"]

    @property
    def bounds(self) -> tuple[float, float]:
        return (float("-inf"), float("inf"))

    def amount(self, value: object) -> str:
        return with_unit(value, self.unit)
