"""Leads and their measures as frames, as if a warehouse had just been read: what the state's benchmark starts from.

Ids rise as the rows do; sizes are skewed; one lead in eight fires a signal; 3 % pay; one signal in twenty has no rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.config.settings import Project
from pql.domain.calendar import DAY_MICROS, to_micros
from pql.domain.definitions import Definitions
from pql.domain.measures.base import Measure, Missing
from pql.domain.moments import Moment
from pql.domain.plan import Plan
from pql.domain.signals import Signal
from pql.domain.source_health import Expectation, Observation
from pql.warehouse import DataQuality, Refreshed

SIGNALS = 25
FIRES = 0.12  # the share of leads for which a signal fires
COUNTRIES = ("DE", "US", "GB", "FR", "JP", "IN", "BR", "NA")
INDUSTRIES = ("software", "fintech", "logistics", "retail", "education", "agency")
ROLES = ("Head of Data", "Analyst", "Student", "Product Manager", "Engineer")


def widened(project: Project) -> Project:
    """The project with 25 signals: its own that measure rows, and copies of them under other names."""
    own = project.definitions.signals
    copies = (replace(signal, name=f"{signal.name}_again") for signal in own)
    signals = (*own, *copies)[:SIGNALS]
    definitions = replace(project.definitions, signals=signals, moments=(), content_hash="widened")
    return replace(project, definitions=definitions)


@dataclass(frozen=True, kw_only=True)
class Frames:
    """What a run asks of a warehouse, answered from memory."""

    known: pd.DataFrame
    members: pd.DataFrame
    measured: pd.DataFrame

    def leads(self, *, as_of: datetime) -> pd.DataFrame:
        """The leads, which do not change with the instant."""
        del as_of
        return self.known

    def users(self, lead_ids: Sequence[str]) -> pd.DataFrame:
        """The users of these leads."""
        if len(lead_ids) == len(self.known):
            return self.members
        return self.members[self.members["lead_id"].isin(list(lead_ids))]

    def answers(self, *, as_of: datetime) -> pd.DataFrame:
        """None."""
        del as_of
        return pd.DataFrame({name: pd.Series(dtype="str") for name in ("lead_id", "question", "answer")})

    def allowances(self) -> pd.DataFrame:
        """None."""
        return pd.DataFrame({name: pd.Series(dtype="str") for name in ("account_id", "meter", "period")})

    def quality(self, *, as_of: datetime) -> DataQuality:
        """Nothing to say."""
        del as_of
        return DataQuality()

    def reps(self) -> pd.DataFrame:
        """None but those of the configuration."""
        return pd.DataFrame({"email": pd.Series(dtype="str")})

    def seen(self, expectations: Mapping[str, Expectation], *, as_of: datetime) -> Sequence[Observation]:
        """There are no relations to look at."""
        del expectations, as_of
        return ()

    def refresh(self, plans: Sequence[Plan], *, as_of: datetime, **reported: object) -> Sequence[Refreshed]:
        """Nothing is rolled."""
        del plans, as_of, reported
        return ()

    def measures(self, plan: Plan, instants: Iterable[datetime], lead_ids: Sequence[str]) -> pd.DataFrame:
        """The frame as of its own instant; of other plans than the signals' a level that does not change."""
        if f"{plan.items[0].name}.missing" in self.measured:
            return self.measured
        index = pd.MultiIndex.from_product([[to_micros(at) for at in instants], lead_ids], names=["as_of", "lead_id"])
        return pd.DataFrame({item.name: 4.0 for item in plan.items}, index=index)

    def user_measures(self, plan: Plan, lead_ids: Sequence[str], as_of: datetime) -> pd.DataFrame:
        """A level that does not change."""
        del as_of
        users = self.members[self.members["lead_id"].isin(list(lead_ids))].set_index("user_id")
        return users[["lead_id"]].assign(**{item.name: 1.0 for item in plan.items})

    def latest(self, items: Mapping[str, Measure], lead_ids: Sequence[str], as_of: datetime) -> pd.DataFrame:
        """None."""
        del items, lead_ids, as_of
        return pd.DataFrame({name: pd.Series(dtype=object) for name in ("signal", "lead_id", "latest", "latest_at")})

    def pattern_rows(self, moment: Moment, *, since: datetime, as_of: datetime) -> Any:
        """There are no moments."""
        raise NotImplementedError


def made(definitions: Definitions, count: int, *, as_of: datetime, seed: int = 7) -> Frames:
    """A world of so many leads."""
    draw = np.random.default_rng(seed)
    ids = pd.Index([f"{number:09d}" for number in range(count)], name="lead_id", dtype="str")
    return Frames(
        known=_leads(draw, ids, as_of),
        members=_users(draw, ids),
        measured=_measured(draw, definitions.signals, ids, as_of),
    )


