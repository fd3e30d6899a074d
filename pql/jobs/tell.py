"""From cases to decisions and messages: whom each would go to, whether it goes, and in which words."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from pql.config.settings import Project
from pql.domain.calendar import from_micros
from pql.domain.champions import rank
from pql.domain.decisions import FOR_SUCCESS, Circumstances, Decision, Why, decide
from pql.domain.definitions import Definitions
from pql.domain.durations import Duration
from pql.domain.evaluation import Evaluation, Outcome
from pql.domain.measures import Measure
from pql.domain.messages import Alert, Subject
from pql.domain.moments import Urgency
from pql.domain.mutes import Mute, muting
from pql.domain.routing import Route, channels_for, covered, route
from pql.domain.rules import Rep
from pql.domain.scoring import band_of
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
from pql.jobs.routing import Standing, routed_facts, standing_of, stood_in
from pql.notify import Channel
from pql.store import Store
from pql.store.records import DecisionOutcome, DecisionRecord, OutboxRecord
from pql.warehouse import Warehouse

# For how long a message is worth sending, when its channel does not answer.
AT_ONCE = 1_000  # cases whose leads' rows are read together
VALID_FOR = {
    Subject.QUALIFICATION: Duration.of_days(3),
    Subject.MOMENT: Duration.of_days(1),
    Subject.CHECK_IN: Duration.of_days(7),
    Subject.USAGE_DROP: Duration.of_days(7),
    Subject.BASELINE: Duration.of_days(7),
}


# What is not told for these reasons is a rep's all the same, and stands in their digest.
OF_A_REP = frozenset({Why.FOR_DIGEST, Why.COOLING_DOWN, Why.LEAD_COOLING_DOWN})


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What we remember that decisions depend on, and what grows while deciding.

    Args:
        just_told: What this run tells, by lead, subject and topic.
        gathered: The leads of which this run tells a moment: further ones go into the same message.
    """

    told: set[str]
    last_told: dict[str, dict[tuple[str, str], datetime]]
    holders: Mapping[str, str]
    snoozed: Mapping[str, datetime]
    cooling: Mapping[str, datetime]
    standing: Standing = field(default_factory=Standing)
    mutes: Sequence[Mute] = ()
    sent: Counter[str] = field(default_factory=Counter)
    urgent: Counter[str] = field(default_factory=Counter)
    routed: dict[str, str] = field(default_factory=dict)
    just_told: dict[tuple[str, str, str], datetime] = field(default_factory=dict)
    gathered: set[str] = field(default_factory=set)

    def told_at(self, lead_id: str, *, subject: str = "", topic: str = "") -> datetime | None:
        """When the lead was last told about; with a subject, and a topic, of these only.

        Without a topic what this run gathers into one message is left aside: it does not hold back its own parts.
        """
        told = self.last_told.get(lead_id, {})
        if subject and topic:
            return self.just_told.get((lead_id, subject, topic)) or told.get((subject, topic))
        just = {(about, name): at for (lead, about, name), at in self.just_told.items() if lead == lead_id}
        other = {key: at for key, at in just.items() if key[0] != Subject.MOMENT.value}
        return max((at for (about, _), at in {**told, **other}.items() if subject in {"", about}), default=None)


