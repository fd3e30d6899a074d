"""Reading the rows of a batch of days: once, into what each user did on each of them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import Calendar
from pql.domain.partials import Relation as Happening
from pql.warehouse.days import rolled_from
from pql.warehouse.relations import Relation
from pql.warehouse.rollup.by_user import ByUser
from pql.warehouse.rollup.columns import Family, Stored
from pql.warehouse.rollup.homes import Home
from pql.warehouse.rollup.rolling import Batch
from pql.warehouse.rollup.staging import stage
from pql.warehouse.rollup.states import States
from pql.warehouse.rollup.touched import Touched
from pql.warehouse.rollup.user_days import facts_of, needs_rows
from pql.warehouse.slices import Facts
from pql.warehouse.source import Source


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of some days.

    Args:
        batch: The statements over their rows, in the source.
        by_user: The statements over what each user did, in the home or in the source.
        orphans: How many rows of each day name no account, by day.
        in_source: Whether what each user did stayed there: it is too much for the program to hold.
    """

    batch: Batch
    by_user: ByUser
    orphans: "pd.Series[int]"
    in_source: bool


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads days of one relation.

    Args:
        users: The relation through which rows without an account find theirs.
        columns: What is needed.
    """

    source: Source
    home: Home
    relation: Relation
    happening: Happening
    users: Relation | None
    calendar: Calendar
    columns: Sequence[Stored]

    @contextmanager
    def read(self, days: Sequence[int], touched: Touched, as_of: datetime, *, many: bool) -> Iterator[Read]:
        """What there is of some days before an instant; all values of small domains have numbers then.

        What each user did comes into the home, unless there are `many` rows.
        """
        start, end = rolled_from(self.calendar, min(days)), min(as_of, self.calendar.start_of(max(days) + 1))
        facts = facts_of(self.columns)
        rows, made = stage(
            self.source,
            self.relation,
            self.happening,
            self.users,
            facts,
            self.calendar,
            start=start,
            end=end,
            days=days,
            touched=touched,
            again=any(map(needs_rows, self.columns)),
        )
        bounds = self.calendar.start_of(min(days) - 1), end + timedelta(days=1)
        with ExitStack() as stack:
            read = self._numbered(stack, rows, facts, bounds, many=many)
            for name in made:
                stack.callback(self.source.drop, name)
            yield read

    def _numbered(
        self, stack: ExitStack, rows: Any, facts: Facts, bounds: tuple[datetime, datetime], *, many: bool
    ) -> Read:
        """Rows by user; read once more if they had a value that has no number."""
        bits = dict.fromkeys(str(column.of) for column in self.columns if column.family is Family.BITS)
        known = States(self.home).dictionary(self.happening)
        new = [of for of in bits if of not in known]
        while True:
            batch = self._batch(rows, facts, new)
            name, columns = f"pql_by_user_{self.relation.name}", batch.parts.columns()
            stage_it = self.home.staged_in_source if many else self.home.staged
            table = stack.enter_context(stage_it(name, columns, batch.by_user(), self.relation.file.path))
            engine = self.source.engine if many else self.home.engine
            by_user = ByUser(table, batch.parts, batch.columns, engine, self.calendar, *bounds)
            told = self._told(by_user, many=many)
            new = [of for of, unknown in batch.parts.unknown.items() if told[unknown].any()]
            if not new:
                return Read(batch, by_user, told["orphans"], many)

    def _told(self, by_user: ByUser, *, many: bool) -> pd.DataFrame:
        select = by_user.told()
        found = self.source.fetch(select, self.relation.file.path) if many else self.home.fetch(select)
        return found.set_index("day").astype("int64")

    def _batch(self, rows: Any, facts: Facts, new: Sequence[str]) -> Batch:
        """Some rows, whose values have numbers; but for a domain that has just become too large for bits."""
        states = States(self.home)
        for of in new:
            self._learn(states, rows, facts, of)
        layout = states.layout(bits=self.home.engine.has_bits and self.source.engine.has_bits)
        columns = [
            column
            for column in self.columns
            if column.family is not Family.BITS or layout.family(column.partial()) is Family.BITS
        ]
        return Batch(rows, facts, columns, states.dictionary(self.happening), self.source.engine)

    def _learn(self, states: States, rows: Any, facts: Facts, of: str) -> None:
        """Give the values of these rows that have no number one."""
        value, numbers = rows.c[facts.texts[of]], states.dictionary(self.happening).get(of, {})
        select = sa.select(value.label("value")).where(value.is_not(None)).distinct()
        if numbers:
            select = select.where(value.not_in(list(numbers)))
        new = self.source.fetch(select.limit(1000), self.relation.file.path)["value"].astype(str).tolist()
        if new:
            states.learn(self.happening, of, new)
