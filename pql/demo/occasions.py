"""What happens once in a while: invitations, paywalls, prices, projects, credits, integrations, getting stuck."""

from dataclasses import dataclass

import numpy as np

from pql.demo.accounts import Accounts, Kind
from pql.demo.course import FEATURES, LOCKED, Course
from pql.demo.log import PROVIDERS, Log, action, module
from pql.demo.members import Members
from pql.demo.scope import DAY_MICROS, Floats, Ints, Scope
from pql.demo.sessions import SECOND, Sessions, some_session

MINUTE = 60 * SECOND
_CREDITS = np.array([100.0, 250.0, 500.0, 1000.0])
# The paywall was renamed in the product; the older name stays in the older rows.
_RENAMED_AT = 0.35


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    scope: Scope
    members: Members
    course: Course
    sessions: Sessions

    def when(self, account: Ints, day: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Who and when: in a session of that day where there was one, else the founder at some time of the day."""
        place = some_session(self.sessions, self.scope.days, account, day, rng)
        alone = place < 0
        founder = self.members.first[account]
        some_time = np.maximum(day + 0.3 + 0.4 * rng.random(len(day)), self.members.joined[founder])
        inside = self.sessions.begin[place] + rng.integers(20, 900, len(day)) * SECOND
        member = np.where(alone, founder, self.sessions.member[place])
        return member, np.where(alone, self.scope.micros(some_time), inside)


def happen(scope: Scope, accounts: Accounts, members: Members, course: Course, sessions: Sessions) -> Log:
    """All rows that are not plain clicks."""
    scene = _Scene(scope=scope, members=members, course=course, sessions=sessions)
    parts = [_counted(scene, name) for name in course.occasions]
    parts.append(_upgrades(scope, members, course))
    parts.append(_stuck(scene))
    parts.extend(_joins(scope, members))
    parts.append(_set_up(scope, accounts, members))
    parts.append(_syncs(scope, course))
    parts.append(_calls(scope, accounts, course))
    log = Log.concat(parts)
    # What is spread over a whole day may fall before the sign-up on the first.
    return log.take(log.at > scope.micros(accounts.created)[log.account])


def _counted(scene: _Scene, name: str) -> Log:
    rng, table = scene.scope.rng(f"occasions: {name}"), scene.course.occasions[name]
    account, day = np.nonzero(table)
    times = np.minimum(table[account, day], 6)
    account, day = np.repeat(account, times), np.repeat(day, times)
    member, at = scene.when(account, day, rng)
    what = np.full(len(account), action(_ACTION_OF[name]))
    old = at < scene.scope.micros_start + _RENAMED_AT * scene.scope.days * DAY_MICROS
    what = np.where(old & (what == action("paywall_viewed")), action("upgrade_wall_shown"), what)
    return Log.of(
        account=account,
        member=member,
        at=at,
        action=what,
        module=_module_of(name, len(account), rng),
        amount=rng.choice(_CREDITS, len(account), p=[0.5, 0.3, 0.15, 0.05]) if name == "credits" else np.nan,
        detail=rng.choice(PROVIDERS, len(account)) if name == "integrations" else -1,
    )


_ACTION_OF = {
    "paywalls": "paywall_viewed",
    "seat_walls": "paywall_viewed",
    "project_walls": "paywall_viewed",
    "prices": "pricing_viewed",
    "projects": "project_created",
    "credits": "credits_purchased",
    "integrations": "integration_connected",
}


def _module_of(name: str, count: int, rng: np.random.Generator) -> Ints:
    fixed = {"seat_walls": "seats", "project_walls": "projects", "projects": "projects", "integrations": "integrations"}
    if name == "paywalls":
        return module(LOCKED[0]) + rng.integers(0, len(LOCKED), count)
    return np.full(count, module(fixed[name]) if name in fixed else -1)


def _upgrades(scope: Scope, members: Members, course: Course) -> Log:
    buyers = np.flatnonzero(np.isfinite(course.paid_from) & (course.paid_from >= 0))
    at = scope.micros(course.paid_from[buyers]) - 2 * MINUTE
    return Log.of(account=buyers, member=members.first[buyers], at=at, action=action("upgrade_clicked"))


def _stuck(scene: _Scene) -> Log:
    """Three to seven failures of a feature that the account does not master, minutes apart."""
    rng, course, sessions = scene.scope.rng("stuck"), scene.course, scene.sessions
    place = np.flatnonzero(rng.random(len(sessions.begin)) < 0.006)
    account, known = sessions.account[place], course.breadth[sessions.account[place], sessions.day[place]]
    feature = course.adopted[account, np.minimum(known, len(FEATURES) - 1)]
    times = rng.integers(3, 8, len(place))
    each = np.repeat(np.arange(len(place)), times)
    turn = np.arange(len(each)) - np.repeat(np.cumsum(times) - times, times)
    wait = 2 * MINUTE + turn * 3 * MINUTE + rng.integers(0, 100, len(each)) * SECOND
    return Log.of(
        account=account[each],
        member=sessions.member[place][each],
        at=sessions.begin[place][each] + wait,
        action=action("action_failed"),
        module=feature[each],
    )


def _joins(scope: Scope, members: Members) -> tuple[Log, Log]:
    """Members join, a while after they were invited."""
    rng = scope.rng("joins")
    new = np.flatnonzero((members.rank > 0) & (members.joined > 0.1))
    at = scope.micros(members.joined[new])
    joins = Log.of(
        account=members.account[new], member=new, at=at, action=action("member_joined"), module=module("seats")
    )
    waits = (rng.exponential(0.6, len(new)).clip(0.002, 5) * DAY_MICROS).astype(np.int64) // SECOND * SECOND
    founder = members.first[members.account[new]]
    sent = np.maximum(at - waits, scope.micros(members.joined[founder]) + MINUTE)
    # Invitations come in bundles: some of them go out together with the one before.
    together = (rng.random(len(new)) < 0.5) & (np.diff(members.account[new], prepend=-1) == 0)
    sent = np.where(together, np.minimum(sent, np.roll(sent, 1) + MINUTE), sent)
    invites = Log.of(
        account=members.account[new], member=founder, at=np.minimum(sent, at), action=action("member_invited")
    )
    return joins, invites


def _set_up(scope: Scope, accounts: Accounts, members: Members) -> Log:
    """The setting-up of the workspace: kept for ever, also from before the log begins; its pace means nothing."""
    rng = scope.rng("set up")
    done = rng.random(len(accounts)) < 0.8
    day = accounts.created + 0.003 + rng.lognormal(0.2, 1.6, len(accounts))
    account = np.flatnonzero(done & (day < scope.days))
    return Log.of(
        account=account,
        member=members.first[account],
        at=scope.micros(day[account]),
        action=action("workspace_set_up"),
    )


def _syncs(scope: Scope, course: Course) -> Log:
    """Machines have no user: once a day while the account is in use."""
    rng = scope.rng("syncs")
    linked = np.cumsum(course.occasions["integrations"], axis=1) - course.occasions["integrations"]
    account, day = np.nonzero((linked > 0) & (course.vigour > 0.03))
    return Log.of(
        account=account,
        at=scope.micros(day + 0.1 + 0.02 * rng.random(len(day))),
        action=action("integration_synced"),
        module=module("integrations"),
        amount=rng.integers(1, 400, len(day)).astype(np.float64),
    )


def _calls(scope: Scope, accounts: Accounts, course: Course) -> Log:
    """Calls of the API, summed up by the gateway twice a day."""
    rng = scope.rng("calls")
    uses = (rng.random(len(accounts)) < 0.22) & (accounts.kind != Kind.STAFF)
    volume = rng.lognormal(5.3, 1.0, len(accounts))
    account, day = np.nonzero((course.vigour > 0.05) & uses[:, None])
    account, day = np.repeat(account, 2), np.repeat(day, 2)
    half = np.arange(len(account)) % 2
    level: Floats = volume[account] * course.vigour[account, day] * rng.lognormal(0, 0.4, len(account))
    return Log.of(
        account=account,
        at=scope.micros(day + 0.4 + 0.5 * half),
        action=action("api_called"),
        module=-1,
        amount=np.ceil(level),
    )
