"""Qualifications as episodes, and the state of their hysteresis."""

from collections.abc import Collection, Sequence
from typing import Any

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.texts import among
from pql.store import statements
from pql.store.records import (
    CheckInRecord,
    ConversionRecord,
    Episode,
    EpisodeClosed,
    EpisodeOpened,
    Run,
)
from pql.store.tables import check_ins, conversions, lead_states, leads, outcomes, qualifications
from pql.store.values import chunks, clean, dumps, framed, instant, loads, micros

_STATES = ("above_since", "below_since", "cooldown_until")
_OPEN = ("opened_at", "claimed_at", "snoozed_until", "told_at")


def open_(connection: sa.Connection, run: Run, opened: Sequence[EpisodeOpened]) -> None:
    """Open episodes."""
    rows = [
        {
            "id": episode.id,
            "lead_id": clean(episode.lead_id),
            "run_id": run.id,
            "opened_at": to_micros(episode.opened_at),
            "tier": episode.tier,
            "grade": episode.grade,
            "behaviour": float(episode.behaviour),
            "fit": float(episode.fit),
            "status": "open",
            "told_at": micros(episode.told_at),
            "evidence": dumps(episode.evidence),
        }
        for episode in opened
    ]
    statements.insert(connection, qualifications, rows)


def close(connection: sa.Connection, closed: Sequence[EpisodeClosed]) -> int:
    """Close live episodes, as the run decided; how many were live still."""
    ended = sum(_close_one(connection, episode) for episode in closed)
    cooling = [
        {"lead_id": clean(episode.lead_id), "cooldown_until": to_micros(episode.cooldown_until)}
        for episode in closed
        if episode.cooldown_until is not None
    ]
    cool_down(connection, cooling)
    return ended


def _close_one(connection: sa.Connection, episode: EpisodeClosed) -> bool:
    table = qualifications.c
    converted = micros(episode.converted_at) if episode.status == "converted" else None
    values: dict[str, Any] = {
        "status": episode.status,
        "closed_at": to_micros(episode.closed_at),
        "close_reason": clean(episode.reason),
    }
    if converted is not None:
        values["lead_time"] = sa.case((table.opened_at >= converted, 0), else_=converted - table.opened_at)
    ended = sa.update(qualifications).where(table.lead_id == clean(episode.lead_id), table.closed_at.is_(None))
    if episode.unless_claimed:
        ended = ended.where(table.status == "open")
    closed_id = connection.execute(ended.values(values).returning(table.id)).scalar_one_or_none()
    if closed_id is not None and episode.status == "converted":
        at = converted if converted is not None else values["closed_at"]
        outcome = {"lead_id": clean(episode.lead_id), "qualification_id": closed_id, "kind": "converted", "at": at}
        connection.execute(sa.insert(outcomes).values({**outcome, "reason": clean(episode.reason)}))
    return closed_id is not None


