"""The course of each account, day by day: use, limits, paywalls, and whether they buy.

Buying depends on intent, on fit, on what was done (use, breadth, depth, sharing, limits, paywalls, prices looked at,
credits, integrations, webinars, demo requests), and on luck: each day every account that does not pay is given a chance
and a die is thrown. Newsletters and how fast the workspace was set up are left out of it.
"""

from dataclasses import dataclass

import numpy as np

from pql.demo.accounts import GOOD_SECTORS, SECTORS, Accounts, Kind
from pql.demo.members import Members, is_student
from pql.demo.names import SENIOR, TITLES
from pql.demo.scope import Bools, Floats, Ints, Scope, squash
from pql.demo.touching import DEMO, WEBINAR, WHITE_PAPER, Touches, heat

# In the order of popularity; the locked ones come with paid plans alone.
FEATURES = (
    "timelines", "dashboards", "reports", "comments", "exports", "funnels", "alerts", "goals", "cohorts",
    "templates", "sql_editor", "integrations",
)  # fmt: skip
LOCKED = ("forecasts", "automation", "single_sign_on", "permissions")
TRIAL_DAYS = 14.0
FREE_SEATS = np.array([6, 12, 20, 30, 50, 100, 200, 300])
FREE_PROJECTS = 10
_OCCASIONS = ("paywalls", "seat_walls", "project_walls", "prices", "projects", "credits", "integrations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What became of the accounts. Tables are accounts by days.

    Args:
        vigour: Times a member's own rate: the chance of use on a working day.
        breadth: How many features the account has tried by then.
        adopted: The features (indexes) of each account in the order in which it tries them.
        occasions: Counts by name: paywalls, seat_walls, project_walls, prices, projects, credits, integrations.
        trial_from, trial_until: Days; inf where there was no trial.
        paid_from, paid_until: Days; inf where they never paid, or still pay.
        fit: How well they fit the product, about standard normal.
        chance: 0..1, the chance of having bought within the world, as it stood each day.
        seat_limit: Seats of the free plan.
        old_projects: Projects before the start.
    """

    vigour: Floats
    breadth: Ints
    adopted: Ints
    occasions: dict[str, Ints]
    trial_from: Floats
    trial_until: Floats
    paid_from: Floats
    paid_until: Floats
    fit: Floats
    chance: Floats
    seat_limit: Ints
    old_projects: Ints

    def paying(self, account: Ints, day: Floats) -> Bools:
        """Whether the accounts paid at those days."""
        paid: Bools = (self.paid_from[account] <= day) & (day < self.paid_until[account])
        return paid


def run_course(scope: Scope, accounts: Accounts, members: Members, touches: Touches) -> Course:
    """Let the days pass."""
    simulation = Simulation(scope, accounts, members, touches)
    for day in range(scope.days):
        simulation.pass_day(day)
    return simulation.course()


class Simulation:
    """The state of all accounts between two days."""

    def __init__(self, scope: Scope, accounts: Accounts, members: Members, touches: Touches) -> None:
        n, days = len(accounts), scope.days
        self.rng = scope.rng("course")
        self.accounts, self.latents, self.days = accounts, accounts.latents, days
        self.strength = members.by_day(days, members.rate)
        self.seats = members.by_day(days, np.ones(len(members)))
        self.fit = true_fit(accounts, members)
        self.adopted, self.breadth = _adoption(accounts, days, self.rng)
        self.seat_limit = FREE_SEATS[np.searchsorted(FREE_SEATS[:-1], accounts.size)]
        self.trial_from, self.trial_until = _trials(accounts, days, self.rng)
        self.paid_from, self.paid_until = self._old_customers(), np.full(n, np.inf)
        self.asked = 1.6 * heat(touches, DEMO, n, days, 14.0) + 0.7 * heat(touches, WEBINAR, n, days, 21.0)
        self.asked += 0.3 * heat(touches, WHITE_PAPER, n, days, 14.0)
        self.vigour = np.zeros((n, days))
        self.occasions = {name: np.zeros((n, days), dtype=np.int64) for name in _OCCASIONS}
        self.old_projects = np.where(accounts.created < 0, np.minimum(self.rng.poisson(2.0, n), FREE_PROJECTS), 0)
        self.projects = self.old_projects.copy()
        self.mood = self.rng.normal(0, 0.35, n)
        self.use, self.walls, self.looks, self.spent = (np.zeros(n) for _ in range(4))
        self.linked = np.zeros(n, dtype=np.int64)
        self.log_survival = np.zeros(n)

    def pass_day(self, day: int) -> None:
        """Use first, then what it leads to, then the die."""
        unpaid = ~((self.paid_from <= day) & (day < self.paid_until))
        activity = self._use(day, unpaid)
        self._meet_limits(day, activity, unpaid)
        self._remember(day, activity)
        self._decide(day, unpaid)
        self._leave(day, ~unpaid)

    def course(self) -> Course:
        """What has come of it."""
        return Course(
            vigour=self.vigour,
            breadth=self.breadth,
            adopted=self.adopted,
            occasions=self.occasions,
            trial_from=self.trial_from,
            trial_until=np.minimum(self.trial_until, np.maximum(self.paid_from, self.trial_from)),
            paid_from=self.paid_from,
            paid_until=self.paid_until,
            fit=self.fit,
            chance=-np.expm1(self.log_survival),
            seat_limit=self.seat_limit,
            old_projects=self.old_projects,
        )

    def _use(self, day: int, unpaid: Bools) -> Floats:
        latents, age = self.latents, day - np.floor(self.accounts.created)
        self.mood = 0.93 * self.mood + self.rng.normal(0, 0.13, len(self.mood))
        drift = (latents.drift * np.maximum(day - latents.onset, 0) / 30.0).clip(-2.4, 1.0)
        honeymoon = 0.8 * np.exp(-np.maximum(age, 0) / 7.0)
        log_vigour = -1.22 + 0.3 * latents.intent + 0.4 * latents.habit + drift + honeymoon + self.mood
        asleep = unpaid & (day > latents.awake_until)
        vigour = np.exp(log_vigour + 0.3 * ~unpaid) * np.where(asleep, 0.012, 1.0) * (age >= 0)
        self.vigour[:, day] = vigour.clip(0, 2.2)
        return self.vigour[:, day] * self.strength[:, day]

    def _meet_limits(self, day: int, activity: Floats, unpaid: Bools) -> None:
        rng, latents = self.rng, self.latents
        today = {name: table[:, day] for name, table in self.occasions.items()}
        busy = np.minimum(activity, 4.0)
        today["paywalls"][:] = rng.poisson(0.032 * busy * np.exp(0.5 * latents.intent) * unpaid)
        full = unpaid & (self.seats[:, day] >= self.seat_limit)
        today["seat_walls"][:] = rng.poisson(0.03 * busy * np.exp(0.4 * latents.spirit) * full)
        tries = rng.poisson(0.04 * busy * np.exp(0.3 * latents.depth))
        room = np.where(unpaid, np.maximum(FREE_PROJECTS - self.projects, 0), tries)
        today["projects"][:] = np.minimum(tries, room)
        today["project_walls"][:] = np.maximum(tries - room, 0)
        self.projects += today["projects"]
        met = today["paywalls"] + today["seat_walls"] + today["project_walls"]
        today["prices"][:] = rng.poisson((0.02 * busy * np.exp(0.8 * latents.intent) + 0.3 * (met > 0)) * unpaid)
        today["credits"][:] = rng.poisson(0.012 * busy * np.exp(0.5 * latents.intent))
        today["integrations"][:] = np.where(
            self.linked < 6, rng.poisson(0.014 * busy * np.exp(0.4 * latents.curiosity)), 0
        )
        self.linked += today["integrations"]

    def _remember(self, day: int, activity: Floats) -> None:
        today = {name: table[:, day] for name, table in self.occasions.items()}
        self.use = 0.9 * self.use + 0.1 * activity
        self.walls = 0.88 * self.walls + today["paywalls"] + today["seat_walls"] + today["project_walls"]
        self.looks = 0.88 * self.looks + today["prices"]
        self.spent = 0.95 * self.spent + today["credits"]

    def _decide(self, day: int, unpaid: Bools) -> None:
        on_trial = (self.trial_from <= day) & (day < self.trial_until + 2)
        ending = on_trial & (day > self.trial_until - 3)
        full = np.maximum(self.seats[:, day] / self.seat_limit, self.projects / FREE_PROJECTS).clip(0, 1)
        latents = self.latents
        pull = (
            0.75 * latents.intent
            + 0.65 * self.fit
            + 0.4 * np.log1p(4.0 * self.use)
            + 0.1 * (self.breadth[:, day] - 3.0)
            + 0.3 * latents.depth
            + 0.2 * latents.spirit
            + 0.6 * np.maximum(full - 0.6, 0) / 0.4
            + 0.55 * np.minimum(self.walls, 3)
            + 0.5 * np.minimum(self.looks, 3)
            + 0.4 * np.minimum(self.spent, 2)
            + 0.15 * np.minimum(self.linked, 4)
            + np.minimum(self.asked[:, day], 2.5)
            + 0.5 * on_trial
            + 0.7 * ending
        )
        awake = (self.use > 0.02) & self.accounts.ordinary & (self.paid_from > day)
        chance = np.where(awake & unpaid, (1.15e-4 * np.exp(pull)).clip(0, 0.12), 0.0)
        self.log_survival += np.log1p(-chance)
        buys = self.rng.random(len(chance)) < chance
        moment = np.maximum(day + 0.3 + 0.4 * self.rng.random(len(chance)), self.accounts.created + 0.01)
        self.paid_from = np.where(buys, moment, self.paid_from)

    def _leave(self, day: int, paying: Bools) -> None:
        low = self.vigour[:, day] < 0.12
        leaves = paying & (self.rng.random(len(low)) < np.where(low, 0.008, 0.0006)) & (day > self.paid_from + 20)
        self.paid_until = np.where(leaves & np.isinf(self.paid_until), day + 0.99, self.paid_until)

    def _old_customers(self) -> Floats:
        accounts, rng = self.accounts, self.rng
        pull = -2.3 + 0.9 * self.latents.intent + 0.6 * self.fit + 0.15 * np.log1p(accounts.size)
        bought = accounts.ordinary & (accounts.created < -10) & (rng.random(len(accounts)) < squash(pull))
        return np.where(bought, accounts.created * rng.random(len(accounts)) ** 0.5, np.inf)


def true_fit(accounts: Accounts, members: Members) -> Floats:
    """How well an account fits in truth: size, sector, who is on board; standardised."""
    senior = np.array([*(title in SENIOR for title, _, _ in TITLES), False])[members.title]
    on_board = np.bincount(members.account, weights=senior, minlength=len(accounts)) > 0
    good = np.isin(accounts.sector, [place for place, (name, _) in enumerate(SECTORS) if name in GOOD_SECTORS])
    size = np.select([(accounts.employees >= 50) & (accounts.employees <= 1000), accounts.employees >= 20], [1.0, 0.4])
    raw = size + 0.7 * good + 0.6 * on_board - 1.0 * (accounts.kind == Kind.FREE_MAIL) - 1.0 * is_student(accounts)
    fit: Floats = (raw - raw.mean()) / raw.std()
    return fit


def _adoption(accounts: Accounts, days: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    n = len(accounts)
    popularity = np.array([2.0**-place for place in range(len(FEATURES))]) ** 0.55
    waits = rng.exponential(1.0, (n, len(FEATURES))) * 3.2 / popularity
    waits = waits * np.exp(-0.5 * accounts.latents.curiosity)[:, None]
    day = accounts.created[:, None] + waits
    order = np.argsort(day, axis=1, kind="stable")
    sorted_days = np.take_along_axis(day, order, axis=1)
    breadth = np.stack([(sorted_days <= at + 1.0).sum(axis=1) for at in range(days)], axis=1)
    return order, np.maximum(breadth, 1)


def _trials(accounts: Accounts, days: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    n = len(accounts)
    at_once = rng.random(n) < squash(-0.7 + 0.4 * accounts.latents.intent)
    later = accounts.created + 5.0 + rng.exponential(150.0, n)
    begin = np.where(at_once, accounts.created, np.where(rng.random(n) < 0.5, later, np.inf))
    begin = np.where(accounts.ordinary & (begin < days), begin, np.inf)
    return begin, begin + TRIAL_DAYS
