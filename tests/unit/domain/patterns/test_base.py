import pytest

from pql.domain.conditions import Where
from pql.domain.patterns import PATTERN_KINDS, Pattern
from pql.domain.patterns.base import any_event, by_event
from tests.unit.domain.patterns.rows import seen


def test_every_kind_is_registered_under_its_own_name() -> None:
    for kind, pattern in PATTERN_KINDS.items():
        assert issubclass(pattern, Pattern)
        assert pattern.__dataclass_fields__["kind"].default == kind


def test_a_pattern_needs_nothing_unless_it_says_so() -> None:
    bare = Pattern(kind="bare")
    assert bare.event_filter is None
    assert bare.columns == ()
    assert bare.span.seconds == 0
    assert not bare.asks_first
    with pytest.raises(NotImplementedError):
        bare.find(seen())


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([{"event": "a"}, {"event": ["b", "a"]}], "event one of a, b"),
        ([{"event": "a", "feature": "x"}], "event one of a"),
        ([{"event": "a"}, {"feature": "x"}], ""),
        ([{"event": "a"}, {"event": {"not": "b"}}], ""),
        ([{"event": {"equals": "a", "matches": "x"}}], ""),
    ],
)
def test_a_union_lets_pass_whatever_any_filter_lets_pass(filters: list[dict[str, object]], expected: str) -> None:
    assert str(any_event(*(Where.parse(given) for given in filters))) == expected


def test_by_event_joins_the_name_and_the_rest() -> None:
    assert str(by_event("a", {"feature": "x"})) == "event a and feature x"
