"""What is known of the account itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from pql.domain.conditions import Where, say_scalar
from pql.domain.measures.base import Measure, Missing, measured, plural
from pql.domain.partials import AttributeInput, Input, UserCountInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute(Measure):
    """An attribute of the account as known, or the number of its users whose attributes pass a filter.

    The value is a number, text or true/false, as the relation has it. Unknown is not evaluated.

    Args:
        of: The account attribute; give either this or `users`.
        users: A filter on user attributes: the value is how many users pass it.
    """

    kind: Literal["attribute"] = "attribute"
    of: str | None = None
    users: Where | None = None
    noun: str = "user"

    def __post_init__(self) -> None:
        if (self.of is None) == (self.users is None):
            raise ValueError("an attribute measure needs either 'of' (an account attribute) or 'users' (a filter)")

    def inputs(self) -> Mapping[str, Input]:
        if self.users is not None:
            return {"attribute": UserCountInput(where=self.users)}
        return {"attribute": AttributeInput(name=str(self.of))}

    def finish(self, merged: pd.DataFrame) -> pd.DataFrame:
        value = merged["attribute"]
        missing = np.where(value.isna(), Missing.UNKNOWN_ATTRIBUTE, Missing.NONE).astype(np.int8)
        return measured(value, missing=missing)

    @property
    def bounds(self) -> tuple[float, float]:
        return (float("-inf") if self.users is None else 0.0, float("inf"))

    def amount(self, value: object) -> str:
        return say_scalar(value) if self.users is None else plural(float(str(value)), self.noun)

    def words(self, value: object) -> str:
        if self.users is not None:
            return self.amount(value)
        return f"{str(self.of).replace('_', ' ')}: {self.amount(value)}"