def changed(frames: Frames, definitions: Definitions, share: float, *, as_of: datetime, seed: int = 8) -> Frames:
    """The world at a later instant: this share of the leads has other measures, a tenth of those one head more.

    The frames given are used up, so that two worlds are never in memory at once.
    """
    draw = np.random.default_rng(seed)
    count = len(frames.known)
    rows = np.sort(draw.choice(count, int(count * share), replace=False))
    new = _measured(draw, definitions.signals, frames.known.index[rows], as_of)
    columns = {}
    for name in map(str, list(frames.measured)):
        values = frames.measured.pop(name).to_numpy().copy()
        values[rows] = new[name].to_numpy()
        columns[name] = values
    index = pd.MultiIndex.from_product([[to_micros(as_of)], frames.known.index], names=["as_of", "lead_id"])
    employees = frames.known["employees"].to_numpy().copy()
    employees[rows[::10]] += 1
    return replace(
        frames,
        known=frames.known.assign(employees=employees),
        measured=pd.DataFrame(columns, index=index, copy=False),
    )


def _texts(draw: np.random.Generator, values: Sequence[str | None], count: int) -> "pd.Series[Any]":
    codes = draw.integers(0, len(values), count)
    return pd.Series(np.array(values, dtype=object)[codes], dtype="str")


def _leads(draw: np.random.Generator, ids: "pd.Index[str]", as_of: datetime) -> pd.DataFrame:
    count, now = len(ids), float(to_micros(as_of))
    pays = draw.random(count) < 0.03
    trial = ~pays & (draw.random(count) < 0.3)
    created = np.floor(now - draw.random(count) * 400 * DAY_MICROS)
    columns = {
        "name": pd.Series([f"Company {number}" for number in range(count)], dtype="str"),
        "domain": pd.Series([f"company{number}.example" for number in range(count)], dtype="str"),
        "created_at": created,
        "plan": np.where(pays, "team", "free"),
        "owner_email": _texts(draw, [None, None, "mia@plotline.test", "owen@plotline.test"], count),
        "success_owner_email": _texts(draw, [None, "cs@plotline.test"], count),
        "status": np.where(pays, "active", "free"),
        "mrr": np.where(pays, draw.integers(1, 40, count) * 25.0, np.nan),
        "in_trial": trial,
        "trial_ends_at": np.where(trial, now + 7.0 * DAY_MICROS, np.nan),
        "converted_at": np.where(pays, created + DAY_MICROS, np.nan),
        "open_deal": draw.random(count) < 0.01,
        "country": _texts(draw, COUNTRIES, count),
        "industry": _texts(draw, [*INDUSTRIES, None], count),
        "employees": np.floor(draw.lognormal(3.5, 1.3, count)) + 1.0,
        "signup_source": _texts(draw, ["organic", "ads", "referral"], count),
        "is_internal": np.zeros(count, dtype=bool),
    }
    frame = pd.DataFrame(columns)
    return frame.astype({"plan": "str", "status": "str"}).set_axis(ids)


def _users(draw: np.random.Generator, ids: "pd.Index[str]") -> pd.DataFrame:
    count = len(ids)
    return pd.DataFrame(
        {
            "user_id": pd.Series("u" + ids, dtype="str"),
            "lead_id": pd.Series(ids, dtype="str"),
            "name": _texts(draw, ["Ada", "Ben", "Cem"], count),
            "email": _texts(draw, ["someone@company.example"], count),
            "role": _texts(draw, [*ROLES, None], count),
        }
    )


def _measured(
    draw: np.random.Generator, signals: Sequence[Signal], ids: "pd.Index[Any]", as_of: datetime
) -> pd.DataFrame:
    columns: dict[str, npt.NDArray[Any]] = {}
    count, now = len(ids), to_micros(as_of)
    # Who uses much uses much of everything.
    size = draw.normal(0.0, 0.8, count)
    for signal in signals:
        level = size + draw.normal(0.0, 0.6, count)
        none = draw.random(count) < 0.05
        columns[signal.name] = np.where(none, np.nan, _values(signal, level))
        columns[f"{signal.name}.missing"] = np.where(none, Missing.NO_ROWS, Missing.NONE).astype(np.int8)
        latest = now - np.floor(draw.exponential(6.0, count) * 86_400) * 1_000_000.0 - 1_000_000.0
        columns[f"{signal.name}.latest_at"] = np.where(none, np.nan, latest)
        if signal.points.per_occurrence:
            columns[f"{signal.name}.decayed"] = np.where(none, 0.0, np.abs(np.round(level, 3)))
    index = pd.MultiIndex.from_product([[now], ids], names=["as_of", "lead_id"])
    return pd.DataFrame(columns, index=index, copy=False)


def _values(signal: Signal, level: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Values of which the wanted share meets the signal's condition; whole ones where its bound is whole."""
    low, high = signal.fires.bounds
    bound = low if np.isfinite(low) else high
    # A level is normal with a deviation of 1, so 1.175 of it is what 12 % exceed.
    grown = (max(bound, 1.0)) * np.exp(level - 1.175)
    values = grown if np.isfinite(low) else bound * np.exp(1.175 - level)
    return np.floor(values + 1e-9) if float(bound).is_integer() and bound > 2 else np.round(values, 3)
