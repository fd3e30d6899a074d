"""When to try again, and how fast to go."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pql.errors import DeliveryError
from pql.notify import next_attempt
from pql.notify.retry import LONGEST_ASKED, LONGEST_WAIT

NOW = datetime(2026, 1, 31, 13, 5, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PASSING = DeliveryError("busy")


def wait(attempts: int, error: DeliveryError = PASSING, delivery_id: str = "d") -> timedelta:
    at = next_attempt(attempts, error, NOW, delivery_id=delivery_id)
    assert at is not None
    return at - NOW


def test_a_permanent_error_is_not_tried_again() -> None:
    error = DeliveryError("gone", permanent=True, retry_after=5)
    assert next_attempt(1, error, NOW, delivery_id="d") is None


@given(st.integers(1, 10_000), st.text())
def test_a_wait_is_between_a_second_and_its_ceiling(attempts: int, delivery_id: str) -> None:
    ceiling = min(timedelta(seconds=5) * float(2 ** min(attempts - 1, 20)), LONGEST_WAIT)
    assert SECOND <= wait(attempts, delivery_id=delivery_id) <= ceiling


def test_the_same_failure_gives_the_same_time() -> None:
    assert wait(3) == wait(3)


def test_deliveries_that_fail_together_do_not_come_back_together() -> None:
    waits = {wait(8, delivery_id=f"d{number}") for number in range(50)}
    assert len(waits) == 50
    assert max(waits) - min(waits) > timedelta(minutes=5)


@given(st.integers(1, 20), st.floats(0.001, 3600))
def test_a_wait_that_was_asked_for_is_the_least(attempts: int, seconds: float) -> None:
    asked = timedelta(seconds=seconds)
    assert asked <= wait(attempts, DeliveryError("busy", retry_after=seconds)) <= asked + timedelta(seconds=5)


@pytest.mark.parametrize("seconds", [float("nan"), -1.0, 0.0])
def test_a_senseless_wait_is_passed_over(seconds: float) -> None:
    assert wait(1, DeliveryError("busy", retry_after=seconds)) <= timedelta(seconds=5)


@pytest.mark.parametrize("seconds", [1e12, float("inf")])
def test_nobody_makes_us_wait_for_more_than_a_day(seconds: float) -> None:
    assert wait(1, DeliveryError("busy", retry_after=seconds)) <= LONGEST_ASKED + timedelta(seconds=5)


@given(st.integers(1, 50), st.integers(8, 100_000))
def test_a_passing_error_is_tried_until_the_message_runs_out(attempts: int, left: int) -> None:
    until = NOW + timedelta(seconds=left)
    at = next_attempt(attempts, PASSING, NOW, delivery_id="d", valid_until=until)
    assert at is not None
    assert NOW < at < until


@pytest.mark.parametrize("left", [-60, 0, 1])
def test_a_message_that_ran_out_is_given_up(left: int) -> None:
    until = NOW + timedelta(seconds=left)
    assert next_attempt(9, PASSING, NOW, delivery_id="d", valid_until=until) is None


def test_a_message_that_runs_out_before_the_channel_is_ready_is_given_up() -> None:
    error = DeliveryError("busy", retry_after=600)
    until = NOW + timedelta(minutes=5)
    assert next_attempt(1, error, NOW, delivery_id="d", valid_until=until) is None
