"""Measures in plain Python: loops over lists of rows, with no thought of speed. What the warehouse is held against.

It shares no code with the engine but the definitions' own values (durations, conditions' fields).
"""

import json
import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pql.domain.conditions import Condition, Where
from pql.domain.measures import Measure
from pql.domain.measures.active_days import ActiveDays
from pql.domain.measures.active_time import ActiveTime
from pql.domain.measures.allowance import Allowance
from pql.domain.measures.attribute import Attribute
from pql.domain.measures.base import WindowedMeasure
from pql.domain.measures.count import Count
from pql.domain.measures.distinct import Distinct
from pql.domain.measures.recency import Recency
from pql.domain.measures.share import Share
from pql.domain.measures.time_to import TimeTo
from pql.domain.measures.total import Sum
from pql.domain.measures.trend import Trend

Row = Mapping[str, Any]
DAY = timedelta(days=1)
PAUSE = timedelta(minutes=30)


@dataclass(frozen=True)
class Usage:
    """What a source holds: rows as mappings; instants are aware, `properties` are mappings."""

    zone: ZoneInfo
    accounts: Sequence[Row]
    users: Sequence[Row] | None = None
    events: Sequence[Row] = ()
    touches: Sequence[Row] = ()
    allowances: Sequence[Row] = ()
    free_mail: frozenset[str] = field(default_factory=frozenset)

    def company_of(self, account: Row) -> str:
        domain = (account.get("domain") or "").strip().lower()
        return domain if domain and domain not in self.free_mail else account["account_id"]

    def keys(self, level: str) -> list[str]:
        if level == "user":
            return sorted(user["user_id"] for user in self.users or ())
        ids = {self.company_of(row) if level == "company" else row["account_id"] for row in self.accounts}
        return sorted(ids)

    def account_ids(self, level: str, key: str) -> set[str]:
        if level == "company":
            return {row["account_id"] for row in self.accounts if self.company_of(row) == key}
        if level == "user":
            return {user["account_id"] for user in self.users or () if user["user_id"] == key}
        return {key}

    def rows(self, relation: str, level: str, key: str, as_of: datetime) -> list[Row]:
        found = usable(self.events if relation == "events" else self.touches, self.users, as_of, self.zone)
        if level == "user":
            return [row for row in found if row["user_id"] == key]
        wanted = self.account_ids(level, key)
        return [row for row in found if row["account_id"] in wanted]

    def created(self, level: str, key: str) -> datetime | None:
        if level == "user":
            return next(user.get("created_at") for user in self.users or () if user["user_id"] == key)
        times = [row["created_at"] for row in self.accounts if row["account_id"] in self.account_ids(level, key)]
        return min((at for at in times if at is not None), default=None)


def usable(rows: Iterable[Row], users: Sequence[Row] | None, as_of: datetime, zone: ZoneInfo) -> list[Row]:
    members = {user["user_id"]: user["account_id"] for user in users or ()}
    kept: list[Row] = []
    seen: set[tuple[str, date]] = set()
    named = [
        row for row in rows if row["occurred_at"] is not None and (row["account_id"] or row["user_id"]) is not None
    ]
    for row in sorted(named, key=lambda row: (row["occurred_at"], ties(row))):
        if row["occurred_at"] >= as_of:
            continue
        if row.get("event_id") is not None:
            once = (row["event_id"], day_of(row["occurred_at"], zone))
            if once in seen:
                continue
            seen.add(once)
        account = row["account_id"] or members.get(row["user_id"])
        if account is not None:
            kept.append({**row, "account_id": account, "orphan": row["account_id"] is None})
    return kept


def ties(row: Row) -> list[tuple[bool, str]]:
    """Of rows with one id and one instant the first by its other columns counts."""
    texts = []
    for name in ("account_id", "event", "feature", "properties", "quantity", "user_id"):
        value = row.get(name)
        if isinstance(value, Mapping):
            value = json.dumps(value)
        if isinstance(value, float) and not math.isfinite(value):
            value = None
        texts.append((value is None, "" if value is None else written(value)))
    return texts


# --- days ---


