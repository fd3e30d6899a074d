"""Customers: who became one, how their use goes, and the check-ins that are due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from pql.domain.calendar import Calendar, from_micros, to_micros
from pql.domain.definitions import Definitions
from pql.domain.durations import Duration
from pql.domain.measures.base import WindowedMeasure
from pql.domain.overview import Evaluated
from pql.domain.rules import Customers
from pql.domain.texts import among
from pql.jobs.candidates import Case, check_in_cases, drop_cases
from pql.jobs.reading import customer_use
from pql.store import Store
from pql.store.records import CheckInRecord, ConversionRecord, EpisodeClosed
from pql.warehouse import Warehouse

_USE_SPAN = Duration.of_days(14)  # between use now and use before, for measures without a window


@dataclass(frozen=True, kw_only=True)
class Followed:
    """What a run found of customers.

    Args:
        fresh: Those who were not known to pay.
        records: The fresh ones, and those whose use changed.
        check_ins: New ones to remember, and those that this run decides.
        cases: Check-ins that are due, and drops in use.
    """

    fresh: Sequence[ConversionRecord]
    records: Sequence[ConversionRecord]
    check_ins: Sequence[CheckInRecord]
    cases: Sequence[Case]
    known: int


def follow(
    warehouse: Warehouse,
    store: Store,
    definitions: Definitions,
    leads: pd.DataFrame,
    *,
    as_of: datetime,
    last: datetime | None,
) -> Followed:
    """Look at all customers as of an instant.

    Who paid once and does so no more is not followed: its check-ins are dropped, and its use may fall.

    Args:
        warehouse: The usage tables.
        store: What is remembered of customers.
        definitions: For the rules.
        leads: As `Evaluation.leads`, with `stage`.
        as_of: The instant.
        last: The last run's; None before the first.
    """
    rules = definitions.customers
    known = store.customers()
    fresh = new_conversions(leads, known, as_of=as_of)
    pays = leads.index[leads["stage"].isin(definitions.stages.customer)]
    paying = ({*map(str, known.index)} & {*map(str, pays)}) | {row.lead_id for row in fresh}
    window = rules.use.window if isinstance(rules.use, WindowedMeasure) else _USE_SPAN
    use = customer_use(
        warehouse,
        definitions,
        sorted(paying),
        instants=_instants(as_of, last, timedelta(seconds=window.seconds)),
    )
    new = schedule(rules, fresh, as_of=as_of, baseline=last is None)
    due = pd.concat([store.check_ins(due_before=as_of, decided=False), _due(new, as_of)], ignore_index=True)
    lapsed = due[~among(due["lead_id"], paying)]
    check_ins = check_in_cases(rules, due.drop(index=lapsed.index), leads.index)
    calendar = Calendar(ZoneInfo(definitions.time_zone))
    drops = [] if last is None else drop_cases(rules, use, calendar, as_of=as_of)
    return Followed(
        fresh=fresh,
        records=[*_changed(known, use, leads, as_of=as_of), *_with_use(fresh, use, as_of=as_of)],
        check_ins=[*new, *(_decided(case, as_of) for case in check_ins), *_dropped(lapsed, as_of)],
        cases=[*check_ins, *drops],
        known=len(paying),
    )


def _instants(as_of: datetime, last: datetime | None, span: timedelta) -> dict[str, datetime]:
    instants = {"now": as_of, "before": as_of - span}
    return instants if last is None else {**instants, "last_now": last, "last_before": last - span}


def new_conversions(leads: pd.DataFrame, customers: pd.DataFrame, *, as_of: datetime) -> list[ConversionRecord]:
    """Leads that pay by now and were not known to."""
    converted = leads["converted_at"].dropna()
    fresh = converted[~among(converted.index, customers.index) & (converted < to_micros(as_of))]
    plans = leads["plan"].reindex(fresh.index).fillna("").tolist()
    return [
        ConversionRecord(lead_id=str(lead_id), converted_at=from_micros(float(at)), plan=str(plan))
        for (lead_id, at), plan in zip(fresh.items(), plans, strict=True)
    ]


def qualifiable(evaluation: Evaluated, customer_stages: Sequence[str]) -> pd.DataFrame:
    """The scores, with customers as not eligible: who pays is no lead any more."""
    pays = evaluation.leads["stage"].isin(customer_stages)
    return evaluation.scores.assign(
        eligible=evaluation.scores["eligible"] & ~pays,
        ineligible_why=evaluation.scores["ineligible_why"].where(~pays, "already a customer"),
    )


def closed_by_conversion(
    leads: pd.DataFrame,
    episodes: pd.DataFrame,
    fresh: Sequence[ConversionRecord],
    rules: Definitions,
    *,
    as_of: datetime,
) -> list[EpisodeClosed]:
    """The live episodes of leads that pay now, be it for the first time or again.

    Args:
        leads: As `Evaluation.leads`.
        episodes: As `Store.open_episodes`.
        fresh: The new customers.
        rules: For the stages of customers and the cooldown.
        as_of: The instant; the conversion's, where the subscription that made it cannot be told.
    """
    pays = leads["stage"].isin(rules.stages.customer).to_numpy() | among(leads.index, [row.lead_id for row in fresh])
    live = episodes[among(episodes.index, leads.index[pays])]
    cooldown = timedelta(seconds=rules.qualification.cooldown.seconds)
    return [
        EpisodeClosed(
            lead_id=str(lead_id),
            status="converted",
            closed_at=as_of,
            reason="became a paying customer",
            cooldown_until=as_of + cooldown,
            converted_at=_converted_at(leads.at[lead_id, "converted_at"], float(opened_at), as_of),
        )
        for lead_id, opened_at in live["opened_at"].items()
    ]


def _converted_at(first: object, opened_at: float, as_of: datetime) -> datetime:
    """The first payment if it came within the episode; one before it was another time."""
    return from_micros(first) if isinstance(first, float) and first >= opened_at else as_of


def schedule(
    rules: Customers, fresh: Sequence[ConversionRecord], *, as_of: datetime, baseline: bool
) -> list[CheckInRecord]:
    """The check-ins of new customers. What was due before the first run is nobody's task any more."""
    return [
        CheckInRecord(
            lead_id=customer.lead_id,
            name=check_in.name,
            due_at=(due := customer.converted_at + timedelta(seconds=check_in.after.seconds)),
            decided_at=as_of if baseline and due <= as_of else None,
        )
        for customer in fresh
        for check_in in rules.check_ins
    ]


