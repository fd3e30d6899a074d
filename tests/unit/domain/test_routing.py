from pql.domain.conditions import Condition
from pql.domain.routing import meets, route
from pql.domain.rules import Channel, Rep, Routing, Territory

MIA = Rep(email="mia@plotline.test", name="Mia")
BEN = Rep(email="ben@plotline.test", name="Ben")
GONE = Rep(email="gone@plotline.test", name="Gone", active=False)
LEA = Rep(email="lea@plotline.test", name="Lea")


def routing(*territories: Territory) -> Routing:
    return Routing(
        reps=(MIA, BEN, GONE, LEA),
        territories=territories,
        fallback="lea@plotline.test",
        channels={"now": (Channel.SLACK,)},
    )


EMEA = Territory(
    name="emea",
    when={"country": Condition.parse(["DE", "FR"])},
    reps=("mia@plotline.test", "ben@plotline.test"),
    slack_channel="#emea",
)


def test_the_owner_of_a_lead_is_told_whatever_its_territory() -> None:
    chosen = route(routing(EMEA), {"country": "DE", "owner_email": "BEN@plotline.test"}, assigned={})
    assert (chosen.rep, chosen.slack_channel) == (BEN, "#emea")


def test_who_holds_a_lead_goes_before_its_owner() -> None:
    lead = {"country": "DE", "owner_email": "ben@plotline.test"}
    assert route(routing(EMEA), lead, assigned={}, held_by="mia@plotline.test").rep == MIA


def test_an_inactive_owner_leaves_the_lead_to_the_territory_and_the_path_says_so() -> None:
    chosen = route(routing(EMEA), {"country": "FR", "owner_email": "gone@plotline.test"}, assigned={})
    assert chosen.rep == MIA
    assert chosen.path == (
        "the owner is gone@plotline.test, who is not among the active reps",
        "territory emea: Mia is next",
    )


def test_the_rep_with_the_fewest_leads_is_next() -> None:
    assigned = {"mia@plotline.test": 3, "ben@plotline.test": 2}
    assert route(routing(EMEA), {"country": "DE"}, assigned=assigned).rep == BEN


def test_turns_are_fair_over_many_leads() -> None:
    assigned: dict[str, int] = {}
    for _ in range(11):
        email = route(routing(EMEA), {"country": "DE"}, assigned=assigned).rep.email
        assigned[email] = assigned.get(email, 0) + 1
    assert sorted(assigned.values()) == [5, 6]


def test_a_lead_of_no_territory_goes_to_the_fallback() -> None:
    chosen = route(routing(EMEA), {"country": "US"}, assigned={})
    assert (chosen.rep, chosen.slack_channel, chosen.path) == (LEA, "", ("fallback: Lea",))


def test_a_territory_without_an_active_rep_leaves_the_lead_to_the_fallback_and_its_channel() -> None:
    empty = Territory(name="empty", when={}, reps=("gone@plotline.test",), slack_channel="#empty")
    chosen = route(routing(empty), {}, assigned={})
    assert (chosen.rep, chosen.slack_channel) == (LEA, "#empty")
    assert chosen.path == ("territory empty has no active rep", "fallback: Lea")


def test_an_absent_fact_meets_no_condition() -> None:
    assert not meets({}, {"country": Condition.parse("DE")})
    assert meets({}, {"country": Condition.parse({"exists": False})})
