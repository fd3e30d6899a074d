from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pql.domain.conditions import Condition
from pql.domain.routing import Roster, Route, away_at, away_for, channels_for, covered, leaf_of, meets, route, walk
from pql.domain.rules import Absence, Branch, Channel, InTurn, Rep, Routing
from pql.domain.turns import Turn

T0 = datetime(2026, 6, 3, 9, tzinfo=UTC)
MIA = Rep(email="mia@plotline.test", name="Mia", team="emea")
BEN = Rep(email="ben@plotline.test", name="Ben", team="emea", capacity=3)
GONE = Rep(email="gone@plotline.test", name="Gone", team="emea", active=False)
LEA = Rep(email="lea@plotline.test", name="Lea")
SAM = Rep(email="sam@plotline.test", name="Sam", team="americas", stand_in="lea@plotline.test")


def routing(*branches: Branch, reps: tuple[Rep, ...] = (MIA, BEN, GONE, LEA, SAM), owner: bool = True) -> Routing:
    return Routing(
        reps=reps,
        branches=branches,
        fallback="lea@plotline.test",
        channels={"now": (Channel.SLACK, Channel.EMAIL), "today": (Channel.SLACK,), "digest": (Channel.FILE,)},
        owner=owner,
    )


def when(**conditions: object) -> dict[str, Condition]:
    return {name: Condition.parse(written) for name, written in conditions.items()}


EMEA = Branch(name="emea", match=when(country=["DE", "FR"]), team="emea", slack_channel="#emea")
NOBODY = Roster()


def away(*reps: Rep) -> Roster:
    return Roster(away={rep.email: T0 + timedelta(days=5) for rep in reps})


def to(tree: Routing, facts: Mapping[str, object], roster: Roster = NOBODY, held_by: str | None = None) -> Route:
    return route(tree, facts, roster, held_by=held_by)


def test_the_owner_of_a_lead_is_told_whatever_its_route_and_its_channel_too() -> None:
    chosen = to(routing(EMEA), {"country": "DE", "owner_email": "SAM@plotline.test"})
    assert (chosen.rep, chosen.slack_channel, chosen.pool) == (SAM, "#emea", "")
    assert chosen.path == ("route emea", "the owner is Sam")


def test_who_holds_a_lead_goes_before_its_owner() -> None:
    lead = {"country": "DE", "owner_email": "ben@plotline.test"}
    assert to(routing(EMEA), lead, held_by="mia@plotline.test").rep == MIA


def test_a_branch_may_leave_the_owner_aside() -> None:
    lead = {"country": "DE", "owner_email": "sam@plotline.test"}
    assert to(routing(replace(EMEA, owner=False)), lead).rep == MIA
    assert to(routing(EMEA, owner=False), lead).rep == MIA
    assert to(routing(replace(EMEA, owner=True), owner=False), lead).rep == SAM


def test_an_inactive_owner_leaves_the_lead_to_the_route_and_the_path_says_so() -> None:
    chosen = to(routing(EMEA), {"country": "FR", "owner_email": "gone@plotline.test"})
    assert chosen.rep == MIA
    assert chosen.path == (
        "route emea",
        "the owner is gone@plotline.test, who is not among the active reps",
        "Mia is next in turn",
    )


def test_the_rep_with_the_fewest_turns_is_next() -> None:
    turns = {("team emea", MIA.email): Turn(taken=3), ("team emea", BEN.email): Turn(taken=2)}
    chosen = to(routing(EMEA), {"country": "DE"}, Roster(turns=turns))
    assert (chosen.rep, chosen.pool) == (BEN, "team emea")
    assert [(one.email, one.taken) for one in chosen.takings] == [(BEN.email, 1)]


def test_turns_are_fair_over_many_leads() -> None:
    turns: dict[tuple[str, str], Turn] = {}
    had = Counter[str]()
    for number in range(11):
        chosen = to(routing(EMEA), {"country": "DE"}, Roster(turns=turns))
        had[chosen.rep.name] += 1
        for one in chosen.takings:
            key = one.pool, one.email
            turns[key] = one.after(turns.get(key, Turn()), T0 + timedelta(hours=number))
    assert sorted(had.values()) == [5, 6]


