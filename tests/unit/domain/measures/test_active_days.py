from pql.domain.durations import Duration
from pql.domain.measures.active_days import ActiveDays
from pql.domain.partials import Aggregate, Partial, window
from tests.unit.domain.measures.frames import merged, values

DAYS = ActiveDays(window=Duration.of_days(14))


def test_it_counts_days_and_never_more_than_the_window_holds() -> None:
    assert DAYS.evidence == (Partial(aggregate=Aggregate.DAYS), window(14))
    assert set(DAYS.inputs()) == {"days", "last"}
    assert values(DAYS.finish(merged(days=[0, 14], last=1.0))) == [0, 14]
    assert DAYS.bounds == (0.0, 14.0)


def test_it_is_said_with_its_window() -> None:
    assert DAYS.words(9.0) == "9 active days in 14 days"
    assert DAYS.amount(1) == "1 active day"
