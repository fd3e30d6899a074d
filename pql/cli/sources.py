"""`pql sources`: whether each relation is as fresh and as large as it should be."""

from typing import TYPE_CHECKING, Annotated

import typer

from pql.cli.common import HERE, AsJson, AsOf, ProjectFolder, opened, print_json, print_table, read_instant, say

if TYPE_CHECKING:
    from pql.domain.source_health import Health


def sources(
    project: ProjectFolder = HERE,
    as_of: AsOf = None,
    accept: Annotated[
        str | None, typer.Option(help="A relation that is right as it is: its past counts from now on only.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show each relation: its newest row, its rows a day, its empty values, and whether a run may rely on it."""
    instant = read_instant(as_of) if as_of else None
    with opened(project) as app:
        if accept is not None:
            app.accept_source(accept, as_of=instant)
        found = app.sources(as_of=instant)
    if as_json:
        print_json([_plain(health) for health in found.health])
        return
    print_table(
        ["relation", "newest (UTC)", "age", "expected every", "rows", "usual", "most empty", "verdict"],
        [_row(health) for health in found.health],
        empty="No relation is looked at.",
    )
    for sentence in (*found.sentences, *found.cures):
        say(f"! {sentence}")
    if found.stops:
        say("Nothing is evaluated while this lasts: leads keep their state.")


def _row(health: "Health") -> list[str]:
    from pql.domain.source_health import age_words

    seen, usual = health.seen, health.usual
    day = " a day" if seen.day is not None else ""
    return [
        seen.relation,
        f"{seen.newest_at:%Y-%m-%d %H:%M}" if seen.newest_at else "",
        "" if health.age is None else age_words(health.age),
        str(health.expectation.every or ""),
        f"{seen.row_count:,}{day}",
        "" if usual is None else f"{usual.middle:,.0f}",
        _emptiest(health),
        health.verdict or "well",
    ]


def _emptiest(health: "Health") -> str:
    name, share = max(health.seen.shares.items(), key=lambda one: one[1], default=("", 0.0))
    return f"{name} {share:.0%}" if share else ""


def _plain(health: "Health") -> dict[str, object]:
    seen, usual = health.seen, health.usual
    return {
        "relation": seen.relation,
        "newest_at": seen.newest_at,
        "expected_every": str(health.expectation.every or ""),
        "rows": seen.row_count,
        "usual": None if usual is None else usual.middle,
        "empty": dict(seen.shares),
        "verdict": health.verdict,
        "sentences": list(health.ailments.values()),
    }
