"""The people of a workspace: when they joined, where they sit, how much they use the product."""

from dataclasses import dataclass

import numpy as np

from pql.demo.accounts import Accounts, Kind
from pql.demo.names import SENIOR, TITLES, people, titles
from pql.demo.places import zones_of
from pql.demo.scope import Bools, Floats, Ints, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """One entry a member; those of an account stand together, in order of joining, the founder first.

    Args:
        account: Index of the account.
        rank: 0 for the founder, 1 for the next, and so on.
        joined: Days since the start.
        first: For each account the index of its founder.
        rate: The chance of use on a working day when the account's vigour is 1.
        hour: The local hour around which the day's first session begins.
    """

    account: Ints
    rank: Ints
    joined: Floats
    zone: Ints
    rate: Floats
    hour: Floats
    title: Ints
    names: list[str]
    addresses: list[str]
    first: Ints

    def __len__(self) -> int:
        return len(self.account)

    def by_day(self, days: int, weights: Floats) -> Floats:
        """The sum of the members' weights by account and day, each from the day after joining on; accounts by days."""
        table = np.zeros((len(self.first), days + 2))
        begin = np.clip(np.floor(self.joined) + 1, 0, days + 1).astype(np.int64)
        begin = np.where(self.rank == 0, np.clip(np.floor(self.joined), 0, days + 1).astype(np.int64), begin)
        np.add.at(table, (self.account, begin), weights)
        total: Floats = np.cumsum(table, axis=1)[:, :days]
        return total


def join(scope: Scope, accounts: Accounts) -> Members:
    """The members who had joined by the end of the world."""
    rng = scope.rng("members")
    account = np.repeat(np.arange(len(accounts)), accounts.size)
    rank = np.arange(len(account)) - np.repeat(np.cumsum(accounts.size) - accounts.size, accounts.size)
    joined = _joined(scope, accounts, account, rank, rng)
    order = np.lexsort((joined, account))
    account, joined = account[order], joined[order]
    there = joined < scope.days
    account, joined = account[there], joined[there]
    starts = np.searchsorted(account, np.arange(len(accounts)))
    rank = np.arange(len(account)) - starts[account]
    title = _titles(accounts, account, rank, rng)
    names, addresses = _addresses(accounts, account, rng)
    return Members(
        account=account,
        rank=rank,
        joined=joined,
        zone=_zones(accounts, account, rank, rng),
        rate=_rates(rank, title, rng),
        hour=rng.normal(9.3, 1.1, len(account)),
        title=title,
        names=names,
        addresses=addresses,
        first=starts,
    )


def _joined(scope: Scope, accounts: Accounts, account: Ints, rank: Ints, rng: np.random.Generator) -> Floats:
    created = accounts.created[account]
    quick = created + rng.exponential(9.0, len(account))
    # Growing teams get their later members after the onset of their growth, others at any time since the beginning.
    grows = accounts.latents.drift[account] > 0
    from_day = np.where(grows, np.maximum(accounts.latents.onset[account], created), created)
    slow = from_day + rng.random(len(account)) * np.maximum(scope.days * 1.02 - from_day, 1.0)
    soon = rng.random(len(account)) < np.where(grows, 0.45, 0.7)
    return np.where(rank == 0, created, np.where(soon, quick, slow) + 0.01)


def _zones(accounts: Accounts, account: Ints, rank: Ints, rng: np.random.Generator) -> Ints:
    home = accounts.zone[account]
    abroad = (rng.random(len(account)) < 0.08) & (rank > 0)
    elsewhere = zones_of(rng.permutation(accounts.country)[account], rng)
    return np.where(abroad, elsewhere, home)


def _rates(rank: Ints, title: Ints, rng: np.random.Generator) -> Floats:
    personal = rng.lognormal(0.0, 0.45, len(rank))
    junior = np.array([*(name not in SENIOR for name, _, _ in TITLES), True])[title]
    rates: Floats = 0.62 * (rank + 1.0) ** -0.3 * personal * np.where(junior, 1.0, 0.8)
    return rates.clip(0.01, 0.95)


def _titles(accounts: Accounts, account: Ints, rank: Ints, rng: np.random.Generator) -> Ints:
    founders = rank == 0
    title = np.zeros(len(account), dtype=np.int64)
    title[founders], title[~founders] = titles(int(founders.sum()), int((~founders).sum()), rng)
    student = is_student(accounts)[account] & (rng.random(len(account)) < 0.85)
    return np.where(student, len(TITLES), title)


def is_student(accounts: Accounts) -> Bools:
    """A deterministic fifth of the free-mail accounts: they belong to students."""
    students: Bools = (accounts.kind == Kind.FREE_MAIL) & (np.arange(len(accounts)) % 5 == 0)
    return students


def _addresses(accounts: Accounts, account: Ints, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    names, parts = people(len(account), rng)
    seen: dict[str, int] = {}
    addresses = []
    for part, number in zip(parts, account, strict=True):
        address = f"{part}@{accounts.domains[number]}"
        seen[address] = seen.get(address, 0) + 1
        addresses.append(address if seen[address] == 1 else f"{part}{seen[address]}@{accounts.domains[number]}")
    return names, addresses
