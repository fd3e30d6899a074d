"""pandas, twice: `Plain` reads the events of its windows in each run; `Frames` keeps a daily aggregate in Parquet.

Both group by account for each signal. Each run of `Frames` reads the events of the newest days, since some arrive up to
three days late, rolls these days up again, and evaluates over the files of the last 60 days. Active time is kept for
each user and day as its first and last event and the time inside, so that only the gap across midnight is left to be
added.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from bench.rivals.bounds import MOMENTUM_DAYS
from bench.worlds import CALENDAR
from pql.domain.calendar import DAY_MICROS, to_micros

LATE_DAYS = 3
PAUSE = 30 * 60 * 1_000_000
MINUTE = 60_000_000
CORE = ("feature_00", "feature_01", "feature_02")
KINDS = ("accounts", "users", "features")
FIRST = "integration_connected"


class Frames:
    """The daily aggregates of a world, in a folder of their own."""

    def __init__(self, world: Path, folder: Path) -> None:
        self._world = world
        self._folder = folder / "pandas"
        self._folder.mkdir(exist_ok=True)

    def roll(self, days: Sequence[int]) -> None:
        """Read the events of some days that follow one another, and write their aggregates anew."""
        bounds = np.array([to_micros(CALENDAR.start_of(day)) for day in (*days, days[-1] + 1)])
        events = self._read(bounds[0], bounds[-1])
        events["day"] = np.searchsorted(bounds, events["micros"], side="right") - 1 + days[0]
        for kind, frame in (("accounts", by_account(events)), ("users", by_user(events)), ("features", used(events))):
            for day, rows in frame.groupby("day"):
                rows.to_parquet(self._folder / f"{kind}_{day}.parquet", index=False)
        self._remember(events)

    def build(self, days: Sequence[int], at_once: int = 10) -> None:
        """Roll up all of a history, some days at a time."""
        for start in range(0, len(days), at_once):
            self.roll(days[start : start + at_once])

    def increment(self, as_of: datetime) -> None:
        """Roll up the newest day, and those before it that may have got late events."""
        newest = CALENDAR.last_day_before(as_of)
        self.roll(range(newest - LATE_DAYS, newest + 1))

    def _read(self, start: int, end: int) -> pd.DataFrame:
        with duckdb.connect(str(self._world), read_only=True) as connection:
            return fetched(
                connection,
                "SELECT account_id, user_id, epoch_us(occurred_at) AS micros, event, feature, quantity FROM events "
                "WHERE occurred_at >= make_timestamptz($start::BIGINT) "
                "AND occurred_at < make_timestamptz($end::BIGINT)",
                {"start": int(start), "end": int(end)},
            )

    def _remember(self, events: pd.DataFrame) -> None:
        file = self._folder / "first.parquet"
        first = events.loc[events["event"] == FIRST].groupby("account_id")["micros"].min()
        if file.exists():
            first = pd.concat([pd.read_parquet(file)["micros"], first]).groupby(level=0).min()
        first.to_frame().to_parquet(file)

    def _kept(self, kind: str, since: int, until: int) -> pd.DataFrame:
        files = [self._folder / f"{kind}_{day}.parquet" for day in range(since, until + 1)]
        return pd.concat([pd.read_parquet(file) for file in files if file.exists()], ignore_index=True)

    def evaluate(self, as_of: datetime) -> pd.DataFrame:
        """The twelve numbers of every account, as of a midnight."""
        newest, now = CALENDAR.last_day_before(as_of), to_micros(as_of)
        counts = self._kept("accounts", newest - 59, newest)
        with duckdb.connect(str(self._world), read_only=True) as connection:
            query = "SELECT account_id, epoch_us(created_at) AS created FROM accounts"
            accounts = fetched(connection, query, {}).set_index("account_id")
        users = self._kept("users", newest - 28, newest)
        found = accounts.loc[accounts["created"] < now]
        numbers = {
            "volume": total(counts, newest - 6, "n"),
            "paywall_hits": total(counts, newest - 13, "paywall"),
            "sharing": total(counts, newest - 27, "shares"),
            "spending": total(counts, newest - 59, "spent"),
            "breadth": distinct(self._kept("features", newest - 13, newest), "feature"),
            "team": distinct(users[users["day"] > newest - 28], "user_id"),
            "time_in_product": active(users[users["day"] >= newest - 14], newest - 13),
            "habit": counts[counts["day"] > newest - 28].groupby("account_id").size(),
        }
        frame = pd.DataFrame(numbers).reindex(found.index).fillna(0.0)
        return frame.join(self._ratios(counts, found, newest, now)).sort_index()

    def _ratios(self, counts: pd.DataFrame, accounts: pd.DataFrame, newest: int, now: int) -> pd.DataFrame:
        month = counts[counts["day"] > newest - 30].groupby("account_id")
        recent = total(counts, newest - MOMENTUM_DAYS + 1, "n")
        earlier = total(counts[counts["day"] <= newest - MOMENTUM_DAYS], newest - 2 * MOMENTUM_DAYS + 1, "n")
        young = to_micros(CALENDAR.start_of(newest + 1 - 2 * MOMENTUM_DAYS + 1))
        momentum = recent.reindex(earlier.index).fillna(0.0) / earlier
        first = pd.read_parquet(self._folder / "first.parquet")["micros"]
        ratios = pd.DataFrame(
            {
                "recency": (now - month["last"].max()) / DAY_MICROS,
                "depth": month["core"].sum() / month["n"].sum(),
                "momentum": momentum,
                "activation": first,
            }
        ).reindex(accounts.index)
        ratios["momentum"] = ratios["momentum"].where(accounts["created"] < young)
        ratios["activation"] = (ratios["activation"] - accounts["created"]).clip(lower=0) / DAY_MICROS
        return ratios


class Plain(Frames):
    """A script over the events: nothing is kept from run to run but when something first happened."""

    def increment(self, as_of: datetime) -> None:
        """Read all events of the longest window."""
        newest = CALENDAR.last_day_before(as_of)
        days = range(newest - 59, newest + 2)
        bounds = np.array([to_micros(CALENDAR.start_of(day)) for day in days])
        events = self._read(bounds[0], bounds[-1])
        events["day"] = np.searchsorted(bounds, events["micros"], side="right") - 1 + days[0]
        self._remember(events)
        self._made = {
            "accounts": by_account(events),
            "users": by_user(events[events["day"] >= newest - 28]),
            "features": used(events[events["day"] >= newest - 13]),
        }

    def _kept(self, kind: str, since: int, until: int) -> pd.DataFrame:
        frame = self._made[kind]
        return frame[frame["day"].between(since, until)]


def fetched(connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, int]) -> pd.DataFrame:
    """The rows of a query; through Arrow, which is the fastest way."""
    table: Any = connection.sql(query, params=parameters).to_arrow_table()
    frame: pd.DataFrame = table.to_pandas()
    return frame


def by_account(events: pd.DataFrame) -> pd.DataFrame:
    """What each account did on each day."""
    marked = events[["account_id", "day", "micros"]].assign(
        paywall=(events["event"] == "paywall_viewed").astype("int64"),
        shares=events["event"].isin(["report_shared", "member_invited"]).astype("int64"),
        spent=events["quantity"].where(events["event"] == "export_run", 0.0).fillna(0.0),
        core=events["feature"].isin(CORE).astype("int64"),
    )
    groups = marked.groupby(["account_id", "day"], sort=False)
    added = groups[["paywall", "shares", "spent", "core"]].sum()
    return added.assign(n=groups.size(), last=groups["micros"].max()).reset_index()


def by_user(events: pd.DataFrame) -> pd.DataFrame:
    """Each user's first and last event of each day, and the time inside."""
    keys = ["account_id", "user_id", "day"]
    known = events.loc[events["user_id"].notna(), [*keys, "micros"]].sort_values("micros")
    groups = known.groupby(keys, sort=False)["micros"]
    gaps = groups.diff()
    inside = gaps.where(gaps <= PAUSE, 0.0).fillna(0.0)
    added = groups.agg(["first", "last"])
    added["inside"] = inside.groupby([known[key] for key in keys], sort=False).sum()
    return added.reset_index()


def used(events: pd.DataFrame) -> pd.DataFrame:
    """Which features each account used on each day."""
    known = events.loc[events["feature"].notna(), ["account_id", "feature", "day"]]
    return known.drop_duplicates()


def total(counts: pd.DataFrame, since: int, column: str) -> "pd.Series[float]":
    """The sum of a column from a day on."""
    return counts[counts["day"] >= since].groupby("account_id")[column].sum()


def distinct(rows: pd.DataFrame, column: str) -> "pd.Series[int]":
    """How many distinct values each account has."""
    return rows[["account_id", column]].drop_duplicates().groupby("account_id").size()


def active(users: pd.DataFrame, since: int) -> "pd.Series[float]":
    """Minutes of use from a day on; the day before it tells what crosses its midnight."""
    ordered = users.sort_values(["account_id", "user_id", "day"])
    before = ordered.groupby(["account_id", "user_id"], sort=False)["last"].shift()
    gap = ordered["first"] - before
    micros = ordered["inside"] + gap.where(gap <= PAUSE, 0.0).fillna(0.0)
    wanted = ordered["day"] >= since
    return micros[wanted].groupby(ordered.loc[wanted, "account_id"]).sum() / MINUTE