def test_turns_of_a_list_are_counted_for_its_route_and_those_of_a_team_for_the_team() -> None:
    listed = Branch(name="listed", reps=("mia@plotline.test", "gone@plotline.test", "ben@plotline.test"))
    other = Branch(name="other", match=when(plan="pro"), team="emea")
    assert to(routing(listed), {}).pool == "route listed"
    assert to(routing(other), {"plan": "pro"}).pool == to(routing(EMEA), {"country": "DE"}).pool == "team emea"


def test_the_first_who_is_there_takes_no_turn() -> None:
    first = Branch(name="first", reps=(MIA.email, BEN.email), turns=InTurn.FIRST)
    for roster, rep in ((NOBODY, MIA), (away(MIA), BEN)):
        chosen = to(routing(first), {}, roster)
        assert (chosen.rep, chosen.pool, chosen.takings) == (rep, "", ())


def test_a_lead_of_no_route_goes_to_the_fallback() -> None:
    chosen = to(routing(EMEA), {"country": "US"})
    assert (chosen.rep, chosen.slack_channel, chosen.path) == (LEA, "", ("no route matches", "fallback: Lea"))


def test_a_team_without_an_active_rep_leaves_the_lead_to_the_fallback_and_its_channel() -> None:
    empty = Branch(name="empty", reps=("gone@plotline.test",), slack_channel="#empty")
    chosen = to(routing(empty), {})
    assert (chosen.rep, chosen.slack_channel) == (LEA, "#empty")
    assert chosen.path == ("route empty", "nobody of route empty can take it", "fallback: Lea")


TREE = Branch(
    name="emea",
    match=when(country=["DE", "FR"]),
    team="emea",
    slack_channel="#emea",
    fallback=SAM.email,
    branches=(
        Branch(name="large", match=when(employees={"at_least": 500}), reps=(SAM.email,), slack_channel="#large"),
        Branch(name="urgent", match=when(moment={"exists": True}), owner=False),
    ),
)


@pytest.mark.parametrize(
    ("facts", "rep", "channel", "way"),
    [
        ({"country": "DE", "employees": 800}, SAM, "#large", "route emea > large"),
        ({"country": "DE", "employees": 20}, MIA, "#emea", "route emea"),
        ({"country": "DE", "moment": "paywall_hit"}, MIA, "#emea", "route emea > urgent"),
        ({"country": "DE", "employees": 800, "moment": "paywall_hit"}, SAM, "#large", "route emea > large"),
        ({"employees": 800}, LEA, "", "no route matches"),
    ],
)
def test_a_lead_goes_into_the_first_branch_that_it_matches_and_on(
    facts: dict[str, object], rep: Rep, channel: str, way: str
) -> None:
    chosen = to(routing(TREE), facts)
    assert (chosen.rep, chosen.slack_channel, chosen.path[0]) == (rep, channel, way)


def test_a_branch_has_what_it_does_not_say_from_the_one_above() -> None:
    leaf = leaf_of(routing(TREE), {"country": "FR", "moment": "paywall_hit"})
    assert (leaf.team, leaf.reps, leaf.slack_channel, leaf.fallback) == ("emea", (), "#emea", SAM.email)
    assert not leaf.owner
    large = leaf_of(routing(TREE), {"country": "FR", "employees": 600})
    assert (large.team, large.reps, large.fallback, large.owner) == ("", (SAM.email,), SAM.email, True)


def test_the_way_through_the_tree_says_what_did_not_hold() -> None:
    steps = list(walk(routing(TREE).branches, {"country": "DE", "employees": 20}))
    assert [(step.branch.name, step.depth, step.matches) for step in steps] == [
        ("emea", 0, True),
        ("large", 1, False),
        ("urgent", 1, False),
    ]
    assert steps[1].why_not == "employees is 20, and should be at least 500"
    assert steps[2].why_not == "moment is none, and should be known"


def test_an_owner_who_is_away_leaves_the_lead_to_a_stand_in_and_takes_no_turn() -> None:
    lead = {"country": "DE", "owner_email": MIA.email}
    chosen = to(routing(EMEA), lead, away(MIA))
    assert (chosen.rep, chosen.stands_for, chosen.pool) == (BEN, MIA.email, "")
    assert chosen.path == ("route emea", "the owner is Mia, who is away until 08 Jun 2026", "Ben stands in")
    assert to(routing(EMEA), lead).rep == MIA


