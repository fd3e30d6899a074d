"""The one place that wires everything: the project, the databases, the channels, the clock."""

import os
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from pql.config import Problem, check, load
from pql.config.settings import DeliverySettings, Project
from pql.domain.calendar import Calendar
from pql.domain.durations import Duration
from pql.domain.health import Examined, failed, ok
from pql.domain.mutes import Mute
from pql.domain.rules import Absence, Rep
from pql.errors import StateError
from pql.jobs.check import check_source
from pql.jobs.clocks import SharedClock
from pql.jobs.collecting import COLLECTING
from pql.jobs.deliver import Courier, Delivered, deliver
from pql.jobs.detect import JOB, RunReport, Tools, detect
from pql.jobs.digest import Digested, digest, preview
from pql.jobs.doctor import examine
from pql.jobs.explain import EVERY, Explained, explain, known_lead
from pql.jobs.guard import Guarded, accept, look
from pql.jobs.leading import LEASE, NAME, Leadership
from pql.jobs.metrics import Metrics
from pql.jobs.names import known_name
from pql.jobs.operator import Recourse
from pql.jobs.reading import Progress, rolled_plans, silent
from pql.jobs.remind import Reminded, remind
from pql.jobs.routes import RepStanding, RouteTested, away, back, known_rep, reps_at, try_route
from pql.jobs.serve import serve
from pql.jobs.staff import remembered_reps, with_reps
from pql.jobs.summaries import Desk
from pql.jobs.watch import Known, WatchReport, watch
from pql.jobs.weekly import weekly_alert
from pql.jobs.why import SHOWN, Answer, why
from pql.notify import Channel, as_text, open_channels
from pql.notify.checking import check_templates
from pql.store import Store, is_new, migrate, open_store
from pql.store.records import OutcomeKind, OutcomeResult, Sent
from pql.warehouse import Asked, ColumnStatus, Refreshed, RollupStatus, Verified, Warehouse, open_warehouse

__all__ = ["App", "Asked", "RollupStatus", "check_project", "diagnose", "migrate_state", "open_app", "utc_now"]


