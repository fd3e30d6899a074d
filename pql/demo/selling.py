"""What sales and forms know: owners, opportunities, answers."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pql.demo.accounts import Accounts
from pql.demo.billing import instants
from pql.demo.course import Course
from pql.demo.members import Members
from pql.demo.scope import Floats, Ints, Scope
from pql.demo.touching import DEMO, Touches

# The last one has left the company, and still stands in the tables.
OWNERS = (
    "mia@plotline.test", "owen@plotline.test", "dana@plotline.test", "luis@plotline.test", "yuki@plotline.test",
    "priya@plotline.test", "formerly.here@plotline.test",
)  # fmt: skip
SUCCESS_OWNERS = ("cs@plotline.test", "lena@plotline.test")
_REPLIES: dict[str, tuple[tuple[str, float], ...]] = {
    "q_need": (
        ("Replace spreadsheets", 0.0), ("One place for all project numbers", 0.2), ("Report to management", 0.1),
        ("Just curious", -0.7),
    ),
    "q_interest": (("high", 0.7), ("medium", 0.0), ("low", -0.7)),
    "q_budget": (("yes", 0.6), ("not yet", 0.0), ("no", -0.6)),
    "q_timing": (("this quarter", 0.7), ("this year", 0.1), ("just looking", -0.6)),
    "q_authority": (("I decide", 0.4), ("I recommend", 0.1), ("I only use it", -0.4)),
}  # fmt: skip


def owners(accounts: Accounts, plans: Sequence[str], rng: np.random.Generator) -> tuple[list[str | None], ...]:
    """The sales owner and the success owner of each account."""
    n = len(accounts)
    drawn, success = rng.integers(0, len(OWNERS), n), rng.integers(0, len(SUCCESS_OWNERS), n)
    has = (rng.random(n) < 0.12) & accounts.ordinary
    cared = (rng.random(n) < 0.85) & np.isin(np.array(plans), ["team", "business"])
    return (
        [OWNERS[who] if given else None for who, given in zip(drawn, has, strict=True)],
        [SUCCESS_OWNERS[who] if given else None for who, given in zip(success, cared, strict=True)],
    )


def opportunities(scope: Scope, accounts: Accounts, course: Course, touches: Touches) -> pd.DataFrame:
    """Deals in the CRM: after some demo requests, behind some purchases, and a few by cold calls."""
    rng = scope.rng("opportunities")
    begin, stage = _deals(scope, accounts, course, touches, rng)
    account = np.array(sorted(begin), dtype=np.int64)
    opened = np.array([begin[int(place)] for place in account])
    stages = [stage[int(place)] for place in account]
    is_open = np.isin(stages, ["discovery", "proposal"])
    closed = np.where(is_open, np.nan, np.minimum(opened + 21, scope.days - 0.1))
    return pd.DataFrame(
        {
            "opp_id": [f"opp_{number:05d}" for number in range(len(account))],
            "workspace_uid": [accounts.uids[place] for place in account],
            "stage_name": stages,
            "owner_mail": [OWNERS[who] for who in rng.integers(0, len(OWNERS) - 1, len(account))],
            "opened_at": instants(scope, opened),
            "closed_at": instants(scope, closed),
        }
    )


def _deals(
    scope: Scope, accounts: Accounts, course: Course, touches: Touches, rng: np.random.Generator
) -> tuple[dict[int, float], dict[int, str]]:
    begin: dict[int, float] = {}
    stage: dict[int, str] = {}
    last_demo = np.full(len(accounts), -np.inf)
    np.maximum.at(last_demo, touches.account[touches.kind == DEMO], touches.day[touches.kind == DEMO])
    dice = rng.random(len(accounts))
    bought = np.isfinite(course.paid_from)
    for account in np.flatnonzero(accounts.ordinary).tolist():
        asked, die = float(last_demo[account]), float(dice[account])
        if bought[account] and die < 0.3 and course.paid_from[account] > -300:
            begin[account], stage[account] = float(course.paid_from[account]) - 14, "closed won"
        elif not bought[account] and asked > scope.days - 45 and die < 0.3:
            begin[account], stage[account] = min(asked + 1, scope.days - 0.2), ("discovery", "proposal")[account % 2]
        elif not bought[account] and (asked > -np.inf and die < 0.5):
            begin[account], stage[account] = asked + 1, "closed lost"
        elif not bought[account] and die < 0.006:
            begin[account], stage[account] = scope.days - 20.0 - 30 * die, "discovery"
    return begin, stage


def answers(scope: Scope, accounts: Accounts, members: Members) -> pd.DataFrame:
    """The quiz at sign-up: half of them fill it in, most with care; the answers follow intent, loosely."""
    rng = scope.rng("answers")
    who = np.flatnonzero(accounts.ordinary & (rng.random(len(accounts)) < 0.55))
    parts = [_question(scope, accounts, members, who, field) for field in _REPLIES]
    return pd.concat(parts, ignore_index=True)


def _question(scope: Scope, accounts: Accounts, members: Members, who: Ints, field: str) -> pd.DataFrame:
    rng = scope.rng(field)
    asked = who[rng.random(len(who)) < 0.85]
    replies = _REPLIES[field]
    weights: Floats = np.exp(np.array([pull for _, pull in replies])[None, :] * accounts.latents.intent[asked, None])
    edges = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)
    place = (rng.random(len(asked))[:, None] >= edges[:, :-1]).sum(axis=1)
    day = np.minimum(accounts.created[asked] + 0.002, scope.days - 0.001)
    return pd.DataFrame(
        {
            "workspace_uid": [accounts.uids[account] for account in asked],
            "member_id": [f"m{members.first[account]:07d}" for account in asked],
            "field": field,
            "reply": [replies[number][0] for number in place],
            "submitted_at": instants(scope, day),
        }
    )
