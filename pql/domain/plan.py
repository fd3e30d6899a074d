"""A plan: all measures that an evaluation needs, as one set of inputs, and the way back from inputs to measures."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from pql.domain.calendar import Calendar, to_micros
from pql.domain.durations import Duration
from pql.domain.measures.base import Measure, Missing, WindowedMeasure
from pql.domain.partials import Aggregate, Input, Level, Partial, PartialInput, Take, window

_TAKES = {Take.MAX: "max", Take.MIN: "min", Take.MEAN: "mean", Take.SUM: "sum"}


@dataclass(frozen=True, slots=True, kw_only=True)
class OccurrenceDecay:
    """Every row of a count measure counts with its own decay by whole days: linear over a lifespan, or halving."""

    lifespan: Duration | None = None
    half_life: Duration | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanItem:
    """One measure of a plan; its column in the result is its name."""

    name: str
    measure: Measure
    decay: OccurrenceDecay | None = None

    def inputs(self) -> Mapping[str, Input]:
        """The measure's inputs, and those of its decay (names that start with `decay.`)."""
        return {**self.measure.inputs(), **self._decay_inputs()}

    def _decay_inputs(self) -> Mapping[str, Input]:
        counted = self.measure.inputs().get("n")
        if self.decay is None or not isinstance(counted, PartialInput):
            return {}
        rows = counted.partial
        if self.decay.half_life is not None:
            halved = Partial(
                aggregate=Aggregate.HALVED,
                relation=rows.relation,
                where=rows.where,
                half_life_days=self.decay.half_life.days,
            )
            return {"decay.halved": PartialInput(partial=halved, span=counted.span)}
        if self.decay.lifespan is None:
            return {}
        days = self.decay.lifespan.whole_days
        if isinstance(self.measure, WindowedMeasure):
            days = min(days, self.measure.days)
        day_sum = Partial(aggregate=Aggregate.DAY_SUM, relation=rows.relation, where=rows.where)
        return {
            "decay.n": PartialInput(partial=rows, span=window(days)),
            "decay.day_sum": PartialInput(partial=day_sum, span=window(days)),
        }

    def decayed(self, merged: pd.DataFrame) -> "pd.Series[float]":
        """The sum over rows of their decay (each 0..1); the number of rows where nothing decays."""
        if self.decay is None:
            return pd.Series(np.nan, index=merged.index)
        if self.decay.half_life is not None:
            return merged["decay.halved"].astype(float)
        if self.decay.lifespan is None:
            return merged["n"].astype(float)
        # sum of 1 - age / lifespan, with age = as_of_day - day: no loop over rows, and exact under merging.
        ages = merged["as_of_day"] * merged["decay.n"] - merged["decay.day_sum"]
        return (merged["decay.n"] - ages / self.decay.lifespan.whole_days).astype(float)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """The merged inputs of one level.

    Args:
        frame: Index levels `as_of` (microseconds) and `key` (a user, account or company id); one column an input,
            named by `Plan.columns()` (an allowance has three: `.allowed`, `.used`, `.period`), and `created_at`,
            the microseconds when the key's subject was created (NaN unknown).
        leads: Columns `key` and `lead_id`: which keys belong to which lead (below the lead: many keys a lead; above
            it: many leads a key). None: each key is a lead of its own.
        absent: The columns that could not be computed, and why.
    """

    frame: pd.DataFrame
    leads: pd.DataFrame | None
    absent: Mapping[str, Missing]

    @property
    def of_leads(self) -> pd.DataFrame:
        """`leads`, written out."""
        if self.leads is not None:
            return self.leads
        keys = self.frame.index.unique("key")
        return pd.DataFrame({"key": keys, "lead_id": keys})


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All measures of an evaluation."""

    lead: Level
    items: tuple[PlanItem, ...]

    def level(self, item: PlanItem) -> Level:
        """The level at which an item is taken."""
        return item.measure.level or self.lead

    def levels(self) -> tuple[Level, ...]:
        """The levels that the plan needs, each once."""
        return tuple(dict.fromkeys(self.level(item) for item in self.items))

    def columns(self, level: Level) -> Mapping[Input, str]:
        """The distinct inputs of a level and the column name of each; equal inputs of two measures are one."""
        inputs = dict.fromkeys(
            source for item in self.items if self.level(item) is level for source in item.inputs().values()
        )
        return {source: f"input_{number}" for number, source in enumerate(inputs)}

    def finish(
        self, keyed: Mapping[Level, Keyed], *, lead_ids: Iterable[str], instants: Iterable[datetime], calendar: Calendar
    ) -> pd.DataFrame:
        """The values of all measures.

        Args:
            keyed: The merged inputs of each level of `levels()`.
            lead_ids: The leads wanted; each gets a row an instant.
            instants: The instants; each must stand in the frames.
            calendar: The project's days.

        Returns:
            Index levels `as_of` (microseconds) and `lead_id`, sorted; for each item the columns `<name>`,
            `<name>.missing` (int8), `<name>.latest_at` (microseconds, NaN unknown), and with an occurrence decay
            `<name>.decayed`.
        """
        wanted = pd.Index(list(dict.fromkeys(sorted(lead_ids))), dtype="str", name="lead_id")
        index = by_instant(sorted(to_micros(instant) for instant in instants), wanted)
        days = _days(instants, calendar)
        bases = {level: _Base.of(part, self.columns(level), index, days, calendar) for level, part in keyed.items()}
        columns: dict[str, Any] = {}
        for item in self.items:
            columns |= self._finish_item(item, bases[self.level(item)], index)
        return pd.DataFrame(columns, index=index)

    def _finish_item(self, item: PlanItem, base: "_Base", index: pd.MultiIndex) -> Mapping[str, Any]:
        names = {name: base.columns[source] for name, source in item.inputs().items()}
        absent = [base.absent[column] for column in names.values() if column in base.absent]
        if absent:
            nothing = np.full(len(index), np.nan)
            found = {"value": nothing, "missing": np.full(len(index), absent[0], dtype=np.int8), "latest_at": nothing}
        else:
            merged = base.merged(names)
            result = item.measure.finish(merged)
            if item.decay is not None:
                result["decayed"] = item.decayed(merged)
            if base.leads is not None:
                result = to_leads(result, base.leads, item.measure.take, index)
            found = {str(name): result[name].array for name in result.columns}
        if item.decay is not None and "decayed" not in found:
            found["decayed"] = np.full(len(index), np.nan)
        named = {"value": item.name} | {part: f"{item.name}.{part}" for part in ("missing", "latest_at", "decayed")}
        return {named[name]: column for name, column in found.items()}


@dataclass(frozen=True, slots=True)
class _Base:
    """What all measures of a level are finished from.

    Args:
        index: Of the merged inputs.
        arrays: These and the day numbers, by column.
        columns: The name of each input's column.
        absent: As `Keyed`.
        leads: As `Keyed`; None: each row of the frame is a row of the result, in its order.
    """

    index: pd.Index
    arrays: Mapping[str, Any]
    columns: Mapping[Input, str]
    absent: Mapping[str, Missing]
    leads: pd.DataFrame | None

    @classmethod
    def of(
        cls,
        part: Keyed,
        columns: Mapping[Input, str],
        index: pd.MultiIndex,
        days: pd.DataFrame,
        calendar: Calendar,
    ) -> "_Base":
        frame = with_days(part.frame, days, calendar)
        alone = part.leads is None or _is_identity(part.leads)
        leads = None if alone and frame.index.equals(index) else part.of_leads
        arrays = {str(name): column.array for name, column in frame.items()}
        return cls(frame.index, arrays, columns, part.absent, leads)

    def merged(self, names: Mapping[str, str]) -> pd.DataFrame:
        """The frame of one measure.

        Args:
            names: The column of each of its inputs.
        """
        own = {column: self.arrays[column] for column in ("created_at", "created_day", "as_of_day", "today")}
        for name, column in names.items():
            if column in self.arrays:
                own[name] = self.arrays[column]
            else:
                own |= {f"{name}.{part}": self.arrays[f"{column}.{part}"] for part in ("allowed", "used", "period")}
        # Of arrays, since a column of a frame comes with a copy of its index each time.
        return pd.DataFrame(own, index=self.index, copy=False)


def by_instant(instants: Sequence[int], keys: "pd.Index[str]") -> pd.MultiIndex:
    """A row for each instant and key, named `as_of` and as the keys are; both are sorted, and have each value once."""
    # What `from_product` gives, which looks for the distinct values of what has no others.
    levels: list[Any] = [pd.Index(np.array(instants, dtype=np.int64)), keys]
    codes: list[Any] = [np.repeat(np.arange(len(instants)), len(keys)), np.tile(np.arange(len(keys)), len(instants))]
    return pd.MultiIndex(levels=levels, codes=codes, names=["as_of", keys.name], verify_integrity=False)


def _days(instants: Iterable[datetime], calendar: Calendar) -> pd.DataFrame:
    rows = [(to_micros(at), calendar.last_day_before(at), calendar.day_of(at)) for at in instants]
    return pd.DataFrame(rows, columns=["as_of", "as_of_day", "today"]).set_index("as_of")


def with_days(frame: pd.DataFrame, days: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """The frame with the day numbers that measure kinds read.

    Args:
        frame: Index levels `as_of` and `key`, with `created_at`.
        days: Index `as_of`; `as_of_day`, `today`.
        calendar: The project's days.
    """
    instants = frame.index.get_level_values("as_of")
    created = pd.to_datetime(frame["created_at"], unit="us", utc=True, errors="coerce")
    # A wall clock without its zone, so that subtraction counts calendar days and not hours.
    wall = created.dt.tz_convert(calendar.zone.key).dt.tz_localize(None).dt.floor("D")
    return frame.assign(
        as_of_day=days["as_of_day"].reindex(instants).to_numpy(),
        today=days["today"].reindex(instants).to_numpy(),
        created_day=((wall - pd.Timestamp(0)) / pd.Timedelta(days=1)).to_numpy(dtype=float),
    )


def _is_identity(leads: pd.DataFrame) -> bool:
    """Whether every key is a lead of its own."""
    alike = (leads["key"].to_numpy(dtype=object) == leads["lead_id"].to_numpy(dtype=object)).all()
    return bool(alike and leads["key"].is_unique)


def to_leads(result: pd.DataFrame, leads: pd.DataFrame, take: Take, index: pd.MultiIndex) -> pd.DataFrame:
    """A result by key as a result by lead.

    Args:
        result: Index levels `as_of` and `key`; `value`, `missing`, `latest_at`, perhaps `decayed`.
        leads: Columns `key` and `lead_id`.
        take: How several keys of a lead become one number; a key without a value does not count.
        index: The rows wanted: `as_of`, `lead_id`.

    Returns:
        One row for each of `index`; a lead without any key has NO_ROWS.
    """
    joined = result.reset_index().merge(leads, on="key", how="inner")
    # Where every key of a lead lacks a value, the least code says why: what has not happened yet goes first.
    codes = joined.assign(missing=joined["missing"].where(joined["missing"] > 0, 0))
    groups = codes.groupby(["as_of", "lead_id"], sort=True)
    taken = pd.DataFrame({"value": groups["value"].agg(_TAKES[take]), "missing": groups["missing"].min()})
    if take is Take.SUM:
        taken["value"] = groups["value"].sum(min_count=1)
    taken["latest_at"] = groups["latest_at"].max()
    if "decayed" in codes:
        taken["decayed"] = groups["decayed"].sum()
    taken = taken.reindex(index)
    return taken.assign(missing=taken["missing"].fillna(Missing.NO_ROWS).astype(np.int8))
