"""From cases to decisions and messages: whom each would go to, whether it goes, and in which words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from pql.config.settings import Project
from pql.domain.calendar import from_micros
from pql.domain.champions import rank
from pql.domain.decisions import Circumstances, Why, decide
from pql.domain.durations import Duration
from pql.domain.evaluation import Evaluation, Outcome
from pql.domain.messages import Alert, Subject
from pql.domain.routing import Route, route
from pql.domain.rules import Rep
from pql.errors import ConfigError
from pql.jobs.candidates import Case
from pql.jobs.compose import (
    Briefing,
    check_in_alert,
    facts_of,
    known,
    moment_alert,
    qualification_alert,
    usage_drop_alert,
)
from pql.jobs.reading import champions_plan
from pql.notify import Channel
from pql.store import Store
from pql.store.records import DecisionRecord, OutboxRecord
from pql.warehouse import Warehouse

# For how long a message is worth sending, when its channel does not answer.
VALID_FOR = {
    Subject.QUALIFICATION: Duration.of_days(3),
    Subject.MOMENT: Duration.of_days(1),
    Subject.CHECK_IN: Duration.of_days(7),
    Subject.USAGE_DROP: Duration.of_days(7),
    Subject.BASELINE: Duration.of_days(7),
}
FOR_SUCCESS = frozenset({Subject.CHECK_IN, Subject.USAGE_DROP})


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What we remember that decisions depend on, and the counters that grow while deciding."""

    told: set[str]
    last_told: dict[str, dict[tuple[str, str], datetime]]
    holders: Mapping[str, str]
    snoozed: Mapping[str, datetime]
    cooling: Mapping[str, datetime]
    assigned: Counter[str]
    sent: Counter[str] = field(default_factory=Counter)
    routed: dict[str, str] = field(default_factory=dict)

    def told_at(self, lead_id: str, *, subject: str = "", topic: str = "") -> datetime | None:
        """When the lead was last told about; with a subject, of that subject and topic only."""
        told = self.last_told.get(lead_id, {})
        if subject:
            return told.get((subject, topic))
        return max(told.values(), default=None)


def remember(store: Store, project: Project, cases: Sequence[Case], *, as_of: datetime) -> Memory:
    """Read from the store what the decisions about these cases depend on."""
    lead_ids = sorted({case.candidate.lead_id for case in cases})
    episodes = store.open_episodes()
    hysteresis = store.hysteresis()
    sent = Counter(
        {
            rep.email: store.sent_today(
                rep.email, start_of_day(rep, as_of), subjects=[Subject.QUALIFICATION, Subject.MOMENT]
            )
            for rep in project.definitions.routing.reps
        }
    )
    return Memory(
        told=store.told_keys([case.candidate.key for case in cases]),
        last_told=_by_lead(store.last_told(lead_ids)),
        holders=store.holders(lead_ids),
        snoozed=instants_of(episodes, "snoozed_until"),
        cooling=instants_of(hysteresis, "cooldown_until"),
        assigned=Counter(store.assigned()),
        sent=sent,
    )


def _by_lead(told: pd.DataFrame) -> dict[str, dict[tuple[str, str], datetime]]:
    leads: dict[str, dict[tuple[str, str], datetime]] = {}
    for row in told.to_dict("records"):
        about = leads.setdefault(str(row["lead_id"]), {})
        about[str(row["subject"]), str(row["topic"])] = from_micros(float(row["at"]))
    return leads


def instants_of(frame: pd.DataFrame, column: str) -> dict[str, datetime]:
    """The instants of a column of microseconds by the frame's index, without the unknown ones."""
    known = frame[column].dropna() if column in frame else pd.Series(dtype=float)
    return {str(key): from_micros(float(at)) for key, at in known.items()}


def start_of_day(rep: Rep, as_of: datetime) -> datetime:
    """The instant at which the rep's own calendar day began."""
    zone = ZoneInfo(rep.time_zone)
    return datetime.combine(as_of.astimezone(zone).date(), time(), tzinfo=zone)


@dataclass(frozen=True, kw_only=True)
class Told:
    """A case, its decision and its route; no route was sought for what would go to nobody."""

    case: Case
    why: Why
    route: Route | None = None


