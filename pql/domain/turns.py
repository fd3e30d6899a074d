"""Whose turn it is: round robin that stays fair over restarts, absences and newcomers.

Each rep of a pool has a count of turns taken, and the one with the fewest who can take one is next. Who cannot (away,
or with no room for a further lead) keeps pace: their count never falls below the least of those who can. So who comes
back is not given at once all that they missed. A newcomer begins at that least, too.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What is remembered of a rep in a pool.

    Args:
        taken: Turns had, or let pass while they could take none; at least 0.
        last_at: When they last had one.
    """

    taken: float = 0.0
    last_at: datetime = LONG_AGO


@dataclass(frozen=True, slots=True, kw_only=True)
class Taking:
    """How a turn changes the count of one rep: first it is raised to `floor`, then `taken` is added.

    So two that happen at once, in whichever order they are written, lose none of the turns.
    """

    pool: str
    email: str
    floor: float = 0.0
    taken: int = 0

    def after(self, turn: Turn, at: datetime) -> Turn:
        """What is remembered then."""
        last_at = max(turn.last_at, at) if self.taken else turn.last_at
        return Turn(taken=max(turn.taken, self.floor) + self.taken, last_at=last_at)

    def then(self, later: "Taking") -> "Taking":
        """This one and a later one of the same rep, as one."""
        floor = max(self.floor, later.floor - self.taken)
        return Taking(pool=self.pool, email=self.email, floor=floor, taken=self.taken + later.taken)


def take_turn(
    pool: str, members: Sequence[str], free: Collection[str], turns: Mapping[str, Turn]
) -> tuple[str, tuple[Taking, ...]]:
    """Who is next, and how the counts change if they take the turn.

    Args:
        pool: The name under which turns are counted.
        members: All of the pool, in the order that decides where nothing else does.
        free: Those of them who can take a turn; at least one.
        turns: What is remembered of members; who is not in it is new.

    Returns:
        The rep with the fewest turns among the free; ties go to who had one longest ago.
    """
    floors = _floors(members, free, turns)
    counts = {email: max(turns.get(email, Turn()).taken, floor) for email, floor in floors.items()}
    able = [email for email in members if email in free]
    chosen = min(able, key=lambda email: (counts[email], turns.get(email, Turn()).last_at))
    least = min(counts[email] + (email == chosen) for email in able)
    takings = (
        Taking(
            pool=pool,
            email=email,
            floor=floors[email] if email in free else max(floors[email], least),
            taken=int(email == chosen),
        )
        for email in members
    )
    return chosen, tuple(one for one in takings if one.taken or one.floor > turns.get(one.email, _NEW).taken)


_NEW = Turn(taken=-1.0)


def _floors(members: Sequence[str], free: Collection[str], turns: Mapping[str, Turn]) -> dict[str, float]:
    """For each member the least that their count can be."""
    known = [turns[email].taken for email in members if email in turns]
    able = [turns[email].taken for email in members if email in turns and email in free]
    entry = min(able or known or [0.0])
    return {email: 0.0 if email in turns and email in free else entry for email in members}
