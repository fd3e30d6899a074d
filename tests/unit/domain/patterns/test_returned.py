import pytest

from pql.domain.durations import Duration
from pql.domain.patterns.returned import Returned
from tests.unit.domain.patterns.rows import MINUTE, Row, events, minutes, seen

DAY = 24 * 60
BACK = Returned(away_for=Duration.of_days(2), at_most=Duration.of_days(9))


def at(*when: int, user: str | None = "u") -> list[Row]:
    return [("a", user, minute, "x", "f") for minute in when]


def test_the_first_row_after_a_time_away_is_a_return() -> None:
    found = BACK.find(seen(events(at(0, 3 * DAY, 3 * DAY + 5)), as_of=9 * DAY))
    assert minutes(found) == [("a", 3 * DAY)]
    assert found["detail"].tolist() == ["back after 3 days"]
    assert found["key"].tolist() == [str(3 * DAY * MINUTE)]


@pytest.mark.parametrize(("second", "returns"), [(2 * DAY - 1, 0), (2 * DAY, 1), (9 * DAY, 1), (9 * DAY + 1, 0)])
def test_neither_too_short_nor_too_long_a_time_makes_a_return(second: int, returns: int) -> None:
    assert len(BACK.find(seen(events(at(0, second)), as_of=20 * DAY))) == returns


def test_who_was_never_there_does_not_return() -> None:
    assert BACK.find(seen(events(at(5 * DAY)), as_of=9 * DAY)).empty


def test_per_user_each_returns_alone() -> None:
    rows = [*at(0, 3 * DAY), *at(2 * DAY, user="v")]
    assert BACK.find(seen(events(rows), as_of=9 * DAY)).shape[0] == 1
    per_user = Returned(away_for=Duration.of_days(3), per="user")
    found = per_user.find(seen(events(rows), as_of=9 * DAY))
    assert found["key"].tolist() == [f"{3 * DAY * MINUTE}:u"]


def test_a_short_time_away_is_told_in_hours() -> None:
    found = Returned(away_for=Duration(3600)).find(seen(events(at(0, 60)), as_of=9 * DAY))
    assert found["detail"].tolist() == ["back after 1 hour"]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="away_for"):
        Returned(away_for=Duration(0))
    with pytest.raises(ValueError, match="at_most"):
        Returned(away_for=Duration.of_days(9), at_most=Duration.of_days(2))
