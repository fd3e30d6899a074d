import math

import numpy as np

from pql.domain.measures.base import Missing
from pql.domain.measures.statement import Statement
from pql.domain.partials import StatementInput
from tests.unit.domain.measures.frames import merged, missing, values

SEATS = Statement(file="sql/measures/seats.sql", unit="seats")


def test_a_lead_without_a_row_is_not_evaluated() -> None:
    found = SEATS.finish(merged(value=[3, np.nan]))
    assert values(found) == [3, None]
    assert missing(found) == [Missing.NONE, Missing.NO_ROWS]


def test_a_lead_without_a_row_has_the_value_that_is_set_for_it() -> None:
    assert values(Statement(file="x.sql", otherwise=0).finish(merged(value=[3, np.nan]))) == [3, 0]


def test_what_is_no_number_is_missing() -> None:
    found = SEATS.finish(merged(value=["7", "many", None]))
    assert values(found) == [7, None, None]
    assert missing(SEATS.finish(merged(value=[np.inf]))) == [Missing.NOT_A_NUMBER]


def test_it_reads_its_file() -> None:
    assert SEATS.inputs() == {"value": StatementInput(file="sql/measures/seats.sql")}
    assert SEATS.bounds == (-math.inf, math.inf)
    assert SEATS.evidence is None


def test_it_is_said_with_its_unit() -> None:
    assert SEATS.words(1250) == "1,250 seats"
