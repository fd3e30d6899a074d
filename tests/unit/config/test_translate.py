"""What pydantic finds, in our words."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from pql.config.translate import near

Change = Callable[..., Path]
Problems = Callable[..., Sequence[str]]


def test_an_entry_of_a_list_is_called_by_its_number(change: Change, problems: Problems) -> None:
    change("signals/paywall.yml", "event: paywall_viewed", "event: [paywall_viewed, 7]")
    assert problems() == [
        "signals/paywall.yml:4:35: C010 entry 2 of 'event' must be text, not the number 7 (write it in quotes: \"7\")"
    ]


def test_a_value_of_several_types_is_asked_for_all_of_them(change: Change, problems: Problems) -> None:
    change("signals/paywall.yml", "event: paywall_viewed", "event: {name: paywall_viewed}")
    assert problems() == ["signals/paywall.yml:4:18: C010 'event' must be text or a list, not a mapping"]


def test_nothing_is_told_as_nothing(change: Change, problems: Problems) -> None:
    change("signals/breadth.yml", "title: Uses most of the product", "title:")
    assert problems() == ["signals/breadth.yml:2:1: C010 'title' must be text, not nothing"]


def test_true_is_no_number(change: Change, problems: Problems) -> None:
    change("signals/breadth.yml", "worth: 25", "worth: true")
    assert problems() == ["signals/breadth.yml:7:17: C010 'worth' must be a number, not true"]


def test_a_list_is_no_word(change: Change, problems: Problems) -> None:
    change("signals/paywall.yml", "urgency: now", "urgency: [now]")
    assert problems() == ["signals/paywall.yml:6:10: C010 'urgency' must be one of now, today, digest, not a list"]


def test_text_is_no_measure(change: Change, problems: Problems) -> None:
    change("signals/breadth.yml", "{kind: distinct, of: feature, window: 14 days}", "clicks")
    assert problems() == [
        "signals/breadth.yml:4:10: C010 'measure' must be a mapping of keys to values, not the text 'clicks'"
    ]


def test_a_filter_is_a_mapping(change: Change, problems: Problems) -> None:
    change("signals/breadth.yml", "window: 14 days", "window: 14 days, where: [login]")
    (problem,) = problems()
    assert problem.startswith("signals/breadth.yml:4:64: C010 a filter is a mapping of column to condition")


def test_too_many_entries_are_told(change: Change, problems: Problems) -> None:
    change("config/scoring.yml", "[hot, hot, warm, none]", "[hot, hot, warm, none, none]")
    assert problems() == ["config/scoring.yml:6:6: C017 'A' must have at most 4 entries, it has 5"]


def test_the_unknown_key_of_a_pattern_is_compared_with_that_pattern_s_keys(change: Change, problems: Problems) -> None:
    change("signals/paywall.yml", "within: 1 hour", "withing: 1 hour")
    assert problems() == ["signals/paywall.yml:4:34: C011 unknown key 'withing' (did you mean 'within'?)"]


def test_a_measure_inside_a_python_measure_is_read_as_strictly(change: Change, problems: Problems) -> None:
    change(
        "signals/stickiness.yml",
        "week: {kind: active_days, window: 7 days}",
        "week: {kind: active_days, windw: 7 days}",
    )
    assert problems() == [
        (
            "signals/stickiness.yml:8:5: C012 the key 'window' is missing "
            "(how many calendar days count, today among them: `14 days`)"
        ),
        "signals/stickiness.yml:8:31: C011 unknown key 'windw' (did you mean 'window'?)",
    ]


def test_the_function_of_a_python_measure_cannot_be_written(change: Change, problems: Problems) -> None:
    change("signals/stickiness.yml", "  call:", "  formula: x\n  call:")
    assert problems() == [
        "signals/stickiness.yml:6:3: C011 unknown key 'formula' (known are kind, call, uses, unit, level, take)"
    ]


def test_the_window_of_an_allowance_s_pace_is_found_by_its_value(change: Change, problems: Problems) -> None:
    measure = "{kind: allowance, meter: rows, pace: 5 hours}"
    change("signals/breadth.yml", "{kind: distinct, of: feature, window: 14 days}", measure, ", half_life: 14 days", "")
    assert problems() == ["signals/breadth.yml:4:47: C016 '5 hours' must be a whole number of days, at least 1 day"]


@pytest.mark.parametrize(
    ("name", "hint"), [("windw", "did you mean 'window'?"), ("xyz", ""), ("wher", "did you mean 'where'?")]
)
def test_a_near_name_is_offered_only_where_one_is_near(name: str, hint: str) -> None:
    assert near(name, ["window", "where", "kind"]) == hint