def test_the_stand_in_that_a_rep_has_named_goes_first() -> None:
    assert to(routing(EMEA), {"country": "DE"}, away(SAM), held_by=SAM.email).rep == LEA
    both = to(routing(EMEA), {"country": "DE"}, away(SAM, LEA), held_by=SAM.email)
    # Nobody else of Sam's team is there: it is as if it were a new lead.
    assert (both.rep, both.stands_for) == (MIA, "")


def test_the_stand_in_of_one_lead_stays_the_same_while_turns_go_on() -> None:
    trio = (MIA, BEN, replace(LEA, team="emea"))
    for taken in range(4):
        roster = Roster(away=away(MIA).away, turns={("team emea", BEN.email): Turn(taken=taken)})
        assert to(routing(EMEA, reps=trio), {"country": "DE"}, roster, held_by=MIA.email).rep == BEN


def test_a_stand_in_who_is_at_capacity_is_passed_over_unless_they_are_named_or_alone() -> None:
    trio = (MIA, replace(BEN, capacity=3), replace(LEA, team="emea"))
    full = Roster(away=away(MIA).away, open_leads={BEN.email: 3})
    assert to(routing(EMEA, reps=trio), {"country": "DE"}, full, held_by=MIA.email).rep == trio[2]
    assert to(routing(EMEA, reps=trio[:2]), {"country": "DE"}, full, held_by=MIA.email).rep == trio[1]
    named = (replace(MIA, stand_in=BEN.email), *trio[1:])
    assert to(routing(EMEA, reps=named), {"country": "DE"}, full, held_by=MIA.email).rep == trio[1]


def test_why_somebody_is_away_stands_in_the_path() -> None:
    roster = replace(away(MIA), reasons={MIA.email: "holiday"})
    assert to(routing(EMEA), {"country": "DE"}, roster).path[1] == "Mia is away until 08 Jun 2026 (holiday)"


def test_of_several_absences_the_one_that_lasts_says_why() -> None:
    days = ((-9, -1, "ill"), (-1, 3, "holiday"), (0, 2, "at a fair"), (3, 5, "moving"), (-1, 4, ""))
    known = [replace(absence("Mia@plotline.test", *one[:2]), reason=one[2]) for one in days]
    assert away_for(known, T0) == {MIA.email: "at a fair"}
    assert away_for(known[-1:], T0) == {}


def test_who_is_away_is_skipped_and_the_path_says_so() -> None:
    chosen = to(routing(EMEA), {"country": "DE"}, away(MIA))
    assert (chosen.rep, chosen.path[1:]) == (BEN, ("Mia is away until 08 Jun 2026", "Ben is next in turn"))


def test_who_is_at_capacity_is_skipped_but_told_of_what_is_theirs() -> None:
    turns = {("team emea", MIA.email): Turn(taken=9), ("team emea", BEN.email): Turn(taken=2)}
    full = Roster(open_leads={BEN.email: 3}, turns=turns)
    chosen = to(routing(EMEA), {"country": "DE"}, full)
    assert (chosen.rep, chosen.path[1]) == (MIA, "Ben is at capacity with 3 open leads")
    assert ("team emea", 10.0) in {(one.pool, one.floor) for one in chosen.takings}
    assert to(routing(EMEA), {"country": "DE", "owner_email": BEN.email}, full).rep == BEN
    assert to(routing(EMEA), {"country": "DE"}, Roster(open_leads={BEN.email: 2}, turns=turns)).rep == BEN


def test_where_nobody_of_a_branch_can_its_fallback_gets_the_lead_and_then_the_projects() -> None:
    full = Roster(open_leads={BEN.email: 3}, away=away(MIA).away)
    chosen = to(routing(TREE), {"country": "DE"}, full)
    assert (chosen.rep, chosen.path[-2:]) == (
        SAM,
        ("nobody of team emea can take it", "fallback of the route: Sam"),
    )
    gone = to(routing(TREE), {"country": "DE"}, Roster(open_leads={BEN.email: 3}, away=away(MIA, SAM).away))
    assert (gone.rep, gone.path[-2:]) == (LEA, ("the route's fallback Sam is away until 08 Jun 2026", "fallback: Lea"))