def utc_now() -> datetime:
    """The present instant."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class App:
    """A project, opened.

    The warehouse is opened for each job and closed after it: a DuckDB file locks other programs out while it is open.
    """

    project: Project
    store: Store
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime] = utc_now
    wait: Callable[[float], None] = time.sleep
    looked_at: Known = field(default_factory=Known)

    def close(self) -> None:
        """Give up all connections."""
        self.store.close()

    @contextmanager
    def warehouse(self, watch: Callable[[Asked], None] | None = None) -> Iterator[Warehouse]:
        """The usage tables, open for the block; `watch` is told of each statement."""
        warehouse = open_warehouse(self.project, watch)
        try:
            yield warehouse
        finally:
            warehouse.close()

    @contextmanager
    def _tools(self, watch: Callable[[Asked], None] | None = None) -> Iterator[Tools]:
        with self.warehouse(watch) as warehouse:
            yield Tools(
                project=self.staffed,
                warehouse=warehouse,
                store=self.store,
                channels=self.channels,
                clock=self.clock,
            )

    def run(self, *, as_of: datetime | None = None, dry_run: bool = False, progress: Progress = silent) -> RunReport:
        """The main job, as of now or of the instant given."""
        rollup = self.project.usage.rollup
        until = time.monotonic() + (rollup.backfill.seconds if rollup else 0)
        with COLLECTING.seldom(), self._tools() as tools:
            return detect(
                tools,
                as_of=as_of or self.clock(),
                dry_run=dry_run,
                progress=progress,
                keep_on=lambda: time.monotonic() < until,
            )

    def watch(self, *, as_of: datetime | None = None, dry_run: bool = False) -> WatchReport:
        """One look at what has just happened, as of now or of the instant given."""
        with self._tools() as tools:
            return watch(tools, as_of=as_of or self.clock(), dry_run=dry_run, known=self.looked_at)

    def explain_cost(self, *, as_of: datetime | None = None, progress: Progress = silent) -> Sequence[Asked]:
        """Every statement that a run sends to the usage database, from a dry run; the rollup is brought up to date."""
        asked: list[Asked] = []
        with self._tools(asked.append) as tools:
            detect(tools, as_of=as_of or self.clock(), dry_run=True, progress=progress)
        return asked

    def deliver(self, *, stopping: Callable[[], bool] = lambda: False) -> Delivered:
        """Send what is due; nothing while `delivery.mode` is off."""
        return Delivered() if self.project.delivery.mode == "off" else deliver(self._courier(stopping))

    def _courier(self, stopping: Callable[[], bool], took: Callable[[Sent], None] = lambda _sent: None) -> Courier:
        definitions = self.staffed.definitions
        return Courier(
            store=self.store,
            channels=self.channels,
            recourse=Recourse(
                delivery=self.project.delivery, reps=definitions.routing.reps, time_zone=definitions.time_zone
            ),
            clock=self._shared_clock(),
            wait=self.wait,
            stopping=stopping,
            workers=self.project.delivery.workers or (4 if self.store.shared else 1),
            took=took,
        )

    def _deliveries(self, courier: Courier) -> dict[str, tuple[str, Callable[[], object]]]:
        """A job for each channel, so that one that hangs keeps no other waiting."""
        if self.project.delivery.mode == "off":
            return {}
        when = self.project.schedules.deliver
        jobs: dict[str, tuple[str, Callable[[], object]]] = {
            f"deliver {name}": (when, partial(deliver, courier, only={name})) for name in self.channels
        }
        return jobs | {"deliver": (when, partial(deliver, courier, but=set(self.channels)))}

    @property
    def _desk(self) -> Desk:
        return Desk(project=self.staffed, store=self.store, channels=self.channels, clock=self.clock)

    def digest(self) -> Digested:
        """Write the digests that are due: each rep's morning, and the team's week."""
        return digest(self._desk, as_of=self.clock())

    def preview_digest(self, rep: str) -> str | None:
        """The text of a rep's digest as it would be now; None where there is nothing to say. Nothing is kept.

        Raises:
            RepUnknown: No rep is meant by that address or name, or several are.
        """
        alert = preview(self._desk, known_rep(self.staffed.definitions.routing, rep), as_of=self.clock())
        return as_text(self.project.notifiers, alert) if alert else None

    def preview_weekly(self) -> str:
        """The text of the team's week as it would be now. Nothing is kept."""
        return as_text(self.project.notifiers, weekly_alert(self._desk, self.clock()))

    def remind(self) -> Reminded:
        """Remind reps of leads that nobody took, and tell the fallback of those that still nobody took."""
        return remind(self._desk, as_of=self.clock())

    def explain(self, lead: str, *, as_of: datetime | None = None, every: bool = False) -> Explained:
        """All that is known of one lead, computed afresh beside what was remembered.

        Without an instant, as of the last run: then any difference is one of rows or definitions.
        """
        with self._tools() as tools:
            return explain(tools, lead, as_of=as_of or self.store.last_as_of(JOB) or self.clock(), every=every)

    def why(self, lead: str, rep: str, *, every: bool = False) -> Answer:
        """Why a rep did, or did not, hear of a lead."""
        return why(self.store, self.staffed, lead, rep, now=self.clock(), most=EVERY if every else SHOWN)

    def sources(self, *, as_of: datetime | None = None) -> Guarded:
        """Whether the relations are as they should be."""
        with self.warehouse() as warehouse:
            return look(self.project, warehouse, self.store, as_of=as_of or self.clock())

    def accept_source(self, relation: str, *, as_of: datetime | None = None) -> None:
        """Take a relation as it is: only what is seen from now on is its past."""
        accept(self.store, self.project, relation, at=as_of or self.clock(), now=self.clock())

    @property
    def calendar(self) -> Calendar:
        """The project's days."""
        return Calendar(ZoneInfo(self.project.definitions.time_zone))

    def rollup_status(self) -> RollupStatus | None:
        """What the rollup holds; None without one."""
        with self.warehouse() as warehouse:
            return warehouse.rollup_status(rolled_plans(self.project.definitions))

    def rebuild_rollup(self, *, progress: Progress = silent) -> Sequence[Refreshed]:
        """Forget all days of the rollup, and roll them anew up to now."""
        with self.warehouse() as warehouse:
            warehouse.forget_rollup()
            plans = rolled_plans(self.project.definitions)
            return warehouse.refresh(plans, as_of=self._latest(), progress=progress)

    def prune_rollup(self) -> Sequence[ColumnStatus]:
        """Drop what no definition needs; returns it."""
        with self.warehouse() as warehouse:
            return warehouse.prune_rollup(rolled_plans(self.project.definitions))

    def verify_rollup(self, *, days: int, leads: int, seed: int | None = None) -> Verified:
        """Compute a sample of days and leads anew from the rows, and compare with the rollup."""
        plans = rolled_plans(self.project.definitions)
        with self.warehouse() as warehouse:
            chance = random.Random(seed)  # noqa: S311 (a sample, no secret)
            return warehouse.verify_rollup(plans, days=days, leads=leads, chance=chance)

    def _latest(self) -> datetime:
        """The instant of the last run: what the rollup stands at; before the first, now."""
        return self.store.last_as_of(JOB) or self.clock()

    def serve(self, stop: threading.Event) -> None:
        """Run the schedule until `stop` is set: every process delivers, the one that leads does all else.

        Raises:
            StateError: The state stands in SQLite, and another process serves it.
        """
        schedules = self.project.schedules
        leadership = self.leadership()
        self._stand_alone(leadership, stop)
        self.store.fence_runs(leadership.required)
        watched = Metrics(self.store, clock=self._shared_clock(), leading=leadership.fence)
        deliveries = self._deliveries(self._courier(stop.is_set, watched.took))
        with watched.served(self.project.metrics):
            serve(
                {
                    "run": (schedules.run, self.run),
                    "watch": (schedules.watch, self.watch),
                    "digest": (schedules.digest, self.digest),
                    "remind": (schedules.remind, self.remind),
                    **deliveries,
                },
                ZoneInfo(self.project.definitions.time_zone),
                until_stopped=stop.wait,
                leadership=leadership,
                everywhere=deliveries,
            )

    def mute(self, *, lead: str, rep: str, about: str, for_: Duration, reason: str, by: str) -> Mute:
        """Mute what is named, from now on for so long.

        Raises:
            LeadUnknown: No lead is called so.
            RepUnknown: No rep is meant, or several are.
            NameUnknown: No signal or moment is called so.
        """
        now, definitions = self.clock(), self.staffed.definitions
        topics = [*(one.name for one in definitions.signals), *(one.name for one in definitions.moments)]
        return self.store.mute(
            Mute(
                lead_id=known_lead(self.store, lead) if lead else "",
                recipient=known_rep(definitions.routing, rep).email if rep else "",
                topic=known_name(about, topics, "signal or moment") if about else "",
                by=by,
                reason=reason,
                at=now,
                until=now + timedelta(seconds=for_.seconds),
            )
        )

    def leadership(self) -> Leadership:
        """This process's part in who leads."""
        return Leadership(
            self.store,
            holder=f"{socket.gethostname()}:{os.getpid()}",
            clock=self._shared_clock(),
            monotonic=time.monotonic,
            gone=_gone,
        )

    def _shared_clock(self) -> Callable[[], datetime]:
        return _shared(self.store, self.clock)

    def _stand_alone(self, leadership: Leadership, stop: threading.Event) -> None:
        """Try to lead; where the state is a file on this machine nobody else may serve it.

        Raises:
            StateError: Somebody else does.
        """
        leads = leadership.try_once()
        if self.store.shared:
            return
        if not leads:
            found = self.store.read_lease(NAME)
            who = f"{found.holder} since {found.since:%Y-%m-%d %H:%M:%S} UTC" if found else "another process"
            raise StateError(
                f"`pql serve` is running already: {who}; with the state in SQLite only one can. Stop that one first "
                f"(if it was killed on another machine, wait {LEASE.seconds} seconds), or keep the state in "
                "PostgreSQL to run several (docs/operations.md)"
            )
        leadership.on_loss = stop.set

    def outcome(
        self, lead: str, kind: OutcomeKind, *, by: str, reason: str = "", snooze_for: Duration | None = None
    ) -> OutcomeResult:
        """What a rep says of a lead, named by its id, name or domain."""
        now = self.clock()
        return self.store.record_outcome(
            known_lead(self.store, lead),
            kind,
            by,
            now,
            reason or None,
            now + timedelta(seconds=snooze_for.seconds) if snooze_for else None,
            cooldown=self.project.definitions.qualification.cooldown,
        )

    # --- reps and routes ---

    @property
    def staffed(self) -> Project:
        """The project with the reps that the last run read from `sql/reps.sql`."""
        return with_reps(self.project, remembered_reps(self.store))

    def reps(self) -> Sequence[RepStanding]:
        """How all reps stand now."""
        return reps_at(self.store, self.staffed.definitions.routing, self.clock())

    def absent(self, rep: str, *, since: str | None, until: str, by: str, reason: str = "") -> tuple[Absence, Rep]:
        """A rep, named by address or name, is away until a day (2026-08-14) in their zone, or an instant.

        Raises:
            RepUnknown: No rep is meant, or several are.
            AbsenceRefused: It is no day, or the end is not ahead.
        """
        now = self.clock()
        who = known_rep(self.staffed.definitions.routing, rep)
        return away(self.store, who, since=since, until=until, reason=reason, by=by, at=now), who

    def back(self, rep: str) -> Rep:
        """A rep is back.

        Raises:
            RepUnknown: No rep is meant, or several are.
            AbsenceRefused: They were not away, or by config/routing.yml.
        """
        routing = self.staffed.definitions.routing
        who = known_rep(routing, rep)
        back(self.store, routing, who, self.clock())
        return who

    def try_route(self, lead: str, *, moment: str = "") -> RouteTested:
        """Where a message about a lead would go now; nothing is sent or remembered."""
        return try_route(self.store, self.staffed, self.channels, lead, moment=moment, at=self.clock())