def _due(check_ins: Sequence[CheckInRecord], as_of: datetime) -> pd.DataFrame:
    rows = [
        (row.lead_id, row.name, float(to_micros(row.due_at)))
        for row in check_ins
        if row.decided_at is None and row.due_at <= as_of
    ]
    return pd.DataFrame(rows, columns=["lead_id", "name", "due_at"]).astype({"due_at": float})


def _decided(case: Case, as_of: datetime) -> CheckInRecord:
    candidate = case.candidate
    return CheckInRecord(lead_id=candidate.lead_id, name=case.topic, due_at=candidate.happened_at, decided_at=as_of)


def _dropped(lapsed: pd.DataFrame, as_of: datetime) -> list[CheckInRecord]:
    return [
        CheckInRecord(
            lead_id=str(row["lead_id"]), name=str(row["name"]), due_at=from_micros(row["due_at"]), decided_at=as_of
        )
        for row in lapsed.to_dict("records")
    ]


def _changed(known: pd.DataFrame, use: pd.DataFrame, leads: pd.DataFrame, *, as_of: datetime) -> list[ConversionRecord]:
    now = use["now"].reindex(known.index)
    moved = known[now.notna() & (now != known["use_now"])]
    return [
        ConversionRecord(
            lead_id=str(lead_id),
            converted_at=from_micros(float(at)),
            plan=_plan(leads, str(lead_id)),
            use_now=float(str(now.at[lead_id])),
            use_at=as_of,
        )
        for lead_id, at in moved["converted_at"].items()
    ]


def _with_use(fresh: Sequence[ConversionRecord], use: pd.DataFrame, *, as_of: datetime) -> list[ConversionRecord]:
    now = {str(lead_id): float(value) for lead_id, value in use["now"].dropna().items()}
    return [
        ConversionRecord(
            lead_id=row.lead_id,
            converted_at=row.converted_at,
            plan=row.plan,
            use_before=now.get(row.lead_id),
            use_now=now.get(row.lead_id),
            use_at=as_of,
        )
        for row in fresh
    ]


def _plan(leads: pd.DataFrame, lead_id: str) -> str:
    plan = leads.at[lead_id, "plan"]
    return plan if isinstance(plan, str) else ""
