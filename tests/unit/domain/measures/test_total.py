import math

import numpy as np

from pql.domain.durations import Duration
from pql.domain.measures.base import Missing
from pql.domain.measures.total import Sum
from pql.domain.partials import Aggregate, Partial, PartialInput, window
from tests.unit.domain.measures.frames import merged, missing, values

SUM = Sum(window=Duration.of_days(30), of="properties.credits", unit="credits")


def test_it_adds_up_its_column() -> None:
    partial = Partial(aggregate=Aggregate.SUM, of="properties.credits")
    assert SUM.inputs()["total"] == PartialInput(partial=partial, span=window(30))
    assert SUM.evidence == (partial, window(30))
    assert values(SUM.finish(merged(total=[0.0, -2.5], last=[np.nan, 1.0]))) == [0, -2.5]


def test_a_total_that_is_no_number_is_missing() -> None:
    found = SUM.finish(merged(total=[np.inf, np.nan], last=1.0))
    assert values(found) == [None, None]
    assert missing(found) == [Missing.NOT_A_NUMBER] * 2


def test_it_is_said_with_its_unit() -> None:
    assert SUM.words(1250.0) == "1,250 credits in 30 days"
    assert Sum(window=Duration.of_days(30)).words(2.5) == "2.50 in 30 days"
    assert SUM.bounds == (-math.inf, math.inf)
