"""Marketing: what people read, attended and asked for. Newsletters go to everybody alike and change nothing."""

from dataclasses import dataclass

import numpy as np

from pql.demo.accounts import Accounts
from pql.demo.members import Members
from pql.demo.scope import Bools, Floats, Ints, Scope

# Name in the tables, touches a day, and how much the rate follows intent.
TOUCHES: tuple[tuple[str, float, float], ...] = (
    ("nl_click", 0.009, 0.0),
    ("wp_download", 0.0040, 0.35),
    ("webinar_attended", 0.0026, 0.7),
    ("demo_form", 0.0009, 1.1),
)
NEWSLETTER, WHITE_PAPER, WEBINAR, DEMO = range(4)
_BEFORE_DAYS = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Touches:
    """One entry a touch, in order of time; `member` is -1 where only the account is known."""

    account: Ints
    member: Ints
    day: Floats
    kind: Ints


def touch(scope: Scope, accounts: Accounts, members: Members) -> Touches:
    """The touches up to the end of the world."""
    rng = scope.rng("touches")
    parts = [_of_kind(scope, accounts, kind, rng) for kind in range(len(TOUCHES))]
    account, day, kind = (np.concatenate([part[field] for part in parts]) for field in range(3))
    order = np.lexsort((account, day))
    account, day, kind = account[order], day[order], kind[order].astype(np.int64)
    return Touches(account=account, member=_who(members, account, day, rng), day=day, kind=kind)


def _of_kind(scope: Scope, accounts: Accounts, kind: int, rng: np.random.Generator) -> tuple[Ints, Floats, Ints]:
    _, rate, follows = TOUCHES[kind]
    span = scope.days + _BEFORE_DAYS
    wanted = np.where(accounts.ordinary, rate * np.exp(follows * accounts.latents.intent), 0.0)
    account = np.repeat(np.arange(len(accounts)), rng.poisson(wanted * span))
    day = rng.random(len(account)) * span - _BEFORE_DAYS
    # Newsletters reach people long before they sign up; the rest comes with the sign-up, as long as they care.
    if kind == NEWSLETTER:
        return account, day, np.full(len(account), kind)
    awake = (day > accounts.created[account] - 10) & (day < accounts.latents.awake_until[account])
    return account[awake], day[awake], np.full(int(awake.sum()), kind)


def _who(members: Members, account: Ints, day: Floats, rng: np.random.Generator) -> Ints:
    founder = members.first[account]
    known: Bools = (rng.random(len(account)) < 0.7) & (members.joined[founder] <= day)
    return np.where(known, founder, -1)


def heat(touches: Touches, kind: int, accounts: int, days: int, memory: float) -> Floats:
    """How fresh touches of a kind are, account by day: each counts 1 on its day and fades by half every `memory`."""
    fresh = np.zeros((accounts, days))
    mine = (touches.kind == kind) & (touches.day >= 0)
    np.add.at(fresh, (touches.account[mine], np.floor(touches.day[mine]).astype(np.int64)), 1.0)
    for day in range(1, days):
        fresh[:, day] += fresh[:, day - 1] * 0.5 ** (1.0 / memory)
    return fresh