def cool_down(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Let no new episode open before `cooldown_until`; what is later already stays."""
    later = _later(connection)
    statements.upsert(connection, lead_states, rows, key=["lead_id"], replaced={"cooldown_until": later})


def _later(connection: sa.Connection) -> sa.ColumnElement[Any]:
    # A rep may have closed the episode while the run thought: a cooldown is never shortened.
    old = lead_states.c.cooldown_until
    new = statements.new(connection, lead_states, "cooldown_until")
    return sa.case((sa.or_(new.is_(None), old > new), old), else_=new)


def tell(connection: sa.Connection, told: Sequence[tuple[str, int]]) -> None:
    """Note when leads with a live episode were first told about: (lead id, microseconds)."""
    table = qualifications.c
    first = (
        sa.update(qualifications)
        .where(table.lead_id == sa.bindparam("lead"), table.closed_at.is_(None), table.told_at.is_(None))
        .values(told_at=sa.bindparam("at", type_=sa.BigInteger))
    )
    for chunk in chunks(told):
        connection.execute(first, [{"lead": clean(lead_id), "at": at} for lead_id, at in chunk])


def write_states(connection: sa.Connection, hysteresis: pd.DataFrame) -> None:
    """Write the states that differ from those stored."""
    wanted = hysteresis.loc[:, list(_STATES)].astype(float)
    wanted.index = pd.Index([clean(lead_id) for lead_id in wanted.index], name="lead_id")
    before = _states(connection).reindex(wanted.index)
    same = ((wanted == before) | (wanted.isna() & before.isna())).all(axis=1)
    changed = wanted[~same]
    rows = [
        {
            "lead_id": lead_id,
            **{name: None if pd.isna(value) else int(value) for name, value in zip(_STATES, row, strict=True)},
        }
        for lead_id, *row in changed.itertuples(name=None)
    ]
    replaced = {name: statements.new(connection, lead_states, name) for name in ("above_since", "below_since")}
    replaced["cooldown_until"] = _later(connection)
    statements.upsert(connection, lead_states, rows, key=["lead_id"], replaced=replaced)


def _states(connection: sa.Connection, lead_ids: Collection[str] | None = None) -> pd.DataFrame:
    query = sa.select(*(lead_states.c[name] for name in ("lead_id", *_STATES)))
    parts = statements.of_leads(query, lead_states.c.lead_id, lead_ids)
    rows = [row for part in parts for row in statements.bare(connection, part)]
    return framed(rows, ["lead_id", *_STATES]).set_index("lead_id").astype(float)


def hysteresis(connection: sa.Connection, lead_ids: Collection[str] | None = None) -> pd.DataFrame:
    """What `advance` reads: the live episodes and the states; of these leads or of all."""
    live = open_table(connection, lead_ids)
    states = _states(connection, lead_ids)
    index = live.index.astype("str").union(states.index.astype("str")).sort_values()
    frame = states.reindex(index)
    frame.insert(0, "open", among(index, live.index))
    frame.insert(1, "opened_at", live["opened_at"].reindex(index))
    frame["claimed"] = among(index, live.index[live["status"].isin(["claimed", "accepted"])])
    return frame.rename_axis("lead_id")


def open_table(connection: sa.Connection, lead_ids: Collection[str] | None = None) -> pd.DataFrame:
    """The live episodes, by lead; of these leads or of all."""
    table = qualifications.c
    named = (
        "opened_at",
        "status",
        "tier",
        "grade",
        "behaviour",
        "fit",
        "claimed_by",
        "claimed_at",
        "snoozed_until",
        "told_at",
    )
    query = sa.select(table.lead_id, table.id, *(table[name] for name in named)).where(table.closed_at.is_(None))
    parts = statements.of_leads(query.order_by(table.lead_id), table.lead_id, lead_ids)
    rows = [row for part in parts for row in statements.bare(connection, part)]
    frame = framed(rows, ["lead_id", "episode_id", *named]).set_index("lead_id")
    return frame.astype(dict.fromkeys(_OPEN, float))


def read(connection: sa.Connection, lead_id: str) -> list[Episode]:
    """All episodes of a lead, the newest first."""
    table = qualifications.c
    query = sa.select(qualifications).where(table.lead_id == lead_id).order_by(table.opened_at.desc())
    return [_episode(row) for row in connection.execute(query)]


def where(connection: sa.Connection, *conditions: sa.ColumnElement[bool]) -> list[Episode]:
    """The episodes that meet all conditions, the newest first."""
    newest = sa.select(qualifications).where(*conditions).order_by(qualifications.c.opened_at.desc())
    return [_episode(row) for row in connection.execute(newest.order_by(qualifications.c.lead_id))]


def _episode(row: sa.Row[*tuple[Any, ...]]) -> Episode:
    return Episode(
        id=row.id,
        lead_id=row.lead_id,
        opened_at=from_micros(row.opened_at),
        tier=row.tier,
        grade=row.grade,
        behaviour=row.behaviour,
        fit=row.fit,
        status=row.status,
        claimed_by=row.claimed_by,
        claimed_at=instant(row.claimed_at),
        closed_at=instant(row.closed_at),
        close_reason=row.close_reason,
        lead_time_micros=row.lead_time,
        snoozed_until=instant(row.snoozed_until),
        told_at=instant(row.told_at),
        evidence=loads(row.evidence),
    )


# --- conversions and check-ins ----------------------------------------------------------------------------------


def write_conversions(connection: sa.Connection, run: Run, records: Sequence[ConversionRecord]) -> None:
    """Write conversions, and join those that are new to the episode that they ended."""
    rows = [
        {
            "lead_id": clean(record.lead_id),
            "run_id": run.id,
            "converted_at": to_micros(record.converted_at),
            "plan": clean(record.plan),
            "use_before": record.use_before,
            "use_now": record.use_now,
            "use_at": micros(record.use_at),
        }
        for record in records
    ]
    kept = conversions.c
    new = {name: statements.new(connection, conversions, name) for name in rows[0]} if rows else {}
    replaced: dict[str, sa.ColumnElement[Any]] = {name: new[name] for name in ("run_id", "converted_at", "plan") if new}
    # Use at the conversion is measured once; what a run did not measure stays.
    replaced |= {name: sa.func.coalesce(new[name], kept[name]) for name in ("use_before", "use_now", "use_at") if new}
    statements.upsert(connection, conversions, rows, key=["lead_id"], replaced=replaced or None)
    for chunk in chunks([clean(record.lead_id) for record in records]):
        connection.execute(_joined(chunk))


def _joined(lead_ids: list[str]) -> sa.Update:
    ended = (
        sa.select(qualifications.c.id, qualifications.c.lead_time)
        .where(qualifications.c.lead_id == conversions.c.lead_id, qualifications.c.status == "converted")
        .order_by(qualifications.c.opened_at.desc())
        .limit(1)
    )
    values = {
        "qualification_id": ended.with_only_columns(qualifications.c.id).scalar_subquery(),
        "lead_time": ended.with_only_columns(qualifications.c.lead_time).scalar_subquery(),
    }
    unjoined = sa.and_(conversions.c.lead_id.in_(lead_ids), conversions.c.qualification_id.is_(None))
    return sa.update(conversions).where(unjoined).values(values)


def customers(connection: sa.Connection) -> pd.DataFrame:
    """Converted leads, the newest first."""
    of_lead = ("name", "domain", "stage", "owner_email", "success_owner_email")
    own = ("plan", "converted_at", "lead_time", "use_before", "use_now", "use_at")
    last = [sa.func.coalesce(leads.c[name], "").label(name) for name in of_lead]
    # A customer that no run has seen as a lead counts as gone.
    now = [leads.c.behaviour, sa.func.coalesce(leads.c.gone, sa.true()).label("gone")]
    joined = conversions.outerjoin(leads, leads.c.lead_id == conversions.c.lead_id)
    query = sa.select(conversions.c.lead_id, *last, *(conversions.c[name] for name in own), *now).select_from(joined)
    rows = statements.bare(connection, query.order_by(conversions.c.converted_at.desc(), conversions.c.lead_id))
    frame = framed(rows, ["lead_id", *of_lead, *own, "behaviour", "gone"]).set_index("lead_id")
    numbers = dict.fromkeys([name for name in own if name != "plan"] + ["behaviour"], float)
    return frame.astype({**numbers, "gone": bool})


def write_check_ins(connection: sa.Connection, records: Sequence[CheckInRecord]) -> None:
    """Write check-ins; one that was decided stays so."""
    rows = [
        {
            "lead_id": clean(record.lead_id),
            "name": record.name,
            "due_at": to_micros(record.due_at),
            "decided_at": micros(record.decided_at),
        }
        for record in records
    ]
    new = {name: statements.new(connection, check_ins, name) for name in ("due_at", "decided_at")}
    replaced = {**new, "decided_at": sa.func.coalesce(check_ins.c.decided_at, new["decided_at"])}
    statements.upsert(connection, check_ins, rows, key=["lead_id", "name"], replaced=replaced)


def read_check_ins(connection: sa.Connection, *, due_before: int | None, decided: bool | None) -> pd.DataFrame:
    """Check-ins by due date."""
    table = check_ins.c
    query = sa.select(table.lead_id, table.name, table.due_at, table.decided_at).order_by(table.due_at, table.lead_id)
    if due_before is not None:
        query = query.where(table.due_at < due_before)
    if decided is not None:
        query = query.where(table.decided_at.is_not(None) if decided else table.decided_at.is_(None))
    rows = connection.execute(query).all()
    frame = framed(rows, ["lead_id", "name", "due_at", "decided_at"])
    return frame.astype({"due_at": float, "decided_at": float})
