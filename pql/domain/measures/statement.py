"""A team's own SQL, for what no other kind can say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pql.domain.measures.base import Measure, Missing, measured, with_unit
from pql.domain.partials import Input, StatementInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Measure):
    """The `value` column of a SELECT in the project's `sql/` folder.

    The SELECT gives one row a key of the measure's level (`account_id`, `user_id` or `company_id`) and must bind
    `:as_of` (a UTC instant), so that the past can be evaluated too. A lead without a row has `otherwise`.

    Args:
        file: The file, from the project's folder: `sql/measures/<name>.sql`.
        otherwise: The value of leads without a row; None: they are not evaluated.
        unit: What the number counts, in messages.
    """

    kind: Literal["sql"] = "sql"
    file: str
    otherwise: float | None = None
    unit: str = ""

    def inputs(self) -> Mapping[str, Input]:
        return {"value": StatementInput(file=self.file)}

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        value = pd.to_numeric(merged["value"], errors="coerce").astype(float)
        if self.otherwise is not None:
            value = value.fillna(self.otherwise)
        return measured(value, missing=np.where(value.isna(), Missing.NO_ROWS, Missing.NONE).astype(np.int8))

    @property
    def bounds(self) -> tuple[float, float]:
        return (float("-inf"), float("inf"))

    def amount(self, value: object) -> str:
        return with_unit(value, self.unit)
