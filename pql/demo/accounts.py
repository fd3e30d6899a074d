"""Who signed up: companies, their workspaces, and what nobody can see of them."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from pql.demo.names import company_names, odd_names
from pql.demo.places import COUNTRIES, zones_of
from pql.demo.scope import Bools, Floats, Ints, Scope, pick, squash

SECTORS: tuple[tuple[str, float], ...] = (
    ("software", 27), ("fintech", 10), ("logistics", 9), ("retail", 12), ("manufacturing", 10),
    ("healthcare", 8), ("education", 9), ("agency", 9), ("consulting", 6),
)  # fmt: skip
GOOD_SECTORS = ("software", "fintech", "logistics")
SOURCES: tuple[tuple[str, float], ...] = (
    ("organic", 40), ("invite_link", 12), ("paid_search", 18), ("partner", 8), ("event", 6), ("review_site", 16)
)  # fmt: skip
STAFF_DOMAIN = "plotline.test"
FREE_MAIL_DOMAINS = ("freemail.example", "freemail.test")
_OLDEST_DAYS = 540


class Kind(IntEnum):
    """What sort of workspace it is."""

    COMPANY = 0
    FREE_MAIL = 1
    STAFF = 2
    TEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Latents:
    """What moves an account, and stands in no table. All but `drift` and `onset` are about standard normal.

    Args:
        intent: How much they want to buy.
        habit: How much they use such a product anyway, intent or not.
        curiosity: How fast they try features.
        depth: How much of their use is real work.
        spirit: How readily they invite and share.
        drift: The change of use (in log units) over 30 days from `onset` on: growing, fading or none.
        onset: The day on which the drift begins.
        awake_until: The day on which a workspace that does not pay falls asleep (inf: never).
    """

    intent: Floats
    habit: Floats
    curiosity: Floats
    depth: Floats
    spirit: Floats
    drift: Floats
    onset: Floats
    awake_until: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """One entry an account, in order of creation.

    Args:
        created: Days since the start, negative before it.
        country, sector, source, zone: Indexes into their lists; always known here, sometimes null in the tables.
        employees: Of the company.
        size: How many members the workspace will have in the end.
    """

    uids: list[str]
    names: list[str]
    domains: list[str]
    kind: Ints
    created: Floats
    country: Ints
    zone: Ints
    sector: Ints
    source: Ints
    employees: Ints
    size: Ints
    latents: Latents

    def __len__(self) -> int:
        return len(self.uids)

    @property
    def ordinary(self) -> Bools:
        """Neither ours nor a test."""
        return self.kind <= Kind.FREE_MAIL


def sign_ups(scope: Scope) -> Accounts:
    """The accounts of a world."""
    rng, n = scope.rng("accounts"), scope.accounts
    kind = _kinds(n, rng)
    company = _companies(kind, rng)
    created = _created(n, scope.days, rng)
    created[company.sister] = np.maximum(created[company.sister], created[company.first[company.sister]] + 1.0)
    created = np.minimum(created, scope.days - 0.02)
    latents = _latents(n, kind, created, scope.days, rng)
    order = np.argsort(created, kind="stable")
    countries = pick(rng, [weight for _, weight, _ in COUNTRIES], n)[company.first]
    employees = np.exp(rng.normal(3.9, 1.35, n)).clip(1, 40_000).astype(np.int64)[company.first]
    return Accounts(
        uids=[f"{100_000 + 7 * number:08d}" for number in range(n)],
        names=[company.names[place] for place in order],
        domains=[company.domains[place] for place in order],
        kind=kind[order],
        created=created[order],
        country=countries[order],
        zone=zones_of(countries, rng)[order],
        sector=pick(rng, [weight for _, weight in SECTORS], n)[company.first][order],
        source=pick(rng, [weight for _, weight in SOURCES], n)[order],
        employees=employees[order],
        size=_sizes(kind, employees, latents, rng)[order],
        latents=_reorder(latents, order),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Companies:
    names: list[str]
    domains: list[str]
    first: Ints  # the first account of the same company
    sister: Bools  # has an earlier account of the same company


def _kinds(n: int, rng: np.random.Generator) -> Ints:
    staff, tests = max(2, n // 500), max(3, n // 250)
    kind = np.where(rng.random(n) < 0.12, int(Kind.FREE_MAIL), int(Kind.COMPANY)).astype(np.int64)
    chosen = rng.choice(n, size=staff + tests, replace=False)
    kind[chosen[:staff]], kind[chosen[staff:]] = Kind.STAFF, Kind.TEST
    return kind


def _companies(kind: Ints, rng: np.random.Generator) -> _Companies:
    n = len(kind)
    names, labels = company_names(n, rng)
    first = np.arange(n)
    sisters = np.flatnonzero((rng.random(n) < 0.07) & (kind == Kind.COMPANY) & (first > 20))
    mothers = rng.choice(np.flatnonzero(kind == Kind.COMPANY)[:20], size=len(sisters))
    # A few companies have many workspaces, most of the others two.
    nearby = np.array([np.flatnonzero(kind[:place] == Kind.COMPANY)[-1] for place in sisters], dtype=np.int64)
    first[sisters] = np.where(rng.random(len(sisters)) < 0.1, mothers, nearby)
    first = first[first[first[first]]]
    alone = (kind == Kind.COMPANY) & (first == np.arange(n))
    for place, (name, label) in odd_names(np.flatnonzero(alone), rng).items():
        names[place], labels[place] = name, label
    endings = np.where(rng.random(n) < 0.8, ".example", ".test")
    domains = [label + str(ending) for label, ending in zip(labels, endings, strict=True)]
    for place in sisters.tolist():
        names[place] = f"{names[first[place]][:200]} {('Europe', 'Americas', 'Research', 'IT', 'Sales')[place % 5]}"
        domains[place] = domains[first[place]]
    _name_the_rest(kind, names, domains, rng)
    return _Companies(names=names, domains=domains, first=first, sister=first != np.arange(n))


def _name_the_rest(kind: Ints, names: list[str], domains: list[str], rng: np.random.Generator) -> None:
    for place in np.flatnonzero(kind == Kind.STAFF):
        names[place], domains[place] = "Plotline staff", STAFF_DOMAIN
    for number, place in enumerate(np.flatnonzero(kind == Kind.TEST)):
        names[place], domains[place] = f"QA test workspace {number + 1}", "qa.example"
    for place in np.flatnonzero(kind == Kind.FREE_MAIL):
        names[place] = f"{names[place].split(' ')[0]}'s workspace"
        domains[place] = FREE_MAIL_DOMAINS[int(rng.random() < 0.2)]


def _created(n: int, days: int, rng: np.random.Generator) -> Floats:
    old = rng.random(n) < 0.5
    before = -_OLDEST_DAYS * rng.random(n) ** 1.6
    return np.where(old, before, days * rng.random(n) ** 0.85)


def _latents(n: int, kind: Ints, created: Floats, days: int, rng: np.random.Generator) -> Latents:
    intent = rng.normal(0, 1, n) - 0.5 * (kind == Kind.FREE_MAIL)
    habit, curiosity, depth, spirit = (rng.normal(0, 1, n) for _ in range(4))
    grows = rng.random(n) < squash(-1.5 + 0.6 * intent)
    fades = ~grows & (rng.random(n) < 0.25)
    life = rng.exponential(1.0, n) * 40.0 * np.exp(0.5 * intent + 0.3 * habit)
    settled = rng.random(n) < np.where(created < 0, 0.5, 0.35)
    return Latents(
        intent=intent,
        habit=habit,
        curiosity=0.9 * curiosity + 0.4 * intent,
        depth=0.9 * depth + 0.4 * intent,
        spirit=0.9 * spirit + 0.4 * intent,
        drift=np.where(grows, 0.55, np.where(fades, -0.9, 0.0)),
        onset=np.maximum(created + 5, rng.uniform(-20, days, n)),
        awake_until=np.where(settled, np.inf, created + 2.0 + life),
    )


def _sizes(kind: Ints, employees: Ints, latents: Latents, rng: np.random.Generator) -> Ints:
    n = len(kind)
    scale = 1.12 + 0.28 * (np.log(employees) - 3.9) + 0.3 * latents.spirit + 0.1 * latents.habit
    raw = np.exp(scale + rng.normal(0, 1.0, n)) + rng.pareto(1.5, n) * 0.8
    size = (1 + raw).clip(1, 300).astype(np.int64)
    return np.where(kind == Kind.FREE_MAIL, np.minimum(size, 6), np.minimum(size, np.maximum(employees, 1)))


def _reorder(latents: Latents, order: Ints) -> Latents:
    return Latents(**{name: getattr(latents, name)[order] for name in Latents.__dataclass_fields__})
