"""The one message about what is so only because the definitions changed."""

from collections.abc import Sequence

from pql.config.settings import Project
from pql.domain.messages import Alert, Subject
from pql.domain.routing import Route, last_resort
from pql.domain.rules import Rep
from pql.jobs.compose import BASELINE_SHOWN, Briefing, join_words, reasons
from pql.jobs.rule_change import ByChange


def change_alert(briefing: Briefing, lead_ids: Sequence[str], ruled: ByChange, rep: Rep) -> Alert:
    """The one message about what is newly so by a change of the definitions; the leads come best first."""
    leads, scores = briefing.evaluation.leads, briefing.evaluation.scores
    rows = tuple(
        (
            str(leads.at[lead_id, "name"]),
            str(scores.at[lead_id, "grade"]),
            join_words(reason.title for reason in reasons(briefing, lead_id, shown=2)),
        )
        for lead_id in lead_ids[:BASELINE_SHOWN]
    )
    many = f"{len(lead_ids):,} {'lead qualifies' if len(lead_ids) == 1 else 'leads qualify'}"
    moments = (("Moments that are not told", f"{len(ruled.keys):,}"),) if ruled.keys else ()
    changes = "; ".join(ruled.words) or "an earlier change"
    path = f"fallback: {rep.name}"
    return Alert(
        subject=Subject.BASELINE,
        lead_id="",
        lead_name=briefing.project.name,
        title=f"{many if lead_ids else _many(ruled)} by the new rules of {briefing.project.name}",
        why_now=f"The definitions changed, and the leads did not: {changes}.",
        as_of=briefing.as_of,
        time_zone=rep.time_zone,
        recipient_name=rep.name,
        rows=rows,
        facts=(("Newly qualified by the change", f"{len(lead_ids):,}"), *moments),
        decided=f"Sent to {rep.name}: what is so only because the definitions changed is summed up ({path}).",
    )


def _many(ruled: ByChange) -> str:
    return f"{len(ruled.keys):,} {'moment was found' if len(ruled.keys) == 1 else 'moments were found'}"


def fallback_route(project: Project) -> Route:
    """The fallback rep, who gets summaries."""
    rep = last_resort(project.definitions.routing)
    return Route(rep=rep, slack_channel="", path=(f"fallback: {rep.name}",))