def day_of(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def last_day(as_of: datetime, zone: ZoneInfo) -> date:
    return day_of(as_of - timedelta(microseconds=1), zone)


def in_window(row: Row, days: int, as_of: datetime, zone: ZoneInfo) -> bool:
    return last_day(as_of, zone) - days * DAY < day_of(row["occurred_at"], zone) <= last_day(as_of, zone)


def in_complete(row: Row, days: int, skip: int, as_of: datetime, zone: ZoneInfo) -> bool:
    end = day_of(as_of, zone) - skip * DAY
    return end - days * DAY <= day_of(row["occurred_at"], zone) < end


# --- filters ---


def value_of(row: Row, column: str) -> Any:
    if column.startswith("properties."):
        return (row.get("properties") or {}).get(column.removeprefix("properties."))
    return row.get(column)


def written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def finite(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None if value is None else float(value)
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def meets(condition: Condition, value: Any) -> bool:
    known = value is not None and not (isinstance(value, float) and math.isnan(value))
    if condition.exists is False:
        return not known
    if not known:
        return False
    text, number = written(value).strip().casefold(), finite(value)

    def same(other: Any) -> bool:
        return written(other).strip().casefold() == text

    checks = [
        condition.equals is None or same(condition.equals),
        condition.not_equals is None or not same(condition.not_equals),
        condition.among is None or any(map(same, condition.among)),
        condition.not_among is None or not any(map(same, condition.not_among)),
    ]
    for wanted, holds in (
        (condition.at_least, operator.ge),
        (condition.at_most, operator.le),
        (condition.above, operator.gt),
        (condition.below, operator.lt),
    ):
        if wanted is not None:
            checks.append(number is not None and holds(number, wanted))
    if condition.between is not None:
        checks.append(number is not None and condition.between[0] <= number <= condition.between[1])
    return all(checks)


def passing(rows: Iterable[Row], *filters: Where) -> list[Row]:
    conditions = [pair for where in filters for pair in where.conditions]
    return [row for row in rows if all(meets(condition, value_of(row, column)) for column, condition in conditions)]


# --- what is counted ---


def total(rows: Iterable[Row], column: str) -> float:
    numbers = [finite(value_of(row, column)) for row in rows]
    return sum(round(number * 1_000_000) for number in numbers if number is not None) / 1_000_000


def distinct(rows: Iterable[Row], column: str) -> float:
    values = [value_of(row, column) for row in rows]
    return float(len({written(value) for value in values if value is not None}))


def active(rows: Sequence[Row], counted: Sequence[Row]) -> float:
    """Minutes in gaps that end at a counted row; `rows` are all that may begin one."""
    spent = timedelta()
    for row in counted:
        if row["user_id"] is None:
            continue
        same = [r for r in rows if all(r[of] == row[of] for of in ("user_id", "account_id", "orphan"))]
        before = [r["occurred_at"] for r in same if r["occurred_at"] < row["occurred_at"]]
        first_at_once = next(r for r in counted if r["occurred_at"] == row["occurred_at"] and r in same) is row
        if before and first_at_once and row["occurred_at"] - max(before) <= PAUSE:
            spent += row["occurred_at"] - max(before)
    return spent / timedelta(minutes=1)


def amount(kind: str, rows: Sequence[Row], counted: Sequence[Row], of: str | None, zone: ZoneInfo) -> float:
    if kind == "sum":
        return total(counted, str(of))
    if kind == "distinct":
        return distinct(counted, str(of))
    if kind == "active_time":
        return active(rows, counted)
    if kind == "active_days":
        return float(len({day_of(row["occurred_at"], zone) for row in counted}))
    return float(len(counted))


# --- measures ---


def measure_value(usage: Usage, measure: Measure, level: str, key: str, as_of: datetime) -> Any:
    """A measure's value for one key; None where it has none."""
    if isinstance(measure, Attribute):
        return attribute_value(usage, measure, level, key)
    if isinstance(measure, Allowance):
        return allowance_value(usage, measure, level, key, as_of)
    relation = str(getattr(measure, "relation", "events"))
    rows, zone = usage.rows(relation, level, key, as_of), usage.zone
    if isinstance(measure, TimeTo):
        return time_to_value(usage, measure, rows, level, key)
    assert isinstance(measure, WindowedMeasure)
    days = measure.window.whole_days
    if isinstance(measure, Trend):
        return trend_value(usage, measure, rows, level, key, as_of)
    windowed = [row for row in rows if in_window(row, days, as_of, zone)]
    if isinstance(measure, Share):
        whole = passing(windowed, measure.among)
        part = passing(windowed, measure.among, measure.where)
        base = amount(measure.measures, rows, whole, measure.of, zone)
        enough = base > 0 and base >= measure.at_least_rows
        return amount(measure.measures, rows, part, measure.of, zone) / base if enough else None
    where = (
        measure.where if isinstance(measure, Count | Distinct | Sum | ActiveDays | ActiveTime | Recency) else Where()
    )
    counted = passing(windowed, where)
    if isinstance(measure, Recency):
        latest = max((row["occurred_at"] for row in counted), default=None)
        return None if latest is None else (as_of - latest) / DAY
    of = measure.of if isinstance(measure, Distinct | Sum) else None
    return amount(measure.kind, passing(rows, where), counted, of, zone)


def trend_value(
    usage: Usage, measure: Trend, rows: Sequence[Row], level: str, key: str, as_of: datetime
) -> float | None:
    zone, days, against = usage.zone, measure.window.whole_days, (measure.against or measure.window).whole_days
    created = usage.created(level, key)
    if created is not None and day_of(created, zone) > day_of(as_of, zone) - (days + against) * DAY:
        return None
    passed = passing(rows, measure.where)
    recent = [row for row in passed if in_complete(row, days, 0, as_of, zone)]
    before = [row for row in passed if in_complete(row, against, days, as_of, zone)]
    base = amount(measure.measures, passed, before, measure.of, zone) / against
    return amount(measure.measures, passed, recent, measure.of, zone) / days / base if base > 0 else None


def time_to_value(usage: Usage, measure: TimeTo, rows: Sequence[Row], level: str, key: str) -> float | None:
    first = min((row["occurred_at"] for row in passing(rows, measure.where)), default=None)
    begin = usage.created(level, key)
    if measure.since == "first_event":
        begin = min((row["occurred_at"] for row in rows), default=None)
    return None if first is None or begin is None else max((first - begin) / DAY, 0.0)


def attribute_value(usage: Usage, measure: Attribute, level: str, key: str) -> Any:
    if measure.users is not None:
        users = passing(usage.users or (), measure.users)
        wanted = usage.account_ids(level, key)
        mine = [u for u in users if (u["user_id"] == key if level == "user" else u["account_id"] in wanted)]
        return float(len(mine))
    owners = usage.account_ids(level, key)
    latest = datetime.max.replace(tzinfo=UTC)
    accounts = sorted(
        (row for row in usage.accounts if row["account_id"] in owners),
        key=lambda row: (row["created_at"] or latest, row["account_id"]),
    )
    return next((row[measure.of] for row in accounts if measure.of and row.get(measure.of) is not None), None)


def allowance_value(usage: Usage, measure: Allowance, level: str, key: str, as_of: datetime) -> float | None:
    wanted = usage.account_ids(level, key)
    mine = [row for row in usage.allowances if row["account_id"] in wanted and row["meter"] == measure.meter]
    if not mine:
        return None

    def nearness(row: Row) -> tuple[float, float]:
        told = row["used"] is not None and row["allowed"] > 0
        return (-(row["used"] / row["allowed"]) if told else math.inf, row["allowed"])

    nearest = min(mine, key=nearness)
    rows = usage.rows("events", level, key, as_of)
    counted = [] if measure.counted is None else passing(rows, measure.counted)
    used = nearest["used"]
    if used is None:
        if measure.counted is None:
            return None
        used = _in_period(counted, nearest["period"], as_of, usage.zone, measure.of)
    if nearest["allowed"] <= 0:
        return None
    if measure.gives == "ratio":
        return float(used / nearest["allowed"])
    left = max(nearest["allowed"] - used, 0.0)
    if not left:
        return 0.0
    if measure.counted is None:
        return None
    days = measure.pace.whole_days
    recent = [row for row in counted if in_complete(row, days, 0, as_of, usage.zone)]
    pace = _use(recent, measure.of) / days
    return min(left / pace, 3650.0) if pace > 0 else 3650.0


def _in_period(rows: Sequence[Row], period: str, as_of: datetime, zone: ZoneInfo, of: str | None) -> float:
    day = last_day(as_of, zone)
    first = {
        "day": day,
        "week": day - timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "total": date.min,
    }[period]
    return _use([row for row in rows if day_of(row["occurred_at"], zone) >= first], of)


def _use(rows: Sequence[Row], of: str | None) -> float:
    return float(len(rows)) if of is None else total(rows, of)
