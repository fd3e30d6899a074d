"""From an evaluation to the words of a message: who, why now, which numbers, whom to talk to, what would help."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from pql.config.settings import Project
from pql.config.templates import render_text
from pql.domain.calendar import from_micros
from pql.domain.conditions import say_scalar
from pql.domain.decisions import Why
from pql.domain.evaluation import Evaluation, Outcome
from pql.domain.icp import Of
from pql.domain.messages import Alert, Link, Person, Reason, Subject
from pql.domain.moments import Moment, Urgency
from pql.domain.patterns.trial_ends import TrialEnds
from pql.domain.routing import Route
from pql.domain.rules import CheckIn
from pql.domain.signals import Signal

REASONS_SHOWN = 4
CRITERIA_SHOWN = 4
BASELINE_SHOWN = 20
_AN_HOUR = timedelta(hours=1)
_JUST = timedelta(minutes=30)  # what happened before that has not just happened


@dataclass(frozen=True, kw_only=True)
class Briefing:
    """All that the messages of one run are made of.

    Args:
        champions: lead_id, user_id, name, email, role, rank, why; only for the leads that are told about.
        latest: signal, lead_id, latest (text), latest_at (microseconds); only for those leads.
        users: index user_id; name, email, role, for the users that moments name.
        measured_at: When the numbers were measured; None: as of `evaluation`.
    """

    project: Project
    evaluation: Evaluation
    champions: pd.DataFrame
    latest: pd.DataFrame
    users: pd.DataFrame = field(default_factory=pd.DataFrame)
    measured_at: datetime | None = None

    @property
    def as_of(self) -> datetime:
        """The instant that the messages speak of."""
        return self.evaluation.as_of

    @cached_property
    def best_people(self) -> Mapping[str, Sequence[Mapping[Any, Any]]]:
        """The rows of the champions by lead, best first."""
        by_lead: dict[str, list[Mapping[Any, Any]]] = {}
        ranked = self.champions.sort_values("rank", kind="stable") if len(self.champions) else self.champions
        for row in ranked.to_dict("records"):
            by_lead.setdefault(str(row["lead_id"]), []).append(row)
        return by_lead

    @cached_property
    def latest_rows(self) -> Mapping[tuple[str, str], Mapping[Any, Any]]:
        """The rows of `latest` by signal and lead."""
        rows = reversed(self.latest.to_dict("records"))
        return {(str(row["signal"]), str(row["lead_id"])): row for row in rows}


def known(value: object) -> object:
    """The value, with NaN and null as None and whole floats as integers: 6, not 6.0."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def facts_of(evaluation: Evaluation, lead_id: str) -> dict[str, object]:
    """What templates and routes see of a lead: its attributes, and where it stands."""
    attributes = {name: known(value) for name, value in evaluation.row("leads", lead_id).items()}
    scores = {name: known(value) for name, value in evaluation.row("scores", lead_id).items()}
    return {**attributes, **scores, "id": lead_id, "fit": scores["fit_grade"], "attributes": attributes}


def reasons(briefing: Briefing, lead_id: str, *, shown: int = REASONS_SHOWN) -> tuple[Reason, ...]:
    """The fired signals that gave the lead the most points, strongest first."""
    counted = briefing.evaluation.row("counted", lead_id)
    fired = briefing.evaluation.row("outcomes", lead_id)
    by_name = {signal.name: signal for signal in briefing.project.definitions.signals}
    given = [name for name, points in counted.items() if fired[name] == Outcome.FIRED and points > 0]
    strongest = sorted(given, key=lambda name: -float(counted[name]))[:shown]
    return tuple(_reason(briefing, by_name[name], lead_id, float(counted[name])) for name in strongest)


def _reason(briefing: Briefing, signal: Signal, lead_id: str, points: float) -> Reason:
    value = briefing.evaluation.row("values", lead_id)[signal.name]
    return Reason(
        title=signal.title,
        words=evidence_words(briefing, signal, lead_id, value),
        norm=norm_words(signal, value, briefing.evaluation.norm_of(signal.name)),
        points=points,
        signal=signal.name,
    )