def decide_all(
    project: Project, evaluation: Evaluation, cases: Sequence[Case], memory: Memory, *, baseline: bool
) -> list[Told]:
    """Decide case by case, in their order, since each message sent leaves less of a rep's budget."""
    return [_decide_one(project, evaluation, case, memory, baseline=baseline) for case in cases]


def _decide_one(project: Project, evaluation: Evaluation, case: Case, memory: Memory, *, baseline: bool) -> Told:
    facts = _circumstances(project, evaluation, case, memory, baseline=baseline)
    why = decide(case.candidate, facts, as_of=evaluation.as_of)
    if not why.sends:
        return Told(case=case, why=why)
    chosen = choose_route(project, evaluation, case, memory)
    facts = replace(facts, sent_today=memory.sent[chosen.rep.email])
    why = decide(case.candidate, facts, as_of=evaluation.as_of)
    if why.sends:
        _count(memory, case, chosen, evaluation.as_of)
    return Told(case=case, why=why, route=chosen)


def _count(memory: Memory, case: Case, chosen: Route, as_of: datetime) -> None:
    candidate = case.candidate
    memory.told.add(candidate.key)
    memory.last_told.setdefault(candidate.lead_id, {})[candidate.subject.value, case.topic] = as_of
    if candidate.subject in FOR_SUCCESS:
        return
    memory.sent[chosen.rep.email] += 1
    if candidate.lead_id not in memory.routed:
        memory.assigned[chosen.rep.email] += 1
        memory.routed[candidate.lead_id] = chosen.rep.email


def choose_route(project: Project, evaluation: Evaluation, case: Case, memory: Memory) -> Route:
    """The success owner for what is about customers, else the rep of the lead."""
    lead_id = case.candidate.lead_id
    facts = facts_of(evaluation, lead_id)
    if case.candidate.subject in FOR_SUCCESS:
        return success_route(project, facts)
    held_by = memory.routed.get(lead_id) or memory.holders.get(lead_id)
    return route(project.definitions.routing, facts, assigned=memory.assigned, held_by=held_by)


def success_route(project: Project, facts: Mapping[str, object]) -> Route:
    """Who follows a customer: the account's success owner, else the fallback of customers.yml."""
    owner = facts.get("success_owner_email")
    fallback = project.definitions.customers.success_fallback
    email = owner if isinstance(owner, str) and owner else fallback
    reps = {rep.email.casefold(): rep for rep in project.definitions.routing.reps}
    name = email.partition("@")[0].replace(".", " ").title()
    zone = project.definitions.time_zone
    rep = reps.get(email.casefold()) or Rep(email=email, name=name, time_zone=zone)
    step = f"the success owner is {rep.name}" if email == owner else f"no success owner is known: {rep.name}"
    return Route(rep=rep, slack_channel="", path=(step,))


def _circumstances(
    project: Project, evaluation: Evaluation, case: Case, memory: Memory, *, baseline: bool
) -> Circumstances:
    lead_id = case.candidate.lead_id
    leads = evaluation.leads
    return Circumstances(
        eligible=bool(evaluation.scores.at[lead_id, "eligible"]),
        gate_holds=case.gate_holds,
        baseline=baseline,
        open_deal=bool("open_deal" in leads and known(leads.at[lead_id, "open_deal"])),
        told_key=case.candidate.key in memory.told,
        told_same_at=memory.told_at(lead_id, subject=case.candidate.subject.value, topic=case.topic),
        told_lead_at=memory.told_at(lead_id),
        snoozed_until=memory.snoozed.get(lead_id),
        cooling_until=memory.cooling.get(lead_id),
        budget=project.definitions.routing.max_per_rep_a_day,
    )


def brief(project: Project, warehouse: Warehouse, evaluation: Evaluation, lead_ids: Sequence[str]) -> Briefing:
    """Read what only the messages need: the champions and the latest facts of the leads that are told about."""
    definitions = project.definitions
    members = warehouse.users(lead_ids)
    measured = warehouse.user_measures(champions_plan(definitions), [*lead_ids], evaluation.as_of)
    ranked = rank(definitions.scoring.champions, members, measured)
    people = ranked.merge(members[["user_id", "name", "email", "role"]], on="user_id", how="left")
    fired = evaluation.verdicts.outcomes.reindex([*lead_ids]).eq(Outcome.FIRED).any()
    # The latest fact is looked for only where the evidence speaks of it.
    spoken = {
        signal.name: signal.measure
        for signal in definitions.signals
        if fired.get(signal.name, False) and "latest" in (signal.evidence or "")
    }
    return Briefing(
        project=project,
        evaluation=evaluation,
        champions=people,
        latest=warehouse.latest(spoken, [*lead_ids], evaluation.as_of),
        users=members.set_index("user_id"),
    )


