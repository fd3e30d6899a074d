"""What a run found, as the records that the store writes in one transaction."""

from collections.abc import Iterable
from datetime import timedelta

import pandas as pd

from pql.domain.definitions import Definitions
from pql.domain.overview import Overview
from pql.domain.qualification import Closing
from pql.domain.used import used_attributes
from pql.jobs.candidates import Case
from pql.jobs.evidence import evidence_of
from pql.jobs.thought import Thought
from pql.store.records import EpisodeClosed, EpisodeOpened, LeadHashes, OccurrenceRecord, RunResults

_COLUMNS_OF_THEIR_OWN = frozenset(
    {"name", "domain", "plan", "stage", "owner_email", "success_owner_email", "created_at"}
)
# What never changes for a lead, has its history in `subscriptions` or follows from others needs no validity.
_WITHOUT_VALIDITY = frozenset({"created_at", "trial_ends_at", "converted_at", "stage"})
# Owners, deals and plans decide who is told, whatever the definitions say.
_ALWAYS = frozenset({"plan", "owner_email", "success_owner_email", "open_deal"})


def results_of(definitions: Definitions, thought: Thought) -> RunResults:
    """What the store is asked to write."""
    leads, detail = thought.overview.leads, thought.detail
    # Where a source cannot be relied on, leads keep what was known of them.
    whole = not thought.blind
    return RunResults(
        definitions_hash=definitions.content_hash,
        sources=definitions.sources,
        evaluation=thought.overview if whole else None,
        hashes=LeadHashes.joined(thought.hashes) if whole else None,
        shown=shown(leads.columns),
        hysteresis=thought.transitions.state.loc[thought.transitions.changed],
        opened=_opened(thought),
        closed=[*thought.converted, *_left(definitions, thought)],
        occurrences=[occurrence_record(case) for case in thought.cases if case.moment is not None],
        decisions=thought.messages.decisions(thought.telling.told, as_of=detail.as_of),
        outbox=[record for records in thought.messages.records.values() for record in records],
        held=thought.telling.held,
        settled=thought.telling.settled,
        turns=thought.telling.turns,
        conversions=thought.followed.records,
        check_ins=thought.followed.check_ins,
        validity={
            "lead": leads[kept(definitions, leads.columns)],
            "allowance": _by_account_and_meter(thought.reading.allowances),
        }
        if whole
        else {},
        counts={**counts_of(thought), **firing_of(thought.overview)},
        settings=thought.ruled.settings,
    )


def counts_of(thought: Thought) -> dict[str, int | float | str]:
    """The figures that a run remembers of itself."""
    return {
        "leads": len(thought.overview.scores),
        "eligible": int(thought.overview.scores["eligible"].sum()),
        "opened": len(thought.transitions.opened),
        "closed": len(thought.transitions.closed) + len(thought.converted),
        "live": thought.live,
        "moments": sum(case.moment is not None for case in thought.cases),
        "conversions": len(thought.followed.fresh),
        "notifications": sum(len(records) for records in thought.messages.records.values()),
    }


def firing_of(overview: Overview) -> dict[str, int]:
    """For how many eligible leads each signal fired (`fired:<name>`), and was not evaluated (`unknown:<name>`)."""
    counts: dict[str, int] = {}
    for name, row in overview.firing.iterrows():
        counts[f"fired:{name}"] = int(row["fired_eligible"])
        counts[f"unknown:{name}"] = int(row["unknown_eligible"])
    return counts


def shown(columns: Iterable[object]) -> list[str]:
    """The attributes of leads that are kept for pages and messages."""
    return [str(column) for column in columns if column not in _COLUMNS_OF_THEIR_OWN]


def kept(definitions: Definitions, columns: Iterable[object]) -> list[str]:
    """The attributes of leads that are kept with their validity."""
    names = (used_attributes(definitions) | _ALWAYS) - _WITHOUT_VALIDITY
    return [str(column) for column in columns if column in names]


def _by_account_and_meter(allowances: pd.DataFrame) -> pd.DataFrame:
    """One row an account and meter: `00100693:seats`. Of rows told twice the first counts."""
    ids = allowances["account_id"].astype(str) + ":" + allowances["meter"].astype(str)
    known = allowances.drop(columns=["account_id", "meter"]).set_axis(pd.Index(ids, dtype=object))
    return known[~known.index.duplicated()]


def _opened(thought: Thought) -> list[EpisodeOpened]:
    evaluation, opened = thought.detail, thought.transitions.opened
    scores = evaluation.scores.reindex([*opened])
    columns = (scores[name].tolist() for name in ("tier", "grade", "behaviour"))
    fit = evaluation.fit["fit"].reindex([*opened]).tolist()
    return [
        EpisodeOpened(
            lead_id=lead_id,
            opened_at=evaluation.as_of,
            tier=str(tier),
            grade=str(grade),
            behaviour=float(behaviour),
            fit=float(points),
            evidence=evidence,
            told_at=evaluation.as_of if thought.baseline or lead_id in thought.ruled.leads else None,
        )
        for lead_id, tier, grade, behaviour, points, evidence in zip(
            opened, *columns, fit, evidence_of(evaluation, opened), strict=True
        )
    ]


def _left(definitions: Definitions, thought: Thought) -> list[EpisodeClosed]:
    as_of = thought.overview.as_of
    cooldown = timedelta(seconds=definitions.qualification.cooldown.seconds)
    return [
        EpisodeClosed(
            lead_id=str(lead_id),
            status="expired",
            closed_at=as_of,
            reason=str(row["why"]),
            unless_claimed=row["reason"] == Closing.EXPIRED,
            cooldown_until=as_of + cooldown,
        )
        for lead_id, row in thought.transitions.closed.iterrows()
    ]


def occurrence_record(case: Case) -> OccurrenceRecord:
    """What is remembered of a moment that happened."""
    return OccurrenceRecord(
        moment=case.topic,
        lead_id=case.candidate.lead_id,
        key=str(case.occurrence["key"]),
        at=case.candidate.happened_at,
        user_id=_text(case.occurrence.get("user_id")),
        count=int(case.occurrence["count"]),
        feature=_text(case.occurrence.get("feature")),
        detail=_text(case.occurrence.get("detail")),
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
