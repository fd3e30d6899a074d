"""A lead's explanation, on the screen."""

from typing import TYPE_CHECKING

from pql.cli.common import print_table, say

if TYPE_CHECKING:
    from pql.domain.explain import LeadExplained
    from pql.jobs.explain import Explained

_MARKS = {1: "fired", 0: "quiet", -1: "not evaluated"}


def show_explained(explained: "Explained") -> None:
    """Print everything about a lead: grade, signals, fit, people, episodes, decisions, messages."""
    now = explained.now
    say(f"{now.name or now.lead_id} ({now.lead_id}), {now.stage or 'no stage'}, plan {now.plan or 'unknown'}")
    say(f"As of {now.as_of:%Y-%m-%d %H:%M} UTC: grade {now.grade}, tier {now.tier}")
    if not now.eligible:
        say(f"Not eligible: {'; '.join(now.exclusions) or now.ineligible_why}")
    _show_signals(now)
    _show_fit(now)
    _show_people(explained)
    _show_history(explained)
    for sentence in explained.differences:
        say(sentence)


def _show_signals(now: "LeadExplained") -> None:
    say(f"\nBehaviour {now.behaviour:.1f} points, band {now.band}")
    rows = [
        [
            signal.title,
            _MARKS[int(signal.outcome)],
            signal.reason,
            f"{signal.worth:g} x {signal.strength:.2f} x {signal.decay:.2f}" if signal.points else "",
            f"{signal.points:.1f}" if signal.points else "",
            f"{signal.counted:.1f}" if signal.points else "",
        ]
        for signal in now.signals
    ]
    columns = ["signal", "verdict", "reason", "worth x strength x decay", "points", "after caps"]
    print_table(columns, rows, empty="No signals.")


def _show_fit(now: "LeadExplained") -> None:
    say(f"\nFit {now.fit:g} points, grade {now.fit_grade}; {now.coverage:.0%} of it is known")
    rows = [
        [criterion.title, criterion.standing.value, criterion.value, f"{criterion.points:g} of {criterion.worth:g}"]
        for criterion in now.criteria
    ]
    rows += [[persona.why, "matches", "", f"-{persona.points:g}"] for persona in now.personas if persona.matches]
    print_table(["criterion", "verdict", "value", "points"], rows, empty="No criteria.")


def _show_people(explained: "Explained") -> None:
    say("\nWhom to talk to")
    rows = [[person.name, person.role, person.email, person.why] for person in explained.people]
    print_table(["name", "role", "email", "why"], rows, empty="Nobody is known.")


def _show_history(explained: "Explained") -> None:
    say("\nQualifications")
    rows = [
        [f"{one.opened_at:%Y-%m-%d %H:%M}", one.grade, one.tier, one.status, one.claimed_by, one.close_reason]
        for one in explained.episodes
    ]
    print_table(["opened (UTC)", "grade", "tier", "status", "held by", "ended because"], rows, empty="Never qualified.")
    for episode, grounds in zip(explained.episodes, explained.grounds, strict=True):
        if grounds:
            say(f"  {episode.opened_at:%Y-%m-%d %H:%M}, opened with {'; '.join(grounds)}")
    say("\nDecisions")
    rows = [
        [f"{one.at:%Y-%m-%d %H:%M}", f"{one.subject} {one.topic}".strip(), one.outcome, one.recipient, one.words]
        for one in explained.decisions
    ]
    print_table(["first (UTC)", "about", "outcome", "to", "why"], rows, empty="Nothing was ever decided about it.")
    if explained.more:
        say(f"{explained.more:,} older decisions are not shown; --all shows them")
    say("\nMessages")
    rows = [
        [
            f"{one.created_at:%Y-%m-%d %H:%M}",
            one.subject,
            one.recipient,
            one.channel,
            one.status,
            one.reference or one.last_error,
        ]
        for one in explained.notifications
    ]
    print_table(["written (UTC)", "about", "to", "by", "status", "where"], rows, empty="None was ever written.")
