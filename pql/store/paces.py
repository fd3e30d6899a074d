"""How fast messages may go to a place, for all workers of all processes together.

A place is a channel ("slack", held back as a whole when it asks for a pause) or a channel and an address
("slack:#sales", at most one message a second; "webhook:" for the endpoint that all webhooks share).
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.store import statements
from pql.store.tables import outbox, paces
from pql.store.values import clean

# What is further ahead was written while the clock was ahead too, and counts for nothing.
_LONGEST_TURN = 60_000_000
_LONGEST_HOLD = 86_400_000_000


def place_of(channel: str, address: str) -> str:
    """The place of an address in a channel."""
    return clean(f"{channel}:{address}")


def reserve(connection: sa.Connection, channel: str, address: str, now: datetime, gap: timedelta) -> datetime:
    """See `Store.reserve_turn`."""
    place = place_of(channel, address)
    at, micros = to_micros(now), round(gap.total_seconds() * 1_000_000)
    mine = sa.case((_ahead(at, _LONGEST_TURN), paces.c.free_at), else_=at) + micros
    taken = statements.upserted_one(connection, paces, {"place": place, "free_at": at + micros}, {"free_at": mine})
    whole = paces.alias()
    held = sa.select(whole.c.free_at).where(whole.c.place == channel, _ahead(at, _LONGEST_HOLD, whole))
    free_at, held_until = connection.execute(taken.returning(paces.c.free_at, held.scalar_subquery())).one()
    return from_micros(max(free_at - micros, held_until or 0))


def hold(connection: sa.Connection, place: str, until: datetime) -> None:
    """Nothing goes to a place before `until`; a longer hold stays."""
    to = to_micros(until)
    longer = sa.case((paces.c.free_at > to, paces.c.free_at), else_=to)
    connection.execute(statements.upserted_one(connection, paces, {"place": place, "free_at": to}, {"free_at": longer}))


def _ahead(now: int, longest: int, of: sa.FromClause = paces) -> sa.ColumnElement[bool]:
    return sa.and_(of.c.free_at > now, of.c.free_at <= now + longest)


def held_back(now: int) -> sa.ColumnElement[bool]:
    """Whether the channel of an outbox row, or its place there, is not free yet."""
    place = outbox.c.channel + ":" + outbox.c.address
    whole = sa.exists().where(paces.c.place == outbox.c.channel, _ahead(now, _LONGEST_HOLD))
    own = sa.exists().where(paces.c.place == place, _ahead(now, _LONGEST_TURN))
    return sa.or_(whole, own)


def next_free(
    connection: sa.Connection, now: datetime, channels: Collection[str] | None, but: Collection[str]
) -> datetime | None:
    """When the first place is free again to which a due message waits; None if none waits for its place."""
    at = to_micros(now)
    waits = [outbox.c.status == "waiting", outbox.c.due_at <= at, outbox.c.leased_until.is_(None)]
    waits += [outbox.c.channel.in_(sorted(channels))] if channels is not None else []
    waits += [outbox.c.channel.not_in(sorted(but))] if but else []
    place = sa.or_(paces.c.place == outbox.c.channel, paces.c.place == outbox.c.channel + ":" + outbox.c.address)
    soonest = sa.select(sa.func.min(paces.c.free_at)).where(_ahead(at, _LONGEST_HOLD), sa.exists().where(place, *waits))
    found = connection.scalar(soonest)
    return None if found is None else from_micros(found)