def evidence_words(briefing: Briefing, signal: Signal, lead_id: str, value: object) -> str:
    """The signal's evidence template with this lead's numbers; the measure's own words where there is none."""
    words = signal.measure.words(value)
    if not signal.evidence:
        return words
    seen = briefing.latest_rows.get((signal.name, lead_id), {})
    latest_at = known(seen.get("latest_at"))
    norm = briefing.evaluation.norm_of(signal.name)
    names = {
        "value": _shown(value),
        "words": words,
        "norm": known(norm.get("median")),
        "latest": known(seen.get("latest")),
        "latest_at": from_micros(float(str(latest_at))) if latest_at is not None else None,
        "lead": facts_of(briefing.evaluation, lead_id),
        "title": signal.title,
    }
    return render_text(signal.evidence, names, what=f"the evidence of signal {signal.name}")


def _shown(value: object) -> object:
    number = known(value)
    return round(number, 2) if isinstance(number, float) else number


def norm_words(signal: Signal, value: object, norm: Mapping[str, float]) -> str:
    """What is usual among eligible leads, and whether this is rare: "typical: 2 features, in the top tenth"."""
    if known(norm.get("median")) is None:
        return ""
    median, top = norm["median"], norm["p90"]
    typical = f"typical: {signal.measure.amount(median)}"
    number = known(value)
    rare = isinstance(number, int | float) and number >= top > median
    return f"{typical}, in the top tenth" if rare else typical


def fit_words(briefing: Briefing, lead_id: str) -> str:
    """Why the lead fits, and what is not known of it: "Company size: 120, Industry: software; unknown: Country"."""
    fit = briefing.evaluation.row("fit", lead_id)
    lead = briefing.evaluation.row("leads", lead_id)
    met: list[str] = []
    unknown: list[str] = []
    for criterion in briefing.project.definitions.icp.criteria:
        points = known(fit.get(f"criterion.{criterion.name}"))
        if points is None:
            unknown.append(criterion.title)
        elif float(str(points)) > 0:
            value = known(lead.get(criterion.subject.attribute)) if criterion.subject.of is Of.ACCOUNT else None
            met.append(criterion.title if value is None else f"{criterion.title}: {say_scalar(value)}")
    parts = [shortened(met)] if met else []
    if unknown:
        parts.append(f"unknown: {shortened(unknown)}")
    return "; ".join(parts)