def alert_of(briefing: Briefing, case: Case, chosen: Route, why: Why) -> Alert:
    """The words of a message that is sent."""
    lead_id = case.candidate.lead_id
    if case.moment is not None:
        return moment_alert(briefing, case.moment, case.occurrence, chosen, why)
    if case.check_in is not None:
        return check_in_alert(briefing, lead_id, case.check_in, chosen, why)
    if case.candidate.subject is Subject.USAGE_DROP:
        now, before = case.use
        return usage_drop_alert(briefing, lead_id, chosen, why, now=now, before=before)
    return qualification_alert(briefing, lead_id, chosen, why)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A channel and an address there."""

    channel: str
    address: str


def targets(project: Project, channels: Mapping[str, Channel], chosen: Route, urgency: str) -> list[Target]:
    """The channels and addresses for a message, after `delivery.mode`.

    A channel that is not set up leaves its message to `file`, where that one is; nothing is lost for want of a token.

    Raises:
        ConfigError: No channel at all is set up.
    """
    wanted = project.definitions.routing.channels.get(urgency, ())
    found = {target.channel: target for name in wanted if (target := _target(project, channels, chosen, name.value))}
    if not found:
        raise ConfigError(
            f"No channel for what is '{urgency}' is set up: set up one of {', '.join(wanted) or 'slack, email'} "
            "in notifiers/, or the channel 'file'; `pql check` says what is missing"
        )
    return [*found.values()]


def _target(project: Project, channels: Mapping[str, Channel], chosen: Route, channel: str) -> Target | None:
    delivery = project.delivery
    address = chosen.rep.email
    if channel == "slack":
        address = chosen.slack_channel or chosen.rep.slack_id or chosen.rep.email
    if delivery.mode == "redirect":
        if "file" in delivery.redirect:
            channel = "file"
        else:
            address = delivery.redirect.get(channel, "")
            if not address:
                return None
    if channel not in channels:
        channel = "file"
    return Target(channel=channel, address=address) if channel in channels else None


def outbox_records(
    project: Project, channels: Mapping[str, Channel], alert: Alert, key: str, chosen: Route, *, happened_at: datetime
) -> list[OutboxRecord]:
    """The final messages of one alert, one for each of its channels."""
    valid = timedelta(seconds=VALID_FOR[alert.subject].seconds)
    return [
        OutboxRecord(
            step_key=key,
            lead_id=alert.lead_id,
            subject=alert.subject,
            recipient=chosen.rep.email,
            channel=target.channel,
            address=target.address,
            payload=channels[target.channel].render(alert).payload,
            due_at=alert.as_of,
            valid_until=max(happened_at, alert.as_of) + valid,
            shadow=project.delivery.mode == "off",
        )
        for target in targets(project, channels, chosen, alert.urgency)
    ]


def decision_records(told: Told, records: Sequence[OutboxRecord], *, as_of: datetime) -> list[DecisionRecord]:
    """What is remembered of a decision: one row for each message, or one for a message not sent."""
    candidate = told.case.candidate
    path = f" ({'; '.join(told.route.path)})" if told.route else ""
    if any(record.shadow for record in records):
        path += "; delivery is off, so it was kept and not sent"
    held = told.why is Why.OVER_BUDGET
    return [
        DecisionRecord(
            lead_id=candidate.lead_id,
            subject=candidate.subject,
            step_key=candidate.key,
            at=as_of,
            outcome="sent" if told.why.sends else "held" if held else "withheld",
            why=told.why.name,
            words=f"{told.why.value}{path}",
            topic=told.case.topic,
            recipient=told.route.rep.email if told.route else "",
            channel=channel,
        )
        for channel in [record.channel for record in records] or [""]
    ]
