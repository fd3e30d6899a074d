import pytest

from pql.domain.durations import Duration
from pql.domain.measures.distinct import Distinct
from pql.domain.partials import Aggregate, Partial, PartialInput, window
from tests.unit.domain.measures.frames import merged, values

DISTINCT = Distinct(window=Duration.of_days(14), of="feature")


def test_it_counts_distinct_values_of_its_column() -> None:
    partial = Partial(aggregate=Aggregate.DISTINCT, of="feature")
    assert DISTINCT.inputs()["n"] == PartialInput(partial=partial, span=window(14))
    assert DISTINCT.evidence == (partial, window(14))
    assert values(DISTINCT.finish(merged(n=[0, 6], last=[float("nan"), 1.0]))) == [0, 6]


@pytest.mark.parametrize(
    ("of", "noun", "words"),
    [
        ("feature", "", "6 features in 14 days"),
        ("user_id", "", "6 users in 14 days"),
        ("properties.report_type", "", "6 report types in 14 days"),
        ("user_id", "colleague", "6 colleagues in 14 days"),
    ],
)
def test_it_is_said_with_the_name_of_its_column(of: str, noun: str, words: str) -> None:
    assert Distinct(window=Duration.of_days(14), of=of, noun=noun).words(6.0) == words


def test_it_is_never_negative() -> None:
    assert DISTINCT.bounds == (0.0, float("inf"))