def remember(store: Store, project: Project, cases: Sequence[Case], *, as_of: datetime) -> Memory:
    """Read from the store what the decisions about these cases depend on."""
    lead_ids = sorted({case.candidate.lead_id for case in cases})
    urgent = [moment.name for moment in project.definitions.moments if moment.urgency is Urgency.NOW]
    alike = [Subject.QUALIFICATION, Subject.MOMENT]
    every, pressing = Counter[str](), Counter[str]()
    for rep in project.definitions.routing.reps:
        day = start_of_day(rep, as_of)
        every[rep.email] = store.sent_today(rep.email, day, subjects=alike)
        pressing[rep.email] = store.sent_today(rep.email, day, subjects=[Subject.MOMENT], topics=urgent)
    return Memory(
        told=store.told_keys([case.candidate.key for case in cases]),
        last_told=_by_lead(store.last_told(lead_ids)),
        holders=store.holders(lead_ids),
        snoozed=instants_of(store.open_episodes(lead_ids), "snoozed_until"),
        cooling=instants_of(store.hysteresis(lead_ids), "cooldown_until"),
        standing=standing_of(store, project.definitions.routing, as_of=as_of),
        mutes=store.mutes(as_of),
        sent=every - pressing,
        urgent=pressing,
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


def start_of_day(rep: Rep, as_of: datetime, *, later: int = 0) -> datetime:
    """The instant at which the rep's own calendar day began, or begins so many days later."""
    zone = ZoneInfo(rep.time_zone)
    return datetime.combine(as_of.astimezone(zone).date() + timedelta(days=later), time(), tzinfo=zone)


@dataclass(frozen=True, kw_only=True)
class Told:
    """A case, its decision and its route; no route was sought for what would go to nobody."""

    case: Case
    decision: Decision
    route: Route | None = None

    @property
    def why(self) -> Why:
        """The reason."""
        return self.decision.why


def decide_all(
    project: Project, evaluation: Evaluation, cases: Sequence[Case], memory: Memory, *, baseline: bool
) -> list[Told]:
    """Decide case by case, in their order, since each message sent leaves less of a rep's budget."""
    leads, standing = evaluation.leads, evaluation.scores["eligible"]
    deals = leads["open_deal"] if "open_deal" in leads else pd.Series(False, index=leads.index)
    ids = list({case.candidate.lead_id for case in cases if case.still_true})
    # A frame is asked once for many: to ask it lead by lead costs more than all decisions.
    eligible = dict(zip(ids, standing.reindex(ids).tolist(), strict=True))
    open_deals = dict(zip(ids, deals.reindex(ids).tolist(), strict=True))
    decided = []
    for number, case in enumerate(cases):
        if number % AT_ONCE == 0 and not baseline:  # of what is baseline nobody is sought
            evaluation.ready(one.candidate.lead_id for one in cases[number : number + AT_ONCE])
        lead_id = case.candidate.lead_id
        of_lead = Circumstances(
            eligible=bool(known(eligible.get(lead_id))),
            open_deal=bool(known(open_deals.get(lead_id))),
            baseline=baseline,
        )
        decided.append(_decide_one(project, evaluation, case, memory, of_lead))
    return decided


def _decide_one(project: Project, evaluation: Evaluation, case: Case, memory: Memory, of_lead: Circumstances) -> Told:
    if not case.still_true:
        told = case.candidate.key in memory.told
        gone = Circumstances(told_key=told, still_true=False)
        return Told(case=case, decision=decide(case.candidate, gone, as_of=evaluation.as_of))
    facts = _circumstances(project, case, memory, of_lead)
    first = decide(case.candidate, facts, as_of=evaluation.as_of)
    if not first.why.sends and not first.why.waits:
        # Whose digest says it, and who may ask why it was no message: nobody's turn is taken for that.
        whose = choose_route(project, evaluation, case, memory, turns=False) if first.why in OF_A_REP else None
        return Told(case=case, decision=first, route=whose)
    chosen = choose_route(project, evaluation, case, memory)
    facts = _with_rep(facts, project, evaluation, case, memory, chosen.rep)
    decision = decide(case.candidate, facts, as_of=evaluation.as_of)
    if decision.why.sends:
        _count(memory, case, chosen, evaluation.as_of)
    if decision.why.sends or decision.why.waits:
        _assign(memory, case, chosen, evaluation.as_of)
    return Told(case=case, decision=decision, route=chosen)


def _with_rep(
    facts: Circumstances, project: Project, evaluation: Evaluation, case: Case, memory: Memory, rep: Rep
) -> Circumstances:
    """What depends on who would be told."""
    as_of, lead_id = evaluation.as_of, case.candidate.lead_id
    opens = rep.working.next_open(as_of)
    gathered = case.moment is not None and lead_id in memory.gathered
    topics = topics_of(project, evaluation, case) if memory.mutes else frozenset()
    return replace(
        facts,
        muted=muting(memory.mutes, lead_id=lead_id, recipient=rep.email, topics=topics),
        at_once=rep.at_once,
        sent_today=0 if gathered else memory.sent[rep.email],
        urgent_today=0 if gathered else memory.urgent[rep.email],
        quiet_until=opens if opens > as_of else None,
        next_day=rep.working.next_open(start_of_day(rep, as_of, later=1)),
    )


def topics_of(project: Project, evaluation: Evaluation, case: Case) -> frozenset[str]:
    """What a mute may name to silence a case: its moment, or a signal without which the lead would not qualify."""
    if case.candidate.subject is not Subject.QUALIFICATION:
        return frozenset({case.topic})
    definitions, lead_id = project.definitions, case.candidate.lead_id
    counted = evaluation.verdicts.counted.loc[lead_id].astype(float)
    behaviour = np.clip(counted.sum() - counted.to_numpy(), 0.0, definitions.scoring.total_cap)
    bands = band_of(definitions.scoring, behaviour)
    tiers = definitions.scoring.matrix[str(evaluation.scores.at[lead_id, "fit_grade"])]
    ranks = np.array([definitions.scoring.tiers.index(tiers[band - 1]) for band in bands], dtype=int)
    bar = definitions.qualification.leave
    falls = (ranks > definitions.scoring.tiers.index(bar.tier)) | (behaviour < bar.behaviour)
    return frozenset(str(name) for name in counted.index[falls & (counted.to_numpy() > 0)])


def _count(memory: Memory, case: Case, chosen: Route, as_of: datetime) -> None:
    candidate = case.candidate
    memory.told.add(candidate.key)
    memory.just_told[candidate.lead_id, candidate.subject.value, case.topic] = as_of
    if candidate.subject in FOR_SUCCESS:
        return
    moment = candidate.subject is Subject.MOMENT
    if not (moment and candidate.lead_id in memory.gathered):
        urgent = moment and candidate.urgency is Urgency.NOW
        (memory.urgent if urgent else memory.sent)[chosen.rep.email] += 1
    if moment:
        memory.gathered.add(candidate.lead_id)


def _assign(memory: Memory, case: Case, chosen: Route, as_of: datetime) -> None:
    """The lead is with a rep from now on, also where the message waits for their morning."""
    candidate = case.candidate
    if candidate.subject not in FOR_SUCCESS and candidate.lead_id not in memory.routed:
        qualified = candidate.subject is Subject.QUALIFICATION and candidate.held_at is None
        memory.standing.give(chosen, as_of, qualified=qualified)
        memory.routed[candidate.lead_id] = chosen.stands_for or chosen.rep.email


def choose_route(project: Project, evaluation: Evaluation, case: Case, memory: Memory, *, turns: bool = True) -> Route:
    """The success owner for what is about customers, else the rep of the lead."""
    lead_id = case.candidate.lead_id
    if case.candidate.subject in FOR_SUCCESS:
        chosen = success_route(project, facts_of(evaluation, lead_id))
        return covered(project.definitions.routing, memory.standing.now, chosen)
    held_by = memory.routed.get(lead_id) or memory.holders.get(lead_id)
    facts = routed_facts(evaluation, case)
    return route(project.definitions.routing, facts, memory.standing.now, held_by=held_by, turns=turns)


def success_route(project: Project, facts: Mapping[str, object]) -> Route:
    """Who follows a customer: the account's success owner, else the fallback of customers.yml."""
    owner = facts.get("success_owner_email")
    fallback = project.definitions.customers.success_fallback
    email = owner if isinstance(owner, str) and owner else fallback
    reps = {rep.email.casefold(): rep for rep in project.definitions.routing.reps}
    name = email.partition("@")[0].replace(".", " ").title()
    zone = project.definitions.time_zone
    working = project.definitions.routing.working
    rep = reps.get(email.casefold()) or Rep(email=email, name=name, time_zone=zone, working=working)
    step = f"the success owner is {rep.name}" if email == owner else f"no success owner is known: {rep.name}"
    return Route(rep=rep, slack_channel="", path=(step,))


def _circumstances(project: Project, case: Case, memory: Memory, of_lead: Circumstances) -> Circumstances:
    """What is known of the lead, and what is remembered."""
    lead_id = case.candidate.lead_id
    return replace(
        of_lead,
        gate_holds=case.gate_holds,
        told_key=case.candidate.key in memory.told,
        told_same_at=memory.told_at(lead_id, subject=case.candidate.subject.value, topic=case.topic),
        told_lead_at=memory.told_at(lead_id),
        told_moment_at=memory.told_at(lead_id, subject=Subject.MOMENT.value),
        snoozed_until=memory.snoozed.get(lead_id),
        cooling_until=memory.cooling.get(lead_id),
        budget=project.definitions.routing.max_per_rep_a_day,
        urgent_budget=project.definitions.routing.max_urgent_per_rep_a_day,
    )


def brief(project: Project, warehouse: Warehouse, evaluation: Evaluation, lead_ids: Sequence[str]) -> Briefing:
    """Read what only the messages need: the champions and the latest facts of the leads that are told about."""
    definitions = project.definitions
    evaluation.ready(lead_ids)
    members = warehouse.users(lead_ids)
    measured = warehouse.user_measures(champions_plan(definitions), [*lead_ids], evaluation.as_of)
    ranked = rank(definitions.scoring.champions, members, measured)
    ranked = ranked[ranked["rank"] <= definitions.scoring.champions.shown]
    people = ranked.merge(members[["user_id", "name", "email", "role"]], on="user_id", how="left")
    return Briefing(
        project=project,
        evaluation=evaluation,
        champions=people,
        latest=warehouse.latest(spoken(definitions, evaluation, lead_ids), [*lead_ids], evaluation.as_of),
        users=members.set_index("user_id"),
    )


def spoken(definitions: Definitions, evaluation: Evaluation, lead_ids: Sequence[str]) -> Mapping[str, Measure]:
    """The measures whose latest fact the evidence speaks of, of signals that fired for one of these leads."""
    fired = evaluation.verdicts.outcomes.reindex([*lead_ids]).eq(Outcome.FIRED).any()
    return {
        signal.name: signal.measure
        for signal in definitions.signals
        if fired.get(signal.name, False) and "latest" in (signal.evidence or "")
    }


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
    wanted = channels_for(project.definitions.routing, chosen, urgency)
    found: dict[str, Target] = {}
    for name in wanted:
        # Where several channels come out as files, the first one's address stands for all.
        if target := _target(project, channels, chosen, name.value):
            found.setdefault(target.channel, target)
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
    project: Project,
    channels: Mapping[str, Channel],
    alert: Alert,
    key: str,
    chosen: Route,
    *,
    happened_at: datetime,
    steps: tuple[str, ...] = (),
) -> list[OutboxRecord]:
    """The final messages of one alert, one for each of its channels; `steps`: all that it tells of."""
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
            steps=steps,
        )
        for target in targets(project, channels, chosen, alert.urgency)
    ]


def decision_records(told: Told, records: Sequence[OutboxRecord], *, as_of: datetime) -> list[DecisionRecord]:
    """What is remembered of a decision: one row for each message, or one for a message not sent."""
    candidate = told.case.candidate
    path = f" ({'; '.join(told.route.path)})" if told.route else ""
    if any(record.shadow for record in records):
        path += "; delivery is off, so it was kept and not sent"
    outcome: DecisionOutcome = "sent" if told.why.sends else "held" if told.why.waits else "withheld"
    return [
        DecisionRecord(
            lead_id=candidate.lead_id,
            subject=candidate.subject,
            step_key=candidate.key,
            at=as_of,
            outcome=outcome,
            why=told.why.name,
            words=f"{told.decision.words}{path}",
            due_at=told.decision.due_at,
            topic=told.case.topic,
            recipient=told.route.rep.email if told.route else "",
            channel=channel,
            evidence=stood_in(told.route),
        )
        for channel in [record.channel for record in records] or [""]
    ]
