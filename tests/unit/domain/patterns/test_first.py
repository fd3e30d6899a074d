import pandas as pd

from pql.domain.conditions import Where
from pql.domain.patterns.first import First
from tests.unit.domain.patterns.rows import MINUTE, events, minutes, seen


def first_seen(*rows: tuple[str, str | None, int]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["lead_id", "user_id", "first_at"])
    return frame.assign(first_at=frame["first_at"].astype(float) * MINUTE)


def test_the_earliest_of_all_users_is_the_first_time_of_the_lead() -> None:
    found = First(event="export").find(seen(first_seen=first_seen(("a", "v", 20), ("a", "u", 10), ("b", None, 30))))
    assert minutes(found) == [("a", 10), ("b", 30)]
    assert found["key"].tolist() == ["first", "first"]
    assert found["user_id"].tolist()[0] == "u"
    assert found["detail"].tolist()[0] == "for the first time"


def test_a_first_time_before_the_last_run_is_not_told_again() -> None:
    found = First(event="export").find(seen(first_seen=first_seen(("a", "u", 10), ("a", "v", 50)), since=40))
    assert minutes(found) == []


def test_each_user_has_a_first_time_of_their_own() -> None:
    found = First(event="export", per="user").find(
        seen(first_seen=first_seen(("a", "u", 10), ("a", "v", 50), ("a", None, 60)), since=40)
    )
    assert found[["user_id", "key"]].values.tolist() == [["v", "first:v"]]


def test_the_feature_is_that_of_the_row() -> None:
    rows = events([("a", "u", 10, "export", "pdf"), ("a", "u", 12, "export", "csv")])
    found = First(event="export").find(seen(rows, first_seen=first_seen(("a", "u", 10), ("b", "w", 11))))
    assert found["feature"].tolist()[0] == "pdf"
    assert pd.isna(found["feature"].tolist()[1])


def test_events_without_features_give_none() -> None:
    rows = events([("a", "u", 10, "export", "pdf")]).drop(columns="feature")
    found = First(event="export").find(seen(rows, first_seen=first_seen(("a", "u", 10))))
    assert found["feature"].isna().all()


def test_it_asks_for_the_first_row_ever_that_passes() -> None:
    pattern = First(event="export", where=Where.parse({"feature": "pdf"}))
    assert pattern.asks_first
    assert str(pattern.event_filter) == "event export and feature pdf"
    assert pattern.span.seconds == 0
    assert pattern.columns == ()
