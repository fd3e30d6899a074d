"""Plans, limits and what is paid."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pql.demo.accounts import Accounts, Kind
from pql.demo.course import FREE_PROJECTS, TRIAL_DAYS, Course
from pql.demo.members import Members
from pql.demo.scope import Floats, Ints, Scope

_SEAT_CENTS = {"team": 1_400, "business": 2_400}
_INCLUDED = {"team": (50, 100, 200_000), "business": (500, 1_000, 2_000_000)}
_FREE_CALLS, _TRIAL_CALLS = 8_000, 20_000
_BUSINESS_FROM = 12
_LIVE = {"free": "free", "trial": "trialing", "team": "active", "business": "active"}
_ENDED = {"free": "ended", "trial": "ended", "team": "cancelled", "business": "cancelled"}


@dataclass(frozen=True, slots=True)
class _Step:
    """From `begin` (days) on the account has this plan ("trial": the team plan on trial)."""

    begin: float
    plan: str
    seats: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Billing:
    """The tables of billing, and each account's plan at the end ("" for our own)."""

    subscriptions: pd.DataFrame
    limits: pd.DataFrame
    plans: list[str]


def bill(scope: Scope, accounts: Accounts, members: Members, course: Course) -> Billing:
    """What the billing system holds at the end of the world."""
    seats = members.by_day(scope.days, np.ones(len(members)))
    overdue = scope.rng("billing").random(len(accounts)) < 0.02
    rows: list[tuple[object, ...]] = []
    plans = [""] * len(accounts)
    for account in np.flatnonzero(accounts.kind != Kind.STAFF):
        steps = _steps(int(account), scope, accounts, course, seats[account])
        plans[account] = steps[-1].plan
        rows += _rows(accounts.uids[account], steps, "past_due" if overdue[account] else "active")
    subscriptions = pd.DataFrame(
        rows, columns=["workspace_uid", "plan_code", "state", "monthly_cents", "begins_at", "ends_at", "trial_until"]
    )
    for column in ("begins_at", "ends_at", "trial_until"):
        subscriptions[column] = instants(scope, subscriptions[column].to_numpy(dtype=np.float64))
    subscriptions.insert(0, "sub_id", [f"sub_{number:06d}" for number in range(len(rows))])
    return Billing(subscriptions=subscriptions, limits=_limits(accounts, members, course, plans), plans=plans)


def instants(scope: Scope, days: Floats) -> "pd.DatetimeIndex":
    """Days as timestamps without a zone, in UTC; NaN becomes null."""
    known = np.isfinite(days)
    micros = scope.micros(np.where(known, days, 0.0)).astype("datetime64[us]")
    return pd.DatetimeIndex(np.where(known, micros, np.datetime64("NaT", "us")))


def _steps(account: int, scope: Scope, accounts: Accounts, course: Course, seats: Floats) -> list[_Step]:
    steps = list(_planned(account, scope, accounts, course, seats))
    ends = [step.begin for step in steps[1:]] + [float(scope.days)]
    return [step for step, end in zip(steps, ends, strict=True) if end - step.begin > 1e-4]


def _planned(account: int, scope: Scope, accounts: Accounts, course: Course, seats: Floats) -> Iterator[_Step]:
    paid, left = float(course.paid_from[account]), float(course.paid_until[account])
    trial, trial_end = float(course.trial_from[account]), float(course.trial_until[account])
    yield _Step(float(accounts.created[account]), "free")
    if trial < min(paid, scope.days):
        yield _Step(trial, "trial")
        if trial_end < min(paid, scope.days):
            yield _Step(trial_end, "free")
    if paid < scope.days:
        yield from _buying(paid, min(left, scope.days), float(accounts.latents.drift[account]), seats)
    if left < scope.days:
        yield _Step(left, "free")


def _buying(paid: float, left: float, drift: float, seats: Floats) -> Iterator[_Step]:
    first = seats[int(np.clip(paid, 0, len(seats) - 1))]
    yield _Step(paid, _plan(first), first)
    later = max(paid, 0.0) + 30.0
    now = seats[int(left) - 1]
    # Those whose use grows buy more seats.
    if drift > 0 and later < left and now > first:
        yield _Step(later, _plan(now), now)


def _plan(seats: float) -> str:
    return "business" if seats >= _BUSINESS_FROM else "team"


def _rows(uid: str, steps: list[_Step], paying: str) -> Iterator[tuple[object, ...]]:
    for place, step in enumerate(steps):
        last = place == len(steps) - 1
        end = np.nan if last else steps[place + 1].begin
        state = _LIVE[step.plan] if last else _ENDED[step.plan]
        state = paying if state == "active" else state
        cents = int(max(step.seats, 1)) * _SEAT_CENTS.get(step.plan, 0)
        trial_until = step.begin + TRIAL_DAYS if step.plan == "trial" else np.nan
        yield uid, "team" if step.plan == "trial" else step.plan, state, cents, step.begin, end, trial_until


def _limits(accounts: Accounts, members: Members, course: Course, plans: list[str]) -> pd.DataFrame:
    seats = np.bincount(members.account, minlength=len(accounts))
    projects = course.old_projects + course.occasions["projects"].sum(axis=1)
    chosen = np.array([place for place, plan in enumerate(plans) if plan], dtype=np.int64)
    uids = [accounts.uids[place] for place in chosen]
    included = np.array([_included(plans[place], int(course.seat_limit[place])) for place in chosen])
    parts = [
        _meter(uids, "seats", included[:, 0], seats[chosen].astype(np.float64), "never"),
        _meter(uids, "projects", included[:, 1], projects[chosen].astype(np.float64), "never"),
        # The gateway counts calls, billing does not: they must be added up from the log.
        _meter(uids, "api_calls", included[:, 2], np.full(len(chosen), np.nan), "monthly"),
    ]
    return pd.concat(parts, ignore_index=True)


def _included(plan: str, free_seats: int) -> tuple[int, int, int]:
    calls = _TRIAL_CALLS if plan == "trial" else _FREE_CALLS
    return _INCLUDED.get(plan, (free_seats, FREE_PROJECTS, calls))


def _meter(uids: list[str], name: str, included: Ints, used: Floats, resets: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "workspace_uid": uids,
            "limit_name": name,
            "included": included,
            "used_now": pd.Series(used).astype("Int64"),
            "resets": resets,
        }
    )
