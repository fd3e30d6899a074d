import math

import numpy as np
import pandas as pd
import pytest

from pql.domain.conditions import Where
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.base import Missing
from pql.domain.partials import AttributeInput, UserCountInput
from tests.unit.domain.measures.frames import merged, missing, values

ADMINS = Where.parse({"role": "admin"})
SEATS = Attribute(of="seat_count")
COUNT = Attribute(users=ADMINS, noun="admin")


@pytest.mark.parametrize("known", [[1.0, 2.5], ["team", "free"], [True, False]])
def test_the_value_is_what_is_known(known: list[object]) -> None:
    found = values(SEATS.finish(merged(attribute=known)))
    assert found == known
    assert [isinstance(value, bool | np.bool_) for value in found] == [isinstance(value, bool) for value in known]


@pytest.mark.parametrize("known", [[None, "team"], [np.nan, 2.0], [None, True]])
def test_the_unknown_is_not_evaluated(known: list[object]) -> None:
    found = SEATS.finish(merged(attribute=pd.Series(known, dtype=object).tolist()))
    assert values(found) == [None, known[1]]
    assert missing(found) == [Missing.UNKNOWN_ATTRIBUTE, Missing.NONE]


def test_it_reads_an_attribute_or_counts_users() -> None:
    assert SEATS.inputs() == {"attribute": AttributeInput(name="seat_count")}
    assert COUNT.inputs() == {"attribute": UserCountInput(where=ADMINS)}
    assert SEATS.evidence is None


@pytest.mark.parametrize("written", [{}, {"of": "plan", "users": ADMINS}])
def test_it_needs_one_of_both(written: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="needs either 'of'"):
        Attribute(**written)  # type: ignore[arg-type]


def test_it_is_said_with_its_name() -> None:
    assert SEATS.words(12.0) == "seat count: 12"
    assert Attribute(of="sso").words(value=True) == "sso: true"
    assert COUNT.words(1.0) == "1 admin"
    assert (SEATS.amount(12.0), COUNT.amount(2)) == ("12", "2 admins")


def test_users_are_never_negative_in_number() -> None:
    assert COUNT.bounds == (0.0, math.inf)
    assert SEATS.bounds == (-math.inf, math.inf)
