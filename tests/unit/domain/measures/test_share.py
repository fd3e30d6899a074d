import math

import pytest

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures.base import Missing
from pql.domain.measures.share import Share
from pql.domain.partials import Aggregate, Partial, PartialInput, window
from tests.unit.domain.measures.frames import merged, missing, values

CORE = Where.parse({"feature": "editor"})
KNOWN = Where.parse({"feature": {"exists": True}})
SHARE = Share(window=Duration.of_days(14), where=CORE, among=KNOWN, at_least_rows=10)


def test_the_part_passes_both_filters() -> None:
    inputs = SHARE.inputs()
    both = Where((*KNOWN.conditions, *CORE.conditions))
    assert inputs["part"] == PartialInput(partial=Partial(aggregate=Aggregate.COUNT, where=both), span=window(14))
    assert inputs["whole"] == PartialInput(partial=Partial(aggregate=Aggregate.COUNT, where=KNOWN), span=window(14))
    assert SHARE.evidence == (Partial(aggregate=Aggregate.COUNT, where=both), window(14))


def test_it_is_part_by_whole_where_there_is_enough() -> None:
    found = SHARE.finish(merged(part=[5, 1, 0], whole=[10, 9, 0], last=1.0))
    assert values(found) == [0.5, None, None]
    assert missing(found)[1:] == [Missing.NO_BASE] * 2


def test_nothing_at_all_is_no_base_whatever_is_enough() -> None:
    share = Share(window=Duration.of_days(14), where=CORE)
    assert missing(share.finish(merged(part=[0], whole=[0], last=1.0))) == [Missing.NO_BASE]


@pytest.mark.parametrize(("measures", "aggregate"), [("sum", Aggregate.SUM), ("distinct", Aggregate.DISTINCT)])
def test_sums_and_distinct_values_can_be_shared(measures: str, aggregate: Aggregate) -> None:
    share = Share(window=Duration.of_days(14), where=CORE, measures=measures, of="quantity")  # type: ignore[arg-type]
    assert (share.evidence[0].aggregate, share.evidence[0].of) == (aggregate, "quantity")
    with pytest.raises(ValueError, match="needs 'of', the column"):
        Share(window=Duration.of_days(14), where=CORE, measures=measures)  # type: ignore[arg-type]


def test_it_lies_between_0_and_1_unless_sums_can_be_negative() -> None:
    assert SHARE.bounds == (0.0, 1.0)
    assert Share(window=Duration.of_days(14), where=CORE, measures="sum", of="x").bounds == (-math.inf, math.inf)


def test_it_is_said_in_percent() -> None:
    assert SHARE.words(0.254) == "25% of the use in 14 days"
    assert SHARE.amount(0.5) == "50%"
