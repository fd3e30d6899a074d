import pytest

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.patterns.silence import Silence
from tests.unit.domain.patterns.rows import MINUTE, Row, events, from_span, minutes, seen

HOUR = Duration(3600)


def at(*when: int, lead: str = "a", user: str | None = "u") -> list[Row]:
    return [(lead, user, minute, "x", "f") for minute in when]


def test_it_is_complete_so_long_after_the_last_row() -> None:
    found = Silence(quiet_for=HOUR).find(seen(events(at(0, 10)), as_of=71))
    assert minutes(found) == [("a", 70)]
    assert found["key"].tolist() == [str(10 * MINUTE)]
    assert found["detail"].tolist() == ["nothing for 1 hour, after 2 events in 14 days"]


@pytest.mark.parametrize(("next_row", "silences"), [(69, [129]), (70, [130]), (71, [70, 131])])
def test_a_row_up_to_its_very_end_breaks_it(next_row: int, silences: list[int]) -> None:
    found = Silence(quiet_for=HOUR).find(seen(events(at(10, next_row)), as_of=500))
    assert [when for _, when in minutes(found)] == silences


def test_there_must_have_been_enough_before() -> None:
    pattern = Silence(quiet_for=HOUR, at_least=3, before=Duration(600))
    assert pattern.find(seen(events(at(0, 5, 11)))).empty
    assert minutes(pattern.find(seen(events(at(0, 5, 10))))) == [("a", 70)]


def test_per_user_each_is_silent_alone() -> None:
    rows = [*at(0), *at(50, user="v"), *at(1, user=None)]
    assert minutes(Silence(quiet_for=HOUR).find(seen(events(rows)))) == [("a", 110)]
    found = Silence(quiet_for=HOUR, per="user").find(seen(events(rows)))
    assert found["key"].tolist() == ["0:u", f"{50 * MINUTE}:v"]


def test_it_asks_for_the_rows_of_the_silence_and_of_the_time_before() -> None:
    pattern = Silence(event="x", where=Where.parse({"plan": "pro"}), quiet_for=HOUR, before=HOUR, at_least=2)
    assert str(pattern.event_filter) == "event x and plan pro"
    assert str(Silence(quiet_for=HOUR).event_filter) == ""
    given = events(at(0, 50, 100, 300, 340))
    assert minutes(from_span(pattern, given, 390, 500)) == [("a", 400)]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="quiet_for"):
        Silence(quiet_for=Duration(0))
    with pytest.raises(ValueError, match="at_least"):
        Silence(quiet_for=HOUR, at_least=0)
