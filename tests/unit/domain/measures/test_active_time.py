import pytest

from pql.domain.durations import Duration
from pql.domain.measures.active_time import ActiveTime, say_minutes
from pql.domain.partials import Aggregate, Partial, window
from tests.unit.domain.measures.frames import merged, values

TIME = ActiveTime(window=Duration.of_days(14))


def test_microseconds_become_minutes() -> None:
    assert TIME.inputs()["micros"].partial.aggregate is Aggregate.ACTIVE  # type: ignore[union-attr]
    assert TIME.evidence == (Partial(aggregate=Aggregate.ACTIVE), window(14))
    assert values(TIME.finish(merged(micros=[0, 90_000_000], last=1.0))) == [0, 1.5]


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0, "0 minutes"),
        (1.2, "1 minute"),
        (119.4, "119 minutes"),
        (120, "2 h"),
        (450, "7 h 30 min"),
        (120_000, "2,000 h"),
    ],
)
def test_minutes_are_said_as_people_say_them(minutes: float, words: str) -> None:
    assert say_minutes(minutes) == words


def test_it_is_said_with_its_window() -> None:
    assert TIME.words(450.0) == "7 h 30 min in 14 days"
    assert TIME.bounds == (0.0, float("inf"))
