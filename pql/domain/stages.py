"""The stage of a lead: what follows from its plan and subscription."""

from typing import Any

import numpy as np
import pandas as pd

from pql.domain.conditions import Where
from pql.domain.rules import Stages


def stages(rules: Stages, leads: pd.DataFrame) -> "pd.Series[Any]":
    """The stage of each lead: that of the first rule whose conditions all hold.

    Args:
        rules: In the order written; a rule without conditions always holds.
        leads: Index `lead_id`; the columns that the rules name (plan, status, in_trial, mrr); one that is absent
            is unknown.

    Returns:
        Text, index `lead_id`, named `stage`.
    """
    names = [*dict.fromkeys(name for name, _ in rules.rules), rules.otherwise]
    held = [Where(tuple(when.items())).holds(leads) for _, when in rules.rules]
    numbers = [names.index(name) for name, _ in rules.rules]
    codes = np.select(held, numbers, len(names) - 1) if held else np.zeros(len(leads), dtype=int)
    return pd.Series(np.array(names, dtype=object)[codes], index=leads.index, name="stage", dtype="str")
