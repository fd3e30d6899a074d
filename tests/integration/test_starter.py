"""The starter over the demo company: it finds the buyers among many, and few of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pytest

from pql.config import load
from pql.config.settings import Project
from pql.config.starter import copy_starter
from pql.demo import UNTIL, generate
from pql.domain.evaluation import Evaluation, Outcome
from pql.jobs.reading import evaluated, read
from pql.warehouse import open_warehouse

_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})
_DAYS_BEFORE = 30


@dataclass(frozen=True)
class Starter:
    project: Project
    evaluation: Evaluation

    @property
    def candidates(self) -> "pd.Index[str]":
        """The leads that could become customers."""
        could = self.evaluation.scores["eligible"] & self.evaluation.leads["stage"].isin(["trial", "free"])
        return could.index[could]

    @property
    def qualified(self) -> "pd.Index[str]":
        bar = self.project.definitions.qualification.enter
        scores = self.evaluation.scores.loc[self.candidates]
        return scores.index[(scores["tier"] == bar.tier) & (scores["behaviour"] >= bar.behaviour)]

    def bought_since(self, project: Project) -> "pd.Series[bool]":
        """For each candidate whether it became a customer between the evaluation and the end."""
        warehouse = open_warehouse(project)
        try:
            later = warehouse.leads(as_of=UNTIL)["converted_at"].reindex(self.candidates)
        finally:
            warehouse.close()
        return later.notna()


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Starter:
    folder: Path = tmp_path_factory.mktemp("starter") / "project"
    copy_starter(folder)
    generate(folder / "data" / "usage.duckdb", accounts=1_500, days=90)
    project = load(folder, _NO_ENVIRONMENT)
    warehouse = open_warehouse(project)
    try:
        reading = read(warehouse, project.definitions, as_of=UNTIL - timedelta(days=_DAYS_BEFORE))
    finally:
        warehouse.close()
    return Starter(project, evaluated(project, reading))


def test_the_source_gives_all_that_the_starter_asks_for(starter: Starter) -> None:
    warehouse = open_warehouse(starter.project)
    try:
        assert list(warehouse.inspect()) == []
    finally:
        warehouse.close()


def test_every_signal_fires_for_some_and_for_no_more_than_half(starter: Starter) -> None:
    outcomes = starter.evaluation.verdicts.outcomes.loc[starter.candidates]
    fired = outcomes.eq(Outcome.FIRED).mean()
    assert fired[(fired == 0) | (fired > 0.5)].to_dict() == {}


def test_few_leads_qualify(starter: Starter) -> None:
    assert 0.005 < len(starter.qualified) / len(starter.candidates) < 0.05


def test_those_who_qualify_buy_far_more_often(starter: Starter) -> None:
    bought = starter.bought_since(starter.project)
    assert bought.loc[starter.qualified].mean() > 3 * bought.mean() > 0


def test_the_worse_the_fit_the_fewer_buy(starter: Starter) -> None:
    bought = starter.bought_since(starter.project)
    grades = starter.evaluation.scores.loc[starter.candidates, "fit_grade"]
    assert bought[grades.isin(["A", "B"])].mean() > bought[grades.isin(["C", "D"])].mean()


def test_our_own_people_and_tests_and_private_addresses_are_no_leads(starter: Starter) -> None:
    reasons = set(starter.evaluation.scores["ineligible_why"])
    assert reasons >= {"Our own people", "A test account", "A private mail address", "Sales talks to them already"}
