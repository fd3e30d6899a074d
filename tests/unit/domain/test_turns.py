from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pql.domain.turns import Taking, Turn, take_turn

T0 = datetime(2026, 3, 2, tzinfo=UTC)
REPS = ("ada", "ben", "cleo", "dan", "eve")


class Pool:
    """Turns taken one after another."""

    def __init__(self, turns: dict[str, Turn] | None = None) -> None:
        self.turns = turns or {}
        self.had: Counter[str] = Counter()
        self.at = T0

    def take(self, free: Iterable[str], members: tuple[str, ...] = REPS) -> str:
        chosen, takings = take_turn("pool", members, set(free), self.turns)
        for one in takings:
            self.turns[one.email] = one.after(self.turns.get(one.email, Turn()), self.at)
        self.had[chosen] += 1
        self.at += timedelta(hours=1)
        return chosen


def test_everybody_is_once_in_turn_in_the_order_of_the_list() -> None:
    pool = Pool()
    assert [pool.take(REPS) for _ in range(10)] == [*REPS, *REPS]


def test_who_had_a_turn_longest_ago_goes_first_among_equals() -> None:
    pool = Pool({"ada": Turn(taken=2, last_at=T0), "ben": Turn(taken=2, last_at=T0 - timedelta(days=1))})
    assert pool.take(("ada", "ben"), ("ada", "ben")) == "ben"


def test_who_comes_back_is_not_given_at_once_what_they_missed() -> None:
    pool = Pool()
    for _ in range(40):
        pool.take(REPS[:4])
    pool.had.clear()
    for _ in range(10):
        pool.take(REPS)
    assert pool.had == dict.fromkeys(REPS, 2)


def test_a_newcomer_begins_where_the_others_are() -> None:
    pool = Pool()
    for _ in range(40):
        pool.take(REPS[:4], REPS[:4])
    pool.had.clear()
    for _ in range(10):
        pool.take(REPS)
    assert pool.had == dict.fromkeys(REPS, 2)


def test_a_pool_of_newcomers_begins_where_the_absent_one_is() -> None:
    pool = Pool({"ada": Turn(taken=7)})
    assert [pool.take(("ben", "cleo")) for _ in range(4)] == ["ben", "cleo", "ben", "cleo"]
    assert pool.turns["ben"].taken == 9
    assert pool.take(("ada", "ben", "cleo")) == "ada"


def test_two_turns_that_were_taken_at_once_are_both_counted() -> None:
    before = Turn(taken=5, last_at=T0)
    chosen, takings = take_turn("pool", ("ada",), {"ada"}, {"ada": before})
    assert chosen == "ada"
    after = takings[0].after(takings[0].after(before, T0), T0 + timedelta(hours=1))
    assert after == Turn(taken=7, last_at=T0 + timedelta(hours=1))


FREE = st.lists(st.sets(st.sampled_from(REPS[2:])), min_size=1, max_size=60)


@given(FREE)
def test_turns_of_those_who_were_always_there_differ_by_one_at_most(rounds: list[set[str]]) -> None:
    pool = Pool()
    for others in rounds:
        pool.take({"ada", "ben"} | others)
        assert abs(pool.had["ada"] - pool.had["ben"]) <= 1


@given(FREE, st.integers(1, 40))
def test_who_comes_back_gets_no_more_than_their_share(rounds: list[set[str]], turns: int) -> None:
    pool = Pool()
    for others in rounds:
        free = {"ada", "ben"} | (others - {"eve"})
        pool.take(free)
    assert pool.turns["eve"].taken >= min(pool.turns[name].taken for name in free)
    pool.had.clear()
    for _ in range(turns):
        pool.take({"ada", "ben", "eve"})
    # Within a round of three: one turn for each, and who was behind by one may begin the next.
    assert pool.had["eve"] <= turns / 3 + 1


AMOUNTS = st.integers(0, 20)


@given(AMOUNTS, st.lists(st.tuples(AMOUNTS, st.integers(0, 3)), min_size=1, max_size=5))
def test_takings_put_together_come_to_the_same_as_one_by_one(taken: int, steps: list[tuple[int, int]]) -> None:
    takings = [Taking(pool="pool", email="ada", floor=floor, taken=added) for floor, added in steps]
    one_by_one = whole = Turn(taken=taken, last_at=T0)
    together = takings[0]
    for one in takings:
        one_by_one = one.after(one_by_one, T0)
    for one in takings[1:]:
        together = together.then(one)
    assert together.after(whole, T0) == one_by_one
