"""What relations were like: the newest look of each day, on both databases."""

from datetime import UTC, datetime, timedelta

from pql.store import Store
from pql.store.records import SourceCheck

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def check(at: datetime, rows: int = 10, verdict: str = "", relation: str = "events") -> SourceCheck:
    return SourceCheck(
        relation=relation, at=at, newest_at=at - HOUR, row_count=rows, shares={"user_id": 0.25}, verdict=verdict
    )


def kept(store: Store, *relations: str) -> list[SourceCheck]:
    return store.source_checks(relations or ("events",), since=NOON - 300 * DAY, until=NOON + 300 * DAY)


def test_a_look_comes_back_as_it_was(store: Store) -> None:
    store.keep_source_checks([check(NOON, 5_000_000_000)])
    assert kept(store) == [check(NOON, 5_000_000_000)]


def test_a_look_replaces_an_earlier_one_of_its_day_that_found_the_same(store: Store) -> None:
    for look in (check(NOON - DAY), check(NOON - HOUR, 1), check(NOON - HOUR, 2, relation="users"), check(NOON, 3)):
        store.keep_source_checks([look])
    assert [(one.relation, one.row_count) for one in kept(store, "events", "users")] == [
        ("events", 3),
        ("users", 2),
        ("events", 10),
    ]


def test_what_was_broken_within_a_day_stays_beside_what_was_well(store: Store) -> None:
    for look in (check(NOON - 2 * HOUR), check(NOON - HOUR, verdict="stale"), check(NOON)):
        store.keep_source_checks([look])
    assert [one.verdict for one in kept(store)] == ["", "stale"]


def test_very_old_looks_are_dropped_and_a_look_again_at_one_instant_is_one(store: Store) -> None:
    store.keep_source_checks([check(NOON - 121 * DAY), check(NOON - 100 * DAY)])
    store.keep_source_checks([check(NOON, 1)])
    store.keep_source_checks([check(NOON, 2)])
    assert [one.row_count for one in kept(store)] == [2, 10]


def test_only_the_looks_of_the_span_and_the_relations_are_read(store: Store) -> None:
    store.keep_source_checks([check(NOON - DAY), check(NOON), check(NOON - DAY, relation="users")])
    assert store.source_checks(["events"], since=NOON - DAY, until=NOON) == [check(NOON - DAY)]
