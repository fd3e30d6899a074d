import numpy as np
import pytest

from pql.domain.calendar import DAY_MICROS
from pql.domain.conditions import Where
from pql.domain.measures.base import Missing
from pql.domain.measures.time_to import TimeTo
from pql.domain.partials import EVER, Aggregate, Partial
from tests.unit.domain.measures.frames import NOW, merged, missing, values

FIRST_EXPORT = TimeTo(where=Where.parse({"event": "export"}))
SINCE_FIRST = TimeTo(where=FIRST_EXPORT.where, since="first_event")
DAYS_AGO = [NOW - days * DAY_MICROS for days in (10, 8, 20)]


def test_it_is_the_days_from_the_beginning_to_the_first_row() -> None:
    assert values(FIRST_EXPORT.finish(merged(created=10, first=DAYS_AGO))) == [0, 2, 0]


def test_what_has_not_happened_yet_has_no_value() -> None:
    found = FIRST_EXPORT.finish(merged(created=[10, np.nan], first=[np.nan, np.nan]))
    assert missing(found) == [Missing.NOT_YET, Missing.NOT_YET]
    assert values(found) == [None, None]


def test_an_unknown_beginning_is_not_evaluated() -> None:
    assert missing(FIRST_EXPORT.finish(merged(created=np.nan, first=[DAYS_AGO[0]]))) == [Missing.UNKNOWN_ATTRIBUTE]


def test_it_can_begin_with_the_first_event() -> None:
    assert set(FIRST_EXPORT.inputs()) == {"first"}
    assert set(SINCE_FIRST.inputs()) == {"first", "begin"}
    assert values(SINCE_FIRST.finish(merged(first=DAYS_AGO[1:2], begin=DAYS_AGO[:1]))) == [2]


def test_its_evidence_is_the_first_row_ever() -> None:
    assert FIRST_EXPORT.evidence == (Partial(aggregate=Aggregate.FIRST, where=FIRST_EXPORT.where), EVER)
    assert FIRST_EXPORT.bounds == (0.0, float("inf"))


@pytest.mark.parametrize(
    ("days", "words"),
    [(0.0, "within 1 hour"), (1.0, "within 24 hours"), (2.04, "within 2 days"), (2.5, "within 2.5 days")],
)
def test_it_is_said_in_hours_or_days(days: float, words: str) -> None:
    assert FIRST_EXPORT.words(days) == f"{words} of signing up"
    assert SINCE_FIRST.words(days) == f"{words} of the first event"
