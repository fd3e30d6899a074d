"""The usage as the rest of the program sees it: frames as of an instant, and nothing about databases."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import sqlalchemy as sa

from pql.config.settings import Project
from pql.domain.calendar import Calendar, to_micros
from pql.domain.measures import Measure, Missing
from pql.domain.moments import Moment
from pql.domain.partials import Level
from pql.domain.partials import Relation as Happening
from pql.domain.patterns.base import PatternRows
from pql.domain.plan import Plan
from pql.domain.source_health import Expectation, Observation
from pql.domain.texts import among
from pql.warehouse import leads as known
from pql.warehouse.happenings import Survey, Usable
from pql.warehouse.health import look as look_at
from pql.warehouse.inspection import Finding, inspect
from pql.warehouse.kept import Kept
from pql.warehouse.members import Members
from pql.warehouse.plans import PlanReader
from pql.warehouse.quality import DataQuality, look
from pql.warehouse.recent import latest_rows, pattern_rows
from pql.warehouse.relations import Relations
from pql.warehouse.rollup.refresh import Progress, Refreshed
from pql.warehouse.rollup.rollup import Rollup
from pql.warehouse.rollup.upkeep import ColumnStatus, Difference, RollupStatus, Verified
from pql.warehouse.source import Asked, Source
from pql.warehouse.watching import Watching

# More leads than this are not named in a statement: the rows of all are read, and those of others dropped.
MOST_NAMED = 500
# Each instant cuts the rows' days; so many are evaluated in one pass.
MOST_INSTANTS = 184


def _silent(_step: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def by_user(plan: Plan) -> Plan:
    """The plan with each measure taken for each user."""
    items = tuple(replace(item, measure=replace(item.measure, level=None)) for item in plan.items)
    return Plan(lead=Level.USER, items=items)


def open_warehouse(project: Project, watch: Callable[[Asked], None] | None = None) -> "Warehouse":
    """The project's usage tables. No connection is opened yet; `close` gives it back.

    Args:
        project: For its usage settings and definitions.
        watch: Is told of each statement before it is sent.

    Raises:
        SourceMismatch: The URL names a database that we cannot read.
    """
    return Warehouse(project, watch)


class Warehouse:
    """Reads a project's relations. All methods raise SourceUnreachable or SourceMismatch where that fails.

    Times in frames are float microseconds since 1970 in UTC, NaN unknown; text is `str`, NaN unknown. What is found
    out about the source (columns, doubled ids, members) is kept for the instant last asked for, so a warehouse is
    opened for a run and closed after it.
    """

    def __init__(self, project: Project, watch: Callable[[Asked], None] | None = None) -> None:
        definitions = project.definitions
        self._definitions = definitions
        self._source = Source(project.usage, watch)
        self._relations = Relations(self._source)
        self._calendar = Calendar(ZoneInfo(definitions.time_zone))
        self._lead = definitions.lead
        settings = project.usage.rollup
        self._rollup = None if settings is None else Rollup(self._source, self._relations, settings, self._calendar)
        self._kept = Kept(self._source, self._relations, definitions, self._calendar)

    def close(self) -> None:
        """Give the connections back; the warehouse can be used again, and connects anew."""
        if self._rollup is not None:
            self._rollup.close()
        self._source.close()
        self._kept.forget()

    def relations(self) -> Mapping[str, tuple[str, ...]]:
        """The columns of each relation that the project has."""
        found = {name: self._relations.get(name) for name in self._relations.names()}
        return {name: tuple(relation.kinds) for name, relation in found.items() if relation is not None}

    def inspect(self) -> Sequence[Finding]:
        """Everything about the source that `pql check` should say; empty where all is well."""
        return inspect(self._source, self._relations, self._definitions)

    def may_write(self) -> bool | None:
        """Whether our user may change the usage tables; None where the database cannot be asked.

        Raises:
            SourceUnreachable: It cannot be reached.
        """
        connection = self._source.connection()
        try:
            return self._source.engine.may_write(connection)
        except sa.exc.DBAPIError:
            return None  # our user may not even ask

    # --- who there is ---

    def leads(self, *, as_of: datetime) -> pd.DataFrame:
        """The leads that were there before an instant.

        Returns:
            Index `lead_id` (text, sorted): `name`, `domain`, `created_at`, `plan`, `owner_email`,
            `success_owner_email`, `status`, `mrr`, `in_trial` (bool), `trial_ends_at`, `converted_at` (the start of
            the first paying subscription), `open_deal` (bool), and every other attribute of the accounts (for user
            leads also of the users). Plan, status, mrr and trial are those of the instant; all else is as it is
            known today.
        """
        self._kept.keep_for(as_of)
        return self._kept.facts(as_of, self._lead)

    def users(self, lead_ids: Sequence[str]) -> pd.DataFrame:
        """The users of leads, sorted: `user_id`, `lead_id`, `name`, `email`, `role` and all other attributes."""
        members = self._kept.members_of(lead_ids)
        pairs = members.pairs(Level.USER, self._lead)
        pairs = pairs[among(pairs["lead_id"], lead_ids)].rename(columns={"key": "user_id"})
        users = members.users.drop(columns=["account_id", "created_at"])
        for name in ("name", "email", "role"):
            if name not in users:
                users[name] = pd.Series(None, index=users.index, dtype="str")
        joined = users.merge(pairs, on="user_id")
        first = ["user_id", "lead_id", "name", "email", "role"]
        return joined[[*first, *joined.columns.difference(first)]].sort_values(first[:2], ignore_index=True)

    def answers(self, *, as_of: datetime) -> pd.DataFrame:
        """The answers given before an instant: `lead_id`, `question`, `answer`."""
        self._kept.keep_for(as_of)
        pairs = self._kept.members().accounts_of(self._lead)
        return known.answers(self._source, self._relations, pairs, as_of)

    def reps(self) -> pd.DataFrame:
        """The reps of the relation: `email`, `name`, `team`, `time_zone`, `slack_id`, `active`; none without it."""
        return known.reps(self._source, self._relations)

    def quality(self, *, as_of: datetime) -> DataQuality:
        """How many rows could not be used, and why."""
        self._kept.keep_for(as_of)
        # With a rollup, only what was rolled now: the days before were looked at when they were.
        since = None if self._rollup is None else self._rollup.rolled_since

        def repeats(happening: Happening) -> int:
            return self._kept.repeats(happening, start=since, end=as_of if since else None)

        found = look(self._source, self._relations, as_of, repeats, since)
        self._kept.users_once = not found.count("duplicate_ids", "users")
        return found

    def seen(self, expectations: Mapping[str, Expectation], *, as_of: datetime) -> Sequence[Observation]:
        """What the relations that the project has are like as of an instant, of those that are expected of.

        Args:
            expectations: By relation.
            as_of: What lies at or after it is not seen.
        """
        return [
            look_at(self._source, relation, expectation, self._calendar, self._known_days(name), as_of=as_of)
            for name, expectation in expectations.items()
            if (relation := self._relations.get(name)) is not None
        ]

    def _known_days(self, name: str) -> pd.DataFrame | None:
        if self._rollup is None or name not in {happening.value for happening in Happening}:
            return None
        return self._rollup.known_days(Happening(name))

    # --- measures ---

    def refresh(
        self,
        plans: Sequence[Plan],
        *,
        as_of: datetime,
        progress: Progress = _silent,
        keep_on: Callable[[], bool] = lambda: True,
    ) -> Sequence[Refreshed]:
        """Bring the rollup up to an instant, for these plans; from then on `measures` reads it and not the events.

        Args:
            plans: All that will be measured.
            as_of: No row at or after it is rolled.
            progress: Is told of the days that are rolled.
            keep_on: Asked whether there is time to fill in more of the past of new definitions.

        Returns:
            A report a relation; none where the project has no rollup.
        """
        if self._rollup is None:
            return ()
        return self._rollup.refresh(plans, as_of, progress=progress, keep_on=keep_on)

    def measures(self, plan: Plan, instants: Sequence[datetime], lead_ids: Sequence[str] | None = None) -> pd.DataFrame:
        """The measures of a plan at any number of instants: what `Plan.finish` returns.

        Args:
            plan: Its lead may differ from the project's.
            instants: In any order; each bounds the rows that it sees.
            lead_ids: The leads wanted; None: all that were there before the last instant.
        """
        ordered = sorted(set(instants))
        parts = [
            self._measured(plan, ordered[start : start + MOST_INSTANTS], ordered[-1], lead_ids)
            for start in range(0, len(ordered), MOST_INSTANTS)
        ]
        return parts[0] if len(parts) == 1 else pd.concat(parts)

    def user_measures(self, plan: Plan, lead_ids: Sequence[str], as_of: datetime) -> pd.DataFrame:
        """The measures of a plan for each user of leads: index `user_id`, and `lead_id` beside the plan's columns."""
        self._kept.keep_for(as_of)
        members = self._kept.members_of(lead_ids)
        pairs = members.pairs(Level.USER, self._lead)
        wanted = pairs[among(pairs["lead_id"], lead_ids)].drop_duplicates("key").set_index("key")["lead_id"]
        measured = self._measured(by_user(plan), [as_of], as_of, list(wanted.index), members)
        frame = measured.droplevel("as_of").rename_axis("user_id")
        return frame.assign(lead_id=wanted.reindex(frame.index))

    def latest(self, items: Mapping[str, Measure], lead_ids: Sequence[str], as_of: datetime) -> pd.DataFrame:
        """The latest row behind each signal's measure: `signal`, `lead_id`, `latest` (text), `latest_at`.

        Args:
            items: Measures by signal; those that are not made of rows give none.
            lead_ids: Those wanted.
        """
        self._kept.keep_for(as_of)
        members = self._kept.members()
        pairs = members.pairs(Level.USER if self._lead is Level.USER else Level.ACCOUNT, self._lead)
        pairs = pairs[among(pairs["lead_id"], lead_ids)]
        frames = [
            self._latest(happening, items, pairs, as_of) for happening in Happening if happening in self._relations
        ]
        return pd.concat(frames, ignore_index=True)

    def allowances(self) -> pd.DataFrame:
        """What each account's plan includes, as it is known now: account_id, meter, allowed, used, period."""
        return self._kept.allowances().copy()

    def pattern_rows(self, moment: Moment, *, since: datetime, as_of: datetime) -> PatternRows:
        """What a moment's pattern sees of [since, as_of), and of its span before."""
        self._kept.keep_for(as_of)
        members = self._kept.members()
        lead, accounts = self._lead, self._kept.members().pairs(Level.ACCOUNT, self._lead)
        pairs = members.pairs(Level.USER, lead) if lead is Level.USER else accounts
        # As far back as any moment looks, so that one survey serves all.
        spans = [moment.pattern.span.micros, *(other.pattern.span.micros for other in self._definitions.moments)]
        usable = self._kept.usable(Happening.EVENTS, start=since - timedelta(microseconds=max(spans)), end=as_of)
        events, firsts = pattern_rows(self._source, usable, moment, pairs=pairs, lead=lead, since=since, as_of=as_of)
        return PatternRows(
            events=events,
            allowances=_of_leads(self._kept.allowances(), accounts),
            subscriptions=_of_leads(
                known.with_pays(self._kept.subscriptions(), self._definitions.customers.converts), accounts
            ),
            first_seen=firsts,
            since=to_micros(since),
            as_of=to_micros(as_of),
            calendar=self._calendar,
        )

    def watching(self, *, as_of: datetime, orphans: bool = False) -> Watching:
        """What has just arrived, as of an instant; `orphans`: whether rows without an account were ever seen."""
        self._kept.keep_for(as_of)
        return Watching(
            self._source,
            self._relations,
            self._calendar,
            self._lead,
            self._definitions.moments,
            self._kept.members,
            orphans=orphans,
            converts=self._definitions.customers.converts,
        )

    # --- the rollup's upkeep ---

    def rollup_status(self, plans: Sequence[Plan]) -> RollupStatus | None:
        """What the rollup holds; None where the project has none."""
        return None if self._rollup is None else self._rollup.status(plans)

    def prune_rollup(self, plans: Sequence[Plan]) -> Sequence[ColumnStatus]:
        """Drop the columns that these plans do not need; returns them."""
        return () if self._rollup is None else self._rollup.prune(plans)

    def forget_rollup(self) -> None:
        """Forget all days: the next refresh builds everything anew."""
        if self._rollup is not None:
            self._rollup.forget()

    def verify_rollup(self, plans: Sequence[Plan], *, days: int, leads: int, chance: random.Random) -> Verified:
        """Compute a sample of days and leads anew from the rows, and compare with the rollup.

        Args:
            plans: What is compared; the first one also lead by lead.
            days: How many days of each relation.
            leads: How many leads, at most `MOST_NAMED`.
            chance: Chooses them.
        """
        as_of = None if self._rollup is None else self._rollup.look(plans)
        if self._rollup is None or as_of is None:
            return Verified(days=0, leads=0, differences=())
        looked, differences = self._rollup.verify_days(plans, days, chance)
        self._kept.keep_for(as_of)
        every = self._kept.members().lead_ids(plans[0].lead)
        chosen = sorted(chance.sample(every, min(leads, MOST_NAMED, len(every))))
        if chosen and self._rollup.reaches(plans[0], [as_of]):
            kept = self.measures(plans[0], [as_of], chosen)
            rollup, self._rollup = self._rollup, None
            try:
                rows = self.measures(plans[0], [as_of], chosen)
            finally:
                self._rollup = rollup
            differences += _differing(kept, rows, [item.name for item in plans[0].items])
        return Verified(days=looked, leads=len(chosen), differences=differences)

    def _measured(
        self,
        plan: Plan,
        instants: Sequence[datetime],
        until: datetime,
        lead_ids: Sequence[str] | None,
        members: Members | None = None,
    ) -> pd.DataFrame:
        self._kept.keep_for(until)
        members = members or self._kept.members()
        wanted = members.lead_ids(plan.lead) if lead_ids is None else list(lead_ids)
        reader = PlanReader(
            source=self._source,
            relations=self._relations,
            members=members,
            calendar=self._calendar,
            plan=plan,
            instants=instants,
            lead_ids=None if lead_ids is None or len(wanted) > MOST_NAMED else wanted,
            wanted=None if lead_ids is None else wanted,
            usable=self._kept.usable,
            facts=self._kept.facts,
            allowances=self._kept.allowances,
            rollup=self._rollup if self._rollup is not None and self._rollup.reaches(plan, instants) else None,
        )
        return plan.finish(reader.read(), lead_ids=wanted, instants=instants, calendar=self._calendar)

    def _latest(
        self, happening: Happening, items: Mapping[str, Measure], pairs: pd.DataFrame, as_of: datetime
    ) -> pd.DataFrame:
        relation, users = self._relations.needed(happening.value), self._relations.get("users")
        named = pairs["key"].tolist() if self._lead is not Level.USER and len(pairs) <= MOST_NAMED else None
        # A doubled row shows the same as the one that counts.
        usable = Usable(relation, happening, users, Survey(None, None, orphans=users is not None, repeats=0), named)
        own = {
            name: measure
            for name, measure in items.items()
            if measure.evidence is not None
            and measure.evidence[0].relation is happening
            and relation.has_all(measure.evidence[0])
        }
        return latest_rows(
            self._source, usable, own, pairs=pairs, lead=self._lead, calendar=self._calendar, as_of=as_of
        )


def _differing(kept: pd.DataFrame, rows: pd.DataFrame, names: Sequence[str]) -> list[Difference]:
    found = []
    for name in names:
        left, right = kept[name], rows[name].reindex(kept.index)
        if pd.api.types.is_float_dtype(left.dtype) and pd.api.types.is_float_dtype(right.dtype):
            same = np.isclose(left, right, rtol=1e-9, atol=1e-6, equal_nan=True)
        else:
            same = ((left == right) | (left.isna() & right.isna())).to_numpy(dtype=bool)
        # What is still being filled in has no value yet, which is no difference.
        same |= (kept[f"{name}.missing"] == Missing.BUILDING).to_numpy()
        found += [
            Difference(what=f"{name} of lead {key[1]}", kept=str(left[key]), rows=str(right[key]))
            for key in kept.index[~same]
        ]
    return found


def _of_leads(rows: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """Rows of accounts as rows of leads."""
    return rows.merge(pairs, left_on="account_id", right_on="key").drop(columns=["account_id", "key"])