def shortened(words: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(words) - CRITERIA_SHOWN
    return ", ".join(words[:CRITERIA_SHOWN]) + (f" and {more} more" if more > 0 else "")


def people(briefing: Briefing, lead_id: str) -> tuple[Person, ...]:
    """The lead's champions, best first."""
    shown = briefing.project.definitions.scoring.champions.shown
    return tuple(_person(row) for row in briefing.best_people.get(lead_id, ())[:shown])


def _person(row: Mapping[Any, Any]) -> Person:
    name, email, role = (str(known(row.get(column)) or "") for column in ("name", "email", "role"))
    # The role stands beside the name already.
    why = str(row.get("why") or "").removesuffix(role).removesuffix("; ")
    return Person(name=name or email or str(row["user_id"]), email=email, role=role, why=why)


def links(briefing: Briefing, facts: Mapping[str, object]) -> tuple[Link, ...]:
    """The project's links for a lead."""
    written = briefing.project.links.items()
    return tuple(
        Link(label=label, url=render_text(url, {"lead": facts}, what=f"link '{label}'")) for label, url in written
    )


def qualification_alert(briefing: Briefing, lead_id: str, route: Route, why: Why) -> Alert:
    """The message that a lead is product-qualified."""
    strongest = reasons(briefing, lead_id)
    scores = briefing.evaluation.row("scores", lead_id)
    titles = join_words(reason.title[:1].lower() + reason.title[1:] for reason in strongest[:2])
    plays = {signal.name: signal.play for signal in briefing.project.definitions.signals if signal.play}
    facts = facts_of(briefing.evaluation, lead_id)
    play = next((plays[reason.signal] for reason in strongest if reason.signal in plays), "")
    return _alert(
        briefing,
        lead_id,
        route,
        why,
        subject=Subject.QUALIFICATION,
        title=f"{_name(briefing, lead_id)} is ready for a conversation",
        why_now=f"Now {scores['tier']} ({scores['grade']}): {titles}." if titles else f"Now {scores['tier']}.",
        reasons=strongest,
        urgency=Urgency.TODAY,
        play=render_text(play, {"lead": facts, "user": None}, what="a signal's play") if play else "",
    )


def moment_alert(briefing: Briefing, moment: Moment, occurrence: Mapping[str, Any], route: Route, why: Why) -> Alert:
    """The message that something has just happened."""
    return moments_alert(briefing, [(moment, occurrence)], route, why)


def moments_alert(
    briefing: Briefing, moments: Sequence[tuple[Moment, Mapping[str, Any]]], route: Route, why: Why
) -> Alert:
    """The message that one or several things have just happened with one lead; the first gives the play."""
    moment, occurrence = moments[0]
    lead_id = str(occurrence["lead_id"])
    facts = facts_of(briefing.evaluation, lead_id)
    happened = [_happening(briefing, one, found, route) for one, found in moments]
    first = happened[0]
    titles = [*dict.fromkeys(f"{one.title[:1].lower()}{one.title[1:]}" for one, _ in moments)]
    last = max(from_micros(float(found["at"])) for _, found in moments)
    waited = briefing.as_of - last > _JUST
    just = "" if waited else "just "
    title = titles[0] if len(titles) == 1 else f"{len(moments)} things have {just}happened"
    when = first.when if len(moments) == 1 else f"{first.when} and {len(moments) - 1} more"
    return _alert(
        briefing,
        lead_id,
        route,
        why,
        subject=Subject.MOMENT,
        title=f"{_name(briefing, lead_id)}: {title}",
        why_now=moment.why if len(titles) == 1 else f"{join_words(titles)[:1].upper()}{join_words(titles)[1:]}.",
        reasons=(*(one.reason for one in happened), *reasons(briefing, lead_id, shown=2)),
        first=first.user,
        urgency=moment.urgency,
        play=render_text(moment.play, {"lead": facts, **first.names}, what=f"the play of moment {moment.name}"),
        why_words=f"it happened on {_day_and_time(last.astimezone(_zone(briefing, route)))}" if waited else "",
        facts=(("When", f"{when} ({route.rep.time_zone})"),) + ((("Feature", first.feature),) if first.feature else ()),
    )


@dataclass(frozen=True, kw_only=True)
class _Happening:
    """One occurrence in words."""

    reason: Reason
    user: Person | None
    feature: str
    when: str
    names: Mapping[str, object]


def _happening(briefing: Briefing, moment: Moment, occurrence: Mapping[str, Any], route: Route) -> _Happening:
    feature, detail = (str(known(occurrence.get(name)) or "") for name in ("feature", "detail"))
    user, at = _user(briefing, occurrence.get("user_id")), from_micros(float(occurrence["at"]))
    local = at.astimezone(_zone(briefing, route))
    words = _happened_words(moment, detail, int(occurrence["count"]), _day_and_time(local), user)
    if isinstance(moment.pattern, TrialEnds):
        ends = moment.pattern.end_of(occurrence)
        words = f"it ends on {_day_and_time(ends.astimezone(_zone(briefing, route)))}" if ends else words
    return _Happening(
        reason=Reason(title=moment.title, words=words),
        user=user,
        feature=feature,
        when=f"{local:%A, %d %B %Y, %H:%M}",
        names={
            "user": user,
            "latest": {"feature": feature, "at": at, "event": detail},
            "count": int(occurrence["count"]),
            "detail": detail,
        },
    )


def _happened_words(moment: Moment, detail: str, count: int, when: str, user: Person | None) -> str:
    """What happened and when: "3 failures with import within 1 hour, Monday, 02 Mar, 15:40"."""
    if moment.pattern.timed or moment.pattern.state:
        return detail  # it came about by itself: nobody did it at that instant
    # That it happened once goes without saying.
    what = "" if moment.pattern.kind == "times" and count == 1 else detail
    return f"{what or (user.name if user else 'Somebody')}, {when}"


def _day_and_time(local: datetime) -> str:
    return f"{local:%A, %d %b, %H:%M}"


def check_in_alert(briefing: Briefing, lead_id: str, check_in: CheckIn, route: Route, why: Why) -> Alert:
    """The message that it is time to ask a customer how it goes."""
    return _alert(
        briefing,
        lead_id,
        route,
        why,
        subject=Subject.CHECK_IN,
        title=f"Check in with {_name(briefing, lead_id)}",
        why_now=f"They became a customer {check_in.after} ago.",
        reasons=reasons(briefing, lead_id, shown=3),
        urgency=Urgency.TODAY,
        play=check_in.ask,
    )


def usage_drop_alert(briefing: Briefing, lead_id: str, route: Route, why: Why, *, now: float, before: float) -> Alert:
    """The message that a customer uses the product less."""
    use = briefing.project.definitions.customers.use
    lost = f"{1 - now / before:.0%} less than before" if before else "less than before"
    reason = Reason(title="Use fell", words=use.words(now), norm=f"before: {use.amount(before)}")
    return _alert(
        briefing,
        lead_id,
        route,
        why,
        subject=Subject.USAGE_DROP,
        title=f"{_name(briefing, lead_id)} uses the product less",
        why_now=f"Their use is {lost}.",
        reasons=(reason,),
        urgency=Urgency.TODAY,
        play="Ask what changed: a champion who left, a project that ended, or something that broke.",
    )


def baseline_alert(
    briefing: Briefing, lead_ids: Sequence[str], route: Route, *, seen: int, moments: int, customers: int
) -> Alert:
    """The one message of the first run: what already qualifies."""
    scores = briefing.evaluation.scores
    rows = tuple(
        (_name(briefing, lead_id), str(scores.at[lead_id, "grade"]), _row_words(briefing, lead_id))
        for lead_id in lead_ids[:BASELINE_SHOWN]
    )
    return Alert(
        subject=Subject.BASELINE,
        lead_id="",
        lead_name=briefing.project.name,
        title=f"{len(lead_ids)} leads of {briefing.project.name} already qualify",
        why_now="This is the first run. From now on you hear of each lead when it qualifies.",
        as_of=briefing.as_of,
        time_zone=route.rep.time_zone,
        recipient_name=route.rep.name,
        rows=rows,
        facts=(
            ("Leads seen", f"{seen:,}"),
            ("Already qualified", f"{len(lead_ids):,}"),
            ("Moments of the last day", f"{moments:,}"),
            ("Customers followed", f"{customers:,}"),
        ),
        decided=f"Sent to {route.rep.name}: {Why.BASELINE_SUMMARY.value} ({'; '.join(route.path)}).",
    )


def _row_words(briefing: Briefing, lead_id: str) -> str:
    return join_words(reason.title for reason in reasons(briefing, lead_id, shown=2))


def _alert(
    briefing: Briefing,
    lead_id: str,
    route: Route,
    why: Why,
    *,
    subject: Subject,
    title: str,
    why_now: str,
    reasons: tuple[Reason, ...],
    urgency: Urgency,
    play: str,
    first: Person | None = None,
    facts: tuple[tuple[str, str], ...] = (),
    why_words: str = "",
) -> Alert:
    lead = facts_of(briefing.evaluation, lead_id)
    champions = people(briefing, lead_id)
    if first is not None:
        champions = (first, *(person for person in champions if person.email != first.email))
    return Alert(
        subject=subject,
        lead_id=lead_id,
        lead_name=_name(briefing, lead_id),
        title=title,
        why_now=why_now,
        as_of=briefing.as_of,
        time_zone=route.rep.time_zone,
        recipient_name=route.rep.name,
        domain=str(lead.get("domain") or ""),
        plan="" if lead.get("plan") == lead.get("stage") else str(lead.get("plan") or ""),
        stage=str(lead.get("stage") or ""),
        grade=str(lead.get("grade") or ""),
        tier=str(lead.get("tier") or ""),
        urgency=urgency.value,
        fit_words=fit_words(briefing, lead_id),
        reasons=reasons,
        people=champions,
        play=play,
        links=links(briefing, lead),
        decided=f"Sent to {route.rep.name}: {why_words or why.value} ({'; '.join(route.path)})."
        + _measured(briefing, route),
        facts=facts,
    )


def _measured(briefing: Briefing, route: Route) -> str:
    """Of when the numbers are, where that is another hour."""
    at = briefing.measured_at
    if at is None or briefing.as_of - at < _AN_HOUR:
        return ""
    return f" The numbers are those of {_day_and_time(at.astimezone(_zone(briefing, route)))}."


def _row(frame: pd.DataFrame, key: str) -> "pd.Series[Any]":
    row = frame.loc[key]
    if isinstance(row, pd.DataFrame):
        raise TypeError(f"'{key}' stands more than once in a frame of one row a lead")
    return row


def _name(briefing: Briefing, lead_id: str) -> str:
    return str(known(briefing.evaluation.leads.at[lead_id, "name"]) or lead_id)


def _user(briefing: Briefing, user_id: object) -> Person | None:
    if known(user_id) is None or user_id not in briefing.users.index:
        return None
    row = {str(name): value for name, value in _row(briefing.users, str(user_id)).items()}
    return _person({**row, "user_id": user_id, "why": "it was them"})


def _zone(briefing: Briefing, route: Route) -> ZoneInfo:
    return ZoneInfo(route.rep.time_zone or briefing.project.definitions.time_zone)


def join_words(words: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *head, last = [*words] or [""]
    return f"{', '.join(head)} and {last}" if head else last
