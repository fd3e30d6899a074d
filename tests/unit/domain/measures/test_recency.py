import numpy as np
import pytest

from pql.domain.calendar import DAY_MICROS
from pql.domain.durations import Duration
from pql.domain.measures.base import Missing
from pql.domain.measures.recency import Recency
from pql.domain.partials import Aggregate, Partial, window
from tests.unit.domain.measures.frames import NOW, merged, missing, values

RECENCY = Recency(window=Duration.of_days(30))


def test_it_is_the_days_since_the_latest_row() -> None:
    found = RECENCY.finish(merged(last=[NOW - 36 * 3_600_000_000, NOW - 10 * DAY_MICROS, np.nan]))
    assert values(found) == [1.5, 10, None]
    assert missing(found)[2] is Missing.NO_ROWS
    assert found["latest_at"].tolist()[1] == NOW - 10 * DAY_MICROS


@pytest.mark.parametrize(("days", "words"), [(0.04, "1 hour"), (1.9, "46 hours"), (2.0, "2 days"), (9.99, "9 days")])
def test_it_is_said_in_whole_hours_or_days(days: float, words: str) -> None:
    assert RECENCY.words(days) == f"last seen {words} ago"


def test_it_cannot_be_older_than_its_window() -> None:
    assert RECENCY.bounds == (0.0, 31.0)
    assert RECENCY.evidence == (Partial(aggregate=Aggregate.LAST), window(30))
    assert set(RECENCY.inputs()) == {"last"}
