"""The tables of the demo company's product database, under names of its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pandas as pd

from pql.demo.accounts import SECTORS, SOURCES, Accounts, Kind
from pql.demo.billing import Billing, instants
from pql.demo.blemishes import Recorded
from pql.demo.log import ACTIONS, DETAILS, MODULES
from pql.demo.members import Members
from pql.demo.names import TITLES
from pql.demo.places import COUNTRIES, ZONES
from pql.demo.scope import Bools, Scope
from pql.demo.selling import owners
from pql.demo.touching import TOUCHES, Touches

DELETED_UID = "09999991"


def workspaces(scope: Scope, accounts: Accounts, billing: Billing) -> pd.DataFrame:
    """`app.workspaces`: what is known of accounts, with gaps."""
    rng = scope.rng("workspaces")
    sales, success = owners(accounts, billing.plans, rng)
    n = len(accounts)
    return pd.DataFrame(
        {
            "workspace_uid": accounts.uids,
            "title": _gaps(accounts.names, rng.random(n) < 0.001),
            "web_domain": _gaps(accounts.domains, rng.random(n) < 0.01),
            "made_at": instants(scope, accounts.created),
            "billing_country": _gaps([COUNTRIES[place][0] for place in accounts.country], rng.random(n) < 0.05),
            "sector": _gaps([SECTORS[place][0] for place in accounts.sector], rng.random(n) < 0.08),
            "headcount": pd.array(accounts.employees, dtype="Int64").take(
                np.where(rng.random(n) < 0.14, -1, np.arange(n)), allow_fill=True
            ),
            "signup_source": [SOURCES[place][0] for place in accounts.source],
            "sales_owner": sales,
            "cs_owner": success,
            "is_internal": np.isin(accounts.kind, [Kind.STAFF]),
        }
    )


def people(scope: Scope, accounts: Accounts, members: Members) -> pd.DataFrame:
    """`app.members`: who belongs to which workspace."""
    rng, n = scope.rng("people"), len(members)
    all_titles = [*(title for title, _, _ in TITLES), "Student"]
    return pd.DataFrame(
        {
            "member_id": [f"m{number:07d}" for number in range(n)],
            "workspace_uid": [accounts.uids[place] for place in members.account],
            "mail": _gaps(members.addresses, rng.random(n) < 0.004),
            "full_name": _gaps(members.names, rng.random(n) < 0.01),
            "job_title": _gaps([all_titles[place] for place in members.title], rng.random(n) < 0.18),
            "time_zone": [ZONES[place] for place in members.zone],
            "joined_at": instants(scope, members.joined),
        }
    )


def touchpoints(scope: Scope, accounts: Accounts, touches: Touches) -> pd.DataFrame:
    """`marketing.touchpoints`."""
    return pd.DataFrame(
        {
            "touchpoint_id": [f"t{number:06d}" for number in range(len(touches.account))],
            "workspace_uid": [accounts.uids[place] for place in touches.account],
            "member_id": [None if place < 0 else f"m{place:07d}" for place in touches.member],
            "channel_code": [TOUCHES[place][0] for place in touches.kind],
            "happened_at": instants(scope, touches.day),
        }
    )


def _gaps(values: Sequence[str], absent: Bools) -> list[str | None]:
    return [None if gone else value for value, gone in zip(values, absent, strict=True)]


def activity(accounts: Accounts, recorded: Recorded) -> pd.DataFrame:
    """`app.activity_log` with numbers for ids, which `write` makes text of."""
    log = recorded.log
    return pd.DataFrame(
        {
            "number": recorded.number,
            "happened": log.at.astype("datetime64[us]"),
            "received": recorded.received.astype("datetime64[us]"),
            "workspace_uid": _coded(log.account, [*accounts.uids, DELETED_UID]),
            "member": log.member,
            "action": _coded(log.action, ACTIONS),
            "module": _coded(log.module, MODULES),
            "amount": log.amount,
            "detail": _coded(log.detail, DETAILS),
        },
        copy=False,
    )


def _coded(codes: npt.NDArray[np.int32] | npt.NDArray[np.int8], values: Sequence[str]) -> "pd.Categorical[str]":
    return pd.Categorical.from_codes(codes, categories=pd.Index(values))


# Broken numbers come as -inf: a NaN in a frame would become a null on the way.
_LOG = """
CREATE TABLE app.activity_log AS
SELECT
    'e' || lpad(number::VARCHAR, 9, '0') AS entry_id,
    happened AS happened_at,
    received AS received_at,
    workspace_uid::VARCHAR AS workspace_uid,
    CASE WHEN member >= 0 THEN 'm' || lpad(member::VARCHAR, 7, '0') END AS member_id,
    action::VARCHAR AS action,
    module::VARCHAR AS module,
    CASE WHEN amount = '-infinity'::DOUBLE THEN 'nan'::DOUBLE ELSE amount END AS amount,
    detail::VARCHAR AS detail
FROM activity
"""
_STATEMENTS = (
    "CREATE SCHEMA app; CREATE SCHEMA billing; CREATE SCHEMA marketing; CREATE SCHEMA crm; CREATE SCHEMA forms",
    "CREATE TABLE app.workspaces AS SELECT * FROM workspaces",
    "CREATE TABLE app.members AS SELECT * FROM people",
    _LOG,
    "CREATE TABLE billing.subscriptions AS SELECT * FROM subscriptions",
    "CREATE TABLE billing.plan_limits AS SELECT * FROM limits",
    "CREATE TABLE marketing.touchpoints AS SELECT * FROM touchpoints",
    "CREATE TABLE crm.opportunities AS SELECT * FROM opportunities",
    "CREATE TABLE forms.answers AS SELECT * FROM answers",
)


def write(path: Path, frames: Mapping[str, pd.DataFrame]) -> None:
    """Write the database to a new file; what stood at `path` is replaced once all is written.

    Args:
        path: Its folder is made if need be.
        frames: By the names that the statements use.

    Raises:
        OSError: The folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with duckdb.connect(str(unfinished)) as connection:
        for name, frame in frames.items():
            connection.register(name, frame)
        for statement in _STATEMENTS:
            connection.execute(statement)
    unfinished.replace(path)
