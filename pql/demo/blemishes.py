"""What makes real logs hard: late rows, doubled rows, rows without user or account, wrong clocks, broken numbers."""

from dataclasses import dataclass, replace

import numpy as np

from pql.demo.accounts import Accounts
from pql.demo.log import NOBODY, Log, action
from pql.demo.scope import DAY_MICROS, Ints, Scope

SECOND = 1_000_000
_LATE, _DOUBLED, _NO_MEMBER, _NO_ACCOUNT, _NEITHER = 0.014, 0.0025, 0.004, 0.003, 0.001
_WRONG_CLOCKS, _TOO_EARLY, _DELETED, _BROKEN = 6, 20, 25, 4
_TABLE = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """The log as the database holds it, in order of arrival.

    Args:
        log: In it, account `len(accounts)` stands for a workspace that was deleted; an amount of -inf for NaN.
        number: Of the event; doubled rows have the same.
        received: Microseconds since 1970.
    """

    log: Log
    number: Ints
    received: Ints


def record(scope: Scope, accounts: Accounts, log: Log) -> Recorded:
    """What arrived before the end of the world, with its blemishes."""
    rng = scope.rng("blemishes")
    kept = (log.at < scope.micros_until) & ((log.at >= scope.micros_start) | (log.action == action("workspace_set_up")))
    log = log.take(kept)
    log = log.take(np.lexsort((log.action, log.member, log.account, log.at)))
    log = _misplace(scope, accounts, _strip(log, len(accounts), rng), rng)
    received = log.at + _delay(log, rng)
    early = log.at >= scope.micros_until  # a clock that runs ahead: it arrived all the same
    received = np.where(early, scope.micros_until - rng.integers(1, DAY_MICROS, len(log)), received)
    number = np.arange(len(log))
    again = np.flatnonzero(rng.random(len(log)) < _DOUBLED)
    place = np.concatenate([number, again])
    received = np.concatenate([received, received[again] + rng.integers(1, 7200, len(again)) * SECOND])
    arrived = received < scope.micros_until
    place, received = place[arrived], received[arrived]
    order = np.lexsort((place, received))
    return Recorded(log=log.take(place[order]), number=place[order], received=received[order])


def _delay(log: Log, rng: np.random.Generator) -> Ints:
    """Seconds as a rule; for some members' days, as of phones without a network, one to six days."""
    late, days = rng.random(_TABLE) < _LATE, rng.uniform(1, 6, _TABLE)
    bucket = (log.member.astype(np.int64) * 7919 + log.at // DAY_MICROS) % _TABLE
    soon = rng.integers(1, 20, len(log)) * SECOND
    offline = late[bucket] & (log.member >= 0)
    return np.where(offline, (days[bucket] * DAY_MICROS).astype(np.int64) // SECOND * SECOND, soon)


def _strip(log: Log, deleted: int, rng: np.random.Generator) -> Log:
    clicks = log.action <= action("action_failed")
    fate = np.where(clicks, rng.random(len(log)), 1.0)
    neither, no_account = fate < _NEITHER, fate < _NEITHER + _NO_ACCOUNT
    no_member = neither | (~no_account & (fate < _NEITHER + _NO_ACCOUNT + _NO_MEMBER))
    account = np.where(no_account, NOBODY, log.account).astype(np.int32)
    gone = rng.choice(np.flatnonzero(clicks), _DELETED, replace=False)
    account[gone] = deleted
    return replace(log, account=account, member=np.where(no_member, NOBODY, log.member).astype(np.int32))


def _misplace(scope: Scope, accounts: Accounts, log: Log, rng: np.random.Generator) -> Log:
    at, amount = log.at.copy(), log.amount.copy()
    clicks = np.flatnonzero((log.action <= action("action_failed")) & (log.account >= 0))
    ahead = rng.choice(clicks, _WRONG_CLOCKS, replace=False)
    at[ahead] = scope.micros_until + rng.integers(1, 400 * 86_400, _WRONG_CLOCKS) * SECOND
    young = accounts.created[np.minimum(log.account[clicks], len(accounts) - 1)] > 2
    behind = rng.choice(clicks[young], _TOO_EARLY, replace=False)
    created = scope.micros(accounts.created[np.minimum(log.account[behind], len(accounts) - 1)])
    at[behind] = created - rng.integers(60, 40_000, _TOO_EARLY) * SECOND
    amounts = np.flatnonzero(~np.isnan(amount))
    broken = rng.choice(amounts, min(_BROKEN, len(amounts)), replace=False)
    amount[broken] = np.resize([np.inf, -np.inf], len(broken))
    return replace(log, at=at, amount=amount)
