"""What a route depends on beside the definitions: who is away, how many open leads each rep has, whose turn it is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pql.domain.evaluation import Evaluation, Outcome
from pql.domain.messages import Subject
from pql.domain.routing import Roster, Route, away_at, away_for
from pql.domain.rules import Absence, Routing
from pql.domain.turns import Taking, Turn
from pql.jobs.candidates import Case
from pql.jobs.compose import facts_of
from pql.store import Store
from pql.store.records import STANDS_FOR


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How the reps stand, and what changes of it while leads are given to them.

    Args:
        roster: How they stood before.
        takings: The turns that were taken since, by pool and rep.
    """

    roster: Roster = field(default_factory=Roster)
    open_leads: Counter[str] = field(default_factory=Counter)
    turns: dict[tuple[str, str], Turn] = field(default_factory=dict)
    takings: dict[tuple[str, str], Taking] = field(default_factory=dict)

    @property
    def now(self) -> Roster:
        """How they stand now."""
        return replace(self.roster, open_leads=self.open_leads, turns=self.turns)

    def give(self, chosen: Route, at: datetime, *, qualified: bool) -> None:
        """A lead goes to a rep: their turn is taken, and if it qualified they have one more."""
        if qualified:
            self.open_leads[(chosen.stands_for or chosen.rep.email).casefold()] += 1
        for one in chosen.takings:
            key = one.pool, one.email
            self.turns[key] = one.after(self.turns.get(key, Turn()), at)
            self.takings[key] = self.takings[key].then(one) if key in self.takings else one


def standing_of(store: Store, routing: Routing, *, as_of: datetime) -> Standing:
    """How the reps stand at an instant."""
    leads = open_leads(store)
    turns = dict(store.turns())
    absences = absences_of(store, routing, as_of)
    roster = Roster(away=away_at(absences, as_of), open_leads=leads, turns=turns, reasons=away_for(absences, as_of))
    return Standing(roster=roster, open_leads=leads, turns=turns)


def absences_of(store: Store, routing: Routing, at: datetime) -> list[Absence]:
    """All absences that have not ended: those of the file and those that were said by command."""
    known = [absence for rep in routing.reps for absence in rep.absent if absence.until > at]
    return [*known, *store.absences(at)]


def open_leads(store: Store) -> Counter[str]:
    """How many live qualifications each rep has: claimed, told, or held for them until their morning."""
    episodes = store.open_episodes()
    if not len(episodes):
        return Counter()
    told = episodes.index[episodes["claimed_by"].ne("") | episodes["told_at"].notna()]
    holders = store.holders([str(lead_id) for lead_id in told])
    held = {
        record.lead_id: str(record.about.get(STANDS_FOR) or record.recipient)
        for record in store.held()
        if record.subject == Subject.QUALIFICATION.value and record.lead_id not in told
    }
    return Counter(email.casefold() for email in (*holders.values(), *held.values()) if email)


def routed_facts(evaluation: Evaluation, case: Case) -> dict[str, object]:
    """What the routing tree may ask of a case: the lead's facts, which signals fired, and the moment it is about."""
    fired = evaluation.row("outcomes", case.candidate.lead_id)
    return {
        **facts_of(evaluation, case.candidate.lead_id),
        "signal": tuple(name for name, outcome in fired.items() if outcome == Outcome.FIRED),
        "moment": case.topic if case.moment is not None else None,
    }


def stood_in(chosen: Route | None) -> dict[str, str]:
    """What is remembered of a decision that went to a stand-in, so that the lead goes back to its rep."""
    return {STANDS_FOR: chosen.stands_for} if chosen is not None and chosen.stands_for else {}


def takings_of(standing: Standing) -> Sequence[Taking]:
    """The turns that were taken, to be remembered."""
    return tuple(standing.takings.values())
