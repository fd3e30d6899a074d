"""What the rollup knows of itself: which columns there are, which days are rolled, which values have bits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pql.domain.partials import Level
from pql.domain.partials import Relation as Happening
from pql.warehouse.rollup.changes import STATE
from pql.warehouse.rollup.columns import MOST_BITS, Layout, Stored
from pql.warehouse.rollup.homes import Home
from pql.warehouse.rollup.rolling import Dictionary
from pql.warehouse.rollup.tables import slices_name, text, whole

# A column that is kept of all days that there are.
COMPLETE = -(10**7)


@dataclass
class States:
    """Reads and writes the rollup's own bookkeeping."""

    home: Home

    # --- columns ---

    def built_from(self) -> Mapping[tuple[str, str, str], int | None]:
        """From which day on each column is there, by relation, grain and name; None: from none yet."""
        return {key: built for key, (built, _) in self.kept().items()}

    def kept(self) -> Mapping[tuple[str, str, str], tuple[int | None, str]]:
        """The same, and what each column counts."""
        kept = self.home.tables.kept
        columns = (kept.c.relation, kept.c.grain, kept.c.name, kept.c.built_from, kept.c.described)
        return {
            (str(relation), str(grain), str(name)): (None if pd.isna(built) else int(built), str(described))
            for relation, grain, name, built, described in self.home.fetch(sa.select(*columns)).itertuples(index=False)
        }

    def add(self, columns: Iterable[Stored]) -> None:
        """Make room for columns that are not there yet."""
        kept, needed, known = self.home.tables.kept, list(columns), self.built_from()
        if all(key_of(column) in known for column in needed):
            return
        with self.home.transaction() as connection:
            # Another job may have added some before we had the lock.
            known = self.built_from()
            for column in (column for column in needed if key_of(column) not in known):
                self._widen(connection, column)
                relation, grain, name = key_of(column)
                row = {
                    "relation": relation,
                    "grain": grain,
                    "name": name,
                    "described": " ".join(part for part in (column.of or "", str(column.where)) if part),
                    "built_from": None,
                }
                connection.execute(sa.insert(kept).values(row))

    def _widen(self, connection: sa.Connection, column: Stored) -> None:
        schema, name = self.home.tables.schema, slices_name(column.relation, column.grain)
        table = sa.Table(
            name, sa.MetaData(), text("account_id"), text("user_id"), whole("day", nullable=False), schema=schema
        )
        if not sa.inspect(connection).has_table(name, schema=schema):
            connection.execute(sa.schema.CreateTable(table))
            self.home.index(connection, table)
        quote = connection.dialect.identifier_preparer
        for physical in column.physical():
            # SQLAlchemy has no construct for it; the name is our own digest.
            connection.exec_driver_sql(
                f"ALTER TABLE {quote.format_table(table)} ADD COLUMN {quote.quote_identifier(physical)} BIGINT"
            )

    def built(self, connection: sa.Connection, columns: Iterable[Stored], day: int) -> None:
        """Columns are there from a day on."""
        kept = self.home.tables.kept
        for column in columns:
            relation, grain, name = key_of(column)
            same = (kept.c.relation == relation) & (kept.c.grain == grain) & (kept.c.name == name)
            connection.execute(sa.update(kept).where(same).values(built_from=day))

    def neglect(self, connection: sa.Connection, relation: Happening, columns: Iterable[Stored]) -> None:
        """Days were rolled with these columns only: any other must be filled in anew before it is used again."""
        kept = self.home.tables.kept
        rest = kept.c.name.not_in([column.name for column in columns])
        own = (kept.c.relation == relation.value) & kept.c.built_from.is_not(None)
        connection.execute(sa.update(kept).where(own, rest).values(built_from=None))

    def clear(self, relation: Happening) -> None:
        """Forget all days of a relation: its SQL has changed, and with it what its rows mean."""
        tables, built = self.home.tables, self.built_from()
        own = [(grain, name) for of, grain, name in built if of == relation.value]
        with self.home.transaction() as connection:
            for grain in {grain for grain, _ in own}:
                connection.execute(sa.delete(tables.slices(relation, Level(grain), [])))
            for table in (tables.values(relation), tables.edges(relation), tables.lasts(relation)):
                connection.execute(sa.delete(table))
            for table in (tables.days, tables.dictionary):
                connection.execute(sa.delete(table).where(table.c.relation == relation.value))
            firsts = tables.firsts
            connection.execute(sa.delete(firsts).where(firsts.c.name.in_([name for _, name in own])))
            kept = tables.kept
            connection.execute(sa.update(kept).where(kept.c.relation == relation.value).values(built_from=None))

    # --- facts about the rollup ---

    def fact(self, name: str) -> str | None:
        """A fact by name; None where it is not known."""
        meta = self.home.tables.meta
        frame = self.home.fetch(sa.select(meta.c.value).where(meta.c.name == name))
        return None if frame.empty else str(frame["value"].iloc[0])

    def remember(self, name: str, value: str) -> None:
        """Keep a fact."""
        meta = self.home.tables.meta
        with self.home.transaction() as connection:
            connection.execute(sa.delete(meta).where(meta.c.name == name))
            connection.execute(sa.insert(meta).values(name=name, value=value))

    # --- days ---

    def days(self, relation: Happening) -> pd.DataFrame:
        """The rolled days of a relation: index `day`; the columns of `STATE`, `orphans` (of no account), `until`."""
        days = self.home.tables.days
        names = (*STATE, "orphans", "until")
        select = sa.select(days.c.day, *(days.c[name] for name in names)).where(days.c.relation == relation.value)
        return self.home.fetch(select).fillna(0).astype(np.int64).set_index("day").sort_index()

    def rolled(self, connection: sa.Connection, relation: Happening, found: pd.DataFrame) -> None:
        """Days are rolled: `found` has their state and `until`; days without rows stay known as empty."""
        days = self.home.tables.days
        own = (days.c.relation == relation.value) & days.c.day.in_([int(day) for day in found.index])
        connection.execute(sa.delete(days).where(own))
        rows: list[dict[str, Any]] = [
            {"relation": relation.value} | {str(name): value for name, value in row.items()}
            for row in found.rename_axis("day").reset_index().to_dict("records")
        ]
        if rows:
            connection.execute(sa.insert(days), rows)

    def advance(self, relation: Happening, until: Mapping[int, int]) -> None:
        """Days had no further rows up to these instants."""
        days = self.home.tables.days
        with self.home.transaction() as connection:
            for day, at in until.items():
                own = (days.c.relation == relation.value) & (days.c.day == day) & (days.c.until < at)
                connection.execute(sa.update(days).where(own).values(until=at))

    # --- values ---

    def dictionary(self, relation: Happening) -> Dictionary:
        """The numbers of the values of each column whose domain is small."""
        known = self.home.tables.dictionary
        select = sa.select(known.c.of, known.c.value, known.c.number).where(
            known.c.relation == relation.value, known.c.number.is_not(None)
        )
        found: dict[str, dict[str, int]] = {}
        for of, value, number in self.home.fetch(select).itertuples(index=False):
            found.setdefault(str(of), {})[str(value)] = int(number)
        return found

    def layout(self, *, bits: bool) -> Layout:
        """Which domains were found to be too large for bits."""
        known = self.home.tables.dictionary
        frame = self.home.fetch(sa.select(known.c.relation, known.c.of).where(known.c.number.is_(None)))
        wide = frozenset((Happening(relation), str(of)) for relation, of in frame.itertuples(index=False))
        return Layout(wide, bits=bits)

    def learn(self, relation: Happening, of: str, values: Iterable[str]) -> None:
        """Give new values numbers; a domain that has become too large is remembered as such."""
        dictionary = self.home.tables.dictionary
        row = {"relation": relation.value, "of": of}
        with self.home.transaction() as connection:
            # Read under the lock: a number that two jobs gave to two values would make one of them.
            known = self.dictionary(relation).get(of, {})
            new = sorted(set(values).difference(known))
            rows = [{**row, "value": value, "number": number} for number, value in enumerate(new, len(known))]
            fits = len(known) + len(new) <= MOST_BITS
            if rows:
                connection.execute(sa.insert(dictionary), rows if fits else [{**row, "value": None, "number": None}])


def key_of(column: Stored) -> tuple[str, str, str]:
    """What tells a column from all others."""
    return column.relation.value, column.grain.value, column.name


def grains(columns: Iterable[Stored]) -> tuple[Level, ...]:
    """The grains that columns have, each once."""
    return tuple(dict.fromkeys(column.grain for column in columns))
