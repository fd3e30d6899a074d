"""What a run found, on the screen."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pql.cli.common import print_table, say

if TYPE_CHECKING:
    import pandas as pd

    from pql.app import Asked
    from pql.jobs.detect import RunReport


def day(micros: object) -> str:
    """The UTC date of an instant in microseconds; "" for an unknown one."""
    from pql.domain.calendar import from_micros

    number_ = _known(micros)
    return "" if number_ is None else f"{from_micros(number_):%Y-%m-%d}"


def number(value: object) -> str:
    """A number as a person writes it; "" for an unknown one."""
    known = _known(value)
    return "" if known is None else f"{known:,.4g}"


def _known(value: object) -> float | None:
    if not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN is not itself
        return None
    return float(value)


def show_report(report: "RunReport") -> None:
    """Print the figures of a run, and the best of what it opened."""
    if report.already_committed:
        say(f"The run as of {report.as_of:%Y-%m-%d %H:%M} UTC was done before: nothing to do.")
        return
    if report.stopped:
        say(f"Nothing was evaluated as of {report.as_of:%Y-%m-%d %H:%M} UTC: a source cannot be relied on.")
        _show_sources(report)
        return
    counts = report.counts
    kind = ", a dry run: nothing is remembered" if report.dry_run else ""
    say(f"As of {report.as_of:%Y-%m-%d %H:%M} UTC{kind}")
    say(f"  {_many(counts['leads'])} leads, {_many(counts['eligible'])} of them eligible")
    say(f"  {_many(sum(report.fired.values()))} signals fired, {_many(counts['moments'])} moments")
    say(f"  {_many(counts['opened'])} new PQLs, {_many(counts['live'])} in all")
    say(f"  {_many(counts['conversions'])} conversions")
    say(f"  {_many(counts['notifications'])} notifications")
    withheld = _withheld(report.told)
    if withheld:
        say(f"  not told: {withheld}")
    for change in report.rules:
        say(f"  new rules: {change}")
    _show_sources(report)
    for sentence in report.quality:
        say(f"  ! {sentence}")


def _show_sources(report: "RunReport") -> None:
    for sentence in (*report.sources, *report.cures):
        say(f"  ! {sentence}")


def _many(count: object) -> str:
    return f"{int(str(count)):,}"


def _withheld(told: Mapping[str, int]) -> str:
    from pql.domain.decisions import Why

    reasons = [
        (count, Why[name]) for name, count in told.items() if not Why[name].sends and Why[name] is not Why.ALREADY_TOLD
    ]
    return "; ".join(f"{count:,} x {why.value}" for count, why in sorted(reasons, key=lambda one: -one[0]))


def report_json(report: "RunReport") -> dict[str, Any]:
    """The figures of a run, for machines."""
    return {
        "as_of": report.as_of,
        "dry_run": report.dry_run,
        "already_committed": report.already_committed,
        "baseline": report.baseline,
        "stopped": report.stopped,
        "sources": list(report.sources),
        "rules": list(report.rules),
        "counts": dict(report.counts),
        "fired": dict(report.fired),
        "opened": list(report.opened),
        "decisions": dict(report.told),
        "quality": list(report.quality),
        "notifications": [
            {
                "delivery_id": record.delivery_id,
                "about": record.subject.value,
                "lead_id": record.lead_id,
                "recipient": record.recipient,
                "channel": record.channel,
                "address": record.address,
            }
            for record in report.notifications
        ],
    }


def show_cost(asked: "Sequence[Asked]") -> None:
    """Print each statement of a run and, where the database tells, what it reads."""
    for number_, one in enumerate(asked, 1):
        say(f"-- {number_}. {one.what}: {_bytes(one.bytes_to_scan)}")
        say(f"{one.sql};\n")
    told = [one.bytes_to_scan for one in asked if one.bytes_to_scan is not None]
    total = _bytes(sum(told)) if told else "this database does not tell what they read"
    say(f"-- {len(asked)} statements; {total}")


def _bytes(count: int | None) -> str:
    if count is None:
        return "bytes not told"
    return f"{count / 1e6:,.1f} MB"


def show_replay(reports: "Sequence[RunReport]", best: "pd.DataFrame") -> None:
    """Print what several runs in a row came to, and the best live leads with their reasons."""
    last, later = reports[-1], reports[1:]
    say(f"Leads            {_many(last.counts['leads'])}, {_many(last.counts['eligible'])} of them eligible")
    say(f"Signals fired    {_many(sum(last.fired.values()))} on the last day")
    say(
        f"PQLs             {_many(reports[0].counts['live'])} at the first run (summed up in one message), "
        f"{_many(sum(len(report.opened) for report in later))} new since, {_many(last.counts['live'])} now"
    )
    say(f"Moments          {_many(sum(int(str(report.counts['moments'])) for report in later))}")
    say(f"Conversions      {_many(sum(int(str(report.counts['conversions'])) for report in later))}")
    say(f"Notifications    {_many(sum(len(report.notifications) for report in reports))}")
    for sentence in last.quality:
        say(f"  ! {sentence}")
    say("\nThe best PQLs")
    print_table(["lead", "name", "grade", "score", "why"], _best_rows(last, best), empty="None.")


def _best_rows(report: "RunReport", best: "pd.DataFrame") -> list[list[str]]:
    from pql.jobs.compose import reasons

    if report.briefing is None:
        return []
    known = report.briefing.evaluation.scores.index
    return [
        [
            str(lead_id),
            str(row["name"]),
            str(row["grade"]),
            f"{row['behaviour']:.0f}",
            "; ".join(f"{one.title} ({one.words})" for one in reasons(report.briefing, str(lead_id), shown=2)),
        ]
        for lead_id, row in best.iterrows()
        if lead_id in known
    ]
