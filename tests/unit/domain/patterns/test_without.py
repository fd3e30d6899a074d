import pytest

from pql.domain.conditions import Where
from pql.domain.durations import Duration
from pql.domain.patterns.without import Without
from tests.unit.domain.patterns.rows import MINUTE, Row, events, from_span, minutes, seen

INVITE, JOIN = (Where.parse({"event": name}) for name in ("invite", "join"))
ALONE = Without(after=INVITE, without=JOIN, within=Duration(3600))


def done(*rows: tuple[int, str], user: str | None = "u") -> list[Row]:
    return [("a", user, at, event, "f") for at, event in rows]


def test_a_step_that_nothing_follows_is_found_when_the_time_is_over() -> None:
    found = ALONE.find(seen(events(done((5, "invite"))), as_of=66))
    assert minutes(found) == [("a", 65)]
    assert found["key"].tolist() == [str(5 * MINUTE)]
    assert found["detail"].tolist() == ["nothing followed within 1 hour"]
    assert ALONE.find(seen(events(done((5, "invite"))), as_of=65)).empty


@pytest.mark.parametrize(("joined", "found"), [(4, 1), (5, 0), (65, 0), (66, 1)])
def test_what_follows_in_time_resolves_it_at_both_ends_too(joined: int, found: int) -> None:
    assert len(ALONE.find(seen(events(done((5, "invite"), (joined, "join")))))) == found


def test_each_step_waits_for_itself() -> None:
    found = ALONE.find(seen(events(done((0, "invite"), (10, "invite"), (65, "join")))))
    assert minutes(found) == [("a", 60)]


def test_per_user_the_same_person_must_follow() -> None:
    rows = [*done((0, "invite")), *done((5, "join"), user="v")]
    assert ALONE.find(seen(events(rows))).empty
    per_user = Without(after=INVITE, without=JOIN, within=Duration(3600), per="user")
    assert per_user.find(seen(events(rows)))["key"].tolist() == ["0:u"]


def test_it_reads_both_steps_as_far_back_as_it_waits() -> None:
    assert str(ALONE.event_filter) == "event one of invite, join"
    assert ALONE.columns == ("event",)
    assert minutes(from_span(ALONE, events(done((0, "invite"), (45, "invite"))), 61, 200)) == [("a", 105)]


def test_a_wait_of_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="within"):
        Without(after=INVITE, without=JOIN, within=Duration(0))
