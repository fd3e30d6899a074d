from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.measures.count import Count
from pql.domain.partials import Aggregate, Partial, PartialInput, Relation, window
from tests.unit.domain.measures.frames import merged, values

COUNT = Count(window=Duration.of_days(14), where=Where.parse({"event": "export"}), noun="export")


def test_it_counts_rows_and_keeps_the_latest() -> None:
    rows = Partial(aggregate=Aggregate.COUNT, where=COUNT.where)
    assert COUNT.inputs()["n"] == PartialInput(partial=rows, span=window(14))
    found = COUNT.finish(merged(n=[0, 3], last=[float("nan"), 17.0]))
    assert values(found) == [0, 3]
    assert found["latest_at"].tolist()[1] == 17


def test_rows_can_be_touches() -> None:
    touches = Count(window=Duration.of_days(7), relation=Relation.TOUCHES)
    assert touches.evidence == (Partial(aggregate=Aggregate.COUNT, relation=Relation.TOUCHES), window(7))


def test_it_is_said_with_noun_and_window() -> None:
    assert COUNT.words(1.0) == "1 export in 14 days"
    assert COUNT.amount(3) == "3 exports"
    assert COUNT.bounds == (0.0, float("inf"))
