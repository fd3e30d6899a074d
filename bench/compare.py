"""Whether two ways of counting gave the same numbers for every lead."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

# The measures are exact to six decimals a row; rivals add floating-point numbers in any order.
RELATIVE, ABSOLUTE = 1e-9, 1e-5


class NumbersDiffer(SystemExit):
    """A rival's numbers are not the program's: the benchmark is worth nothing."""


def same(ours: pd.DataFrame, theirs: pd.DataFrame, names: Sequence[str], what: str) -> int:
    """Compare two frames of one row a lead (index: its id); returns how many numbers were compared.

    Raises:
        NumbersDiffer: The leads or a number differ; says which, with examples.
    """
    left, right = ours.sort_index(), theirs.sort_index()
    if list(left.index) != list(right.index):
        lost = left.index.symmetric_difference(right.index)
        raise NumbersDiffer(f"{what}: {len(lost)} leads are in one and not in the other, such as {list(lost[:3])}")
    for name in names:
        mine, other = (frame[name].astype(float).to_numpy() for frame in (left, right))
        equal = np.isclose(mine, other, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
        if not equal.all():
            at = np.flatnonzero(~equal)
            shown = "; ".join(f"{left.index[i]}: {mine[i]!r} and {other[i]!r}" for i in at[:3])
            raise NumbersDiffer(f"{what}: {name} differs for {len(at)} of {len(left)} leads ({shown})")
    return len(left) * len(names)
