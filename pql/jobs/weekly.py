"""The team's week, read from the state and put into words."""

from collections.abc import Collection, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from pql.domain.digests import SHOWN, date_words
from pql.domain.messages import Alert, Line, Section, Subject
from pql.domain.rules import Weekly
from pql.domain.weekly import (
    LONGEST,
    MISFIRES_SHOWN,
    MOVERS_SHOWN,
    Firing,
    Judgement,
    Mover,
    days_words,
    median_words,
    misfires,
    movers,
    weekly_key,
)
from pql.domain.weekly import due_week as week_due
from pql.jobs.summaries import Desk, Filed, filed, name_of, place_of, reason_titles, rep_named, to_rep, urls_of
from pql.jobs.tell import Target
from pql.store.records import Episode, LeadFacts, RunRecord

MAIN = "run"
LOOKED_AT = 1_000  # leads among which movers are looked for, beside those with an episode
JUDGED_FOR = timedelta(days=90)
VALID_FOR = timedelta(days=3)
_WEEK = timedelta(days=7)


def due_week(desk: Desk, as_of: datetime) -> str | None:
    """The week whose summary is due and was not decided on."""
    definitions = desk.project.definitions
    if definitions.routing.weekly is None:
        return None
    due = week_due(definitions.routing.weekly, definitions.time_zone, as_of)
    if due is None or desk.store.digests.decided([weekly_key(due[0])]):
        return None
    return due[0]


def weekly_of(desk: Desk, as_of: datetime) -> list[Filed]:
    """The messages of the summary that is due; none where none is."""
    week, rule = due_week(desk, as_of), desk.project.definitions.routing.weekly
    if week is None or rule is None:
        return []
    alert = weekly_alert(desk, as_of)
    return [
        filed(
            desk,
            alert,
            weekly_key(week),
            recipient,
            places,
            why="WEEKLY",
            words=f"the summary of week {week}",
            valid_until=as_of + VALID_FOR,
        )
        for recipient, places in _readers(desk, rule)
    ]


def _readers(desk: Desk, rule: Weekly) -> list[tuple[str, Sequence[Target]]]:
    """Who reads it, and where."""
    asked = [("email", email) for email in rule.emails]
    asked += [("slack", rule.slack_channel)] if rule.slack_channel else []
    found = [(address, [place]) for channel, address in asked if (place := place_of(desk, channel, address))]
    if found:
        return [*found]
    fallback = rep_named(desk.project, desk.project.definitions.routing.fallback)
    return [(fallback.email, to_rep(desk, fallback, "digest"))]


def weekly_alert(desk: Desk, as_of: datetime) -> Alert:
    """The words of the week up to an instant."""
    definitions = desk.project.definitions
    since = _since(desk, as_of)
    opened = desk.store.digests.opened_between(since, as_of)
    ended = desk.store.digests.ended_between(since, as_of)
    best = desk.store.weeks.best_leads(LOOKED_AT)
    leads = desk.store.digests.leads({*best, *(one.lead_id for one in (*opened, *ended))})
    run = next((one for one in desk.store.runs(job=MAIN, limit=5) if one.status == "done"), None)
    converted = [one for one in ended if one.status == "converted"]
    sections = (
        *_lists(desk, leads, opened, converted),
        *_mover_lists(desk, leads, {one.lead_id for one in converted}, since),
        *_misfire_list(desk, run, as_of),
    )
    zone = ZoneInfo(definitions.time_zone)
    first, last = (instant.astimezone(zone).date() for instant in (since, as_of))
    counted = f"{_many(len(opened), 'new PQL')}, {_many(len(converted), 'conversion')}"
    return Alert(
        subject=Subject.WEEKLY,
        lead_id="",
        lead_name="",
        title=f"The week at {desk.project.name}: {counted}",
        why_now=f"What happened from {date_words(first)} to {date_words(last)}.",
        as_of=as_of,
        time_zone=definitions.time_zone,
        urgency="digest",
        facts=_funnel(desk, run, opened, converted, since=since, as_of=as_of),
        sections=sections,
        decided="Sent once a week.",
    )


def _since(desk: Desk, as_of: datetime) -> datetime:
    """The summary before this one, if it is not too long ago; else a week before, at midnight."""
    rule = desk.project.definitions.routing.weekly
    readers = [email for email, _ in _readers(desk, rule)] if rule else []
    last = max(desk.store.digests.last_delivered(readers, Subject.WEEKLY, as_of).values(), default=None)
    if last is not None and last < as_of:
        return max(last, as_of - LONGEST)
    zone = ZoneInfo(desk.project.definitions.time_zone)
    return datetime.combine((as_of - _WEEK).astimezone(zone).date(), time(), tzinfo=zone)


def _funnel(
    desk: Desk,
    run: RunRecord | None,
    opened: Sequence[Episode],
    converted: Sequence[Episode],
    *,
    since: datetime,
    as_of: datetime,
) -> tuple[tuple[str, str], ...]:
    counts = desk.store.weeks.outcome_counts(since, as_of)
    known = run.counts if run else {}
    lead_times = [one.lead_time_micros for one in converted if one.lead_time_micros is not None]
    before = len(desk.store.digests.opened_between(since - (as_of - since), since))
    figures = (
        ("Leads", _count(known.get("leads"))),
        ("Eligible", _count(known.get("eligible"))),
        ("Newly qualified", f"{len(opened):,}{_compared(len(opened), before)}"),
        ("Claimed", f"{counts['claimed']:,}"),
        ("Accepted", f"{counts['accepted']:,}"),
        ("Rejected", f"{counts['rejected']:,}"),
        ("Converted", f"{len(converted):,}"),
        ("Median lead time", median_words(lead_times)),
    )
    return tuple((label, value) for label, value in figures if value)


