import re

import pytest

from pql.domain.durations import Duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("14 days", 14 * 86_400),
        ("1 day", 86_400),
        ("2 weeks", 14 * 86_400),
        ("1 hour", 3600),
        (" 30  minutes ", 1800),
        ("90 seconds", 90),
        ("7d", 7 * 86_400),
        ("15min", 900),
        ("15 m", 900),
        ("0 minutes", 0),
    ],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: int) -> None:
    assert Duration.parse(text).seconds == seconds
    assert re.fullmatch(Duration.__get_pydantic_json_schema__(None, None)["pattern"], text)


@pytest.mark.parametrize("text", ["14", "days", "1.5 days", "-1 day", "1 month", "", 14])
def test_anything_else_is_refused_with_what_to_write(text: object) -> None:
    with pytest.raises(ValueError, match="write a number and a unit, like '14 days'"):
        Duration.parse(text)


def test_a_duration_that_is_read_already_stays_as_it_is() -> None:
    assert Duration.parse(Duration(5)) == Duration(5)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(86_400, "1 day"), (172_800, "2 days"), (5400, "90 minutes"), (3600, "1 hour"), (1, "1 second"), (0, "0 seconds")],
)
def test_a_duration_reads_back_in_its_greatest_whole_unit(seconds: int, text: str) -> None:
    assert str(Duration(seconds)) == text
    assert Duration.parse(text) == Duration(seconds)


def test_lengths_come_in_days_and_microseconds() -> None:
    half = Duration.parse("12 hours")
    assert half.days == 0.5
    assert half.micros == 43_200_000_000
    assert Duration.of_days(3).whole_days == 3


@pytest.mark.parametrize("seconds", [0, 3600, 90_000])
def test_a_window_is_whole_days(seconds: int) -> None:
    with pytest.raises(ValueError, match="must be a whole number of days"):
        _ = Duration(seconds).whole_days


def test_pydantic_reads_them_as_people_write_them() -> None:
    read = Duration.__get_pydantic_core_schema__(None, None)["function"]["function"]
    assert read("1 day") == Duration.of_days(1)
