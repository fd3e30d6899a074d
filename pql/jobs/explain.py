"""Why a lead stands where it stands, and why a rep was told or not: computed afresh, beside what was remembered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import pandas as pd

from pql.domain.evaluation import Evaluation
from pql.domain.explain import LeadExplained
from pql.domain.explain import explain as explain_lead
from pql.domain.messages import Person
from pql.errors import PqlError
from pql.jobs.compose import people
from pql.jobs.detect import JOB, Tools
from pql.jobs.evidence import evidence_words
from pql.jobs.reading import evaluated, read_lead
from pql.jobs.tell import brief
from pql.store import Store
from pql.store.records import Attempt, Episode, LeadRecord, Notification, Outcome, RunRecord, StoredDecision

LATEST, EVERY = 50, 1_000_000  # decisions
SHOWN, FADED = 0.01, 1.0  # points that are a difference, and that time may have taken unnoticed


class LeadUnknown(PqlError):
    """No lead has this id, name or domain."""


@dataclass(frozen=True, kw_only=True)
class Explained:
    """Everything about one lead.

    Args:
        now: The evaluation at `as_of`, from today's definitions and rows.
        recorded: What the last run remembered of it; None if no run saw it.
        differences: Where `now` and `recorded` differ, and the cause, in words.
        people: Whom to talk to.
        episodes, decisions, notifications, outcomes: The newest first.
        grounds: For each episode what it was opened with, in words: the numbers of then.
        attempts: The tries to deliver, by delivery id.
        more: How many older decisions are left out.
    """

    now: LeadExplained
    recorded: LeadRecord | None
    run: RunRecord | None
    differences: tuple[str, ...]
    people: tuple[Person, ...]
    episodes: Sequence[Episode]
    decisions: Sequence[StoredDecision]
    notifications: Sequence[Notification]
    outcomes: Sequence[Outcome]
    grounds: Sequence[tuple[str, ...]]
    attempts: Mapping[str, Sequence[Attempt]]
    more: int = 0


def explain(tools: Tools, text: str, *, as_of: datetime, every: bool = False) -> Explained:
    """Explain the lead that a text names.

    Args:
        tools: The project, the usage tables and what is remembered.
        text: The lead's id, name or domain.
        as_of: The instant; the percentiles are those of the last run.
        every: With all decisions ever made, not only the latest.

    Raises:
        LeadUnknown: No lead or several are meant; names the near ones.
    """
    lead_id = find(tools, text, as_of=as_of)
    store, definitions = tools.store, tools.project.definitions
    run = next(iter(store.runs(job=JOB, status="done", limit=1)), None)
    reading = read_lead(tools.warehouse, definitions, lead_id, as_of=as_of)
    evaluation = evaluated(tools.project, reading, cuts=run.cuts if run else None)
    if run is not None:
        evaluation = replace(evaluation, norms=_norms(run, evaluation))
    briefing = brief(tools.project, tools.warehouse, evaluation, [lead_id])
    recorded, decisions = store.lead(lead_id), store.decisions(lead_id, limit=EVERY)
    now = explain_lead(evaluation, definitions, lead_id)
    notifications, episodes = store.notifications(lead_id=lead_id), store.episodes(lead_id)
    return Explained(
        now=now,
        recorded=recorded,
        run=run,
        differences=differences(now, recorded, run, definitions.content_hash),
        people=people(briefing, lead_id),
        episodes=episodes,
        grounds=[evidence_words(definitions, one.evidence) for one in episodes],
        decisions=decisions if every else decisions[:LATEST],
        more=0 if every else max(len(decisions) - LATEST, 0),
        notifications=notifications,
        outcomes=store.outcomes(lead_id),
        attempts={one.delivery_id: store.attempts(one.delivery_id) for one in notifications},
    )


def find(tools: Tools, text: str, *, as_of: datetime) -> str:
    """The id of the one lead that a text names, in what is remembered or else in the usage.

    Raises:
        LeadUnknown: None is, or several are.
    """
    try:
        return known_lead(tools.store, text)
    except LeadUnknown:
        if text in tools.warehouse.leads(as_of=as_of).index:
            return text
        raise


def known_lead(store: Store, text: str) -> str:
    """The id of the one lead that a text names, among those that a run has seen.

    Raises:
        LeadUnknown: None is, or several are.
    """
    found = store.find_leads(text)
    exact = [one.lead_id for one in found if one.how in {"id", "name", "domain"}]
    if len(exact) == 1:
        return exact[0]
    if len(found) == 1 and found[0].how == "part":
        return found[0].lead_id
    if not found:
        raise LeadUnknown(f"No lead is called '{text}'; `pql leads` lists them, or give a lead's id")
    near = ", ".join(f"{one.name or one.lead_id} ({one.lead_id})" for one in found[:5])
    raise LeadUnknown(f"'{text}' could be several leads or none: {near}; give the id")


def _norms(run: RunRecord, evaluation: Evaluation) -> pd.DataFrame:
    norms = pd.DataFrame.from_dict({name: dict(values) for name, values in run.norms.items()}, orient="index")
    return norms.reindex(evaluation.norms.index).reindex(columns=evaluation.norms.columns).astype(float)


def differences(
    now: LeadExplained, recorded: LeadRecord | None, run: RunRecord | None, content_hash: str
) -> tuple[str, ...]:
    """Where today's numbers differ from those that the last run decided with, and why that may be."""
    if recorded is None or run is None:
        return ()
    # A lead is written again only when a whole point has faded: what is less is time that passed, not news.
    least = FADED if recorded.updated_at < run.as_of else SHOWN
    parts = []
    before = {verdict.signal: verdict for verdict in recorded.verdicts}
    for signal in now.signals:
        if signal.name not in before:
            parts.append(f"{signal.title}: new since the run")
        elif abs(signal.counted - before[signal.name].counted) >= least:
            parts.append(f"{signal.title}: {before[signal.name].counted:.1f} points then, {signal.counted:.1f} now")
    if not parts:
        return ()
    causes = []
    if run.definitions_hash != content_hash:
        causes.append("the definitions changed since that run")
    if now.as_of != run.as_of:
        causes.append(f"the run was as of {run.as_of:%Y-%m-%d %H:%M} UTC, this is as of {now.as_of:%Y-%m-%d %H:%M} UTC")
    cause = "; ".join(causes) or "rows arrived or changed since that run"
    return (*parts, f"Cause: {cause}.")
