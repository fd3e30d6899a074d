"""The reps that `sql/reps.sql` lists, beside those of config/routing.yml: read at a run, remembered for other jobs."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pql.config.settings import Project
from pql.domain.rules import Rep, Routing
from pql.store import Store
from pql.warehouse import Warehouse

log = logging.getLogger(__name__)

Listed: TypeAlias = Sequence[Mapping[str, object]]
_SETTING = "reps"


def listed_reps(warehouse: Warehouse) -> Listed:
    """The reps of the relation, JSON-able: email, name, team, time_zone, slack_id, active; none without it."""
    frame = warehouse.reps()
    columns = {name: frame[name].astype(object).tolist() for name in frame.columns}
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def remember_reps(store: Store, listed: Listed, at: datetime) -> None:
    """Keep them for the jobs that do not read the usage database."""
    if [*listed] != [*remembered_reps(store)]:
        store.set_setting(_SETTING, listed, at)


def remembered_reps(store: Store) -> Listed:
    """The reps that the last run read."""
    found = store.setting(_SETTING)
    return found if isinstance(found, list) else ()


def with_reps(project: Project, listed: Listed) -> Project:
    """The project with those reps, too.

    Of one who stands in config/routing.yml, what is said there holds; the team and the Slack id are taken from the
    list where it is silent, and who is inactive in either is. The others work as the project does.
    """
    if not listed:
        return project
    routing = project.definitions.routing
    rows = {str(row["email"]).casefold(): row for row in listed}
    own = tuple(_filled(rep, rows.pop(rep.email.casefold(), {})) for rep in routing.reps)
    reps = (*own, *(_rep(row, routing, project.definitions.time_zone) for row in rows.values()))
    return replace(project, definitions=replace(project.definitions, routing=replace(routing, reps=reps)))


def _filled(rep: Rep, row: Mapping[str, object]) -> Rep:
    return replace(
        rep,
        team=rep.team or str(row.get("team", "")),
        slack_id=rep.slack_id or str(row.get("slack_id", "")),
        active=rep.active and bool(row.get("active", True)),
    )


def _rep(row: Mapping[str, object], routing: Routing, project_zone: str) -> Rep:
    email = str(row["email"])
    return Rep(
        email=email,
        name=str(row["name"]) or email,
        team=str(row["team"]),
        time_zone=_zone(str(row["time_zone"]), email, project_zone),
        slack_id=str(row["slack_id"]),
        active=bool(row["active"]),
        working=routing.working,
    )


def is_zone(name: str) -> bool:
    """Whether there is a time zone of this name."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _zone(name: str, email: str, otherwise: str) -> str:
    if not is_zone(name):
        words = "sql/reps.sql gives %s the time zone '%s', which there is not; %s is taken"
        log.warning(words, email, name, otherwise, extra={"action": "unknown_time_zone"})
        return otherwise
    return name
