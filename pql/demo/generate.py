"""Make the demo company's world and write it down."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from pql.demo import tables
from pql.demo.accounts import Accounts, sign_ups
from pql.demo.billing import bill
from pql.demo.blemishes import record
from pql.demo.course import Course, run_course
from pql.demo.log import Log
from pql.demo.members import join
from pql.demo.occasions import happen
from pql.demo.scope import Scope
from pql.demo.selling import answers, opportunities
from pql.demo.sessions import click, visit
from pql.demo.touching import touch

# The end of a Thursday late in the month: the last days are working days, and monthly limits have filled up.
UNTIL = datetime(2026, 5, 29, tzinfo=UTC)
# What the teams of the demo company believe in, and what changes nothing in truth.
WITHOUT_EFFECT = ("touchpoints of the channel nl_click", "how soon workspace_set_up follows the sign-up")
_STEPS = 6

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoTruth:
    """What was made. What nobody should see stands in the file `truth`, which no SQL reads.

    Args:
        usage: The DuckDB file with the tables.
        truth: A JSON file: for each account its latent values, its true fit, the chance of having bought, and when
            it did.
        accounts, users, events: Rows in the tables; doubled events count twice.
        conversions: Accounts that began to pay within the world.
        customers: Accounts that pay at its end.
        until: The end of the world: the instant to evaluate at.
    """

    usage: Path
    truth: Path
    accounts: int
    users: int
    events: int
    conversions: int
    customers: int
    until: datetime


def generate(
    path: Path,
    *,
    seed: int = 7,
    accounts: int = 3_400,
    days: int = 120,
    until: datetime = UNTIL,
    progress: Progress | None = None,
) -> DemoTruth:
    """Write a demo world to a DuckDB file, and the truth about it to `truth.json` beside it.

    The same arguments give the same rows in the same order. 3,400 accounts and 120 days give more than 20,000 users
    and 2 million events, in some ten seconds and about a gigabyte of memory.

    Args:
        path: The DuckDB file; replaced if it is there.
        seed: Any whole number from 0 on.
        accounts: At least 50.
        days: How long the activity log is; at least 30.
        until: Its end, exclusive: a midnight in UTC.
        progress: Called with (steps done, steps in all).

    Raises:
        ValueError: A world of this size, or with this end, cannot be made.
        OSError: The file cannot be written.
    """
    scope = Scope(seed=seed, accounts=accounts, days=days, until=until)
    tell = progress or (lambda _done, _all: None)
    world = _live(scope, tell)
    tables.write(path, world.frames)
    tell(5, _STEPS)
    truth = path.with_name("truth.json")
    truth.write_text(_truth(scope, world.accounts, world.course), encoding="utf-8")
    tell(_STEPS, _STEPS)
    course, everybody = world.course, np.arange(len(world.accounts))
    return DemoTruth(
        usage=path,
        truth=truth,
        accounts=len(world.accounts),
        users=len(world.frames["people"]),
        events=len(world.frames["activity"]),
        conversions=int(((course.paid_from >= 0) & np.isfinite(course.paid_from)).sum()),
        customers=int(course.paying(everybody, np.full(len(everybody), float(days))).sum()),
        until=until,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _World:
    accounts: Accounts
    course: Course
    frames: dict[str, pd.DataFrame]


def _live(scope: Scope, tell: Progress) -> _World:
    """Let the world live: who signs up, what they do, and what the tables hold of it."""
    accounts = sign_ups(scope)
    members = join(scope, accounts)
    tell(1, _STEPS)
    touches = touch(scope, accounts, members)
    course = run_course(scope, accounts, members, touches)
    tell(2, _STEPS)
    sessions = visit(scope, members, course)
    clicks = click(scope, accounts, course, sessions)
    tell(3, _STEPS)
    recorded = record(scope, accounts, Log.concat([clicks, happen(scope, accounts, members, course, sessions)]))
    tell(4, _STEPS)
    billing = bill(scope, accounts, members, course)
    frames = {
        "workspaces": tables.workspaces(scope, accounts, billing),
        "people": tables.people(scope, accounts, members),
        "activity": tables.activity(accounts, recorded),
        "subscriptions": billing.subscriptions,
        "limits": billing.limits,
        "touchpoints": tables.touchpoints(scope, accounts, touches),
        "opportunities": opportunities(scope, accounts, course, touches),
        "answers": answers(scope, accounts, members),
    }
    return _World(accounts=accounts, course=course, frames=frames)


def _truth(scope: Scope, accounts: Accounts, course: Course) -> str:
    latents = accounts.latents
    bought = np.where(np.isfinite(course.paid_from), course.paid_from, np.nan)
    columns = {
        "intent": latents.intent,
        "habit": latents.habit,
        "curiosity": latents.curiosity,
        "depth": latents.depth,
        "spirit": latents.spirit,
        "drift": latents.drift,
        "fit": course.fit,
        "chance": course.chance,
        "paid_from_day": bought,
    }
    table = pd.DataFrame(columns, index=accounts.uids).round(4).astype(object)
    rows = table.where(table.notna(), None).to_dict(orient="index")
    head = {"seed": scope.seed, "start": scope.start.isoformat(), "until": scope.until.isoformat()}
    return json.dumps({**head, "without_effect": WITHOUT_EFFECT, "accounts": rows}, indent=1)
