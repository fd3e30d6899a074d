"""The rows of a batch of days, read once: which days go together, and what of them is rolled again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import Calendar
from pql.domain.partials import Relation as Happening
from pql.warehouse.days import rolled_day
from pql.warehouse.happenings import Surveyor, Usable
from pql.warehouse.relations import Relation
from pql.warehouse.rollup.touched import WHOLE, Overtaken, Touched, figure
from pql.warehouse.slices import Facts
from pql.warehouse.source import Source

# So many rows are rolled at once: it bounds memory, and what a crash can cost.
MOST_ROWS = 2_000_000


def stage(
    source: Source,
    relation: Relation,
    happening: Happening,
    users: Relation | None,
    facts: Facts,
    calendar: Calendar,
    *,
    start: datetime | None,
    end: datetime,
    days: Sequence[int] | None = None,
    touched: Touched = WHOLE,
    again: bool = True,
) -> tuple[Any, list[str]]:
    """The rows of [start, end) with their day and facts.

    Without a start, from the first row on; with `days`, those of these days that are rolled again. What is read
    `again` is a temporary table, where there can be one; else it is a subquery.

    Returns:
        What to select from, and the temporary tables to drop.
    """
    surveyed = Surveyor(source, relation, happening, calendar, start, end).survey(orphans=False)
    usable = Usable(relation, happening, users, surveyed)
    readers, compared = facts.readers(source.engine), facts.compared
    some = days is not None and (touched.of(days)[1] or len(days) < max(days) - min(days) + 1)
    # The oldest day reaches back to the beginning.
    exact = start is not None and relation.exact
    beneath = touched.beneath(calendar, days) if some and days is not None and start is not None else None
    selected = usable.select(readers, start=start, end=end, where=beneath, attributed=False, folded=compared)
    rows = selected.subquery()
    day = rolled_day(source.engine, calendar, rows.c.at_micros, start, end)
    select = sa.select(*rows.c, day.label("day"))
    if some and days is not None and not exact:
        key = touched.keys(rows.c.account_id, rows.c.user_id, rows.c.account_id.is_(None))
        select = select.where(touched.within(day, list(days), key))
    name, doubled = f"pql_rolling_{relation.name}", [f"pql_twice_{relation.name}", f"pql_kept_{relation.name}"]
    if not again:
        return select.subquery(name), doubled
    columns: list[sa.Column[Any]] = [
        sa.Column("account_id", sa.Text),
        sa.Column("user_id", sa.Text),
        sa.Column("at_micros", sa.BigInteger),
        *facts.columns(),
        sa.Column("day", sa.BigInteger),
    ]
    table = source.fill(name, columns, select, relation.file.path)
    return (select.subquery(name), doubled) if table is None else (table, [*doubled, name])


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found: what there is of each day, what it was rolled from, and which keys changed."""

    found: pd.DataFrame
    known: pd.DataFrame
    touched: Touched

    def rows(self, day: int) -> int:
        """How many rows are read, by a guess, to roll a day again."""
        fresh = int(self.found["row_count"].get(day, 0))
        return fresh - int(self.known["row_count"].get(day, 0)) if day in self.touched.orphans else fresh

    def orphans(self, day: int) -> int:
        """How many rows of a day name no account, of which only some keys are rolled again."""
        return figure(self.known, day, "orphans") + self.touched.orphans[day]

    def still(self, states: pd.DataFrame, days: Sequence[int]) -> None:
        """See that the days of which only some keys are rolled are as they were.

        Raises:
            Overtaken: Another job rolled one of them.
        """
        part = self.touched.of(days)[1]
        if part and not states.reindex(part).equals(self.known.reindex(part)):
            raise Overtaken


def batches(days: Sequence[int], looked: Looked) -> Iterator[list[int]]:
    """Days, the newest first, so many at once as have not too many rows; days with rows between are not read along."""
    batch: list[int] = []
    rows, there = 0, looked.found.index[looked.found["row_count"] > 0]
    for day in days:
        own = looked.rows(day)
        if batch and (rows + own > MOST_ROWS or ((there > day) & (there < batch[-1])).any()):
            yield batch
            batch, rows = [], 0
        batch.append(day)
        rows += own
    if batch:
        yield batch
