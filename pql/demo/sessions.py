"""Sessions: on which days people came, at which local hours, and what they did, minutes apart."""

from dataclasses import dataclass

import numpy as np

from pql.demo.accounts import Accounts
from pql.demo.course import LOCKED, Course
from pql.demo.log import MOBILE, WEB, Log, action, module
from pql.demo.members import Members
from pql.demo.places import midnights
from pql.demo.scope import Ints, Scope

# Monday to Sunday.
WEEK = np.array([0.95, 1.06, 1.08, 1.04, 0.84, 0.12, 0.10])
SECOND = 1_000_000
_LONGEST_GAP = 25 * 60
_MOST_EVENTS = 90
# What a click can be, from shallow to deep, and its share for an account of middling depth.
_CLICKS = ("page_opened", "chart_viewed", "comment_written", "export_made", "report_shared", "query_run", "chart_built")
_SHALLOW = np.array([0.46, 0.40, 0.06, 0.04, 0.04, 0.0, 0.0])
_DEEP = np.array([0.18, 0.24, 0.07, 0.08, 0.06, 0.17, 0.20])
_OWN_MODULE = {"comment_written": "comments", "export_made": "exports", "report_shared": "reports"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """One entry a session, sorted by account and day; `begin` in microseconds, `length` in events."""

    account: Ints
    member: Ints
    day: Ints
    begin: Ints
    length: Ints


def visit(scope: Scope, members: Members, course: Course) -> Sessions:
    """When people came."""
    rng = scope.rng("sessions")
    member, day = _active_days(scope, members, course, rng)
    visits = 1 + np.minimum(rng.poisson(0.45, len(member)), 3)
    turn = np.arange(visits.sum()) - np.repeat(np.cumsum(visits) - visits, visits)
    member, day = np.repeat(member, visits), np.repeat(day, visits)
    hour = members.hour[member] + 3.1 * turn + rng.normal(0, 0.9, len(member))
    # Some work late, and their sessions cross midnight.
    hour = np.where(rng.random(len(member)) < 0.012, rng.normal(23.7, 0.25, len(member)), hour.clip(5.5, 22.5))
    begin = midnights(scope)[members.zone[member], day] + np.round(hour * 3600).astype(np.int64) * SECOND
    begin = np.maximum(begin, scope.micros(members.joined[member]))
    length = 2 + np.floor(rng.lognormal(1.66, 0.75, len(member))).astype(np.int64)
    return Sessions(
        account=members.account[member], member=member, day=day, begin=begin, length=np.minimum(length, _MOST_EVENTS)
    )


def _active_days(scope: Scope, members: Members, course: Course, rng: np.random.Generator) -> tuple[Ints, Ints]:
    days = np.arange(scope.days)
    weekday = (scope.start.weekday() + days) % 7
    chance = (course.vigour * WEEK[weekday])[members.account] * members.rate[:, None]
    there = days[None, :] >= np.floor(members.joined)[:, None]
    came = rng.random(chance.shape, dtype=np.float32) < np.where(there, np.minimum(chance, 0.93), 0.0)
    # The first day of a founder is the day of the sign-up.
    fresh = np.flatnonzero((members.rank == 0) & (members.joined >= 0))
    came[fresh, np.floor(members.joined[fresh]).astype(np.int64)] = True
    member, day = np.nonzero(came)
    order = np.lexsort((member, day, members.account[member]))
    return member[order].astype(np.int64), day[order].astype(np.int64)


def click(scope: Scope, accounts: Accounts, course: Course, sessions: Sessions) -> Log:
    """What was done in the sessions."""
    rng = scope.rng("clicks")
    session = np.repeat(np.arange(len(sessions.begin)), sessions.length)
    first = np.cumsum(sessions.length) - sessions.length
    gap = np.exp(rng.normal(3.75, 1.15, len(session))).clip(2, _LONGEST_GAP).astype(np.int64)
    gap[first] = 0
    along = np.cumsum(gap)
    along -= np.repeat(along[first], sessions.length)
    account = sessions.account[session]
    what = _actions(accounts, account, rng)
    what[first] = action("signed_in")
    return Log.of(
        account=account,
        member=sessions.member[session],
        at=sessions.begin[session] + along * SECOND,
        action=what,
        module=_modules(course, account, sessions.day[session], what, rng),
        detail=np.where(rng.random(len(sessions.begin)) < 0.16, MOBILE, WEB)[session],
    )


def _actions(accounts: Accounts, account: Ints, rng: np.random.Generator) -> Ints:
    depth = (0.5 + 0.27 * accounts.latents.depth).clip(0.02, 0.98)
    shares = _SHALLOW + depth[:, None] * (_DEEP - _SHALLOW)
    # Those who like to share do so at the cost of looking.
    moved = 0.03 * accounts.latents.spirit.clip(-1, 2)
    shares[:, 1] -= moved
    shares[:, 4] += moved
    edges = np.cumsum(shares, axis=1)
    drawn = rng.random(len(account))
    place = np.zeros(len(account), dtype=np.int64)
    for step in range(len(_CLICKS) - 1):
        place += drawn >= edges[:, step][account]
    what = np.array([action(name) for name in _CLICKS])[place]
    deep = place >= _CLICKS.index("query_run")
    return np.where(deep & (rng.random(len(what)) < 0.04), action("action_failed"), what)


def _modules(course: Course, account: Ints, day: Ints, what: Ints, rng: np.random.Generator) -> Ints:
    known = course.breadth[account, day]
    place = np.floor(known * rng.random(len(account)) ** 1.5).astype(np.int64)
    used = course.adopted[account, place]
    paying = course.paying(account, day.astype(np.float64))
    unlocked = paying & (rng.random(len(account)) < 0.12)
    used = np.where(unlocked, module(LOCKED[0]) + rng.integers(0, len(LOCKED), len(account)), used)
    for name, own in _OWN_MODULE.items():
        used = np.where(what == action(name), module(own), used)
    return np.where(what == action("signed_in"), -1, used)


def some_session(sessions: Sessions, days: int, account: Ints, day: Ints, rng: np.random.Generator) -> Ints:
    """For each account and day a session of that day, -1 where nobody came."""
    keys = sessions.account * days + sessions.day
    wanted = account * days + day
    low, high = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, side="right")
    place = low + np.floor(rng.random(len(wanted)) * (high - low)).astype(np.int64)
    return np.where(high > low, place, -1)
