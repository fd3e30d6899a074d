"""What is found out about the source, kept for the instant last asked for: members, doubled ids, facts of accounts."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
import sqlalchemy as sa

from pql.domain.calendar import Calendar
from pql.domain.definitions import Definitions
from pql.domain.partials import Level
from pql.domain.partials import Relation as Happening
from pql.domain.texts import among
from pql.warehouse import inputs as own
from pql.warehouse import leads as known
from pql.warehouse.happenings import Survey, Surveyor, Usable
from pql.warehouse.members import Members, Seen
from pql.warehouse.relations import Relations
from pql.warehouse.source import Source

# Of more leads than this the users are found among all users: those of fewer are asked for by their accounts.
MOST_ASKED = 5_000


class Kept:
    """What several questions about one instant have in common, each found out once.

    Args:
        source: The usage tables.
        relations: The relations that the project has.
        definitions: For who is a lead, and what a customer pays for.
        calendar: The project's days.
    """

    def __init__(self, source: Source, relations: Relations, definitions: Definitions, calendar: Calendar) -> None:
        self._source = source
        self._relations = relations
        self._definitions = definitions
        self._calendar = calendar
        self._lead = definitions.lead
        self._at: datetime | None = None
        self._surveys: dict[tuple[Happening, datetime | None, datetime | None], Survey] = {}
        self._members: Members | None = None
        self._few: tuple[frozenset[str], Members] | None = None
        self.users_once = False  # whether each user is known to have one row
        self._subscriptions: pd.DataFrame | None = None
        self._allowances: pd.DataFrame | None = None
        self._deals: pd.Index[str] | None = None

    def forget(self) -> None:
        """Whatever was found out."""
        self._surveys.clear()
        self._members = self._few = None
        self.users_once = False
        self._subscriptions = self._allowances = self._deals = None

    def keep_for(self, as_of: datetime) -> None:
        """From here on what holds at this instant is asked for; what was kept for another is forgotten."""
        if as_of != self._at:
            self.forget()
            self._at = as_of

    def members(self) -> Members:
        """Who there is at the instant."""
        if self._members is None:
            icp = self._definitions.icp
            self._members = Members(
                self._source,
                self._relations,
                own_free_mail=icp.free_mail_domains,
                until=self._at or datetime.max.replace(tzinfo=UTC),
                seen=self._seen,
            )
        return self._members

    def members_of(self, lead_ids: Sequence[str]) -> Members:
        """Members with the users of these leads at least: of few leads, no others are read."""
        members = self.members()
        if self._lead is Level.USER or len(lead_ids) > MOST_ASKED:
            return members
        asked = frozenset(lead_ids)
        if self._few is None or self._few[0] != asked:
            accounts = members.accounts_of(self._lead)
            theirs = accounts.loc[among(accounts["lead_id"], asked), "account_id"].tolist()
            self._few = asked, members
            if len(theirs) <= MOST_ASKED:
                self._few = asked, members.among(theirs, once=self.users_once)
        return self._few[1]

    def _seen(self) -> Seen:
        """The users that events name, for a source without a users relation."""
        usable, until = self.usable(Happening.EVENTS), self._at or datetime.max.replace(tzinfo=UTC)
        rows = usable.select({}, start=None, end=until).subquery()
        pair = (rows.c.user_id, rows.c.account_id)
        select = (
            sa.select(*pair, sa.func.min(rows.c.at_micros).label("at_micros"))
            .where(rows.c.user_id.is_not(None))
            .group_by(*pair)
        )
        frame = self._source.fetch(select, usable.relation.file.path)
        return Seen.of(frame.astype({"user_id": "str", "account_id": "str"}))

    def usable(
        self,
        happening: Happening,
        accounts: Sequence[str] | None = None,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
    ) -> Usable:
        """The rows of [start, end) that count; whole days are looked at, since ids are compared within a day."""
        relation, users = self._relations.needed(happening.value), self._relations.get("users")
        surveyor = self._surveyor(happening, start=start, end=end)
        bounds = (happening, surveyor.start, end)
        if bounds not in self._surveys:
            self._forget_surveys(happening)
            self._surveys[bounds] = surveyor.survey()
        return Usable(relation, happening, users, self._surveys[bounds], accounts)

    def repeats(self, happening: Happening, *, start: datetime | None, end: datetime | None) -> int:
        """How many rows of [start, end) repeat an id."""
        surveyor = self._surveyor(happening, start=start, end=end)
        known = self._surveys.get((happening, surveyor.start, end))
        if known is not None:
            return known.repeats
        self._forget_surveys(happening)
        return surveyor.repeats()

    def _forget_surveys(self, happening: Happening) -> None:
        """The tables of a survey bear the relation's name: the next one replaces those of an older one."""
        self._surveys = {known: found for known, found in self._surveys.items() if known[0] is not happening}

    def _surveyor(self, happening: Happening, *, start: datetime | None, end: datetime | None) -> Surveyor:
        relation = self._relations.needed(happening.value)
        first = None if start is None else self._calendar.start_of(self._calendar.day_of(start))
        return Surveyor(self._source, relation, happening, self._calendar, first, end)

    def subscriptions(self) -> pd.DataFrame:
        """As `leads.subscriptions`."""
        if self._subscriptions is None:
            self._subscriptions = known.subscriptions(self._source, self._relations)
        return self._subscriptions

    def allowances(self) -> pd.DataFrame:
        """As `inputs.allowances`."""
        if self._allowances is None:
            self._allowances = own.allowances(self._source, self._relations)
        return self._allowances

    def facts(self, as_of: datetime, level: Level) -> pd.DataFrame:
        """What is known of the accounts, users or companies at an instant; index: their ids."""
        members, converts = self.members(), self._definitions.customers.converts
        if self._deals is None:
            self._deals = known.open_deals(self._source, self._relations)
        facts = known.account_facts(members, self.subscriptions(), self._deals, converts, as_of)
        return known.by_lead(members, facts, level)
