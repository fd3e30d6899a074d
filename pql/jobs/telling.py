"""From cases to all that is told, held and withheld: decided, gathered, put into threads, and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pql.config.settings import Project
from pql.domain.decisions import GATHER, Why
from pql.domain.evaluation import Evaluation
from pql.domain.messages import Subject
from pql.domain.moments import Urgency
from pql.domain.turns import Taking
from pql.jobs.candidates import Case
from pql.jobs.compose import Briefing, moments_alert
from pql.jobs.reading import Progress, silent
from pql.jobs.routing import stood_in, takings_of
from pql.jobs.tell import Told, alert_of, decide_all, decision_records, outbox_records, remember
from pql.jobs.waiting import about_of
from pql.notify import Channel
from pql.store import Store
from pql.store.records import STANDS_FOR, DecisionRecord, HeldRecord, HeldStatus, OutboxRecord

THREAD = timedelta(days=14)  # news of a lead goes under a message that is no older
# What is said of it is no news: it was never due, or is told already.
_DROPPED = frozenset({Why.ALREADY_TOLD, Why.NOT_ELIGIBLE, Why.OPEN_DEAL, Why.NO_LONGER_TRUE})


@dataclass(frozen=True, kw_only=True)
class Telling:
    """What became of the cases of a run.

    Args:
        told: Each case with its decision and route.
        held: What waits, to be decided anew.
        settled: What became of what waited before.
        turns: The turns that reps took.
    """

    told: Sequence[Told]
    held: Sequence[HeldRecord]
    settled: Mapping[str, HeldStatus]
    turns: Sequence[Taking] = ()

    @classmethod
    def nothing(cls) -> "Telling":
        """There were no cases."""
        return cls(told=(), held=(), settled={})

    @property
    def sent(self) -> list[Told]:
        """What is told."""
        return [one for one in self.told if one.why.sends]


def told_of(
    store: Store,
    project: Project,
    evaluation: Evaluation,
    cases: Sequence[Case],
    *,
    baseline: bool,
    waiting: Sequence[HeldRecord] = (),
) -> Telling:
    """Decide on all cases.

    Args:
        store: What was told before, mutes, who holds which lead.
        project: For its rules.
        evaluation: Of all leads that are spoken of.
        cases: In the order in which they have a claim on a rep's budget.
        baseline: It is the first run ever.
        waiting: All that waits; who was chosen for it stays so.
    """
    as_of = evaluation.as_of
    memory = remember(store, project, cases, as_of=as_of)
    chosen = {
        record.lead_id: str(record.about.get(STANDS_FOR) or record.recipient) for record in waiting if record.recipient
    }
    memory = replace(memory, holders={**chosen, **memory.holders})
    told = decide_all(project, evaluation, cases, memory, baseline=baseline)
    waited = {record.step_key for record in waiting}
    return Telling(
        told=told,
        held=[_held(one, as_of) for one in told if one.why.waits],
        settled={
            key: _status(one.why) for one in told if (key := one.case.candidate.key) in waited and not one.why.waits
        },
        turns=takings_of(memory.standing),
    )


def _held(told: Told, as_of: datetime) -> HeldRecord:
    candidate = told.case.candidate
    return HeldRecord(
        step_key=candidate.key,
        lead_id=candidate.lead_id,
        recipient=told.route.rep.email if told.route else "",
        subject=candidate.subject.value,
        topic=told.case.topic,
        urgency=candidate.urgency.value,
        why=told.why.name,
        happened_at=candidate.happened_at,
        held_at=candidate.held_at or as_of,
        due_at=told.decision.due_at or as_of + GATHER,
        about={**about_of(told.case), **stood_in(told.route)},
    )


def _status(why: Why) -> HeldStatus:
    if why.sends:
        return "sent"
    return "dropped" if why in _DROPPED else "digest"


# --- messages ---


@dataclass(frozen=True, kw_only=True)
class Messages:
    """The final messages of a run, by the key of what they are about.

    Args:
        gathered: For what is told in the message of another, the key of that one.
    """

    records: Mapping[str, Sequence[OutboxRecord]] = field(default_factory=dict)
    gathered: Mapping[str, str] = field(default_factory=dict)

    def of(self, key: str) -> Sequence[OutboxRecord]:
        """The messages that tell of something."""
        return self.records.get(self.gathered.get(key, key), ())

    def decisions(self, told: Sequence[Told], *, as_of: datetime) -> list[DecisionRecord]:
        """What is remembered of the decisions; what was told before is, already."""
        return [
            self._marked(record)
            for one in told
            if one.why is not Why.ALREADY_TOLD
            for record in decision_records(one, self.of(one.case.candidate.key), as_of=as_of)
        ]

    def _marked(self, record: DecisionRecord) -> DecisionRecord:
        """What is told in the message of another names that one."""
        message = self.gathered.get(record.step_key)
        return record if message is None else replace(record, evidence={**record.evidence, "message": message})


def messages_of(
    store: Store,
    briefing: Briefing,
    channels: Mapping[str, Channel],
    sent: Sequence[Told],
    progress: Progress = silent,
) -> Messages:
    """Write what is told: the moments of one lead, for one rep, as one message, under what the rep was told before."""
    records: dict[str, Sequence[OutboxRecord]] = {}
    gathered: dict[str, str] = {}
    threads = Threads.of(store, [one.case.candidate.lead_id for one in sent], as_of=briefing.as_of)
    groups = gathered_of(sent)
    for number, group in enumerate(groups):
        progress("Writing messages", number, len(groups))
        first = group[0]
        key = first.case.candidate.key
        written = _written(briefing, channels, group)
        records[key] = [threads.placed(record) for record in written]
        gathered |= {one.case.candidate.key: key for one in group[1:]}
    progress("Writing messages", len(groups), len(groups))
    return Messages(records=records, gathered=gathered)


def gathered_of(sent: Sequence[Told]) -> list[list[Told]]:
    """What goes into one message each: the moments of a lead for one rep together, the most urgent first."""
    groups: dict[tuple[str, ...], list[Told]] = {}
    for one in sent:
        candidate = one.case.candidate
        moment = one.case.moment is not None and one.route is not None
        rep = one.route.rep.email if one.route else ""
        groups.setdefault((candidate.lead_id, rep) if moment else (candidate.key,), []).append(one)
    order = list(Urgency)
    return [sorted(group, key=lambda one: order.index(one.case.candidate.urgency)) for group in groups.values()]


def _written(briefing: Briefing, channels: Mapping[str, Channel], group: Sequence[Told]) -> list[OutboxRecord]:
    first, chosen = group[0], group[0].route
    if chosen is None:
        return []
    if len(group) == 1:
        alert = alert_of(briefing, first.case, chosen, first.why)
    else:
        moments = [(one.case.moment, one.case.occurrence) for one in group if one.case.moment is not None]
        alert = moments_alert(briefing, moments, chosen, first.why)
    return outbox_records(
        briefing.project,
        channels,
        alert,
        first.case.candidate.key,
        chosen,
        happened_at=max(one.case.candidate.happened_at for one in group),
        steps=tuple(one.case.candidate.key for one in group) if len(group) > 1 else (),
    )


@dataclass(frozen=True, kw_only=True)
class Threads:
    """Where news of a lead goes: under the newest message that opened a thread there."""

    opened: dict[tuple[str, str, str, str], str]

    @classmethod
    def of(cls, store: Store, lead_ids: Sequence[str], *, as_of: datetime) -> "Threads":
        """Those of some leads."""
        roots = store.threads(lead_ids, since=as_of - THREAD)
        return cls(opened={(one.lead_id, one.recipient, one.channel, one.address): one.delivery_id for one in roots})

    def placed(self, record: OutboxRecord) -> OutboxRecord:
        """A moment under its lead's message; a qualification opens a thread, and later ones go there."""
        place = (record.lead_id, record.recipient, record.channel, record.address)
        if record.subject is Subject.MOMENT and place in self.opened:
            return replace(record, reply_to=self.opened[place])
        if record.subject in {Subject.QUALIFICATION, Subject.MOMENT} and not record.shadow:
            self.opened[place] = record.delivery_id
        return record