def _compared(now: int, before: int) -> str:
    if now == before:
        return ", as before"
    return f", {'up' if now > before else 'down'} from {before:,}"


def _count(value: object) -> str:
    return f"{value:,.0f}" if isinstance(value, int | float) else ""


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _lists(
    desk: Desk, leads: dict[str, LeadFacts], opened: Sequence[Episode], converted: Sequence[Episode]
) -> list[Section]:
    urls = urls_of(
        desk.project, {one.lead_id: leads[one.lead_id] for one in (*opened, *converted) if one.lead_id in leads}
    )
    told = desk.store.digests.told_of([one.lead_id for one in opened])
    ranked = sorted(opened, key=lambda one: (-one.behaviour, one.lead_id))
    new = [
        Line(
            name=name_of(leads, one.lead_id),
            grade=one.grade,
            words="; ".join(
                part for part in (_with(desk, one, told), reason_titles(desk.project, one.evidence)) if part
            ),
            url=urls.get(one.lead_id, ""),
        )
        for one in ranked
    ]
    wins = [
        Line(
            name=name_of(leads, one.lead_id),
            grade=one.grade,
            words="; ".join(part for part in (_win_words(one), _with(desk, one, {})) if part),
            url=urls.get(one.lead_id, ""),
        )
        for one in converted
    ]
    return [*_section("Won", wins, SHOWN), *_section("Newly qualified", new, SHOWN)]


def _win_words(episode: Episode) -> str:
    if episode.lead_time_micros is None:
        return "a customer"
    return f"a customer, {days_words(episode.lead_time_micros)} after they qualified"


def _with(desk: Desk, episode: Episode, told: dict[str, str]) -> str:
    email = episode.claimed_by or told.get(episode.lead_id, "")
    if not email:
        return ""
    name = rep_named(desk.project, email).name
    return f"with {name}" if episode.claimed_by else f"told {name}"


def _mover_lists(desk: Desk, leads: dict[str, LeadFacts], converted: Collection[str], since: datetime) -> list[Section]:
    pays = {*desk.project.definitions.stages.customer}
    now = {
        lead_id: facts.behaviour
        for lead_id, facts in leads.items()
        if facts.eligible and not facts.gone and facts.stage not in pays and lead_id not in converted
    }
    before = {lead_id: score for lead_id, (_, score) in desk.store.digests.scores_at(now, since).items()}
    risen, fallen = movers(before, now)
    shown = [*risen[:MOVERS_SHOWN], *fallen[:MOVERS_SHOWN]]
    urls = urls_of(desk.project, {one.lead_id: leads[one.lead_id] for one in shown})

    def lines(ranked: Sequence[Mover]) -> list[Line]:
        return [
            Line(
                name=name_of(leads, one.lead_id),
                grade=leads[one.lead_id].grade,
                words=one.words,
                url=urls.get(one.lead_id, ""),
            )
            for one in ranked[:MOVERS_SHOWN]
        ]

    lists = (("Rose most", risen), ("Fell most", fallen))
    return [Section(title=title, lines=tuple(lines(ranked))) for title, ranked in lists if ranked]


def _misfire_list(desk: Desk, run: RunRecord | None, as_of: datetime) -> list[Section]:
    definitions = desk.project.definitions
    counts = run.counts if run and run.definitions_hash == definitions.content_hash else {}
    eligible = int(counts.get("eligible", 0))
    firings = [
        Firing(
            title=signal.title,
            fired=int(counts[f"fired:{signal.name}"]),
            unknown=int(counts[f"unknown:{signal.name}"]),
        )
        for signal in definitions.signals
        if f"fired:{signal.name}" in counts
    ]
    return _section("Definitions that misfire", misfires(firings, eligible, _judgements(desk, as_of)), MISFIRES_SHOWN)


def _judgements(desk: Desk, as_of: datetime) -> list[Judgement]:
    definitions = desk.project.definitions
    judged = desk.store.weeks.judged(as_of - JUDGED_FOR)
    told = desk.store.weeks.moments_told([lead_id for lead_id, _, _ in judged], as_of - JUDGED_FOR)
    found = []
    for signal in definitions.signals:
        rejected = [was for _, signals, was in judged if signal.name in signals]
        found.append(Judgement(title=signal.title, judged=len(rejected), rejected=sum(rejected)))
    for moment in definitions.moments:
        rejected = [was for lead_id, _, was in judged if (lead_id, moment.name) in told]
        found.append(Judgement(title=moment.title, judged=len(rejected), rejected=sum(rejected)))
    return found


def _section(title: str, lines: Sequence[Line], most: int) -> list[Section]:
    if not lines:
        return []
    return [Section(title=f"{title} ({len(lines)})", lines=tuple(lines[:most]), more=max(len(lines) - most, 0))]