def test_a_lead_is_never_without_somebody() -> None:
    everybody = away(MIA, BEN, LEA, SAM)
    assert to(routing(TREE), {"country": "DE"}, everybody).rep == LEA
    held = to(routing(replace(TREE)), {"country": "DE"}, everybody, held_by=MIA.email)
    assert held.rep == LEA


def test_many_who_cannot_are_told_in_few_words() -> None:
    crowd = tuple(Rep(email=f"r{number}@plotline.test", name=f"R{number}", team="emea") for number in range(9))
    chosen = to(routing(EMEA, reps=(*crowd, LEA)), {"country": "DE"}, away(*crowd[:8]))
    assert (chosen.rep, len(chosen.path), chosen.path[-2]) == (crowd[8], 6, "5 more cannot")


def test_what_goes_to_one_person_goes_to_their_stand_in_while_they_are_away() -> None:
    told = Route(rep=MIA, slack_channel="", path=("the success owner is Mia",))
    assert covered(routing(), NOBODY, told) == told
    elsewhere = covered(routing(), away(MIA), told)
    assert (elsewhere.rep, elsewhere.stands_for) == (BEN, MIA.email)
    assert elsewhere.path[1:] == ("Mia is away until 08 Jun 2026", "Ben stands in")
    alone = covered(routing(), away(MIA, BEN), told)
    assert (alone.rep, alone.path[-1]) == (MIA, "Mia is away until 08 Jun 2026")


def test_an_absent_fact_meets_no_condition() -> None:
    assert not meets({}, {"country": Condition.parse("DE")})
    assert meets({}, {"country": Condition.parse({"exists": False})})


@pytest.mark.parametrize(
    ("fired", "condition", "holds"),
    [
        (("breadth", "seats"), "seats", True),
        (("breadth",), ["seats", "trend"], False),
        ((), "seats", False),
        ((), {"exists": False}, True),
        (("breadth",), {"exists": False}, False),
        (("breadth", "seats"), {"not": "seats"}, False),
        (("breadth",), {"not_in": ["seats", "trend"]}, True),
        ((), {"not": "seats"}, True),
    ],
)
def test_a_condition_on_signals_holds_for_any_that_fired(
    fired: tuple[str, ...], condition: object, holds: bool
) -> None:
    assert meets({"signal": fired}, when(signal=condition)) == holds


def absence(email: str, first: int, last: int) -> Absence:
    return Absence(email=email, since=T0 + timedelta(days=first), until=T0 + timedelta(days=last))


@pytest.mark.parametrize(
    ("absences", "until"),
    [
        ([(0, 3)], 3),
        ([(-3, 0)], None),
        ([(1, 3)], None),
        ([(-1, 2), (2, 4), (5, 6)], 4),
        ([(-1, 5), (0, 2)], 5),
    ],
)
def test_who_is_away_comes_back_when_the_last_absence_that_touches_ends(
    absences: list[tuple[int, int]], until: int | None
) -> None:
    found = away_at([absence("Mia@plotline.test", *days) for days in absences], T0)
    assert found == ({} if until is None else {MIA.email: T0 + timedelta(days=until)})


@pytest.mark.parametrize(
    ("own", "team_channel", "urgency", "channels"),
    [
        ((), "#emea", "now", (Channel.SLACK, Channel.EMAIL)),
        ((Channel.EMAIL,), "", "now", (Channel.EMAIL,)),
        ((Channel.EMAIL,), "", "today", (Channel.EMAIL,)),
        ((Channel.EMAIL,), "#emea", "today", (Channel.EMAIL, Channel.SLACK)),
        ((Channel.SLACK,), "", "digest", (Channel.SLACK, Channel.FILE)),
    ],
)
def test_a_rep_is_told_where_they_want_and_the_team_where_the_routing_says(
    own: tuple[Channel, ...], team_channel: str, urgency: str, channels: tuple[Channel, ...]
) -> None:
    chosen = Route(rep=replace(MIA, channels=own), slack_channel=team_channel, path=())
    assert channels_for(routing(), chosen, urgency) == channels
