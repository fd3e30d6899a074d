"""Who may do what only one process at a time may do: a lease with an end, and a number that grows with each holder.

The number (a fence) is what protects the state: work is written only while the lease bears the number under which the
work was begun. The end only says when others may try, so a clock that is wrong costs a change of holder, never a
second writer.
"""

from datetime import datetime

import sqlalchemy as sa

from pql.domain.calendar import from_micros, to_micros
from pql.domain.durations import Duration
from pql.errors import RunConflict
from pql.store import statements
from pql.store.records import Fence, Lease
from pql.store.tables import leases
from pql.store.values import clean


def read(connection: sa.Connection, name: str) -> Lease | None:
    """The lease as it stands; None if nobody ever had it."""
    row = connection.execute(sa.select(leases).where(leases.c.name == name)).one_or_none()
    if row is None:
        return None
    return Lease(
        name=row.name,
        holder=row.holder,
        fence=row.fence,
        since=from_micros(row.since),
        expires_at=from_micros(row.expires_at),
    )


def take(
    connection: sa.Connection, name: str, holder: str, now: datetime, for_: Duration, unchanged: Lease | None
) -> Lease | None:
    """See `Store.take_lease`."""
    begun = {"holder": clean(holder), "since": to_micros(now), "expires_at": to_micros(now) + for_.micros}
    if not statements.insert_new(connection, leases, [{"name": name, "fence": 1, **begun}]):
        # Of two that find it free only one takes it; SQLite lets one writer in anyway.
        connection.execute(sa.select(leases.c.fence).where(leases.c.name == name).with_for_update())
        found = read(connection, name)
        if found is None or not _free(found, holder, now, unchanged):
            return None
        connection.execute(sa.update(leases).where(leases.c.name == name).values(fence=found.fence + 1, **begun))
    return read(connection, name)


def _free(found: Lease, holder: str, now: datetime, unchanged: Lease | None) -> bool:
    # A holder's name is one process's: if it is ours, it was a process before us that had our number.
    return found.holder in {"", holder} or found.expires_at <= now or found == unchanged


def renew(connection: sa.Connection, lease: Lease, now: datetime, for_: Duration) -> Lease | None:
    """Move the end of a lease, also of one that has ended as long as nobody else took it; None if somebody did."""
    ours = sa.update(leases).where(
        leases.c.name == lease.name, leases.c.fence == lease.fence, leases.c.holder == clean(lease.holder)
    )
    kept = connection.execute(ours.values(expires_at=to_micros(now) + for_.micros)).rowcount == 1
    return read(connection, lease.name) if kept else None


def release(connection: sa.Connection, lease: Lease, now: datetime) -> bool:
    """Give it up, if it is still ours: the next who asks gets it at once. The row stays, so that the fence grows."""
    ours = sa.update(leases).where(
        leases.c.name == lease.name, leases.c.fence == lease.fence, leases.c.holder == clean(lease.holder)
    )
    return connection.execute(ours.values(holder="", expires_at=to_micros(now))).rowcount == 1


def require(connection: sa.Connection, fence: Fence | None, *, until_the_end: bool = False) -> None:
    """Refuse what was begun under a fence that is no longer the lease's.

    Args:
        connection: Within the transaction that writes.
        fence: None: it was begun by hand, and needs no lease.
        until_the_end: Nobody can take the lease before this transaction is over. Asked for last: the holder cannot
            renew it meanwhile either.

    Raises:
        RunConflict: Another process holds the lease, or nobody.
    """
    if fence is None:
        return
    asked = sa.select(leases.c.fence, leases.c.holder).where(leases.c.name == fence.name)
    row = connection.execute(asked.with_for_update(read=True) if until_the_end else asked).one_or_none()
    if row is None or row.fence != fence.number or not row.holder:
        raise RunConflict(
            f"this process no longer leads: it held '{fence.name}' as number {fence.number}, "
            f"which is now {row.fence if row else 'gone'} ({(row.holder if row else '') or 'nobody'}); "
            "nothing of the run was written, the new leader runs it again"
        )