def _shared(store: Store, clock: Callable[[], datetime]) -> Callable[[], datetime]:
    """The clock of all who use the state; one that was handed in is taken as it is."""
    return SharedClock(store, clock, time.monotonic) if clock is utc_now else clock


def _gone(holder: str) -> bool:
    """Whether the process of that name was one of this machine, and is no more."""
    host, _, number = holder.rpartition(":")
    if host != socket.gethostname() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def open_app(
    folder: Path,
    environ: Mapping[str, str],
    *,
    delivery: DeliverySettings | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> App:
    """Open a project's folder.

    Args:
        folder: The project's folder.
        environ: Where `${NAME}` in the configuration is looked up.
        delivery: In place of the project's own delivery settings.
        clock: Tells the time.

    A state database that is empty gets its tables at once; an older one waits for `pql migrate`.

    Raises:
        ConfigError: The project's files have problems.
        StateError: The state database cannot be opened, or needs `pql migrate`.
    """
    project = load(folder, environ)
    if delivery is not None:
        project = replace(project, delivery=delivery)
    if is_new(project.state, project.folder):
        migrate(project.state, project.folder)
    store = open_store(project.state, project.folder)
    # Receivers of webhooks refuse what is signed with a clock that is minutes wrong, as a machine's may be.
    return App(
        project=project, store=store, channels=open_channels(project.notifiers, _shared(store, clock)), clock=clock
    )


def check_project(folder: Path, environ: Mapping[str, str], *, source: bool = True) -> Sequence[Problem]:
    """Every problem in a project's files; with `source`, also what the usage database says of the SQL.

    The database is asked only once the files themselves are sound.
    """
    problems = check(folder, environ, check_templates)
    if problems or not source:
        return problems
    return check_source(load(folder, environ))


def diagnose(
    folder: Path, environ: Mapping[str, str], *, send: bool = False, clock: Callable[[], datetime] = utc_now
) -> Sequence[Examined]:
    """Everything that a project needs, one finding a thing; with `send`, also one test message a channel."""
    if problems := check(folder, environ, check_templates):
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        return [failed("Project files", f"{problems[0]}{more}", "`pql check` tells all")]
    project = load(folder, environ)
    found = examine(project, open_channels(project.notifiers, clock), clock(), send=send)
    return [ok("Project files", "sound"), *found]


def migrate_state(folder: Path, environ: Mapping[str, str]) -> Sequence[str]:
    """Bring the state database to this program's shape; names the steps that were done."""
    project = load(folder, environ)
    return migrate(project.state, project.folder)
