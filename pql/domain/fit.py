"""Fit to the ideal customer profile, and eligibility. Every formula is written out in docs/scoring.md."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.domain.conditions import Attributes, BoolArray, Condition, Where
from pql.domain.icp import Criterion, Exclusion, Icp, Of, Subject

Floats = npt.NDArray[np.float64]


class Profile:
    """What is known of the leads, their users and their answers, to hold conditions against.

    Args:
        leads: Index `lead_id`, unique; attributes as columns.
        users: `lead_id` and attributes as columns; users of other leads do not count.
        answers: `lead_id`, `question`, `answer`.
    """

    def __init__(self, leads: pd.DataFrame, users: pd.DataFrame, answers: pd.DataFrame) -> None:
        self.leads = Attributes(leads)
        self.users = Attributes(users)
        self._user_rows = leads.index.get_indexer(pd.Index(users["lead_id"]))
        self._answers: dict[str, tuple[pd.Series[Any], npt.NDArray[np.intp]]] = {}
        rows = leads.index.get_indexer(pd.Index(answers["lead_id"]))
        self._asked = answers.assign(question=answers["question"].astype(str).str.casefold(), row=rows)

    def known(self, subject: Subject) -> BoolArray:
        """For each lead whether the attribute has a value: its own, or that of any user or answer."""
        if subject.of is Of.ACCOUNT:
            return self.leads.column(subject.attribute).notna().to_numpy(dtype=bool)
        if subject.of is Of.USER:
            return self._any(self.users.column(subject.attribute).notna().to_numpy(dtype=bool), self._user_rows)
        values, rows = self._answered(subject.attribute)
        return self._any(values.notna().to_numpy(dtype=bool), rows)

    def meets(self, when: Mapping[str, Condition]) -> BoolArray:
        """For each lead whether all conditions hold; keys are written like `Subject`.

        All conditions on users must hold of one and the same user. What is unknown meets only `exists: false`: for
        users where some user (or no user at all) lacks the attribute, for answers where nobody answered.
        """
        met = np.ones(len(self.leads), dtype=bool)
        of_users: dict[str, Condition] = {}
        for written, condition in when.items():
            subject = Subject.parse(written)
            if subject.of is Of.USER:
                of_users[subject.attribute] = condition
            elif subject.of is Of.ANSWER:
                met &= self._answer_meets(subject, condition)
            else:
                met &= self.leads.meet(subject.attribute, condition)
        return met & self._some_user_meets(of_users) if of_users else met

    def _some_user_meets(self, conditions: Mapping[str, Condition]) -> BoolArray:
        met = self._any(Where(tuple(conditions.items())).holds(self.users), self._user_rows)
        if all(condition.exists is False for condition in conditions.values()):
            met |= ~self._any(np.ones(len(self.users), dtype=bool), self._user_rows)
        return met

    def _answer_meets(self, subject: Subject, condition: Condition) -> BoolArray:
        if condition.exists is False:
            return ~self.known(subject)
        values, rows = self._answered(subject.attribute)
        return self._any(condition.holds(values), rows)

    def _answered(self, question: str) -> "tuple[pd.Series[Any], npt.NDArray[np.intp]]":
        if question not in self._answers:
            given = self._asked[self._asked["question"] == question.casefold()]
            self._answers[question] = given["answer"], given["row"].to_numpy()
        return self._answers[question]

    def _any(self, holds: BoolArray, rows: npt.NDArray[np.intp]) -> BoolArray:
        some = np.zeros(len(self.leads), dtype=bool)
        some[rows[holds & (rows >= 0)]] = True
        return some


def fit(icp: Icp, profile: Profile) -> pd.DataFrame:
    """How well each lead fits.

    Args:
        icp: The profile that is wanted.
        profile: What is known.

    Returns:
        Index `lead_id`: `fit` (points >= 0), `coverage` (0..1: points of the known criteria / of all, without those
        that a gate leaves out; 1 where there are none), `fit_grade` (A-D, or `?` below `min_coverage`); for each
        criterion `criterion.<name>` (points, NaN unknown, 0 left out) and, if it has a gate, `gated.<name>` (bool);
        for each persona `persona.<name>` (bool).
    """
    size = len(profile.leads)
    met, known, counts = _criteria(icp.criteria, profile)
    worth = {criterion.name: max(criterion.worth, 0.0) for criterion in icp.criteria}
    total = sum((worth[name] * counts[name] for name in counts), np.zeros(size))
    certain = sum((worth[name] * (counts[name] & known[name]) for name in counts), np.zeros(size))
    coverage = np.divide(certain, total, out=np.ones(size), where=total > 0)
    personas = {persona.name: profile.meets(persona.when) for persona in icp.personas}
    lowered = sum((p.points * personas[p.name] for p in icp.personas if not p.disqualifies), np.zeros(size))
    points = np.maximum(_grouped(icp, met, size) - lowered, 0.0)
    shown = {f"criterion.{name}": np.where(~counts[name] | known[name], met[name], np.nan) for name in met}
    gates = {f"gated.{c.name}": ~counts[c.name] for c in icp.criteria if c.only_if}
    return pd.DataFrame(
        {"fit": points, "coverage": coverage, "fit_grade": _grades(icp, points, coverage)}
        | shown
        | gates
        | {f"persona.{name}": held for name, held in personas.items()},
        index=profile.leads.index,
    )


def _criteria(
    criteria: Sequence[Criterion], profile: Profile
) -> tuple[dict[str, Floats], dict[str, BoolArray], dict[str, BoolArray]]:
    """For each criterion the points met, whether it is known, and whether its gate lets it count."""
    met: dict[str, Floats] = {}
    known: dict[str, BoolArray] = {}
    counts: dict[str, BoolArray] = {}
    for criterion in criteria:
        subject = str(criterion.subject)
        held = [profile.meets({subject: band.when}) for band in criterion.bands]
        points = np.select(held, [np.float64(band.points) for band in criterion.bands], 0.0)
        counts[criterion.name] = profile.meets(criterion.only_if)
        met[criterion.name] = np.where(counts[criterion.name], points, 0.0)
        # `exists: false` is an answer where nothing is known.
        known[criterion.name] = profile.known(criterion.subject) | np.logical_or.reduce(held)
    return met, known, counts


def _grouped(icp: Icp, met: Mapping[str, Floats], size: int) -> Floats:
    """The points of all criteria; the positive ones of a group count up to its cap."""
    total = np.zeros(size)
    for group in dict.fromkeys(criterion.group for criterion in icp.criteria):
        points = [met[criterion.name] for criterion in icp.criteria if criterion.group == group]
        lifted = sum((np.maximum(part, 0.0) for part in points), np.zeros(size))
        lowered = sum((np.minimum(part, 0.0) for part in points), np.zeros(size))
        # Criteria that name no group share none.
        total += (np.minimum(lifted, icp.group_caps.get(group, np.inf)) if group else lifted) + lowered
    return total


def _grades(icp: Icp, points: Floats, coverage: Floats) -> Any:
    names = np.array(["?", "A", "B", "C", "D"], dtype=object)
    rounded = np.round(points, 6)  # as the behaviour score: a fit of 60 must be 60
    reached = [np.round(coverage, 6) < icp.min_coverage, *(rounded >= icp.grades[name] for name in "ABC")]
    return pd.array(names[np.select(reached, [0, 1, 2, 3], 4)], dtype="str")


def eligibility(icp: Icp, profile: Profile, *, free_mail: frozenset[str] = frozenset()) -> pd.DataFrame:
    """Who is a lead at all.

    Args:
        icp: Its exclusions apply in the order written, then its personas that disqualify.
        profile: What is known; `domain` tells a free-mail address.
        free_mail: The domains of free-mail providers, in lower case; those of the profile are added.

    Returns:
        Index `lead_id`: `eligible` (bool), `ineligible_why` (the first reason that applies, "" if none), and for
        each exclusion `exclusion.<name>` (bool): all reasons that apply.
    """
    domains = free_mail | {domain.casefold() for domain in icp.free_mail_domains}
    held = {rule.name: _excluded(rule, profile, domains) for rule in icp.exclusions}
    unwanted = [persona for persona in icp.personas if persona.disqualifies]
    every = [*held.values(), *(profile.meets(persona.when) for persona in unwanted)]
    reasons = np.array([*(rule.why for rule in icp.exclusions), *(persona.why for persona in unwanted), ""], object)
    first = np.select(every, list(range(len(every))), len(every)) if every else np.zeros(len(profile.leads), dtype=int)
    return pd.DataFrame(
        {"eligible": first == len(every), "ineligible_why": pd.array(reasons[first], dtype="str")}
        | {f"exclusion.{name}": part for name, part in held.items()},
        index=profile.leads.index,
    )


def _excluded(rule: Exclusion, profile: Profile, domains: frozenset[str]) -> BoolArray:
    nobody = np.zeros(len(profile.leads), dtype=bool)
    if not rule.free_mail:
        # A rule that says nothing excludes nobody.
        return profile.meets(rule.when) if rule.when else nobody
    if not domains:
        return nobody
    private = profile.leads.meet("domain", Condition(among=tuple(sorted(domains))))
    return profile.meets(rule.when) & private
