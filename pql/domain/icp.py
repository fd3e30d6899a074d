"""The ideal customer profile: criteria, personas, eligibility. Definitions only; `fit.py` evaluates them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pql.domain.conditions import Condition


class Of(StrEnum):
    """Whose attribute a criterion reads. For users and answers one that meets it is enough."""

    ACCOUNT = "account"
    USER = "user"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An attribute of a kind of subject. Written `employees`, `user.role` or `answer.budget`."""

    of: Of
    attribute: str

    @classmethod
    def parse(cls, written: str) -> "Subject":
        """Read `employees`, `account.employees`, `user.role` or `answer.budget`."""
        prefix, dot, attribute = written.partition(".")
        if dot and prefix in set(Of):
            return cls(of=Of(prefix), attribute=attribute)
        return cls(of=Of.ACCOUNT, attribute=written)

    def __str__(self) -> str:
        return self.attribute if self.of is Of.ACCOUNT else f"{self.of}.{self.attribute}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitBand:
    """So many points for a value that meets the condition; the first band that does counts."""

    when: Condition
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing that makes a good customer.

    Args:
        name: Unique.
        bands: Points by condition; a criterion with one condition has one band.
        only_if: Conditions on other attributes (keys like `Subject`); where they do not hold the criterion neither
            gives points nor counts for coverage.
        group: Criteria of a group share the group's cap.
    """

    name: str
    title: str
    subject: Subject
    bands: tuple[FitBand, ...]
    only_if: Mapping[str, Condition] = field(default_factory=dict)
    group: str = ""

    @property
    def worth(self) -> float:
        """The most points that it can give."""
        return max((band.points for band in self.bands), default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A negative persona: who looks like a customer and is none (students, job seekers, consultants).

    Args:
        when: Conditions by subject; all must hold.
        points: Taken off the fit (a positive number), unless it disqualifies.
        disqualifies: The lead is not eligible, with `why` as the reason.
    """

    name: str
    why: str
    when: Mapping[str, Condition]
    points: float = 0.0
    disqualifies: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Who is no lead at all, before any score: staff, test accounts, competitors, free-mail companies, open deals.

    Args:
        when: Conditions by subject; all must hold. `domain`, `name`, `plan`, `stage` and `open_deal` are attributes.
        free_mail: True: the lead's domain is one of a free-mail provider.
    """

    name: str
    why: str
    when: Mapping[str, Condition] = field(default_factory=dict)
    free_mail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Icp:
    """The whole profile.

    Args:
        criteria: In the order written.
        group_caps: The most points that a group of criteria gives.
        grades: The least fit points for A, B and C; below C's it is D.
        min_coverage: 0..1; with less known (points of known criteria / all), the grade is `?`.
    """

    criteria: tuple[Criterion, ...]
    grades: Mapping[str, float]
    group_caps: Mapping[str, float] = field(default_factory=dict)
    min_coverage: float = 0.0
    personas: tuple[Persona, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    free_mail_domains: tuple[str, ...] = ()
