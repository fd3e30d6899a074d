"""A plan's inputs, level by level: which can be had, and the frames that `Plan.finish` turns into measures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from pql.domain.calendar import Calendar, to_micros
from pql.domain.measures import Missing
from pql.domain.partials import (
    AllowanceInput,
    AttributeInput,
    Input,
    Level,
    PartialInput,
    StatementInput,
    UserCountInput,
)
from pql.domain.partials import Relation as Happening
from pql.domain.plan import Keyed, Plan, by_instant
from pql.domain.texts import among
from pql.warehouse.happenings import Usable
from pql.warehouse.inputs import allowance_columns, attribute_column, statement_column, user_counts
from pql.warehouse.leads import SUBSCRIPTION_COLUMNS
from pql.warehouse.measuring import Floats, Grid, Measuring, Task
from pql.warehouse.members import Members
from pql.warehouse.relations import Relations
from pql.warehouse.rollup.rollup import Rollup
from pql.warehouse.source import Source


@dataclass(frozen=True, kw_only=True)
class PlanReader:
    """One plan at a set of instants.

    Args:
        instants: Sorted.
        lead_ids: The only leads wanted, where they are so few that statements name them; None: all are read.
        wanted: The only leads wanted, however many; None: all.
        usable: The rows that count of a relation, of these accounts only (None: of all).
        facts: What is known of accounts, users or companies at an instant.
        allowances: The rows of the allowances relation.
        rollup: Where it reaches these instants: in place of the rows.
    """

    source: Source
    relations: Relations
    members: Members
    calendar: Calendar
    plan: Plan
    instants: Sequence[datetime]
    lead_ids: Sequence[str] | None
    wanted: Sequence[str] | None
    usable: Callable[[Happening, Sequence[str] | None], Usable]
    facts: Callable[[datetime, Level], pd.DataFrame]
    allowances: Callable[[], pd.DataFrame]
    rollup: Rollup | None = None

    def read(self) -> Mapping[Level, Keyed]:
        """The merged inputs of each level."""
        levels = self.plan.levels()
        pairs = {level: self._pairs(level) for level in levels}
        keys = {level: self._keys(level, pairs[level]) for level in levels}
        grids = {level: self._grid(keys[level]) for level in levels}
        absent = {level: self._absent(level) for level in levels}
        columns: dict[Level, dict[str, Any]] = {level: {} for level in levels}
        for level, found in self._of_rows(absent, grids).items():
            columns[level] |= found
        for level in levels:
            for source, label in self.plan.columns(level).items():
                if label not in absent[level] and not isinstance(source, PartialInput):
                    columns[level] |= self._other(source, label, level, grids[level])
        return {
            level: Keyed(
                frame=self._frame(keys[level], columns[level]),
                leads=None if level is self.plan.lead else pairs[level],
                absent=absent[level],
            )
            for level in levels
        }

    def _pairs(self, level: Level) -> pd.DataFrame:
        pairs = self.members.pairs(level, self.plan.lead)
        if self.wanted is None:
            return pairs
        return pairs[among(pairs["lead_id"], self.wanted)].reset_index(drop=True)

    def _keys(self, level: Level, pairs: pd.DataFrame) -> pd.DataFrame:
        keys = self.members.keys(level)
        if self.wanted is not None:
            keys = keys[among(keys["key"], pairs["key"])]
        return keys.sort_values("key", ignore_index=True)

    def _grid(self, keys: pd.DataFrame) -> Grid:
        return Grid([to_micros(instant) for instant in self.instants], pd.Index(keys["key"]))

    def _frame(self, keys: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
        instants = [to_micros(instant) for instant in self.instants]
        index = by_instant(instants, pd.Index(keys["key"]))
        created = np.tile(keys["created_at"].to_numpy(), len(instants))
        values = {"created_at": created} | {
            name: column.array if isinstance(column, pd.Series) else column for name, column in columns.items()
        }
        return pd.DataFrame(values, index=index, copy=False)

    # --- what cannot be had ---

    def _absent(self, level: Level) -> Mapping[str, Missing]:
        lacks = {label: self._lack(source, level) for source, label in self.plan.columns(level).items()}
        return {label: lack for label, lack in lacks.items() if lack is not Missing.NONE}

    def _lack(self, source: Input, level: Level) -> Missing:
        match source:
            case PartialInput():
                return self._partial_lack(source, level)
            case AttributeInput(name=name):
                return self._attribute_lack(name, level)
            case UserCountInput(where=where):
                users = self.relations.get("users")
                if users is None:
                    return Missing.NO_RELATION
                return Missing.NONE if all(users.has(name) for name in where.columns) else Missing.NO_COLUMN
            case AllowanceInput():
                return Missing.NONE if "allowances" in self.relations else Missing.NO_RELATION
            case StatementInput(file=file):
                return Missing.NONE if file in self.source.usage.statements else Missing.NO_RELATION

    def _partial_lack(self, source: PartialInput, level: Level) -> Missing:
        relation = self.relations.get(source.partial.relation.value)
        if relation is None:
            return Missing.NO_RELATION
        if not relation.has_all(source.partial):
            return Missing.NO_COLUMN
        covered = self.rollup is None or self.rollup.covers(source, level, self.instants)
        return Missing.NONE if covered else Missing.BUILDING

    def _attribute_lack(self, name: str, level: Level) -> Missing:
        if self.relations.needed("accounts").has(name):
            return Missing.NONE
        users = self.relations.get("users") if level is Level.USER else None
        if users is not None and users.has(name):
            return Missing.NONE
        elsewhere = dict.fromkeys(SUBSCRIPTION_COLUMNS, "subscriptions") | {"open_deal": "deals"}
        if name not in elsewhere:
            return Missing.NO_COLUMN
        return Missing.NONE if elsewhere[name] in self.relations else Missing.NO_RELATION

    # --- what can ---

    def _of_rows(
        self, absent: Mapping[Level, Mapping[str, Missing]], grids: Mapping[Level, Grid]
    ) -> Mapping[Level, Mapping[str, Floats]]:
        found: dict[Level, dict[str, Floats]] = {level: {} for level in grids}
        for happening in Happening:
            task = self._task(happening, absent)
            if task.all_inputs():
                for level, columns in self._of_one(happening, task, grids).items():
                    found[level] |= columns
        return found

    def _of_one(
        self, happening: Happening, task: Task, grids: Mapping[Level, Grid]
    ) -> Mapping[Level, Mapping[str, Floats]]:
        companies = self.members.companies
        if self.rollup is None:
            usable = self.usable(happening, self._accounts())
            return Measuring(self.source, usable, companies, self.calendar, self.instants).run(task, grids)
        return self.rollup.measure(
            happening,
            task,
            grids,
            self.instants,
            companies=companies,
            members=self.members.accounts_of_users,
            few=self.lead_ids is not None,
        )

    def _task(self, happening: Happening, absent: Mapping[Level, Mapping[str, Missing]]) -> Task:
        return Task(
            {
                level: {
                    source: label
                    for source, label in self.plan.columns(level).items()
                    if isinstance(source, PartialInput)
                    and source.partial.relation is happening
                    and label not in absent[level]
                }
                for level in self.plan.levels()
            }
        )

    def _accounts(self) -> Sequence[str] | None:
        """The only accounts whose rows matter; None: all. A user's rows may lie in any account."""
        if self.lead_ids is None or Level.USER in (self.plan.lead, *self.plan.levels()):
            return None
        level = Level.COMPANY if Level.COMPANY in self.plan.levels() else self.plan.lead
        companies = self.members.pairs(Level.ACCOUNT, level)
        if level is not self.plan.lead:
            companies = companies[among(companies["lead_id"], self._pairs(level)["key"])]
            return companies["key"].tolist()
        return self._pairs(Level.ACCOUNT)["key"].tolist()

    def _other(self, source: Input, label: str, level: Level, grid: Grid) -> Mapping[str, Any]:
        match source:
            case AttributeInput(name=name):
                by_instant = [self.facts(instant, level) for instant in self.instants]
                return {label: attribute_column(name, by_instant, grid)}
            case UserCountInput():
                return {label: user_counts(source, self.members, level, grid)}
            case AllowanceInput():
                pairs = self.members.pairs(Level.ACCOUNT, level)
                columns = allowance_columns(source, self.allowances(), pairs, grid)
                return {f"{label}.{part}": column for part, column in columns.items()}
            case StatementInput():
                return {label: statement_column(source, self.source, level, grid, self.instants)}
            case _:
                return {}
